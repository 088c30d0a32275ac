"""Attacks of the second round, by another reader: between the parts, and on what they take from each other."""

from __future__ import annotations

from hostile.desk import Desk, attack

WASTES_TIME = """
def used_up(seconds):
    import time
    end = time.process_time() + seconds
    while time.process_time() < end: pass
"""


@attack("gains")
def lies_about_its_time(desk: Desk) -> None:
    """The process itself said how much CPU time a call took, and zero was believed: five times too slow passed."""
    desk.add(WASTES_TIME + "from netlib.grading.child import Child\nChild.cpu = lambda self: 0.0\n")
    source = desk.solved["exercise-5-1"]
    desk.answer("5.1", source.replace("    ### BEGIN SOLUTION", "    used_up(0.09)"))


OF_A_NOTEBOOK = {
    "help": "help(len)",
    "history": "print(In[-1], Out)",
    "end": "if not 1: exit()\nprint(quit)",
    "home": "from pathlib import Path\nprint(Path.home())",
    "threads": "import threading\nthread = threading.Thread(target=print)\nthread.start()\nthread.join()",
    "report": "from netlib.grading import check\nreport = check('5.1', len)\nprint(report.of, report.holds)",
}
"""What an honest cell may do above its answer: it ended the cell, and the answer was not there."""
