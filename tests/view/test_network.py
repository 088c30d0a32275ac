"""Drawings of networks: where things stand, what a lit link says, and the same in words."""

import base64
import re
import xml.etree.ElementTree as ET
from itertools import pairwise

import pytest

from netlib.view.graph import lay_out
from netlib.view.network import Flow, Line, Network, amount, network

SVG = "{http://www.w3.org/2000/svg}"
CHAIN = [("h1", "r1"), ("r1", "r2"), ("r2", "h2")]


def chain(flow: Flow | None = None) -> Network:
    lines = [
        Line("h1", "r1", "eth1 10.0.1.2/24", "eth1 10.0.1.1/24", flow),
        Line("r1", "h2", "eth2 10.0.2.1/24", "eth1 10.0.2.2/24"),
    ]
    return network(["h1", ("r1", "router"), "h2"], lines, "Two hosts")


def texts(drawn: Network) -> list[str]:
    return [node.text or "" for node in ET.fromstring(drawn.svg()).iter(f"{SVG}text")]


def test_text_exactly() -> None:
    assert (
        str(chain(Flow((3, 294), (1, 98))))
        == """\
Two hosts
h1
└─ r1 (router)  h1:eth1 10.0.1.2/24  --  r1:eth1 10.0.1.1/24  > 3 frames, 294 bytes  < 1 frame, 98 bytes
   └─ h2        r1:eth2 10.0.2.1/24  --  h2:eth1 10.0.2.2/24"""
    )


def test_a_star_in_text() -> None:
    drawn = network([("sw", "switch"), "h1", "h2", "h3"], [Line("sw", "h1"), Line("sw", "h2"), Line("sw", "h3")])
    assert str(drawn) == "h1\n└─ sw (switch)  h1  --  sw\n   ├─ h2        sw  --  h2\n   └─ h3        sw  --  h3"


def test_a_chain_runs_from_left_to_right() -> None:
    layout = lay_out(["h2", "r2", "r1", "h1"], CHAIN)
    assert layout.order == ["h2", "r2", "r1", "h1"]  # the end that is named first is on the left
    assert layout.places == {"h2": (0, 0), "r2": (1, 0), "r1": (2, 0), "h1": (3, 0)}


def test_a_switch_has_its_hosts_one_below_the_other_and_stands_in_their_middle() -> None:
    layout = lay_out(["sw", "a", "b", "c", "d"], [("sw", each) for each in "abcd"])
    assert layout.places == {"a": (0, 1), "sw": (1, 1), "b": (2, 0), "c": (2, 1), "d": (2, 2)}


def test_a_long_chain_turns_round_and_a_deep_tree_starts_from_its_middle() -> None:
    names = [f"n{i}" for i in range(12)]
    layout = lay_out(names, list(pairwise(names)))
    assert layout.places["n4"] == (4, 0) and layout.places["n5"] == (4, 1) and layout.places["n9"] == (0, 1)
    assert layout.places["n10"] == (0, 2)
    tree = lay_out([f"n{i}" for i in range(15)], [(f"n{(i - 1) // 2}", f"n{i}") for i in range(1, 15)])
    assert max(column for column, _ in tree.places.values()) == 3


SHAPES = {
    "chain": CHAIN,
    "triangle": [("a", "b"), ("b", "c"), ("c", "a"), ("a", "h")],
    "diamond": [("h", "r1"), ("r1", "r2"), ("r1", "r3"), ("r2", "r4"), ("r3", "r4"), ("r4", "s")],
    "two links": [("a", "b"), ("a", "b")],
    "full": [(a, b) for a in "abcde" for b in "abcde" if a < b],
    "tree": [(f"n{(i - 1) // 2}", f"n{i}") for i in range(1, 15)],
    "two parts": [("a", "b"), ("c", "d")],
    "to itself": [("a", "a"), ("a", "b")],
    "ring": [(f"n{i}", f"n{(i + 1) % 8}") for i in range(8)],
}


@pytest.mark.parametrize("shape", SHAPES)
def test_no_two_nodes_stand_on_each_other_and_no_link_is_left_out(shape: str) -> None:
    links = SHAPES[shape]
    nodes = list(dict.fromkeys(end for link in links for end in link))
    drawn = network(nodes, [Line(a, b, f"to {b}", f"to {a}", Flow((i, i), (0, 0))) for i, (a, b) in enumerate(links)])
    places = drawn.layout.places
    assert set(places) == set(nodes) and len(set(places.values())) == len(nodes)
    root = ET.fromstring(drawn.svg())
    between_two = [link for link in links if link[0] != link[1]]
    assert len(list(root.iter(f"{SVG}polyline"))) == len(between_two)
    assert str(drawn).count("--") == len(links) == drawn.table().count("<tr") - 1
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    for each in root.iter(f"{SVG}text"):  # nothing is cut off at the picture's edges
        x, size = float(each.attrib["x"]), 0.62 * float(each.attrib["font-size"]) * len(each.text or "")
        left = x - size * {"start": 0, "middle": 0.5, "end": 1}[each.attrib["text-anchor"]]
        assert left >= 0 and left + size <= width and 8 <= float(each.attrib["y"]) <= height


