"""Zones: when the operations on one value of a register must all have happened.

The operations that write or read one value form its cluster. With ``first_end`` the earliest end
and ``last_start`` the latest start in the cluster, its zone lies between them. Where
``first_end < last_start`` the zone is forward: the register surely held the value all along it.
Otherwise it is backward: all its operations overlap in it and may happen at any one point of it.
A register with unique values is atomic exactly where

- no read ends before its write starts,
- no two forward zones overlap,
- no backward zone lies inside a forward one.

Source: Gibbons and Korach, "Testing Shared Memories", SIAM J. Comput. 1997, section 4.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Hashable, Iterable, Iterator, Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple, TypeAlias

from clew.history import Operation

NEVER = float("inf")
ALWAYS = float("-inf")


class Interval(NamedTuple):
    """One operation on one value, with the closed interval in which it took effect."""

    operation: Operation
    value: Hashable
    start: float
    end: float


class Zone(NamedTuple):
    """The zone of one value: its bounds, with the operations that set them.

    The operations are None if the bound is the initial value's.
    """

    first_end: float
    last_start: float
    ender: Operation | None
    starter: Operation | None


def zones(intervals: Iterable[Interval], initial: Hashable) -> list[Zone]:
    """Return the zones of all values, in order of appearance. O(n).

    Args:
        intervals: reads and writes, each with the value written or read.
        initial: the value that was there before everything.
    """
    found: dict[Hashable, Zone] = {initial: Zone(ALWAYS, ALWAYS, None, None)}
    # Invariant: per value the earliest end and the latest start so far.
    for one in intervals:
        zone = found.get(one.value)
        if zone is None:
            found[one.value] = Zone(one.end, one.start, one.operation, one.operation)
            continue
        if one.end < zone.first_end:
            zone = zone._replace(first_end=one.end, ender=one.operation)
        if one.start > zone.last_start:
            zone = zone._replace(last_start=one.start, starter=one.operation)
        found[one.value] = zone
    return list(found.values())


def conflicts(found: Sequence[Zone]) -> list[tuple[Zone, Zone]]:
    """List pairs of zones that can't both be; empty if there is none. O(n log n)."""
    pairs = clashes([zone.first_end for zone in found], [zone.last_start for zone in found])
    return [(found[one], found[other]) for one, other in pairs]


def clashes(first_ends: Sequence[float], last_starts: Sequence[float]) -> Iterator[tuple[int, int]]:
    """Yield the places of zones that can't both be; nothing if there is none. O(n log n).

    Forward zones are compared with their neighbour alone, so that of many that overlap only
    some pairs are reported, but always one.

    Args:
        first_ends: of each cluster the earliest end.
        last_starts: of each cluster the latest start.
    """
    zones = list(zip(first_ends, last_starts, strict=True))
    forward = sorted((*zone, at) for at, zone in enumerate(zones) if zone[0] < zone[1])
    # If any two overlap, so do two neighbours: the first of the two overlaps whatever begins
    # between. No register holds two values at once (section 4).
    for before, after in pairwise(forward):
        if after[0] < before[1]:
            yield before[2], after[2]
    begins = [begin for begin, _, _ in forward]
    furthest = list(accumulate(forward, _further))
    for at, (end, start) in enumerate(zones):
        # A backward zone breaks the rule where some forward one holds it all: of those that begin
        # before this one, the one that reaches furthest.
        # Only a zone that begins strictly before this one can hold it; among those the furthest end
        # decides.
        before_it = bisect_left(begins, start) - 1
        if start <= end and before_it >= 0 and end < furthest[before_it][1]:
            yield furthest[before_it][2], at


_Forward: TypeAlias = tuple[float, float, int]


def _further(one: _Forward, other: _Forward) -> _Forward:
    return other if other[1] > one[1] else one
