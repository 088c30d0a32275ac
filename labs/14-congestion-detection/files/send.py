"""Send so many full segments over a new connection, wait until all are acknowledged, and say what became of it.

    send.py ADDRESS PORT SEGMENTS

The numbers are the kernel's, those that `ss -ti` shows (struct tcp_info).
"""

import fcntl
import socket
import struct
import sys
import termios
import time

SEGMENT = 1448  # bytes: an MTU of 1500 without 20 of IP, 20 of TCP and 12 of its timestamps
INFO = struct.Struct("=8B24I")
THRESHOLD, WINDOW, RETRANSMITTED = 8 + 17, 8 + 18, 8 + 23  # snd_ssthresh, snd_cwnd, total_retrans
NO_THRESHOLD = 0x7FFFFFFF  # slow start has not ended yet
STEP = 0.005  # seconds
TIMEOUT = 30.0  # seconds


def unacknowledged(connection: socket.socket) -> int:
    """Bytes that are written and not acknowledged (SIOCOUTQ)."""
    return struct.unpack("i", fcntl.ioctl(connection, termios.TIOCOUTQ, bytes(4)))[0]


host, port, segments = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
with socket.create_connection((host, port), timeout=TIMEOUT) as connection:
    connection.sendall(bytes(SEGMENT * segments))
    deadline = time.monotonic() + TIMEOUT
    while unacknowledged(connection) and time.monotonic() < deadline:
        time.sleep(STEP)
    info = INFO.unpack(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, INFO.size))
    threshold = "none" if info[THRESHOLD] >= NO_THRESHOLD else info[THRESHOLD]
    left = f", {unacknowledged(connection)} bytes not acknowledged" if unacknowledged(connection) else ""
    print(f"{segments} segments: cwnd {info[WINDOW]}, ssthresh {threshold}, {info[RETRANSMITTED]} retransmitted{left}")
