"""docs/first-exercise.md, followed literally in a copy of the course."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from docs import pages

PAGE = pages.ROOT / "docs" / "first-exercise.md"


def test_the_page_leads_to_a_chapter_with_a_proven_check(tmp_path: Path) -> None:
    root = tmp_path / "course"
    pages.follow(PAGE, root, pages.course(root))
    released = json.loads((root / "course" / "90-window" / "90-window.ipynb").read_text("utf-8"))
    cells = {cell["id"]: cell for cell in released["cells"]}
    assert 'raise NotImplementedYet("90.1 in_window")' in "".join(cells["exercise-90-1"]["source"])
    assert cells["check-90-1"]["metadata"]["nbgrader"]["points"] == 4
    assert "2**32" not in "".join(cells["exercise-90-1"]["source"])
    declared = root / "netlib" / "exercises" / "window.py"
    programs = Path(sys.executable).parent
    for tool in ("ruff check --config pyproject.toml", "mypy --strict --no-error-summary"):
        program, *options = tool.split()
        done = subprocess.run([programs / program, *options, declared], cwd=pages.ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout
