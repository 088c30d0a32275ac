"""Reno's window after one loss and after a timeout, in netlib and in the kernel through the same losses: examples/."""

from pathlib import Path
from runpy import run_path
from typing import Any

import pytest

from netlib.lab import Lab

EXAMPLE = Path(__file__).parents[2] / "examples" / "reno_beside_linux.py"


@pytest.fixture(scope="module")
def seen() -> tuple[dict[str, Any], list[Any], list[Any]]:
    doctor = Lab.doctor()
    if not doctor:
        pytest.skip(f"labs do not work here: {doctor.problems[0].detail}")
    example = run_path(str(EXAMPLE))
    for _ in range(3):
        theirs, ours = example["measure"]()
        if len(example["thresholds"](theirs)) == len(example["thresholds"](ours)) == 3:
            break  # else the machine has stood still for so long that a timer ran out which should not
    return example, theirs, ours


def test_the_windows_are_the_kernels_within_one_segment(seen: tuple[dict[str, Any], list[Any], list[Any]]) -> None:
    example, theirs, ours = seen
    rows = example["beside"](theirs, ours)
    assert [row for row in rows if abs(row[1] - row[2]) > 1] == []
    # in slow start, after the loss, after the timeout, and in congestion avoidance again
    one, all_from, total = example["ONE"], example["ALL_FROM"], example["TOTAL"]
    for first, last in ((0, one), (one + 1, all_from), (all_from, all_from + 20), (all_from + 50, total)):
        windows = {linux for acked, linux, _ in rows if first <= acked < last}
        assert len(windows) > 1, (first, last, rows)
    assert any(acked == all_from and linux == netlib == 1 for acked, linux, netlib in rows)


def test_each_threshold_is_the_kernels_within_one_segment(seen: tuple[dict[str, Any], list[Any], list[Any]]) -> None:
    example, theirs, ours = seen
    linux, netlib = example["thresholds"](theirs), example["thresholds"](ours)
    assert linux[0] is netlib[0] is None and len(linux) == len(netlib) == 3
    for one, other in zip(linux[1:], netlib[1:], strict=True):
        assert abs(one - other) <= 1


def test_the_picture_has_both(seen: tuple[dict[str, Any], list[Any], list[Any]], tmp_path: Path) -> None:
    example, theirs, ours = seen
    figure = example["draw"](theirs, ours)
    labels = {line.get_label() for axes in figure.axes for line in axes.lines}
    assert labels == {"cwnd, Linux", "cwnd, netlib", "ssthresh, Linux", "ssthresh, netlib"}
    figure.savefig(tmp_path / "reno.svg")
    assert (tmp_path / "reno.svg").read_text().count("<path") > 10
