"""The collections that have engines of their own, a row each.

A row holds what the engine for unique values (`unanswered_takes`), the search for an order of the
takes alone (`lazy_search`) and the matching of takes to puts (`matches`) need to know.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from clew.checkers.linearizability.collections import priority_queues, queues, stacks
from clew.checkers.linearizability.collections.lazy_priorities import LazyPriorityQueue
from clew.checkers.linearizability.collections.lazy_queues import LazyQueue
from clew.checkers.linearizability.collections.passages import Faults, traffic
from clew.checkers.linearizability.collections.unanswered_takes import broken_traffic
from clew.checkers.linearizability.entries import Entry
from clew.checkers.linearizability.specification import Specification
from clew.checkers.linearizability.specifications.collections import (
    FifoQueue,
    PriorityQueue,
    Stack,
)
from clew.checkers.verdict import Budget


class Kind(NamedTuple):
    """One kind of collection.

    Attributes:
        engine: its name in reports.
        puts: the functions that put a value in; all others take one out.
        faults: finds what no order explains if each value is put in once.
        is_matched: whether it may help to choose which put each take got.
        takes_last: whether a take then gets the put invoked last, else the one that responds
            first.
        lazy: the specification that is searched instead if values repeat; None for none.
        is_ordered: whether values must compare with each other.
    """

    engine: str
    puts: frozenset[str]
    faults: Faults
    is_matched: bool = True
    takes_last: bool = False
    lazy: type[LazyQueue | LazyPriorityQueue] | None = None
    is_ordered: bool = False


KINDS: dict[type[Specification], Kind] = {
    FifoQueue: Kind("queue", FifoQueue.puts, queues.faults, is_matched=False, lazy=LazyQueue),
    Stack: Kind("stack", Stack.puts, stacks.faults, takes_last=True),
    PriorityQueue: Kind(
        "priority-queue",
        PriorityQueue.puts,
        priority_queues.faults,
        lazy=LazyPriorityQueue,
        is_ordered=True,
    ),
}


def has_order(kind: Kind, entries: Sequence[Entry]) -> bool:
    """Return whether the values that are put in have an order, if one is needed."""
    puts = (each.argument for each in entries if each.f in kind.puts)
    return not kind.is_ordered or priority_queues.comparable(puts)


def broken_values(
    kind: Kind, entries: Sequence[Entry], budget: Budget | None = None
) -> tuple[Entry, ...] | None:
    """Find entries that no order explains; empty if one does, None if that does not apply.

    It applies if each value was put in once. Without a budget it has a bound of its own.
    """
    found = traffic(entries, kind.puts) if has_order(kind, entries) else None
    return None if found is None else broken_traffic(found, kind.faults, budget)
