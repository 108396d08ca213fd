"""What spares a search: a witness, the engines for unique values, and what would let these decide.

An order that somebody claims is checked in O(n log n), of which n is sorting. A simulator knows
where an operation takes effect, such as its index in a log. Where that order explains the history,
there is nothing to search. If it does not, nothing is decided: another order may.

Sources: the linearization points of Herlihy and Wing, ACM TOPLAS 1990; those of the engines stand
with each.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from types import ModuleType
from typing import Any

from clew.checkers.linearizability.entries import Entry, end
from clew.checkers.linearizability.machine import ILLEGAL, Machine
from clew.checkers.linearizability.specification import Specification
from clew.checkers.linearizability.stages import PartitionResult
from clew.checkers.linearizability.zones import ZONED, broken_zones
from clew.checkers.verdict import Budget


def shortcut(
    specification: Specification,
    entries: Sequence[Entry],
    among: int = 0,
    budget: Budget | None = None,
) -> PartitionResult | None:
    """Try the engine for unique values; None if none applies.

    The partition belongs to a history of ``among`` operations.

    Raises:
        OutOfBudget: it was not decided within the budget.
    """
    if type(specification) in ZONED:
        broken = broken_zones(specification, entries, among)
        return None if broken is None else PartitionResult("zones", broken)
    if is_collection(specification):
        found: PartitionResult | None = _of_collections().of_unique_values(
            specification, entries, budget
        )
        return found
    return None


def without_orders(
    specification: Specification, entries: Sequence[Entry], budget: Budget
) -> PartitionResult | None:
    """Return what is found without an order of all operations on a collection; None for nothing.

    Raises:
        OutOfBudget: it was not decided within the budget.
    """
    if not is_collection(specification):
        return None
    found: PartitionResult | None = _of_collections().without_orders(specification, entries, budget)
    return found


def is_collection(specification: Specification) -> bool:
    """Return whether it is a set, queue, stack or priority queue that ships, which have engines."""
    return type(specification).__module__ == _COLLECTIONS


_COLLECTIONS = "clew.checkers.linearizability.specifications.collections"


def _of_collections() -> ModuleType:
    """Import their engines, which takes a while, and which no other history needs."""
    return import_module("clew.checkers.linearizability.collections.engines")


def explains(machine: Machine, entries: Sequence[Entry], effects: Mapping[int, Any]) -> bool:
    """Return whether the order of the effect points is a linearization of the entries.

    Every completed operation needs a point, by its number; a pending one without did not happen.
    Points that do not compare with each other explain nothing.
    """
    happened = [entry for entry in entries if entry.number in effects]
    completed = sum(entry.completed is not None for entry in entries)
    if sum(entry.completed is not None for entry in happened) < completed:
        return False
    try:
        happened.sort(key=lambda entry: effects[entry.number])
    except TypeError:
        return False
    latest = -1
    state = 0
    for entry in happened:
        # An operation may not stand after one that was invoked when it had responded.
        latest = max(latest, entry.invoked)
        if entry.completed is not None and entry.completed < latest:
            return False
        call = machine.call_id(entry)
        after = machine.steps[call].get(state)
        state = machine.step(call, state) if after is None else after
        if state == ILLEGAL:
            return False
    return True


_PUT_IN_ONCE = "values that are each put in once"

FEW_AT_ONCE = 8
"""With at most this number of operations in flight at once a search is seldom long."""


def helps(specification: Specification, entries: Sequence[Entry]) -> Iterator[str]:
    """Yield what helps besides a larger budget, the likeliest first."""
    kind = type(specification)
    updates = [
        each.argument
        for each in entries
        if each.argument is not None and not specification.is_readonly(each.f, each.argument)
    ]
    if len(updates) > len(dict.fromkeys(updates)):
        if kind in ZONED:
            yield "values that are each written once"
        elif is_collection(specification):
            yield "elements added once" if specification.name == "set" else _PUT_IN_ONCE
    pending = sum(each.completed is None for each in entries)
    if pending:
        yield f"fewer unanswered operations than {pending}"
    at_once = _at_once(entries)
    if at_once > FEW_AT_ONCE:
        yield f"fewer clients at once than {at_once}"
    yield f"fewer operations than {len(entries)}" if len(entries) > 1 else "another specification"


def _at_once(entries: Sequence[Entry]) -> int:
    """Count the most operations in flight at once, those without an answer aside."""
    answered = [each for each in entries if each.completed is not None]
    moments = sorted(
        [(each.invoked, 1) for each in answered] + [(end(each), -1) for each in answered]
    )
    most = now = 0
    # Invariant: `now` operations are in flight after this moment.
    for _, change in moments:
        now += change
        most = max(most, now)
    return most
