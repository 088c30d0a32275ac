"""Which two sockets can have the same port? Tries pairs, and prints a line for each.

Each pair is bound, and then set to listen where it is TCP; port 9000 is used by nothing else.
"""

import errno
import socket

PORT = 9000
REUSEADDR, REUSEPORT, V6ONLY = socket.SO_REUSEADDR, socket.SO_REUSEPORT, "V6ONLY"
NAMES = {REUSEADDR: "SO_REUSEADDR", REUSEPORT: "SO_REUSEPORT", V6ONLY: "IPV6_V6ONLY"}

# what both have, then the two: (protocol, address), and options of the second alone
PAIRS = [
    ([], "tcp 127.0.0.1", "tcp 127.0.0.2", []),
    ([], "tcp 10.27.0.1", "tcp 10.27.0.11", []),
    ([], "tcp 0.0.0.0", "tcp 127.0.0.1", []),
    ([], "tcp 10.27.0.1", "tcp 10.27.0.1", []),
    ([], "tcp 10.27.0.1", "udp 10.27.0.1", []),
    ([REUSEADDR], "tcp 10.27.0.1", "tcp 10.27.0.1", []),
    ([REUSEADDR], "tcp 0.0.0.0", "tcp 127.0.0.1", []),
    ([REUSEPORT], "tcp 10.27.0.1", "tcp 10.27.0.1", []),
    ([], "tcp 10.27.0.1", "tcp 10.27.0.1", [REUSEPORT]),
    ([REUSEPORT], "udp 10.27.0.1", "udp 10.27.0.1", []),
    ([], "tcp ::", "tcp 0.0.0.0", []),
    ([], "tcp 0.0.0.0", "tcp ::", [V6ONLY]),
]


def listen(what: str, options: list) -> socket.socket:
    protocol, address = what.split()
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM)
    for option in options:
        if option == V6ONLY:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        else:
            made.setsockopt(socket.SOL_SOCKET, option, 1)
    try:
        made.bind((address, PORT))
        if protocol == "tcp":
            made.listen(1)
    except OSError:
        made.close()
        raise
    return made


for both, first, second, own in PAIRS:
    one = listen(first, both)
    try:
        listen(second, both + own).close()
        result = "ok"
    except OSError as error:
        result = errno.errorcode[error.errno]
    one.close()
    options = [f"both {NAMES[option]}" for option in both] + [f"the second {NAMES[option]}" for option in own]
    print(f"{first} and {second}{', ' if options else ''}{', '.join(options)}: {result}")
