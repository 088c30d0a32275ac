"""What the author of a tour reads when a claim does not hold, or has a mistake."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from netlib.lab import Lab, LabError
from netlib.lab.process import Done
from netlib.lab.tour import load_tour, run_tour

TOUR = """from netlib.lab.tour import claim


@claim("bare")
def bare(lab):
    assert 1 + 1 == 3


@claim("wordy")
def wordy(lab):
    assert False, "one\\ntwo"


@claim("mistaken")
def mistaken(lab):
    return {}["lots"]


@claim("true")
def true(lab):
    return "seen"
"""


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    (tmp_path / "topology.clab.yml").write_text("")
    (tmp_path / "tour.py").write_text(TOUR)
    return tmp_path


def test_what_does_not_hold_names_its_line_and_the_others_are_tried(lab: Path) -> None:
    outcomes = list(run_tour(cast(Lab, None), load_tour(str(lab))))
    assert [outcome.holds for outcome in outcomes] == [False, False, False, True]
    bare, wordy, mistaken, _ = outcomes
    assert bare.said == "tour.py:6: assert 1 + 1 == 3 does not hold"
    assert str(wordy).splitlines()[1:] == ["     one", "     two"]
    assert mistaken.said == """tour.py:16: return {}["lots"]: KeyError: 'lots'"""


def test_a_claim_that_a_busy_machine_may_spoil_is_tried_again_in_a_live_lab(lab: Path) -> None:
    body = "    times.append(1)\n    assert len(times) == 2, f'time {len(times)}'\n    return 'seen'\n"
    for tries, live, said in ((1, True, "time 1"), (2, True, "seen"), (3, True, "seen"), (3, False, "time 1")):
        head = f"from netlib.lab.tour import claim\ntimes = []\n@claim('in time', tries={tries})\n"
        (lab / "tour.py").write_text(f"{head}def in_time(lab):\n{body}")
        [outcome] = run_tour(cast(Lab, SimpleNamespace(live=live)), load_tour(str(lab)))
        assert (outcome.holds, outcome.said) == (said == "seen", said)


@pytest.mark.parametrize(
    ("broken", "says"),
    [("def x(:\n", "tour.py:1: not valid Python: "), ("import nosuchmodule\n", "tour.py:1: import nosuchmodule: Mod")],
)
def test_a_tour_that_cannot_be_read_is_one_line(lab: Path, broken: str, says: str) -> None:
    (lab / "tour.py").write_text(broken + TOUR)
    with pytest.raises(LabError) as caught:
        load_tour(str(lab))
    assert says in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("said", "last"),
    [
        ("/dev/stdin:1:5-5: Error: syntax\ntable ip q }\n           ^\n", "/dev/stdin:1:5-5: Error: syntax"),
        ("one\ntwo\n", "two"),
        ("\n", ""),
    ],
)
def test_the_last_words_of_a_command_are_its_error_and_not_the_carets_below(said: str, last: str) -> None:
    with pytest.raises(LabError) as caught:
        Done(["nft"], 1, "", said, "r1").check()
    assert str(caught.value) == "r1: nft failed with status 1" + (f": {last}" if last else "")
