"""The layout of text for people: lines, lists and tables."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

LINE_WIDTH = 100


def duration_ms(milliseconds: float) -> str:
    """Write a duration with the unit that suits it, to three digits."""
    if milliseconds >= 1000:  # noqa: PLR2004 - a second
        return f"{milliseconds / 1000:.3g} s"
    if milliseconds >= 1 or not milliseconds:
        return f"{milliseconds:.3g} ms"
    return f"{milliseconds * 1000:.3g} us"


def several(count: int, noun: str) -> str:
    """Write a count with its noun, such as ``1 seed`` or ``2 seeds``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def listed(names: Sequence[str]) -> str:
    """List names as in a sentence, such as ``n1, n2 and n3``."""
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)


def indented(text: str, indent: str = "  ") -> str:
    """Break a text into lines of at most `LINE_WIDTH`, each indented; its own lines are kept."""
    return "\n".join(_filled(line, LINE_WIDTH, indent, indent) for line in text.splitlines())


def hanging(head: str, text: str) -> str:
    """Set a text beside a head, broken into lines under its own beginning."""
    return _filled(text, max(LINE_WIDTH, len(head) + 30), head, " " * len(head))


def _filled(text: str, width: int, first: str, rest: str) -> str:
    return textwrap.fill(
        text,
        width,
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    )


def titled(name: str, bug: str | None) -> str:
    """Name a model with the bug that is planted in it, if any."""
    return f"{name} with the bug {bug}" if bug else name


def table(rows: Iterable[Sequence[Any]], indent: str = "  ", right: Sequence[int] = ()) -> str:
    """Set rows in columns of equal width, two spaces apart.

    Args:
        rows: the cells; a float is shown to three digits, an integer with separators.
        indent: before each line.
        right: the ranks of the right-aligned columns, such as numbers.
    """
    cells = [[_cell(cell) for cell in row] for row in rows]
    if not cells:
        return ""
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
    lines = (
        "  ".join(
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in cells
    )
    return "\n".join(indent + line.rstrip() for line in lines)


def _cell(cell: Any) -> str:
    if isinstance(cell, float):
        return f"{cell:.3g}"
    return f"{cell:,}" if isinstance(cell, int) else str(cell)
