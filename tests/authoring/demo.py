"""A small course to build in a temporary folder: one chapter with two exercises of equal points.

Its first cell declares the exercises, as netlib/exercises does for real chapters.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

from netlib.authoring.chapter import Chapter, find_chapters

ROOT = Path(__file__).parents[2]
EXERCISES = {
    "1.1": SimpleNamespace(name="double", points=3, credit={}),
    "1.2": SimpleNamespace(name="Counter", points=3, credit={}),
}
SOURCE = '''\
# %% [markdown]
# # A demonstration
#
# Two exercises.

# %%
from netlib.grading import Exercise, NotImplementedYet, StatefulExercise, check, register


class Reference:
    def __init__(self):
        self.calls = 0

    def count(self):
        self.calls += 1
        return self.calls


register(
    Exercise(number="1.1", name="double", points=3, reference=lambda number: number + number, pinned=[(3,), (-1,)]),
    StatefulExercise(number="1.2", name="Counter", points=3, reference=Reference, pinned=[[("count",), ("count",)]]),
)

# %% solution="1.1"
def double(number: int) -> int:
    """Twice the number."""
    ### BEGIN SOLUTION
    secret_answer = 2
    return number * secret_answer
    ### END SOLUTION

# %% check="1.1"
check("1.1", double)

# %% needs="1.1"
print("twice 21 is", double(21))

# %% solution="1.2"
class Counter:
    """Counts its calls."""

    def __init__(self) -> None:
        ### BEGIN SOLUTION
        self.secret_answer = 0
        ### END SOLUTION

    def count(self) -> int:
        """One more than last time."""
        ### BEGIN SOLUTION
        self.secret_answer += 1
        return self.secret_answer
        ### END SOLUTION

# %% check="1.2"
check("1.2", Counter)

# %% needs="1.2" live
import time

Counter().count(), time.time()
'''


def course(root: Path, source: str = SOURCE) -> Chapter:
    """Lay out a course in `root` whose only chapter is the demonstration; nothing is built yet."""
    shutil.copy(ROOT / "nbgrader_config.py", root)
    folder = root / "solutions" / "01-demo"
    folder.mkdir(parents=True)
    (folder / "01-demo.py").write_text(source)
    (folder / "zoo.py").write_text("WRONG = {'1.1': []}  # secret_answer\n")
    (folder / "zoo").mkdir()
    (folder / "zoo" / "more.txt").write_text("secret_answer\n")
    (folder / "data.txt").write_text("for the students\n")
    (chapter,) = find_chapters(root)
    return chapter
