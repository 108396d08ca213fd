"""One operation as a file has it, a mapping of field names, turned into an `Event`.

What every reader yields ends here, so that each format holds the same rules:

- ``process``, ``type`` and ``f`` must be there; ``value``, ``time``, ``error`` and ``node`` may.
  A ``process`` or ``f`` that is nil is not there.
- A process is an int for a client and a name for anything else, such as the nemesis. A number
  written as a string is refused: read as a name it would hide the client's operations.
- ``index`` is left out: the order of the file is the order of events, whatever the indices are,
  and so indices that are duplicated or out of order change nothing. Times don't reorder it either.
- If ``f`` is missing and the value is a list of micro-operations (``[["r", 1, null]]``, or
  ``[["r", 1]]`` in a request), the operation is a ``txn``, as in Elle's examples.
- If no client of the file has a process, each operation is the only one of a client of its own;
  see `clew.formats.lone_operations`. That holds of ``read``, ``write``, ``cas`` and ``txn``; what
  any other operation means may depend on its process: who holds a lock, which replica was asked.
- A completion without its invocation is read and refused by `History.operations`: when it began,
  and in what order, nobody knows. If no operation has one, see `clew.formats.completions`.
- Whatever else the file holds is kept in ``extra``.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TextIO

from clew.errors import HistoryError
from clew.history import EVENT_TYPES, Event, EventType, History
from clew.machine.text import first_parts

_TYPES: dict[str, EventType] = {word: word for word in EVENT_TYPES}
UNNAMED = ""
"""The process of an operation that has none, until it is given a client; no file can hold it."""

READINGS: Mapping[str, str] = {
    # what a file may hold, or lack: how every format reads it
    "the order of events": "that of the file, whatever `index` and `time` say",
    "no `f`": '`txn` where the value is a list of micro-operations, such as `[["r", 1, null]]` or, '
    'in a request, `[["r", 1]]`; else the file is refused',
    "no `process`": "where no client of the file has one, and all is `read`, `write`, `cas` and "
    "`txn`, each operation is the only one of a client of its own: no order of a session is "
    "checked, and real time is the file's order; a completion belongs to the one operation of its "
    "`f` that is open; else the file is refused",
    'a keyword of EDN and a string, `:a` and `"a"`': "one value, the string",
    "numbers": "1 and 1.0 are one value; `true` is not 1, and `false` not 0",
    "a number too large for 64 bits of floating point, such as `1e400`": "the file is refused",
    "a `process` that is a word": "no client, such as the nemesis; not judged",
    "an invocation without its completion": "pending: it may take effect at any later time, or "
    "never, as after `info`",
    "an invocation of a process after its `info`": "by a new client",
    "an invocation while another of its process is open": "the file is refused",
    "an `ok` whose value is not its invocation's": "of what changes something, such as `write`, "
    "`add`, `cas` and `enqueue`, the invocation's counts, and of a read the `ok`'s; of a "
    "transaction the `ok`'s, whose keys and written values must be those of its invocation, else "
    "it is INVALID (`mismatch`)",
    "no invocation at all, only completions": "all operations at once, each by a client of its "
    "own; models that need an order of time or of sessions refuse the file",
    "a completion without its invocation, beside others": "the file is refused: when the operation "
    "began, and before or after which others, nobody knows",
}
"""What may stand in a file beside the plain case -> how it is read."""

_SHOWN = 60
_WHOEVER_ASKS = frozenset({"txn", "read", "write", "cas"})  # they mean the same
MICRO_OPERATIONS = ("r", "w", "append")
_PAIR, TRIPLE = 2, 3
_A_PROCESS = "a whole number, or a name such as nemesis"


def place(source: str, line: int) -> str:
    """Write ``file:line``, as messages name it."""
    return f"{source}:{line}"


def shown(value: Any) -> str:
    """Write a value as a message shows it, as JSON where possible, on one short line."""
    if type(value) is str:
        value = value[: _SHOWN + 1]  # it may be a file's only line
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        text = type(value).__name__
    return first_parts(text, _SHOWN)


def event_from(record: dict[str, Any], source: str, line: int) -> Event:
    """Make the event that a record stands for; the record is used up.

    Raises:
        HistoryError: a field is missing or of the wrong type.
    """
    take = record.pop
    process, kind, f = take("process", None), take("type", None), take("f", None)
    value = take("value", None)
    known = _TYPES.get(kind) if type(kind) is str else None
    if known is None or type(f) is not str or type(process) is not int:
        if f is None and _is_transaction(value):
            f = "txn"
        process, known, f = _checked(process, kind, f, source, line)
    if not record:
        return _EVENT(Event, (process, known, sys.intern(f), value, None, None, None, None))
    time = take("time", None)
    error = take("error", None)
    node = take("node", None)
    if type(time) is float and time.is_integer():
        time = int(time)
    if time is not None and type(time) is not int:
        raise _wrong("time", "a whole number of nanoseconds", time, source, line)
    if node is not None and type(node) is not str:
        raise _wrong("node", "a name", node, source, line)
    take("index", None)
    if node:
        node = sys.intern(node)
    return _EVENT(Event, (process, known, sys.intern(f), value, time, error, node, record or None))


_EVENT = tuple.__new__  # the class's own call takes as long as all the rest


def _is_transaction(value: Any) -> bool:
    return type(value) is list and bool(value) and all(map(_is_micro_operation, value))


def _is_micro_operation(part: Any) -> bool:
    if type(part) is not list or not part:
        return False
    size = len(part)
    return (size == TRIPLE and part[0] in MICRO_OPERATIONS) or (size == _PAIR and part[0] == "r")


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
    if process is None and f in _WHOEVER_ASKS:
        return UNNAMED, known, f
    if type(process) is not str or not process or process.lstrip("+-").isdecimal():
        raise _wrong("process", _A_PROCESS, process, source, line)
    return sys.intern(process), known, f


NESTING_MAX = 200
"""Levels of lists and objects, an operation's own being the first.

