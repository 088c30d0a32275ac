"""A capture's own process: frames from a packet socket into a pcap file.

The file is the classic libpcap format with nanoseconds (magic 0xa1b23c4d): a 24-byte header, then 16 bytes and the
frame for each. Its orders come on a socket: a byte means "write all that you have seen, and say so"; the end of the
socket means the same, and then stop. Frames wait in the kernel's buffer meanwhile (ring.py), and what does not fit is
counted as lost. So is what the disk has no room for; the file then ends with the last frame that fitted whole.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import struct
from typing import NoReturn

from netlib.lab.agent import ring
from netlib.lab.agent.system import set_process_name

HEADER = struct.pack("=IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, ring.LONGEST, 1)  # 1: Ethernet
STATISTICS = struct.Struct("=QQ")  # frames written, frames lost
TROUBLE = struct.Struct("=i")  # may follow: why the file took no more, an errno

listen = ring.listen


def run(packets: socket.socket, file: int, orders_fd: int, limit: int) -> NoReturn:
    """Record until the orders end. Beyond `limit` bytes of file, frames are counted as lost."""
    set_process_name("capture")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_IGN)
    orders = socket.socket(fileno=orders_fd)
    recorder = Recorder(packets, file, limit)
    poll = select.poll()
    poll.register(packets, select.POLLIN)
    poll.register(orders, select.POLLIN)
    while True:
        events = dict(poll.poll())
        order = orders.recv(1) if orders.fileno() in events else None
        recorder.drain(everything=order is not None)  # after the order is read: all that was seen before it was given
        if order is not None:
            with contextlib.suppress(OSError):
                orders.send(recorder.report())
            if not order:
                os._exit(0)


class Recorder:
    """Writes what a socket of `listen` has, and counts. `trouble` is the errno with which the file took no more."""

    def __init__(self, packets: socket.socket, file: int, limit: int):
        self.source, self.file, self.limit = ring.source(packets), file, limit
        self.written = self.lost = self.size = self.trouble = 0
        self._write([HEADER])
        self.written = self.lost = 0

    def report(self) -> bytes:
        more = TROUBLE.pack(self.trouble) if self.trouble else b""
        return STATISTICS.pack(self.written, self.lost) + more

    def drain(self, everything: bool = True) -> None:
        """Write the frames that the kernel has for us now: those that it has handed over, or all."""
        for records in self.source.records(everything):
            self._write(records)
        self.lost += self.source.dropped()

    def _write(self, records: list[bytes]) -> None:
        """Append whole records: those that the limit and the disk have room for. The others are lost."""
        data = b"".join(records)
        room = self.limit - self.size
        if len(data) > room:
            data = data[: max(0, room)]
        done = 0
        view = memoryview(data)
        while done < len(data) and not self.trouble:
            try:
                done += os.write(self.file, view[done:])
            except OSError as error:  # a full disk, a quota, a limit on files
                self.trouble = error.errno or -1
        whole = kept = 0
        for record in records:
            if whole + len(record) > done:
                break
            whole += len(record)
            kept += 1
        self.size += whole
        self.written += kept
        self.lost += len(records) - kept
        if whole < done:  # half a record at the end would make the file one that is damaged
            with contextlib.suppress(OSError):
                os.ftruncate(self.file, self.size)
                os.lseek(self.file, self.size, os.SEEK_SET)
