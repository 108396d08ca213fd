"""Sequential specifications: what an object does when operations happen one at a time.

A specification is a small class with `Specification.initial` and `Specification.step`; the rest
has defaults. The guide "Your own specification" builds one in 15 lines.

Source: Herlihy and Wing, "Linearizability: a correctness condition for concurrent objects",
ACM TOPLAS 1990, section 2 (sequential specifications); Horn and Kroening, "Faster
linearizability checking via P-compositionality", FORTE 2015 (partitions).
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Sequence
from enum import Enum
from typing import Any, Final, NamedTuple, Protocol

from clew.machine.text import first_parts


class _Unknown(Enum):
    """What stands where there is no value that anybody knows."""

    UNANSWERED = "?"
    UNSEEN = "unseen"

    __hash__ = object.__hash__  # that of Enum is slow

    def __repr__(self) -> str:
        return self.name


UNANSWERED: Final = _Unknown.UNANSWERED
"""The result that `Specification.step` sees for a pending operation: nobody knows it."""

UNSEEN: Final = _Unknown.UNSEEN
"""What a fitted specification puts in place of every value that no operation sees."""


class Truth(Enum):
    """JSON's ``true`` and ``false``: unlike Python's they equal no number."""

    FALSE = "false"
    TRUE = "true"

    __hash__ = object.__hash__

    def __bool__(self) -> bool:
        """Return the truth value itself."""
        return self is Truth.TRUE

    def __repr__(self) -> str:
        return self.value


def truth_of(value: Any) -> bool | None:
    """Return the truth value, frozen or not, as Python's; None if it is none."""
    kind = type(value)
    return bool(value) if kind is Truth or kind is bool else None


def is_larger(one: Any, other: Any) -> bool:
    """Return whether a value is larger than another; of two that have no order neither is."""
    try:
        return bool(one > other)
    except TypeError:
        return False


class Called(Protocol):
    """One operation as a specification sees it: lists are tuples, a keyed form is unwrapped."""

    @property
    def f(self) -> str:
        """The function."""

    @property
    def argument(self) -> Any:
        """The argument."""

    @property
    def result(self) -> Any:
        """The result; `UNANSWERED` if there is none."""


class Call(NamedTuple):
    """A call with nothing else."""

    f: str
    argument: Any
    result: Any


class Specification:
    """One object's sequential behaviour; subclass it and write `initial` and `step`.

    Values arrive frozen: a list of the history is a tuple, a map a tuple of sorted pairs that
    equals no list. They are compared as Python compares them. A state is any hashable value and
    is never changed in place. ``step`` must be a function of its arguments alone: its answers are
    remembered.

    Attributes:
        name: the word the specification is called by.
        functions: the values of ``f`` it knows; empty for any. Another one in a history is an
            error of the input.
        keyed: whether arguments and results are pairs ``[key, value]`` of independent objects,
            one for each key, of which ``step`` sees the value alone. None: they are if
            `clew.checkers.keys` finds a key in every operation of the history.
        first: the state before the first operation, if `initial` gives no other.
        asking: the functions that never change any state.
        replacing: the functions that are legal in every state, and lead to the same one from all.
        settling: the functions that any operation right before them may as well follow.
        pairs: the functions whose own argument is a pair; with a key it is ``[key, [a, b]]``.
        data_independent: whether the object only stores, orders and compares values, so that
            operations on other values can be left out of an explanation (Wolper, "Expressing
            interesting properties of programs in propositional temporal logic", POPL 1986).
        looks_ahead: whether, being fitted, it refuses a step because of what is only seen later.
        overwrites: whether every update replaces the whole state by its argument (a pair's second
            value), so that an update that others followed can be left out of an explanation.
        strict_truth: whether ``true`` and ``false`` arrive as `Truth`, which equals no number, as
            JSON has it. Else they arrive as Python's, which equal 1 and 0.
    """

    name: str = "custom"
    functions: tuple[str, ...] = ()
    keyed: bool | None = None
    first: Any = UNANSWERED
    asking: tuple[str, ...] = ()
    replacing: tuple[str, ...] = ()
    settling: tuple[str, ...] = ()
    pairs: tuple[str, ...] = ()
    data_independent: bool = False
    looks_ahead: bool = False
    overwrites: bool = False
    strict_truth: bool = False

    def initial(self) -> Hashable:
        """Return the state before the first operation."""
        if self.first is UNANSWERED:
            raise NotImplementedError
        return self.first  # type: ignore[no-any-return]

    def step(self, state: Any, f: str, argument: Any, result: Any) -> Sequence[Hashable] | None:
        """Return the states that the operation may lead to with this result; None or () if illegal.

        One state for a deterministic object; several if it may choose. ``result`` is
        `UNANSWERED` for a pending operation: answer with every state it may lead to, and with
        the same state if it can change nothing.
        """
        raise NotImplementedError

    def is_readonly(self, f: str, argument: Any) -> bool:  # noqa: ARG002 - subclasses use them
        """Return True only if the operation never changes a state; the search is faster then."""
        return f in self.asking

    def replaces(self, f: str, argument: Any) -> bool:  # noqa: ARG002 - subclasses use them
        """Return True only if the operation is legal in every state, and all lead to one.

        It makes the search faster if many such operations are in flight at once.
        """
        return f in self.replacing

    def settles(self, f: str, argument: Any) -> bool:  # noqa: ARG002 - subclasses use them
        """Return True only if any operation that may come right before may as well follow.

        Whatever is possible after the two in that order must be possible after them in the other,
        and no result may depend on it. Then none is put before it that need not be.
        """
        return f in self.settling

    def partition(self, f: str, argument: Any, result: Any) -> Hashable:  # noqa: ARG002
        """Return the part of the object that it touches; None if it may touch all of it.

        Parts must be independent: the history is linearizable exactly if each part's is.
        One None in a history keeps it whole. ``result`` is `UNANSWERED` for a pending operation.
        """
        return None

    def fitted(self, calls: Sequence[Called]) -> tuple[Specification, Sequence[Called]]:
        """Put the same question with fewer states: a specification, and each call as it sees it.

        The answer must be the same as for this specification and ``calls``. States that no
        operation of the history distinguishes may become one.
        """
        return self, calls

    def describe_operation(self, f: str, argument: Any, result: Any) -> str:
        """Describe the operation, as in ``write 3`` or ``read -> 4``."""
        text = f if argument is None else f"{f} {show(argument)}"
        if result is UNANSWERED:
            return f"{text} -> ?"
        repeated = result is None or result == argument
        if repeated and not self.is_readonly(f, argument):
            return text
        return f"{text} -> {show(result)}"

    def describe_state(self, state: Any) -> str:
        """Describe the state in a clause, as in ``the register holds 4``."""
        return f"the state is {show(state)}"


