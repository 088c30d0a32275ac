"""A program gives what running the notebook from top to bottom gives, and runs no more than it needs."""

from __future__ import annotations

import contextlib
import io
from typing import Any

import pytest
from instructor import editors as edit
from instructor.editors import Notebook

from netlib.grading import exercise
from netlib.instructor.program import Asked, Program, asked, is_check, program, text_of
from netlib.instructor.repair import repair
from netlib.instructor.statements import names_in, statements
from netlib.instructor.syntax import plain_python, stands_alone

CHAPTERS = ["05-ip-packet", "06-icmp"]
SOLUTIONS = edit.solutions()


class Shell:
    """get_ipython(): magics do nothing."""

    def __getattr__(self, name: str) -> Any:
        return lambda *args, **kwargs: None


def run(cells: list[str], names: dict[str, Any]) -> dict[str, Any]:
    """Run cells; an exception ends its cell only."""
    names |= {"__name__": "student", "get_ipython": Shell}
    for source in cells:
        with contextlib.suppress(BaseException), contextlib.redirect_stdout(io.StringIO()):
            exec(compile(plain_python(source), "<cell>", "exec"), names)
    return names


def verdict(number: str, names: dict[str, Any], answer: str) -> tuple[str, str]:
    """How an answer does on the pinned inputs beside netlib's own: quicker than a check."""
    try:
        value = eval(answer, names)
    except Exception as error:
        return "no answer", type(error).__name__
    item = exercise(number)
    cases = list(item.pinned.values() if isinstance(item.pinned, dict) else item.pinned)[:12]
    found = [outcome(value, case) for case in cases]
    if any("NotImplementedYet" in each for each in found):
        return "waiting", str(found)
    return "passed" if found == [outcome(item.reference, case) for case in cases] else "failed", str(found)


def outcome(answer: Any, case: Any) -> str:
    """What comes of one input, or of a list of steps with an object."""
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            if isinstance(case, list):
                made = answer(*(case[0][1:] if case[0][0] == "new" else ()))
                return repr(
                    [getattr(made, name)(*args) for name, *args in case if name != "new" and hasattr(made, name)]
                )
            result = answer(*case)
            return repr(sorted(result.items()) if isinstance(result, dict) else result)
    except Exception as error:
        return "rejected" if isinstance(error, ValueError) else type(error).__name__


def top_to_bottom(notebook: Notebook, question: Asked) -> tuple[str, str]:
    """What the student sees at a check after Restart and Run All."""
    end = edit.at(notebook, question.grade_id)
    codes = [cell for cell in notebook["cells"][:end] if cell["cell_type"] == "code"]
    cells = [text_of(cell) for cell in codes if not is_check(cell)]  # which change nothing, and take long
    return verdict(question.number, run(cells, {}), question.answer)


def programs(notebook: Notebook, chapter: str = "05-ip-packet") -> dict[str, Program]:
    release = edit.released(chapter)
    made = repair(release, edit.handed_in(notebook)).notebook
    return {question.number: program(made, release, question.grade_id) for question in asked(release)}


def graded(notebook: Notebook, number: str, chapter: str = "05-ip-packet") -> tuple[str, str]:
    found = programs(notebook, chapter)[number]
    return verdict(number, run([source for _, source in found.cells], {}), found.answer)


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_what_a_release_asks(chapter: str) -> None:
    questions = asked(edit.released(chapter))
    assert [question.number for question in questions] == [
        f"{int(chapter[:2])}.{n}" for n in range(1, len(questions) + 1)
    ]
    assert all(question.before == "" and question.points > 0 for question in questions)


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_solved_and_fresh_notebooks_get_what_the_notebook_gives(chapter: str) -> None:
    for notebook, status in ((edit.solved(chapter), "passed"), (edit.released(chapter), "waiting")):
        for question in asked(edit.released(chapter)):
            found = graded(notebook, question.number, chapter)
            assert found == top_to_bottom(notebook, question)
            assert found[0] == status


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_chapters_demonstrations_are_not_run(chapter: str) -> None:
    for found in programs(edit.solved(chapter), chapter).values():
        text = "\n".join(source for _, source in found.cells)
        assert "check(" not in text and "show(" not in text and "Lab(" not in text and "sim.run(ping" not in text
        labels = [label for label, _ in found.cells]
        assert len(set(labels)) == len(labels)


def with_helper_from_the_chapter() -> Notebook:
    """Uses `packet` and `checksum`, which loops and a Host's cells above have made."""
    notebook = edit.solved()
    source = "def internet_checksum(data):\n    return checksum if data == packet[:20] else known(data)"
    edit.cell(notebook, "exercise-5-1")["source"] = source
    known = SOLUTIONS["exercise-5-1"].replace("internet_checksum", "known")
    edit.insert(notebook, known, before="exercise-5-1")
    return notebook


