"""Queues, priority queues and sets whose values repeat: a search for an order of what asks alone.

What changes the object is put in no order before it matters. `LazyQueue`, `LazyPriorityQueue` and
`LazySet` say why that is enough, and what is left to be searched.

Left out: stacks. Where a push may have been, before or after which pops, stays open too long.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from clew.checkers.linearizability.collections.lazy_priorities import PUTS, LazyPriorityQueue
from clew.checkers.linearizability.collections.lazy_queues import LazyQueue
from clew.checkers.linearizability.collections.lazy_sets import broken_reads
from clew.checkers.linearizability.collections.matches import matched
from clew.checkers.linearizability.collections.passages import INSTANT, end, in_order
from clew.checkers.linearizability.collections.priority_queues import comparable
from clew.checkers.linearizability.entries import Entry
from clew.checkers.linearizability.specification import UNANSWERED, Specification
from clew.checkers.linearizability.specifications.collections import (
    FifoQueue,
    PriorityQueue,
    Set,
)
from clew.checkers.linearizability.stages import Searched, Share, ShareSpentError, searched
from clew.checkers.verdict import Budget, OutOfBudget

FIRST_CONFIGURATIONS = 40_000
"""What the search may cost before a matching is tried."""

REDUCTION_CONFIGURATIONS = 50_000
"""What it may cost to find the values to blame."""


class _Kind(NamedTuple):
    """How a kind of object is searched.

    Attributes:
        lazy: the specification that is searched instead.
        puts: the functions that put a value in; all others take one out.
        engine: the name of this search.
    """

    lazy: type[LazyQueue | LazyPriorityQueue]
    puts: frozenset[str]
    engine: str


_KINDS: dict[type[Specification], _Kind] = {
    FifoQueue: _Kind(LazyQueue, frozenset({FifoQueue.functions[0]}), "lazy-queue"),
    PriorityQueue: _Kind(LazyPriorityQueue, PUTS, "lazy-priority-queue"),
}


class Lazily(NamedTuple):
    """What the search found.

    Attributes:
        engine: its name.
        broken: entries that no order explains; empty where the partition is linearizable.
        configurations: how many were explored.
    """

    engine: str
    broken: tuple[Entry, ...]
    configurations: int


def broken_lazily(
    specification: Specification, entries: Sequence[Entry], budget: Budget
) -> Lazily | None:
    """What the search of a partition found; None where it does not apply.

    Args:
        specification: the specification.
        entries: one partition, in order of invocation.
        budget: what may be spent.

    Raises:
        OutOfBudget: it was not decided within the budget.
    """
    if type(specification) is Set:
        found = broken_reads(entries, budget)
        return None if found is None else Lazily("lazy-set", *found)
    kind = _KINDS.get(type(specification))
    if kind is None or not _is_simple(kind, entries):
        return None
    unfounded = _unfounded(kind, entries)
    if unfounded:
        return Lazily(kind.engine, unfounded, 0)
    search = None
    if kind.puts is PUTS:
        # A witness is soon found where removals without an answer make the search long.
        share = Share(budget, FIRST_CONFIGURATIONS + 4 * len(entries))
        with suppress(ShareSpentError):
            search = _searched(kind, entries, share)
        if search is None and matched(specification, entries, budget):
            return Lazily("matching", (), share.spent)
    search = search or _searched(kind, entries, budget)
    if search.outcome.linearizable:
        return Lazily(kind.engine, (), search.outcome.configurations)
    responded = search.response.completed
    assert responded is not None
    share = Share(budget, REDUCTION_CONFIGURATIONS)
    blamed: Sequence[Entry] = [each for each in entries if each.invoked * INSTANT < responded]
    if kind.lazy.looks_ahead and not _fails(kind, blamed, share):
        blamed = entries
    fewest = _fewest_values(kind, blamed, share)
    return Lazily(kind.engine, tuple(fewest), search.outcome.configurations)


def _is_simple(kind: _Kind, entries: Sequence[Entry]) -> bool:
    """Whether values equal themselves, and have an order where one is needed."""
    if any(each.argument != each.argument for each in entries):  # NaN
        return False
    puts = [each.argument for each in entries if each.f in kind.puts]
    return kind.puts is not PUTS or comparable(puts)


def _unfounded(kind: _Kind, entries: Sequence[Entry]) -> tuple[Entry, ...]:
    """Operations on a value that was taken out more often than put in by then; or nothing.

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


def _searched(kind: _Kind, entries: Sequence[Entry], budget: Budget) -> Searched:
    lazy = kind.lazy(entries)
    return searched(lazy, None, lazy.entries, budget)


def _fails(kind: _Kind, entries: Sequence[Entry], budget: Budget) -> bool:
    """Whether no order explains the entries; False where that takes more than the budget."""
    try:
        return not _searched(kind, entries, budget).outcome.linearizable
    except ShareSpentError:
        return False


def _fewest_values(kind: _Kind, entries: Sequence[Entry], budget: Budget) -> Sequence[Entry]:
    """The operations on few of the values that no order explains.

    What explains all operations explains those on some of the values, so that the values left
    out can't make wrong what was right. Pending takes may be on any value, and stay.
    """
    values = dict.fromkeys(_value(kind, each) for each in entries)
    values.pop(None, None)
    with suppress(OutOfBudget):  # the verdict stands
        # Invariant: no order explains `entries`.
        for value in list(values):
            rest = [each for each in entries if _value(kind, each) != value]
            if not _searched(kind, rest, budget).outcome.linearizable:
                entries = rest
    return entries


def _value(kind: _Kind, entry: Entry) -> Any:
    """The value that is put in or taken out; None where there is none, or nobody knows it."""
    value = entry.argument if entry.f in kind.puts else entry.result
    return None if value is UNANSWERED else value
