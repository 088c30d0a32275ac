"""One machine made of the layers: a host, or a router if `forwarding`.

    frames in  -> Ethernet -> ARP, or the Internet layer -> ICMP, sockets
    frames out <- Ethernet <- neighbours <- the Internet layer <- ICMP, sockets

The Internet layer is there twice, IPv4 and IPv6: an interface has the one of its address, or both.

Bytes and the time in; bytes, and when it next wants to be called, out.  It reads no clock and opens no
device: worlds do that, and drive simulated and live hosts alike.  Bad input is dropped and counted
in `dropped` with its reason, never raised.

What a program and a world call is here; how things move from layer to layer, in layers.py.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from random import Random
from typing import Literal, overload

from netlib.internet.input import Internet, SendError
from netlib.internet.ipv6 import Internet6
from netlib.internet.nat import NATPart
from netlib.internet.parts import InternetParts
from netlib.internet.routes import Route
from netlib.kernel.connections import Connections
from netlib.kernel.network import BelowSockets
from netlib.kernel.raw import RAW, RAW6, RawSocket, RawSocket6
from netlib.kernel.sockets import DATAGRAM, STREAM, DatagramSocket, Sockets
from netlib.kernel.streams import StreamSocket
from netlib.kernel.table import UDPTable
from netlib.kernel.way_out import WayOut
from netlib.layers import Interface, Layers
from netlib.link.conflict import DEFEND_ONCE
from netlib.link.neighbours import Neighbours, NeighboursPart
from netlib.transport.tcp.parts import TCPParts
from netlib.transport.udp import UDP as UDPLayer
from netlib.transport.udp import UDPTablePart
from netlib.wire.address import IPv4Address, IPv4Interface, IPv4Network, MACAddress
from netlib.wire.address6 import IPv6Address, IPv6Interface, IPv6Network
from netlib.wire.ipv4 import ICMP, IPv4Packet
from netlib.wire.ipv6 import ICMPV6, IPv6Packet

__all__ = ["DATAGRAM", "RAW", "RAW6", "STREAM", "DatagramSocket", "Host", "Interface", "Parts", "RawSocket",
           "RawSocket6", "Route", "SendError", "StreamSocket"]  # fmt: skip

AnySocket = RawSocket | RawSocket6 | DatagramSocket | StreamSocket
NETLIB_TCP = TCPParts()


@dataclass(frozen=True)
class Parts(InternetParts):
    """What you may replace: `Host("me", Random(1), Parts(checksum=my_checksum))`.

    The parts and what each has to do: netlib/internet/parts.py, and here:

    neighbours  which MAC address a next hop has: `NeighboursPart` in netlib/link/neighbours.py
    neighbours6 the same for IPv6: `DiscoveryPart` in netlib/link/discovery.py
    udp_table   which socket a datagram is for: `UDPTablePart` in netlib/transport/udp.py
    tcp         the parts of a TCP connection: netlib/transport/tcp/parts.py
    """

    neighbours: Callable[[IPv4Address, MACAddress], NeighboursPart] = Neighbours
    udp_table: Callable[[], UDPTablePart] = UDPTable
    tcp: TCPParts = NETLIB_TCP


class Host(Layers):
    """A host with its interfaces; a router too, if `forwarding`."""

    def __init__(self, name: str, random: Random, parts: Parts | None = None, *, forwarding: bool = False) -> None:
        self.name, self.random, self.parts = name, random, parts or Parts()
        self.interfaces: list[Interface] = []
        self.internet = Internet(random, self.parts, forwarding)
        self.dropped: Counter[str] = self.internet.dropped
        self.internet6 = Internet6(random, self.parts, forwarding, self.dropped)
        self.outbox: list[tuple[Interface, bytes]] = []
        self.sockets: list[DatagramSocket | StreamSocket] = []
        self.raw: list[RawSocket | RawSocket6] = []
        self.now = 0.0  # the time that this host was told last; worlds tell it before a program goes on
        self.stirred = False  # `settle` was called: any deadline may be another; a world that has looked sets it back
        self.udp = UDPLayer(self.parts.udp_table(), self.dropped)
        if isinstance(self.udp.table, UDPTable):
            self.udp.table.secret = lambda: random.randbytes(16)
        below = BelowSockets(self.internet, self.internet6, random, self.send_packet, self.interfaces)
        self.datagrams = Sockets(below, self.udp)
        own = type(self) is not Host  # a class of yours may look at each step
        way_out = None if own else WayOut(self.internet, self.interfaces, self)
        self.tcp = Connections(below, random, self.dropped, self.put_packet, way_out)

    def __repr__(self) -> str:
        addresses = ", ".join(str(interface.address) for interface in self.interfaces)
        return f"<{'router' if self.internet.forwarding else 'host'} {self.name} {addresses}>"

    def attach(
        self, address: str | IPv4Interface | IPv6Interface, mac: MACAddress | None = None, mtu: int = 1500
    ) -> Interface:
        """Add an interface with this address, such as "10.0.0.1/24" or "2001:db8::1/64".

        Without a MAC address it carries IP packets and no frames.  `mtu` is in bytes.
        """
        if isinstance(address, str):
            address = IPv6Interface(address) if ":" in address else IPv4Interface(address)
        number = len(self.interfaces)
        interface = Interface(f"eth{number}", number, address, mac, mtu)
        self.add_address(interface, address)
        self.interfaces.append(interface)
        return interface

    def add_address(self, interface: Interface, address: str | IPv4Interface | IPv6Interface) -> None:
        """Give an interface one more address, of either IP version: what `ip addr add` does."""
        if isinstance(address, str):
            address = IPv6Interface(address) if ":" in address else IPv4Interface(address)
        number, table = interface.number, interface.neighbours
        self.tcp.early.clear()
        if isinstance(address, IPv6Interface):
            self.internet6.attach(number, address, interface.mac, interface.mtu)
            return
        if table is not None and not hasattr(table, "own"):
            raise TypeError(f"{interface}: the part neighbours has no list `own`, so it can have one address alone")
        self.internet.attach(number, address, interface.mtu)
        if table is None and interface.mac is not None:
            table = interface.neighbours = self.parts.neighbours(address.address, interface.mac)
        if table is not None and hasattr(table, "own"):
            table.own = self.internet.ports[number].addresses

    def add_route(self, network: str | IPv4Network | IPv6Network, via: str | IPv4Address | IPv6Address) -> None:
        """Send packets for `network` to the router `via`; "0.0.0.0/0" and "::/0" are the default routes."""
        if isinstance(network, str):
            network = IPv6Network(network) if ":" in network else IPv4Network(network)
        if isinstance(network, IPv6Network):
            self.internet6.add_route(network, IPv6Address(via))
        else:
            self.internet.add_route(network, IPv4Address(via))

    def add_nat(self, outside: Interface) -> NATPart:
        """Translate what crosses the interface `outside` to and from its addresses: the part `nat`.

        `Parts(nat=partial(NAT, choices=Choices(...)))` makes another one of netlib's.
        """
        return self.internet.add_nat(outside.number, lambda port: any(own.port == port for own in self.tcp.listeners))

    def remove_route(self, network: str | IPv4Network) -> None:
        """Forget the route for exactly this network, if there is one."""
        self.internet.remove_route(IPv4Network(network) if isinstance(network, str) else network)

    @overload
    def socket(self, kind: Literal["stream"] = "stream") -> StreamSocket: ...
    @overload
    def socket(self, kind: Literal["datagram"]) -> DatagramSocket: ...
    @overload
    def socket(self, kind: Literal["raw"], protocol: int = ICMP) -> RawSocket: ...
    @overload
    def socket(self, *, protocol: int) -> RawSocket: ...
    @overload
    def socket(self, kind: Literal["raw6"], protocol: int = ICMPV6) -> RawSocket6: ...
    def socket(self, kind: str | None = None, protocol: int | None = None) -> AnySocket:
        """A socket: `host.socket()` or `host.socket(STREAM)` for TCP, `host.socket(DATAGRAM)` for UDP, for packets
        `host.socket(RAW, protocol=ICMP)`, and for those of IPv6 `host.socket(RAW6, protocol=ICMPV6)`."""
        kind = kind or (STREAM if protocol is None else RAW)
        if kind == RAW:
            self.raw.append(RawSocket(self.internet, ICMP if protocol is None else protocol, self.settle, self.raw))
        elif kind == RAW6:
            self.raw.append(RawSocket6(self.internet6, ICMPV6 if protocol is None else protocol, self.settle, self.raw))
        elif kind == DATAGRAM:
            self.sockets.append(DatagramSocket(self.datagrams, self.sockets))
        elif kind == STREAM:
            self.sockets.append(StreamSocket(self.tcp, self.sockets, self, self.parts.tcp))
        else:
            raise ValueError(f"socket kind {kind!r}: this host has {RAW!r}, {RAW6!r}, {DATAGRAM!r} and {STREAM!r}")
        return (self.raw if kind in (RAW, RAW6) else self.sockets)[-1]

    def send_packet(self, packet: IPv4Packet | IPv6Packet) -> None:
        """Send a packet of a socket, now."""
        self.put_packet(packet)
        self.settle(self.now)

    def put_packet(self, packet: IPv4Packet | IPv6Packet) -> None:
        """Give a packet to the Internet layer; `settle` moves it on."""
        if isinstance(packet, IPv6Packet):
            self.internet6.send(packet, self.now)
        else:
            self.internet.send(packet, self.now)

    # ---- what a world calls --------------------------------------------------------------------------------

    def receive(self, interface: Interface, frame: bytes, now: float) -> None:
        """Take in a frame (or an IP packet, on an interface without a MAC address) at the time `now` (seconds)."""
        self.now = now
        if type(self) is Host and not self.raw and self.tcp.early.takes(interface, frame, now):
            if not self.is_unsettled():  # as with most segments of a transfer: TCP's timers alone can have changed
                return
        elif interface.mac is not None:
            self.receive_frame(interface, frame, now)
        elif frame and frame[0] >> 4 == 6 and interface.number in self.internet6.ports:
            self.internet6.receive(frame, interface.number, now)
        else:
            self.internet.receive(frame, interface.number, now)
        self.settle(now)

    def tick(self, now: float) -> None:
        """Do whatever is due at the time `now` (seconds)."""
        self.now = now
        self.internet.tick(now)
        self.internet6.tick(now)
        self.tcp.tick(now)
        for interface in self.interfaces:
            if interface.neighbours:
                interface.neighbours.tick(now)
        self.settle(now)

    def deadline(self) -> float | None:
        """When `tick` is next needed (seconds), or None."""
        soonest = inf
        for part in (self.internet, self.internet6, self.tcp):
            due = part.deadline()
            if due is not None and due < soonest:
                soonest = due
        for interface in self.interfaces:
            if interface.neighbours is not None:
                due = interface.neighbours.deadline()
                if due is not None and due < soonest:
                    soonest = due
        return soonest if soonest < inf else None

    def neighbours(self) -> list[dict[str, str]]:
        """What is known of the neighbours of all interfaces, as `ip neigh` shows it: address, interface, mac, state.

        A neighbour table of yours is among them if it has `rows`, as netlib's has.
        """
        return [
            {"address": row["address"], "interface": interface.name, "mac": row["mac"], "state": row["state"]}
            for interface in self.interfaces
            for row in getattr(interface.neighbours, "rows", list)() + self.internet6.rows(interface.number)
        ]

    def announce(self, interface: Interface, now: float) -> None:
        """Tell everyone on the link our MAC address (gratuitous ARP)."""
        self.own_table(interface).announce(now)
        self.settle(now)

    def probe(self, interface: Interface, now: float, defence: str = DEFEND_ONCE) -> None:
        """Ask whether an interface's address is free before it is used, and defend it from then on (RFC 5227)."""
        self.own_table(interface).probe(now, self.random, defence)
        self.settle(now)

    def own_table(self, interface: Interface) -> Neighbours:
        if not isinstance(interface.neighbours, Neighbours):
            raise TypeError(f"{interface}: no ARP table of netlib's, which could announce or probe")
        return interface.neighbours
