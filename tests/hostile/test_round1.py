"""What the first round of attack found: each attack alone, and the places that were mended."""

from __future__ import annotations

import json
import time

import pytest
from hostile import round1
from hostile.desk import ATTACKS, ROOT, make
from hostile.world import MARK

from netlib.grading import exercise
from netlib.grading.search import Search
from netlib.instructor import bubblewrap
from netlib.instructor.examiner import examine
from netlib.instructor.feedback import safe_html
from netlib.instructor.record import Record, Task
from netlib.instructor.repair import in_conflict
from netlib.instructor.syntax import plain_python
from netlib.instructor.workers import examined

CHAPTER = "05-ip-packet"
FOUND = [name for name, attack in ATTACKS.items() if attack.make.__module__ == round1.__name__]
needs_a_sandbox = pytest.mark.skipif(bool(bubblewrap.available()), reason=bubblewrap.available())


def record_of(name: str) -> Record:
    released = json.loads((ROOT / "course" / CHAPTER / f"{CHAPTER}.ipynb").read_text("utf-8"))
    task = Task(CHAPTER, name, make(ATTACKS[name], {}), json.dumps(released).encode(), seed=55)
    return Record.from_json(examined(task, examine))


@needs_a_sandbox
@pytest.mark.parametrize("name", FOUND)
def test_it_gets_what_it_has_earned_and_tells_nothing(name: str) -> None:
    record = record_of(name)
    assert [verdict.number for verdict in record.verdicts] == ["5.1", "5.2", "5.3", "5.4", "5.5", "5.6"]
    assert sum(verdict.points for verdict in record.verdicts) == ATTACKS[name].earned
    assert MARK + name not in record.to_json()
    assert "the checker failed" not in record.to_json()
    assert record.seconds < 200
    assert all(len(verdict.text) < 200_000 for verdict in record.verdicts)


def test_what_is_slow_on_pinned_inputs_is_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the notebook, too: a report, and no exception."""
    checked = exercise("5.1")
    always = property(lambda self: 100.0, lambda self, spent: None)
    monkeypatch.setattr("netlib.grading.sandbox.Sandbox.spent", always, raising=False)
    found = Search(checked, checked.reference, 1).run()
    assert found is not None and found.problem.kind == "slow"


def test_signals_of_the_checker_end_no_class() -> None:
    class Signal(BaseException):
        pass

    def examine_badly(task: Task) -> Record:
        raise Signal

    released = (ROOT / "course" / CHAPTER / f"{CHAPTER}.ipynb").read_bytes()
    record = Record.from_json(examined(Task(CHAPTER, "x", None, released, 1), examine_badly))
    assert "the checker failed: Signal" in record.look[0]


@pytest.mark.parametrize(
    ("source", "conflict"),
    [
        ("<<<<<<< a\nx\n=======\ny\n>>>>>>> b\n", True),
        ("x = 1\n<<<<<<< a\n=======\n>>>>>>> b", True),
        ("=======\n<<<<<<< a\n>>>>>>> b\n", False),
        ("<<<<<<< a\n======= x\n>>>>>>> b\n", False),
        ("'<<<<<<< a'\n'======='\n'>>>>>>> b'", False),
    ],
)
def test_conflicts_are_known(source: str, conflict: bool) -> None:
    assert in_conflict(source) is conflict


def test_texts_are_soon_on_their_page() -> None:
    began = time.process_time()
    cells = json.loads(make(ATTACKS["markdown_without_end"], {}))["cells"]
    for cell in cells:
        if cell["cell_type"] == "markdown":
            assert "<script" not in safe_html("".join(cell["source"]))
    assert time.process_time() - began < 20
    assert safe_html("<i>&" * 9_000).startswith("<pre>&lt;i&gt;&amp;")
    assert safe_html("*yes*").strip() == "<p><em>yes</em></p>"


def test_few_lines_of_magic_are_rewritten_in_long_cells_too() -> None:
    source = "!ls\n%time x = 1\n" + "y = 2\n" * 20_000
    assert "x = 1" in plain_python(source).splitlines()
    assert plain_python("%a\n" * 99 + "y = 2\n" * 20_000).startswith("%a")
