"""Plain tables that read well in a notebook, in a terminal and through a screen reader.

    table([("h1", 64), ("r1", 63)], ["seen at", "TTL"], "One packet on its way")
    claims([("Every router lowers the TTL by one", "RFC 1812 section 5.3.1", True, True)])

`claims` is the verdict of "predict, run, reconcile": what was claimed, what the RFC says, what netlib does and what
this kernel does, side by side.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from netlib.view.html import BAD, CARD, View, escape, html_table, text_table, visible

CLAIM_COLUMNS = ("Claim", "RFC", "netlib", "This kernel")
NUMBER_AND_UNIT = re.compile(r"[\d.]+ [a-zA-Z]{1,3}")
VERDICTS = {True: "✓ holds", False: "✗ does not hold", None: "not tried here"}


def words(cell: Any) -> str:
    """A cell as text: addresses and numbers as they print, raw bytes in hex, truth as yes or no."""
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if type(cell) in (bytes, bytearray):
        return bytes(cell).hex(" ")
    return "" if cell is None else str(cell)


class Table(View):
    """A caption, column headings, and rows of text."""

    def __init__(self, rows: Sequence[Sequence[str]], columns: Sequence[str], caption: str) -> None:
        self.rows, self.columns, self.caption = [list(row) for row in rows], list(columns), caption
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"table: a row has {len(row)} cells for {len(self.columns)} columns: {row!r:.100}")

    def __str__(self) -> str:
        body = text_table(self.rows, self.columns)
        return f"{visible(self.caption)}\n{body}" if self.caption else body

    def _repr_html_(self) -> str:
        rows = [[self.cell(cell) for cell in row] for row in self.rows]
        return f'<div style="{CARD}">{html_table(self.caption, self.columns, rows)}</div>'

    def cell(self, text: str) -> str:
        if text == VERDICTS[False]:
            return f'<b style="color:{BAD}">{escape(text)}</b>'
        if NUMBER_AND_UNIT.fullmatch(text):  # in one line, however many columns there are
            return text.replace(" ", "&nbsp;")
        return escape(text)


def table(rows: Iterable[Any], columns: Sequence[str] | None = None, caption: str = "") -> Table:
    """A table of rows: sequences of cells, or mappings from column to cell.  The first cell of a row is its heading.

    Raises `ValueError` where a row has more or fewer cells than there are columns.
    """
    given = list(rows)
    if columns is None:
        if not given or not isinstance(given[0], Mapping):
            raise ValueError("table: name the columns, or give rows that are mappings")
        columns = list(given[0])
    cells = [[row.get(c) for c in columns] if isinstance(row, Mapping) else list(row) for row in given]
    return Table([[words(cell) for cell in row] for row in cells], [str(c) for c in columns], caption)


def claims(rows: Iterable[Sequence[Any]], caption: str = "What was claimed, and what holds",
           columns: Sequence[str] = CLAIM_COLUMNS) -> Table:  # fmt: skip
    """Rows of (claim, RFC, netlib, this kernel); True, False and None become verdicts, anything else is text."""
    made = [[VERDICTS[c] if isinstance(c, bool) or c is None else words(c) for c in row] for row in rows]
    return Table(made, columns, caption)
