"""The part of a lesson that an exercise needs: its imports and the definitions before it.

A lesson runs for minutes; an assignment must start in seconds. So an assignment does not repeat
the lesson's cells but a backward slice of them (Weiser 1981): what the names it uses depend on.
"""

import ast
import builtins
import symtable
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Statement:
    """One top-level statement: its source, the names it defines, those it reads."""

    source: str
    defines: frozenset[str]
    reads: frozenset[str]
    updates: bool = False  # changes something defined before: x[0] = 1, x += 1

    @property
    def is_import(self) -> bool:
        """Whether it is an import, which belongs in the set-up cell."""
        return self.source.startswith(("import ", "from "))

    @property
    def is_definition(self) -> bool:
        """Whether it is a function or a class, which stands between two blank lines."""
        return isinstance(ast.parse(self.source).body[0], ast.FunctionDef | ast.ClassDef)


def statements(code: str) -> list[Statement]:
    """The top-level statements of some code; an import of several names becomes several."""
    lines, found, end = code.splitlines(), [], 0
    for node in ast.parse(code).body:
        decorated = getattr(node, "decorator_list", [])
        start = min(part.lineno for part in [node, *decorated]) - 1
        while start > end and lines[start - 1].startswith("#"):
            start -= 1  # its comment
        end = node.end_lineno or start
        if isinstance(node, ast.Import | ast.ImportFrom):
            found += [_import(node, alias) for alias in node.names]
        else:
            source = "\n".join(lines[start:end])
            updates = isinstance(node, ast.AugAssign) or _assigns_into(node)
            defines, reads = frozenset(_defined(node)), _read(source)
            if isinstance(node, ast.For | ast.With):
                reads -= defines  # its own variable, set before it is read
            found.append(Statement(source, defines, reads, updates))
    return found


def needed(names: Iterable[str], before: list[Statement]) -> list[Statement]:
    """The statements that the names depend on, in order.

    Raises:
        ValueError: a name is neither defined before nor built in.
    """
    wanted, kept = set(names) - set(dir(builtins)), []
    for statement in reversed(before):
        if statement.defines & wanted:
            if not statement.updates:
                wanted -= statement.defines
            wanted |= statement.reads - set(dir(builtins))
            kept.append(statement)
    if wanted:
        raise ValueError(f"never defined before the exercise: {sorted(wanted)}")
    return kept[::-1]


def free_names(code: str) -> set[str]:
    """The names that some code reads and does not define itself."""
    defined: set[str] = set()
    free: set[str] = set()
    for statement in statements(code):
        free |= statement.reads - defined
        defined |= statement.defines
    return free - set(dir(builtins))


def _import(node: ast.Import | ast.ImportFrom, alias: ast.alias) -> Statement:
    """The import of one name."""
    renamed = f" as {alias.asname}" if alias.asname else ""
    origin = f"from {node.module} " if isinstance(node, ast.ImportFrom) else ""
    name = alias.asname or alias.name.split(".")[0]
    return Statement(f"{origin}import {alias.name}{renamed}", frozenset({name}), frozenset())


def _defined(node: ast.stmt) -> set[str]:
    """The names that a statement gives a value at the top level, those that it updates too."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return {node.name}
    stored = {
        part.id
        for part in ast.walk(node)
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)
    }
    return stored | ({_base(target) for target in _targets(node)} - {""})


def _targets(node: ast.stmt) -> list[ast.expr]:
    """What an assignment assigns to."""
    if isinstance(node, ast.Assign):
        return node.targets
    return [node.target] if isinstance(node, ast.AugAssign | ast.AnnAssign) else []


def _base(target: ast.expr) -> str:
    """`x` of `x[0].y`."""
    while isinstance(target, ast.Attribute | ast.Subscript):
        target = target.value
    return target.id if isinstance(target, ast.Name) else ""


def _assigns_into(node: ast.stmt) -> bool:
    """Whether it assigns to a part of something."""
    return any(isinstance(target, ast.Attribute | ast.Subscript) for target in _targets(node))


def _read(source: str) -> frozenset[str]:
    """The global names that a statement reads, inside its functions too."""

    def walk(table: symtable.SymbolTable, top: bool) -> set[str]:
        names = {
            symbol.get_name()
            for symbol in table.get_symbols()
            if symbol.is_referenced() and (top or symbol.is_global())
        }
        return names.union(*(walk(child, False) for child in table.get_children()))

    return frozenset(walk(symtable.symtable(source, "statement", "exec"), True))
