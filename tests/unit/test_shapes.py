"""What a field of a message may hold: which values are of which shape, and how a shape is said."""

from typing import Any, Literal

import pytest

from clew.workloads.shapes import Present, Scalar, fits, in_words, is_shape

READ = tuple[Literal["r"], int, None]


@pytest.mark.parametrize(
    ("shape", "right", "wrong"),
    [
        (int, [0, -1], [True, 1.0, "1", None]),
        (float, [1, 1.5], [True, "1"]),
        (int | str, [1, "x"], [True, None, 1.5]),
        (int | bool, [1, True], [1.5]),
        (Scalar, [None, True, 1, 1.5, "x"], [[], {}]),
        (Present, [0, False, "", [1], {"a": 1}], [None]),
        (None, [None], [0, False]),
        (object, [None, [], 1], []),
        (Any, [None, [], 1], []),
        (list, [[], [1]], [(), {}, None]),
        (list[int], [[], [1, 2]], [[True], ["1"], None]),
        (dict[str, int], [{}, {"a": 1}], [{"a": True}, {1: 1}, []]),
        (READ, [["r", 1, None], ("r", 1, None)], [["w", 1, None], ["r", 1], ["r", 1, 2], "r"]),
        (list[READ | tuple[Literal["w"], int, Scalar]], [[["w", 1, 2]]], [[["w", 1, []]], [1]]),
    ],
)
def test_a_value_is_of_a_shape_or_is_not(shape, right, wrong):
    assert is_shape(shape)
    assert [value for value in right if not fits(value, shape)] == []
    assert [value for value in wrong if fits(value, shape)] == []


@pytest.mark.parametrize("shape", [set, 7, "int", list[set], [int], {}, dict[str, set]])
def test_what_is_no_shape(shape):
    assert not is_shape(shape)


def test_a_shape_is_said_in_words():
    assert in_words(int) == "an integer"
    assert in_words(list[str]) == "a list, each item a string"
    assert in_words(READ) == "['r', an integer, null]"
    assert in_words(Scalar) == "a text, a number, true, false or null"
