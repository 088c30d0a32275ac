"""The random inputs of an exercise, and what is expected for its inputs: worked out once in a process.

The inputs of a seed are those that hypothesis makes for it when nothing fails, so a search that walks through them
meets the same first failure as hypothesis would.  They are the same in every process: hypothesis is kept from looking
at the constants of whatever modules happen to be loaded, and from its database.
"""

import contextlib
import functools
import pickle
import random
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from netlib.grading.exercise import Exercise
from netlib.grading.pickling import dumps
from netlib.grading.words import source

CASES_KEPT = 5_000  # of one exercise, whose expected results are kept


def corpus(exercise: Exercise, seed: int) -> tuple[bytes, ...]:
    """The random cases of an exercise, pickled, in their order; some may come more than once."""
    return generated(Same(exercise), seed)


def by_weight(exercise: Exercise, seed: int) -> tuple[tuple[tuple[int, str], bytes], ...]:
    """The same cases, each once, with its weight: the smallest comes first."""
    return weighed(Same(exercise), seed)


def weight(case: Any) -> tuple[int, str]:
    """How much there is to read in a case."""
    text = source(case)
    return len(text), text


def expected(exercise: Exercise, case: bytes) -> Any:
    """What `exercise.expected` gives for a pickled case.  Don't change it: it is kept."""
    known = kept(Same(exercise))
    if case not in known:
        if len(known) >= CASES_KEPT:
            known.clear()
        known[case] = exercise.expected(case)
    return known[case]


class Same:
    """An exercise by its identity: two of the same number may be different ones."""

    def __init__(self, exercise: Exercise) -> None:
        self.exercise = exercise

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and self.exercise is other.exercise

    def __hash__(self) -> int:
        return id(self.exercise)


@functools.lru_cache(maxsize=64)
def kept(which: Same) -> dict[bytes, Any]:
    return {}


@functools.lru_cache(maxsize=256)
def generated(which: Same, seed: int) -> tuple[bytes, ...]:
    from hypothesis.errors import NoSuchExample

    cases: list[bytes] = []

    def note(case: Any) -> bool:
        cases.append(dumps(case))
        return False

    if which.exercise.inputs is not None:
        with contextlib.suppress(NoSuchExample):
            find(which.exercise, note, seed)
    return tuple(cases)


@functools.lru_cache(maxsize=256)
def weighed(which: Same, seed: int) -> tuple[tuple[tuple[int, str], bytes], ...]:
    return tuple(sorted((weight(pickle.loads(key)), key) for key in set(generated(which, seed))))


def find(exercise: Exercise, fails: Callable[[Any], bool], seed: int) -> None:
    """Let hypothesis make cases until one fails, and make that smaller.  Raises NoSuchExample when none fails."""
    import hypothesis
    from hypothesis import HealthCheck, Phase, settings

    chosen = settings(
        max_examples=exercise.examples,
        database=None,
        deadline=None,
        derandomize=False,
        print_blob=False,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    assert exercise.inputs is not None
    with undisturbed():
        hypothesis.find(exercise.inputs, fails, settings=chosen, random=random.Random(seed))


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """hypothesis gives the same cases whatever else is loaded, and leaves no folder beside the notebook."""
    from hypothesis import configuration
    from hypothesis.internal.conjecture import providers

    internals: Any = providers
    known = hasattr(internals, "_get_local_constants") and hasattr(internals, "CONSTANTS_CACHE")
    before: Callable[..., Any] | None = internals._get_local_constants if known else None
    home = getattr(configuration, "__hypothesis_home_directory", None)
    configuration.set_hypothesis_home_dir(Path(tempfile.gettempdir()) / "netlib-hypothesis")
    if known:
        nothing = internals.Constants()
        internals._get_local_constants = lambda: nothing
        internals.CONSTANTS_CACHE.cache.clear()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        configuration.set_hypothesis_home_dir(home)
        if known:
            internals._get_local_constants = before
            internals.CONSTANTS_CACHE.cache.clear()
