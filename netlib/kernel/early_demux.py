"""Early demux: the segment that an open connection expects finds it before any layer has been asked.

    link     to our MAC address, IPv4 inside             wire/ethernet.py, layers.py
    IPv4     20 bytes of header, no fragment, for us     internet/input.py
    TCP      ACK, or ACK and PSH; timestamps or nothing  connections.py, transport/tcp/prediction.py

Each layer looks at its header, makes an object of it, and hands on what is inside.  But the packets of a transfer
differ in a few numbers only, and what the layers would say of all the rest is known from the first of them.  So both
headers are read at once, the numbers are checked, and `expected` is asked.  Linux looks for the connection this early
too, by this name (tcp_v4_early_demux).

It decides nothing: where anything is not as for most packets, nothing is done here, and the packet goes through the
layers, one after the other.  After either way all is the same, which test_early_demux.py compares.
"""

from struct import Struct, error
from typing import Any

from netlib.kernel.segments import CE, VERSION_AND_WORDS
from netlib.transport.tcp.connection import Connection
from netlib.transport.tcp.options import TIMESTAMPS_START
from netlib.transport.tcp.prediction import expected
from netlib.transport.tcp.states import ESTABLISHED
from netlib.wire.checksum import internet_checksum
from netlib.wire.ethernet import IPV4_INSIDE
from netlib.wire.ipv4 import TCP

ETHERNET = 14  # bytes of its header
# RFC 791 section 3.1, without the addresses; then RFC 9293 section 3.1, without the ports
HEADERS = Struct(">HHHHHH 12x IIHHHH")
WITH_TIMESTAMPS = Struct(">HHHHHH 12x IIHHHH III")  # and RFC 7323 appendix A
FRAGMENT = 0xBFFF  # what only a fragment has, and the reserved bit: all of that word but DF
PSH, ACK = 1 << 3, 1 << 4


class EarlyDemux:
    """The connections of one host that packets find early, by the twelve bytes with both addresses and both ports."""

    def __init__(self, connections: Any) -> None:
        self.connections = connections  # connections.py's, of this host
        # with each, the sums of the addresses, and of all that stays in what TCP's checksum covers (modulo 65535)
        self.known: dict[bytes, tuple[Connection, int, int]] = {}

    def learn(self, connection: Connection) -> None:
        """A segment has come to this connection through all layers: the next ones may find it early.

        Not if it is of a class of yours, or over IPv6, or with ourselves; nor if the part `checksum` is yours, which
        sees each header.
        """
        source, destination = connection.remote[0], connection.local[0]
        if connection.state is not ESTABLISHED or type(connection) is not Connection or len(source) != 4:
            return
        internet = self.connections.network.internet
        if (
            internet.parts.checksum is internet_checksum and destination in internet.plain
            and source not in internet.addresses and source[0] != 127
        ):  # fmt: skip
            addresses, ports = int.from_bytes(source + destination, "big") % 0xFFFF, ports_of(connection)
            inside = addresses + TCP + int.from_bytes(ports, "big")
            self.known[source + destination + ports] = connection, addresses, inside

    def forget(self, connection: Connection) -> None:
        """The connection has ended."""
        self.known.pop(connection.remote[0] + connection.local[0] + ports_of(connection), None)

    def clear(self) -> None:
        """Our addresses are others now: each connection has to be learnt anew."""
        self.known.clear()

    def takes(self, interface: Any, frame: bytes, now: float) -> bool:
        """Act on a frame, or packet without one, if it brings what a connection expects; whether it did, and all is
        done but what lies between the layers now."""
        if type(frame) is not bytes:  # a buffer, in which nothing can be looked up
            return False
        mac = interface.mac
        at = 0 if mac is None else ETHERNET
        known = self.known.get(frame[at + 12 : at + 24])
        if known is None or (mac is not None and (frame[:6] != mac or frame[12:14] != IPV4_INSIDE)):
            return False
        connection, addresses, inside = known
        stamp: int | None = None
        try:
            if connection.timestamps:
                (
                    first, length, identification, flags, lives, header_checksum,
                    sequence, acknowledgment, control, window, checksum, urgent, start, stamp, echo,
                ) = WITH_TIMESTAMPS.unpack_from(frame, at)  # fmt: skip
                if start != TIMESTAMPS_START:
                    return False
                size, inside = 52, inside + start + stamp + echo
            else:
                (
                    first, length, identification, flags, lives, header_checksum,
                    sequence, acknowledgment, control, window, checksum, urgent,
                ) = HEADERS.unpack_from(frame, at)  # fmt: skip
                size = 40
        except error:  # too short
            return False
        # what lies behind the total length is padding: short Ethernet frames have some
        if (
            first & 0xFF00 != VERSION_AND_WORDS or first & 3 == CE or flags & FRAGMENT or lives & 0xFF != TCP
            or not size <= length <= len(frame) - at
            or control & ~PSH != size - 20 << 10 | ACK  # the header's length, and no other flag
            or (first + length + identification + flags + lives + header_checksum + addresses) % 0xFFFF
        ):  # fmt: skip
            return False
        text = frame[at + size : at + length]
        inside += length - 20 + sequence + acknowledgment + control + window + checksum + urgent
        if (inside - internet_checksum(text) if text else inside) % 0xFFFF:
            return False
        tcp = self.connections
        internet = tcp.network.internet
        if internet.nat is not None or internet.delivered or interface.number not in internet.ports:
            return False
        if not expected(connection, sequence, acknowledgment, window, stamp, text, now):
            return False
        tcp.counters["InSegs"] += 1
        connection.counts["segs_in"] += 1
        tcp.after(connection, now)
        return True


def ports_of(connection: Connection) -> bytes:
    """Both ports, as the peer's segments have them."""
    return connection.remote[1].to_bytes(2, "big") + connection.local[1].to_bytes(2, "big")
