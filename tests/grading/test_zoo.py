"""The zoo tells killed from alive, and a real kill from a mere delay."""

import pytest
from grading import toys

from netlib.grading.zoo import ZooError, kill_table, run_zoo, too_small

ZOO = """
import time

def right(data):
    total = int.from_bytes(data + bytes(len(data) % 2), "big")
    return -total % 0xFFFF if total else 0xFFFF

def carry_dropped(data):
    padded = data + bytes(len(data) % 2)
    return ~sum(int.from_bytes(padded[i : i + 2], "big") for i in range(0, len(padded), 2)) & 0xFFFF

def crashes(data):
    return data[0]

def endless(data):
    while len(data) > 1: pass
    return right(data)

def delegates(data):
    from netlib.wire.checksum import internet_checksum
    return internet_checksum(data)

def not_wrong_at_all(data):
    return right(data)

def unsolved(data):
    from netlib.grading import NotImplementedYet
    raise NotImplementedYet("0.1 word_sum")

WRONG = {"0.1": [carry_dropped, crashes, endless, delegates, not_wrong_at_all, unsolved, None]}
RIGHT = {"0.1": [right, carry_dropped]}
"""


def test_each_animal_gets_its_verdict(tmp_path):
    (tmp_path / "zoo.py").write_text(ZOO)
    verdicts = run_zoo(tmp_path)
    found = {(verdict.name, verdict.wrong): verdict.ok for verdict in verdicts}
    assert found == {
        ("carry_dropped", True): True,
        ("crashes", True): True,
        ("endless", True): True,
        ("delegates", True): True,
        ("not_wrong_at_all", True): False,
        ("unsolved", True): False,
        ("NoneType", True): False,
        ("right", False): True,
        ("carry_dropped", False): False,
    }
    table = kill_table(verdicts)
    assert "0.1       carry_dropped     killed  not right yet. Expected" in table
    assert "SURVIVES: passed: 2 pinned and 200 random inputs" in table
    assert "REFUSED: not right yet" in table
    assert "your answer called netlib.wire.checksum.internet_checksum" in table


def test_six_wrong_and_two_right_are_needed(tmp_path):
    (tmp_path / "zoo.py").write_text("WRONG = {'0.1': [len] * 6, '0.2': [len]}\nRIGHT = {'0.1': [len, len]}\n")
    assert too_small(tmp_path, ["0.1", "0.2"]) == [
        "0.2: 1 wrong answers, 6 are needed",
        "0.2: 0 right answers, 2 are needed",
    ]
    assert toys.CHECKSUM.number == "0.1"


def test_what_is_missing_is_named(tmp_path):
    with pytest.raises(ZooError, match="there is no such zoo"):
        run_zoo(tmp_path)
    (tmp_path / "zoo.py").write_text("WRONG = {}\n")
    with pytest.raises(ZooError, match="it needs RIGHT"):
        run_zoo(tmp_path / "zoo.py")
