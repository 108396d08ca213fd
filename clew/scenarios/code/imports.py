"""The files that a source imports from its own folder, found in its text without running it.

What the text says is followed: every ``import``, wherever it is, relative or not, with the
``__init__`` of each package on the way; what a star import means by ``__all__``; and the calls of
``import_module``, ``__import__`` and `runpy` whose name is written out.

Left out: computed names, and code that runs only if a file is the program or is type-checked.
`clew.scenarios.code.gate` catches the former when they are imported.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator
from importlib.machinery import BYTECODE_SUFFIXES, EXTENSION_SUFFIXES, SOURCE_SUFFIXES
from pathlib import Path
from typing import NamedTuple

_SUFFIXES = (*EXTENSION_SUFFIXES, *SOURCE_SUFFIXES, *BYTECODE_SUFFIXES)  # as Python looks for them
_CALLS = {"import_module", "__import__", "run_module"}
_STAR = "*"
_NEVER = {"TYPE_CHECKING", "typing.TYPE_CHECKING", "__name__ == '__main__'"}
"""Conditions that don't hold when a file is imported."""


class _Named(NamedTuple):
    """A module as a source names it.

    Attributes:
        level: the dots before the name; 0 for a name from the top.
        parts: the name; its last part may be `_STAR`, or an attribute instead of a module.
    """

    level: int
    parts: tuple[str, ...]


def reached(sources: Iterable[Path], root: Path) -> list[Path]:
    """Return the files that some sources import, directly or not, in the order of a search.

    Args:
        sources: files.
        root: the folder from which a name without dots is looked for first.
    """
    pending = list(sources)
    found = dict.fromkeys(pending)
    # Each file enters `pending` once, when it is found, and is read once, when it leaves.
    while pending:
        source = pending.pop()
        for each in _imported_by(source, root):
            if each not in found:
                found[each] = None
                pending.append(each)
    return list(found)


def _imported_by(source: Path, root: Path) -> Iterator[Path]:
    tree = _tree(source)
    for named in () if tree is None else _names(tree):
        if named.level:
            base = source.parent.joinpath(*[".."] * (named.level - 1)).resolve()
            if root in source.parents and base != root and root not in base.parents:
                continue  # Python goes no further up than a package goes
            yield from _initial(base)
        elif named.parts[0] in sys.builtin_module_names:
            continue
        else:
            base = root
        yield from _along(base, named.parts)


def _tree(source: Path) -> ast.Module | None:
    """Parse a source into its syntax tree; None for text that is not Python."""
    if source.suffix not in SOURCE_SUFFIXES:
        return None
    try:
        return ast.parse(source.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _along(base: Path, parts: tuple[str, ...]) -> Iterator[Path]:
    """Yield the file of each module along a dotted name; a part without a file may be a folder."""
    for part in parts:
        if part == _STAR:
            for init in _initial(base):
                for name in _offered(init):
                    yield from _along(base, (name,))
            return
        if not part.isidentifier():
            return
        base /= part
        initial = list(_initial(base))
        yield from initial or _first(base.parent, part)


def _initial(folder: Path) -> Iterator[Path]:
    return _first(folder, "__init__")


def _first(folder: Path, name: str) -> Iterator[Path]:
    """Yield the file that Python takes for a module in a folder, if there is one."""
    files = (folder / f"{name}{suffix}" for suffix in _SUFFIXES)
    yield from [file for file in files if file.is_file()][:1]


def _offered(init: Path) -> Iterator[str]:
    """Yield the texts in the statements of a package that mention its ``__all__``."""
    tree = _tree(init)
    for statement in () if tree is None else tree.body:
        inner = list(ast.walk(statement))
        if any(isinstance(each, ast.Name) and each.id == "__all__" for each in inner):
            for each in inner:
                if isinstance(each, ast.Constant) and isinstance(each.value, str):
                    yield each.value


def _names(tree: ast.Module) -> Iterator[_Named]:
    pending: list[ast.AST] = [tree]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Import):
            yield from (_Named(0, tuple(each.name.split("."))) for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            before = tuple(node.module.split(".")) if node.module else ()
            yield from (_Named(node.level, (*before, each.name)) for each in node.names)
        elif isinstance(node, ast.Call):
            yield from _called(node)
        never = isinstance(node, ast.If) and ast.unparse(node.test) in _NEVER
        pending += node.orelse if isinstance(node, ast.If) and never else ast.iter_child_nodes(node)


def _called(node: ast.Call) -> Iterator[_Named]:
    """Yield what a call with a text as its first argument imports."""
    name = getattr(node.func, "attr", getattr(node.func, "id", ""))
    given = {each.arg: each.value for each in node.keywords} | dict(enumerate(node.args))
    module = next((_text(given[key]) for key in (0, "name", "mod_name") if key in given), "")
    if name not in _CALLS or not (module or name == "__import__"):
        return
    bare = module.lstrip(".")
    parts, level = tuple(filter(None, bare.split("."))), len(module) - len(bare)
    package = next((_text(given[key]) for key in (1, "package") if key in given), "")
    if name == "__import__":
        asked = next((given[key] for key in (4, "level") if key in given), None)
        level = asked.value if isinstance(asked, ast.Constant) and type(asked.value) is int else 0
        listed = next((given[key] for key in (3, "fromlist") if key in given), None)
        inner = () if listed is None else ast.walk(listed)
        yield from (_Named(level, (*parts, text)) for each in inner if (text := _text(each)))
    elif level and package:
        whole = package.split(".")
        parts, level = (*whole[: len(whole) - level + 1], *parts), 0
    elif name == "run_module":
        yield _Named(0, (*parts, "__main__"))
    if parts:
        yield _Named(level, parts)


def _text(node: ast.AST) -> str:
    """Return the text that a constant holds; empty for anything else."""
    found = node.value if isinstance(node, ast.Constant) else ""
    return found if isinstance(found, str) else ""
