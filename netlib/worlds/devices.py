"""Devices of the Linux kernel that bring frames to a live host, and take its own.

    Tun            IP packets to and from the kernel, which routes them
    Tap            frames, as if a cable led from the kernel to the host
    PacketDevice   a host on a link beside the kernel that is there already

The first two are made by this process, and need its network namespace to be its own to administer; they vanish with it.
"""

import ctypes
import errno
import fcntl
import os
import socket
import struct
import subprocess
import sys
import time
from typing import Protocol

from netlib.worlds.offload import HEADER, Joiner, complete

TUNSETIFF, IFF_TUN, IFF_TAP, IFF_NO_PI, IFF_VNET_HDR = 0x400454CA, 1, 2, 0x1000, 0x4000  # linux/if_tun.h
TUNGETFEATURES, TUNSETOFFLOAD = 0x800454CF, 0x400454D0
TUN_F_CSUM, TUN_F_TSO4, TUN_F_TSO6 = 1, 2, 4  # it may leave us its checksums, and the cutting of what TCP sends
SOL_PACKET, PACKET_ADD_MEMBERSHIP, PACKET_MR_PROMISC, PACKET_IGNORE_OUTGOING = 263, 1, 1, 23  # linux/if_packet.h
SO_RCVBUFFORCE = 33  # asm-generic/socket.h; Python has no name for it
LARGEST = 65_536  # bytes of one frame
QUEUE = 1000  # frames that may wait in a TUN device: a window of 1 MB, which the usual 500 do not hold
PATIENCE = 5.0  # seconds until the kernel takes what comes for its own address; usually some microseconds
WAITING = 1 << 22  # bytes of frames that may wait to be read, counted as the kernel does: some 1,800 full ones


class Device(Protocol):
    """Where frames come from and go to."""

    def fileno(self) -> int: ...
    def read(self) -> bytes | None: ...  # the next frame, or None where none waits
    def write(self, frame: bytes) -> None: ...
    def close(self) -> None: ...


class Tun:
    """A TUN device: the kernel routes IP packets into it, and takes as arrived what is written.

    `address` is the kernel's end, such as "10.9.0.1/24".  Raises PermissionError without the right to make one, and
    OSError where the kernel does not like its name or address.

    With `offload` TCP's data comes and goes in packets of up to 64 KB, whatever the MTU (offload.py): much faster, but
    a capture on the device shows those, and a router can't send them on.  OSError where the kernel can't do that.
    """

    kind = IFF_TUN
    link = 0  # bytes of the header before an IP packet

    def __init__(self, name: str, address: str, mtu: int = 1500, *, offload: bool = False) -> None:
        if not 0 < len(name.encode()) < 16:
            raise ValueError(f"the device's name {name!r}: Linux takes 1 to 15 bytes")
        self.name, self.offload = name, offload
        self.joiner = Joiner(self.put, self.link)
        self.fd = -1
        try:
            self.fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
            flags = self.kind | IFF_NO_PI | (IFF_VNET_HDR if offload else 0)
            if offload:
                self.need_features()
            fcntl.ioctl(self.fd, TUNSETIFF, struct.pack("16sH", name.encode(), flags))
            if offload:
                self.take_offloads()
            at_once = " nodad" if ":" in address else ""  # IPv6 would first ask us whether we have the address too
            self.ip(f"addr add {address} dev {name}{at_once}")
            self.ip(f"link set {name} mtu {mtu} txqueuelen {QUEUE} up")
            if at_once:
                self.wait_for(address)
        except OSError as error:
            self.close()
            message = f"cannot make the device {name}: {error.strerror}"
            if error.errno in (errno.EPERM, errno.EACCES):
                raise PermissionError(f"{message}; root can") from None
            raise OSError(error.errno, message) from None

    def ip(self, line: str) -> str:
        """Run `ip` with these words; what it prints."""
        done = subprocess.run(["ip", *line.split()], capture_output=True, text=True)
        if done.returncode:
            raise OSError(errno.EINVAL, f"ip {line}: {done.stderr.strip()}")
        return done.stdout

    def wait_for(self, address: str) -> None:
        """Linux gives out an IPv6 address and takes packets for it later, when it has a moment: not before this."""
        end = time.monotonic() + PATIENCE
        while not self.ip(f"-6 route show table local {address.split('/')[0]}") and time.monotonic() < end:
            time.sleep(0.001)

    def need_features(self) -> None:
        """OSError if this kernel has no headers before packets."""
        features = bytearray(4)
        fcntl.ioctl(self.fd, TUNGETFEATURES, features)
        if not int.from_bytes(features, sys.byteorder) & IFF_VNET_HDR:
            raise OSError(errno.EOPNOTSUPP, "this kernel has no offloads (IFF_VNET_HDR): leave out offload=True")

    def take_offloads(self) -> None:
        """Tell the kernel what it may leave to us."""
        try:
            fcntl.ioctl(self.fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6)
        except OSError as error:
            because = f"this kernel refuses offloads (TUNSETOFFLOAD: {error.strerror}): leave out offload=True"
            raise OSError(error.errno, because) from None

    def fileno(self) -> int:
        return self.fd

    def read(self) -> bytes | None:
        try:
            if self.offload:
                return complete(os.read(self.fd, HEADER.size + LARGEST))
            return os.read(self.fd, LARGEST)
        except BlockingIOError:
            return None

    def write(self, frame: bytes) -> None:
        """Send a frame; with offloads at the latest when `flush` is called."""
        if self.offload:
            self.joiner.add(frame)
        else:
            os.write(self.fd, frame)

    def put(self, data: bytes) -> None:
        """Send a frame with the header before it."""
        os.write(self.fd, data)

    def flush(self) -> None:
        """Send what `write` has kept, to join it with what follows."""
        self.joiner.flush()

    def close(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
        self.fd = -1


class Tap(Tun):
    """A TAP device: the same with Ethernet frames, as if a cable led from the kernel to the host."""

    kind = IFF_TAP
    link = 14


class PacketDevice:
    """A host on a link that a kernel is on too: an AF_PACKET socket (SOCK_RAW) bound to the interface.

    It sees every frame on the link, and the host picks those for its own MAC address.
    """

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        # The socket may belong to another network namespace, where our own names of interfaces mean nothing:
        # the kernel itself says which interface the socket is bound to (struct sockaddr_ll).
        number = bound_interface(sock)
        membership = struct.pack("IHH8s", number, PACKET_MR_PROMISC, 0, b"")
        sock.setsockopt(SOL_PACKET, PACKET_ADD_MEMBERSHIP, membership)
        sock.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
        # A kernel sends a whole window at once, of which the usual buffer holds about 90 frames, and loses the others.
        try:
            sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, WAITING)
        except PermissionError:  # without the right to have more, as much as anybody may have
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, WAITING)
        sock.setblocking(False)

    def fileno(self) -> int:
        return self.socket.fileno()

    def read(self) -> bytes | None:
        try:
            return self.socket.recv(LARGEST)
        except BlockingIOError:
            return None

    def write(self, frame: bytes) -> None:
        self.socket.send(frame)

    def close(self) -> None:
        self.socket.close()


def bound_interface(sock: socket.socket) -> int:
    """The number of the interface that an AF_PACKET socket is bound to, in the socket's own namespace."""
    address = ctypes.create_string_buffer(64)
    length = ctypes.c_uint(64)
    if ctypes.CDLL(None, use_errno=True).getsockname(sock.fileno(), address, ctypes.byref(length)):
        raise OSError(ctypes.get_errno(), "getsockname")
    return int(struct.unpack_from("=HHi", address.raw)[2])
