"""Operations, values, times and tables as a person reads them."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path
from shlex import quote
from typing import Any

from clew.history import Operation
from clew.machine.text import json_words
from clew.node.timer import NS_PER_SECOND
from clew.scenarios.trust import is_outside

VALUE_WIDTH = 60
"""A longer value is shown by its two ends."""

LINE_WIDTH = 100


def time(ns: int | None) -> str:
    """A virtual time in seconds, to the microsecond; ``?`` where there is none."""
    return "?" if ns is None else f"{ns / NS_PER_SECOND:.6f} s"


def span(start: int | None, end: int | None) -> str:
    """Two virtual times as an interval."""
    if start == end or end is None:
        return time(start)
    return f"{time(start).removesuffix(' s')} - {time(end)}"


def duration_ms(milliseconds: float) -> str:
    """A duration with the unit that suits it, to three digits."""
    if milliseconds >= 1000:  # noqa: PLR2004 - a second
        return f"{milliseconds / 1000:.3g} s"
    if milliseconds >= 1 or not milliseconds:
        return f"{milliseconds:.3g} ms"
    return f"{milliseconds * 1000:.3g} us"


def value(any_value: Any, width: int = VALUE_WIDTH) -> str:
    """A value of a history as JSON, cut in the middle where it is long."""
    text = json_words(any_value)
    if len(text) <= width:
        return text
    head = (width - 5) * 2 // 3
    return f"{text[:head]} ... {text[-(width - 5 - head) :]}"


def operation(one: Operation) -> str:
    """What was asked and what came of it, such as ``read key 3 -> 17``."""
    asked, answer = _told(one)
    if one.type == "ok":
        return f"{asked} -> {answer}" if answer else asked
    error = _error(one.error)
    outcome = "failed" if one.type == "fail" else "unknown whether it happened"
    return f"{asked}: {outcome}{f' ({error})' if error else ''}"


def asked(one: Operation) -> str:
    """What was asked, such as ``read key 3``."""
    return _told(one._replace(type="info"))[0]


def _told(one: Operation) -> tuple[str, str]:
    """The question and the answer; the answer is empty where it says no more."""
    asked, result = one.argument, one.result
    if isinstance(asked, list) and (one.f == "txn" or _is_parts(asked)):
        done = result if isinstance(result, list) and one.type == "ok" else asked
        return f"{one.f} {value(done)}", ""
    if _is_keyed(one.f, asked):
        key, operand = asked
        told = f"{one.f} key {value(key)}"
        if one.f == "read":
            own = _is_pair(result) and result[0] == key
            return told, value(result[1] if own else result)
        if one.f == "cas" and _is_pair(operand):
            return f"{told} from {value(operand[0])} to {value(operand[1])}", ""
        return f"{told} := {value(operand)}", ""
    told = one.f if asked is None else f"{one.f} {value(asked)}"
    if (
        result == asked
        and type(result) is type(asked)
        and (asked is not None or one.f not in _ASKS)
    ):
        return told, ""
    return told, value(result)


_ASKS = frozenset({"read", "dequeue", "pop", "remove"})
"""Functions that are answered with nil where there is nothing; others with nil say nothing."""


def _is_keyed(f: str, asked: Any) -> bool:
    """Whether the argument is ``[key, value]``; that of a cas is ``[from, to]`` without a key."""
    return _is_pair(asked) and (f in {"read", "write"} or (f == "cas" and _is_pair(asked[1])))


def _is_parts(asked: list[Any]) -> bool:
    """Whether the argument is a list of micro-operations."""
    return bool(asked) and all(
        isinstance(part, list) and part[:1] in (["r"], ["w"], ["append"]) for part in asked
    )


def _is_pair(any_value: Any) -> bool:
    return isinstance(any_value, list | tuple) and len(any_value) == 2  # noqa: PLR2004 - a pair


def _error(error: Any) -> str:
    """What a completion says of why: its text, or the value as it is."""
    if isinstance(error, dict):
        return str(error.get("text") or error.get("name") or value(error))
    return "" if error is None else value(error)


def who(one: Operation) -> str:
    """The client and the node it asked, such as ``process 3 at n4``."""
    return f"process {one.process}" + (f" at {one.node}" if one.node else "")


def replay(file: str, *references: str) -> str:
    """The command that replays a repro file of this model and workload, as a shell takes it."""
    outside = " --allow-outside" if is_outside(Path(file), *references) else ""
    return f"clew replay {quote(file)}{outside}"


def several(count: int, noun: str) -> str:
    """A count with its noun, such as ``1 seed`` or ``2 seeds``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def listed(names: Sequence[str]) -> str:
    """Names as a sentence has them, such as ``n1, n2 and n3``."""
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)


def indented(text: str, indent: str = "  ", width: int = LINE_WIDTH) -> str:
    """A text broken into lines of at most `width`, each indented; its own lines are kept."""
    return "\n".join(
        textwrap.fill(
            line,
            width,
            initial_indent=indent,
            subsequent_indent=indent,
            break_long_words=False,
            break_on_hyphens=False,
        )
        for line in text.splitlines()
    )


def hanging(head: str, text: str, width: int = LINE_WIDTH) -> str:
    """A head, and a text beside it that is broken into lines under its own beginning."""
    return textwrap.fill(
        text,
        max(width, len(head) + 30),
        initial_indent=head,
        subsequent_indent=" " * len(head),
        break_long_words=False,
        break_on_hyphens=False,
    )


def table(rows: Iterable[Sequence[Any]], indent: str = "  ", right: Sequence[int] = ()) -> str:
    """Rows in columns of equal width, two spaces apart.

    Args:
        rows: the cells; a float is shown to three digits, an integer with separators.
        indent: before each line.
        right: the ranks of the columns that end evenly, such as numbers.
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