def test_no_text_of_a_level_link_lies_on_another() -> None:
    """The labels and counts of each link keep their own rows and columns."""
    lines = [
        Line("sw", f"h{i}", f"eth{i} 10.0.0.{i}/24", "eth1 10.0.0.99/24", Flow((9, 900), (9, 900))) for i in range(9)
    ]
    boxes = []
    for each in ET.fromstring(network(["sw", *(f"h{i}" for i in range(9))], lines).svg()).iter(f"{SVG}text"):
        x, y, size = float(each.attrib["x"]), float(each.attrib["y"]), float(each.attrib["font-size"])
        width = 0.55 * size * len(each.text or "")
        left = x - width * {"start": 0, "middle": 0.5, "end": 1}[each.attrib["text-anchor"]]
        boxes.append((left, y - 0.75 * size, left + width, y + 0.1 * size, each.text))
    for number, (left, top, right, bottom, _) in enumerate(boxes):
        for other in boxes[:number]:
            assert right <= other[0] or other[2] <= left or bottom <= other[1] or other[3] <= top, (
                boxes[number],
                other,
            )


def test_labels_stand_where_lines_have_parted() -> None:
    """Also that of the middle one, whose line goes straight on between those that leave up and down."""
    drawn = network(["a", "sw", "b", "c", "d"], [Line("sw", each, f"to {each}", "back") for each in "abcd"])
    at = {each.text: float(each.attrib["x"]) for each in ET.fromstring(drawn.svg()).iter(f"{SVG}text")}
    assert at["to b"] == at["to c"] == at["to d"]


def test_a_link_lights_up_with_its_counts_each_way() -> None:
    drawn = chain(Flow((3, 294), (1, 98)))
    assert {"3 frames, 294 bytes →", "← 1 frame, 98 bytes", "eth1 10.0.1.2/24"} <= set(texts(drawn))
    lit, dark = (float(line.attrib["stroke-width"]) for line in ET.fromstring(drawn.svg()).iter(f"{SVG}polyline"))
    assert lit >= 3 > dark
    assert "frames were seen on 1 of them" in drawn._repr_html_()
    assert "not captured" in drawn.table() and "not captured" not in chain().table()
    more = chain(Flow((3000, 294), (1, 98)))
    assert float(next(ET.fromstring(more.svg()).iter(f"{SVG}polyline")).attrib["stroke-width"]) > lit


def test_a_line_given_the_other_way_round_says_the_same() -> None:
    lines = [Line("r1", "h1", "eth1 10.0.1.1/24", "eth1 10.0.1.2/24", Flow((1, 98), (3, 294))),
             Line("h2", "r1", "eth1 10.0.2.2/24", "eth2 10.0.2.1/24")]  # fmt: skip
    assert str(network(["h1", ("r1", "router"), "h2"], lines, "Two hosts")) == str(chain(Flow((3, 294), (1, 98))))


def test_a_row_that_runs_back_keeps_directions_true() -> None:
    """In the second row of a long chain, the next node is on the left; the arrow goes there."""
    names = [f"n{i}" for i in range(7)]
    flow = Flow((2, 100), (1, 50))
    drawn = network(names, [Line(a, b, flow=flow) for a, b in pairwise(names)])
    said = texts(drawn)
    assert said.count("2 frames, 100 bytes →") == 4 and said.count("← 2 frames, 100 bytes") == 1
    assert said.count("↓ 2 frames, 100 bytes") == 1


def test_seen_and_nothing_passed_is_dashed_and_said() -> None:
    drawn = chain(Flow())
    assert "0 frames →" in texts(drawn) and "stroke-dasharray" in drawn.svg()
    assert "frames were seen on none of them" in drawn._repr_html_()


def test_amounts() -> None:
    assert [amount((n, size)) for n, size in [(0, 0), (1, 1), (2, 9999), (3, 10_400), (4, 12_000_000)]] == [
        "0 frames", "1 frame, 1 byte", "2 frames, 9999 bytes", "3 frames, 10 kB", "4 frames, 12 MB",
    ]  # fmt: skip


def test_the_alt_text_names_nodes_and_what_they_are() -> None:
    html = chain()._repr_html_()
    assert 'alt="Network of h1, r1 (router), h2, with 2 links. The table below says the same."' in html
    data = re.search(r"base64,([^\"]+)", html)
    assert data and ET.fromstring(base64.b64decode(data[1])).tag == f"{SVG}svg"


def test_a_line_to_nowhere_is_refused() -> None:
    with pytest.raises(ValueError, match="a line ends at 'h9', which is no node"):
        network(["h1"], [Line("h1", "h9")])


def test_nothing_and_loners() -> None:
    assert str(network(["a", "b"], [])) == "a\nb"
    assert "it has no link" in network(["a", "b"], []).table()
