"""What a page costs whoever makes it: that happens outside every sandbox, and for the whole class in one process."""

from __future__ import annotations

import resource
import subprocess
import sys

import pytest

CPU = 20  # seconds, of which importing takes two


@pytest.mark.parametrize(
    "source",
    [
        "'a' + '.b' * 100_000",
        "'a' + '.b' * 24_000",
        "'x' * 1_000_000",
        "'# ' + 'x ' * 500_000",
    ],
)
def test_a_long_cell_is_soon_on_its_page(source: str) -> None:
    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (CPU, CPU))

    program = f"from netlib.instructor import feedback; feedback.highlighted({source})"
    done = subprocess.run([sys.executable, "-c", program], preexec_fn=limited, stderr=subprocess.PIPE)
    assert done.returncode == 0, done.stderr[-300:]
