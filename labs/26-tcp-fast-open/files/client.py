"""Send a request and print the answer.

client.py fast ADDRESS PORT    connect and send in one call (MSG_FASTOPEN): with a cookie, the SYN carries the request
client.py plain ADDRESS PORT   connect, then send
"""

import socket
import sys

REQUEST = b"hello"

way, address = sys.argv[1], (sys.argv[2], int(sys.argv[3]))
with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as connection:
    if way == "fast":
        connection.sendto(REQUEST, socket.MSG_FASTOPEN, address)  # without a cookie it connects first, and then sends
    else:
        connection.connect(address)
        connection.sendall(REQUEST)
    connection.settimeout(10)  # seconds
    print(connection.recv(1000).decode())
