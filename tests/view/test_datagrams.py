"""The pictures of chapter 09: messages cut in pieces, and the sockets that datagrams go to."""

import re

import pytest

from netlib.view.datagrams import owners, pieces


def test_pieces_say_where_each_row_is_cut() -> None:
    made = pieces({"sent": [300, 500], "read over TCP": [800], "read by nobody": []}, caption="Three rows")
    assert str(made).splitlines() == [
        "Three rows",
        "sent            2 pieces  |-----300------|---------500----------|",
        "read over TCP   1 piece   |----------------800-----------------|",
        "read by nobody  0 pieces  nothing",
    ]
    assert "300, 500" in made._repr_html_() and "Sizes in bytes" in made._repr_html_()
    boxes = re.findall(r'<rect x="([0-9.]+)" y="[0-9.]+" width="([0-9.]+)"', made.svg())
    (_, first), (_, second), (_, third) = boxes[-3:]
    assert float(second) > float(first) and abs(float(first) + float(second) - float(third)) < 5


def test_a_small_piece_keeps_room_for_its_number() -> None:
    boxes = re.findall(r'<rect x="([0-9.]+)" y="[0-9.]+" width="([0-9.]+)"', pieces({"sent": [0, 1, 60_000]}).svg())
    assert all(float(width) >= 20 for _, width in boxes)


def test_owners_draw_an_arrow_for_each_datagram() -> None:
    made = owners([("from you", "bound"), ("from other", None)], {"bound": "10.0.0.2:7000", "wild": "*:7000"}, "Two")
    assert str(made).splitlines() == ["Two", "from you    ->  bound: 10.0.0.2:7000", "from other  ->  nobody"]
    svg = made.svg()
    assert svg.count("<line") == 2 and svg.count("<rect") == 1 + 2 + 3
    assert "wild: *:7000" in svg and "nobody" in svg
    assert "nobody" not in owners([("from you", "bound")], {"bound": "x"}).svg()
    with pytest.raises(ValueError, match=r"^owners: a datagram goes to 'b', which is none of a$"):
        owners([("x", "b")], {"a": "y"})
