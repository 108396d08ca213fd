"""Any value of a node as plain data, to be shown and compared: whatever it is, and at most so much.

A value is a text, or a list ``[label, names, part, ...]``: the label is the name of its type, empty
for a dict and a list; the names are those of its parts, or 0 where the parts have none. So it is
strict JSON whatever a node holds: infinities and large numbers are texts, and no name of a part is
a key of an object. Nothing of a user's is called: no property, no ``repr``, no comparison.

A change is 0 for none, ``["=", value]`` for another value, ``["d", changes by name, removed]`` for
a few parts of one with names, and ``["l", kept, value, ...]`` for a list of which the first few
parts are as before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import fields, is_dataclass
from enum import Enum
from itertools import islice
from typing import Any, TypeAlias

from clew.machine.text import BITS_MAX, first_parts, json_words, printable
from clew.node.node import Node

DEPTH_MAX = 6
"""What lies deeper is shown by its type."""

PARTS_MAX = 40
"""Of a longer collection what is between its beginning and its end is counted."""

HEAD = 8
"""So many parts are shown of the beginning of such a collection."""

BYTES_MAX = 32

ORDERED_MAX = 2_000
"""The order of a set is arbitrary: this many members are put in order, of which some are shown."""

TEXT_MAX = 200
"""A longer text is cut, and its length is shown."""

Value: TypeAlias = "str | list[Any]"
Change: TypeAlias = "int | list[Any]"


def seen(value: Any, depth: int = 0, above: tuple[int, ...] = ()) -> Value:
    """Copy a value into plain data.

    Args:
        value: anything.
        depth: how many values it lies in.
        above: the ids of these: a value that lies in itself ends there.
    """
    kind = type(value)
    # The fast way: most values are plain, and most of these were seen before.
    if kind in _EXACT:
        told = _TEXTS.get((kind, value))
        return _scalar(value) if told is None else told
    if isinstance(value, _PLAIN):
        return _scalar(value)
    if isinstance(value, Enum):
        return f"{kind.__name__}.{value._name_}"
    named, parts = _parts(value)
    if parts is None or depth >= DEPTH_MAX or id(value) in above:
        return f"<{kind.__name__}>"
    inner = (*above, id(value))
    rest = len(parts) - PARTS_MAX
    if named is None and rest > 0:
        named = [*map(str, range(len(parts)))]
    label = "" if kind is dict or kind is list else kind.__name__
    depth += 1
    if rest <= 0:
        return [label, 0 if named is None else named, *[seen(part, depth, inner) for part in parts]]
    assert named is not None
    names = [*named[:HEAD], "...", *named[HEAD + rest :]]
    head, tail = parts[:HEAD], parts[HEAD + rest :]
    shown = [seen(part, depth, inner) for part in head]
    shown += [f"{rest} more", *[seen(part, depth, inner) for part in tail]]
    return [label, names, *shown]


_PLAIN = (bool, int, float, str, bytes, bytearray, type(None))
_EXACT = frozenset({bool, int, str, type(None)})
_TEXTS: dict[tuple[type, Any], str] = {}
"""The texts of plain values: a memory that changes nothing but how long it takes."""

_TEXTS_MAX = 1 << 16


def _scalar(value: Any) -> str:
    """Write a plain value as JSON does, whatever its subclass."""
    kind = type(value)
    told = _text(value)
    if kind in _EXACT and len(_TEXTS) < _TEXTS_MAX:
        _TEXTS[kind, value] = told
    return told


def _text(value: Any) -> str:
    if isinstance(value, str):
        text = str.__str__(value)
        if len(text) <= TEXT_MAX:
            return json_words(printable(text))
        return f"{json_words(printable(text[:TEXT_MAX]))}... ({len(text):,} characters)"
    if isinstance(value, bytes | bytearray):
        return f"{bytes(value[:BYTES_MAX])!r}" + (
            f"... ({len(value):,} bytes)" if len(value) > BYTES_MAX else ""
        )
    if value is None or isinstance(value, bool):
        return "null" if value is None else "true" if value else "false"
    if isinstance(value, float):
        return float.__repr__(value)
    bits = int.bit_length(value)
    return int.__repr__(value) if bits <= BITS_MAX else f"<an int of {bits:,} bits>"


_ITERATED: tuple[Callable[[Any], Iterator[Any]], ...] = (list.__iter__, tuple.__iter__)


def _parts(value: Any) -> tuple[list[str] | None, list[Any] | None]:
    """Find the names of a value's parts, if they have any, and the parts, if there are any."""
    if isinstance(value, dict):
        return [*map(_name, dict.keys(value))], [*dict.values(value)]
    if isinstance(value, list | tuple):
        names = getattr(type(value), "_fields", None) if isinstance(value, tuple) else None
        return (None if names is None else [*map(str, names)]), [
            *_ITERATED[isinstance(value, tuple)](value)
        ]
    if isinstance(value, set | frozenset):  # its order is arbitrary
        members = [*islice(iter(value), ORDERED_MAX)]
        return None, sorted(members, key=lambda one: json_words(seen(one)))
    module = type(value).__module__
    if module == "collections":
        return None, [*value]
    ours = isinstance(value, Node) or module.startswith(_OURS)
    if isinstance(value, type) or callable(value) or ours or module in _OPAQUE:
        return None, None
    held = attributes(value)
    return [*held], [*held.values()]


