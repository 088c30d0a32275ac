"""The notation of a chapter's source, and what is said about a source that is wrong."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from netlib.authoring.chapter import AuthoringError, Chapter, find_chapters, find_root
from netlib.authoring.source import Source, read

DECLARED = {
    "5.1": SimpleNamespace(name="parse_header", points=2, credit={}),
    "5.2": SimpleNamespace(name="internet_checksum", points=4, credit={}),
    "6.1": SimpleNamespace(name="echo", points=3, credit={}),
}
IMPORTS = """\
# %%
from netlib.grading import NotImplementedYet, check
"""
SOLUTION = """
# %% solution="5.2"
def internet_checksum(data: bytes) -> int:
    ### BEGIN SOLUTION
    return 1
    ### END SOLUTION
"""
CHECK = """
# %% check="5.2"
check("5.2", internet_checksum)
"""


def read_text(tmp_path: Path, text: str, name: str = "05-ip-packet") -> Source:
    chapter = Chapter(tmp_path, name)
    chapter.folder.mkdir(parents=True, exist_ok=True)
    chapter.source.write_text(text)
    return read(chapter, DECLARED.__getitem__)


def test_a_whole_exercise(tmp_path: Path) -> None:
    source = read_text(tmp_path, "# %% [markdown]\n# # Title\n\n" + IMPORTS + SOLUTION + CHECK)
    title, _, solution, check = source.notebook.cells
    assert source.lines == [1, 4, 7, 13]
    assert title.cell_type == "markdown" and title.source == "# Title"
    assert solution.metadata.nbgrader.solution and not solution.metadata.nbgrader.grade
    assert solution.metadata.netlib.exercise == "5.2 internet_checksum"
    assert check.metadata.nbgrader.grade and check.metadata.nbgrader.locked
    assert check.metadata.nbgrader.points == 4
    assert check.source.splitlines() == [
        "### BEGIN HIDDEN TESTS",
        "from netlib.grading import grade",
        'grade("5.2", internet_checksum)',
        "### END HIDDEN TESTS",
        'check("5.2", internet_checksum)',
    ]


def test_words_become_tags_and_notes(tmp_path: Path) -> None:
    more = '\n# %% needs="5.2" live tags=["wide"]\ninternet_checksum(b"")\n\n# %% live\n1\n'
    *_, needing, live = read_text(tmp_path, IMPORTS + SOLUTION + CHECK + more).notebook.cells
    assert needing.metadata.netlib.needs == ["5.2"]
    assert needing.metadata.tags == ["wide", "nbval-ignore-output"]
    assert live.metadata == {"tags": ["nbval-ignore-output"]}


def test_ids_say_the_same_when_cells_do_and_differ_otherwise(tmp_path: Path) -> None:
    text = IMPORTS + SOLUTION + CHECK + "\n# %%\nprint(1)\n\n# %%\nprint(1)\n\n# %% [markdown]\n# print(1)\n"
    ids = [cell.id for cell in read_text(tmp_path, text).notebook.cells]
    assert len(set(ids)) == len(ids)
    assert ids[1:3] == ["exercise-5-2", "check-5-2"]
    above = "# %%\n'a new cell'\n\n"
    assert [cell.id for cell in read_text(tmp_path, above + text).notebook.cells][1:] == ids


def test_an_earlier_chapters_exercise_may_be_needed(tmp_path: Path) -> None:
    (cell,) = read_text(tmp_path, '# %% needs="5.2"\nx\n', "06-icmp").notebook.cells
    assert cell.metadata.netlib.needs == ["5.2"]


WRONG = {
    "twice solved": (IMPORTS + SOLUTION + CHECK + SOLUTION, 13, "has a solution on line 4, too"),
    "twice checked": (IMPORTS + SOLUTION + CHECK + CHECK, 13, "is checked on line 10, too"),
    "never checked": (IMPORTS + SOLUTION, 4, "exercise 5.2 has no check"),
    "check without a solution": (IMPORTS + CHECK, 4, "exercise 5.2 has no solution above"),
    "solution after its check": (IMPORTS + CHECK + SOLUTION, 4, "exercise 5.2 has no solution above"),
    "unknown exercise": (IMPORTS + SOLUTION.replace("5.2", "5.9"), 4, "no exercise 5.9 is declared"),
    "another number in the call": (
        IMPORTS + SOLUTION + CHECK.replace('("5.2"', '("5.1"'),
        10,
        "0 calls of check('5.2'",
    ),
    "no region": (IMPORTS + "\n# %% solution='5.2'\nx = 1\n", 4, "no solution region"),
    "no END": (IMPORTS + SOLUTION.replace("    ### END SOLUTION\n", ""), 4, "without an END"),
    "no BEGIN": (IMPORTS + SOLUTION.replace("    ### BEGIN SOLUTION\n", ""), 7, "without a BEGIN"),
    "nested": (IMPORTS + SOLUTION.replace("return 1", "### BEGIN SOLUTION"), 7, "inside another region"),
    "half a marker": (IMPORTS + SOLUTION.replace("### END", "# END"), 8, "something beside it"),
    "outside a function": (
        IMPORTS + "\n# %% solution='5.2'\n### BEGIN SOLUTION\nx\n### END SOLUTION",
        5,
        "outside a f",
    ),
    "outside a solution cell": (IMPORTS + SOLUTION.replace(' solution="5.2"', ""), 4, "outside a solution cell"),
    "unknown word": ("# %% solved='5.2'\nx\n", 1, "unknown word 'solved'"),
    "unknown title": ("# %% lively\nx\n", 1, "unknown word 'lively'"),
    "text first": ("import x\n\n# %%\nx\n", 1, "text before the first cell"),
    "empty": ("", 1, "text before the first cell"),
    "marked text": ('# %% [markdown] solution="5.2"\n# x\n', 1, "only code cells"),
    "no import": (SOLUTION.lstrip() + CHECK, 1, "NotImplementedYet is never imported"),
    "needs what comes later": (IMPORTS + "\n# %% needs='5.2'\nx\n" + SOLUTION + CHECK, 4, "needs exercise 5.2"),
    "needs what is not": ("# %% needs='7.7'\nx\n", 1, "no exercise 7.7 is declared"),
}


@pytest.mark.parametrize(("text", "line", "what"), WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_is_said_in_one_line_with_file_line_and_fix(
    tmp_path: Path, text: str, line: int, what: str
) -> None:
    with pytest.raises(AuthoringError) as caught:
        read_text(tmp_path, text)
    message = str(caught.value)
    assert message.startswith(f"solutions/05-ip-packet/05-ip-packet.py:{line}: "), message
    assert what in message
    assert "; " in message and "\n" not in message


def test_not_utf8(tmp_path: Path) -> None:
    chapter = Chapter(tmp_path, "05-ip-packet")
    chapter.folder.mkdir(parents=True)
    chapter.source.write_bytes(b"# %%\n'\xff'\n")
    with pytest.raises(AuthoringError, match="not UTF-8 text"):
        read(chapter, DECLARED.__getitem__)


def test_chapters_are_found_by_number_or_name(tmp_path: Path) -> None:
    for name in ("06-icmp", "05-ip-packet", "notes", "07-empty"):
        (tmp_path / "solutions" / name).mkdir(parents=True)
        if name != "07-empty":
            (tmp_path / "solutions" / name / f"{name}.py").touch()
    names = [chapter.name for chapter in find_chapters(tmp_path)]
    assert names == ["05-ip-packet", "06-icmp"]
    assert [find_chapters(tmp_path, which)[0].name for which in ("5", "06", "05-ip-packet")] == [
        names[0],
        names[1],
        names[0],
    ]
    with pytest.raises(AuthoringError, match=r"no chapter '7' with .*; there are: 05-ip-packet, 06"):
        find_chapters(tmp_path, "7")


def test_the_course_is_found_from_inside(tmp_path: Path) -> None:
    inside = tmp_path / "solutions" / "05-ip-packet"
    inside.mkdir(parents=True)
    with pytest.raises(AuthoringError, match="not inside the course"):
        find_root(inside)
    (tmp_path / "nbgrader_config.py").touch()
    assert find_root(inside) == tmp_path
