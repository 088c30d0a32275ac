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
Names = frozenset[str]


@dataclass(frozen=True, slots=True)
class Statement:
    """A top-level statement, by its lines (from 1) and the global names that it deals with.

    `binds`: assigns, imports, defines or deletes.  `changes`: assigns to an attribute or element of, or, for a
    definition, would change when called.  `touches`: calls a method of, or hands to a function, which may change it.
    `uses_now` when it runs; `uses_later` in the bodies of functions.
    """

    node: ast.stmt
    first: int
    last: int
    binds: Names
    changes: Names
    touches: Names
    uses_now: Names
    uses_later: Names

    @property
    def defines(self) -> bool:
        return is_import(self.node) or isinstance(self.node, Definition)

    @property
    def cheap(self) -> bool:
        """Whether it is run in any case, used or not."""
        return self.defines or is_constant(self.node) or is_mine(self.node)


@functools.lru_cache(maxsize=1024)
def statements(source: str) -> tuple[Statement, ...]:
    """The statements of a cell; none when it isn't Python."""
    try:
        body = ast.parse(source).body
        return tuple(read(node) for node in body)
    except UNREADABLE:
        return ()


def read(node: ast.stmt) -> Statement:
    module = symtable.symtable(ast.unparse(node), "<cell>", "exec")
    now, later, declared = uses(module)
    binds = {symbol.get_name() for symbol in module.get_symbols() if symbol.is_assigned() or symbol.is_imported()}
    changes, touches = changed_in(node)
    decorators = node.decorator_list if isinstance(node, Definition) else []
    first = min([node.lineno, *(each.lineno for each in decorators)])
    return Statement(
        node,
        first,
        node.end_lineno or first,
        *map(frozenset, (binds, changes | declared, touches, now, later)),  # type: ignore[arg-type]
    )


@functools.lru_cache(maxsize=256)
def names_in(source: str) -> Names:
    """All global names that a source uses, now or later; none when it isn't Python."""
    try:
        now, later, _ = uses(symtable.symtable(source, "<cell>", "exec"))
    except UNREADABLE:
        return frozenset()
    return frozenset(now | later)


@functools.lru_cache(maxsize=256)
def names_bound(source: str) -> Names:
    """The names that a cell binds at its top level."""
    return frozenset().union(*(each.binds for each in statements(source)))


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
