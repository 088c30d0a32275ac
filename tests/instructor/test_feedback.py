"""Feedback pages: what the checker says is in them, and nothing of a submission that a browser would act on."""

from __future__ import annotations

import base64
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from instructor import books
from instructor.commands import nbgrader
from nbgrader import api

from netlib.instructor.feedback import safe_html
from netlib.instructor.gradebook import Gradebook
from netlib.instructor.record import Record

NAME = books.NAME
HOSTILE = """
# Mine <script>alert(1)</script>

<img src=x onerror=alert(2)> <a href="javascript:alert(3)">go</a> [go](javascript:alert(4)) ![](http://elsewhere/x.png)
<iframe src="/formgrader"></iframe> <form action="/"><input id="check-5-1" class="score"></form>
<style>.score {display: none}</style> <b id="check-5-1" style="position:fixed" class="score" onclick="alert(5)">b</b>
<svg><script>alert(6)</script></svg> <math><mtext></p><style><img src=x onerror=alert(7)></style></mtext></math>
<!-- <img src=x onerror=alert(8)> --> <base href="http://elsewhere"> <meta http-equiv="refresh" content="0">
<a href="data:text/html,<script>alert(9)</script>">d</a> <a href=" java&#10;script:alert(10)">j</a> </div></body>

```python
print("<script>")
```
"""


ACTIVE = {"script", "style", "iframe", "form", "input", "svg", "math", "base", "meta", "link", "object", "embed"}


