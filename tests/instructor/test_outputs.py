"""What of handed-in outputs is shown, and what nbgrader reads from a verdict's."""

import base64
import json
import struct
import zlib

import nbformat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nbgrader.utils import determine_grade

from netlib.instructor.outputs import IMAGES, OUTPUTS, PIXELS, TEXT, clean, keep, picture, verdict_outputs
from netlib.instructor.record import Verdict


def png(width: int = 1, height: int = 1, *more: tuple[bytes, bytes]) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    parts = [(b"IHDR", header), *more, (b"IDAT", zlib.compress(b"\0\0")), (b"IEND", b"")]
    chunks = (struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in parts)
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def verdict(points: float, of: float = 4, status: str = "failed", **more: str) -> Verdict:
    return Verdict("5.2", "build_header", "check-5-2", points, of, status, "5.2 build_header: so so", **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("points", [0, 0.25, 1, 1 / 3, 2.5, 3.999, 4])
def test_nbgrader_reads_exactly_the_verdicts_points(points: float) -> None:
    cell = nbformat.v4.new_code_cell(
        "check()", outputs=[nbformat.from_dict(o) for o in verdict_outputs(verdict(points))]
    )
    cell.metadata["nbgrader"] = {"grade": True, "solution": False, "points": 4, "grade_id": "check-5-2"}
    nbformat.validate(nbformat.v4.new_notebook(cells=[cell]))
    assert determine_grade(cell) == (points, 4)


@pytest.mark.parametrize("points", [-1, 4.5, float("nan"), float("inf")])
def test_points_that_an_exercise_does_not_have_are_refused(points: float) -> None:
    with pytest.raises(ValueError, match=r"exercise 5\.2"):
        verdict_outputs(verdict(points))


def test_a_verdict_shows_its_story() -> None:
    shown, error = verdict_outputs(verdict(0, text="a story", html="<b>a story</b>", status="waiting"))
    assert shown["data"] == {"text/plain": "a story", "text/html": "<b>a story</b>"}
    assert (error["ename"], error["evalue"]) == ("NotImplementedYet", "5.2 build_header: so so")


def test_only_text_and_images_are_kept() -> None:
    kept = keep(
        [
            {"output_type": "stream", "name": "stdout", "text": ["one\n", "two"]},
            {
                "output_type": "display_data",
                "data": {"text/html": "<script>", "text/plain": "<p>"},
                "metadata": {"a": 1},
            },
            {"output_type": "display_data", "data": {"application/javascript": "alert(1)", "image/svg+xml": "<svg>"}},
            {"output_type": "execute_result", "data": {"image/png": encoded(png())}},
            {"output_type": "error", "ename": "E", "evalue": "v", "traceback": ["\x1b[31mE\x1b[0m", "v"]},
            {"output_type": "update_display_data", "data": {"text/plain": "no"}},
        ]
    )
    assert kept == [
        {"output_type": "stream", "name": "stdout", "text": "one\ntwo"},
        {"output_type": "display_data", "data": {"text/plain": "<p>"}, "metadata": {}},
        {"output_type": "display_data", "data": {"image/png": encoded(png())}, "metadata": {}},
        {"output_type": "error", "ename": "E", "evalue": "v", "traceback": ["E", "v"]},
    ]
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(outputs=[nbformat.from_dict(o) for o in kept])]
    )
    nbformat.validate(notebook)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07after", "after"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b]52;c;never closed", ""),
        ("\x9b31mred", "red"),
        ("10 %\r50 %\r100 %\ndone", "100 %\ndone"),
        ("100 %\r\ndone\r\n", "100 %\ndone\n"),
        ("a\x00b\x07c\x7fd\x85e", "abcde"),
        ("\u202etxt.exe", "txt.exe"),
        ("\ud800", "\ufffd"),
        ("tab\tand\nline", "tab\tand\nline"),
        ("naïve 🐍 日本", "naïve 🐍 日本"),
    ],
)
def test_text_holds_no_terminal_escapes(text: str, shown: str) -> None:
    assert clean(text) == shown


@settings(deadline=None)  # other tests may run at the same time
@given(st.text(alphabet=st.characters(), max_size=30) | st.text(alphabet="\x1b[]0;m\x07\r\n\\Pa\x9b", max_size=30))
def test_clean_text_has_no_control_character_left(text: str) -> None:
    shown = clean(text)
    assert not any(ord(letter) < 32 and letter not in "\t\n" for letter in shown)
    assert clean(shown) == shown
    shown.encode()


@pytest.mark.parametrize(
    "data",
    [b"", b"GIF89a", png()[:-1], png()[:20], png().replace(b"IHDR", b"IHDX"), png(PIXELS, 2), b"\x89PNG\r\n\x1a\n"],
    ids=["nothing", "GIF", "cut short", "half a header", "no header", "huge", "empty"],
)
def test_what_only_says_it_is_an_image_is_dropped(data: bytes) -> None:
    assert picture(encoded(data)) == ""
    assert keep([{"output_type": "display_data", "data": {"image/png": encoded(data)}}]) == []


def test_an_image_loses_what_does_not_make_the_picture() -> None:
    with_text = png(1, 1, (b"tEXt", b"Comment\0<script>"), (b"iCCP", b"x" * 100)) + b"<script>and more"
    assert picture(encoded(with_text)) == encoded(png())


def test_outputs_are_bounded() -> None:
    many = [{"output_type": "stream", "name": "stdout", "text": "x" * 10 * TEXT}] * 10 * OUTPUTS
    kept = keep(many)
    assert len(kept) == OUTPUTS + 1
    assert len(json.dumps(kept)) < OUTPUTS * (TEXT + 200)
    images = [{"output_type": "display_data", "data": {"image/png": encoded(png())}}] * 10 * IMAGES
    assert len(keep(images)) == IMAGES


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from(["output_type", "data", "text", "traceback", "ename", "evalue", "name", "metadata"])
KINDS = st.sampled_from(["stream", "error", "display_data", "execute_result"])


@settings(deadline=None)  # other tests may run at the same time
@given(st.lists(st.dictionaries(KEYS, ANYTHING, max_size=4) | ANYTHING, max_size=4), KINDS)
def test_whatever_is_handed_in_what_is_kept_is_valid(outputs: list[object], kind: str) -> None:
    for output in outputs:
        if isinstance(output, dict):
            output.setdefault("output_type", kind)
    kept = keep(outputs)
    cell = nbformat.v4.new_code_cell(outputs=[nbformat.from_dict(output) for output in kept])
    nbformat.validate(nbformat.v4.new_notebook(cells=[cell]))
    assert keep(kept) == kept
