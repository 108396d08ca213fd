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

from bisect import bisect_right
from collections.abc import Hashable, Iterable
from itertools import pairwise
from typing import NamedTuple

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

    The operations are None where the bound is the initial value's.
    """

    first_end: float
    last_start: float
    ender: Operation | None
    starter: Operation | None

    @property
    def forward(self) -> bool:
        """Whether the register surely held the value all along the zone."""
        return self.first_end < self.last_start


def zones(intervals: Iterable[Interval], initial: Hashable) -> list[Zone]:
    """The zones of all values, in order of appearance. O(n).

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


def conflicts(found: Iterable[Zone]) -> list[tuple[Zone, Zone]]:
    """Pairs of zones that can't both be; empty where there is none. O(n log n).

    Forward zones are compared with their neighbour alone, so that of many that overlap only
    some pairs are reported, but always one.
    """
    forward = sorted(
        (zone for zone in found if zone.forward), key=lambda zone: (zone.first_end, zone.last_start)
    )
    wrong = [pair for pair in pairwise(forward) if pair[1].first_end < pair[0].last_start]
    reach: list[Zone] = []
    for zone in forward:
        longest = zone if not reach or zone.last_start > reach[-1].last_start else reach[-1]
        reach.append(longest)
    # A backward zone breaks the rule where some forward one holds it all.
    for zone in found:
        if zone.forward or zone.ender is None:
            continue
        # Of the forward zones that begin before this one, the one that reaches furthest.
        before = bisect_right(forward, zone.last_start, key=lambda one: one.first_end) - 1
        while before >= 0 and forward[before].first_end >= zone.last_start:
            before -= 1
        if before >= 0 and zone.first_end < reach[before].last_start:
            wrong.append((reach[before], zone))
    return wrong
