"""One operation as a file says it, a mapping of field names, turned into an `Event`.

Every reader ends here, so that each format holds the same rules:

- ``process``, ``type`` and ``f`` must be there; ``value``, ``time``, ``error`` and ``node`` may.
- A process is an int for a client and a name for anything else, such as the nemesis. A number
  written as a string is refused: read as a name it would hide the client's operations.
- ``index`` is left out: the order of the file is the order of events, whatever the indices say,
  and so indices that are duplicated or out of order change nothing.
- Where ``f`` is missing and the value is a list of micro-operations (``[["r", 1, null]]``), the
  operation is a ``txn``, as in Elle's examples.
- Whatever else the file says is kept in ``extra``.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from clew.errors import HistoryError
from clew.history import EVENT_TYPES, Event, EventType

_TYPES: dict[str, EventType] = {word: word for word in EVENT_TYPES}
_ABSENT = object()
_SHOWN = 60
_MICRO_OPERATIONS = ("r", "w", "append")
_TRIPLE = 3


def place(source: str, line: int) -> str:
    """``file:line``, as messages name it."""
    return f"{source}:{line}"


def shown(value: Any) -> str:
    """A value as a message shows it, in JSON where that is possible, cut to one short line."""
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        text = type(value).__name__
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."


def event_from(record: dict[str, Any], source: str, line: int) -> Event:
    """The event a record stands for; the record is used up.

    Raises:
        HistoryError: a field is missing or of the wrong type.
    """
    take = record.pop
    process = take("process", _ABSENT)
    kind = take("type", _ABSENT)
    f = take("f", _ABSENT)
    if f is _ABSENT and _is_transaction(record.get("value")):
        f = "txn"
    known = _TYPES.get(kind) if type(kind) is str else None
    if known is None or type(f) is not str or type(process) is not int:
        process, known, f = _checked(process, kind, f, source, line)
    value = take("value", None)
    time = take("time", None)
    error = take("error", None)
    node = take("node", None)
    if time is not None and type(time) is not int:
        raise _wrong("time", "a whole number of nanoseconds", time, source, line)
    if node is not None and type(node) is not str:
        raise _wrong("node", "a name", node, source, line)
    take("index", None)
    return Event(
        process, known, sys.intern(f), value, time, error, node and sys.intern(node), record or None
    )


def _is_transaction(value: Any) -> bool:
    return (
        type(value) is list
        and bool(value)
        and all(
            type(part) is list and len(part) == _TRIPLE and part[0] in _MICRO_OPERATIONS
            for part in value
        )
    )


def _checked(
    process: Any, kind: Any, f: Any, source: str, line: int
) -> tuple[int | str, EventType, str]:
    known = _TYPES.get(kind) if type(kind) is str else None
    if known is None:
        raise _wrong("type", "invoke, ok, fail or info", kind, source, line)
    if type(f) is not str or not f:
        raise _wrong("f", "the name of a function, such as read", f, source, line)
    if type(process) is int:
        return process, known, f
    if type(process) is not str or not process or process.lstrip("+-").isdecimal():
        expected = "a whole number, or a name such as nemesis"
        raise _wrong("process", expected, process, source, line)
    return sys.intern(process), known, f


def _wrong(field: str, expected: str, found: Any, source: str, line: int) -> HistoryError:
    problem = f"the operation has no {field}" if found is _ABSENT else f"{field} is wrong"
    return HistoryError(
        problem,
        where=place(source, line),
        expected=expected,
        found="nothing" if found is _ABSENT else shown(found),
        fix="Every operation needs process, type and f; value, time, error and node are optional",
    )