def with_a_name_that_a_later_cell_binds_anew() -> Notebook:
    """`fields` is the student's in 5.2, and a demonstration's below its check: what 5.3 meets is the latter."""
    notebook = edit.solved()
    edit.cell(notebook, "exercise-5-2")["source"] = "fields = None\n\n\n" + SOLUTIONS["exercise-5-2"]
    edit.cell(notebook, "exercise-5-3")["source"] = SOLUTIONS["exercise-5-3"].replace(
        "    if len(data) < 20:", "    assert fields is None\n    if len(data) < 20:"
    )
    return notebook


def with_a_changed_demonstration() -> Notebook:
    """`header` is changed far above, and a solution uses it."""
    notebook = edit.solved()
    edit.cell(notebook, "94fa6becf980")["source"] = "header = message = b'mine'"
    edit.cell(notebook, "exercise-5-1")["source"] = "assert header == b'mine'\n" + SOLUTIONS["exercise-5-1"]
    return notebook


def with_a_demonstration_made_text() -> Notebook:
    notebook = edit.solved()
    edit.convert(notebook, "94fa6becf980", "raw")
    edit.cell(notebook, "exercise-5-1")["source"] = "header\n" + SOLUTIONS["exercise-5-1"]
    return notebook


def with_the_chapters_function_replaced() -> Notebook:
    """The chapter's `builds` is defined anew by the student, above it: the chapter's wins."""
    notebook = edit.solved()
    edit.insert(notebook, "def builds(n):\n    return 'mine'", after="94fa6becf980")
    edit.cell(notebook, "exercise-5-1")["source"] = "assert builds(1) is True\n" + SOLUTIONS["exercise-5-1"]
    return notebook


def with_two_answers() -> Notebook:
    notebook = edit.solved()
    edit.insert(notebook, "def build_header(fields, payload_length): return b''", after="exercise-5-2")
    edit.insert(notebook, "def parse_header(data): return {}", after="check-5-3")
    return notebook


def with_failing_cells() -> Notebook:
    notebook = edit.solved()
    edit.insert(notebook, "import nothing_of_that_name\nLATE = 1", after="e65967f0c7e3")
    edit.insert(notebook, "x = (", after="e65967f0c7e3")
    edit.insert(notebook, "raise SystemExit", after="e65967f0c7e3")
    edit.cell(notebook, "exercise-5-4")["source"] = "LATE\n" + SOLUTIONS["exercise-5-4"]
    return notebook


def with_magic() -> Notebook:
    notebook = edit.solved()
    edit.cell(notebook, "exercise-5-1")["source"] = "%%time\n" + SOLUTIONS["exercise-5-1"]
    edit.cell(notebook, "exercise-5-2")["source"] = "%matplotlib inline\n!ls\n" + SOLUTIONS["exercise-5-2"]
    edit.insert(notebook, "%time TWENTY = 20\nlen?", before="exercise-5-3")
    edit.cell(notebook, "exercise-5-3")["source"] = SOLUTIONS["exercise-5-3"].replace("< 20", "< TWENTY")
    edit.cell(notebook, "exercise-5-4")["source"] = "%%timeit\n" + SOLUTIONS["exercise-5-4"]  # defines nothing
    return notebook


def with_names_from_afar() -> Notebook:
    """globals() and eval may use any name."""
    notebook = edit.solved()
    edit.cell(notebook, "exercise-5-1")["source"] = "globals()['pac' + 'ket'][0]\n" + SOLUTIONS["exercise-5-1"]
    return notebook


def with_state_that_a_demonstration_changes() -> Notebook:
    notebook = edit.solved()
    edit.cell(notebook, "exercise-5-1")["source"] = "assert not h2.outbox and h2.dropped\n" + SOLUTIONS["exercise-5-1"]
    return notebook


def with_an_error_before_the_definition() -> Notebook:
    notebook = edit.solved()
    edit.cell(notebook, "exercise-5-1")["source"] = "1 / 0\n" + SOLUTIONS["exercise-5-1"]
    return notebook


VARIANTS = [value for name, value in list(globals().items()) if name.startswith("with_")]


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.__name__)
def test_a_program_gives_what_the_notebook_gives(variant: Any) -> None:
    notebook = variant()
    statuses = []
    for question in asked(edit.released())[:5]:
        found = graded(notebook, question.number)
        assert found == top_to_bottom(notebook, question), question.number
        statuses.append(found[0])
    assert "passed" in statuses
    if variant in (with_a_name_that_a_later_cell_binds_anew, with_two_answers, with_magic, with_failing_cells):
        assert set(statuses) != {"passed"}, "the variant tests nothing"


