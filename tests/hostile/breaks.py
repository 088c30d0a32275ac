"""Notebooks that break whoever reads them: not JSON, not a notebook, too deep, too large, not Python, or another's."""

# ruff: noqa: E501 - students' code in strings

from __future__ import annotations

import json
from typing import Any

from hostile.desk import Desk, attack


@attack("breaks")
def not_json(desk: Desk) -> bytes:
    """nbgrader stops at it, and the log has a traceback of 60 lines."""
    return b"%PDF-1.7 \x00\xff my homework"


@attack("breaks")
def nothing_at_all(desk: Desk) -> bytes:
    """An empty file, as a full disk leaves it."""
    return b""


@attack("breaks")
def not_a_notebook(desk: Desk) -> bytes:
    """JSON of another shape, in which `cells` is not a list and metadata is a number."""
    return b'{"cells": {"0": []}, "metadata": 7, "nbformat": "four", "nbformat_minor": null}'


@attack("breaks")
def a_number(desk: Desk) -> bytes:
    """JSON that is one number, of a million digits: int() takes minutes, or refuses with an error of its own."""
    return b"9" * 1_000_000


@attack("breaks")
def nested_for_ever(desk: Desk) -> bytes:
    """A hundred thousand brackets: RecursionError, or the end of the process, in json.loads."""
    return b'{"cells": ' + b"[" * 100_000 + b"]" * 100_000 + b', "nbformat": 4}'


@attack("breaks", earned=5)
def nested_metadata(desk: Desk) -> bytes:
    """A right notebook whose metadata is nested as deep as json.loads can go: whoever copies or writes it recurses."""
    desk.solve("5.1", "5.4")
    data = desk.data().decode()
    nest = '{"a":' * 900 + "1" + "}" * 900
    return data.replace('"metadata": {}', f'"metadata": {nest}', 1).encode()


@attack("breaks", earned=5)
def cells_of_every_shape(desk: Desk) -> bytes:
    """A right notebook among whose cells are numbers, lists, cells without source, metadata or type, and lists for
    text.
    """
    desk.solve("5.1", "5.4")
    strange: list[Any] = [
        7, None, [], {}, "cell", {"cell_type": "code"}, {"cell_type": "code", "source": None},
        {"cell_type": "code", "source": [1, None, "x = 1"]}, {"cell_type": "code", "source": {"a": 1}, "metadata": []},
        {"cell_type": "markdown", "source": "x", "metadata": {"nbgrader": 5}},
        {"cell_type": "code", "source": "", "metadata": {"nbgrader": {"grade_id": ["x"], "grade": "yes"}}},
        {"cell_type": "code", "source": "", "metadata": {"nbgrader": {"grade_id": {"a": 1}, "solution": 1}}},
        {"cell_type": ["code"], "source": "y"}, {"cell_type": "code", "source": "", "outputs": 5},
        {"cell_type": "code", "source": "", "outputs": [1, None, {"output_type": []}, {"output_type": "stream", "text": 5},
                                                       {"output_type": "error", "traceback": "x"}]},
    ]  # fmt: skip
    for at, cell in enumerate(cell for cell in desk.notebook["cells"] if cell["cell_type"] == "markdown"):
        cell["id"] = "x" * 100 if at % 2 else "<b>../../é\x00"
    for at, cell in enumerate(strange):
        desk.notebook["cells"].insert(at * 3, cell)
    for cell in desk.notebook["cells"]:
        if isinstance(cell, dict) and str(cell.get("id", "")).startswith("exercise"):
            cell["source"] = cell["source"].splitlines(keepends=True)
    return desk.data()


@attack("breaks", earned=5)
def duplicate_keys_and_surrogates(desk: Desk) -> bytes:
    """Keys given twice, NaN, lone surrogates and NULs in names and text: readers differ on what they mean, writers
    fail.
    """
    desk.solve("5.1", "5.4")
    desk.add("note = 'x'  # \ud800 \x00 \udfff", before="exercise-5-2")
    desk.notebook["metadata"]["\ud800"] = float("nan")
    data = json.dumps(desk.notebook)
    return data.replace('{"cells":', '{"cells": [], "metadata": {"x": Infinity}, "nbformat": 3, "cells":', 1).encode()


