"""First-in first-out queues whose values are unique, decided in O(n log n).

The history is linearizable exactly where no value is dequeued that was not enqueued before, none
is dequeued twice, and no value overtakes: where ``a`` was enqueued before ``b``'s enqueue began,
``b`` is not dequeued before ``a``'s dequeue began, nor without it.

It does not apply where a dequeue found the queue empty, or where one is pending: those are
searched. A pending enqueue happened only where its value was dequeued.

Source: Henzinger, Sezgin, Vafeiadis, "Aspect-oriented linearizability proofs", CONCUR 2013,
theorem 3 (VFresh, VRepet, VOrd).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from clew.checkers.linearizability.entries import NEVER, Entry
from clew.checkers.linearizability.specification import Specification
from clew.checkers.linearizability.specifications.collections import FifoQueue


class _Passage(NamedTuple):
    """One value's way through the queue; `NEVER` stands for what did not happen."""

    put: int
    put_done: int
    taken: int
    taken_done: int
    value: Any


def broken_queue(
    specification: Specification, entries: Sequence[Entry]
) -> tuple[Entry, ...] | None:
    """Entries that break a queue's order; empty where none do, None where it does not apply.

    Args:
        specification: the specification.
        entries: one partition.
    """
    if type(specification) is not FifoQueue:
        return None
    puts = {entry.argument: entry for entry in entries if entry.f == "enqueue"}
    takes = [entry for entry in entries if entry.f == "dequeue"]
    if len(puts) + len(takes) < len(entries) or not all(
        entry.completed is not None and entry.result is not None for entry in takes
    ):
        return None
    taken: dict[Any, Entry] = {}
    for take in takes:
        put = puts.get(take.result)
        if put is None or _end(take) < put.invoked:
            return (take,) if put is None else (take, put)
        twice = taken.setdefault(take.result, take)
        if twice is not take:
            return tuple(sorted((put, twice, take), key=_begin))
    overtaking = _overtaking(puts, taken) or ()
    found = [puts[value] for value in overtaking]
    found += [taken[value] for value in overtaking if value in taken]
    return tuple(sorted(found, key=_begin))


def _overtaking(puts: dict[Any, Entry], taken: dict[Any, Entry]) -> tuple[Any, Any] | None:
    """A value and one that overtook it."""
    passages = []
    for value, put in puts.items():
        take = taken.get(value)
        if take is not None:
            passages.append(_Passage(put.invoked, _end(put), take.invoked, _end(take), value))
        elif put.completed is not None:
            passages.append(_Passage(put.invoked, put.completed, NEVER, NEVER, value))
    earlier = sorted(passages, key=lambda each: each.put_done)
    at = 0
    last: _Passage | None = None
    for passage in sorted(passages):
        # `last` is the one taken last among those whose enqueue was over before this one began.
        while earlier[at].put_done < passage.put:
            if last is None or earlier[at].taken > last.taken:
                last = earlier[at]
            at += 1
        if last is not None and passage.taken_done < last.taken:
            return (last.value, passage.value)
    return None


def _begin(entry: Entry) -> int:
    return entry.invoked


def _end(entry: Entry) -> int:
    return NEVER if entry.completed is None else entry.completed
