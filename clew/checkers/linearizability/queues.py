"""First-in first-out queues whose values are unique, decided in O(n log n).

The history is linearizable exactly where no value is dequeued that was not enqueued before, none
is dequeued twice, no value overtakes, and no dequeue found the queue empty while it never was.
``b`` overtakes ``a`` where ``a`` was enqueued before ``b``'s enqueue began, and ``b`` was dequeued
before ``a``'s dequeue began, or ``a`` never was. The queue was never empty where at each moment
some value was surely in it: enqueued by then, and its dequeue not begun.

A pending enqueue happened only where its value was dequeued. A pending dequeue may be left out;
where the rest can't be explained without it, the engine does not apply.

Source: Henzinger, Sezgin, Vafeiadis, "Aspect-oriented linearizability proofs", CONCUR 2013,
theorem 3 (VFresh, VRepet, VOrd, VWit).
"""

from __future__ import annotations

from bisect import bisect_right
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
    dequeues = [entry for entry in entries if entry.f == "dequeue"]
    if len(puts) + len(dequeues) < len(entries):
        return None
    takes = [entry for entry in dequeues if entry.completed is not None]
    empties = [entry for entry in takes if entry.result is None]
    broken = _unfounded(puts, takes) or _disorderly(puts, takes, empties)
    return None if broken and len(takes) < len(dequeues) else broken


def _unfounded(puts: dict[Any, Entry], takes: Sequence[Entry]) -> tuple[Entry, ...]:
    """A dequeue of a value that was not there, with what else happened to the value."""
    taken: dict[Any, Entry] = {}
    for take in takes:
        if take.result is None:
            continue
        put = puts.get(take.result)
        if put is None or _end(take) < put.invoked:
            return (take,) if put is None else (take, put)
        twice = taken.setdefault(take.result, take)
        if twice is not take:
            return tuple(sorted((put, twice, take), key=_begin))
    return ()


def _disorderly(
    puts: dict[Any, Entry], takes: Sequence[Entry], empties: Sequence[Entry]
) -> tuple[Entry, ...]:
    """A value and one that overtook it; or a dequeue that can't have found the queue empty."""
    taken = {take.result: take for take in takes if take.result is not None}
    passages = []
    for value, put in puts.items():
        take = taken.get(value)
        if take is not None:
            passages.append(_Passage(put.invoked, _end(put), take.invoked, _end(take), value))
        elif put.completed is not None:
            passages.append(_Passage(put.invoked, put.completed, NEVER, NEVER, value))
    extra: list[Entry] = []
    values = _overtaking(passages)
    if not values:
        empty, values = _never_empty(passages, empties)
        extra = [] if empty is None else [empty]
    found = [puts[value] for value in values] + [taken[each] for each in values if each in taken]
    return tuple(sorted(found + extra, key=_begin))


def _overtaking(passages: Sequence[_Passage]) -> tuple[Any, ...]:
    """A value and one that overtook it; nothing where none did."""
    earlier = sorted(passages, key=lambda each: each.put_done)
    at = 0
    last: _Passage | None = None
    for passage in sorted(passages, key=lambda each: each.put):
        # `last` is the one taken last among those whose enqueue was over before this one began.
        while earlier[at].put_done < passage.put:
            if last is None or earlier[at].taken > last.taken:
                last = earlier[at]
            at += 1
        if last is not None and passage.taken_done < last.taken:
            return (last.value, passage.value)
    return ()


def _never_empty(
    passages: Sequence[_Passage], empties: Sequence[Entry]
) -> tuple[Entry | None, tuple[Any, ...]]:
    """A dequeue that found the queue empty while it surely held one of the values all along."""
    # Stretches in which the queue surely held something, each as a chain of values that overlap.
    stretches: list[tuple[int, int, list[Any]]] = []
    for passage in sorted(passages, key=lambda each: each.put_done):
        if passage.put_done >= passage.taken:
            continue
        if stretches and passage.put_done <= stretches[-1][1]:
            begun, end, chain = stretches[-1]
            if passage.taken > end:
                chain.append(passage.value)
                stretches[-1] = (begun, passage.taken, chain)
        else:
            stretches.append((passage.put_done, passage.taken, [passage.value]))
    begins = [begun for begun, _, _ in stretches]
    for empty in empties:
        place = bisect_right(begins, empty.invoked) - 1
        if place >= 0 and _end(empty) <= stretches[place][1]:
            return empty, tuple(stretches[place][2])
    return None, ()


def _begin(entry: Entry) -> int:
    return entry.invoked


def _end(entry: Entry) -> int:
    return NEVER if entry.completed is None else entry.completed
