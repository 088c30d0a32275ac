"""`compare_bytes`: just the bytes that differ, and their names."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netlib.view import compare_bytes
from netlib.wire.icmp import ICMPMessage
from netlib.wire.ipv4 import IPv4Packet
from netlib.wire.udp import UDPDatagram

from .examples import H1, H2, reply

SENT = IPv4Packet(source=H1, destination=H2, payload=b"hello").build()


def changed(*places: tuple[int, int]) -> bytes:
    data = bytearray(SENT)
    for place, value in places:
        data[place] = value
    return bytes(data)


def test_a_wrong_checksum_as_text_exactly() -> None:
    assert str(compare_bytes(SENT, changed((10, 0), (11, 0)), like=IPv4Packet)) == """\
2 of 25 bytes differ
0  expected   45  00  00  19  00  00  00  00  40  00 [62][e2] 0a  00  01  02
0  got        45  00  00  19  00  00  00  00  40  00 [00][00] 0a  00  01  02
bytes 10-11, IPv4.checksum: expected 0x62e2 (62 e2), got 0x0000 (00 00)"""


def test_html_marks_the_wrong_bytes_by_more_than_a_colour() -> None:
    html = compare_bytes(SENT, changed((10, 0), (11, 0)), like=IPv4Packet)._repr_html_()
    assert re.findall(r">(▲[^<]*)<", html) == ["▲", "▲", "▲ and a thick frame mark the bytes that differ. Lines of 16 "
                                                 "bytes that are the same are left out. "]  # fmt: skip
    assert html.count("text-decoration:underline") == 2 and html.count('title="byte 10, checksum"') == 2


def test_fields_that_share_a_byte_are_told_apart() -> None:
    found = compare_bytes(SENT, changed((6, 0x40)), like=IPv4Packet).differences
    assert [(d.field, d.expected, d.got) for d in found] == [("IPv4.dont_fragment", "0", "1")]


def test_different_lengths() -> None:
    view = compare_bytes(SENT, SENT[:18])
    assert "25 bytes expected, 18 came back" in str(view)
    assert "[--]" in str(view) and "got nothing" in str(view)
    assert compare_bytes(b"", b"").equal
    assert compare_bytes(b"", b"x").differences[0].expected == "nothing"


def test_no_difference() -> None:
    view = compare_bytes(SENT, bytearray(SENT), like=IPv4Packet)
    assert view.equal and str(view).startswith("the same 25 bytes") and "[" not in str(view)
    assert "▲" not in view._repr_html_()


def test_long_data_is_cut_to_the_lines_that_differ() -> None:
    data = bytearray(4000)
    data[2000] = 1
    text = str(compare_bytes(bytes(4000), bytes(data)))
    assert text.count("\n") == 3 and "2000" in text
    assert "more lines of 16 bytes that differ" in str(compare_bytes(bytes(4000), b"\1" * 4000))


@given(st.binary(max_size=80), st.binary(max_size=80), st.sampled_from([None, IPv4Packet, UDPDatagram, ICMPMessage]))
def test_exactly_the_differing_bytes_are_marked(expected: bytes, got: bytes, like: type | None) -> None:
    view = compare_bytes(expected, got, like)
    size = max(len(expected), len(got))
    truth = [i for i in range(size) if expected[i : i + 1] != got[i : i + 1]]
    assert view.differing == truth
    assert sorted({i for difference in view.differences for i in difference.bytes if i in truth}) == truth
    marks = len(re.findall(r"\[..\]", str(view)))
    assert marks == 2 * len(truth)
    assert view._repr_html_().count("border:3px") == 2 * len(truth)


def test_icmp_can_be_compared_by_its_base_class() -> None:
    answer = reply()[34:]
    wrong = b"\x08" + answer[1:]
    assert compare_bytes(answer, wrong, ICMPMessage).differences[0].field == "ICMP.type"


def test_what_is_no_bytes_is_refused() -> None:
    with pytest.raises(TypeError, match="got is str, not bytes"):
        compare_bytes(b"", "text")
    with pytest.raises(TypeError, match="not a header class"):
        compare_bytes(b"", b"", like=int)
