"""k-atomicity: each read returns one of the last k values written.

1-atomicity is linearizability of a register. A store that writes to a majority and reads from
fewer, or does not write back what a read saw, is often 2-atomic: reads may be one write behind,
never more.

Decided per register by a search over the orders in which the operations in flight may have
happened, from one response to the next, with the last k written values as state; first by zones,
because what is atomic is k-atomic.

Source: Golab, Hurwitz and Li, "On the k-Atomicity-Verification Problem", ICDCS 2013; the search is
Lowe's just-in-time linearization, "Testing for Linearizability", 2017.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import ClassVar

from clew.checkers.registers.accesses import INITIAL, Access, Accesses, OfRegisters
from clew.checkers.values import sentence
from clew.checkers.verdict import Anomaly, Budget, Result, concluded, standing
from clew.checkers.zones import NEVER, Interval, conflicts, zones
from clew.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Atomicity(OfRegisters):
    """INVALID if no order of the operations keeps reads within the last k values.

    O(n log n) for an atomic history; else the search is exponential in the number of operations in
    flight at once, and linear in the length of the history.

    Args:
        k: how many of the last values a read may return; at least 1.

    Raises:
        UsageError: k below 1.
    """

    k: int = 2
    name: str = "atomicity"

    helps: ClassVar[tuple[str, ...]] = (
        "fewer clients at once", "fewer unanswered writes", "a shorter history"
    )  # fmt: skip

    def __post_init__(self) -> None:
        if self.k < 1:
            raise UsageError(
                "the atomicity can't be checked", expected="k of at least 1", found=str(self.k)
            )

    def _judge(self, found: Accesses, budget: Budget) -> Result:
        registers = found.registers
        anomalies = list(found.impossible)
        engines: Counter[str] = Counter()
        with standing(anomalies):
            for ours in registers.values():
                budget.spend(0)
                atomic = not conflicts(zones([_interval(found, index) for index in ours], INITIAL))
                if atomic and not any(_reads_the_future(found, index) for index in ours):
                    engines["zones"] += 1
                    continue
                engines["search"] += 1
                anomaly = _Search(found, ours, self.k).run(budget)
                anomalies += [] if anomaly is None else [anomaly]
        return concluded(
            self.name,
            anomalies,
            valid=f"Every read returns one of the last {self.k} values written.",
            engine="search" if engines["search"] else "zones",
            figures={"registers": len(registers), "decided_by": dict(sorted(engines.items()))},
        )


def _end(one: Access) -> float:
    if one.operation.type == "info" or one.operation.completed is None:
        return NEVER
    return one.operation.completed


def _interval(found: Accesses, index: int) -> Interval:
    one = found.all[index]
    value = index if one.is_write else one.source
    return Interval(one.operation, value, one.operation.invoked, _end(one))


def _reads_the_future(found: Accesses, index: int) -> bool:
    one = found.all[index]
    if one.is_write or one.source == INITIAL:
        return False
    return _end(one) < found.all[one.source].operation.invoked


_Configuration = tuple[int, tuple[int, ...]]


class _Search:
    """Just-in-time search on one register.

    A configuration is the set of operations in flight that have already happened, as bits, and
    the last k writes, oldest first. Bits are places in `_slots`, reused after a response.
    """

    def __init__(self, found: Accesses, ours: list[int], k: int) -> None:
        self.found = found
        self.ours = ours
        self.k = k
        self.open: dict[int, int] = {}

    def run(self, budget: Budget) -> Anomaly | None:
        """Find an anomaly at the first response that no configuration explains; None if all are."""
        moments = []
        for index in self.ours:
            one = self.found.all[index]
            moments.append((one.operation.invoked, index, True))
            if _end(one) != NEVER:
                moments.append((one.operation.completed or 0, index, False))
        configurations: set[_Configuration] = {(0, (INITIAL,))}
        # Invariant: the configurations are all that the operations begun by now can have come to
        # with all responses by now explained; a bit belongs to one operation in flight.
        for _, index, starts in sorted(moments):
            if starts:
                # The lowest bit that no operation in flight has.
                taken = sum(self.open.values())
                self.open[index] = (taken + 1) & ~taken
                continue
            explained = self._until_done(configurations, index, budget)
            if not explained:
                return self._anomaly(index, configurations)
            bit = self.open.pop(index)
            configurations = {(done & ~bit, last) for done, last in explained}
        return None

    def _until_done(
        self, configurations: set[_Configuration], target: int, budget: Budget
    ) -> set[_Configuration]:
        """Return all ways to go on in which the target has happened."""
        bit = self.open[target]
        start = {self._read_all(one) for one in configurations}
        explained = {one for one in start if one[0] & bit}
        stack = sorted(one for one in start if not one[0] & bit)
        seen = set(stack)
        # Invariant: `seen` are ways to go on without the target, `explained` those that end with
        # it. Nothing need happen after it before its response.
        while stack:
            budget.spend(1)
            for following in self._writes(*stack.pop()):
                if following[0] & bit:
                    explained.add(following)
                elif following not in seen:
                    seen.add(following)
                    stack.append(following)
        return explained

    def _read_all(self, configuration: _Configuration) -> _Configuration:
        """Let every read in flight happen that fits now; that shuts out nothing later."""
        done, last = configuration
        # A read changes nothing, so as soon as it may happen it is as well done.
        for index, bit in self.open.items():
            one = self.found.all[index]
            if not one.is_write and one.source in last:
                done |= bit
        return done, last

    def _writes(self, done: int, last: tuple[int, ...]) -> list[_Configuration]:
        return [
            self._read_all((done | bit, (*last, index)[-self.k :]))
            for index, bit in self.open.items()
            if self.found.all[index].is_write and not done & bit
        ]

    def _anomaly(self, index: int, configurations: set[_Configuration]) -> Anomaly:
        one = self.found.all[index]
        recent = sorted({write for _, last in configurations for write in last})
        values = [
            "the initial value" if write == INITIAL else self.found.all[write].shown_value
            for write in recent
        ]
        asked = "the last value" if self.k == 1 else f"one of the last {self.k} values"
        reason = (
            f"{one.text}, and in no order of the operations is that {asked} written; before its "
            f"response only {' or '.join(values)} can have been."
        )
        source = [] if one.is_write or one.source == INITIAL else [one.source]
        writes = [write for write in recent if write != INITIAL]
        data = {"read": one.operation.number, "recent": values, "k": self.k}
        operations = self.found.operations([*source, *writes, index])
        return Anomaly("not-k-atomic", sentence(reason), operations, data)
