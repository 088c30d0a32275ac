"""The few rtnetlink requests that wire a lab: veth pairs between network namespaces, and their state.

A netlink message is a 16-byte header (struct nlmsghdr), a fixed part for its type, and attributes of type, length,
value, padded to four bytes (RFC 3549 section 2). Addresses and routes are not made here: the topology's own `ip` lines
make them, with the error messages of the tool that students know.
"""

from __future__ import annotations

import array
import fcntl
import os
import socket
import struct
from collections.abc import Iterator

RTM_NEWLINK, RTM_GETLINK = 16, 18
NLM_F_REQUEST, NLM_F_ACK, NLM_F_EXCL, NLM_F_CREATE = 1, 4, 0x200, 0x400
NLMSG_ERROR = 2
IFLA_ADDRESS, IFLA_IFNAME, IFLA_MTU, IFLA_OPERSTATE, IFLA_LINKINFO, IFLA_NET_NS_FD = 1, 3, 4, 16, 18, 28
IFLA_INFO_KIND, IFLA_INFO_DATA, VETH_INFO_PEER = 1, 2, 1
IFF_UP = 1
OPERATIONAL = 6  # IF_OPER_UP, RFC 2863

_SIOCETHTOOL = 0x8946
# ethtool's "set off" commands: what a capture shows is then what a wire would carry
_OFFLOADS = {"rx": 0x15, "tx": 0x17, "sg": 0x19, "tso": 0x1F, "gso": 0x24, "gro": 0x2C}


def attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


def _number(value: int) -> bytes:
    return struct.pack("=I", value)


def _name(value: str) -> bytes:
    return value.encode() + b"\0"


def _link_header(flags: int = 0, change: int = 0) -> bytes:
    """struct ifinfomsg."""
    return struct.pack("=BxHiII", socket.AF_UNSPEC, 0, 0, flags, change)


class Netlink:
    """One rtnetlink socket. It belongs to the network namespace in which it was made."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0)
        self.socket.bind((0, 0))
        self.sequence = 0

    def close(self) -> None:
        self.socket.close()

    def request(self, kind: int, flags: int, body: bytes) -> list[bytes]:
        """The messages that answer; OSError when the kernel refuses."""
        self.sequence += 1
        flags |= NLM_F_REQUEST | NLM_F_ACK
        self.socket.send(struct.pack("=IHHII", 16 + len(body), kind, flags, self.sequence, 0) + body)
        answers: list[bytes] = []
        while True:
            data = self.socket.recv(1 << 16)
            offset = 0
            while offset < len(data):
                length, answer_kind = struct.unpack_from("=IH", data, offset)
                if answer_kind == NLMSG_ERROR:
                    (error,) = struct.unpack_from("=i", data, offset + 16)
                    if error:
                        raise OSError(-error, os.strerror(-error))
                    return answers
                answers.append(data[offset : offset + length])
                offset += (length + 3) & ~3

    def add_veth(self, ends: list[tuple[str, bytes, int]], mtu: int) -> None:
        """A virtual cable. Each end is its interface name, MAC address and network namespace (a descriptor)."""
        near, far = (
            attribute(IFLA_IFNAME, _name(name))
            + attribute(IFLA_ADDRESS, mac)
            + attribute(IFLA_MTU, _number(mtu))
            + attribute(IFLA_NET_NS_FD, _number(namespace))
            for name, mac, namespace in ends
        )
        peer = attribute(VETH_INFO_PEER, _link_header() + far)
        info = attribute(IFLA_INFO_KIND, b"veth\0") + attribute(IFLA_INFO_DATA, peer)
        body = _link_header() + near + attribute(IFLA_LINKINFO, info)
        self.request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, body)

    def set_up(self, name: str) -> None:
        self.request(RTM_NEWLINK, 0, _link_header(IFF_UP, IFF_UP) + attribute(IFLA_IFNAME, _name(name)))

    def is_operational(self, name: str) -> bool:
        """Does the interface carry frames? (Up at both ends, and the kernel has noticed.)"""
        answers = self.request(RTM_GETLINK, 0, _link_header() + attribute(IFLA_IFNAME, _name(name)))
        return any(
            kind == IFLA_OPERSTATE and value[0] == OPERATIONAL
            for answer in answers
            for kind, value in _attributes(answer[32:])
        )


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    offset = 0
    while offset + 4 <= len(data):
        length, kind = struct.unpack_from("=HH", data, offset)
        yield kind & 0x3FFF, data[offset + 4 : offset + length]
        offset += max(4, (length + 3) & ~3)


def switch_offloads_off(interface: str) -> None:
    """No segmentation or checksums left to a card that is not there. What the kernel cannot switch stays as it is."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as control:
        for command in _OFFLOADS.values():
            value = array.array("I", [command, 0])  # struct ethtool_value
            address, _ = value.buffer_info()
            request = struct.pack("16sP16x", interface.encode(), address)  # struct ifreq
            try:
                fcntl.ioctl(control, _SIOCETHTOOL, request)
            except OSError:
                continue
