"""From what IPython understands to plain Python: magics and shell lines become calls that do nothing when graded.

    %matplotlib inline, !pip install x    get_ipython().run_line_magic(...), get_ipython().system(...)
    %%time, %%capture, %%prun             the cell below them, as it is: IPython runs it in the notebook's namespace
    %time x = f()                         x = f()

IPython's own rules for one line or one cell do the work; they only rewrite text.
"""

from __future__ import annotations

import ast
import functools
import re

LONGEST = 200_000  # characters of a cell that are looked at
MAGICS = 100  # lines with magic that are rewritten: each takes a pass over the cell ...
FEW = 5  # of these are always rewritten, more in ...
WORK = 50_000  # ... so many characters in all passes
RUNS_ITS_CELL = re.compile(r"\A(?:[ \t]*\n)*%%(?:time|capture|prun|debug)\b[^\n]*\n")
PROMPT = re.compile(r"\A\s*(?:In \[\d+\]:|>>> )")
MAGIC = re.compile(r"^[ \t]*(?:[%!?,;/]|[^#\n]*=\s*[%!]|.*\?\s*$)", re.MULTILINE)


def parses(source: str) -> bool:
    """Whether a source is Python as it stands."""
    try:
        ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def stands_alone(source: str) -> bool:
    """Whether a cell can be run without another one before it: neither a half of a function nor unfinished."""
    first = next((line for line in source.split("\n") if line.strip() and not line.lstrip().startswith("#")), "")
    if first[:1].isspace():
        return False  # IPython would take the indentation away, and run a method as a function
    try:
        compile(plain_python(source), "<cell>", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


@functools.lru_cache(maxsize=400)  # as many cells as a notebook may have: each exercise asks anew
def plain_python(source: str) -> str:
    """The cell as plain Python.  What can't be rewritten is returned as it is: it will be a SyntaxError."""
    if len(source) > LONGEST or (parses(source) and not PROMPT.match(source)):
        return source
    lines = 0
    while found := RUNS_ITS_CELL.match(source):
        head = found.group()
        source, lines = source[found.end() :], lines + head.count("\n")
    magics = len(MAGIC.findall(source))
    if magics > MAGICS or (magics > FEW and magics * len(source) > WORK):
        return "\n" * lines + source
    from IPython.core.inputtransformer2 import TransformerManager

    try:
        rewritten = TransformerManager().transform_cell(source)  # type: ignore[no-untyped-call]
    except Exception:  # whatever it is in a text that isn't Python
        return "\n" * lines + source
    return "\n" * lines + timed_lines(rewritten).rstrip("\n")


TIMED = re.compile(r"get_ipython\(\)\.run_line_magic\('(?:time|prun)', (.*)\)$")


def timed_lines(source: str) -> str:
    """`%time x = f()` runs its statement in the notebook's namespace: the statement takes its place."""
    try:
        body = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return source
    lines = source.split("\n")
    for node in ast.walk(body):
        if not isinstance(node, ast.Expr) or node.lineno != node.end_lineno:
            continue
        line = lines[node.lineno - 1]
        found = TIMED.match(line.strip())
        if not found:
            continue
        try:
            statement = ast.literal_eval(found.group(1))
        except (SyntaxError, ValueError):
            continue
        indented = line[: len(line) - len(line.lstrip())]
        if isinstance(statement, str) and "\n" not in statement and parses(statement):
            lines[node.lineno - 1] = indented + statement
    return "\n".join(lines)
