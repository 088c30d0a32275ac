"""Bars of several parts: lengths that add up, a pattern for each part, the same in words."""

import re
import xml.etree.ElementTree as ET

import pytest

from netlib.view.stacked import ROOM, stacked

PAGE = [("near", {"client": 4, "network": 0, "server": 20}), ("far <&>", {"client": 4, "network": 976, "server": 20})]


def test_the_parts_of_a_bar_have_their_share_of_the_room() -> None:
    svg = stacked(PAGE, "ms", "A page").svg()
    ET.fromstring(svg)
    widths = [float(width) for width in re.findall(r'<rect x="[\d.]+" y="[\d.]+" width="([\d.]+)" height="18', svg)]
    near, far, key = widths[:2], widths[2:5], widths[5:]
    assert near == [pytest.approx(ROOM * 0.004, abs=0.1), pytest.approx(ROOM * 0.02, abs=0.1)]
    assert far == [pytest.approx(ROOM * share, abs=0.1) for share in (0.004, 0.976, 0.02)]
    assert key == [24.0] * 3  # each part once, by pattern and by name
    assert all(f">{part}</text>" in svg for part in ("client", "network", "server", "24 ms", "1000 ms"))


def test_it_says_the_same_in_words() -> None:
    view = stacked(PAGE, "ms", "A page")
    assert str(view).splitlines() == [
        "A page",
        "                                                   client =  network #  server .  together",
        "-------  ----------------------------------------  --------  ---------  --------  --------",
        "near     .                                         4 ms      0 ms       20 ms     24 ms",
        "far <&>  #######################################.  4 ms      976 ms     20 ms     1000 ms",
    ]
    html = view._repr_html_()
    assert html == stacked(PAGE, "ms", "A page")._repr_html_()
    assert "far &lt;&amp;&gt;" in html and "<td" in html
    assert 'alt="Bars of client, network, server: A page, 2 bars.' in html
    assert "<svg" not in html and not re.search(r'<[a-z]+ [^>]*\bid=', html)


def test_nothing_and_too_much() -> None:
    assert str(stacked([])) and stacked([("a", {"b": 0})], "s").svg()
    with pytest.raises(ValueError, match="stacked: 7 parts, 6 at most"):
        stacked([("a", dict.fromkeys("abcdefg", 1.0))])
