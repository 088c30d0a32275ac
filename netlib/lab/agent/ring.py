"""Frames that the kernel has seen on an interface: from a ring that it shares with us, or from a plain packet socket.

A packet socket's buffer is limited by net.core.rmem_max, 208 KiB on most machines: full after some hundred frames. A
ring (PACKET_RX_RING with TPACKET_V3, Linux' Documentation/networking/packet_mmap.rst) is not. It is RING bytes of the
kernel's memory, as long as the capture runs, cut into blocks. The kernel fills one block after the other, each frame
taking what it needs, and hands a block over when it is full, or has been open for RETIRE milliseconds. We read it in
place and hand it back. While there is no block for it, the kernel drops frames, and counts them.

Both sources give records of a pcap file, and know what they have lost.
"""

from __future__ import annotations

import mmap
import select
import socket
import struct
from collections.abc import Iterator

RING = 24 << 20  # bytes: 15,000 frames of 1514 bytes, and the kernel's 80 or so for each, for more than a second
BLOCK = 128 << 10  # bytes; the longest frame (65,549 bytes, on lo) has to fit
SMALLEST_RING = 4 << 20  # bytes; where the kernel has not even these to spare, a plain socket will do
RETIRE = 20  # milliseconds until a block is handed over that is not full: so a ring lasts 192 times as long at least
BUFFER = 16 << 20  # bytes that we ask of a plain socket; it gets rmem_max
LONGEST = 1 << 18  # bytes of a frame
PATIENCE = 1.0  # seconds for the kernel to hand over a block that has been open for RETIRE already

_SO_RCVBUFFORCE, _SO_TIMESTAMPNS, _SOL_PACKET = 33, 35, 263
_PACKET_RX_RING, _PACKET_STATISTICS, _PACKET_VERSION = 5, 6, 10
_TPACKET_V3, _TP_STATUS_KERNEL, _TP_STATUS_USER = 2, 0, 1
_ETH_P_ALL = 3
_RING_REQUEST = struct.Struct("=7I")  # struct tpacket_req3
_BLOCK_HEAD = struct.Struct("=3I")  # in struct tpacket_block_desc, from byte 8: status, frames, offset of the first
_FRAME_HEAD = struct.Struct("=6IH")  # struct tpacket3_hdr: next, s, ns, captured, length, status, where the frame is
_TIMESTAMP = struct.Struct("=qq")
_RECORD = struct.Struct("=IIII")  # in the pcap file before each frame: s, ns, captured, length


def listen(interface: str) -> socket.socket:
    """A packet socket that sees all of an interface's frames from now on, with a ring if one can be had.

    The ring is made before the socket is bound, so that no frame comes before it. OSError as bind gives it.
    """
    packets = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0)
    try:
        packets.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)  # the time at which the kernel met the frame
        if not _make_ring(packets):
            _widen(packets)
        packets.bind((interface, _ETH_P_ALL))
    except OSError:
        packets.close()
        raise
    return packets


def _make_ring(packets: socket.socket) -> bool:
    """Give the socket the largest ring that the kernel grants; False where it grants none."""
    size = RING
    try:
        packets.setsockopt(_SOL_PACKET, _PACKET_VERSION, _TPACKET_V3)
    except OSError:
        return False
    while size >= SMALLEST_RING:
        frames = size // 2048  # only their product with 2048 matters: in version 3 a frame takes what it needs
        try:
            request = _RING_REQUEST.pack(BLOCK, size // BLOCK, 2048, frames, RETIRE, 0, 0)
            packets.setsockopt(_SOL_PACKET, _PACKET_RX_RING, request)
            return True
        except OSError:
            size //= 2
    packets.setsockopt(_SOL_PACKET, _PACKET_VERSION, 0)  # else its statistics would be version 3's
    return False


def _widen(packets: socket.socket) -> None:
    for option in (_SO_RCVBUFFORCE, socket.SO_RCVBUF):
        try:
            packets.setsockopt(socket.SOL_SOCKET, option, BUFFER)
            return
        except OSError:
            continue


def source(packets: socket.socket) -> Ring | Queue:
    """Where the frames of a socket made by `listen` are to be read."""
    size = RING
    while size >= SMALLEST_RING:
        try:
            return Ring(packets, mmap.mmap(packets.fileno(), size))
        except OSError:  # mmap takes the ring's exact size only
            size //= 2
    return Queue(packets)


class Ring:
    """A TPACKET_V3 ring."""

    def __init__(self, packets: socket.socket, memory: mmap.mmap):
        self.packets, self.memory = packets, memory
        self.view = memoryview(memory)
        self.words = self.view.cast("I")
        self.blocks, self.current = len(memory) // BLOCK, 0

    def records(self, everything: bool) -> Iterator[list[bytes]]:
        """The frames that wait, as pcap records, some at a time. `everything`: also those of the block that is open
        now. In a flood there are always more, so it ends after one round of the ring."""
        for _ in range(self.blocks):
            at = self.current * BLOCK
            status, count, offset = _BLOCK_HEAD.unpack_from(self.view, at + 8)
            if not status & _TP_STATUS_USER:
                if not everything or not count or not self._closed(at):
                    return
                everything = False  # what comes into later blocks was seen after we were asked
                _, count, offset = _BLOCK_HEAD.unpack_from(self.view, at + 8)
            yield list(self._block(at + offset, count))
            self.words[(at + 8) // 4] = _TP_STATUS_KERNEL  # in one piece; `pack_into` would write it twice
            self.current = (self.current + 1) % self.blocks

    def _closed(self, at: int) -> bool:
        """Wait until the kernel hands over the block at `at`, which has frames: a matter of RETIRE milliseconds."""
        poll = select.poll()
        poll.register(self.packets, select.POLLIN)
        poll.poll(PATIENCE * 1000)
        return bool(_BLOCK_HEAD.unpack_from(self.view, at + 8)[0] & _TP_STATUS_USER)

    def _block(self, at: int, count: int) -> Iterator[bytes]:
        for _ in range(count):
            following, seconds, nanoseconds, captured, length, _, place = _FRAME_HEAD.unpack_from(self.view, at)
            head = _RECORD.pack(seconds, nanoseconds, captured, length)
            yield head + self.view[at + place : at + place + captured]
            at += following

    def dropped(self) -> int:
        """Frames that found no room, since the last time this was asked."""
        return int(struct.unpack("=III", self.packets.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 12))[1])


class Queue:
    """A packet socket's own queue: what there is where a ring cannot be had."""

    def __init__(self, packets: socket.socket):
        self.packets = packets
        self.buffer = bytearray(LONGEST)
        packets.setblocking(False)

    def records(self, everything: bool) -> Iterator[list[bytes]]:
        """As `Ring.records`; a queue has no block that is open, and gives everything always."""
        chunk: list[bytes] = []
        for _ in range(1 << 16):  # in a flood there is always one more: so not for ever
            try:
                length, ancillary, _, _ = self.packets.recvmsg_into([self.buffer], 64)
            except BlockingIOError:
                break
            except OSError:  # the interface went down; frames that were seen stay
                break
            stamps = (data for level, kind, data in ancillary if level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPNS)
            seconds, nanoseconds = _TIMESTAMP.unpack_from(next(stamps))
            chunk.append(_RECORD.pack(seconds, nanoseconds, length, length) + self.buffer[:length])
            if len(chunk) >= 512:
                yield chunk
                chunk = []
        yield chunk

    def dropped(self) -> int:
        """As `Ring.dropped`."""
        return int(struct.unpack("=II", self.packets.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8))[1])
