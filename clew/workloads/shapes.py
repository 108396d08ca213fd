"""Shapes: what a field of a message may hold, as a Python type, checked and said in words.

A shape is ``int``, ``float``, ``str``, ``bool``, ``list`` or ``dict``; `object` for anything;
`Scalar`, `Present`; ``list[int]``, ``dict[str, int]``, ``tuple[int, str]`` (a list of just these),
``Literal["a", "b"]``, and unions of all of these. A boolean is no integer.
"""

from __future__ import annotations

from collections.abc import Callable
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


def fits(value: Any, shape: Shape) -> bool:
    """Whether a value, as JSON has it, is of a shape."""
    kind: Any = get_origin(shape)
    if kind is None:
        return _is_plain(value, shape)
    return _FITS[kind](value, get_args(shape))


def _is_plain(value: Any, kind: Shape) -> bool:
    if kind in {int, float}:
        numbers = int if kind is int else int | float
        return isinstance(value, numbers) and not isinstance(value, bool)
    return kind is Any or isinstance(value, NoneType if kind is None else kind)


def _is_some(value: Any, parts: tuple[Shape, ...]) -> bool:
    return any(fits(value, part) for part in parts)


def _is_word(value: Any, parts: tuple[Any, ...]) -> bool:
    return any(type(value) is type(part) and value == part for part in parts)


def _is_list(value: Any, parts: tuple[Shape, ...]) -> bool:
    return isinstance(value, list) and all(fits(item, parts[0]) for item in value)


def _is_tuple(value: Any, parts: tuple[Shape, ...]) -> bool:
    same = isinstance(value, list | tuple) and len(value) == len(parts)
    return same and all(map(fits, value, parts))


def _is_dict(value: Any, parts: tuple[Shape, ...]) -> bool:
    return isinstance(value, dict) and all(
        fits(key, parts[0]) and fits(item, parts[1]) for key, item in value.items()
    )


_FITS: dict[Any, Callable[[Any, tuple[Any, ...]], bool]] = {
    # what a shape is made with: how a value is held to its parts
    Union: _is_some,
    UnionType: _is_some,
    Literal: _is_word,
    list: _is_list,
    tuple: _is_tuple,
    dict: _is_dict,
}


def in_words(shape: Shape) -> str:
    """A shape as what may be expected, such as "an integer" or "a list, each item a string"."""
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
    """Whether this is a shape that `fits` knows."""
    try:
        known = shape in _WORDS
    except TypeError:  # not even hashable
        return False
    kind: Any = get_origin(shape)
    if known or kind is Literal:
        return True
    counts = {list: 1, dict: 2}
    parts = get_args(shape)
    right = kind in _FITS and len(parts) == counts.get(kind, len(parts))
    return right and all(map(is_shape, parts))
