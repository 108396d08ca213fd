"""Markdown for the pages of the reference."""

# ruff: noqa: INP001 - part of a program, no package

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

Rows: TypeAlias = Iterable[Sequence[Any]]


def table(head: Sequence[str], rows: Rows) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    lines += ["| " + " | ".join(_cell(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def _cell(cell: Any) -> str:
    return str(cell).replace("|", "\\|").replace("\n", " ")


def code(text: Any) -> str:
    """Code in a line of text."""
    return f"`{text}`"
