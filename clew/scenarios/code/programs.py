"""Stand-alone programs given as node files: recognised by their text, without running them.

A program for Maelstrom is a process that reads messages from stdin and writes them to stdout.
Importing one runs it: it waits for a line that never comes, or ends when it finds no input.
"""

from __future__ import annotations

import ast
from pathlib import Path

from clew.errors import NodeError

_LIBRARY = "maelstrom"


def check_program(path: Path) -> None:
    """Do nothing for a file that may hold a Node class.

    Raises:
        NodeError: it is a program that reads stdin, or uses another library for Maelstrom.
    """
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError, RecursionError, MemoryError, OSError):
        return  # the import will show it
    found = [*ast.walk(tree)]
    imported = {name.partition(".")[0] for node in found for name in _imported(node)}
    reads = next((node for node in found if _reads_stdin(node)), None)
    if "clew" in imported or (reads is None and _LIBRARY not in imported):
        return
    line = getattr(reads, "lineno", 1)
    raise NodeError(
        "this is a program that reads messages from stdin",
        where=f"{path}:{line}",
        expected="a file with a class that derives from clew.Node",
        fix="Clew calls a node's methods and runs no process: put each handler into a method of "
        "such a class, marked @on(TYPE); 'clew new' writes one to begin with",
    )


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module] if isinstance(node, ast.ImportFrom) and node.module else []


def _reads_stdin(node: ast.AST) -> bool:
    """Recognize ``sys.stdin``, ``stdin``, ``input(...)``, ``open(0)`` and ``os.read(0, ...)``."""
    if isinstance(node, ast.Attribute):
        return node.attr == "stdin"
    if isinstance(node, ast.ImportFrom):
        return node.module == "sys" and any(alias.name == "stdin" for alias in node.names)
    if not isinstance(node, ast.Call):
        return False
    name = getattr(node.func, "attr", getattr(node.func, "id", ""))
    if name == "input":
        return isinstance(node.func, ast.Name)
    first = node.args[0] if node.args else None
    return (
        name in {"open", "read", "fdopen"}
        and isinstance(first, ast.Constant)
        and (first.value == 0 and type(first.value) is int)
    )
