"""The judging of a run by the checkers, the invariants and the faults' own reports."""

from __future__ import annotations

from dataclasses import dataclass
from types import NoneType
from typing import Any

from clew.checkers.simple.availability import Availability
from clew.checkers.simple.statistics import quantiles, statistics
from clew.checkers.verdict import Anomaly, Result, Verdict, run_checker
from clew.node.timer import NS_PER_SECOND
from clew.scenarios.code.models import Model
from clew.scenarios.code.workload_files import mistakes_of
from clew.scenarios.judgement.faults import check_faults
from clew.scenarios.judgement.liveness import (
    beyond_promise,
    check_liveness,
    not_judged,
)
from clew.scenarios.judgement.load import load_figures, overload
from clew.scenarios.judgement.real_dates import real_dates
from clew.scenarios.judgement.refusals import refused_for_ever
from clew.scenarios.judgement.regions import region_figures
from clew.scenarios.judgement.remarks import (
    kept_apart,
    mildly_drawn,
    of_this_machine,
    stray_replies,
    unsynced,
)
from clew.scenarios.judgement.signature import finding_kind, signature_of
from clew.scenarios.judgement.talk import busy_talk
from clew.scenarios.options.asserts import check_asserts
from clew.scenarios.runs.recovery import final_nodes, owed
from clew.scenarios.runs.run import Run, make_workload
from clew.workloads.workload import Workload, held


@dataclass(frozen=True, slots=True)
class Outcome:
    """A run and the judgement on it.

    Attributes:
        verdict: the worst of the checks.
        checks: one result for each checker, in the order they are reported.
        statistics: figures by name, nested; `clew test --assert` refers to them.
        remarks: what is worth knowing and changes no verdict, a sentence or two each.
    """

    run: Run
    model: Model
    verdict: Verdict
    checks: tuple[Result, ...]
    statistics: dict[str, Any]
    remarks: tuple[str, ...] = ()

    @property
    def signature(self) -> str:
        """The kind of failure, as `signature_of` gives it; empty for a valid run.

        Two runs with the same signature fail the same way.
        """
        return signature_of(self.checks)

    def to_json(self, repro: str | None = None) -> dict[str, Any]:
        """Return the outcome as ``clew test --json`` prints it."""
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
    """Judge the outcome of a run: a function of the run alone."""
    with mistakes_of(run.plan.workload):
        workload = make_workload(run.plan, model, final_nodes(run.plan, run.members), run.effects)
        checkers = workload.checkers()
        for checker in held(workload, "checkers", checkers, list | tuple, "a list of checkers"):
            if not callable(getattr(checker, "check", None)):
                words = "checkers, each with a name and check(history, budget)"
                held(workload, "checkers", checker, NoneType, words)
    figures = run_statistics(run)
    history = owed(run.history, run.plan) if workload.final_reads else run.history
    checks = [run_checker(checker, history) for checker in checkers]
    checks.append(_findings(run))
    if run.shared:
        checks.append(_shared(run))
    if run.meddler:
        checks.append(meddled(run.meddler))
    remarks = [
        *kept_apart(run), *stray_replies(run), *unsynced(run),
        *of_this_machine(run, model), *mildly_drawn(run, model),
    ]  # fmt: skip
    remarks += real_dates(model.node_class)
    beyond_any, busy = _talk(run, model)
    checks += beyond_any
    remarks += busy
    overloaded = overload(run)
    remarks += [overloaded] if overloaded else []
    judged = run.plan.liveness != "off"
    progress = check_liveness(run, every_node=workload.every_node) if judged else None
    stalled = progress is not None and progress.verdict is Verdict.INVALID
    remarks += refused_for_ever(run, every_node=workload.every_node, stalled=stalled)
    if progress is not None:
        beyond = beyond_promise(run.plan, model)
        if stalled and beyond:
            remarks.append(not_judged(progress, beyond, model))
        else:
            checks.append(progress)
    if run.plan.availability is not None:
        checks.append(_availability(run))
    if run.plan.asserts:
        checks.append(check_asserts(run.plan.asserts, figures))
    checks.append(_activity(run, workload))
    if run.plan.faults or run.plan.nemesis:
        checks.append(check_faults(run, model))
    verdict = Verdict.merge(check.verdict for check in checks)
    return Outcome(run, model, verdict, tuple(checks), figures, tuple(remarks))


