"""Which checker suits a history, judged by the operations it holds.

The first sign that fits decides. A guess comes with its reason, because a verdict is worth nothing
if the recorded system promised something else. If no sign fits, the user must choose.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from clew.checkers import signs
from clew.checkers.entry import CheckerEntry, Sign
from clew.checkers.keys import is_pair
from clew.checkers.signs import pairs, triples
from clew.checkers.table import CHECKERS
from clew.checkers.values import Key, key_of
from clew.errors import HistoryError
from clew.history import History, Operation

RULES: tuple[tuple[CheckerEntry, Sign], ...] = tuple(
    sorted(
        ((entry, sign) for entry in CHECKERS.values() for sign in entry.signs),
        key=lambda rule: rule[1].rank,
    )
)
"""The signs of all checkers, in the order that they are tried."""


class Guess(NamedTuple):
    """A checker as ``--model`` names it, and one sentence that says what it was guessed from."""

    model: str
    reason: str


def infer(history: History) -> Guess:
    """Guess the checker that suits the history; O(n) for each sign tried.

    Raises:
        HistoryError: no sign fits, or there is no client operation.
    """
    operations = history.operations
    functions = frozenset(each.f for each in operations)
    for entry, sign in RULES:
        if _fits(sign, functions, operations):
            if entry.from_zero and _from_zero(operations):
                shown = f"The history has {sign.because}, and 0 is read before it is written."
                return Guess(f"{entry.name}:initial=0", shown)
            return Guess(entry.name, f"The history has {sign.because}.")
    seen = ", ".join(sorted(functions))
    raise HistoryError(
        "the model can't be inferred",
        where=history.source,
        expected="operations whose functions and values tell one model from the others",
        found=seen or "no operation of a client",
        fix="Name one with --model; clew list checkers describes them",
    )


def _fits(sign: Sign, functions: frozenset[str], operations: Sequence[Operation]) -> bool:
    needs = frozenset(sign.needs.split())
    if not functions & needs or not functions <= needs | frozenset(sign.allows.split()):
        return False
    return not sign.test or bool(getattr(signs, sign.test)(operations))


def _accesses(operation: Operation, value: Any, *, keyed: bool) -> Iterator[tuple[bool, Key, Any]]:
    """Yield what an operation on registers does: whether it reads, the register, the value."""
    parts = list(triples(value))
    if parts:
        for word, name, held in parts:
            yield word in _ASKING, key_of(name), held
        return
    name, held = (value[0], value[1]) if keyed and is_pair(value) else (None, value)
    if operation.f == "cas" and is_pair(held):
        held = held[1]
    yield operation.f == "read", key_of(name), held


def _from_zero(operations: Sequence[Operation]) -> bool:
    """Return whether registers show 0, and nothing else, before any write of it began; O(n).

    What is read before it is written was there at first, or is wrong. If all of these are 0, and
    none nil, the registers are taken to start at 0.
    """
    keyed = pairs(operations)
    zeros = [each for each in operations if _has_zero(each.argument) or _has_zero(each.result)]
    return 0 in _early(zeros, keyed=keyed) and _early(operations, keyed=keyed) == {0}


def _has_zero(value: Any) -> bool:
    if type(value) is int:
        return value == 0
    return isinstance(value, list | tuple) and any(map(_has_zero, value))


def _early(operations: Sequence[Operation], *, keyed: bool) -> set[Key]:
    """Collect what registers showed before anybody invoked a write of it; O(n)."""
    asked: dict[Key, int] = {}
    for each in operations:
        for reads, name, value in _accesses(each, each.argument, keyed=keyed):
            if not reads:
                asked.setdefault((name, key_of(value)), each.invoked)
    # A value that nobody ever asked to write is among them: it can only have been there at first.
    return {
        key_of(value)
        for each in operations
        if each.type == "ok" and each.completed is not None
        for name, value in _shown(each, keyed=keyed)
        if asked.get((name, key_of(value)), each.completed) >= each.completed
    }


def _shown(operation: Operation, *, keyed: bool) -> Iterator[tuple[Key, Any]]:
    """Yield what an answered operation saw: a compare-and-set saw what it replaced."""
    if operation.f == "cas":
        name, held = operation.argument if keyed else (None, operation.argument)
        if is_pair(held):
            yield key_of(name), held[0]
        return
    for reads, name, value in _accesses(operation, operation.result, keyed=keyed):
        if reads:
            yield name, value


_ASKING = frozenset({"r", "read"})
