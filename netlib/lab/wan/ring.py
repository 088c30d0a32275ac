"""An interface of the relay: frames out by a packet socket, frames in by its ring in memory that the kernel shares.

A ring (packet_mmap, TPACKET_V2) instead of `recv` for three reasons: a burst has its place there even where an ordinary
user's socket buffer may hold only 200 KB, each frame carries the time at which the kernel got it, and reading it costs
no system call. The kernel fills slot after slot and says in its status when it is ours; we say when it is free again.
(Captures use TPACKET_V3, agent/ring.py: its frames take less room, and are handed over some milliseconds later.)
"""

from __future__ import annotations

import fcntl
import mmap
import socket
import struct
import threading
from collections.abc import Iterator

RING, LARGE_RING = 4 << 20, 16 << 20  # bytes: 2500 frames of Ethernet's 1500, or 1700 of 9000
BLOCK = 1 << 17  # bytes in one piece: a slot for the largest MTU there is
_SOL_PACKET, _ETH_P_ALL = 263, 3
_ADD_MEMBERSHIP, _RX_RING, _STATISTICS, _VERSION, _QDISC_BYPASS, _IGNORE_OUTGOING = 1, 5, 6, 10, 20, 23
_TPACKET_V2, _MR_PROMISC = 1, 1
_STATUS_USER, _STATUS_VLAN_VALID, _STATUS_VLAN_TPID_VALID = 1, 0x10, 0x40
_HEADER = struct.Struct("=IIIHHIIHH")  # struct tpacket2_hdr: status, length, kept, mac, net, s, ns, VLAN's tci and tpid
_SIOCGIFMTU = 0x8921
_ROOM = 128  # bytes of a slot before the frame's network layer: the header, an address, Ethernet, a VLAN tag


class Ring:
    """The packet socket of `interface`, with its ring. OSError where there is no such interface, or no right to it."""

    def __init__(self, interface: str):
        self.interface = interface
        self.missed = 0  # frames that found no free slot
        self._place = 0
        self._barrier = threading.Lock()
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0)
        try:
            self._open()
        except OSError:
            self.socket.close()
            raise

    def _open(self) -> None:
        made = self.socket
        mtu = struct.unpack("16xi20x", fcntl.ioctl(made, _SIOCGIFMTU, struct.pack("16s24x", self.interface.encode())))[
            0
        ]
        slot = (mtu + _ROOM + 15) // 16 * 16
        blocks = (RING if mtu <= 1500 else LARGE_RING) // BLOCK
        self._slots = [
            start + number * slot for start in range(0, blocks * BLOCK, BLOCK) for number in range(BLOCK // slot)
        ]
        made.setsockopt(_SOL_PACKET, _IGNORE_OUTGOING, 1)
        made.setsockopt(_SOL_PACKET, _QDISC_BYPASS, 1)
        made.setsockopt(_SOL_PACKET, _VERSION, _TPACKET_V2)
        made.setsockopt(_SOL_PACKET, _RX_RING, struct.pack("=IIII", BLOCK, blocks, slot, len(self._slots)))
        self._memory = memoryview(mmap.mmap(made.fileno(), blocks * BLOCK))
        # A slot's status in one piece: `pack_into` writes zeroes twice, and in a flood the kernel may have filled the
        # slot, freed by the first, before the second takes that back; it would never be read, nor any that follows.
        self._status = self._memory.cast("I")
        made.bind((self.interface, _ETH_P_ALL))
        membership = struct.pack("=iHH8x", socket.if_nametoindex(self.interface), _MR_PROMISC, 0)
        made.setsockopt(_SOL_PACKET, _ADD_MEMBERSHIP, membership)
        made.setblocking(False)

    def fileno(self) -> int:
        return self.socket.fileno()

    def receive(self, most: int) -> Iterator[tuple[float, bytes]]:
        """Up to `most` frames that are there, each with the second (of CLOCK_REALTIME) when it came."""
        memory = self._memory
        for _ in range(most):
            start = self._slots[self._place]
            if not self._status[start // 4] & _STATUS_USER:
                return
            with self._barrier:  # what we read next is not older than the status, on any processor
                pass
            status, length, kept, mac, _, seconds, nanoseconds, tci, tpid = _HEADER.unpack_from(memory, start)
            frame = bytes(memory[start + mac : start + mac + kept])
            self._status[start // 4] = 0
            self._place = (self._place + 1) % len(self._slots)
            if kept < length:  # larger than the MTU at our start
                self.missed += 1
                continue
            if status & _STATUS_VLAN_VALID:  # the kernel has taken the tag off
                kind = tpid if status & _STATUS_VLAN_TPID_VALID else 0x8100
                frame = frame[:12] + struct.pack("!HH", kind, tci) + frame[12:]
            yield seconds + nanoseconds * 1e-9, frame

    def has_frame(self) -> bool:
        return bool(self._status[self._slots[self._place] // 4] & _STATUS_USER)

    def send(self, frame: bytes) -> bool:
        """Put a frame on the link, at once. False if the link does not take it."""
        try:
            self.socket.send(frame)
        except OSError:
            return False
        return True

    def clear_error(self) -> None:
        """After the interface went down, the socket is readable until its error is read."""
        self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)

    def count_missed(self) -> int:
        """Frames that came too fast, all together."""
        _, dropped = struct.unpack("=II", self.socket.getsockopt(_SOL_PACKET, _STATISTICS, 8))
        self.missed += dropped
        return self.missed
