"""Bounded staleness: each read returns a value that was current at most a stated time ago.

A register is stale by at most d where it becomes atomic once each read is allowed to begin d
earlier than it did. With unique values that is decided by zones, and the smallest such d is found
by bisection: the statistics show it, so that one can see how far off a bound was.

Operations that end and start at the same instant count as overlapping.

Source: Golab, Li and Shah, "Analyzing Consistency Properties for Fun and Profit", PODC 2011,
section 4 (delta-atomicity).
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

from clew.checkers.registers.accesses import INITIAL, Access, Accesses, OfRegisters, value_of
from clew.checkers.values import Key, sentence, shown
from clew.checkers.verdict import Anomaly, Budget, Result, Verdict, concluded
from clew.checkers.zones import NEVER, Interval, Zone, conflicts, zones
from clew.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Staleness(OfRegisters):
    """INVALID if some read was staler than allowed. O(n log n log t), t the span of time in ns.

    Args:
        bound_ns: how stale a read may be, ns; 0 asks for an atomic register.

    Raises:
        UsageError: a negative bound.
    """

    bound_ns: int
    name: str = "staleness"

    def __post_init__(self) -> None:
        if self.bound_ns < 0:
            raise UsageError(
                "the staleness bound can't be used",
                expected="nanoseconds from 0",
                found=str(self.bound_ns),
            )

    def _judge(self, found: Accesses, budget: Budget) -> Result:
        if not all(map(_has_times, found.all)):
            why = "The history has no times, so staleness can't be measured."
            return Result(self.name, Verdict.UNKNOWN, why)
        registers = {
            key: [found.all[index] for index in ours] for key, ours in found.registers.items()
        }
        anomalies = [*found.impossible, *_futures(found)]
        needed: int | None = None
        if not anomalies:
            starts = [one.operation.start or 0 for one in found.all]
            span = max(starts) - min(starts)
            needed = _smallest(registers, span, budget)
            anomalies = [
                _stale(key, pair, self.bound_ns)
                for key, ours in registers.items()
                for pair in conflicts(_zones(ours, self.bound_ns))
            ]
        how_stale = "" if needed is None else f" The history is stale by {needed} ns."
        return concluded(
            self.name,
            anomalies,
            valid=f"No read is stale by more than {needed} ns; {self.bound_ns} ns are allowed.",
            invalid=f"{anomalies[0].reason}{how_stale}" if anomalies else "",
            engine="zones",
            figures={"staleness_ns": needed, "registers": len(registers)},
        )


def _has_times(one: Access) -> bool:
    operation = one.operation
    return operation.start is not None and (operation.end is not None or operation.type == "info")


def _zones(ours: list[Access], bound_ns: int) -> list[Zone]:
    return zones((_interval(one, bound_ns) for one in ours), _NOTHING)


_NOTHING: Hashable = ("initial",)


def _interval(one: Access, bound_ns: int) -> Interval:
    operation = one.operation
    assert operation.start is not None
    start = operation.start - (0 if one.is_write else bound_ns)
    end = NEVER if operation.type == "info" or operation.end is None else operation.end
    unseen = not one.is_write and one.source == INITIAL
    return Interval(operation, _NOTHING if unseen else one.value, start, end)


def _futures(found: Accesses) -> list[Anomaly]:
    """List reads that ended before their write began: no bound allows them."""
    anomalies = []
    # Only the beginning of a read is moved, so that one that ended too soon stays wrong.
    for one in found.all:
        if one.is_write or one.source == INITIAL:
            continue
        write = found.all[one.source].operation
        if (one.operation.end or 0) < (write.start or 0):
            reason = f"{sentence(one.text)} before anyone began to write it."
            operations = (one.operation, write)
            data = {"read": one.operation.number, "write": write.number}
            anomalies.append(Anomaly("future-read", reason, operations, data))
    return anomalies


def _smallest(registers: dict[Key, list[Access]], span: int, budget: Budget) -> int:
    """Find the smallest bound that the history keeps, ns; ``span`` is one."""
    low, high = 0, span
    # Invariant: `high` is enough, and everything below `low` is too little.
    while low < high:
        budget.spend(sum(map(len, registers.values())))
        middle = (low + high) // 2
        if any(conflicts(_zones(ours, middle)) for ours in registers.values()):
            low = middle + 1
        else:
            high = middle
    return low


def _stale(key: Key, pair: tuple[Zone, Zone], bound_ns: int) -> Anomaly:
    operations = {
        one.number: one for zone in pair for one in (zone.ender, zone.starter) if one is not None
    }
    told = sorted(operations.values(), key=lambda one: one.invoked)
    steps = [
        f"process {one.process} {'wrote' if one.f == 'write' else 'read'} "
        f"{shown(value_of(one, key))} from {one.start} to {one.end} ns"
        for one in told
    ]
    where = "" if key is None else f" of register {key}"
    reason = (
        f"Two values{where} would have to be current at once, even with reads {bound_ns} ns "
        f"stale: {'; '.join(steps)}."
    )
    data = {"operations": [one.number for one in told], "bound_ns": bound_ns}
    return Anomaly("stale-read", reason, tuple(told), data)