def _talk(run: Run, model: Model) -> tuple[list[Result], list[str]]:
    """Check for far too many messages between servers; with a remark if they are only many."""
    talk = busy_talk(run, model)
    if talk is None:
        return [], []
    if talk.beyond:
        return [Result("message-loop", Verdict.UNKNOWN, talk.told)], []
    return [], [talk.told]


def run_statistics(run: Run) -> dict[str, Any]:
    """Return the figures of a run; times in seconds, except for names that end in ``_ms``."""
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
        "requests": _requests(run),
        "latency_ms": {name: ns / 1e6 for name, ns in quantiles(latencies).items()},
        "servers": {
            "messages": run.server_messages,
            "msgs_per_op": _ratio(run.server_messages, summary["count"]),
            "msgs_per_ok": _ratio(run.server_messages, done),
        },
        "network": {"messages": run.messages, "dropped": dict(sorted(run.dropped.items()))},
        "events": run.events,
        "virtual_seconds": run.virtual_ns / NS_PER_SECOND,
        **region_figures(run),
    } | load_figures(run)


def _requests(run: Run) -> dict[str, int]:
    """Count the requests that clients sent for their operations, and why more than one."""
    did = run.attempts
    again = did.retries - did.apart + did.hedges  # the others are operations by themselves
    return {
        "attempts": len(run.history.operations) + again,
        "retries": did.retries,
        "hedges": did.hedges,
        "timeouts": did.timeouts,
        "held_back": did.held_back,
    }


def _counts(part: dict[str, Any]) -> dict[str, Any]:
    return {name: part[name] for name in ("count", "ok", "fail", "info")}


def _ratio(numerator: int, denominator: int) -> float:
    return round(numerator / denominator, 4) if denominator else 0.0


def _findings(run: Run) -> Result:
    """Check what went wrong inside nodes: exceptions, broken invariants, refused calls."""
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


def _shared(run: Run) -> Result:
    """Return UNKNOWN: nodes that share memory are no cluster, so the run shows nothing of one."""
    reason = (
        f"The run changed {', '.join(run.shared)}, which all nodes of this process share; real "
        "nodes share no memory. Keep state on self, or on self.disk."
    )
    return Result("shared-state", Verdict.UNKNOWN, reason)


def meddled(invariant: str) -> Result:
    """Return UNKNOWN: an invariant that changes nodes is part of the system, and of no real one."""
    reason = (
        f"The invariant {invariant} changes what the nodes do: without it the run is another. An "
        "invariant may only look. Reading an entry of a defaultdict makes it, so use .get(key); "
        "copy what you sort or take from, and keep what you remember on the invariant itself."
    )
    return Result("invariants", Verdict.UNKNOWN, reason)


def _availability(run: Run) -> Result:
    wanted = str(run.plan.availability)
    required: Any = wanted if wanted == "total" else float(wanted)
    return run_checker(Availability(required=required), run.history)


def _activity(run: Run, workload: Workload) -> Result:
    """Return UNKNOWN for a run without success, or that changed nothing or showed nothing."""
    operations = run.history.operations
    done = sum(operation.type == "ok" for operation in operations)
    if not done:
        nothing = f"None of {len(operations)} operations succeeded, so nothing was tested."
        return Result("activity", Verdict.UNKNOWN, nothing)
    reason = f"{done} of {len(operations)} operations succeeded"
    changes = [one for one in operations if one.f not in workload.readonly]
    if len(changes) >= _TRIES_MIN and all(one.type != "ok" for one in changes):
        functions = " and ".join(dict.fromkeys(one.f for one in changes))
        reason += (
            f", and none of {len(changes)} that change something ({functions}): that is no test"
        )
        return Result("activity", Verdict.UNKNOWN, f"{reason}.")
    return Result("activity", Verdict.VALID, f"{reason}.")


_TRIES_MIN = 10
"""Fewer of them may be chance."""
