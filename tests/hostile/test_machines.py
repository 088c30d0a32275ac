"""Hostile answers in a conversation with the author's code: examined one by one, in this very process."""

from __future__ import annotations

import threading

import hostile.attacks  # noqa: F401 - registers them
import pytest
from hostile.desk import ATTACKS, ROOT, make
from hostile.machines import CHAPTER

from netlib.instructor import bubblewrap
from netlib.instructor.examiner import examine
from netlib.instructor.record import Task

pytestmark = pytest.mark.skipif(bool(bubblewrap.available()), reason=bubblewrap.available())
PLACES = {"DROP": "/nowhere", "EVIL": "evil"}


@pytest.mark.parametrize("name", [name for name, attack in ATTACKS.items() if attack.chapter == CHAPTER])
def test_the_checker_survives_and_pays_nothing(name: str) -> None:
    attack = ATTACKS[name]
    released = (ROOT / "course" / CHAPTER / f"{CHAPTER}.ipynb").read_bytes()
    threads = threading.active_count()
    record = examine(Task(CHAPTER, name, make(attack, PLACES), released, seed=4711))
    assert record.points == attack.earned, [verdict.message for verdict in record.verdicts]
    assert len(record.verdicts) == 5
    assert all(len(verdict.message) < 2000 and "\n" not in verdict.message for verdict in record.verdicts)
    assert threading.active_count() <= threads
