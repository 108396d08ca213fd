"""Counters: eventually consistent ones by their final reads, strong ones by every read.

`Counter` judges a g-counter or pn-counter kept by replicas:

- ``impossible-total``: a final read is not the sum of all acknowledged adds and of some of the
  adds whose fate is unknown;
- ``diverged``: the final reads of the replicas differ;
- ``decreasing``: a g-counter went down between two reads of one replica;
- ``out-of-bounds``: a read on the way shows more than all positive adds sent by then, or less
  than all negative ones;
- ``malformed``: a read was answered with something that is no integer.

A read on the way may miss any add, even one that the same replica acknowledged: the promise is
eventual. Final reads are those of `clew.checkers.replicated.replicas`.

`IntervalCounter` judges a strongly consistent counter: each read lies between the adds that were
surely over before it began and those that could have begun before it ended. That is necessary
and not sufficient for linearizability, and decided in O(n log n) for any number of unknown adds.

Source: Shapiro et al., "Conflict-free Replicated Data Types", SSS 2011; the counter check of
Jepsen (``checker.clj``), here for negative deltas too.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter as Tally
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from heapq import heappop, heappush
from itertools import accumulate
from math import gcd
from typing import Any

from clew.checkers.moments import Foremost, completion
from clew.checkers.replicated.replicas import ReplicaNames, final_reads
from clew.checkers.values import listed, shown
from clew.checkers.verdict import Anomaly, Budget, Result, concluded, wrong
from clew.errors import HistoryError
from clew.history import History, Operation

_BITS_MAX = 1 << 23  # one mebibyte of sums; a thousand unknown adds of a thousand each fit


@dataclass(frozen=True, slots=True, kw_only=True)
class Counter:
    """Judges a g-counter or a pn-counter, replica by replica. O(n log n) and the subset sums.

    Args:
        monotonic: True for a g-counter, which never goes down.
        nodes: the replicas, where the history does not name all of them.

    The argument of an ``add`` is its delta, the result of a ``read`` the total.
    """

    monotonic: bool = True
    nodes: Sequence[str] | None = None
    name: str = "counter"

    def check(self, history: History, budget: Budget) -> Result:
        """Return INVALID with each anomaly; UNKNOWN if a final read is missing.

        UNKNOWN also where the unknown adds are so large that their sums can't be listed and a
        final read lies between the least and the largest of them.

        Raises:
            HistoryError: the argument of an add is no integer.
        """
        budget.spend(0)
        adds = _Adds.of(history)
        replicas = ReplicaNames(history.operations, self.nodes)
        reads, malformed = _split_reads(history.operations)
        finals = final_reads(history, "add", replicas)
        shown = {
            one: total
            for one, read in finals.reads.items()
            if (total := _integer(read.result)) is not None
        }
        by_total: dict[int, list[str]] = {}
        for one, total in shown.items():
            by_total.setdefault(total, []).append(one)
        totals = _Totals.of(adds)
        anomalies = [
            *_impossible_totals(by_total, finals.reads, totals),
            *_diverged(by_total, finals.reads, shown),
            *(_decreasing(reads, replicas) if self.monotonic else []),
            *_out_of_bounds(reads, adds, replicas),
            *malformed,
        ]
        figures = {
            "acknowledged_sum": totals.certain,
            "unknown_adds": totals.unknown_count,
            "final_reads": shown,
        }
        return concluded(
            self.name,
            anomalies,
            valid=f"The final reads of {listed(list(shown))} are all {next(iter(by_total), None)}, "
            f"which is {totals.described()}.",
            unknown=finals.absence or totals.unlisted(),
            invalid=wrong("The counter is wrong", anomalies),
            engine="subset sums",
            figures=figures,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class IntervalCounter:
    """Judges a strongly consistent counter by bounds on each read. O(n log n).

    The argument of an ``add`` is its delta, the result of a ``read`` the total.
    """

    name: str = "interval-counter"

    def check(self, history: History, budget: Budget) -> Result:
        """Return INVALID with one anomaly ``out-of-bounds`` for each read outside its interval.

        Raises:
            HistoryError: the argument of an add is no integer.
        """
        budget.spend(0)
        adds = _Adds.of(history)
        reads, anomalies = _split_reads(history.operations)
        # What raises the total counts for certain if it was acknowledged before the read began, and
        # may count if it was sent before the read was over; so does what lowers it, with the bounds
        # exchanged.
        for read, value in reads:
            end = completion(read)
            least = adds.acknowledged_up.before(read.invoked) + adds.sent_down.before(end)
            most = adds.acknowledged_down.before(read.invoked) + adds.sent_up.before(end)
            if not least <= value <= most:
                anomalies.append(_outside(read, least, most, read.node or ""))
        return concluded(
            self.name,
            anomalies,
            valid=f"All {len(reads)} reads lie within the adds that could have counted.",
            unknown="" if reads else "No read was answered.",
            engine="intervals",
            figures={"reads": len(reads), "adds": len(adds.operations)},
        )


def _integer(value: Any) -> int | None:
    if type(value) is int:
        return value
    if type(value) is float and value.is_integer():
        return int(value)
    return None


class _Sums:
    """Sums of deltas up to a position of the history; each question costs O(log n)."""

    def __init__(self, deltas: Iterable[tuple[int, int]]) -> None:
        ordered = sorted(deltas)
        self._positions = [position for position, _ in ordered]
        self._sums = list(accumulate((delta for _, delta in ordered), initial=0))

    def before(self, position: int) -> int:
        """Return the sum of the deltas at positions before this one."""
        return self._sums[bisect_left(self._positions, position)]


class _Adds:
    """The adds that happened or may have, with their sums.

    Sent goes by invocation, acknowledged by completion; positive adds (up) and negative ones
    (down) are summed apart.
    """

    def __init__(self, adds: list[tuple[Operation, int]]) -> None:
        self.operations = adds
        sent = [(one.invoked, delta) for one, delta in adds]
        acknowledged = [(completion(one), delta) for one, delta in adds if one.type == "ok"]
        self.sent_up = _Sums(pair for pair in sent if pair[1] > 0)
        self.sent_down = _Sums(pair for pair in sent if pair[1] < 0)
        self.acknowledged_up = _Sums(pair for pair in acknowledged if pair[1] > 0)
        self.acknowledged_down = _Sums(pair for pair in acknowledged if pair[1] < 0)

    @classmethod
    def of(cls, history: History) -> _Adds:
        adds = []
        for one in history.operations:
            if one.f == "add" and one.type != "fail":
                delta = _integer(one.argument)
                if delta is None:
                    raise HistoryError(
                        "an add can't be counted",
                        where=history.place(one.invoked),
                        expected="an integer delta as the value of the add",
                        found=shown(one.argument),
                    )
                adds.append((one, delta))
        return cls(adds)


@dataclass(frozen=True, slots=True)
class _Totals:
    """The totals that are possible in the end.

    Attributes:
        certain: the sum of the acknowledged adds.
        least, most: the least and the largest possible total.
        step: all possible totals are ``least`` plus a multiple of it.
        sums: bit i set where ``least + i * step`` is possible; None if they are too many.
        unknown_count: how many adds may or may not have happened.
    """

    certain: int
    least: int
    most: int
    step: int
    sums: int | None
    unknown_count: int

    @classmethod
    def of(cls, adds: _Adds) -> _Totals:
        # Adds that were acknowledged count for certain, all others may or may not.
        certain = sum(delta for one, delta in adds.operations if one.type == "ok")
        unknown = [delta for one, delta in adds.operations if one.type != "ok"]
        least = certain + sum(delta for delta in unknown if delta < 0)
        most = certain + sum(delta for delta in unknown if delta > 0)
        # Leaving out a negative add raises the total as adding a positive one does.
        step = reduce(gcd, unknown, 0) or 1
        sums: int | None = None
        if (most - least) // step < _BITS_MAX:
            sums = 1
            # Invariant: bit i is set where some of the sizes so far add up to i.
            for size, count in _split_in_doubles(abs(delta) // step for delta in unknown):
                for _ in range(count):
                    sums |= sums << size
        return cls(certain, least, most, step, sums, len(unknown))

    def allow(self, total: int) -> bool:
        """Return whether a total is possible; True if that is not known and it is within bounds."""
        if not self.least <= total <= self.most:
            return False
        offset, rest = divmod(total - self.least, self.step)
        return not rest and (self.sums is None or bool(self.sums >> offset & 1))

    def unlisted(self) -> str:
        """Say that the sums are too many to be listed; empty if they are not."""
        if self.sums is not None:
            return ""
        return (
            f"The sums of {self.unknown_count} unknown adds are too many to list; the final reads "
            f"lie between the least, {self.least}, and the largest, {self.most}."
        )

    def described(self) -> str:
        """Describe the possible totals in words."""
        if not self.unknown_count:
            return f"the sum of all acknowledged adds, {self.certain}"
        return (
            f"the sum of the acknowledged adds, {self.certain}, and of some of the "
            f"{self.unknown_count} adds whose fate is unknown"
        )


def _split_in_doubles(sizes: Iterable[int]) -> list[tuple[int, int]]:
    """Return sizes with the same subset sums, each at most twice: two of three make a double.

    So a thousand equal adds cost ten steps and not a thousand.
    """
    tally = Tally(size for size in sizes if size)
    sizes_left = sorted(tally)
    result = []
    # Invariant: `result` with what is left in `tally` has the subset sums of the sizes given.
    # Doubles are larger than what they are made of, so the heap meets them later.
    while sizes_left:
        size = heappop(sizes_left)
        count = tally.pop(size, 0)
        spare = 1 if count % 2 else min(count, 2)
        result.append((size, spare))
        if count > spare:
            tally[2 * size] += (count - spare) // 2
            heappush(sizes_left, 2 * size)
    return result


def _split_reads(
    operations: Sequence[Operation],
) -> tuple[list[tuple[Operation, int]], list[Anomaly]]:
    """Split the answered reads: those with their totals, and an anomaly for each without one."""
    reads = []
    malformed = []
    for one in operations:
        if one.f == "read" and one.type == "ok":
            value = _integer(one.result)
            if value is None:
                malformed.append(_malformed(one))
            else:
                reads.append((one, value))
    return reads, malformed


def _malformed(read: Operation) -> Anomaly:
    asked = read.node or "the counter"
    reason = f"A read of {asked} was answered with {shown(read.result)}, which is no integer."
    return Anomaly("malformed", reason, (read,), {"value": read.result, "node": read.node})


def _impossible_totals(
    by_total: dict[int, list[str]], finals: dict[str, Operation], totals: _Totals
) -> list[Anomaly]:
    return [
        Anomaly(
            "impossible-total",
            f"The final read of {listed(replicas)} is {total}; it should be {totals.described()}.",
            tuple(finals[replica] for replica in replicas),
            {
                "value": total,
                "nodes": replicas,
                "acknowledged_sum": totals.certain,
                "least": totals.least,
                "most": totals.most,
            },
        )
        for total, replicas in by_total.items()
        if not totals.allow(total)
    ]


def _diverged(
    by_total: dict[int, list[str]], finals: dict[str, Operation], shown: dict[str, int]
) -> list[Anomaly]:
    if len(by_total) < 2:  # noqa: PLR2004 - two different totals differ
        return []
    parts = [f"{total} at {listed(replicas)}" for total, replicas in by_total.items()]
    witnesses = tuple(finals[replicas[0]] for replicas in by_total.values())
    reason = f"The replicas never agreed: the final reads are {listed(parts)}."
    return [Anomaly("diverged", reason, witnesses, {"values": shown})]


def _decreasing(reads: list[tuple[Operation, int]], replicas: ReplicaNames) -> list[Anomaly]:
    """List per replica each read that shows less than one that was over before it began."""
    by_replica: dict[str, list[tuple[Operation, int]]] = {}
    for read, value in reads:
        by_replica.setdefault(replicas.of(read), []).append((read, value))
    found = []
    for replica, ours in by_replica.items():
        over = Foremost(ours, lambda pair: completion(pair[0]), lambda pair: pair[1])
        # The highest of the reads that were over is enough: whoever shows less than any of them
        # shows less than that one.
        for read, value in ours:
            highest = over.before(read.invoked)
            if highest is not None and value < highest[1]:
                found.append(_went_down(highest[0], read, replica))
    return found


def _went_down(earlier: Operation, later: Operation, replica: str) -> Anomaly:
    reason = (
        f"{replica or 'The counter'} showed {earlier.result} to process {earlier.process} and "
        f"later {later.result} to process {later.process}; a grow-only counter never goes down."
    )
    data = {"node": replica, "values": [earlier.result, later.result]}
    return Anomaly("decreasing", reason, (earlier, later), data)


def _out_of_bounds(
    reads: list[tuple[Operation, int]], adds: _Adds, replicas: ReplicaNames
) -> list[Anomaly]:
    found = []
    for read, value in reads:
        end = completion(read)
        least, most = adds.sent_down.before(end), adds.sent_up.before(end)
        if not least <= value <= most:
            found.append(_outside(read, least, most, replicas.of(read)))
    return found


def _outside(read: Operation, least: int, most: int, replica: str) -> Anomaly:
    asked = replica or "the counter"
    reason = (
        f"A read of {asked} by process {read.process} shows {read.result}; with the adds that "
        f"could have counted by then it is at least {least} and at most {most}."
    )
    data = {"value": read.result, "node": replica, "least": least, "most": most}
    return Anomaly("out-of-bounds", reason, (read,), data)
