"""Shapes: what a field of a message may hold, as a Python type, checked and put into words.

A shape is ``int``, ``float``, ``str``, ``bool``, ``list`` or ``dict``; `object` for anything;
`Scalar`, `Present`; ``list[int]``, ``dict[str, int]``, ``tuple[int, str]`` (a list of exactly
these), ``Literal["a", "b"]``, and unions of these. A boolean is not an integer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from itertools import repeat
from operator import call
from types import NoneType, UnionType
from typing import Any, Literal, TypeAlias, Union, get_args, get_origin

Shape: TypeAlias = Any

Scalar: TypeAlias = int | float | str | bool | None
"""A value with no parts."""

Present: TypeAlias = int | float | str | bool | list[Any] | dict[str, Any]
"""Anything but null."""

_WORDS: dict[Shape, str] = {
    object: "any value",
    Any: "any value",
    Scalar: "a text, a number, true, false or null",
    Present: "anything but null",
    None: "null",
    NoneType: "null",
    int: "an integer",
    float: "a number",
    str: "a string",
    bool: "true or false",
    list: "a list",
    dict: "an object",
}


Test: TypeAlias = Callable[[Any], bool]


def fits(value: Any, shape: Shape) -> bool:
    """Return whether a value, as JSON has it, is of a shape."""
    return test_of(shape)(value)


@cache
def test_of(shape: Shape) -> Test:
    """Make the test whether a value is of a shape; once, since it is used for each message."""
    kind: Any = get_origin(shape)
    return _plain(shape) if kind is None else _MADE[kind](get_args(shape))


def _plain(kind: Shape) -> Test:
    if kind is int:
        return lambda value: (
            type(value) is int or (isinstance(value, int) and not isinstance(value, bool))
        )
    if kind is float:
        return lambda value: isinstance(value, _NUMBERS) and not isinstance(value, bool)
    if kind is Any or kind is object:
        return lambda _: True
    return lambda value: isinstance(value, NoneType if kind is None else kind)


def _some(parts: tuple[Shape, ...]) -> Test:
    plain = all(isinstance(part, type) and get_origin(part) is None for part in parts)
    if plain and bool in parts:  # then a boolean fits, though it is not an integer
        kinds = (*parts, int) if float in parts else parts
        return lambda value: isinstance(value, kinds)
    tests = [*map(test_of, parts)]
    return lambda value: any(map(call, tests, repeat(value)))


def _word(parts: tuple[Any, ...]) -> Test:
    def test(value: Any) -> bool:
        for part in parts:  # noqa: SIM110 - half the time of any()
            if type(value) is type(part) and value == part:
                return True
        return False

    return test


def _list(parts: tuple[Shape, ...]) -> Test:
    test = test_of(parts[0])
    return lambda value: isinstance(value, list) and all(map(test, value))


def _tuple(parts: tuple[Shape, ...]) -> Test:
    return list_of([*map(test_of, parts)])


def list_of(tests: Sequence[Test]) -> Test:
    """Make the test whether a value is a list with one item for each test, which fits it."""
    count = len(tests)
    return lambda value: (
        isinstance(value, _LISTS) and len(value) == count and all(map(call, tests, value))
    )


_LISTS = (list, tuple)
_NUMBERS = (int, float)


def _dict(parts: tuple[Shape, ...]) -> Test:
    keys, items = map(test_of, parts)
    return lambda value: (
        isinstance(value, dict) and all(map(keys, value)) and all(map(items, value.values()))
    )


_MADE: dict[Any, Callable[[tuple[Any, ...]], Test]] = {
    # the constructor of a shape: the function that makes its test from its parts
    Union: _some,
    UnionType: _some,
    Literal: _word,
    list: _list,
    tuple: _tuple,
    dict: _dict,
}


def in_words(shape: Shape) -> str:
    """Put a shape in words, such as "an integer" or "a list, each item a string"."""
    if shape in _WORDS:
        return _WORDS[shape]
    kind: Any = get_origin(shape)
    if kind is Literal:
        return " or ".join(map(repr, get_args(shape)))
    parts = [in_words(part) for part in get_args(shape)]
    if kind is list:
        return f"a list, each item {parts[0]}"
    if kind is tuple:
        return f"[{', '.join(parts)}]"
    if kind is dict:
        return f"an object, each value {parts[1]}"
    return " or ".join(parts)


def is_shape(shape: Shape) -> bool:
    """Return whether this is a shape that `fits` knows."""
    try:
        known = shape in _WORDS
    except TypeError:  # not even hashable
        return False
    kind: Any = get_origin(shape)
    if known or kind is Literal:
        return True
    counts = {list: 1, dict: 2}
    parts = get_args(shape)
    right = kind in _MADE and len(parts) == counts.get(kind, len(parts))
    return right and all(map(is_shape, parts))
