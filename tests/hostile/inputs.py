"""The inputs that a seed stands for: what a student can work out of a public one, and never of the instructor's."""

from __future__ import annotations

import pickle
from typing import Any

from netlib.grading.corpus import corpus
from netlib.grading.registry import exercise


def inputs_of(number: str, *seeds: int) -> list[Any]:
    """Argument tuples of an exercise: pinned ones, and the random ones of these seeds."""
    declared = exercise(number)
    random = [pickle.loads(case) for seed in seeds for case in corpus(declared, seed)]
    return [case for _, case in declared.cases()] + random
