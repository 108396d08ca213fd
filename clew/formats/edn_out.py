"""Histories written as EDN, one map a line, as Jepsen and its tools read them.

Words become keywords where Clojure's tools expect them: the type, the function, a named process,
the names of a mapping's fields, and ``r``, ``w`` and ``append`` at the head of a triple (the
micro-operations of a transaction). Every other string stays a string. Reading the result with
`clew.formats.edn` gives the same events back.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Any, TextIO

from clew.errors import HistoryError
from clew.history import Event, History

_KEYWORD = re.compile(r"[A-Za-z*!?+<>=_&$%.-][\w*!?+<>=&$%.'-]*(?:/[\w*!?+<>=&$%.'-]+)?")
_MICRO_OPERATIONS = {"r", "w", "append"}
_TRIPLE = 3
_ESCAPES = str.maketrans({'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"})


def write_edn(history: Iterable[Event], stream: TextIO) -> None:
    """Write one map an event, in order, with its ``:index``; O(length).

    Raises:
        HistoryError: a value has no form in EDN.
    """
    for position, event in enumerate(history):
        record: dict[str, Any] = {"value": event.value}
        record |= {
            name: said
            for name in ("time", "error", "node")
            if (said := getattr(event, name)) is not None
        }
        record |= event.extra or {}
        try:
            head = f":process {_name(event.process)}, :type :{event.type}, :f {_name(event.f)}"
            said = ", ".join(f"{_name(name)} {_text(value)}" for name, value in record.items())
        except (TypeError, RecursionError) as error:
            raise HistoryError(
                f"the {event.type} of {event.f} by process {event.process} can't be written",
                where=_origin(history, position),
                expected="values that EDN has",
                found="values nested too deeply" if not error.args else str(error),
            ) from error
        stream.write(f"{{:index {position}, {head}, {said}}}\n")


def _origin(history: Iterable[Event], position: int) -> str:
    return history.place(position) if isinstance(history, History) else f"event {position}"


def _name(value: Any) -> str:
    """A keyword where the value is a word that can be one."""
    if type(value) is str and _KEYWORD.fullmatch(value):
        return f":{value}"
    return _text(value)


def _text(value: Any) -> str:
    """A value in EDN; nesting is as deep as Python's stack."""
    if value is None:
        return "nil"
    if isinstance(value, str):
        return f'"{value.translate(_ESCAPES)}"'
    if isinstance(value, list | tuple):
        return _vector(value)
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_name(key)} {_text(item)}' for key, item in value.items())}}}"
    return _number(value)


def _vector(items: list[Any] | tuple[Any, ...]) -> str:
    if len(items) == _TRIPLE and type(items[0]) is str and items[0] in _MICRO_OPERATIONS:
        return f"[:{items[0]} {' '.join(map(_text, items[1:]))}]"
    return f"[{' '.join(map(_text, items))}]"


def _number(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if not isinstance(value, float):
        message = f"a value of type {type(value).__name__}"
        raise TypeError(message)
    if math.isfinite(value):
        return repr(value)
    return "##NaN" if math.isnan(value) else "##Inf" if value > 0 else "##-Inf"