class Acts(HTMLParser):
    """Finds what a browser would run, load, or take for the page's own."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ACTIVE:
            self.found.append(tag)
        for name, value in attrs:
            text = re.sub(r"\s", "", value or "").lower()
            if name.startswith("on") or name in ("id", "name", "style") or re.search("script:|^data:text", text):
                self.found.append(f"{tag} {name}={value}")
            if name == "src" and not text.startswith("data:image/png"):
                self.found.append(f"{tag} {name}={value}")
            if name == "class" and text in ("score", "comment", "tabbable"):
                self.found.append(f"{tag} {name}={value}")


def acts(html: str) -> list[str]:
    parser = Acts()
    parser.feed(html)
    return parser.found


@pytest.fixture
def root(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Path:
    return books.course(tmp_path_factory.getbasetemp() / f"{tmp_path.name}-course")


def page(root: Path, record: Record) -> str:
    book = Gradebook(root, NAME)
    assert book.record([record]) == {} and book.feedback([record.student]) == {}
    return (root / "feedback" / record.student / NAME / f"{NAME}.html").read_text("utf-8")


def markdown_cell(record: Record, source: str) -> None:
    cell = {"cell_type": "markdown", "id": "mine", "metadata": {}, "source": source}
    record.notebook["cells"].insert(1, cell)


def output(record: Record, data: dict[str, str], graded: bool = False) -> None:
    for cell in record.notebook["cells"]:
        if cell["cell_type"] == "code" and bool(cell["metadata"].get("nbgrader", {}).get("grade")) == graded:
            cell["outputs"].append({"output_type": "display_data", "data": data, "metadata": {}})
            return


def test_markdown_that_would_act_is_shown_as_text() -> None:
    html = safe_html(HOSTILE)
    assert acts(HOSTILE) and acts(html) == []
    assert "&lt;script&gt;alert(1)" in html
    assert '<span class="nb">print</span>' in html, "code is highlighted"


def test_ordinary_markdown_looks_as_before() -> None:
    source = (
        "## A heading\n\nSome *text*, `code`, $x^2$ and [a link](https://example.org).\n\n"
        "| a | b |\n|---|---|\n| 1 | 2 |\n\n1. one\n2. two\n\n<details><summary>More</summary>here</details>\n"
    )
    html = safe_html(source)
    for part in (
        "<h2>",
        "<em>text</em>",
        "<code>code</code>",
        "$x^2$",
        'href="https://example.org"',
        "<td>1</td>",
        "<ol>",
    ):
        assert part in html, part
    assert "<details><summary>More</summary>here</details>" in html


def test_the_page_has_story_points_and_comment_but_nothing_that_acts(root: Path) -> None:
    record = books.record("ada", 0.5)
    plain = len(acts(page(root, books.record("bob", 0.5))))
    markdown_cell(record, HOSTILE)
    output(
        record,
        {"text/html": "<script>alert(11)</script>", "image/svg+xml": "<svg onload=alert(12)>", "text/plain": "mine"},
    )
    output(record, {"application/javascript": "alert(13)", "text/markdown": "<script>alert(14)</script>"})
    found = page(root, record)
    assert len(acts(found)) == plain, "only what nbgrader's template has"
    assert "alert(11)" not in found and "alert(13)" not in found and ">mine" in found
    assert "<p>5.3 is worth 2</p>" in found
    assert f"{NAME} (Score: 10.0 / 20.0)" in found
    assert "HIDDEN" not in found


def test_the_list_of_points_names_the_exercises(root: Path) -> None:
    found = page(root, books.record("ada"))
    assert ">5.1 internet_checksum</a> (Score:" in found and "Test cell" not in found


def test_brackets_that_a_pattern_would_try_for_ever_are_soon_on_the_page(root: Path) -> None:
    record = books.record("ada")
    markdown_cell(record, "![x](files/" * 700)
    assert "![x](files/![x](files/" in page(root, record)


def test_an_exchange_lies_beside_the_page_and_in_it(root: Path) -> None:
    record = books.record("ada", 0.0)
    record.verdicts[2].pcap = b"\xd4\xc3\xb2\xa1 a capture"
    found = page(root, record)
    folder = root / "feedback" / "ada" / NAME
    assert (folder / "5.3-answer.pcap").read_bytes() == b"\xd4\xc3\xb2\xa1 a capture"
    [data] = re.findall(
        r'download="5\.3-answer\.pcap" href="data:application/vnd\.tcpdump\.pcap;base64,([^"]+)"', found
    )
    assert base64.b64decode(data) == record.verdicts[2].pcap
    assert len(list(folder.glob("*.pcap"))) == 1


def test_a_page_changes_with_the_points_given_by_hand(root: Path) -> None:
    page(root, books.record("ada", 0.5))
    book = Gradebook(root, NAME)
    with api.Gradebook(book.url) as nbgraders:
        nbgraders.find_grade("check-5-1", NAME, NAME, "ada").manual_score = 2.0
        nbgraders.find_comment("exercise-5-1", NAME, NAME, "ada").manual_comment = "Well told <script>alert(1)</script>"
        nbgraders.db.commit()
    assert book.feedback(["ada"]) == {}
    found = (root / "feedback" / "ada" / NAME / f"{NAME}.html").read_text("utf-8")
    assert "(Score: 11.0 / 20.0)" in found and "Well told &lt;script&gt;" in found


def test_unsafe_grading_is_said_on_the_page(root: Path) -> None:
    assert "Graded without a sandbox" in page(root, books.record("ada", unsafe=True, notes=["a cell was put back"]))
    assert "a cell was put back" in (root / "feedback" / "ada" / NAME / f"{NAME}.html").read_text()
    assert "Graded without a sandbox" not in page(root, books.record("bob"))


def test_nbgraders_command_writes_the_same_page_and_one_without_grades_gets_none(root: Path) -> None:
    record = books.record("ada", 0.5)
    markdown_cell(record, HOSTILE)
    record.verdicts[0].pcap = b"a capture"
    ours = page(root, record)
    assert nbgrader(f"generate_feedback --force {NAME}", root) == 0
    assert (root / "feedback" / "ada" / NAME / f"{NAME}.html").read_text("utf-8") == ours
    assert (root / "feedback" / "ada" / NAME / "5.1-answer.pcap").read_bytes() == b"a capture"
    assert list(Gradebook(root, NAME).feedback(["nobody", "ada"])) == ["nobody"]


def test_a_notebook_that_nbgrader_graded_before_shows_no_hidden_test(root: Path) -> None:
    record = books.record("ada")
    for cell in record.notebook["cells"]:
        if cell["metadata"].get("nbgrader", {}).get("grade_id") == "check-5-1":
            cell["source"] = "### BEGIN HIDDEN TESTS\nsecret_test()\n### END HIDDEN TESTS\ncheck(1)"
    found = page(root, record)
    assert "secret_test" not in found and "check" in found
