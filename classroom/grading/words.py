"""What a student's code mentions that no exercise needs: a reason to read it, no verdict."""

import ast
import builtins
import re
from collections.abc import Iterator

from nbformat import NotebookNode

NAMES = {
    *("__code__", "__globals__", "__closure__", "__builtins__", "__wrapped__", "__subclasses__"),
    *("_getframe", "_current_frames", "settrace", "setprofile", "addaudithook", "f_globals"),
    *("ast_transformers", "DisableTorchFunction", "_posixsubprocess", "environ", "getenv", "fork"),
    *("check_alone", "switched_off", "sys.modules", "torch.testing"),
    *("rglob", "read_text", "read_bytes", "listdir", "scandir"),
}
MODULES = {
    *("builtins", "ctypes", "gc", "importlib", "inspect", "multiprocessing", "shutil", "socket"),
    *("subprocess", "threading", "urllib", "requests", "classroom", "assignment"),
}
CALLS = {"exec", "eval", "compile", "globals", "vars", "setattr", "delattr", "__import__", "open"}


def suspicious(notebook: NotebookNode) -> dict[str, str]:
    """For each cell of the student's, by its name, a note on what it uses; empty if nothing."""
    found = {}
    for cell in notebook.cells:
        marks = cell.metadata.get("nbgrader", {})
        mine = cell.cell_type == "code" and not marks.get("locked")
        if mine and (words := sorted(set(_words(cell.source)))):
            found[marks.get("grade_id") or cell["id"]] = f"uses {', '.join(words)}: read the code"
    return found


def _words(source: str) -> Iterator[str]:
    """The names in some code, as Python reads it: `judge.eval()` is no call of `eval`."""
    lines = [re.sub(r"^(\s*)[%!].*", r"\1pass", line) for line in source.splitlines()]
    try:
        tree = ast.parse("\n".join(lines))
    except (SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        yield from _words_of(node)
    for node in tree.body:
        yield from (f"a new {name}" for name in _defined(node) if hasattr(builtins, name))


def _words_of(node: ast.AST) -> list[str]:
    """The listed words that one node of the syntax tree holds."""
    match node:
        case ast.Import(names=names):
            return [alias.name for alias in names if alias.name.partition(".")[0] in MODULES]
        case ast.ImportFrom(module=str(name)) if name.partition(".")[0] in MODULES:
            return [name]
        case ast.ImportFrom(names=names):
            return [alias.name for alias in names if alias.name in NAMES]
        case ast.Attribute(value=ast.Name(id=home), attr=name) if f"{home}.{name}" in NAMES:
            return [f"{home}.{name}"]
        case ast.Attribute(attr=name) | ast.Name(id=name) if name in NAMES:
            return [name]
        case ast.Call(func=ast.Name(id=name)) if name in CALLS:
            return [f"{name}("]
    return []


def _defined(node: ast.stmt) -> list[str]:
    """Functions defined at the top: `def abs` matters, `input = 3` is harmless."""
    if isinstance(node, ast.FunctionDef):
        return [node.name]
    if isinstance(node, ast.Assign) and isinstance(node.value, ast.Lambda):
        return [target.id for target in node.targets if isinstance(target, ast.Name)]
    return []
