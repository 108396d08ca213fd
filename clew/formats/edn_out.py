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

from clew.formats.record import MICRO_OPERATIONS, TRIPLE, write_events
from clew.history import Event

_KEYWORD = re.compile(r"[A-Za-z*!?+<>=_&$%.-][\w*!?+<>=&$%.'-]*(?:/[\w*!?+<>=&$%.'-]+)?")
_ESCAPES = str.maketrans({'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"})


def write_edn(history: Iterable[Event], stream: TextIO) -> None:
    """Write one map an event, in order, with its ``:index``; O(length).

    Raises:
        HistoryError: a value has no form in EDN.
    """
    write_events(history, stream, "EDN", _map)


def _map(position: int, record: dict[str, Any]) -> str:
    process, kind, f = (record.pop(name) for name in ("process", "type", "f"))
    said = ", ".join(f"{_name(name)} {_text(value)}" for name, value in record.items())
    head = f":index {position}, :process {_name(process)}, :type :{kind}, :f {_name(f)}"
    return f"{{{head}, {said}}}"


def _name(value: Any) -> str:
    """Write a keyword if the value is a word that can be one."""
    if type(value) is str and _KEYWORD.fullmatch(value):
        return f":{value}"
    return _text(value)


def _text(value: Any) -> str:
    """Write a value in EDN; nesting is as deep as Python's stack."""
    if value is None:
        return "nil"
    if isinstance(value, str):
        return f'"{_escaped(value)}"'
    if isinstance(value, list | tuple):
        return _vector(value)
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_name(key)} {_text(item)}' for key, item in value.items())}}}"
    return _number(value)


def _escaped(text: str) -> str:
    """Escape what can't be shown in the text of a string, as far as EDN has an escape."""
    text = text.translate(_ESCAPES)
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() or ord(each) > _BASIC_MAX else f"\\u{ord(each):04x}"
        for each in text
    )


_BASIC_MAX = 0xFFFF


def _vector(items: list[Any] | tuple[Any, ...]) -> str:
    if len(items) == TRIPLE and type(items[0]) is str and items[0] in MICRO_OPERATIONS:
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
