"""IPv6 in pictures: every byte has an owner, by the same declarations."""

import pytest
from hypothesis import given
from wire.packets import few
from wire.test_ipv6 import ASK, DATAGRAM, PING, frames, ip

from netlib.view import header_picture, show
from netlib.view.sections import of_packet
from netlib.wire.icmpv6 import ICMPv6PacketTooBig, NeighbourSolicitation
from netlib.wire.ipv6 import IPv6Packet
from netlib.wire.packet import decode, stack
from netlib.worlds.simulation import Simulation


@few
@given(frames())
def test_the_fields_cover_every_byte_once(frame: bytes) -> None:
    for data, link in ((frame, "ethernet"), (frame[14:], "ip"), (frame[:50], "ethernet")):
        sections = of_packet(decode(data, link))  # type: ignore[arg-type]
        covered = [span for section in sections for span in section.spans]
        assert sum(span.width for span in covered) == 8 * len(data)
        assert str(show(decode(data, link))) and show(decode(data, link))._repr_html_()  # type: ignore[arg-type]


def test_a_packet_and_a_report_that_quotes_it() -> None:
    text = str(show(PING))
    assert "IPv6: 40 bytes from byte 14" in text and "ICMPv6: 8 bytes from byte 54" in text and "hop_limit" in text
    report = stack(ip(58), ICMPv6PacketTooBig(mtu=1280, payload=DATAGRAM[14:]))
    labels = [section.label for section in of_packet(decode(report, "ip"))]
    assert labels == ["IPv6", "ICMPv6", "quoted IPv6", "quoted UDP", "quoted payload"]
    assert "quoted IPv6" in str(show(report)) and "IPv6" in str(show(PING[14:], like=IPv6Packet))


@pytest.mark.parametrize("what", [IPv6Packet, NeighbourSolicitation, decode(ASK)[NeighbourSolicitation]])
def test_header_pictures(what: object) -> None:
    picture = header_picture(what)  # type: ignore[arg-type]
    assert "target" in str(picture) or "flow_label" in str(picture)
    assert "<svg" in picture.svg() and picture._repr_html_()


def test_a_simulated_host_draws_with_its_address() -> None:
    sim = Simulation(1)
    a, b = sim.host("a"), sim.host("b")
    sim.link((a, "2001:db8::1/64"), (b, "2001:db8::2/64"))
    assert "2001:db8::1" in repr(a)
