"""`show`: every byte and every field."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netlib.view import show
from netlib.view.sections import of_packet
from netlib.wire.errors import FieldOverflow
from netlib.wire.icmp import ICMPMessage
from netlib.wire.ipv4 import IPv4Packet
from netlib.wire.packet import decode
from netlib.wire.udp import UDPDatagram

from .examples import echo, packet, probe, reply, syn, time_exceeded


def test_a_small_header_as_text_exactly() -> None:
    text = """\
UDP 53 > 1024 2 bytes (10 bytes)

  field             value    meaning             bytes (hex)  bits
  ----------------  -------  ------------------  -----------  -----
UDP: 8 bytes from byte 0
* source_port       53       marked              00 35        0-15
  destination_port  1024                         04 00        16-31
  length            10       2 bytes of payload  00 0a        32-47
  checksum          0x0000                       00 00        48-63
payload: 2 bytes from byte 8
  bytes             2 bytes  as text: hi         68 69        0-15

     0 [00][35] 04  00  00  0a  00  00  68  69                           .5......hi"""
    view = show(UDPDatagram(53, 1024, 10, payload=b"hi"), highlight={"source_port"})
    assert str(view) == text


def test_fields_and_bytes_are_linked() -> None:
    html = show(echo())._repr_html_()
    label = re.search(r'class="(nl-\w+)"', html)[1]
    number = re.search(r'<tr class="(f\d+)"[^>]*><th[^>]*>ttl</th>', html)[1]
    assert f".{label}:has(.{number}:is(:hover,:focus-visible)) .{number}" in html
    assert re.search(rf'<span class="{number}" title="byte 22"[^>]*>40</span>', html)
    assert re.search(rf'<tr class="{number}" tabindex="0"', html)
    assert re.search(r'<span class="f\d+ f\d+ f\d+ f\d+" title="byte 20"', html)  # the flags share a byte


def test_highlight_takes_names_qualified_names_and_offsets() -> None:
    assert "* ttl" in str(show(echo(), highlight={"ttl"}))
    assert str(show(echo(), highlight={"checksum"})).count("* checksum") == 2
    assert str(show(echo(), highlight={"ICMP.checksum"})).count("* checksum") == 1
    assert show(echo(), highlight={"IPv4Packet.ttl"}).marks == {22}
    assert "* identification" in str(show(echo(), highlight=[18]))
    with pytest.raises(ValueError, match="no field 'tll': did you mean 'ttl'"):
        show(echo(), highlight={"tll"})
    with pytest.raises(ValueError, match="no byte 52, the packet has 52"):
        show(echo(), highlight={52})


def test_before_marks_what_a_router_changed() -> None:
    view = show(echo(ttl=63), before=packet(echo(ttl=64)))
    marked = re.findall(r"^\* (\w+)", str(view), flags=re.MULTILINE)
    assert marked == ["ttl", "checksum"]
    assert "▶ ttl" in view._repr_html_() and "marked" in view._repr_html_()


def test_problems_are_listed_and_the_field_says_so() -> None:
    data = bytearray(echo())
    data[24] ^= 1
    text = str(show(bytes(data)))
    assert "problem: IPv4Packet.checksum (offset 10)" in text
    assert re.search(r"checksum +0x\w+ +wrong, see above", text)
    assert text.count("wrong") == 1
    assert "Wrong with it:" in show(bytes(data))._repr_html_()


def test_icmp_errors_show_the_quoted_packet() -> None:
    text = str(show(time_exceeded(probe())))
    assert "quoted IPv4: 20 bytes from byte 42" in text
    assert "quoted UDP: 8 bytes from byte 62" in text
    assert "destination_port  33434" in text
    tcp = str(show(time_exceeded(syn())))  # of a TCP header, eight bytes were quoted
    assert "sequence" in tcp.partition("quoted TCP")[2] and "window" not in tcp.partition("quoted TCP")[2]


def test_an_error_layer_alone_shows_its_quote_too() -> None:
    assert "quoted UDP" in str(show(packet(time_exceeded(probe()))[ICMPMessage]))


def test_a_long_payload_is_cut_and_says_how_much() -> None:
    view = show(echo(payload=bytes(1000)), payload=16)
    assert "984 more bytes are not shown" in str(view) and "984 more bytes are not shown" in view._repr_html_()
    assert len(view._repr_html_()) < 40_000


def test_layers_restricts() -> None:
    text = str(show(echo(), layers=[IPv4Packet, "payload"]))
    assert "IPv4: 20" in text and "payload: 10" in text and "Ethernet:" not in text and "ICMP:" not in text
    with pytest.raises(ValueError, match="no 'TCP', only Ethernet, IPv4, ICMP, payload"):
        show(echo(), layers=["TCP"])


def test_a_header_that_was_refused_is_still_shown() -> None:
    data = bytearray(probe())
    data[0] = 0x43
    text = str(show(bytes(data)))
    assert "which could not be read as such" in text
    assert re.search(r"header_words +3 .*wrong, see above", text)


def test_options_and_trailing_bytes_have_rows() -> None:
    text = str(show(packet(syn())))
    assert "maximum segment size" in text and "1460" in text and "window scale" in text
    assert re.search(r"trailer: 6 bytes from byte 52", str(show(echo() + bytes(6))))


def test_bytes_can_be_told_what_they_are() -> None:
    assert "echo reply" in str(show(reply()[34:], like=ICMPMessage))
    assert "IPv4: 20 bytes" in str(show(probe()))
    with pytest.raises(TypeError, match="not a header class"):
        show(b"", like=int)
    with pytest.raises(TypeError, match="a Packet, a header or bytes is needed, not str"):
        show("45 00")


def test_a_header_is_shown_as_it_is_and_not_changed() -> None:
    header = IPv4Packet(checksum=0x1234, payload=b"x")
    assert "0x1234" in str(show(header))
    assert header == IPv4Packet(checksum=0x1234, payload=b"x")
    with pytest.raises(FieldOverflow, match=r"ttl .*300"):
        show(IPv4Packet(ttl=300))


@given(st.binary(max_size=120), st.sampled_from([b"", echo(), time_exceeded(probe()), syn(), probe()]), st.data())
def test_any_bytes_can_be_shown_and_each_is_in_one_section(junk: bytes, good: bytes, data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(good)))
    raw = good[:cut] + junk
    for link in ("ethernet", "ip"):
        decoded = decode(raw, link)
        covered = [i for section in of_packet(decoded) for i in range(section.start, section.stop)]
        assert covered == list(range(len(raw)))
        view = show(decoded)
        assert str(view) and view._repr_html_()