@attack("breaks", earned=2)
def two_hundred_megabytes(desk: Desk) -> bytes:
    """A right notebook with 200 MB of outputs, as an honest animation makes them: nbconvert needs gigabytes for it."""
    desk.solve("5.1")
    data = desk.data()
    output = (
        b'"outputs": [{"output_type": "stream", "name": "stdout", "text": "'
        + b"0123456789abcde\\n" * 12_500_000
        + b'"}]'
    )
    return data.replace(b'"outputs": []', output, 1)


@attack("breaks", earned=5)
def sources_that_no_parser_likes(desk: Desk) -> None:
    """Right answers among cells that break whoever parses them: brackets, minus signs, strings, tabs, a megabyte on
    one line.
    """
    desk.solve("5.1", "5.4")
    for source in (
        "(" * 5_000, "-" * 20_000 + "1", "x = " + "[" * 150 + "]" * 150, "a" + ".b" * 5_000, "1 +" * 10_000 + "1",
        "x = '''" + "\\" * 9999, "\f\x0c\x1a\x00", "if 1:\n" + "".join(" " * n + "if 1:\n" for n in range(1, 200)),
        "f'" + "{f'" * 200, "%" * 10_000, "!" * 10_000, "?" * 10_000, "%%bash\nrm -rf @DROP@/nothing", "%run @SECRET@",
        "x = 1\r\ry = 2\r", "lambda: " * 5_000 + "1", "not " * 10_000 + "1", "\\\n" * 50_000 + "1",
        "# -*- coding: utf-16 -*-\nx = 1", "# -*- coding: no-such-thing -*-\nx = 1", "def f():\n\tif 1:\n        x\n\ty",
        "class " * 1000, "@" * 10_000, "async " * 5000, "x" * 1_000_000, "{" * 90 + "}" * 90, "9" * 5000, "1_" * 9000,
        "%timeit " * 3000, "a = b = " * 10_000 + "1", "*" * 5000 + "x", "a\n" * 100_000,
    ):  # fmt: skip
        desk.add(source, before="exercise-5-2")
    desk.answer("5.6", "class Reassembler:\n    x = " + "-" * 20_000 + "1\n")


@attack("breaks", earned=2)
def exercise_renamed_or_missing(desk: Desk) -> None:
    """One function has another name, one cell is empty, one is not Python: these earn nothing, the others their
    points.
    """
    desk.solve("5.1", "5.3", "5.6")
    cell = desk.cell("exercise-5-3")
    cell["source"] = cell["source"].replace("def parse_header", "def read_header")
    desk.answer("5.4", "")
    # 5.6 uses parse_header, which is not there


@attack("breaks", earned=8)
def solution_cells_lost_and_split(desk: Desk) -> None:
    """An honest accident: one solution cell lost its metadata, one is cut in two, one is there twice, all in other
    places.
    """
    desk.solve("5.1", "5.2", "5.4")
    lost = desk.cell("exercise-5-1")
    lost["metadata"] = {}
    lost["id"] = "somewhere"
    whole = desk.cell("exercise-5-2")
    lines = whole["source"].splitlines(keepends=True)
    at = next(at for at, line in enumerate(lines) if line.startswith("def "))
    whole["source"] = "".join(lines[at:])
    desk.add("".join(lines[:at]), before="exercise-5-2")
    twin = json.loads(json.dumps(desk.cell("exercise-5-4")))
    desk.cell("exercise-5-4")["source"] = "def decrement_ttl(packet):\n    return packet\n"
    twin["id"] = "twin"
    desk.notebook["cells"].insert(desk.index("check-5-4"), twin)


@attack("breaks", earned=2)
def ten_thousand_cells(desk: Desk) -> None:
    """A right notebook behind ten thousand cells, half of them with an id that others have too."""
    desk.solve("5.1")
    cells = [{"cell_type": "code", "id": f"many-{n // 2}", "metadata": {}, "outputs": [], "execution_count": None,
              "source": "pass"} for n in range(10_000)]  # fmt: skip
    desk.notebook["cells"] = desk.notebook["cells"] + cells


@attack("breaks", earned=5)
def an_older_format(desk: Desk) -> bytes:
    """The same notebook as nbformat 3 wrote it: worksheets, `input`, `prompt_number`."""
    desk.solve("5.1", "5.4")
    import nbformat

    new = nbformat.from_dict(desk.notebook)
    old = nbformat.convert(new, 3)
    return json.dumps(old).encode()


@attack("breaks")
def wrong_chapter(desk: Desk) -> bytes:
    """Another chapter's notebook under this one's name."""
    other = Desk(desk.name, "06-icmp", desk.places)
    other.solve()
    return other.data()
