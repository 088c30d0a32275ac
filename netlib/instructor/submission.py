"""Read what was handed in as a notebook: any bytes in, plain bounded data out.

What comes out has nbformat 4's shape and nothing beyond what grading uses: of a cell its type, id, source, outputs
and nbgrader's name for it.  All else that the metadata say (points, locks, cell types of nbgrader) is the
submission's word only, and is left behind.

Large outputs are cut out of the text before it is parsed, so that a notebook of 200 MB costs little more than its
bytes; callers limit the memory of the process (`workers` does), and a MemoryError is told as any other reason.
"""

from __future__ import annotations

import json
import re
from typing import Any

LARGEST = 256 << 20  # bytes
SMALL = 2 << 20  # bytes that are parsed as they are
OUTPUTS = 1 << 20  # bytes of one cell's outputs, above which they are cut out
PARTS = 3_000_000  # brackets and texts in a notebook
DEPTH = 100  # of brackets
CELLS = 20_000
SOURCE = 2_000_000  # characters of a cell
SURROGATES = re.compile("[\ud800-\udfff]")
PYTHON = ("python", "ipython", "xpython", "xeus-python", "pyodide")

Data = dict[str, Any]


class Unreadable(Exception):
    """What was handed in is not a notebook that can be read.  The message is one line that says why."""


def read(data: bytes) -> Data:
    """The notebook in these bytes, as JSON data of nbformat 4.  Raises Unreadable for anything else."""
    if len(data) > LARGEST:
        raise Unreadable(f"it has {len(data) >> 20} MB; {LARGEST >> 20} MB are read at most")
    try:
        return sanitised(parse(data))
    except MemoryError:
        raise Unreadable("reading it takes more memory than there is for one submission") from None


def parse(data: bytes) -> Any:
    """The JSON in these bytes."""
    if not data.strip(b"\0 \t\r\n"):
        raise Unreadable("it is empty" if not data else "there is nothing in it but blanks")
    text = decode(data)
    del data
    if len(text) > SMALL:
        text = without_large_outputs(text)
    if text.count("[") + text.count("{") + text.count(",") > PARTS:
        raise Unreadable("it has too many parts to be a notebook that someone wrote")
    try:
        return json.loads(text, parse_int=small_integer, parse_constant=lambda name: None)
    except RecursionError:
        raise Unreadable(f"its brackets are nested more than {DEPTH} deep; no notebook is like that") from None
    except ValueError as error:
        raise Unreadable(why_not_json(text, error)) from None


def decode(data: bytes) -> str:
    try:
        return data.decode(str(json.detect_encoding(data)), "surrogatepass")
    except UnicodeDecodeError:
        for start, name in KINDS:
            if data.startswith(start):
                raise Unreadable(f"it is {name}, not a notebook") from None
        raise Unreadable("it is not a notebook: neither UTF-8 text nor UTF-16") from None


KINDS = [
    (b"PK", "a zip file, or a document made of one (.docx, .odt)"),
    (b"%PDF", "a PDF"),
    (b"\x1f\x8b", "a compressed file (gzip)"),
    (b"\x89PNG", "an image"),
    (b"\xff\xd8", "an image"),
    (b"7z", "a 7-Zip archive"),
    (b"Rar!", "a RAR archive"),
    (b"SQLite", "a database"),
]
CONFLICT = re.compile(r"^(?:<{7} |={7}$|>{7} )", re.MULTILINE)


def why_not_json(text: str, error: ValueError) -> str:
    """One line on a text that is not JSON."""
    start = text[:2000].lstrip().lower()
    for begins, name in KINDS:
        if start.startswith(begins.decode("latin-1").lower()):
            return f"it is {name}, not a notebook"
    if start.startswith(("<!doctype html", "<html", "<head", "<?xml")):
        return "it is a web page, not a notebook: was it saved from the browser's address?"
    conflict = CONFLICT.search(text)
    if conflict:
        line = text.count("\n", 0, conflict.start()) + 1
        return f"it holds a merge conflict of git (line {line}); resolve it and hand in again"
    if not start.startswith("{"):
        return "it is not a notebook: a notebook's file is JSON and begins with {"
    if isinstance(error, json.JSONDecodeError):
        if error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated string"):
            return "it ends in the middle: the file is not whole; hand it in again"
        return f"it is not JSON, as notebooks are: {error.msg.lower()} in line {error.lineno}"
    return "it is not JSON, as notebooks are"


def small_integer(text: str) -> int:
    return int(text) if len(text) < 20 else 0


