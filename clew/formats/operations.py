"""JSON operations with the times of their call and return, as Porcupine has them.

    {"ClientId": 0, "Input": {"op": "put", "key": "x", "value": "1"}, "Call": 10,
     "Output": {}, "Return": 25}

One object per operation, in an array or one after another. Names are read without regard to case
and to ``_``; the fields of the input and of the output may also stand beside the times:

- ``client``, ``client_id``, ``process``: who asked; if no operation has it, each is the only one
  of a client of its own. ``call`` and ``return`` (or ``start`` and ``end``): whole numbers, in any
  unit. An operation without its return is pending;
- ``op`` (or ``f``, ``function``, ``operation``): its function, or 0, 1 and 2 for ``get``, ``put``
  and ``append``, as Porcupine's key-value model numbers them;
- ``key``, and ``value`` (or ``argument``); for a cas ``from`` and ``to``, or ``value`` as a pair;
- the output is the value, or an object with ``value`` (or ``result``), and with ``ok`` false if
  the operation did nothing.

Events are in order of time; at one moment, calls come before returns, as Porcupine has it: an
operation takes effect at some point of the closed interval between its call and its return. So two
operations of one client, one of which ends when the other begins, overlap, and the second is read
as that of a new client.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple, NoReturn

from clew.errors import HistoryError
from clew.formats.json_array import read_objects
from clew.formats.record import place, shown

_NAMES: Mapping[str, tuple[str, ...]] = {
    "client": ("client", "clientid", "process"),
    "call": ("call", "start", "calltime"),
    "return": ("return", "end", "returntime"),
    "f": ("op", "f", "function", "operation"),
    "key": ("key",),
    "value": ("value", "argument", "arg"),
    "from": ("from", "old", "expected"),
    "to": ("to", "new"),
    "result": ("value", "result"),
    "ok": ("ok", "success"),
}
_KEY_VALUE = {0: "get", 1: "put", 2: "append"}
_ASKS = frozenset({"get", "read", "dequeue", "pop", "remove"})
_PAIR = 2


class _Timed(NamedTuple):
    """An operation with its times; ``end`` is None if it was never answered."""

    line: int
    client: int | None
    call: int
    end: int | None
    f: str
    argument: Any
    result: Any
    failed: bool

    def record(self, kind: str, value: Any, time: int) -> tuple[int, dict[str, Any]]:
        """Return one of its events, with its line."""
        said = {"process": self.client, "type": kind, "f": self.f, "value": value, "time": time}
        return self.line, said


def read_operations(lines: Iterable[str], source: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Read a file's events as maps, with the line of each operation; O(n log n).

    Raises:
        HistoryError: the text is no JSON, or an object is no operation.
    """
    found = [_timed(record, source, line) for line, record in read_objects("".join(lines), source)]
    yield from _in_order(_with_clients(found, source))


def _in_order(found: list[_Timed]) -> Iterator[tuple[int, dict[str, Any]]]:
    moments = [(each.call, 0, rank) for rank, each in enumerate(found)]
    moments += [(each.end, 1, rank) for rank, each in enumerate(found) if each.end is not None]
    pending: dict[int, _Timed] = {}
    for moment, returns, rank in sorted(moments):
        each = found[rank]
        assert each.client is not None
        if returns:
            yield each.record("fail" if each.failed else "ok", each.result, moment)
            continue
        lost = pending.pop(each.client, None)
        if lost is not None:  # its client went on: nobody knows what became of it
            yield lost.record("info", lost.argument, moment)
        if each.end is None:
            pending[each.client] = each
        yield each.record("invoke", each.argument, moment)


def _with_clients(found: list[_Timed], source: str) -> list[_Timed]:
    """Give each operation a client; if none is named, one of its own."""
    nameless = [each for each in found if each.client is None]
    if len(nameless) == len(found):
        return [each._replace(client=rank) for rank, each in enumerate(found)]
    if nameless:
        _fail(
            "the operation has no client", "one, as others have", "none", source, nameless[0].line
        )
    last: dict[int, _Timed] = {}
    fresh = max(each.client or 0 for each in found) + 1
    named = dict(enumerate(found))
    for rank, each in sorted(named.items(), key=lambda item: (item[1].call, item[0])):
        assert each.client is not None
        before = last.get(each.client)
        last[each.client] = each
        if before is not None and before.end == each.call:
            named[rank] = each._replace(client=fresh)
            fresh += 1
    return list(named.values())


def _timed(record: dict[str, Any], source: str, line: int) -> _Timed:
    told = _lowered(record)
    asked, answered = told.get("input", told), told.get("output", {})
    asked = _lowered(asked) if isinstance(asked, dict) else {"value": asked}
    call, end = _time(told, "call", source, line), _time(told, "return", source, line)
    if call is None or (end is not None and end < call):
        _fail("the times are wrong", "call, and return after it", shown(record), source, line)
    f = _first(asked, "f")
    f = _KEY_VALUE.get(f, f) if type(f) is int else f
    if type(f) is not str or not f:
        expected = '"op", the name of a function, such as read, in the input'
        _fail("the operation has no function", expected, shown(record), source, line)
    client = _first(told, "client")
    if client is not None and type(client) is not int:
        _fail("the client is wrong", "a whole number", shown(client), source, line)
    argument = _argument(f, asked)
    plain = _lowered(answered) if isinstance(answered, dict) else {"result": answered}
    beside = told if "input" not in told and "output" not in told else {}
    value = _first(plain, "result") if plain else beside.get("result")
    failed = _first(plain or beside, "ok") is False
    result = argument
    if f.lower() in _ASKS:
        result = [argument[0], value] if _first(asked, "key") is not None else value
    return _Timed(line, client, call, end, f.lower(), argument, result, failed)


def _argument(f: str, asked: Mapping[str, Any]) -> Any:
    value = _first(asked, "value")
    if f.lower() in _ASKS:
        value = None
    elif _first(asked, "to") is not None:
        value = [_first(asked, "from"), _first(asked, "to")]
    key = _first(asked, "key")
    return value if key is None else [key, value]


def _lowered(record: dict[str, Any]) -> dict[str, Any]:
    return {name.lower().replace("_", ""): value for name, value in record.items()}


def _first(told: Mapping[str, Any], field: str) -> Any:
    return next((told[name] for name in _NAMES[field] if name in told), None)


def _time(told: Mapping[str, Any], field: str, source: str, line: int) -> int | None:
    value = _first(told, field)
    if type(value) is float and value.is_integer():
        value = int(value)
    if value is not None and type(value) is not int:
        _fail(f"{field} is wrong", "a whole number", shown(value), source, line)
    return value


def _fail(problem: str, expected: str, found: str, source: str, line: int) -> NoReturn:
    raise HistoryError(
        problem,
        where=place(source, line),
        expected=expected,
        found=found,
        fix='An operation is {"client": 0, "input": {"op": "write", "value": 1}, "call": 0, '
        '"output": null, "return": 5}',
    )


def is_operation(text: str) -> bool:
    """Return whether a text's first object has a call and no type, as far as its head shows."""
    start = text.find("{")
    try:
        record, _ = json.JSONDecoder().raw_decode(text, start)
    except (ValueError, RecursionError):
        return False
    names = _lowered(record).keys() if isinstance(record, dict) else ()
    return "type" not in names and any(name in names for name in ("call", "calltime", "start"))
