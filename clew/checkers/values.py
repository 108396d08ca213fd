"""Values of a history as dictionary keys, and in words for a report.

Values are JSON: lists and objects can't be dictionary keys, and Python takes ``1`` and ``true``
for one key though JSON does not.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Hashable, Sequence
from typing import Any, TypeAlias

from clew.machine.text import first_parts

Key: TypeAlias = Hashable


def key_of(value: Any) -> Key:
    """Return a key that two values share exactly if they are the same JSON value.

    Integers and strings are their own key; everything else is its canonical JSON text in a
    tuple, so that no text can be taken for a string. An object's keys have no order, ``1.0`` is
    ``1``, ``true`` is not ``1``, and what is no JSON (a set read from EDN) goes by its members
    or its ``repr``. O(size of the value).
    """
    kind = type(value)
    if kind is int or kind is str:
        return value  # type: ignore[no-any-return]
    if kind is float and value.is_integer():
        return int(value)
    try:
        return (json.dumps(value, sort_keys=True, default=_plain),)
    except TypeError:  # EDN: keys that have no order among each other, or are no JSON
        return (json.dumps(_by_text(value), default=_plain),)


def keyed(values: Collection[Any]) -> dict[Key, Any]:
    """Return the values by their keys, each once, in order of appearance. O(size)."""
    if set(map(type, values)) <= {int, str}:
        return dict(zip(values, values, strict=True))
    return {key_of(value): value for value in values}


def _by_text(value: Any) -> Any:
    """Return a value with its maps as lists of pairs, in the order of the keys' text."""
    if isinstance(value, dict):
        pairs = [[repr(key_of(key)), _by_text(item)] for key, item in value.items()]
        return {"": sorted(pairs, key=lambda pair: str(pair[0]))}
    return [_by_text(item) for item in value] if isinstance(value, list | tuple) else value


def _plain(value: Any) -> Any:
    if isinstance(value, set | frozenset):
        return sorted(repr(key_of(member)) for member in value)
    return repr(value)


def shown(value: Any) -> str:
    """Write a value as a report prints it: JSON, cut at 60 characters."""
    return first_parts(json.dumps(value, default=_plain, ensure_ascii=False), _LONGEST)


_LONGEST = 60


def listed(names: Sequence[str], most: int = 8) -> str:
    """Join names in a row, ``n1, n2 and n3``; past ``most`` of them say only how many more."""
    if len(names) > most:
        return ", ".join(names[:most]) + f" and {len(names) - most} more"
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def sentence(text: str) -> str:
    """Return the text with a capital at its beginning."""
    return text[:1].upper() + text[1:]


def is_elements(value: Any) -> bool:
    """Return whether a read was answered with elements, in whatever order."""
    return isinstance(value, list | tuple | set | frozenset)


def initial_hint(value: Any) -> str:
    """Say what to add to a read of a value nobody wrote, if it is one that things begin with."""
    usual = value in (0, "")
    return " If it was there before any write, the option initial says so." if usual else ""


def counted(count: int, word: str) -> str:
    """Write a number with its word, ``1 message`` or ``2 messages``."""
    return f"{count} {word}" if count == 1 else f"{count} {word}s"
