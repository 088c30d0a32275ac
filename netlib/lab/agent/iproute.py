"""The two exec lines that every topology has, done without starting `ip`.

    addr add 10.0.1.2/24 dev eth1
    route add default via 10.0.1.1

A program costs a lab of twelve nodes a third of its start. So lines of just these forms, with IPv4 addresses, go to the
kernel as the netlink messages that `ip` would send (ip-address(8), ip-route(8)). Any other line is `ip`'s; and so is
one that the kernel refuses, as `ip` will be refused too, and says why in the words that students know.
"""

from __future__ import annotations

import socket
import struct

from netlib.lab.agent.netlink import NLM_F_CREATE, NLM_F_EXCL, Netlink, attribute

RTM_NEWADDR, RTM_NEWROUTE = 20, 24
IFA_ADDRESS, IFA_LOCAL = 1, 2
RTA_DST, RTA_OIF, RTA_GATEWAY = 1, 4, 5
RT_TABLE_MAIN, RTPROT_BOOT, RTN_UNICAST = 254, 3, 1
RT_SCOPE_UNIVERSE = 0
NEW = NLM_F_CREATE | NLM_F_EXCL


def done(netlink: Netlink, line: str) -> bool:
    """Do what `ip LINE` would; False where that is `ip`'s work, and nothing was done."""
    try:
        match line.split():
            case ["addr" | "address", "add", address, "dev", device] if device != "lo":
                _add_address(netlink, address, device)
            case ["route", "add", destination, "via", gateway]:
                _add_route(netlink, destination, gateway, "")
            case ["route", "add", destination, "via", gateway, "dev", device]:
                _add_route(netlink, destination, gateway, device)
            case _:
                return False
    except (OSError, ValueError):
        return False
    return True


def _network(text: str) -> tuple[bytes, int]:
    """An address and its prefix length; without one, that of a host. ValueError for what `ip` may read otherwise."""
    if text == "default":
        return bytes(4), 0
    address, slash, length = text.partition("/")
    if (slash and not (length.isascii() and length.isdigit() and int(length) <= 32)) or address.count(".") != 3:
        raise ValueError(text)
    return socket.inet_pton(socket.AF_INET, address), int(length) if slash else 32


def _add_address(netlink: Netlink, text: str, device: str) -> None:
    address, length = _network(text)
    header = struct.pack("=BBBBI", socket.AF_INET, length, 0, RT_SCOPE_UNIVERSE, socket.if_nametoindex(device))
    netlink.request(RTM_NEWADDR, NEW, header + attribute(IFA_LOCAL, address) + attribute(IFA_ADDRESS, address))


def _add_route(netlink: Netlink, destination: str, gateway: str, device: str) -> None:
    address, length = _network(destination)
    table = RT_TABLE_MAIN, RTPROT_BOOT, RT_SCOPE_UNIVERSE, RTN_UNICAST
    body = struct.pack("=BBBBBBBBI", socket.AF_INET, length, 0, 0, *table, 0)
    if length:
        body += attribute(RTA_DST, address)
    body += attribute(RTA_GATEWAY, socket.inet_pton(socket.AF_INET, gateway))
    if device:
        body += attribute(RTA_OIF, struct.pack("=I", socket.if_nametoindex(device)))
    netlink.request(RTM_NEWROUTE, NEW, body)
