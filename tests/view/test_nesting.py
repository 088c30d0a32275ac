"""The picture of chapter 02: whose byte is whose."""

from xml.etree import ElementTree

from netlib.view.nesting import nesting

POST = [("ethernet", 14), ("ip", 20), ("tcp", 20), ("tls", 5), ("sealed", 101)]


def test_each_owner_has_a_row_with_what_it_owns_and_what_it_carries() -> None:
    text = str(nesting(POST, "One POST"))
    rows = [line.split() for line in text.splitlines()[3:]]
    assert text.startswith("One POST\n")
    assert [row[:2] for row in rows] == [
        ["ethernet", "14"],
        ["ip", "20"],
        ["tcp", "20"],
        ["tls", "5"],
        ["sealed", "101"],
    ]
    assert "8.8 %   0-13    146 " in text and "63.1 %  59-159  0 " in text
    assert rows[0][-1].startswith("#####.") and set(rows[-1][-1]) == {"#"}


def test_padding_belongs_to_nobody_inside() -> None:
    text = str(nesting([("ethernet", 14), ("ip", 20), ("tcp", 20), ("padding", 6)]))
    lines = {line.split()[0]: line.split()[-1] for line in text.splitlines()[2:]}
    assert lines["ip"].endswith("#" + "." * 20) and lines["padding"] == "#" * 6


def test_an_owner_with_several_pieces_has_one_row() -> None:
    rows = nesting([("ethernet", 14), ("tls", 5), ("sealed", 20), ("tls", 5), ("sealed", 6)]).rows()
    assert rows[1] == ("tls", "10", "20.0 %", "14-18, 39-43", "26") and len(rows) == 3


def test_the_picture_is_strict_xml_whatever_the_names() -> None:
    for parts in (POST, [("<b>&\x1b", 3), ("padding", 1)], [("alone", 1)]):
        picture = nesting(parts, "a <title> & more\x1b")
        ElementTree.fromstring(picture.svg())
        assert "<title>" not in picture._repr_html_() and "The same as a table" in picture._repr_html_()
