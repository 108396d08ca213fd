"""Queues, priority queues and sets whose values repeat: a search for an order of what asks alone.

What changes the object is put in no order before it matters. `LazyQueue`, `LazyPriorityQueue` and
`LazySet` explain why that is enough, and what is left to be searched.

Left out: stacks. Where a push may have been, before or after which pops, stays open too long.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from clew.checkers.linearizability.collections.kinds import KINDS, Kind, has_order
from clew.checkers.linearizability.collections.lazy_sets import broken_reads
from clew.checkers.linearizability.collections.matches import matched
from clew.checkers.linearizability.collections.passages import INSTANT
from clew.checkers.linearizability.entries import Entry, end, in_order
from clew.checkers.linearizability.specification import UNANSWERED, Specification
from clew.checkers.linearizability.specifications.collections import Set
from clew.checkers.linearizability.stages import (
    PartitionResult,
    Searched,
    Share,
    ShareSpentError,
    searched,
)
from clew.checkers.verdict import Budget, OutOfBudget

FIRST_CONFIGURATIONS = 40_000
"""What the search may cost before a matching is tried."""

REDUCTION_CONFIGURATIONS = 50_000
"""What it may cost to find the values to blame."""


def broken_lazily(
    specification: Specification, entries: Sequence[Entry], budget: Budget
) -> PartitionResult | None:
    """Search a partition; None if that does not apply.

    Raises:
        OutOfBudget: it was not decided within the budget.
    """
    if type(specification) is Set:
        found = broken_reads(entries, budget)
        return None if found is None else PartitionResult("lazy-set", *found)
    kind = KINDS.get(type(specification))
    if kind is None or kind.lazy is None or not _is_simple(kind, entries):
        return None
    engine = f"lazy-{kind.engine}"
    unfounded = _unfounded(kind, entries)
    if unfounded:
        return PartitionResult(engine, unfounded)
    search = None
    if kind.is_matched:
        # A witness is soon found if removals without an answer make the search long.
        share = Share(budget, FIRST_CONFIGURATIONS + 4 * len(entries))
        with suppress(ShareSpentError):
            search = _searched(kind, entries, share)
        if search is None and matched(specification, entries, budget):
            return PartitionResult("matching", configurations=share.spent)
    search = search or _searched(kind, entries, budget)
    if search.outcome.linearizable:
        return PartitionResult(engine, configurations=search.outcome.configurations)
    responded = search.response.completed
    assert responded is not None
    share = Share(budget, REDUCTION_CONFIGURATIONS)
    blamed: Sequence[Entry] = [each for each in entries if each.invoked * INSTANT < responded]
    if kind.lazy.looks_ahead and not _fails(kind, blamed, share):
        blamed = entries
    fewest = _fewest_values(kind, blamed, share)
    return PartitionResult(engine, tuple(fewest), search.outcome.configurations)


def _is_simple(kind: Kind, entries: Sequence[Entry]) -> bool:
    """Return whether values equal themselves, and have an order if one is needed."""
    if any(each.argument != each.argument for each in entries):  # NaN
        return False
    return has_order(kind, entries)


def _unfounded(kind: Kind, entries: Sequence[Entry]) -> tuple[Entry, ...]:
    """Find operations on a value that was taken out more often than put in by then.

    Each take takes a put of its own, which was invoked before it responded.
    """
    puts: dict[Any, int] = {}
    takes: dict[Any, int] = {}
    moments = [(each.invoked if each.f in kind.puts else end(each), each) for each in entries]
    # Invariant: counted are the puts invoked by this moment and the takes over by it. Each of these
    # got one of those (VFresh, VRepet).
    for moment, entry in sorted(moments):
        value = _value(kind, entry)
        if entry.f in kind.puts:
            puts[value] = puts.get(value, 0) + 1
        elif value is not None:
            takes[value] = takes.get(value, 0) + 1
            if takes[value] > puts.get(value, 0):
                early = [each for at, each in moments if at <= moment]
                return in_order([each for each in early if _value(kind, each) == value])
    return ()


def _searched(kind: Kind, entries: Sequence[Entry], budget: Budget) -> Searched:
    assert kind.lazy is not None
    lazy = kind.lazy(entries)
    return searched(lazy, lazy.entries, budget)


def _fails(kind: Kind, entries: Sequence[Entry], budget: Budget) -> bool:
    """Return whether no order explains the entries; False if that takes more than the budget."""
    try:
        return not _searched(kind, entries, budget).outcome.linearizable
    except ShareSpentError:
        return False


def _fewest_values(kind: Kind, entries: Sequence[Entry], budget: Budget) -> Sequence[Entry]:
    """Reduce the operations to those on few of the values that no order explains.

    What explains all operations explains those on some of the values, so that the values left
    out can't make wrong what was right. Pending takes may be on any value, and stay.
    """
    values = dict.fromkeys(_value(kind, each) for each in entries)
    values.pop(None, None)
    with suppress(OutOfBudget):  # the verdict stands
        # Invariant: no order explains `entries`.
        # One pass alone: a value that was needed beside others may be needless once they are gone,
        # so that few are left and not always the fewest.
        for value in list(values):
            rest = [each for each in entries if _value(kind, each) != value]
            if not _searched(kind, rest, budget).outcome.linearizable:
                entries = rest
    return entries


def _value(kind: Kind, entry: Entry) -> Any:
    """Return the value put in or taken out; None if there is none, or nobody knows it."""
    value = entry.argument if entry.f in kind.puts else entry.result
    return None if value is UNANSWERED else value
