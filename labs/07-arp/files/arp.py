"""Send an ARP packet that nobody has asked for (RFC 826), from eth1.

    arp.py claim ADDRESS TO MAC [TIMES]   a reply to the host TO at MAC: "ADDRESS is at" this node's own MAC address
    arp.py announce ADDRESS               to everyone: the same, as a gratuitous ARP request (RFC 5944 section 4.6)

Several TIMES are 0.3 s apart: Linux leaves an entry alone for a second after it has changed, so one may be ignored.

Nothing in ARP says whether an answer is true. `claim` for one's own address is a courtesy, for another's an attack: so
this speaks of the lab's own addresses, 10.7.1.x, and of no others.
"""

import socket
import struct
import sys
import time

INTERFACE = "eth1"
BROADCAST = "ff:ff:ff:ff:ff:ff"
ARP, ETHERNET, IPV4 = 0x0806, 1, 0x0800
REQUEST, REPLY = 1, 2
LAB = "10.7.1."


def octets(mac: str) -> bytes:
    return bytes.fromhex(mac.replace(":", ""))


def send(operation: int, about: str, target: str, target_mac: str, to: str) -> None:
    if not (about.startswith(LAB) and target.startswith(LAB)):
        sys.exit(f"{about}, {target}: not of this lab, whose addresses begin with {LAB}")
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    wire.bind((INTERFACE, ARP))
    own = wire.getsockname()[4]
    packet = struct.pack("!HHBBH", ETHERNET, IPV4, 6, 4, operation)
    packet += own + socket.inet_aton(about) + octets(target_mac) + socket.inet_aton(target)
    wire.send(octets(to) + own + struct.pack("!H", ARP) + packet)
    print(f"told {to}: {about} is at {own.hex(':')}")


if sys.argv[1] == "claim":
    address, victim, mac, *times = sys.argv[2:]
    for number in range(int(times[0]) if times else 1):
        if number:
            time.sleep(0.3)
        send(REPLY, address, victim, mac, mac)
else:
    send(REQUEST, sys.argv[2], sys.argv[2], "00:00:00:00:00:00", BROADCAST)
