"""The engines of collections, by specification: for unique values, and where values repeat."""

from __future__ import annotations

from collections.abc import Sequence

from clew.checkers.linearizability.collections.kinds import KINDS, broken_values
from clew.checkers.linearizability.collections.lazy_search import broken_lazily
from clew.checkers.linearizability.collections.matches import matched
from clew.checkers.linearizability.collections.sets import broken_set
from clew.checkers.linearizability.entries import Entry
from clew.checkers.linearizability.specification import Specification
from clew.checkers.linearizability.specifications.collections import Set, Stack
from clew.checkers.linearizability.stages import PartitionResult
from clew.checkers.verdict import Budget


def of_unique_values(
    specification: Specification, entries: Sequence[Entry], budget: Budget | None
) -> PartitionResult | None:
    """Return what the engine for unique values found; None if it does not apply.

    Raises:
        OutOfBudget: it was not decided within the budget.
    """
    kind = type(specification)
    if kind is Set:
        engine, broken = "set", broken_set(entries)
    elif kind in KINDS:
        engine, broken = KINDS[kind].engine, broken_values(KINDS[kind], entries, budget)
    else:
        return None
    return None if broken is None else PartitionResult(engine, broken)


def without_orders(
    specification: Specification, entries: Sequence[Entry], budget: Budget
) -> PartitionResult | None:
    """Return what is found where not all operations are put in order; None for nothing.

    Raises:
        OutOfBudget: it was not decided within the budget.
    """
    if type(specification) is Stack:
        return PartitionResult("matching") if matched(specification, entries, budget) else None
    return broken_lazily(specification, entries, budget)
