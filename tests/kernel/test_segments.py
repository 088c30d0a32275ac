"""A SegmentPacket has the bytes that `TCPSegment.build` and `IPv4Packet.build` give."""

from hypothesis import given
from hypothesis import strategies as st

from netlib.kernel.segments import Packets
from netlib.transport.tcp.connection import Connection
from netlib.transport.tcp.options import timestamps_option
from netlib.transport.tcp.states import ESTABLISHED, SYN_SENT
from netlib.wire.address import IPv4Address
from netlib.wire.ipv4 import IPv4Packet
from netlib.wire.tcp import TCPSegment

U16, U32 = st.integers(0, 0xFFFF), st.integers(0, 0xFFFF_FFFF)
ADDRESSES = st.binary(min_size=4, max_size=4).map(IPv4Address)
SEGMENTS = st.builds(
    TCPSegment, source_port=st.just(7), destination_port=st.just(9), sequence=U32, acknowledgment=U32, window=U16,
    urgent_pointer=U16, cwr=st.booleans(), ece=st.booleans(), urg=st.booleans(), ack=st.booleans(), psh=st.booleans(),
    rst=st.booleans(), syn=st.booleans(), fin=st.booleans(), payload=st.binary(max_size=300),
    options=st.sampled_from([b"", timestamps_option(1, 2), bytes(40), b"\xff" * 20]),
)  # fmt: skip


class Network:
    def packet(self, source: IPv4Address, destination: IPv4Address, protocol: int, ttl: int) -> IPv4Packet:
        return IPv4Packet(source=source, destination=destination, protocol=protocol, ttl=ttl)


@given(
    ADDRESSES, ADDRESSES, st.lists(st.tuples(SEGMENTS, U16, st.integers(1, 255), st.integers(0, 63)), min_size=1),
    st.booleans(), st.booleans(),
)  # fmt: skip
def test_the_same_bytes(source: IPv4Address, destination: IPv4Address, sent: list[tuple[TCPSegment, int, int, int]],
                        discovery: bool, ecn: bool) -> None:  # fmt: skip
    connection, packets = Connection((source, 7), (destination, 9), 0), Packets(Network())
    connection.ecn.on, connection.settings.path_mtu_discovery = ecn, discovery
    other = Connection(connection.local, connection.remote, 0, options={"path_mtu_discovery": discovery})
    connection.state, other.state, other.ecn.on = ESTABLISHED, SYN_SENT, ecn
    for segment, identification, ttl, dscp in sent:
        built = []
        for each in (connection, other):
            each.settings.ttl, each.settings.dscp = ttl, dscp  # may be set anew at any time
            packet = packets.of(each, segment)
            packet.identification = identification
            built.append(packet.build())
        assert built[0] == built[1]
    assert packets.of(connection, segment) is packets.of(connection, segment)
    packets.forget(connection)
    assert not packets.alike


def test_a_connection_of_ones_own_is_looked_at_field_by_field() -> None:
    class Mine(Connection):
        pass

    mine, packets = Mine((IPv4Address("10.0.0.1"), 7), (IPv4Address("10.0.0.2"), 9), 0), Packets(Network())
    mine.state = ESTABLISHED
    assert type(packets.of(mine, TCPSegment())) is IPv4Packet
