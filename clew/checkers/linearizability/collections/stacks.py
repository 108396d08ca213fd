"""Stacks whose values are unique, decided by peeling off the bottom values.

A value is surely on the stack from the response of its push to the invocation of its pop; one
whose pop was invoked before that may come and go at one moment, and is always fine. If no
value is surely there, the stack may be taken as empty: a value placed there then can as well
be pushed later or popped sooner. So the history falls into segments in each of which the stack
was never empty. Some value was at the bottom all through a segment: its push was invoked before
the first value was surely there, and its pop responded after the last one no longer was. Any
value that fits may be the bottom one, since the rest of an explanation is still one without it.
So one such value is taken off each segment, the rest falls into smaller segments, and so on. The
history is linearizable exactly if every segment has a bottom value, and a pop that found the
stack empty has a moment outside all the first segments.

The cost is O(n log n) with a bounded number of pushes in flight, else O(n^2 log n) at worst.

A pending push happened only if its value was popped. `unanswered_takes` finds which values
the pending pops took.

Source: the segments are those of Abdulla et al., "Efficient linearizability monitoring", PLDI
2025 (arXiv 2509.17795).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from operator import attrgetter

from clew.checkers.linearizability.collections.passages import Passage, Traffic
from clew.checkers.linearizability.entries import NEVER, Entry, end, in_order


def faults(found: Traffic) -> Iterator[tuple[Entry, ...]]:
    """Yield each pop that can't have found the stack empty, each segment without a bottom.

    The values of those before are left out.
    """
    present = sorted(
        (each for each in found.passages if each.put_done < each.taken),
        key=attrgetter("put_done"),
    )
    yield from _never_empty(present, found.empties)
    yield from _Segments(present).bottomless()


def _never_empty(
    present: Sequence[Passage], empties: Sequence[Entry]
) -> Iterator[tuple[Entry, ...]]:
    """Yield each pop that found the stack empty, with values that were there all along."""
    # The segments, as the first and the last moment and the number of values before it.
    begins: list[int] = []
    ends: list[int] = []
    # Invariant: the last segment is the only one that a value which is there later can prolong.
    for passage in present:
        if ends and passage.put_done < ends[-1]:
            ends[-1] = max(ends[-1], passage.taken)
        else:
            begins.append(passage.put_done)
            ends.append(passage.taken)
    # Segments are disjoint, so only the last one that began before it can hold it all.
    for empty in empties:
        place = bisect_right(begins, empty.invoked) - 1
        if place >= 0 and end(empty) <= ends[place]:
            yield in_order([empty, *_entries(_chain(present, empty.invoked, end(empty)))])


class _Segments:
    """Values surely on the stack, by the response of their push; bottom values are peeled off.

    A segment is a range of places in that order.
    """

    def __init__(self, present: Sequence[Passage]) -> None:
        self._present = present
        self._count = len(present)
        self._alive = [True] * self._count
        self._begins = [each.put_done for each in present]
        # How many values before a place are surely there when the push at the place responds.
        under = [0] * (self._count + 1)
        # As differences first: a value counts from the place behind its own to the first place
        # whose push responded after it was no longer surely there. The sums give the counts.
        for place, passage in enumerate(present):
            under[place + 1] += 1
            under[self._reach(passage)] -= 1
        for place in range(1, self._count):
            under[place] += under[place - 1]
        # A segment may begin where that is 0.
        self._under = _Least(under[: self._count])
        self._pushes = _Least([each.put for each in present])
        self._pops = _Least([-each.taken for each in present])

    def bottomless(self) -> Iterator[tuple[Entry, ...]]:
        """Yield each segment in which no value can be at the bottom, cut to values that span it.

        These values are then left out.
        """
        waiting = [(0, self._count)]
        # Invariant: the history is linearizable exactly if each range that waits is, alone. A
        # value that may be at the bottom of a segment can be taken off: put under an order of the
        # rest it gives one of all. If no value is surely there, a range falls into two that have
        # nothing to do with each other.
        while waiting:
            first, last = waiting.pop()
            while first < last and not self._alive[first]:
                first += 1
            if first == last:
                continue
            middle = self._under.first_below(first + 1, last, 1)
            if middle < last:
                waiting += [(middle, last), (first, middle)]
                continue
            begin, finish = self._begins[first], -self._pops.least(first, last)
            bottom = self._bottom(first, last, begin, finish)
            if bottom == last:
                rest = [at for at in range(first, last) if self._alive[at]]
                chain = _chain([self._present[at] for at in rest], begin, finish)
                yield in_order(_entries(chain))
                for at in rest:
                    if self._present[at] in chain:
                        self._remove(at)
            else:
                self._remove(bottom)
            waiting.append((first, last))

    def _bottom(self, first: int, last: int, begin: int, finish: int) -> int:
        """Find the place of a value that may be at the bottom; last if none may."""
        place = self._pushes.first_below(first, last, begin)
        # A bottom value was pushed before the segment begins, and popped after it ends or never.
        while place < last:
            passage = self._present[place]
            if passage.taken_done == NEVER or passage.taken_done > finish:
                return place
            place = self._pushes.first_below(place + 1, last, begin)
        return last

    def _remove(self, place: int) -> None:
        self._alive[place] = False
        self._under.add(place + 1, self._reach(self._present[place]), -1)
        for each in (self._under, self._pushes, self._pops):
            each.add(place, place + 1, _GONE)

    def _reach(self, passage: Passage) -> int:
        """Find the first place whose push responded after the value was surely there."""
        return bisect_left(self._begins, passage.taken)


_GONE = 4 * NEVER
"""Above every position, also after taking away what was added before."""


class _Least:
    """Integers of which the least in a range, and the first below a bound, take O(log n)."""

    def __init__(self, values: Sequence[int]) -> None:
        self._size = 1 << max(0, (len(values) - 1).bit_length())
        padding = [_GONE] * (self._size - len(values))
        # The root is at 1, the children of a node at 2n and 2n + 1. A node's least is that of
        # all below it, with what was added to it and below, but not above.
        self._low = [_GONE] * self._size + list(values) + padding
        self._added = [0] * self._size
        for node in range(self._size - 1, 0, -1):
            self._low[node] = min(self._low[2 * node], self._low[2 * node + 1])

    def add(self, first: int, last: int, number: int) -> None:
        """Add a number to the values from first to last, the last excluded."""
        if first >= last:
            return
        size, low = self._size, self._low
        left, right = first + size, last + size
        # From the leaves up: whole nodes that make up the range, two on each level at most.
        while left < right:
            if left & 1:
                self._raise(left, number)
                left += 1
            if right & 1:
                right -= 1
                self._raise(right, number)
            left >>= 1
            right >>= 1
        # Only nodes above the two ends of the range hold a least that may have changed.
        for leaf in (first + size, last - 1 + size):
            node = leaf >> 1
            while node:
                low[node] = min(low[2 * node], low[2 * node + 1]) + self._added[node]
                node >>= 1

    def _raise(self, node: int, number: int) -> None:
        self._low[node] += number
        if node < self._size:
            self._added[node] += number

    def least(self, first: int, last: int) -> int:
        """Return the least value from first to last, the last excluded."""
        least = _GONE
        waiting = [(1, 0, self._size, 0)]
        # Invariant: `least` is the least of what was met; a node whose own least is no less is left
        # out with all below it.
        while waiting:
            node, begin, finish, above = waiting.pop()
            low = self._low[node] + above
            if finish <= first or last <= begin or low >= least:
                continue
            if first <= begin and finish <= last:
                least = low
                continue
            middle, above = (begin + finish) // 2, above + self._added[node]
            waiting.append((2 * node, begin, middle, above))
            waiting.append((2 * node + 1, middle, finish, above))
        return least

    def first_below(self, first: int, last: int, bound: int) -> int:
        """Find the first place from first on whose value is below the bound; last for none."""
        waiting = [(1, 0, self._size, 0)]
        # The left child is pushed last, so that places are met from the left, and the first that is
        # below the bound is the answer.
        while waiting:
            node, begin, finish, above = waiting.pop()
            if finish <= first or last <= begin or self._low[node] + above >= bound:
                continue
            if finish - begin == 1:
                return begin
            middle, above = (begin + finish) // 2, above + self._added[node]
            waiting.append((2 * node + 1, middle, finish, above))
            waiting.append((2 * node, begin, middle, above))
        return last


def _chain(present: Sequence[Passage], begin: int, finish: int) -> list[Passage]:
    """Find few values of which one is surely there at each moment from begin to finish.

    Those given are in order of their first moments, and some is there at each of these moments.
    """
    chain: list[Passage] = []
    best = present[0]
    # Invariant: the chain covers all before `begin`; of the values there by now `best` is there
    # longest, so that no chain gets further with as many.
    for passage in present:
        if passage.put_done > begin:
            chain.append(best)
            begin = best.taken
        if begin >= finish:
            return chain
        if passage.taken > best.taken:
            best = passage
    return chain if begin >= finish else [*chain, best]


def _entries(passages: Sequence[Passage]) -> list[Entry]:
    return [entry for each in passages for entry in each.entries]