_OPAQUE = frozenset({"builtins", "asyncio", "random", "_random", "re"})
"""The modules whose objects say nothing to a reader."""

_OURS = ("clew.node.", "clew.runtimes.", "clew.sim.")
"""What a node stands on: it is shown elsewhere, or is no state."""


def _name(key: Any) -> str:
    """Write a key of a dict: a text as it is, others as values."""
    if isinstance(key, str):
        return first_parts(printable(str.__str__(key)), TEXT_MAX)
    return _plain(seen(key))


def _plain(value: Value) -> str:
    """Write a value in a line, as a key is shown."""
    if isinstance(value, str):
        return value.strip('"')
    return f"({', '.join(map(_plain, value[2:]))})"


def _slots(kind: type) -> tuple[str, ...]:
    """Return the names of a class's slots and fields, in order."""
    names = [one.name for one in fields(kind)] if is_dataclass(kind) else []
    for base in kind.__mro__:
        slots = base.__dict__.get("__slots__", ())
        names += [slots] if isinstance(slots, str) else list(slots)
    return tuple(dict.fromkeys(names))


def attributes(value: Any) -> dict[str, Any]:
    """Return the attributes that an object holds itself, those of its slots among them."""
    held: dict[str, Any] = {}
    for name in _slots(type(value)):
        try:
            held[name] = object.__getattribute__(value, name)
        except AttributeError:
            continue
    with suppress(AttributeError):
        held |= object.__getattribute__(value, "__dict__")
    return held


def change(old: Value, new: Value) -> Change:
    """Find what turns one value into another."""
    if old == new:
        return 0
    if isinstance(old, str) or isinstance(new, str) or old[0] != new[0]:
        return ["=", new]
    if not old[1] and not new[1]:
        kept = 0
        # Invariant: the first `kept` parts of both are the same.
        while kept < min(len(old), len(new)) - 2 and old[kept + 2] == new[kept + 2]:
            kept += 1
        return ["l", kept, *new[kept + 2 :]] if kept else ["=", new]
    if not old[1] or not new[1]:
        return ["=", new]
    return _of_names(dict(zip(old[1], old[2:], strict=True)), new)


def _of_names(before: Mapping[str, Value], new: list[Any]) -> Change:
    """Find what changed among parts with names."""
    now = dict(zip(new[1], new[2:], strict=True))
    changed = [
        [name, change(before[name], part) if name in before else ["=", part]]
        for name, part in now.items()
        if name not in before or before[name] != part
    ]
    removed = [name for name in before if name not in now]
    kept = [name for name in before if name in now]
    same_order = [*kept, *(name for name in now if name not in before)] == list(now)
    return ["d", changed, removed] if same_order else ["=", new]