# A text, with a group that is empty when it never ends; or a bracket.  Possessive, so that it takes linear time.
PIECE = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+("?)|[\[\]{}]', re.DOTALL)


def without_large_outputs(text: str) -> str:
    """The text with large `"outputs": [...]` emptied.  What isn't JSON stays as it is, for the parser to say so."""
    kept: list[str] = []
    copied = depth = 0
    begins, outside = -1, 0  # where an outputs' list begins, and the depth outside of it
    key_ends = -1  # where a text "outputs" has ended
    for count, piece in enumerate(PIECE.finditer(text)):
        if count > PARTS:
            raise Unreadable("it has too many parts to be a notebook that someone wrote")
        at, end = piece.span()
        letter = text[at]
        if letter == '"':
            if not piece.group(1):
                break
            key_ends = end if begins < 0 and end - at == 9 and piece.group() == '"outputs"' else -1
        elif letter in "[{":
            if letter == "[" and key_ends >= 0 and text[key_ends:at].strip() == ":":
                begins, outside = end, depth
            key_ends = -1
            depth += 1
            if depth > DEPTH:
                raise Unreadable(f"its brackets are nested more than {DEPTH} deep; no notebook is like that")
        else:
            depth -= 1
            if begins >= 0 and depth == outside:
                if at - begins > OUTPUTS:
                    kept.append(text[copied:begins])
                    copied = at
                begins = -1
    return "".join([*kept, text[copied:]])


def sanitised(found: Any) -> Data:
    """Of a parsed notebook what grading uses, whatever the rest is."""
    if not isinstance(found, dict):
        raise Unreadable("it is JSON, but not a notebook")
    cells = found.get("cells")
    if cells is None and isinstance(found.get("worksheets"), list):  # nbformat 3, IPython of 2014
        sheets = [sheet.get("cells") for sheet in found["worksheets"] if isinstance(sheet, dict)]
        cells = [upgraded(cell) for sheet in sheets if isinstance(sheet, list) for cell in sheet]
    if not isinstance(cells, list):
        raise Unreadable("it is JSON, but not a notebook: it has no cells")
    if len(cells) > CELLS:
        raise Unreadable(f"it has {len(cells)} cells; {CELLS} are read at most")
    language = language_of(found.get("metadata"))
    return {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {"language_info": {"name": language}} if language else {},
        "cells": [sanitised_cell(cell) for cell in cells if isinstance(cell, dict)],
    }


def sanitised_cell(cell: Data) -> Data:
    kind = cell.get("cell_type")
    kind = kind if kind in ("code", "markdown", "raw") else "raw"
    metadata = cell.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    notes = metadata.get("nbgrader")
    grade_id = notes.get("grade_id") if isinstance(notes, dict) else None
    name = cell.get("id") or metadata.get("id")  # Colab has it there
    clean: Data = {
        "cell_type": kind,
        "id": name if isinstance(name, str) and len(name) <= 64 else "",
        "metadata": {"nbgrader": {"grade_id": grade_id}} if isinstance(grade_id, str) and len(grade_id) < 200 else {},
        "source": text_of(cell.get("source")),
    }
    if kind == "code":
        outputs = cell.get("outputs")
        clean |= {"execution_count": None, "outputs": outputs if isinstance(outputs, list) else []}
    return clean


def text_of(source: Any) -> str:
    """A source as one text: lines end with \\n, and what no text can hold is replaced."""
    if isinstance(source, list):
        source = "".join(part for part in source if isinstance(part, str))
    if not isinstance(source, str):
        return ""
    text: str = source[:SOURCE].replace("\r\n", "\n").replace("\r", "\n").replace("\0", "\ufffd")
    return SURROGATES.sub("\ufffd", text)


def upgraded(cell: Any) -> Any:
    """A cell of nbformat 3 as one of nbformat 4, without outputs."""
    if not isinstance(cell, dict):
        return cell
    level = cell.get("level")
    if cell.get("cell_type") == "code":
        return cell | {"source": cell.get("input"), "outputs": []}
    if cell.get("cell_type") == "heading":
        marks = "#" * (level if isinstance(level, int) and 1 <= level <= 6 else 1)
        return cell | {"cell_type": "markdown", "source": f"{marks} {text_of(cell.get('source'))}"}
    return cell


def language_of(metadata: Any) -> str:
    """The language of the kernel that a notebook was saved with, "" for Python or none."""
    metadata = metadata if isinstance(metadata, dict) else {}
    for key, names in (("language_info", ("name",)), ("kernelspec", ("language", "name"))):
        part = metadata.get(key)
        for name in names if isinstance(part, dict) else ():
            found = part.get(name)
            if isinstance(found, str) and found.strip():
                known = found.strip().lower()
                is_python = known.startswith(PYTHON) or "python" in known
                # told in a table, which some spreadsheets part at semicolons: there a formula could begin
                told = "".join(letter for letter in found if letter.isprintable() and letter not in ';,=@"|')
                return "" if is_python else told.strip()[:40] or "unknown"
    return ""
