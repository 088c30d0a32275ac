"""Try to listen on a port, and say what comes of it.

bind.py PORT            as a program does that knows nothing of SO_REUSEADDR
bind.py PORT reuse      with SO_REUSEADDR
"""

import errno
import socket
import sys

listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
if sys.argv[2:] == ["reuse"]:
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
try:
    listener.bind(("0.0.0.0", int(sys.argv[1])))
    listener.listen(8)
    print("listening")
except OSError as error:
    print(errno.errorcode[error.errno])
