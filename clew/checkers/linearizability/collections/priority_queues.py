"""Priority queues whose values are unique, decided in O(n log n).

If a value is taken, all smaller ones are absent; greater ones do not matter. So the values are
placed from the smallest up. Each is taken at the first moment of its removal, and of the time
since its insert began, at which no smaller one is surely present. It is then surely present from
the response of its insert to that moment, and no other choice makes this stretch shorter. The
history is linearizable exactly if every removal finds such a moment, and one that found the
queue empty finds one at which no value is surely present.

A moment is a gap between two neighbouring ends of intervals. Inside one gap any number of
operations fit: first the removals of values present until then, in ascending order, then values
that come and go and removals that found nothing, then the inserts of values present from then on.

A pending insert happened only if its value was removed. `unanswered_takes` finds which values
the pending removals took. The engine does not apply if the values have no total order.

Source: the priority queues of Bouajjani, Enea, Wang, "Checking linearizability of concurrent
priority queues", CONCUR 2017, which go by the greatest value; the order here is our own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from clew.checkers.linearizability.collections.passages import Passage, Traffic
from clew.checkers.linearizability.entries import NEVER, Entry, in_order


def faults(found: Traffic) -> Iterator[tuple[Entry, ...]]:
    """Yield each removal that finds no moment, with what is in its way; it is then left out.

    Values may be alike.
    """
    return _Schedule(found).faults()


def comparable(values: Iterable[Any]) -> bool:
    """Return whether all are of a kind that Python orders totally."""
    kinds = {_kind(each) for each in values}
    return len(kinds) <= 1 and None not in kinds


def _kind(value: Any) -> Any:
    """Return what one may compare the value with; None if that is not known."""
    if type(value) is str:
        return "text"
    if type(value) is tuple:
        kinds = tuple(_kind(item) for item in value)
        return None if None in kinds else kinds
    is_number = isinstance(value, int | float) and value == value  # noqa: PLR0124 - NaN
    return "number" if is_number else None


class _Schedule:
    """Each value's stretch of sure presence, by the smaller ones' stretches."""

    def __init__(self, found: Traffic) -> None:
        self._found = found
        entries = [entry for each in found.passages for entry in each.entries]
        entries += found.empties + found.pending
        ends = {position for entry in entries for position in (entry[0], entry[1])}
        ranked = sorted(position for position in ends if position is not None)
        self._count = len(ranked)
        self._rank = {position: rank for rank, position in enumerate(ranked)}
        self._rank[NEVER] = self._count
        self._covered = _Gaps(self._count)
        self._owners = [-1] * self._count
        # For each value, the gaps before its removal in which the removal could not be.
        self._delays: list[tuple[int, int]] = []

    def faults(self) -> Iterator[tuple[Entry, ...]]:
        """Do as `faults`."""
        rank, delays, free = self._rank, self._delays, self._covered.free
        self._passages = sorted(self._found.passages, key=_value)
        values = [*map(_value, self._passages), _NOTHING]
        # Values that are alike are in the way of greater ones, and not of each other.
        alike: list[tuple[int, int, int]] = []
        # Invariant: `_covered` has the gaps in which a smaller value is surely present. The
        # removals of these each stand at the first gap that was free, so that no other choice
        # covers less.
        for index, passage in enumerate(self._passages):
            first, until = max(rank[passage.put], rank[passage.taken]), self._count
            if passage.taken == NEVER:
                delays.append((0, 0))
            else:
                until = free(first)
                delays.append((first, until))
            if until >= rank[passage.taken_done] and passage.taken_done != NEVER:
                yield self._evidence(passage.entries, first, rank[passage.taken_done])
            else:
                alike.append((rank[passage.put_done], until, index))
            if values[index + 1] != values[index]:
                for each in alike:
                    self._cover(*each)
                alike.clear()
        # All values are placed now, and each is there as briefly as can be.
        for empty in self._found.empties:
            assert empty.completed is not None
            first, last = rank[empty.invoked], rank[empty.completed]
            if self._covered.free(first) >= last:
                yield self._evidence((empty,), first, last)

    def _cover(self, first: int, last: int, owner: int) -> None:
        for gap in self._covered.cover(first, last):
            self._owners[gap] = owner

    def _evidence(self, stuck: Sequence[Entry], first: int, last: int) -> tuple[Entry, ...]:
        """Return the stuck operations, the values in their way, and what kept those there."""
        explained = _Gaps(self._count)
        chosen: dict[int, None] = {}
        waiting = [(first, last)]
        # Invariant: whoever keeps the gaps that are explained is chosen; why a chosen one was there
        # so long waits to be explained.
        while waiting:
            for gap in explained.cover(*waiting.pop()):
                owner = self._owners[gap]
                if owner not in chosen:
                    chosen[owner] = None
                    waiting.append(self._delays[owner])
        return in_order([*stuck, *(each for at in chosen for each in self._passages[at].entries)])


class _Gaps:
    """Gaps 0, 1, ..., all free at first; covering them costs O(log n) each, once."""

    def __init__(self, count: int) -> None:
        self._next = list(range(count + 1))

    def free(self, gap: int) -> int:
        """Find the first free gap from this one on; their number if none is."""
        following = self._next
        # Invariant: no free gap lies between one and its next. Halving the way makes later ones
        # short (union-find).
        while following[gap] != gap:
            following[gap] = following[following[gap]]
            gap = following[gap]
        return gap

    def cover(self, first: int, last: int) -> list[int]:
        """Cover the gaps from first to last, the last excluded; those that were free."""
        covered = []
        gap = self.free(first) if first < last else last
        # A covered gap is skipped for good, so that all calls together look at each gap once.
        while gap < last:
            covered.append(gap)
            self._next[gap] = gap + 1
            gap = self.free(gap)
        return covered


_NOTHING = object()


def _value(passage: Passage) -> Any:
    return passage.entries[0].argument
