"""Queues whose values repeat: a search for an order of the dequeues alone.

Concurrent enqueues are put in no order before it matters. `LazyQueue` says why that is enough, and
what is left to be searched.

Left out: stacks. Where a push may have been, before or after which pops, stays open too long.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from clew.checkers.linearizability.entries import Entry
from clew.checkers.linearizability.lazy_queues import LazyQueue
from clew.checkers.linearizability.passages import INSTANT, end, in_order
from clew.checkers.linearizability.specification import UNANSWERED, Specification
from clew.checkers.linearizability.specifications.collections import FifoQueue
from clew.checkers.linearizability.stages import Searched, Share, searched
from clew.checkers.verdict import Budget, OutOfBudget

REDUCTION_CONFIGURATIONS = 50_000
"""What it may cost to find the values to blame."""


def broken_lazily(
    specification: Specification, entries: Sequence[Entry], budget: Budget
) -> tuple[tuple[Entry, ...], int] | None:
    """Entries that no order explains, and configurations explored; None where it does not apply.

    There are no such entries where the partition is linearizable.

    Args:
        specification: the specification.
        entries: one partition, in order of invocation.
        budget: what may be spent.

    Raises:
        OutOfBudget: it was not decided within the budget.
    """
    if type(specification) is not FifoQueue:
        return None
    if any(each.argument != each.argument for each in entries):  # NaN
        return None
    unfounded = _unfounded(entries)
    if unfounded:
        return unfounded, 0
    found = _searched(entries, budget)
    if found.outcome.linearizable:
        return (), found.outcome.configurations
    responded = found.response.completed
    assert responded is not None
    blamed = [each for each in entries if each.invoked * INSTANT < responded]
    fewest = _fewest_values(blamed, Share(budget, REDUCTION_CONFIGURATIONS))
    return tuple(fewest), found.outcome.configurations


def _unfounded(entries: Sequence[Entry]) -> tuple[Entry, ...]:
    """Operations on a value that was dequeued more often than enqueued by then; or nothing.

    Each dequeue takes an enqueue of its own, which was invoked before it responded.
    """
    puts: dict[Any, int] = {}
    takes: dict[Any, int] = {}
    enqueue = FifoQueue.functions[0]
    moments = [(each.invoked if each.f == enqueue else end(each), each) for each in entries]
    for moment, entry in sorted(moments):
        value = _value(entry)
        if entry.f == enqueue:
            puts[value] = puts.get(value, 0) + 1
        elif value is not None:
            takes[value] = takes.get(value, 0) + 1
            if takes[value] > puts.get(value, 0):
                of_value = [each for at, each in moments if at <= moment and _value(each) == value]
                return in_order(of_value)
    return ()


def _searched(entries: Sequence[Entry], budget: Budget) -> Searched:
    queue = LazyQueue(entries)
    return searched(queue, None, queue.entries, budget)


def _fewest_values(entries: Sequence[Entry], budget: Budget) -> Sequence[Entry]:
    """The operations on few of the values that no order explains.

    What explains all operations explains those on some of the values, so that the values left
    out can't make wrong what was right. Pending dequeues may be on any value, and stay.
    """
    values = dict.fromkeys(_value(each) for each in entries)
    values.pop(None, None)
    with suppress(OutOfBudget):  # the verdict stands
        for value in list(values):
            rest = [each for each in entries if _value(each) != value]
            if not _searched(rest, budget).outcome.linearizable:
                entries = rest
    return entries


def _value(entry: Entry) -> Any:
    """The value that is put in or taken out; None where there is none, or nobody knows it."""
    value = entry.argument if entry.f == FifoQueue.functions[0] else entry.result
    return None if value is UNANSWERED else value
