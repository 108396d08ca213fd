"""Command lines of ``clew check`` that are written plainly, read without typer.

Typer's import takes longer than the check of a small file. What is read here is files and options
by their whole names, each once, ``--name VALUE`` or ``--name=VALUE``; everything else, and all that
is wrong, is left to `clew.cli`, which declares the options.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from clew.commands.execution import answered, execute, flush

OPTIONS: Mapping[str, type] = {
    "--model": str,
    "--consistency-models": str,
    "--budget": str,
    "--steps": str,
    "--explain": bool,
    "--dot": Path,
    "--report": Path,
    "--jobs": str,
    "--json": bool,
}
"""The options of ``clew check``: what each takes; bool stands alone."""


def plain_check(given: Sequence[str]) -> int | None:
    """Carry out a plain command line and return its exit status; None if it is none."""
    said = read(given[1:]) if given[:1] == ["check"] else None
    if said is None:
        return None
    status = answered(given, lambda: execute("check", said))
    flush()
    return status


def read(words: Sequence[str]) -> dict[str, Any] | None:
    """Read the options by name and the files; None if the words need a better reader."""
    said: dict[str, Any] = {}
    files: list[Path] = []
    rest = iter(words)
    for word in rest:
        if word == "-" or not word.startswith("-"):
            files.append(Path(word))
            continue
        flag, equals, value = word.partition("=")
        kind = OPTIONS.get(flag)
        name = flag.removeprefix("--").replace("-", "_")
        if kind is None or name in said or (kind is bool and equals):
            return None
        if kind is not bool and not equals:
            value = next(rest, "")
            if value.startswith("-"):
                return None
        if kind is not bool and not value:
            return None
        said[name] = True if kind is bool else kind(value)
    if not files or "" in words:
        return None
    return {"files": files, **said}
