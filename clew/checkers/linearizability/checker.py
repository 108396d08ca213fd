"""Linearizability of a history: each engine where it fits, and one result for all partitions.

1. The witness, if effect points are given: O(n log n).
2. Zones for registers, and the engines for queues, stacks, priority queues and sets, if values
   are unique: O(n log n), stacks with many operations in flight aside.
3. For queues, priority queues and sets whose values repeat, a search that orders what asks alone;
   for stacks and priority queues a matching of takes to puts is sought, as a witness.
4. A quick search, which gives up where choices turn out wrong too often.
5. The windowed search, for everything else. If it takes long, registers are first searched for a
   read that no write can be the source of.

Source: Herlihy and Wing, "Linearizability: a correctness condition for concurrent objects",
ACM TOPLAS 1990. It is checked partition by partition (locality, section 3.1).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from clew.checkers.keys import Keying, judged
from clew.checkers.linearizability.entries import (
    Partition,
    partitions,
    sure_partitions,
    ways,
)
from clew.checkers.linearizability.evidence import Evidence, Failed
from clew.checkers.linearizability.machine import Machine
from clew.checkers.linearizability.quick_search import quick_search
from clew.checkers.linearizability.shortcuts import (
    explains,
    helps,
    shortcut,
    without_orders,
)
from clew.checkers.linearizability.sources import without_source
from clew.checkers.linearizability.specification import Specification, show
from clew.checkers.linearizability.stages import (
    PartitionResult,
    Searched,
    Share,
    ShareSpentError,
    searched,
)
from clew.checkers.linearizability.zones import ZONED
from clew.checkers.verdict import Anomaly, Budget, OutOfBudget, Result, Verdict, advice
from clew.errors import HistoryError
from clew.history import History
from clew.machine.garbage import uncollected

SHORT_CONFIGURATIONS = 2_000
"""What a search may cost, on top of two for each entry, before anything else is tried."""


class Linearizability:
    """Checks that a history is linearizable with respect to a specification.

    Args:
        specification: the object's sequential behaviour.
        name: the checker's name in reports.
        effects: from an operation's number to the point where it took effect, where a model
            knows it; any values that sort. Tried first; never a reason for INVALID.
        explained: whether to look for the evidence. False gives the verdict and the first
            response that cannot be explained, for those that judge very many histories.
        keyed: whether values begin with a key, if the specification leaves that open; None
            infers it from the history.
    """

    def __init__(
        self,
        specification: Specification,
        name: str = "linearizable",
        effects: Mapping[int, Any] | None = None,
        *,
        explained: bool = True,
        keyed: bool | None = None,
    ) -> None:
        self.specification = specification
        self.name = name
        self.effects = effects
        self.explained = explained
        self.keyed = keyed

    def check(self, history: History, budget: Budget) -> Result:
        """Judge a history, with one anomaly for each partition that is not linearizable.

        A partition over the budget is UNKNOWN and does not lose what the others gave. If it
        is not known whether values have a key, both readings must give the verdict.

        Raises:
            HistoryError: the history is none, or holds operations unknown to the specification.
        """
        with uncollected():
            return self._checked(history, budget)

    def _checked(self, history: History, budget: Budget) -> Result:
        if self.keyed is None:
            parts = sure_partitions(self.specification, history)
            if parts is not None:
                return self._judged(history, "pairs", parts, budget)
        hows = ways(self.specification, history, keyed=self.keyed)
        if len(hows) == 1:
            return self._read(history, hows[0], budget)
        return judged([(how, partial(self._read, history, how, budget)) for how in hows])

    def _read(self, history: History, how: Keying, budget: Budget) -> Result:
        return self._judged(history, how, partitions(self.specification, history, how), budget)

    def _judged(
        self, history: History, how: Keying, parts: Sequence[Partition], budget: Budget
    ) -> Result:
        operations = history.operations
        findings = [self._judge(each, len(operations), budget) for each in parts]
        # Once all is decided: an explanation must not spend what a verdict needs.
        evidence = Evidence(self.specification, operations, budget, explained=self.explained)
        failed = Failed(self.specification, operations, how)
        with budget.explaining():
            anomalies = [
                evidence.of(part, finding)
                for part, finding in zip(parts, findings, strict=True)
                if finding.verdict is Verdict.INVALID
            ]
            if self.explained:
                anomalies = list(map(failed.named, anomalies))
        return self._result(len(operations), parts, findings, anomalies)

    def _judge(self, partition: Partition, among: int, budget: Budget) -> PartitionResult:
        helping = partial(helps, self.specification, partition.entries)
        try:
            return self._decide(partition, among, budget)
        except HistoryError:
            raise
        except OutOfBudget as stop:
            reason = f"the budget is spent: {stop}. {stop.advice(helping())}"
        except MemoryError:
            reason = f"there was not enough memory. {advice(*helping())}"
        except Exception as crash:  # noqa: BLE001 - a user's step may raise anything
            reason = f"the specification raised {type(crash).__name__}: {crash}"
        return PartitionResult("search", reason=reason)

    def _decide(self, partition: Partition, among: int, budget: Budget) -> PartitionResult:
        specification, entries = self.specification, partition.entries
        if self.effects is not None and explains(Machine(specification), entries, self.effects):
            return PartitionResult("witness")
        quick = shortcut(specification, entries, among, budget)
        quick = quick or without_orders(specification, entries, budget)
        if quick is not None:
            return quick
        quickly = quick_search(specification, entries, budget)
        if quickly is not None:
            return PartitionResult("search", (), quickly.configurations, None, quickly.response)
        # Most searches are short. If one is not, a look at the sources of reads may save it.
        found = self._soon(partition, budget)
        if found is None:
            broken = without_source(specification, entries)
            if broken:
                return PartitionResult("sources", broken)
            found = searched(specification, entries, budget)
        failed = None if found.outcome.linearizable else found
        return PartitionResult("search", (), found.outcome.configurations, failed)

    def _soon(self, partition: Partition, budget: Budget) -> Searched | None:
        """Search a register briefly; None if it needs more, or is of something else."""
        if type(self.specification) not in ZONED:
            return None
        share = Share(budget, SHORT_CONFIGURATIONS + 2 * len(partition.entries))
        with suppress(ShareSpentError):
            return searched(self.specification, partition.entries, share)
        return None

    def _result(
        self,
        operations: int,
        parts: Sequence[Partition],
        findings: Sequence[PartitionResult],
        anomalies: Sequence[Anomaly],
    ) -> Result:
        verdict = Verdict.merge(each.verdict for each in findings)
        unknown = [
            {"key": show(part.key), "reason": each.reason}
            for part, each in zip(parts, findings, strict=True)
            if each.verdict is Verdict.UNKNOWN
        ]
        engines: dict[str, int] = {}
        for each in findings:
            engines[each.engine] = engines.get(each.engine, 0) + 1
        statistics = {
            "operations": operations,
            "partitions": len(parts),
            "invalid_partitions": len(anomalies),
            "unknown_partitions": unknown,
            "configurations": sum(each.configurations for each in findings),
            "engines": engines,
        }
        reason = self._reason(verdict, operations, len(parts), anomalies, unknown)
        engine = "+".join(sorted(engines))
        return Result(
            self.name, verdict, reason, tuple(anomalies), engine=engine, statistics=statistics
        )

    def _reason(
        self,
        verdict: Verdict,
        operations: int,
        parts: int,
        anomalies: Sequence[Anomaly],
        unknown: Sequence[Mapping[str, str]],
    ) -> str:
        each = f" in {parts} independent parts" if parts > 1 else ""
        if verdict is Verdict.VALID:
            all_are = (
                "The one operation is"
                if operations == 1
                else f"All {operations} operations{each} are"
            )
            return f"{all_are} linearizable as {self.specification.name}."
        if verdict is Verdict.UNKNOWN:
            share = f"{len(unknown)} of {parts} independent parts" if parts > 1 else "The history"
            return f"{share} could not be decided: {unknown[0]['reason'].removesuffix('.')}."
        share = f"{len(anomalies)} of {parts} independent parts are" if parts > 1 else "It is"
        text = f"{share} not linearizable as {self.specification.name}"
        if unknown:
            text += f", and {len(unknown)} could not be decided"
        return text + "."
