"""The pictures of chapter 04: addresses as bits, networks on the line of all addresses."""

import xml.etree.ElementTree as ElementTree

import pytest

from netlib.view import address_bits, number_line, zoom
from netlib.wire.address import IPv4Network
from netlib.wire.errors import Malformed


def words(svg: str) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(svg).iter() if element.tag.endswith("}text")]


@pytest.mark.parametrize("prefix", [0, 1, 8, 20, 24, 31, 32])
def test_an_address_in_bits_is_cut_where_its_network_ends(prefix: int) -> None:
    view = address_bits(f"172.17.203.9/{prefix}")
    network = IPv4Network.around("172.17.203.9", prefix)
    shown = dict(row[:2] for row in view.rows())
    assert list(shown.values()) == ["172.17.203.9", str(network.netmask), str(network.first), str(network.last)]
    for _, _, bits in view.rows():
        left, _, right = bits.replace(" ", "").partition("|")
        assert (len(left), len(right)) == (prefix, 32 - prefix)
    digits = [word for word in words(view.svg()) if word in ("0", "1")]
    assert len(digits) == 4 * 32


def test_what_is_no_address_is_not_drawn() -> None:
    with pytest.raises(Malformed):
        address_bits("10.4.0.10")
    with pytest.raises(Malformed):
        number_line({"a": ["10.4.0.1/24"]})


def test_zoom_goes_from_wide_to_narrow() -> None:
    view = zoom(["0.0.0.0/0", "10.0.0.0/8", "10.4.0.0/24"], {"h1": "10.4.0.10"}, "Where h1 is")
    assert str(view).startswith("Where h1 is\n") and "1 of 65 536" in str(view)
    assert "10.4.0.0/24: 256 addresses" in words(view.svg()) and "h1 10.4.0.10" in words(view.svg())
    with pytest.raises(ValueError, match=r"11\.0\.0\.0/8 is not inside 10\.0\.0\.0/8"):
        zoom(["10.0.0.0/8", "11.0.0.0/8"])
    with pytest.raises(ValueError, match=r"h1 .* is not in"):
        zoom(["10.0.0.0/8"], {"h1": "11.0.0.1"})


def test_a_number_line_draws_what_is_needed_and_lays_nothing_over_another() -> None:
    view = number_line({"given": ["10.4.0.0/24", "10.4.0.64/26", "10.4.1.0/24"], "none": []}, points={"x": "10.4.3.9"})
    assert str(view.whole) == "10.4.0.0/22"
    lanes = view.lanes(view.groups["given"])
    assert [[str(n) for n in lane] for lane in lanes] == [["10.4.0.0/24", "10.4.1.0/24"], ["10.4.0.64/26"]]
    assert ("none", "none", "", "", "") in view.rows()
    assert {"10.4.0.0/24", "10.4.0.0", "10.4.3.255", "x 10.4.3.9"} < set(words(view.svg()))
    outside = number_line({"a": ["0.0.0.0/0"]}, "10.4.0.0/24")
    assert outside.at(0) == 0.0 and outside.at(1 << 32) > 600
