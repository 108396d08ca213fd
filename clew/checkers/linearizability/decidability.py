"""What would make a partition decidable over which the budget was spent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from clew.checkers.linearizability.collections.passages import end
from clew.checkers.linearizability.entries import Entry
from clew.checkers.linearizability.specification import Specification
from clew.checkers.linearizability.specifications.collections import (
    FifoQueue,
    PriorityQueue,
    Set,
    Stack,
)
from clew.checkers.linearizability.zones import ZONED

FEW_AT_ONCE = 8
"""Up to so many operations in flight at once a search is seldom long."""


def helps(specification: Specification, entries: Sequence[Entry]) -> Iterator[str]:
    """What helps besides a larger budget, the likeliest first.

    Args:
        specification: the specification.
        entries: a partition.
    """
    kind = type(specification)
    updates = [
        each.argument
        for each in entries
        if each.argument is not None and not specification.is_readonly(each.f, each.argument)
    ]
    is_repeated = len(updates) > len(dict.fromkeys(updates))
    if is_repeated and kind in {FifoQueue, Stack, PriorityQueue}:
        yield "values that are each put in once"
    elif is_repeated and (kind in ZONED or kind is Set):
        yield "values that are each written once" if kind in ZONED else "elements added once"
    pending = sum(each.completed is None for each in entries)
    if pending:
        yield f"fewer unanswered operations than {pending}"
    at_once = _at_once(entries)
    if at_once > FEW_AT_ONCE:
        yield f"fewer clients at once than {at_once}"
    yield f"fewer operations than {len(entries)}" if len(entries) > 1 else "another specification"


def _at_once(entries: Sequence[Entry]) -> int:
    """The most operations in flight at once, those without an answer aside."""
    answered = [each for each in entries if each.completed is not None]
    moments = sorted(
        [(each.invoked, 1) for each in answered] + [(end(each), -1) for each in answered]
    )
    most = now = 0
    for _, change in moments:
        now += change
        most = max(most, now)
    return most
