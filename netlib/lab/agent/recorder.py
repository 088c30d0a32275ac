"""A capture's own process: frames from a packet socket into a pcap file.

The file is the classic libpcap format with nanoseconds (magic 0xa1b23c4d): a 24-byte header, then 16 bytes and the
frame for each. Its orders come on a socket: a byte means "write all that you have seen, and say so"; the end of the
socket means the same, and then stop. Frames wait in the kernel's buffer meanwhile, and what does not fit is counted.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import struct
from typing import NoReturn

from netlib.lab.agent.system import set_process_name

SNAPSHOT_LENGTH = 65535
BUFFER = 16 << 20  # bytes of kernel memory for frames that wait
STATISTICS = struct.Struct("=QQ")  # frames written, frames lost
_SO_RCVBUFFORCE, _SO_TIMESTAMPNS, _SOL_PACKET, _PACKET_STATISTICS = 33, 35, 263, 6
_LINKTYPE_ETHERNET = 1
_TIMESTAMP = struct.Struct("=qq")


def prepare(packets: socket.socket) -> None:
    """Time stamps from the kernel, and as much buffer as it gives us."""
    packets.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
    for option in (_SO_RCVBUFFORCE, socket.SO_RCVBUF):
        try:
            packets.setsockopt(socket.SOL_SOCKET, option, BUFFER)
            return
        except OSError:
            continue


def run(packets: socket.socket, file: int, orders_fd: int, limit: int) -> NoReturn:
    """Record until the orders end. Beyond `limit` bytes of file, frames are counted as lost."""
    set_process_name("capture")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    orders = socket.socket(fileno=orders_fd)
    recorder = Recorder(packets, file, limit)
    poll = select.poll()
    poll.register(packets, select.POLLIN)
    poll.register(orders, select.POLLIN)
    while True:
        events = dict(poll.poll())
        order = orders.recv(1) if orders.fileno() in events else None
        recorder.drain()  # after the order is read: all that was seen before it was given
        if order is not None:
            with contextlib.suppress(OSError):
                orders.send(STATISTICS.pack(recorder.written, recorder.lost))
            if not order:
                os._exit(0)


class Recorder:
    def __init__(self, packets: socket.socket, file: int, limit: int):
        self.packets, self.file, self.limit = packets, file, limit
        self.written = self.lost = self.size = 0
        self.buffer = bytearray(SNAPSHOT_LENGTH)
        packets.setblocking(False)
        self._write(struct.pack("=IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, SNAPSHOT_LENGTH, _LINKTYPE_ETHERNET))

    def drain(self) -> None:
        """Write every frame that the kernel has for us now (in a flood there is always one more: so not for ever)."""
        chunks: list[bytes] = []
        for _ in range(1 << 16):
            try:
                length, ancillary, _, _ = self.packets.recvmsg_into([self.buffer], 64)
            except BlockingIOError:
                break
            except OSError:  # the interface went down; frames that were seen stay
                break
            stamps = (data for level, kind, data in ancillary if level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPNS)
            seconds, nanoseconds = _TIMESTAMP.unpack_from(next(stamps))
            if self.size + 16 + length > self.limit:
                self.lost += 1
                continue
            chunks.append(struct.pack("=IIII", seconds, nanoseconds, length, length) + self.buffer[:length])
            self.size += 16 + length
            self.written += 1
            if len(chunks) >= 512:
                self._write(b"".join(chunks))
                chunks.clear()
        self._write(b"".join(chunks))
        _, dropped = struct.unpack("=II", self.packets.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8))
        self.lost += dropped

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self.file, view) :]
