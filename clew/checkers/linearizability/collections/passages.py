"""Values on their way through a queue or a stack: when each was put in and taken out.

Leaves out histories in which a value is put in twice, or is nil.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, NamedTuple, TypeAlias

from clew.checkers.linearizability.entries import NEVER, Entry, end, in_order


class Passage(NamedTuple):
    """One value's way through the object; `NEVER` stands for what did not happen.

    Attributes:
        put: position where putting it in was invoked.
        put_done: where that responded.
        taken: where taking it out was invoked.
        taken_done: where that responded.
        value: the value.
        entries: the one or two operations.
    """

    put: int
    put_done: int
    taken: int
    taken_done: int
    value: Any
    entries: tuple[Entry, ...]


class Traffic(NamedTuple):
    """What a history shows of all values.

    Attributes:
        passages: of each value that was surely put in, in order of invocation. A pending
            operation put its value in only if the value was taken out.
        empties: the operations that found the object empty.
        unfounded: operations that took out what can't have been there; empty if none did.
        pending: operations without an answer that may have taken something out.
    """

    passages: list[Passage]
    empties: list[Entry]
    unfounded: tuple[Entry, ...]
    pending: list[Entry]


Faults: TypeAlias = Callable[[Traffic], Iterator[tuple[Entry, ...]]]
"""Finds entries that no order explains, then more without these; nothing if one explains all.

Takes without an answer are not looked at.
"""


def traffic(entries: Sequence[Entry], put_names: Collection[str]) -> Traffic | None:
    """Collect the values' passages in O(n); None if a value was put in twice, or is nil."""
    puts: dict[Any, Entry] = {}
    takes: list[Entry] = []
    empties: list[Entry] = []
    pending: list[Entry] = []
    for entry in entries:
        value = entry.argument
        if entry.f in put_names:
            # A value that differs from itself is no value that one could follow.
            if value is None or value != value or value in puts:  # noqa: PLR0124 - NaN
                return None
            puts[value] = entry
        elif entry.completed is None:
            pending.append(entry)
        else:
            (empties if entry.result is None else takes).append(entry)
    unfounded, taken = _matched(puts, takes)
    found = [] if unfounded else _passages(puts, taken)
    return Traffic(found, empties, unfounded, pending)


def _matched(
    puts: dict[Any, Entry], takes: Sequence[Entry]
) -> tuple[tuple[Entry, ...], dict[Any, Entry]]:
    """Find an unfounded take with what else happened to its value; and the take of each value."""
    taken: dict[Any, Entry] = {}
    # VFresh and VRepet: a value is taken after its put began, and once.
    for take in takes:
        put = puts.get(take.result)
        if put is None or end(take) < put.invoked:
            return ((take,) if put is None else (take, put)), taken
        twice = taken.setdefault(take.result, take)
        if twice is not take:
            return in_order((put, twice, take)), taken
    return (), taken


def _passages(puts: dict[Any, Entry], taken: dict[Any, Entry]) -> list[Passage]:
    passages = []
    for value, put in puts.items():
        take = taken.get(value)
        if take is not None:
            both = (put, take)
            passages.append(Passage(put.invoked, end(put), take.invoked, end(take), value, both))
        elif put.completed is not None:
            passages.append(Passage(put.invoked, put.completed, NEVER, NEVER, value, (put,)))
    return passages


INSTANT = 4
"""Positions are moved so far apart, to have room for instants between them."""


def instant(f: str, argument: int, position: int) -> Entry:
    """Make an operation that takes no time."""
    return Entry(INSTANT * position, INSTANT * position + 1, f, argument, None, -1)


def spread(entry: Entry, f: str, argument: Any) -> Entry:
    """Make an entry among instants, with another call and the same result."""
    completed = None if entry.completed is None else INSTANT * entry.completed
    return Entry(INSTANT * entry.invoked, completed, f, argument, entry.result, entry.number)
