"""The interfaces of a wan as a cable's ends: no addresses, and nothing of the node's own kernel on them."""

from __future__ import annotations

import errno
import fcntl
import socket
import struct

from netlib.lab.agent.netlink import Netlink, attribute

_SIOCGIFFLAGS, _SIOCSIFFLAGS, _SIOCGIFADDR = 0x8913, 0x8914, 0x8915
_IFF_UP, _IFF_NOARP = 0x1, 0x80
_RTM_NEWLINK, _RTM_DELADDR = 16, 21
_IFLA_AF_SPEC, _IFLA_INET6_ADDR_GEN_MODE, _GENERATE_NONE, _IFA_LOCAL = 26, 8, 1, 2


def address_of(interface: str) -> str | None:
    """Its first IPv4 address, if it has one. OSError if there is no such interface."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as control:
        try:
            answer = fcntl.ioctl(control, _SIOCGIFADDR, struct.pack("16s24x", interface.encode()))
        except OSError as error:
            if error.errno == errno.EADDRNOTAVAIL:
                return None
            raise
    return socket.inet_ntoa(answer[20:24])


def make_quiet(interface: str) -> None:
    """Up, without ARP and IPv6. OSError if that may not be."""
    # IPv6 first: on an interface without ARP it would not leave its addresses' multicast groups
    try:
        with open(f"/proc/sys/net/ipv6/conf/{interface}/disable_ipv6", "w", encoding="utf-8") as file:
            file.write("1")
    except FileNotFoundError:
        pass  # a kernel without IPv6
    except OSError:
        _take_ipv6_addresses(interface)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as control:
        name = interface.encode()
        request = fcntl.ioctl(control, _SIOCGIFFLAGS, struct.pack("16sH22x", name, 0))
        (flags,) = struct.unpack_from("H", request, 16)
        fcntl.ioctl(control, _SIOCSIFFLAGS, struct.pack("16sH22x", name, flags | _IFF_UP | _IFF_NOARP))


def _take_ipv6_addresses(interface: str) -> None:
    """Where /proc/sys is read-only, as in containers: without an address of its own, IPv6 has nothing to say either."""
    index = socket.if_nametoindex(interface)
    netlink = Netlink()
    try:
        mode = attribute(_IFLA_INET6_ADDR_GEN_MODE, bytes([_GENERATE_NONE]))
        link = struct.pack("=BxHiII", socket.AF_UNSPEC, 0, index, 0, 0)
        netlink.request(_RTM_NEWLINK, 0, link + attribute(_IFLA_AF_SPEC, attribute(socket.AF_INET6, mode)))
        with open("/proc/net/if_inet6", encoding="utf-8") as file:
            rows = [line.split() for line in file]
        for address, number, length, _, _, _ in rows:
            if int(number, 16) == index:
                head = struct.pack("=BBBBI", socket.AF_INET6, int(length, 16), 0, 0, index)
                netlink.request(_RTM_DELADDR, 0, head + attribute(_IFA_LOCAL, bytes.fromhex(address)))
    finally:
        netlink.close()
