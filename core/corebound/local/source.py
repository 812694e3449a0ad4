"""What a Python file tells of itself without being run: which names it has, and whether it can be loaded by itself.

Only what is certain is told. What could go wrong: a file that makes its names while it runs (``import *``, ``globals()``,
``__getattr__`` and the like), or that cannot be parsed; of such a file nothing is said, and loading it will tell.
"""

from __future__ import annotations

import ast
import itertools
import warnings
from collections import deque
from typing import TYPE_CHECKING, Final

from corebound.api.model import nearest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_MAKES_NAMES: Final = {"globals", "locals", "vars", "exec", "setattr", "modules", "__dict__"}
_SCOPES: Final = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)


def fault_of(path: Path, name: str, *, folder: Path) -> str | None:
    """Why ``name`` cannot be had from the file ``path``, with the remedy; None where that is not certain."""
    tree = _parsed(path)
    if tree is None:
        return None
    if (line := _relative_import(tree, name)) is not None:
        return f"{path}:{line} imports relatively, which a file by itself cannot{as_module(path, name, folder=folder)}"
    return _lack_of(path, tree, name)


def fault_in_package(path: Path, name: str) -> str | None:
    """As :func:`fault_of` for a file that is imported as a module of its package, which may import relatively."""
    tree = _parsed(path)
    return None if tree is None else _lack_of(path, tree, name)


def as_module(path: Path, name: str, *, folder: Path) -> str:
    """How a file that imports relatively is named instead: as a module of its package, searched from ``folder``."""
    root, parts = path.parent, [] if path.stem == "__init__" else [path.stem]
    while (root / "__init__.py").is_file() and root != root.parent:
        root, parts = root.parent, [root.name, *parts]
    if root == path.parent and folder in root.parents:
        root, parts = folder, [*root.relative_to(folder).parts, *parts]
    if root == path.parent or not all(part.isidentifier() for part in parts):
        return "; write the import without the dot, files beside it are found"
    there = "" if root == folder else f", from {root} (the campaign file's folder, or the current one without a file)"
    return f"; name it as a module of its package: {'.'.join(parts)}:{name}{there}"


def _parsed(path: Path) -> ast.Module | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of its syntax; they are shown when it is loaded
            return ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _lack_of(path: Path, tree: ast.Module, name: str) -> str | None:
    names = _names_of(tree)
    if names is None or name in names:
        return None
    return f"{path} has no {name!r}{nearest(name, sorted(names)) or '; expected a function or class there'}"


def _relative_import(tree: ast.Module, name: str) -> int | None:
    """The line of one that nothing keeps from failing: in the file itself, or first of all in what is called of it."""
    if "__package__" in _words(tree):
        return None
    called = [body for each in tree.body for body in _called(each, name)]
    reached = [*tree.body, *(each for body in called for each in itertools.takewhile(_goes_on, body))]
    return next((each.lineno for each in reached if isinstance(each, ast.ImportFrom) and each.level), None)


def _called(statement: ast.stmt, name: str) -> Iterator[list[ast.stmt]]:
    """The bodies that every trial runs, where ``statement`` is the function or class of that name."""
    if isinstance(statement, ast.FunctionDef) and statement.name == name:
        yield statement.body
    elif isinstance(statement, ast.ClassDef) and statement.name == name:
        yield from (
            body for each in statement.body for body in (*_called(each, "__init__"), *_called(each, "__call__"))
        )


def _goes_on(statement: ast.stmt) -> bool:
    """Whether what follows the statement is surely run."""
    return not any(isinstance(node, ast.Return | ast.Raise) for node in ast.walk(statement))


def _names_of(tree: ast.Module) -> set[str] | None:
    """All names of the module; None where it may have others."""
    found = {name for node in ast.walk(tree) if isinstance(node, ast.Global) for name in node.names}
    for node in _at_module_level(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found |= {alias.asname or alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, ast.MatchAs | ast.MatchStar | ast.MatchMapping):
            found.add((node.rest if isinstance(node, ast.MatchMapping) else node.name) or "_")
    unsure = {"*", "__getattr__"} & found or _MAKES_NAMES & _words(tree)
    return None if unsure else found


def _at_module_level(tree: ast.Module) -> Iterator[ast.AST]:
    """Without what is inside of functions and classes; expressions may be nested deeper than calls can be."""
    waiting: deque[ast.AST] = deque(tree.body)
    while waiting:
        node = waiting.popleft()
        yield node
        if not isinstance(node, _SCOPES):
            waiting.extend(ast.iter_child_nodes(node))


def _words(tree: ast.Module) -> set[str]:
    """Every name and attribute that it mentions."""
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    return names | {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
