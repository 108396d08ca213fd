"""The engines that need no search, each tried where its conditions hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from clew.checkers.linearizability.collections.priority_queues import broken_priority_queue
from clew.checkers.linearizability.collections.queues import broken_queue
from clew.checkers.linearizability.collections.sets import broken_set
from clew.checkers.linearizability.collections.stacks import broken_stack
from clew.checkers.linearizability.entries import Entry
from clew.checkers.linearizability.specification import Specification
from clew.checkers.linearizability.specifications.collections import (
    FifoQueue,
    PriorityQueue,
    Set,
    Stack,
)
from clew.checkers.linearizability.zones import ZONED, broken_zones
from clew.checkers.verdict import Budget

Shortcut: TypeAlias = Callable[
    [Specification, Sequence[Entry], Budget | None], tuple[Entry, ...] | None
]
"""Entries that can't be explained; empty where all can, None where it does not apply."""

SHORTCUTS: dict[type[Specification], tuple[str, Shortcut]] = {
    FifoQueue: ("queue", broken_queue),
    Set: ("set", broken_set),
    PriorityQueue: ("priority-queue", broken_priority_queue),
    Stack: ("stack", broken_stack),
}


def shortcut(
    specification: Specification,
    entries: Sequence[Entry],
    among: int = 0,
    budget: Budget | None = None,
) -> tuple[str, tuple[Entry, ...]] | None:
    """The name of the engine that decided and what it found; None where none applies.

    Args:
        specification: the specification.
        entries: one partition.
        among: how many operations the history has, of which these are a part.
        budget: what may be spent; None for no bound.

    Raises:
        OutOfBudget: it was not decided within the budget.
    """
    kind = type(specification)
    if kind in ZONED:
        name, broken = "zones", broken_zones(specification, entries, among)
    elif kind in SHORTCUTS:
        name, judge = SHORTCUTS[kind]
        broken = judge(specification, entries, budget)
    else:
        return None
    return None if broken is None else (name, broken)
