"""Pages that are followed: what is read out of them, and what counts as printed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from docs import pages

PAGE = """\
Write `notes/a.txt`:

```python
one
three
```

In `notes/a.txt`, below `one`, add:

```python
two
```

In `notes/a.txt`, in place of
`three`, put:

```python
3
```

```sh
cd notes
kept="over blocks"
export kept
```

```sh
cat a.txt; echo "$kept" >&2
```

```text
one
...
3
over ...
```
"""


def page(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "page.md"
    path.write_text(text)
    return path


def test_a_page_is_followed(tmp_path: Path) -> None:
    folder = tmp_path / "here"
    folder.mkdir()
    pages.follow(page(tmp_path, PAGE), folder, {"PATH": os.environ["PATH"]})
    assert (folder / "notes" / "a.txt").read_text() == "one\ntwo\n3\n"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("over ...", "under ..."), "page.md:27: it should print"),
        (("cd notes", "cd nowhere"), "page.md:21: status 1 of"),
        (("below `one`", "below `none`"), "page.md:10: notes/a.txt has 0 lines 'none'"),
        (("Write `notes/a.txt`:", "Consider this."), "page.md:3: where does this block go?"),
        (("```text\none", "Now:\n\n```text\none"), "page.md:33: what prints this?"),
    ],
)
def test_a_page_that_is_wrong_is_told_with_its_line(tmp_path: Path, change: tuple[str, str], said: str) -> None:
    folder = tmp_path / "here"
    folder.mkdir()
    assert change[0] in PAGE
    with pytest.raises(AssertionError, match="^" + said.replace("?", r"\?").replace(".", r"\.")):
        pages.follow(page(tmp_path, PAGE.replace(*change)), folder, {"PATH": os.environ["PATH"]})


@pytest.mark.parametrize(
    ("wanted", "said", "fits"),
    [
        ("a\n", "a\n", True),
        ("a\n", "a\nb\n", False),
        ("a\n...\n", "a\n", True),
        ("...\nc\n", "a\nb\nc", True),
        ("a ... c\n", "a b c\n", True),
        ("a ... c\n", "a\nc\n", False),
        ("a.c\n", "abc\n", False),
    ],
)
def test_what_counts_as_printed(wanted: str, said: str, fits: bool) -> None:
    assert pages.prints(wanted, said) is fits
