"""Tables, claims, staircases and bars."""

import pytest

from netlib.apps.traceroute import Reply, TracerouteResult
from netlib.view import bars, claims, staircase, table

from .examples import H2, R1, R2


def test_a_table_exactly() -> None:
    assert str(table([("h1", 64), ("r1", 63)], ["seen at", "TTL"], "On its way")) == """\
On its way
seen at  TTL
-------  ---
h1       64
r1       63"""


def test_rows_can_be_mappings_and_cells_anything() -> None:
    text = str(table([{"a": b"\x00\xff", "b": True}, {"a": R1}]))
    assert "00 ff" in text and "yes" in text and "10.0.1.1" in text
    with pytest.raises(ValueError, match="3 cells for 2 columns"):
        table([(1, 2, 3)], ["a", "b"])
    with pytest.raises(ValueError, match="name the columns"):
        table([(1, 2)])


def test_a_number_keeps_its_unit_in_a_narrow_column() -> None:
    html = table([("0.080 s", "SYN sent")], ["time", "state"])._repr_html_()
    assert "0.080&nbsp;s" in html and "SYN sent" in html


def test_claims_have_verdicts_in_words() -> None:
    view = claims([("a", "RFC 1", True, False), ("b", "RFC 2", "drops it", None)])
    assert "✓ holds" in str(view) and "✗ does not hold" in str(view) and "not tried here" in str(view)
    assert [f">{c}<" in view._repr_html_() for c in ("Claim", "RFC", "netlib", "This kernel")] == [True] * 4


def test_a_staircase_exactly() -> None:
    result = TracerouteResult(H2, [[Reply(R1, 0.01, 11, 0), None], [None, None], [Reply(H2, 0.03, 3, 3)]])
    assert str(staircase(result)) == """\
traceroute to 10.0.3.2
  1  ---o          10.0.1.1  10.000 ms  *
  2  -------?      *         *          *
  3  -----------#  10.0.3.2  30.000 ms
o time exceeded   # the destination answered   ! unreachable from here   ? no answer"""
    assert "5 probes over 3 hops, 3 without an answer" in staircase(result)._repr_html_()


def test_a_router_that_gives_up_is_not_the_destination() -> None:
    text = str(staircase(TracerouteResult(H2, [[Reply(R2, 0.01, 3, 1)]])))
    assert "---!" in text


def test_many_hops_still_fit() -> None:
    assert staircase([[(R1, 0.001)]] * 30).width < 1700


def test_bars() -> None:
    assert str(bars([("a", 1), ("b", 2)], "ms")) == f"a  {'#' * 16}{' ' * 16}  1 ms\nb  {'#' * 32}  2 ms"
    assert bars([])._repr_html_()