def test_a_check_of_more_than_a_line() -> None:
    release = edit.released()
    edit.cell(release, "check-5-1")["source"] = (
        "from functools import partial\nf = partial(internet_checksum)\ncheck('5.1', f)"
    )
    question = asked(release)[0]
    assert (question.before, question.answer) == ("from functools import partial\nf = partial(internet_checksum)", "f")
    found = program(edit.solved(), release, "check-5-1")
    assert found.cells[-1] == ("check", question.before)
    assert verdict("5.1", run([source for _, source in found.cells], {}), "f")[0] == "passed"


def test_a_graded_cell_without_a_check_is_refused() -> None:
    release = edit.released()
    edit.cell(release, "check-5-1")["source"] = "assert True"
    with pytest.raises(ValueError, match="graded cell check-5-1"):
        asked(release)
    with pytest.raises(KeyError, match="check-9-9"):
        program(edit.released(), edit.released(), "check-9-9")


def test_lines_of_the_chapters_cells_keep_their_numbers() -> None:
    found = programs(with_helper_from_the_chapter())["5.1"]
    cells = edit.released()["cells"]
    numbered = 0
    for label, source in found.cells:
        if label.startswith("cell ") and "import" not in label:
            position = int(label.split()[1])
            lines = text_of(cells[position - 1]).split("\n") if position < 18 else source.split("\n")
            for at, line in enumerate(source.split("\n")):
                assert line in ("", lines[at])
                numbered += bool(line)
    assert numbered > 20


@pytest.mark.parametrize(
    ("source", "plain"),
    [
        ("x = 1\ny", "x = 1\ny"),
        ("%matplotlib inline\nx = 1", "get_ipython().run_line_magic('matplotlib', 'inline')\nx = 1"),
        ("%%time\nx = 1", "\nx = 1"),
        ("\n%%capture out --no-stderr\n%%time\nx = 1", "\n\n\nx = 1"),
        ("%time x = f(1)", "x = f(1)"),
        ("if 1:\n    %time x = f(1)", "if 1:\n    x = f(1)"),
        ("%%bash\nrm -rf /", "get_ipython().run_cell_magic('bash', '', 'rm -rf /\\n')"),
        ("!ls", "get_ipython().system('ls')"),
        ("files = !ls", "files = get_ipython().getoutput('ls')"),
        ("len?", "get_ipython().run_line_magic('pinfo', 'len')"),
        (">>> x = 1\n... ", "x = 1"),
        ("    x = 1\n    y = 2", "x = 1\ny = 2"),
        ("x = '''\n%time y\n'''", "x = '''\n%time y\n'''"),
        ("x = (", "x = ("),
        ("%time x = (\n1)", "get_ipython().run_line_magic('time', 'x = (')\n1)"),
    ],
)
def test_ipython_becomes_python(source: str, plain: str) -> None:
    assert plain_python(source).rstrip("\n") == plain


def test_a_cell_full_of_magic_is_left_alone() -> None:
    source = "%time x\n" * 1000
    assert plain_python(source) == source
    assert plain_python("(" * 300_000) == "(" * 300_000


@pytest.mark.parametrize(
    "source", ["-" * 100_000 + "1", "(" * 5_000, "[" * 20_000, "x" + ".a" * 60_000, "\\\n" * 50_000, "a\0b"]
)
def test_sources_that_parsers_choke_on(source: str) -> None:
    notebook = edit.solved()
    edit.cell(notebook, "exercise-5-2")["source"] = source
    assert graded(notebook, "5.1")[0] == "passed"
    assert graded(notebook, "5.2")[0] == "no answer"


@pytest.mark.parametrize(
    ("source", "alone"),
    [
        ("def f():\n    x = 1", True),
        ("    return x", False),
        ("    def method(self):\n        return 1", False),
        ("# a comment\n    return x", False),
        ("x = (1,", False),
        ("return 1", False),
        ("await x", True),
        ("%time x = 1", True),
        ("", True),
    ],
)
def test_what_stands_alone(source: str, alone: bool) -> None:
    assert stands_alone(source) == alone


def test_names_of_a_statement() -> None:
    (found,) = statements("@deco\ndef f(x: A = D) -> R:\n    global g\n    g = h + x\n    return [i for i in more]")
    assert (found.first, found.last, found.binds, found.changes) == (1, 5, {"f"}, {"g"})
    assert found.uses_now >= {"deco", "A", "D", "R"} and found.uses_later == {"h", "more"}
    (found,) = statements("a.b[0] = c(d, [e for e in k])")
    assert (found.changes, found.touches, found.binds) == ({"a"}, {"d"}, frozenset())
    assert names_in("x = [y for z in w]\ndef f(q): return q + r") == {"y", "w", "r"}


def test_many_large_cells_take_bounded_time_and_memory() -> None:
    notebook = edit.solved()
    notebook["cells"][1:1] = [edit.code(f"x{n} = [" + "[]," * 5_000 + "]") for n in range(10)]
    assert len(programs(notebook)["5.1"].cells) > 10