No checker's recursion is deeper than Python allows for as many, and nobody records more.
"""


def check_nesting(value: Any, brackets: int, source: str, line: int) -> None:
    """Refuse a value of too many levels, which has at most ``brackets`` brackets in its text.

    Raises:
        HistoryError: it has more than `NESTING_MAX`.
    """
    if brackets <= NESTING_MAX:
        return
    level = [value]
    for _ in range(NESTING_MAX):
        level = [part for each in level for part in _parts(each) if isinstance(part, list | dict)]
    if level:
        raise nested_too_deeply(source, line)


def _parts(value: list[Any] | dict[str, Any]) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value


def nested_too_deeply(source: str, line: int) -> HistoryError:
    """Make the error for lists in lists in lists."""
    return HistoryError(
        "values are nested too deeply",
        where=place(source, line),
        expected=f"at most {NESTING_MAX} levels",
        found="more",
        fix="Record what tells one value from another, and leave the rest out",
    )


def number_said(error: Exception) -> str:
    """Name what is wrong with a number; Python's own words would name its settings."""
    said = str(error)
    if "set_int_max_str_digits" not in said:
        return said
    return f"a number of more than {sys.get_int_max_str_digits()} digits"


def no_process(source: str, line: int) -> HistoryError:
    """Make the error for an operation that lacks its process and needs it."""
    return _wrong("process", _A_PROCESS, None, source, line)


def _wrong(field: str, expected: str, found: Any, source: str, line: int) -> HistoryError:
    problem = f"the operation has no {field}" if found is None else f"{field} is wrong"
    return HistoryError(
        problem,
        where=place(source, line),
        expected=expected,
        found="nothing" if found is None else shown(found),
        fix="Every operation needs process, type and f; value, time, error and node are optional",
    )


def write_events(
    history: Iterable[Event],
    stream: TextIO,
    notation: str,
    text_of: Callable[[int, dict[str, Any]], str],
) -> None:
    """Write the text of each event, a line each, from its position and its record; O(length).

    Raises:
        HistoryError: a value has no form in this notation.
    """
    for position, event in enumerate(history):
        record = {"process": event.process, "type": event.type, "f": event.f, "value": event.value}
        for name in ("time", "error", "node"):
            said = getattr(event, name)
            if said is not None:
                record[name] = said
        try:
            text = text_of(position, record | (event.extra or {}))
        except (TypeError, ValueError, RecursionError) as error:
            of = history.place(position) if isinstance(history, History) else f"event {position}"
            raise HistoryError(
                f"the {event.type} of {event.f} by process {event.process} can't be written",
                where=of,
                expected=f"values that {notation} has",
                found="values nested too deeply" if not error.args else str(error),
            ) from error
        stream.write(text + "\n")
