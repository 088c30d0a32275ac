"""Submissions whose feedback does something: script, markup, terminal escapes, in every place that a page shows."""

# ruff: noqa: E501 - students' code in strings

from __future__ import annotations

import base64

from hostile.desk import Desk, attack

SCRIPTS = """<script>alert("@EVIL@")</script><img src="x" onerror="alert('@EVIL@')"><svg onload="alert('@EVIL@')"></svg>
<iframe src="http://127.0.0.1:@PORT@/@EVIL@"></iframe><a href="javascript:alert('@EVIL@')">here</a>
<form action="http://127.0.0.1:@PORT@/@EVIL@"><input name="password"></form><base href="http://127.0.0.1:@PORT@/@EVIL@/">
<meta http-equiv="refresh" content="0;url=http://127.0.0.1:@PORT@/@EVIL@"><object data="http://127.0.0.1:@PORT@/@EVIL@"></object>
<link rel="stylesheet" href="http://127.0.0.1:@PORT@/@EVIL@.css"><style>@import url("http://127.0.0.1:@PORT@/@EVIL@");</style>
<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=alert('@EVIL@')&gt;"></table></math>
"""
ESCAPES = "\x1b]0;@EVIL@\x07\x1b[2J\x1b]8;;http://127.0.0.1/@EVIL@\x07\x9b31m\u202e\u2066\x08\x08\x00"


@attack("shows", control="shown")
def script_in_markdown(desk: Desk) -> None:
    """nbconvert passes a student's Markdown on as HTML: it runs in the instructor's browser, logged in to formgrader.
    """
    for at, source in enumerate((SCRIPTS, f"# {SCRIPTS}", "[x](javascript:alert('@EVIL@'))\n\n![x](javascript:alert('@EVIL@'))",
                                 "```<script>alert('@EVIL@')</script>\ncode\n```", "$$\\href{javascript:alert('@EVIL@')}{x}$$",
                                 "<script>alert('@EVIL@')//\n\n</script>")):  # fmt: skip
        cell = desk.add(source, before="exercise-5-1", cell_type="markdown", id=f"words-{at}")
        del cell["outputs"], cell["execution_count"]
        cell["attachments"] = {"x.png": {"text/html": desk.filled(SCRIPTS), "image/svg+xml": desk.filled(SCRIPTS)}}
    raw = desk.add(SCRIPTS, cell_type="raw", metadata={"raw_mimetype": "text/html", "format": "text/html"})
    del raw["outputs"], raw["execution_count"]


@attack("shows", control="shown")
def script_in_outputs(desk: Desk) -> None:
    """Outputs as handed in, of every type that a page renders; stock shows those of cells that it does not run again.
    """
    data = {
        "text/html": desk.filled(SCRIPTS),
        "image/svg+xml": desk.filled(f'<svg xmlns="http://www.w3.org/2000/svg">{SCRIPTS}</svg>'),
        "application/javascript": desk.filled("alert('@EVIL@')"),
        "text/markdown": desk.filled(SCRIPTS),
        "text/latex": desk.filled("$$\\href{javascript:alert('@EVIL@')}{x}$$" + SCRIPTS),
        "text/plain": desk.filled(SCRIPTS + ESCAPES),
        "image/png": base64.b64encode(desk.filled(SCRIPTS).encode()).decode() + '" onerror="alert(1)',
        "image/jpeg": '"><script>alert("' + desk.places["EVIL"] + '")</script>',
        "application/vnd.jupyter.widget-view+json": {"model_id": "x", "version_major": 2},
    }
    for cell in desk.notebook["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"] = [
                {"output_type": "display_data", "metadata": {"image/png": {"width": '1" onload="alert(1)'}}, "data": data},
                {"output_type": "execute_result", "execution_count": 1, "metadata": {}, "data": data},
                {"output_type": "stream", "name": '"><script>', "text": desk.filled(SCRIPTS + ESCAPES)},
                {"output_type": "error", "ename": desk.filled(SCRIPTS), "evalue": desk.filled(ESCAPES),
                 "traceback": [desk.filled(ESCAPES + SCRIPTS)]},
            ]  # fmt: skip


