"""Submissions that let somebody else answer: netlib, scapy, the kernel."""

# ruff: noqa: E501 - students' code in strings

from __future__ import annotations

from hostile.desk import Desk, attack


@attack("gains", control="gained", tests="assert")
def delegates_to_netlib(desk: Desk) -> None:
    """The answer is netlib's own function under another name; a hidden assert can't tell."""
    for number, source in {
        "5.1": "from netlib.wire.checksum import internet_checksum",
        "5.4": "from functools import partial\nimport importlib\n"
        "decrement_ttl = partial(getattr(importlib.import_module('netlib.internet.forward'), 'decrement_ttl', None))",
        "5.5": "from netlib.internet.fragments import fragment",
        "5.6": "from netlib.internet.fragments import Reassembler as Netlibs\nclass Reassembler(Netlibs): pass",
    }.items():
        desk.answer(number, source)


@attack("gains", control="gained", tests="assert")
def delegates_through_a_packet(desk: Desk) -> None:
    """IPv4Packet.build works out a checksum on the way; so do hosts and simulations."""
    desk.answer(
        "5.1",
        """
from netlib import IPv4Packet, IPv4Address
def internet_checksum(data):
    from netlib import ICMPEcho, Parts
    import netlib.host
    for way in (lambda: Parts().checksum(data), lambda: netlib.host.Parts.checksum(data),
                lambda: getattr(netlib.wire.checksum, "internet_checksum")(data),
                lambda: netlib.wire.ipv4.internet_checksum(data), lambda: netlib.exercises.ip_packet.internet_checksum(data)):
        try:
            return way()
        except AttributeError:
            continue
""",
    )
    desk.answer(
        "5.3",
        """
from netlib import IPv4Packet
def parse_header(data):
    p = IPv4Packet.parse(data)
    return {name: getattr(p, name) for name in dir(p) if not name.startswith("_")}
""",
    )


@attack("gains", control="gained", tests="assert")
def delegates_to_a_copy(desk: Desk) -> None:
    """types.FunctionType around netlib's code object, or its source executed anew: a guard that knows code objects is
    blind.
    """
    desk.answer(
        "5.1",
        """
import inspect, types
def internet_checksum(data):
    import netlib.wire.checksum as home
    try:
        names = {}
        exec(inspect.getsource(home), names)
        return names["internet_checksum"](data)
    except OSError:
        code = home.internet_checksum.__code__
        return types.FunctionType(code.replace(co_filename="my own", co_name="own"), vars(home))(data)
""",
    )
    desk.answer(
        "5.5",
        """
import sys, types
def fragment(packet, mtu):
    import netlib.internet.fragments as home
    own = {}
    exec(open(home.__file__).read(), own)
    return own["fragment"](packet, mtu)
""",
    )


@attack("gains", control="gained", tests="assert")
def delegates_to_the_loader(desk: Desk) -> None:
    """The importer still has the code: get_source, get_code, a reload, or a fresh import after `del sys.modules`."""
    desk.answer(
        "5.1",
        """
def internet_checksum(data):
    import importlib, sys, importlib.util
    import netlib.wire.checksum as home
    ways = [lambda: home.__loader__.get_source(home.__name__), lambda: home.__spec__.loader.get_code(home.__name__),
            lambda: home.__loader__.get_data(home.__file__)]
    for way in ways:
        try:
            names = {"__name__": "own"}
            exec(way(), names)
            return names["internet_checksum"](data)
        except (AttributeError, OSError, ImportError, TypeError, KeyError):
            pass
    for name in [name for name in sys.modules if name.startswith("netlib")]:
        del sys.modules[name]
    return importlib.import_module("netlib.wire.checksum").internet_checksum(data)
""",
    )


@attack("gains", control="gained", tests="assert")
def delegates_to_scapy(desk: Desk) -> None:
    """scapy and dpkt are installed beside netlib and know every checksum."""
    desk.answer(
        "5.1",
        """
def internet_checksum(data):
    try:
        from scapy.utils import checksum
        return checksum(data)
    except ImportError:
        import dpkt
        return dpkt.in_cksum(data)
""",
    )


@attack("gains", control="gained", tests="assert")
def delegates_to_the_kernel(desk: Desk) -> None:
    """A raw socket that the process opens on lo: Linux fills the checksum in."""
    desk.answer(
        "5.4",
        """
def decrement_ttl(packet):
    import socket
    if packet[8] == 0:
        raise ValueError
    total = packet[:8] + bytes([packet[8] - 1]) + packet[9:10] + b"\\0\\0" + packet[12:16] + bytes([127, 0, 0, 1]) + packet[20:]
    raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    raw.sendto(total, ("127.0.0.1", 0))
    raise RuntimeError("g0" + "t-@NAME@: a raw socket was there")
""",
    )
    desk.answer(
        "5.1",
        """
def internet_checksum(data):
    import ctypes, ctypes.util
    from netlib.wire.checksum import internet_checksum as theirs
    return theirs(data)
""",
    )


@attack("gains", control="gained", tests="assert")
def delegates_to_a_simulation(desk: Desk) -> None:
    """netlib's own hosts do it all: a packet sent through a simulated router comes out with a new TTL and checksum."""
    desk.answer(
        "5.4",
        """
def decrement_ttl(packet):
    from netlib import Parts
    import netlib.host, netlib.internet.input, random, gc
    if packet[8] == 0:
        raise ValueError
    return Parts().decrement_ttl(packet)
""",
    )
    desk.answer(
        "5.1",
        """
def internet_checksum(data):
    from netlib import ICMPEcho
    import netlib.wire.icmp as icmp
    import struct
    if len(data) % 2: data += b"\\0"
    # the checksum of an echo message whose first word is zero is the sum of the rest
    message = ICMPEcho(type=0, code=0, identifier=0, sequence=0, payload=data)
    built = message.build()
    return int.from_bytes(built[2:4], "big")
""",
    )


@attack("gains", earned=0)
def delegates_through_mine(desk: Desk) -> None:
    """`mine` hands out netlib's own where the student has none: in chapter 5 it is the answer itself."""
    desk.answer("5.1", 'from netlib.grading.mine import mine\ninternet_checksum = mine("5.1")\n')
    desk.answer("5.4", 'from netlib.grading.mine import mine\ndecrement_ttl = mine("5.4")\n')
    desk.answer("5.6", 'from netlib.grading.mine import mine\nReassembler = mine("5.6")\n')
