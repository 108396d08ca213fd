"""First-in first-out queues whose values are unique, decided in O(n log n).

The history is linearizable exactly if no value is dequeued that was not enqueued before, none
is dequeued twice, no value overtakes, and no dequeue found the queue empty while it never was.
``b`` overtakes ``a`` if ``a`` was enqueued before ``b``'s enqueue began, and ``b`` was dequeued
before ``a``'s dequeue began, or ``a`` never was. The queue was never empty if at each moment
some value was surely in it: enqueued by then, and its dequeue not begun.

A pending enqueue happened only if its value was dequeued. `unanswered_takes` finds which
values the pending dequeues took.

Source: Henzinger, Sezgin, Vafeiadis, "Aspect-oriented linearizability proofs", CONCUR 2013,
theorem 3 (VFresh, VRepet, VOrd, VWit).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence

from clew.checkers.linearizability.collections.passages import Passage, Traffic
from clew.checkers.linearizability.entries import Entry, end, in_order


def faults(found: Traffic) -> Iterator[tuple[Entry, ...]]:
    """Yield values of which one overtook another; a dequeue that can't have found none."""
    yield from _overtaking(found.passages)
    yield from _never_empty(found.passages, found.empties)


def _overtaking(passages: Sequence[Passage]) -> Iterator[tuple[Entry, ...]]:
    """Yield the operations on a value and on the first one that overtook it."""
    earlier = sorted(passages, key=_put_done)
    at = 0
    last: Passage | None = None
    for passage in sorted(passages, key=_put):
        # `last` is the one taken last among those whose enqueue was over before this one began.
        # VOrd: if this one overtook any of those, it overtook the one that is taken last.
        while earlier[at].put_done < passage.put:
            if last is None or earlier[at].taken > last.taken:
                last = earlier[at]
            at += 1
        if last is not None and passage.taken_done < last.taken:
            yield in_order([*last.entries, *passage.entries])
            return


def _never_empty(
    passages: Sequence[Passage], empties: Sequence[Entry]
) -> Iterator[tuple[Entry, ...]]:
    """Yield the first dequeue that found nothing, with values that were there all along."""
    # Stretches in which the queue surely held something, each as a chain of values that overlap.
    stretches: list[tuple[int, int, list[Passage]]] = []
    # Invariant: stretches are disjoint and in order; only the last can meet a value that is there
    # later, since these come in the order of their first moments. VWit: a dequeue that found
    # nothing must not lie inside one.
    for passage in sorted(passages, key=_put_done):
        if passage.put_done >= passage.taken:
            continue
        if stretches and passage.put_done <= stretches[-1][1]:
            begun, finish, chain = stretches[-1]
            if passage.taken > finish:
                chain.append(passage)
                stretches[-1] = (begun, passage.taken, chain)
        else:
            stretches.append((passage.put_done, passage.taken, [passage]))
    begins = [begun for begun, _, _ in stretches]
    for empty in empties:
        place = bisect_right(begins, empty.invoked) - 1
        if place >= 0 and end(empty) <= stretches[place][1]:
            chain = stretches[place][2]
            yield in_order([empty, *(entry for each in chain for entry in each.entries)])
            return


def _put(passage: Passage) -> int:
    return passage.put


def _put_done(passage: Passage) -> int:
    return passage.put_done
