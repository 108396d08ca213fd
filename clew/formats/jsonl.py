"""Clew's own format: one JSON object per line, one line an event.

Fields: ``process``, ``type``, ``f``, ``value``, and, if known, ``time`` (ns), ``error``
and ``node``; any other field is kept. Reading is strict, because a file that is half understood
gives a wrong verdict: an unknown type, a field of the wrong type, a name given twice, NaN or a
cut last line is an error with its line; so is a number too large for 64 bits of floating point.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from math import isinf
from typing import Any, TextIO

from clew.errors import HistoryError
from clew.formats.record import (
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
    decode = DECODER.decode
    for number, line in enumerate(lines, 1):
        if line.isspace():
            continue
        try:
            record = decode(line)
        except (ValueError, RecursionError) as error:
            raise broken_json(error, source, number, line) from error
        if type(record) is not dict:
            raise not_an_operation(record, source, number)
        check_nesting(record, line.count("[") + line.count("{"), source, number)
        yield number, record


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
