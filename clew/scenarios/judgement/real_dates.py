"""A remark on dates that numpy reads by itself: "now" and "today" are words to its C code."""

from __future__ import annotations

import ast
import sys
from functools import lru_cache

from clew.node.node import Node
from clew.scenarios.code.sources import files_of
from clew.scenarios.code.userfiles import own_modules

_WORDS = frozenset({"now", "today"})
_KINDS = ("M8", "<M8", ">M8", "datetime64")
"""The prefix of numpy's names for types of dates."""


def real_dates(node_class: type[Node]) -> tuple[str, ...]:
    """Remark that a class's files may make numpy read the real clock, with the lines.

    ``datetime64("now")`` is the node's present. Wherever else numpy makes dates from texts, no
    Python code runs, so the source is searched for texts that could be dates.
    """
    if "numpy" not in sys.modules:
        return ()
    lines = [
        f"{file}:{line}"
        for file in files_of(own_modules(node_class))
        for line in _lines(file.read_text(encoding="utf-8"))
    ]
    if not lines:
        return ()
    return (
        (
            'Where numpy makes a date of "now" or "today" it reads the real clock, and the run is '
            f"another each time: see {', '.join(lines)}. Use numpy.datetime64(...) itself, which "
            "gives the node's present."
        ),
    )


@lru_cache(maxsize=16)
def _lines(source: str) -> tuple[int, ...]:
    """Return the lines of words that numpy may take for now, in a source that names its dates."""
    nodes = list(ast.walk(ast.parse(source)))
    if not any(map(_is_a_kind, nodes)):
        return ()
    asked = {id(part) for node in nodes if _asks_for_a_date(node) for part in ast.walk(node)}
    words = (each for each in nodes if isinstance(each, ast.Constant) and each.value in _WORDS)
    return tuple(word.lineno for word in words if id(word) not in asked)


def _is_a_kind(node: ast.AST) -> bool:
    """Return whether something names a type of dates."""
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str) and node.value.startswith(_KINDS)
    return _name(node) == "datetime64"


def _asks_for_a_date(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and _name(node.func) == "datetime64"


def _name(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""
