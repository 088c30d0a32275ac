"""A routing table as a tree: where its routes hang, and the way of a lookup."""

import base64
import re
from xml.etree import ElementTree

from hypothesis import given, settings
from hypothesis import strategies as st

from netlib.internet.routes import Route, Routes
from netlib.view.trie import prefix_tree
from netlib.wire.address import IPv4Address, IPv4Network


def route(network: str, via: str | None = None, interface: int = 0) -> Route:
    return Route(IPv4Network(network), via and IPv4Address(via), interface)


TABLE = [
    route("0.0.0.0/0", "10.8.2.1"),
    route("203.0.113.0/24", "10.8.3.3", 1),
    route("203.0.113.128/25", "10.8.4.4", 2),
    route("203.0.113.200/31", None, 1),
]


def texts(html: str) -> list[str]:
    svg = base64.b64decode(re.search(r"base64,([^\"]+)", html)[1]).decode()  # type: ignore[index]
    return [element.text or "" for element in ElementTree.fromstring(svg).iter() if element.tag.endswith("text")]


def test_the_way_of_a_lookup_in_words_and_in_the_picture() -> None:
    drawn = prefix_tree(TABLE, "203.0.113.199")
    assert str(drawn).splitlines() == [
        "Looking up 203.0.113.199",
        "203.0.113.199 is 11001011 00000000 01110001 11000111",
        "route                                   bits from the root                  on the way  verdict",
        "--------------------------------------  ----------------------------------  ----------  "
        "---------------------------------",
        "0.0.0.0/0 via 10.8.2.1 dev eth0         none: the root                      yes         match 1",
        "203.0.113.0/24 via 10.8.3.3 dev eth1    11001011 00000000 01110001          yes         match 2",
        "203.0.113.128/25 via 10.8.4.4 dev eth2  11001011 00000000 01110001 1        yes         "
        "match 3, and the longest: it wins",
        "203.0.113.200/31 dev eth1               11001011 00000000 01110001 1100100  no",
        "203.0.113.199 comes past 3 of 4 routes. The last one wins.",
    ]
    shown = texts(drawn._repr_html_())
    assert {"match 1", "match 2", "match 3: wins", "100100", "1100…001 (24 bits)"} <= set(shown)
    assert "on link, eth1" in shown and "via 10.8.4.4" in shown


def test_without_a_destination_and_without_a_match() -> None:
    assert str(prefix_tree(TABLE)).endswith("\n4 routes.")
    assert "No route matches 8.8.8.8." in prefix_tree(TABLE[1:], "8.8.8.8")._repr_html_()
    assert "0 routes." in prefix_tree([])._repr_html_()


def test_lines_of_bits_that_meet_no_route_are_one() -> None:
    shown = texts(prefix_tree([route("0.0.0.0/32"), route("255.255.255.255/32")])._repr_html_())
    assert "0000…000 (32 bits)" in shown and "1111…111 (32 bits)" in shown


networks = st.builds(IPv4Network.around, st.integers(0, 2**32 - 1), st.integers(0, 32))


@settings(max_examples=100, deadline=None)
@given(st.lists(networks, max_size=8, unique=True), st.integers(0, 2**32 - 1).map(IPv4Address.from_int))
def test_what_wins_is_what_a_table_finds(found: list[IPv4Network], destination: IPv4Address) -> None:
    table = Routes()
    for number, network in enumerate(found):
        table.add(Route(network, None, number))
    drawn = prefix_tree(list(table), destination)
    assert [place.route for place in drawn.passed] == table.matches(destination)
    assert len(drawn.cells()) == len(found) and drawn._repr_html_() == drawn._repr_html_()
    rows = [place.row for place in drawn.walk(drawn.root) if not place.children]
    assert rows == sorted(set(rows))  # no two leaves in one row