@attack("shows", control="shown")
def script_in_metadata(desk: Desk) -> None:
    """Titles, tags, languages and widget state stand in attributes and heads of the page, not all of them escaped."""
    evil = desk.filled('"></div><script>alert("@EVIL@")</script>')
    desk.notebook["metadata"] = {
        "title": evil,
        "authors": [{"name": evil}],
        "kernelspec": {"name": evil, "display_name": evil, "language": evil},
        "language_info": {"name": evil, "pygments_lexer": evil, "codemirror_mode": {"name": evil}, "mimetype": evil},
        "widgets": {"application/vnd.jupyter.widget-state+json": {"state": {evil: evil}, "x": "</script>" + evil}},
        "nbgrader": {"comment": evil},
    }
    for cell in desk.notebook["cells"]:
        cell["metadata"] |= {"tags": [evil, "hide_input"], "name": evil, "slideshow": {"slide_type": evil}}


@attack("shows")
def script_in_what_an_answer_says(desk: Desk) -> None:
    """Messages, class names, printed text, keys, the line of source itself: a report quotes all of these."""
    desk.add(f"SCRIPTS = {SCRIPTS + ESCAPES!r}\n")
    desk.answer(
        "5.1",
        """
def internet_checksum(data):
    raise type("E<script>alert('@EVIL@')</script>", (Exception,), {})(SCRIPTS)  # <script>alert("@EVIL@")</script>
""",
    )
    desk.answer("5.2", "def build_header(fields, n):\n    print(SCRIPTS)\n    return SCRIPTS\n")
    desk.answer("5.3", "def parse_header(data):\n    return {SCRIPTS: SCRIPTS, 'source': [SCRIPTS]}\n")
    desk.answer("5.4", "def decrement_ttl(packet):\n    return SCRIPTS.encode('utf-8', 'surrogatepass')\n")
    desk.answer(
        "5.5",
        """
class Shown:
    __qualname__ = "<script>alert('@EVIL@')</script>"
    def __repr__(self): return SCRIPTS
Shown.__qualname__ = "<script>alert('@EVIL@')</script>"
def fragment(packet, mtu): return Shown()
""",
    )
    desk.answer(
        "5.6",
        """
class Reassembler:
    def __init__(self, *args): pass
    def add(self, packet, now): raise RuntimeError(SCRIPTS)
    def expire(self, now): return [SCRIPTS]
    def deadline(self): return SCRIPTS
""",
    )


@attack("shows")
def words_of_the_checker(desk: Desk) -> None:
    """Text that looks like a verdict or like nbgrader's own forms, to fool a reader; surrogates and NULs that stop a
    writer.
    """
    for number in desk.functions():
        name = desk.functions()[number]
        desk.answer(
            number,
            f"""
def {name}(*args):
    print("\\ud800\\udfff\\x00 {number} {name}: passed: 11 pinned and 200 random inputs (4 points)")
    raise ValueError("\\ud800 not right\\n\\n{number} {name}: passed (4 points)\\x00\\x1b[32m\\r\\n\\u2028")
""",
        )


@attack("shows", control="shown")
def picture_that_fetches(desk: Desk) -> None:
    """An instructor who opens the feedback tells the student's server so: pictures, fonts, style sheets from
    elsewhere.
    """
    cell = desk.add("""![seen](http://127.0.0.1:@PORT@/@EVIL@.png) <img src="//127.0.0.1:@PORT@/@EVIL@.png">
<p style="background: url(http://127.0.0.1:@PORT@/@EVIL@)">x</p>
<video poster="http://127.0.0.1:@PORT@/@EVIL@"></video><audio src="http://127.0.0.1:@PORT@/@EVIL@" autoplay></audio>
""", before="exercise-5-1", cell_type="markdown")  # fmt: skip
    del cell["outputs"], cell["execution_count"]
