"""Clew's own format: one JSON object per line, one line an event.

Fields: ``process``, ``type``, ``f``, ``value``, and, if known, ``time`` (ns), ``error``
and ``node``; any other field is kept. Reading is strict, because a file that is half understood
gives a wrong verdict: an unknown type, a field of the wrong type, a name given twice, NaN or a
cut last line is an error with its line; so is a number too large for 64 bits of floating point.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from math import isinf
from typing import Any, TextIO

from clew.errors import HistoryError
from clew.formats.record import (
    NESTING_MAX,
    check_nesting,
    nested_too_deeply,
    number_said,
    place,
    shown,
    write_events,
)
from clew.history import Event
from clew.machine.text import strict_json


def read_jsonl(lines: Iterable[str], source: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Read a file's operations, with the line of each, in O(length); blank lines are skipped.

    Raises:
        HistoryError: a line is no object.
    """
    number = 0
    rest, failed = iter(lines), 0
    while block := list(islice(rest, _BLOCK)):
        records = _at_once(block) if failed < _FAILED_MAX else None
        if records is None:
            failed += 1
            yield from _one_by_one(block, number, source)
        else:
            yield from enumerate(records, number + 1)
        number += len(block)


_BLOCK = 256
_FAILED_MAX = 8
"""After so many blocks that can't be read at once, as when values hold objects, none is tried."""


def _at_once(block: Sequence[str]) -> list[dict[str, Any]] | None:
    """Read lines as one array, which takes half the time; None if it is not sure to be right.

    No string of JSON holds a line break, so each line begins outside of strings, and here with a
    brace. If all colons belong to names of the outermost objects, no object is inside another: each
    brace begins one of these. So if there are as many of them as lines, each line is one.
    """
    text = f"[{','.join(block)}]"
    if text[1:2] != "{" or text.count("\n,{") != len(block) - 1:
        return None
    if any(len(line) > _SHORT and _brackets(line, 0, len(line)) > NESTING_MAX for line in block):
        return None
    try:
        records, end = QUICK.raw_decode(text)
    except (ValueError, RecursionError):
        return None
    if end != len(text) or len(records) != len(block) or set(map(type, records)) != {dict}:
        return None
    return records if text.count(":") == sum(map(len, records)) else None


def _one_by_one(
    block: Sequence[str], before: int, source: str
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Read lines by themselves, if so many are before them."""
    for number, line in enumerate(block, before + 1):
        try:
            record, end = QUICK.raw_decode(line)
        except (ValueError, RecursionError):
            record, end = None, 0  # whatever is wrong is told below
        if line[end:] == "\n" and are_sure(record, line, 0, end):
            yield number, record
        elif not line.isspace():
            yield number, _carefully(line, number, source)


def _carefully(line: str, number: int, source: str) -> dict[str, Any]:
    """Read the operation of one line, or say what is wrong with it."""
    try:
        record = DECODER.decode(line)
    except (ValueError, RecursionError) as error:
        raise broken_json(error, source, number, line) from error
    if type(record) is not dict:
        raise not_an_operation(record, source, number)
    check_nesting(record, line.count("[") + line.count("{"), source, number)
    return record


def write_jsonl(history: Iterable[Event], stream: TextIO) -> None:
    """Write one line an event, in order, such that `read_jsonl` gives the same events back.

    A mapping with keys that are no strings comes back with strings, as JSON has nothing else.

    Raises:
        HistoryError: a value has no form in JSON.
    """
    write_events(history, stream, "JSON", lambda _, record: strict_json(record))


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a name appears twice in one object")
    return members


def _constant(word: str) -> Any:
    raise ValueError(f"{word} is not JSON")


def _number(text: str) -> float:
    number = float(text)
    if isinf(number):
        raise ValueError(f"{text} is too large for a number")
    return number


DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant, parse_float=_number)
QUICK = json.JSONDecoder(parse_constant=_constant, parse_float=_number)
"""A third of the cost: it does not see names that stand twice, so `are_sure` comes after it."""

_SHORT = 2 * NESTING_MAX


def are_sure(record: Any, text: str, start: int, end: int) -> bool:
    """Return whether what `QUICK` read is an object, each name once, not nested too deeply.

    False is no fault yet: `DECODER` says what is there. No name stands twice if each colon of the
    text follows a name that the object, or one inside it, has. A short text is not too deep.
    """
    if type(record) is not dict:
        return False
    if end - start > _SHORT and _brackets(text, start, end) > NESTING_MAX:
        return False
    colons = text.count(":", start, end)
    return colons == len(record) or colons == _names(record)


def _brackets(text: str, start: int, end: int) -> int:
    return text.count("[", start, end) + text.count("{", start, end)


def _names(value: Any) -> int:
    """Count the names of an object and of those inside it."""
    if type(value) is dict:
        return len(value) + sum(map(_names, value.values()))
    return sum(map(_names, value)) if type(value) is list else 0


def broken_json(error: Exception, source: str, line: int, text: str) -> HistoryError:
    """Make the error for text that does not parse."""
    if isinstance(error, RecursionError):
        return nested_too_deeply(source, line)
    column, end, found = 1, False, number_said(error)
    if isinstance(error, json.JSONDecodeError):
        found, column = error.msg, error.colno
        end = error.pos >= len(text.rstrip()) or found.startswith("Unterminated string")
    return HistoryError(
        "the file ends inside an operation" if end else f"broken JSON at column {column}",
        where=place(source, line),
        expected="one whole JSON object per operation",
        found="the end of the line" if end else f"{found}, in {shown(text.strip())}",
        fix="Check that the file is whole",
    )


def not_an_operation(found: Any, source: str, line: int) -> HistoryError:
    """Make the error for JSON that is no object."""
    return HistoryError(
        "this is not an operation",
        where=place(source, line),
        expected="an object with process, type and f",
        found=shown(found),
        fix="Give Clew a history: one event per invocation and completion",
    )