class Map(tuple[Any, ...]):
    """A frozen map: its pairs of key and value, sorted; it equals no list."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return type(other) is Map and tuple.__eq__(self, other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash((Map, tuple.__hash__(self)))


LOOSE = frozenset({list, tuple, dict, set, frozenset})
"""The types of values that freezing changes, but for truth values."""
STRICT = LOOSE | {bool}
"""The types of values that freezing changes."""


def freeze(value: Any, kinds: frozenset[type] = STRICT) -> Any:
    """Make a JSON value hashable, equal to another exactly if the JSON is.

    Lists become tuples, maps a `Map`, truth values a `Truth`; 1 and 1.0 are equal. With ``kinds``
    `LOOSE` truth values stay as they are. O(size).
    """
    kind = type(value)
    if kind is list or kind is tuple:
        if len(value) == 2:  # noqa: PLR2004 - a pair, which is what most lists are
            first, second = value
            if type(first) not in kinds and type(second) not in kinds:
                return (first, second)
        return tuple([freeze(item, kinds) if type(item) in kinds else item for item in value])
    if kind is dict:
        pairs = [(freeze(key, kinds), freeze(item, kinds)) for key, item in value.items()]
        return Map(sorted(pairs, key=repr))
    if kind is set or kind is frozenset:
        return frozenset(freeze(item, kinds) for item in value)
    return _TRUTHS[value] if kind is bool and bool in kinds else value


_TRUTHS = (Truth.FALSE, Truth.TRUE)


def show(value: Any) -> str:
    """Write a value as JSON, cut to 80 characters."""
    if type(value) is int:
        return str(value)
    if value is UNANSWERED:
        return "?"
    text = _ENCODER.encode(_thawed(value))
    return first_parts(text, SHOWN_LENGTH)


def _thawed(value: Any) -> Any:
    """Restore JSON's lists, maps and truth values in a frozen value."""
    kind = type(value)
    if kind is Map:
        return {str(_thawed(key)): _thawed(item) for key, item in value}
    if kind is tuple or kind is list:
        return [_thawed(item) for item in value]
    if kind is frozenset:
        return [_thawed(item) for item in sorted(value, key=repr)]
    return bool(value) if kind is Truth else value


_ENCODER = json.JSONEncoder(ensure_ascii=False, default=repr)

SHOWN_LENGTH = 80
