"""Messages, and the copies that keep a receiver from sharing an object with its sender.

A body holds what JSON can express: it is a dict with str keys whose values are str, int, float,
bool, None, lists and dicts. Tuples become lists and subclasses become their base, as ``json.dumps``
does; anything else is refused, because a real network could not carry it.
"""

from __future__ import annotations

from math import isfinite
from typing import Any

from clew.machine.text import BITS_MAX, cut, shown

_NONE = type(None)
SCALARS = frozenset({str, int, bool, _NONE})
"""The types of which JSON can express every value; not so for float, with NaN and infinity."""

_FLAT = SCALARS | {float}

DEPTH_MAX = 100
"""Values nested deeper are refused: other programs' JSON readers give up on them as well."""


ERROR_MAX = 1_000
"""A longer text of an error is cut before it travels."""


class NotJson(Exception):  # noqa: N818 - it is told as a finding, with the line of the send
    """A value that no message can carry.

    Args:
        path: where in the body, such as ``entries[3].op``.
        found: what is there.
    """

    def __init__(self, path: str, found: str) -> None:
        self.path = path
        self.found = found
        super().__init__(f"{path or 'body'} is {found}")


class Message:
    """One message as its receiver sees it.

    Attributes:
        src: the sender's id.
        dest: the receiver's id.
        body: the receiver's own copy.
    """

    __slots__ = ("body", "dest", "src")

    def __init__(self, src: str, dest: str, body: dict[str, Any]) -> None:
        self.src = src
        self.dest = dest
        self.body = body

    @property
    def type(self) -> str:
        """The body's ``type``."""
        return str(self.body["type"])

    def __repr__(self) -> str:
        return f"Message({self.src} -> {self.dest}: {self.body})"


def is_answer(message_type: str) -> bool:
    """Return whether a type is a reply's, by its name: the sender can't know if it is awaited."""
    return message_type == "error" or message_type.endswith("_ok")


def is_flat(body: dict[str, Any]) -> bool:
    """Return whether every key is a str and no value is a container."""
    for key in body:  # noqa: PLC0206, SIM110 - half the time of items(), and of all()
        if type(key) is not str or type(body[key]) not in _FLAT:
            return False
    return True


def frozen(value: Any, path: str = "", depth: int = 0) -> Any:
    """Copy a JSON value deeply, so that it shares nothing with the original.

    Raises:
        NotJson: the value holds something JSON has no word for.
    """
    kind = type(value)
    if kind in SCALARS:
        return value
    if depth > DEPTH_MAX:
        raise NotJson("", _too_deep(value))
    if kind is list or kind is tuple:
        for item in value:
            if type(item) not in SCALARS:
                break
        else:
            return list(value)
        return [
            item if type(item) in SCALARS else frozen(item, f"{path}[{place}]", depth + 1)
            for place, item in enumerate(value)
        ]
    if kind is not dict:
        return _base(value, path, depth)
    # Copied as a whole, in C; then what the copy must not share is replaced, which is seldom much.
    copy = value.copy()
    for key in value:
        if type(key) is not str:
            plain = {_key(key, path): item for key, item in value.items()}
            return frozen(plain, path, depth)
        item = value[key]
        if type(item) not in SCALARS:
            copy[key] = frozen(item, f"{path}.{key}", depth + 1)
    return copy


def sealed(body: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    """Copy a body that can travel; also return whether it is flat. See `frozen` and `is_flat`."""
    for key in body:  # noqa: PLC0206 - half the time of items()
        if type(key) is not str or type(body[key]) not in SCALARS:
            copy = frozen(body)
            return copy, is_flat(copy)
    return body.copy(), True


def thawed(value: Any) -> Any:
    """Copy deeply a value that `frozen` made: faster, because it is known to be JSON.

    Scalars are shared: a key keeps its hash, so that a receiver finds it sooner than a new text.
    """
    kind = type(value)
    if kind is dict:
        copy = value.copy()
        for key in value:
            if type(value[key]) not in _FLAT:
                copy[key] = thawed(value[key])
        return copy
    if kind is not list:
        return value
    for item in value:
        if type(item) not in _FLAT:
            return [item if type(item) in _FLAT else thawed(item) for item in value]
    return value.copy()


def has_long_integer(value: Any) -> bool:
    """Return whether an integer in a value that `frozen` made is too long to be printed as text."""
    kind = type(value)
    if kind is int:
        return not -_LONG < value < _LONG
    if kind is dict:
        value = value.values()
    elif kind is not list:
        return False
    for item in value:
        kind = type(item)
        if kind is int:
            if not -_LONG < item < _LONG:
                return True
        elif (kind is dict or kind is list) and has_long_integer(item):
            return True
    return False


_LONG = 1 << BITS_MAX


def _key(key: Any, path: str) -> str:
    if type(key) is str:
        return key
    if isinstance(key, str):
        return str.__str__(key)
    raise NotJson(path.lstrip("."), f"a dict with the key {in_words(key)}; JSON keys are strings")


def _base(value: Any, path: str, depth: int) -> Any:
    if isinstance(value, list | tuple):
        return frozen(list(value), path, depth)
    if isinstance(value, dict):
        return frozen(dict(value), path, depth)
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        if isfinite(value):
            return float(value)
        raise NotJson(path.lstrip("."), f"{float(value)}, which JSON has no word for")
    raise NotJson(path.lstrip("."), in_words(value))


_WAY_MAX = 1_000
"""A cycle is searched for this many levels down: nobody writes a cycle that is nested deeper."""


def _too_deep(value: Any) -> str:
    """Say why a value is nested so deep: the first value below it, if any, that contains itself."""
    above: set[int] = set()
    # Invariant: `above` has the containers on the way down to this one. Only a cycle leads back to
    # one of them.
    while isinstance(value, list | tuple | dict) and value and len(above) < _WAY_MAX:
        if id(value) in above:
            return "cyclic: a value in it holds itself"
        above.add(id(value))
        items = value.values() if isinstance(value, dict) else value
        value = max(items, key=lambda item: isinstance(item, list | tuple | dict))
    return f"nested more than {DEPTH_MAX} levels deep"


def in_words(value: Any) -> str:
    """Return the words for a value that is out of place, the same in every process.

    The order of a set and an object's address are left out, since they differ.
    """
    kind = type(value)
    if kind in _FLAT:
        return shown(value, 200)
    if kind.__module__ == "builtins" and kind is not object and kind is not type:
        article = "an" if kind.__name__[0] in "aeiou" else "a"
        return f"{shown(value, 200)}, a bytes" if kind is bytes else f"{article} {kind.__name__}"
    return f"an object of type {kind.__name__}"


def bounded(text: Any) -> Any:
    """Return a node's error text; if it is not a text, describe it like any misplaced value."""
    return cut(text, ERROR_MAX) if isinstance(text, str) else text
