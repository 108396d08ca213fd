"""Linearizability of a history: each engine where it fits, and one result for all partitions.

1. The witness, where effect points are given: O(n log n).
2. Zones for registers, and the engines for queues, stacks, priority queues and sets, where values
   are unique: O(n log n), stacks with many operations in flight aside.
3. The windowed search, for everything else.

Source: Herlihy and Wing, "Linearizability: a correctness condition for concurrent objects",
ACM TOPLAS 1990. It is checked partition by partition (locality, section 3.1).
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from clew.checkers.linearizability.entries import Entry, Partition, partitions
from clew.checkers.linearizability.evidence import Evidence
from clew.checkers.linearizability.machine import Machine
from clew.checkers.linearizability.shortcuts import shortcut
from clew.checkers.linearizability.specification import Specification, show
from clew.checkers.linearizability.stages import Searched, searched
from clew.checkers.linearizability.witness import explains
from clew.checkers.verdict import Anomaly, Budget, OutOfBudget, Result, Verdict
from clew.errors import HistoryError
from clew.history import History


class Finding(NamedTuple):
    """What was found of one partition.

    Attributes:
        verdict: VALID, INVALID or UNKNOWN.
        engine: ``witness``, ``zones``, ``queue``, ``stack``, ``priority-queue``, ``set`` or
            ``search``.
        configurations: explored by the search; 0 for the others.
        failed: the search that failed, where one did.
        broken: entries that no order explains, where another engine found them.
        reason: why it is UNKNOWN.
    """

    verdict: Verdict
    engine: str
    configurations: int = 0
    failed: Searched | None = None
    broken: tuple[Entry, ...] = ()
    reason: str = ""


class Linearizability:
    """Checks that a history is linearizable with respect to a specification.

    Args:
        specification: the object's sequential behaviour.
        name: the checker's name in reports.
        effects: from an operation's number to the point where it took effect, where a model
            knows it; any values that sort. Tried first; never a reason to say INVALID.
        explained: whether to look for the evidence. False gives the verdict and the first
            response that cannot be explained, for those that judge very many histories.
    """

    def __init__(
        self,
        specification: Specification,
        name: str = "linearizable",
        effects: Mapping[int, Any] | None = None,
        *,
        explained: bool = True,
    ) -> None:
        self.specification = specification
        self.name = name
        self.effects = effects
        self.explained = explained

    def check(self, history: History, budget: Budget) -> Result:
        """The verdict, with one anomaly for each partition that is not linearizable.

        A partition over the budget is UNKNOWN and does not lose what the others gave.

        Raises:
            HistoryError: the history is none, or holds operations unknown to the specification.
        """
        operations = history.operations
        with collector_off():
            parts = partitions(self.specification, history)
            findings = [self._judge(each, budget) for each in parts]
            # Once all is decided: an explanation must not spend what a verdict needs.
            evidence = Evidence(self.specification, operations, budget, explained=self.explained)
            anomalies = [
                evidence.of(part, finding.failed, finding.broken)
                for part, finding in zip(parts, findings, strict=True)
                if finding.verdict is Verdict.INVALID
            ]
        return self._result(len(operations), parts, findings, anomalies)

    def _judge(self, partition: Partition, budget: Budget) -> Finding:
        try:
            return self._decide(partition, budget)
        except HistoryError:
            raise
        except OutOfBudget as stop:
            return Finding(Verdict.UNKNOWN, "search", reason=f"the budget is spent: {stop}")
        except MemoryError:
            return Finding(Verdict.UNKNOWN, "search", reason="there was not enough memory")
        except Exception as crash:  # noqa: BLE001 - a user's step may raise anything
            reason = f"the specification raised {type(crash).__name__}: {crash}"
            return Finding(Verdict.UNKNOWN, "search", reason=reason)

    def _decide(self, partition: Partition, budget: Budget) -> Finding:
        specification, entries = self.specification, partition.entries
        if self.effects is not None and explains(Machine(specification), entries, self.effects):
            return Finding(Verdict.VALID, "witness")
        quick = shortcut(specification, entries)
        if quick is not None:
            engine, broken = quick
            return Finding(Verdict.INVALID if broken else Verdict.VALID, engine, broken=broken)
        found = searched(specification, partition.key, entries, budget)
        count = found.outcome.configurations
        if found.outcome.linearizable:
            return Finding(Verdict.VALID, "search", count)
        return Finding(Verdict.INVALID, "search", count, failed=found)

    def _result(
        self,
        operations: int,
        parts: Sequence[Partition],
        findings: Sequence[Finding],
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
            return (
                f"All {operations} operations{each} are linearizable as {self.specification.name}."
            )
        if verdict is Verdict.UNKNOWN:
            share = f"{len(unknown)} of {parts} independent parts" if parts > 1 else "The history"
            return f"{share} could not be decided: {unknown[0]['reason']}."
        share = f"{len(anomalies)} of {parts} independent parts are" if parts > 1 else "It is"
        text = f"{share} not linearizable as {self.specification.name}"
        if unknown:
            text += f", and {len(unknown)} could not be decided"
        return text + "."


@contextmanager
def collector_off() -> Iterator[None]:
    """No garbage collection meanwhile: the engines make many objects and no cycles."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
