"""What must hold for every picture, whatever it shows."""

import base64
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser

import pytest

from .examples import HOSTILE, every_view

VIEWS = every_view()
IMAGE = re.compile(r'<img alt="([^"]*)" [^>]*src="data:image/svg\+xml;base64,([^"]*)">')
ALLOWED = {"style", "div", "span", "table", "caption", "thead", "tbody", "tr", "th", "td", "details", "summary", "img",
           "code", "b", "p", "ul", "li"}  # fmt: skip
VOID = {"img"}


class Reader(HTMLParser):
    """Which elements and attributes there are, and that every element is closed where it should be."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-3:]}"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.text += data


each = pytest.mark.parametrize("name", VIEWS)


@each
def test_the_same_input_gives_the_same_bytes(name: str) -> None:
    again = every_view()[name]
    assert again._repr_html_() == VIEWS[name]._repr_html_()
    assert str(again) == str(VIEWS[name]) == repr(again)


@each
def test_html_is_well_formed_without_ids_scripts_or_inline_svg(name: str) -> None:
    reader = Reader(VIEWS[name]._repr_html_())
    assert reader.open == []
    assert reader.elements <= ALLOWED
    assert reader.attributes <= {"class", "style", "title", "alt", "src", "scope", "colspan", "tabindex", "aria-hidden"}


@each
def test_pictures_are_strict_xml_name_their_font_and_have_a_text_beside_them(name: str) -> None:
    html = VIEWS[name]._repr_html_()
    for alt, data in IMAGE.findall(html):
        root = ET.fromstring(base64.b64decode(data))
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        assert "sans-serif" in root.attrib["font-family"]
        assert len(alt) > 20
        assert "<details" in html
        assert not root.findall(".//{http://www.w3.org/2000/svg}script")


@each
def test_hostile_text_stays_text(name: str) -> None:
    html, text = VIEWS[name]._repr_html_(), str(VIEWS[name])
    assert "<script" not in html and "<img src=x" not in html  # whole elements, not as text
    assert "\x1b" not in html + text and "\u202e" not in html + text
    if HOSTILE[:8] in text:
        assert "</table><script>alert(1)</script>" in Reader(html).text


@each
def test_tables_have_captions_and_scoped_headings(name: str) -> None:
    html = VIEWS[name]._repr_html_()
    assert html.count("<table") == html.count("<caption")
    assert all("scope=" in heading for heading in re.findall(r"<th\b[^>]*>", html))


@each
def test_without_style_everything_is_still_there(name: str) -> None:
    """What JupyterLab leaves of an output that is not trusted."""
    html = VIEWS[name]._repr_html_()
    bare = re.sub(r"<style>.*?</style>", "", html, flags=re.DOTALL)
    assert Reader(bare).text == Reader(html).text
    for style in re.findall(r"<style>(.*?)</style>", html, flags=re.DOTALL):
        for selector in style.partition("{")[0].split(","):
            assert selector.strip().startswith((".nl-", ".f")) or ":is(" in style  # nothing outside this picture
