"""The pictures of chapter 05: fragments on a ruler, and a header at each hop."""

import base64
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import pytest

from netlib.internet.fragments import fragment
from netlib.internet.parts import decrement_ttl
from netlib.view import hops, ruler
from netlib.wire.errors import WireError
from netlib.wire.ipv4 import IPv4Packet
from netlib.wire.packet import decode

WHOLE = IPv4Packet(identification=7, protocol=1, payload=bytes(3008)).build()


def test_a_ruler_tells_where_each_fragment_belongs() -> None:
    text = str(ruler(fragment(WHOLE, 1000), "cut to 1000"))
    assert text.startswith("cut to 1000\n")
    assert "122 (x 8 = 976)" in text and "2928-3007" in text and text.count("more follow") == 3
    html = ruler(fragment(WHOLE, 1000))._repr_html_()
    svg = base64.b64decode(re.search(r"base64,([^\"]+)", html)[1])
    words = [element.text for element in ElementTree.fromstring(svg).iter() if element.tag.endswith("}text")]
    assert words[words.index("offset field") + 1] == "MF" and {"122", "244", "366"} < set(words)
    assert 'alt="' in html and "<details" in html


def test_a_ruler_takes_bytes_and_decoded_packets_alike() -> None:
    pieces = fragment(WHOLE, 1000)
    assert str(ruler(pieces)) == str(ruler([decode(piece, "ip") for piece in pieces]))
    with pytest.raises(WireError):
        ruler([b"nothing"])
    assert "0 packets" in ruler([])._repr_html_()


def test_hops_marks_what_has_changed_and_says_it() -> None:
    later = decrement_ttl(WHOLE)
    seen = hops({"h1": WHOLE, "r1": decode(later, "ip")}, IPv4Packet)
    assert seen.changed() == {"h1": set(), "r1": {8, 10}}
    assert seen.in_words() == "What changes: ttl and checksum. 18 of 20 bytes stay."
    assert "[3f]" in str(seen) and "[3f]" in seen._repr_html_()
    assert sum(size for _, _, size in seen.groups) == 20


def test_hops_of_a_packet_that_stays_the_same() -> None:
    assert hops({"a": WHOLE, "b": WHOLE}, IPv4Packet).in_words().startswith("Nothing changes")
    other = replace(IPv4Packet.parse(WHOLE), dscp=46).build()
    assert "dscp and ecn" in hops({"a": WHOLE, "b": other}, IPv4Packet).in_words()
