"""The line of states: what it says in words, that it is strict XML, and what it refuses."""

from xml.etree import ElementTree

import pytest

from netlib.view.states import state_line

LIFE = [(0.0, "INCOMPLETE", "a packet for it"), (0.004, "REACHABLE", "its answer"), (30.004, "STALE", "30 s")]


def test_each_stay_is_told_with_its_beginning_its_length_and_its_reason() -> None:
    line = state_line(LIFE, until=40.0, title="an entry")
    assert str(line).splitlines()[0] == "an entry"
    assert line.rows() == [
        ("0 s", "4 ms", "INCOMPLETE", "a packet for it"),
        ("4 ms", "30 s", "REACHABLE", "its answer"),
        ("30 s", "9.996 s", "STALE", "30 s"),
    ]


def test_lanes_are_in_the_order_that_was_asked_for_and_only_those_that_were_met() -> None:
    line = state_line([*LIFE, (41.0, "odd")], lanes=["REACHABLE", "STALE", "PROBE", "INCOMPLETE"])
    assert line.lanes == ["REACHABLE", "STALE", "INCOMPLETE", "odd"]
    assert line.until == 41.0


def test_the_picture_is_strict_xml_and_says_the_same_in_words() -> None:
    line = state_line([(0.0, "<b>", '"&'), (1.0, "STALE", "")], title="<i>")
    ElementTree.fromstring(line.svg())
    html = line._repr_html_()
    assert "&lt;b&gt;" in html
    assert "&lt;i&gt;" in html and "The table below has the times" in html and "<details" in html


@pytest.mark.parametrize("changes", [[], [(1.0, "A"), (0.5, "B")]])
def test_no_changes_and_changes_out_of_order_are_refused(changes: list[tuple[float, str]]) -> None:
    with pytest.raises(ValueError, match=r"at least one|in the order of time"):
        state_line(changes)
