"""The short way out: a connection's next packet goes where its last one went.

    send(connection, packet, segments)    pack them, the link header before each, and put them where worlds take frames

On the long way `Internet.send` asks for the route, `put_out` for the interface, `Neighbours.send` for the MAC address,
and between these the packet waits for `settle`.  For one packet after the other of a connection the answers are the
same ones.  So they are kept, as Linux does: the route with the socket (`sk_dst_cache`, valid while `rt_genid` is what
it was), the link header with the neighbour (`hh_cache`).

A shortcut decides nothing.  It is taken where all that the long way asks for is netlib's own and has not changed since,
and nothing waits that the same link would send before.  Then the same bytes leave, with the same identification, and
the neighbour's entry knows that it was used.  Anything else goes the long way: test_way_out.py compares.
"""

from dataclasses import dataclass
from typing import Any

from netlib.internet.input import Internet, Port, SendError
from netlib.internet.routes import Routes
from netlib.internet.trie import Trie
from netlib.kernel.segments import ECT0, SIZE, SegmentPacket
from netlib.link.neighbours import STALE, Neighbour, Neighbours
from netlib.transport.tcp.connection import Connection
from netlib.wire.address import IPv4Address, MACAddress
from netlib.wire.checksum import internet_checksum
from netlib.wire.ethernet import IPV4_INSIDE
from netlib.wire.tcp import TCPSegment


@dataclass(slots=True, eq=False)
class Way:
    """Where the packets of a connection go, and what that was found from."""

    routes: Routes | Trie  # the routing table, and how often it had changed then
    changes: int
    port: Port
    interface: Any
    ours: MACAddress | None  # the interface's MAC address, and what finds the neighbour's
    table: Neighbours | None  # None: the link carries no frames
    next_hop: IPv4Address
    entry: Neighbour | None  # what is known of the neighbour
    theirs: MACAddress | None  # its MAC address
    header: bytes  # of the link: with these two addresses, or none


class WayOut:
    """The short way out of one host.  `host` has the list `outbox` of (interface, frame), and the time `now`."""

    def __init__(self, internet: Internet, interfaces: list[Any], host: Any) -> None:
        self.internet, self.interfaces, self.host = internet, interfaces, host

    def send(self, connection: Connection, packet: SegmentPacket, segments: list[TCPSegment]) -> int:
        """Send the first of these segments, as many as may go the short way; how many have gone."""
        way = self.way(packet)
        if way is None or not packet.serves(connection.settings):
            return 0
        internet, outbox, mtu, ecn, gone = self.internet, self.host.outbox, way.port.mtu, connection.ecn.on, 0
        for segment in segments:
            if SIZE + len(segment.options) + len(segment.payload) > mtu or segment.rst:  # cut, or refused, or counted
                break
            internet.identification = number = internet.identification % 0xFFFF + 1
            mark = ECT0 if ecn and connection.may_be_marked(segment) else 0
            outbox.append((way.interface, packet.frame(way.header, segment, mark, number)))
            gone += 1
        if gone and way.entry is not None:
            way.entry.used = self.host.now
        return gone

    def way(self, packet: SegmentPacket) -> Way | None:
        """The way that the last packet went, if all is still as it was; else what there is now, or None."""
        internet = self.internet
        way: Way | None = packet.way
        # what waits goes first; a NAT translates, and a redirect ends some time: both are asked each time
        if internet.outbox or internet.nat is not None or internet.redirects.table:
            return None
        if way is None or way.changes != way.routes.changes or way.routes is not internet.routes:
            way = packet.way = self.find(packet)
            if way is None:
                return None
        interface, table, entry = way.interface, way.table, way.entry
        if interface.neighbours is not table or interface.mac is not way.ours:
            packet.way = None
            return None
        if table is None or entry is None:
            return way
        if entry is not table.table.get(way.next_hop) or entry.mac is not way.theirs:
            packet.way = None
            return None
        # what its timer does, and the first packet for a neighbour that has gone stale, is the table's own affair
        if entry.due <= self.host.now or entry.state == STALE or table.claim is not None or table.resolved:
            return None
        return way

    def find(self, packet: SegmentPacket) -> Way | None:
        """The way for a packet, as the layers below would find it; None where something of it is not netlib's own."""
        internet, routes, to = self.internet, self.internet.routes, packet.destination
        if (type(routes) is not Routes and type(routes) is not Trie) or type(internet) is not Internet:
            return None
        if internet.parts.checksum is not internet_checksum or packet.source == IPv4Address.ANY:
            return None
        if to[0] == 127 or to in internet.addresses:
            return None
        try:
            route = internet.way(to)
        except SendError:
            return None
        interface, port, hop = self.interfaces[route.interface], internet.ports[route.interface], route.via or to
        known = routes, routes.changes, port, interface, interface.mac
        if interface.neighbours is None:
            return Way(*known, None, hop, None, None, b"")
        table, ours = interface.neighbours, interface.mac
        if type(table) is not Neighbours or ours is None or hop in internet.broadcasts:
            return None
        entry = table.table.get(hop)
        if entry is None or entry.mac is None:
            return None
        return Way(*known, table, hop, entry, entry.mac, entry.mac + ours + IPV4_INSIDE)
