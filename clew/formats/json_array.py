"""Plain JSON as elle-cli takes it: an array of operations, or one object after another.

Names, and the words of ``type`` and ``f``, may carry the colon that Clojure's keywords have; it is
dropped there, and then from words inside values too. The fields are those of Jepsen: ``process``,
``type``, ``f``, ``value``, and, if known, ``time``, ``index``, ``error``. Objects may
span lines.

Left out: numbers keep their JSON type, and an object's name is always a string, so that the
accounts ``{"0": 100}`` of a bank are strings here and numbers in EDN.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from clew.errors import HistoryError
from clew.formats.jsonl import DECODER, QUICK, are_sure, broken_json, not_an_operation
from clew.formats.record import check_nesting, event_from, place, shown

_GAP = re.compile(r"[\s,]*")
_WORD_MAX = 20
"""How long a word of JSON is at most, but for strings and long numbers."""


def read_json(lines: Iterable[str], source: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Read a file's operations without Clojure's colons, with the line of each, in O(length).

    Raises:
        HistoryError: the text is no JSON, ends early, or holds what is no object.
    """
    for line, record in read_objects("".join(lines), source):
        yield line, _without_colons(record)


def check_first(head: str, source: str) -> None:
    """Check the first object of a file as far as its start shows it; the rest may be large.

    Raises:
        HistoryError: it is no JSON, or no event, whatever comes after the start.
    """
    if not _GAP.sub("", head.lstrip(" \t\r\n,").removeprefix("[")):
        return
    try:
        for line, record in islice(read_json([head], source), 1):
            event_from(record, source, line)
    except HistoryError as wrong:
        error = wrong.__cause__
        # The start of a file may end inside a string or a word: that is no mistake of the file.
        cut = isinstance(error, json.JSONDecodeError) and (
            error.msg.startswith("Unterminated") or error.pos > len(head) - _WORD_MAX
        )
        if not cut:
            raise


def read_objects(text: str, source: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Read the objects of an array, or one after another, with the line of each; O(length).

    Raises:
        HistoryError: the text is no JSON, ends early, or holds what is no object.
    """
    line, counted = 1, 0
    position = _skip(text, 0)
    inside = text.startswith("[", position)
    if inside:
        position = _skip(text, position + 1)
    # Invariant: all objects before `position` were handed on, and `line` is the line of `counted`.
    # Each newline is counted once, which keeps the whole linear.
    while position < len(text):
        line += text.count("\n", counted, position)
        counted = position
        if inside and text[position] == "]":
            _nothing_more(text, position + 1, source, line)
            return
        try:
            record, end = QUICK.raw_decode(text, position)
        except (ValueError, RecursionError):
            record, end = None, 0  # whatever is wrong is told below
        if not are_sure(record, text, position, end):
            record, end = _carefully(text, position, source, line)
        yield line, record
        position = _skip(text, end)
    if inside:
        raise HistoryError(
            "the file ends inside its array",
            where=place(source, text.count("\n") + 1),
            expected="]",
            found="the end of the file",
            fix="Check that the file is whole",
        )


def _carefully(text: str, position: int, source: str, line: int) -> tuple[dict[str, Any], int]:
    """Read the object that begins at a position, or say what is wrong; return it and its end."""
    try:
        record, end = DECODER.raw_decode(text, position)
    except (ValueError, RecursionError) as error:
        raise _broken(error, text, position, source, line) from error
    if type(record) is not dict:
        raise not_an_operation(record, source, line)
    brackets = text.count("[", position, end) + text.count("{", position, end)
    check_nesting(record, brackets, source, line)
    return record, end


def _skip(text: str, position: int) -> int:
    gap = _GAP.match(text, position)
    return gap.end() if gap else position


def _nothing_more(text: str, position: int, source: str, line: int) -> None:
    rest = text[_skip(text, position) :]
    if rest:
        raise HistoryError(
            "more text follows the array",
            where=place(source, line),
            expected="the end of the file",
            found=shown(rest),
        )


def _broken(error: Exception, text: str, position: int, source: str, line: int) -> HistoryError:
    if isinstance(error, json.JSONDecodeError):
        line, position = error.lineno, text.rfind("\n", 0, error.pos) + 1
    end = text.find("\n", position)
    excerpt = text[position : end if end >= 0 else len(text)]
    if isinstance(error, json.JSONDecodeError):
        last = not text[error.pos :].strip()
        excerpt = excerpt if not last else ""
        error = json.JSONDecodeError(error.msg, excerpt, len(excerpt) if last else error.colno - 1)
    return broken_json(error, source, line, excerpt)


def _without_colons(record: dict[str, Any]) -> dict[str, Any]:
    """Write names and words without Clojure's colon."""
    words = [word for word in (record.get("type"), record.get("f")) if type(word) is str]
    if any(word.startswith(":") for word in (*record, *words)):
        bare: dict[str, Any] = _bare(record)
        return bare
    process = record.get("process")
    if type(process) is str:
        record["process"] = process.removeprefix(":")
    return record


def _bare(value: Any) -> Any:
    """Drop the colon from every word of a value; the JSON decoder bounds the nesting."""
    if type(value) is str:
        return value.removeprefix(":")
    if type(value) is list:
        return [_bare(item) for item in value]
    if type(value) is dict:
        return {name.removeprefix(":"): _bare(item) for name, item in value.items()}
    return value
