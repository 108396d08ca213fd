"""Judging a run: what the checkers, the invariants and the faults' own reports say of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from clew.checkers.availability import REFUSALS, Availability
from clew.checkers.statistics import quantiles, statistics
from clew.checkers.verdict import Anomaly, Result, Verdict, run_checker
from clew.history import History, Operation
from clew.scenarios.asserts import check_asserts
from clew.scenarios.load import Model
from clew.scenarios.run import Run, make_workload
from clew.scenarios.signature import finding_kind, signature_of
from clew.sim.faults import group_of
from clew.sim.world import NS_PER_SECOND


@dataclass(frozen=True, slots=True)
class Outcome:
    """A run and what is to be said of it.

    Attributes:
        verdict: the worst of the checks.
        checks: one result for each checker, in the order they are reported.
        statistics: figures by name, nested; `clew test --assert` speaks of them.
        remarks: what is worth knowing and counts in no verdict, a sentence or two each.
    """

    run: Run
    model: Model
    verdict: Verdict
    checks: tuple[Result, ...]
    statistics: dict[str, Any]
    remarks: tuple[str, ...] = ()

    @property
    def signature(self) -> str:
        """What kind of failure it is, as `clew.scenarios.signature` has it; empty for a valid run.

        Two runs with the same signature fail the same way.
        """
        return signature_of(self.checks)

    def to_json(self, repro: str | None = None) -> dict[str, Any]:
        """The outcome as ``clew test --json`` prints it."""
        run = self.run
        return {
            "model": run.plan.model.name,
            "bug": run.plan.model.bug,
            "workload": run.plan.workload,
            "seed": run.plan.seed,
            "verdict": self.verdict.value,
            "digest": run.digest,
            "virtual_seconds": run.virtual_ns / NS_PER_SECOND,
            "wall_seconds": round(run.wall_seconds, 6),
            "events": run.events,
            "messages": run.messages,
            "checks": [
                {"name": check.name, "verdict": check.verdict.value, "reason": check.reason}
                for check in self.checks
            ],
            "faults": [report.to_json() for report in run.faults],
            "remarks": list(self.remarks),
            "statistics": self.statistics,
            "repro": repro,
        }


def judge(run: Run, model: Model) -> Outcome:
    """The outcome of a run: a function of the run alone."""
    workload = make_workload(run.plan, model, _replicas(run), run.effects)
    figures = run_statistics(run)
    history = _owed(run) if workload.final_reads else run.history
    checks = [run_checker(checker, history) for checker in workload.checkers()]
    checks.append(_findings(run))
    if run.shared:
        checks.append(_shared(run))
    if run.plan.liveness != "off":
        checks.append(_liveness(run))
    if run.plan.availability is not None:
        checks.append(_availability(run))
    if run.plan.asserts:
        checks.append(check_asserts(run.plan.asserts, figures))
    checks.append(_activity(run))
    if run.plan.faults or run.plan.nemesis:
        checks.append(_faults(run))
    verdict = Verdict.merge(check.verdict for check in checks)
    return Outcome(run, model, verdict, tuple(checks), figures, _remarks(run))


def _replicas(run: Run) -> tuple[str, ...]:
    """The nodes whose final reads are due."""
    return run.plan.core or run.plan.node_ids


def _owed(run: Run) -> History:
    """The history as far as the replicas that healed owe it to their clients.

    Where only a core heals, what another node acknowledged may be on no disk but that node's:
    for what replicas converge to, it counts as unknown.
    """
    core = run.plan.core
    if not core:
        return run.history
    events = [
        event._replace(type="info") if event.type == "ok" and event.node not in core else event
        for event in run.history
    ]
    return History(events, source=run.history.source)


def run_statistics(run: Run) -> dict[str, Any]:
    """The figures of a run; times in seconds but for what ends in ``_ms``."""
    summary = statistics(run.history)
    done = summary["ok"]
    latencies = [
        operation.end - operation.start
        for operation in run.history.operations
        if operation.type == "ok" and operation.end is not None and operation.start is not None
    ]
    return {
        "operations": {name: summary[name] for name in ("count", "ok", "fail", "info")}
        | {"by_f": {f: _counts(part) for f, part in summary["by_f"].items()}},
        "latency_ms": {name: ns / 1e6 for name, ns in quantiles(latencies).items()},
        "servers": {
            "messages": run.server_messages,
            "msgs_per_op": _ratio(run.server_messages, summary["count"]),
            "msgs_per_ok": _ratio(run.server_messages, done),
        },
        "network": {"messages": run.messages, "dropped": dict(sorted(run.dropped.items()))},
        "events": run.events,
        "virtual_seconds": run.virtual_ns / NS_PER_SECOND,
    }


def _counts(part: dict[str, Any]) -> dict[str, Any]:
    return {name: part[name] for name in ("count", "ok", "fail", "info")}


def _ratio(numerator: int, denominator: int) -> float:
    return round(numerator / denominator, 4) if denominator else 0.0


def _findings(run: Run) -> Result:
    """What went wrong inside the nodes: exceptions, broken invariants, refused calls."""
    if not run.findings:
        return Result("nodes", Verdict.VALID, "No node raised, and every invariant held.")
    anomalies = tuple(
        Anomaly(
            finding.kind,
            f"{finding.node or 'the cluster'} at {finding.time_ns / NS_PER_SECOND:.6f} s: "
            f"{finding.reason}",
            (),
            {
                "signature": finding_kind(finding),
                "node": finding.node,
                "time_ns": finding.time_ns,
                "event": finding.event,
                "cause": finding.cause,
                "place": finding.place,
                "traceback": finding.traceback,
                "nodes": list(finding.nodes),
                "values": dict(finding.values),
            },
        )
        for finding in run.findings
    )
    more = "" if len(anomalies) == 1 else f" ({len(anomalies) - 1} more)"
    return Result("nodes", Verdict.INVALID, anomalies[0].reason + more, anomalies)


def _remarks(run: Run) -> tuple[str, ...]:
    """What is worth knowing of a run and counts in no verdict."""
    if not run.apart:
        return ()
    told = (
        f"The nodes changed {_few(run.apart)}, outside of themselves. Each process had its own, "
        "made anew at every restart, as real processes have. Keep a node's state on self, or on "
        "self.disk."
    )
    return (told,)


def _shared(run: Run) -> Result:
    """Nodes that share memory are no cluster, so nothing is known of one."""
    reason = (
        f"The run changed {', '.join(run.shared)}, which all nodes of this process share; real "
        "nodes share no memory. Keep state on self, or on self.disk."
    )
    return Result("shared-state", Verdict.UNKNOWN, reason)


def _liveness(run: Run) -> Result:
    """After healing, each healed node must answer its clients within the recovery time."""
    plan = run.plan
    seconds = plan.recovery_ns / NS_PER_SECOND
    asked = _asked_after_healing(run)
    if not plan.recovery_ns:
        return Result("liveness", Verdict.VALID, "There is no recovery time: no progress was due.")
    moving = [node for node, tried in asked.items() if any(_progress(one) for one in tried)]
    stuck = {node: tried for node, tried in asked.items() if node not in moving}
    who = "a quorum" if plan.liveness == "core" else "everything"
    if not stuck and asked:
        return Result(
            "liveness", Verdict.VALID,
            f"Within {seconds:g} s after {who} healed, operations succeeded at "
            f"{_few(moving)}.",
        )  # fmt: skip
    # One request may just be slow, or the last before an error; two without progress are none.
    twice = {node: tried for node, tried in stuck.items() if len(tried) > 1}
    if not twice:
        where = ", ".join(stuck) or "any node"
        return Result(
            "liveness", Verdict.UNKNOWN,
            f"After {who} healed, clients had no second try at {where} within {seconds:g} s: "
            "a longer --recovery would tell.",
        )  # fmt: skip
    pending = sum(_unanswered(one) for tried in twice.values() for one in tried)
    reason = (
        f"{len(twice)} of {len(asked)} nodes ({_few(tuple(twice))}) completed none of their "
        f"clients' operations in the {seconds:g} s after {who} healed"
    )
    if pending:
        count = "1 operation was" if pending == 1 else f"{pending} operations were"
        reason += f"; {count} never answered"
    evidence = tuple(operation for tried in twice.values() for operation in tried)
    return Result(
        "liveness", Verdict.INVALID, reason, (Anomaly("no-progress", reason, evidence[:20]),)
    )


def _few(names: Sequence[str]) -> str:
    """The names, of many the first."""
    shown = ", ".join(names[:_NAMES_SHOWN])
    return shown if len(names) <= _NAMES_SHOWN else f"{shown}, ..."


_NAMES_SHOWN = 8


def _asked_after_healing(run: Run) -> dict[str, list[Operation]]:
    """By healed node the operations that were open at, or asked after, healing."""
    asked: dict[str, list[Operation]] = {}
    for one in run.history.operations:
        if one.node in _replicas(run) and (one.end is None or one.end >= run.plan.time_limit_ns):
            asked.setdefault(str(one.node), []).append(one)
    return asked


def _unanswered(operation: Operation) -> bool:
    error = operation.error
    return operation.completed is None or (isinstance(error, dict) and error.get("code") == 0)


def _progress(operation: Operation) -> bool:
    if operation.type == "ok":
        return True
    code = operation.error.get("code") if isinstance(operation.error, dict) else None
    return operation.type == "fail" and code in REFUSALS


def _availability(run: Run) -> Result:
    wanted = str(run.plan.availability)
    required: Any = wanted if wanted == "total" else float(wanted)
    return run_checker(Availability(required=required), run.history)


def _activity(run: Run) -> Result:
    """A run in which nothing succeeded shows nothing."""
    operations = run.history.operations
    done = sum(operation.type == "ok" for operation in operations)
    if done:
        return Result(
            "activity", Verdict.VALID, f"{done} of {len(operations)} operations succeeded."
        )
    return Result(
        "activity", Verdict.UNKNOWN,
        f"None of {len(operations)} operations succeeded, so nothing was tested.",
    )  # fmt: skip


def _faults(run: Run) -> Result:
    """Every kind of fault that was asked for by name must have bitten, and some fault must."""
    bites: dict[str, int] = dict.fromkeys(run.plan.nemesis, 0)
    details: dict[str, list[str]] = {}
    for report in run.faults:
        for asked in bites:
            if asked in {report.kind, group_of(report.kind)}:
                bites[asked] += report.bit
                details.setdefault(asked, []).append(report.detail)
    idle = [asked for asked, count in bites.items() if not count]
    if not any(report.bit for report in run.faults):
        return Result("faults", Verdict.UNKNOWN, "None of the plan's faults bit.")
    if not idle:
        total: dict[str, int] = {}
        for report in run.faults:
            total[report.kind] = total.get(report.kind, 0) + report.bit
        told = ", ".join(f"{kind} {count}" for kind, count in sorted(total.items()))
        return Result("faults", Verdict.VALID, f"What each kind of fault did: {told}.")
    why = "; ".join(f"{asked}: {_last(details.get(asked, ()))}" for asked in idle)
    return Result("faults", Verdict.UNKNOWN, f"A fault that was asked for never bit: {why}")


def _last(details: Sequence[str]) -> str:
    return details[-1] if details else "the plan holds none"
