"""What a statement of a notebook binds, changes and uses: read from its text, never by running it."""

from __future__ import annotations

import ast
import functools
import symtable
from collections.abc import Iterator
from dataclasses import dataclass

Definition = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
UNREADABLE = (SyntaxError, ValueError, RecursionError, MemoryError)
INLINE = ("listcomp", "setcomp", "dictcomp", "genexpr")  # scopes that run where they stand
SHOWS = {"print", "display", "show", "table", "len", "repr", "str", "sorted", "list", "isinstance"}
LONGEST = 200_000  # characters of a cell that are looked at
SHORT = 10_000  # characters of a cell that is remembered
Names = frozenset[str]


@dataclass(frozen=True, slots=True)
class Statement:
    """A top-level statement, by its lines (from 1) and the global names that it deals with.

    `binds`: assigns, imports, defines or deletes.  `changes`: assigns to an attribute or element of, or, for a
    definition, would change when called.  `touches`: calls a method of, or hands to a function, which may change it.
    `uses_now` when it runs; `uses_later` in the bodies of functions.
    """

    first: int
    last: int
    imports: bool
    defines: bool
    cheap: bool  # run in any case, used or not
    binds: Names
    changes: Names
    touches: Names
    uses_now: Names
    uses_later: Names


def statements(source: str) -> tuple[Statement, ...]:
    """The statements of a cell; none when it isn't Python, or longer than what anyone writes."""
    if len(source) > LONGEST:
        return ()
    return (known_statements if len(source) < SHORT else read_statements)(source)


@functools.lru_cache(maxsize=256)
def names_in(source: str) -> Names:
    """All global names that a source uses, now or later; none when it isn't Python."""
    if len(source) > LONGEST:
        return frozenset()
    try:
        now, later, _ = uses(symtable.symtable(source, "<cell>", "exec"))
    except UNREADABLE:
        return frozenset()
    return frozenset(now | later)


@functools.lru_cache(maxsize=256)
def names_bound(source: str) -> Names:
    """The names that a cell binds at its top level; none when it isn't Python."""
    if len(source) > LONGEST:
        return frozenset()
    try:
        return bound(symtable.symtable(source, "<cell>", "exec"))
    except UNREADABLE:
        return frozenset()


def bound(module: symtable.SymbolTable) -> Names:
    """What is assigned, imported, defined or deleted in a module's own scope."""
    symbols = module.get_symbols()
    return frozenset(symbol.get_name() for symbol in symbols if symbol.is_assigned() or symbol.is_imported())


def read_statements(source: str) -> tuple[Statement, ...]:
    try:
        return tuple(map(read_statement, ast.parse(source).body))
    except UNREADABLE:
        return ()


# the chapter's cells are the same for all students
known_statements = functools.lru_cache(maxsize=512)(read_statements)


def read_statement(node: ast.stmt) -> Statement:
    module = symtable.symtable(ast.unparse(node), "<cell>", "exec")
    now, later, declared = uses(module)
    changes, touches = changed_in(node)
    decorators = node.decorator_list if isinstance(node, Definition) else []
    first = min([node.lineno, *(each.lineno for each in decorators)])
    defines = isinstance(node, Definition) or is_import(node)
    return Statement(
        first,
        node.end_lineno or first,
        is_import(node),
        defines,
        defines or is_constant(node) or is_mine(node),
        bound(module),
        frozenset(changes | declared),
        frozenset(touches),
        frozenset(now),
        frozenset(later),
    )


def uses(module: symtable.SymbolTable) -> tuple[set[str], set[str], set[str]]:
    """Global names used at once, used in bodies of functions, and bound by functions that declare them global."""
    now = {symbol.get_name() for symbol in module.get_symbols() if symbol.is_referenced()}
    later: set[str] = set()
    declared: set[str] = set()
    todo = [(child, False) for child in module.get_children()]
    while todo:
        scope, deferred = todo.pop()
        deferred = deferred or (scope.get_type() == "function" and scope.get_name() not in INLINE)
        for symbol in scope.get_symbols():
            if symbol.is_global() and symbol.is_referenced():
                (later if deferred else now).add(symbol.get_name())
            if symbol.is_declared_global() and symbol.is_assigned():
                declared.add(symbol.get_name())
        todo += [(child, deferred) for child in scope.get_children()]
    return now, later, declared


def changed_in(node: ast.stmt) -> tuple[set[str], set[str]]:
    """Names whose attribute or element is assigned, and names that a call may change."""
    changes: set[str] = set()
    touches: set[str] = set()
    for each in ast.walk(node):
        match each:
            case ast.Attribute(ctx=ast.Store() | ast.Del()) | ast.Subscript(ctx=ast.Store() | ast.Del()):
                changes.update(owner(each))
            case ast.AugAssign(target=ast.Name(name)):
                changes.add(name)
            case ast.Call(func=function, args=arguments):
                touches.update(owner(function) if isinstance(function, ast.Attribute) else ())
                if not (isinstance(function, ast.Name) and function.id in SHOWS):
                    touches.update(argument.id for argument in arguments if isinstance(argument, ast.Name))
    return changes, touches


def owner(node: ast.expr) -> Iterator[str]:
    """`a` of a.b[0].c."""
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    if isinstance(node, ast.Name):
        yield node.id


def is_import(node: ast.stmt) -> bool:
    return isinstance(node, ast.Import | ast.ImportFrom)


def is_constant(node: ast.stmt) -> bool:
    """LIMIT = 60, or a tuple, list or dict of such."""
    value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
    if value is None:
        return False
    try:
        ast.literal_eval(value)
    except UNREADABLE:
        return False
    return True


def is_mine(node: ast.stmt) -> bool:
    """internet_checksum = mine("5.1")"""
    match node:
        case ast.Assign(value=ast.Call(func=ast.Name("mine"))):
            return True
    return False
