"""`header_picture`: drawn from the declared fields."""

import xml.etree.ElementTree as ET

import pytest

from netlib.view import header_picture
from netlib.wire.arp import ARPPacket
from netlib.wire.icmp import ICMPEcho, ICMPMessage, ICMPTimeExceeded
from netlib.wire.ipv4 import IPv4Packet
from netlib.wire.tcp import TCPSegment
from netlib.wire.udp import UDPDatagram

KINDS = (IPv4Packet, TCPSegment, UDPDatagram, ARPPacket, ICMPEcho, ICMPTimeExceeded)
SVG = "{http://www.w3.org/2000/svg}"


def texts(kind: object) -> list[str]:
    return [node.text or "" for node in ET.fromstring(header_picture(kind).svg()).iter(f"{SVG}text")]


def test_udp_as_text_exactly() -> None:
    assert str(header_picture(UDPDatagram)) == """\
UDP header (UDPDatagram), 8 bytes
 0                   1                   2                   3
 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
|          source_port          |        destination_port       |
+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
|             length            |            checksum           |
+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+"""


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_is_in_the_picture_by_name_or_by_an_abbreviation_that_is_explained(kind: type) -> None:
    view, words = header_picture(kind), " ".join(texts(kind))
    for field in kind.fields:
        assert field.name.replace("_", " ") in words or all(w in words for w in field.name.split("_"))
        assert field.name in view._repr_html_()
    assert len(set(view.short.values())) == len(view.short)


def test_flags_are_abbreviated() -> None:
    view = header_picture(IPv4Packet)
    assert view.short == {"reserved": "R", "dont_fragment": "DF", "more_fragments": "MF"}
    assert "DF = dont fragment" in texts(IPv4Packet)
    assert "header_ = header_words, r = reserved, d = dont_fragment, m = more_fragments" in str(view)


def test_values() -> None:
    header = IPv4Packet(ttl=7, protocol=1)
    for view in (header_picture(header), header_picture(IPv4Packet, values=header)):
        assert "7" in [n.text for n in ET.fromstring(view.svg()).iter(f"{SVG}text") if n.get("font-weight") == "bold"]
        assert "ttl              7        hops left" in str(view)


def test_what_is_no_header_is_refused() -> None:
    with pytest.raises(TypeError, match="not a header class"):
        header_picture(int)
    with pytest.raises(TypeError, match="such as ICMPEcho"):
        header_picture(ICMPMessage)
