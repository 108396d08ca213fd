"""The report on one run in plain words: what was run, what holds, what fails and why, figures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from clew.checkers.verdict import Anomaly, Result, Verdict
from clew.machine.version import __version__
from clew.models.registry import MODELS
from clew.node.timer import NS_PER_SECOND
from clew.report import layout
from clew.report.lanes import lanes
from clew.report.load import load_tables
from clew.report.regions import region_rows, region_table
from clew.report.screen import Style
from clew.scenarios.code.models import Model
from clew.scenarios.code.workload_files import load_workload
from clew.scenarios.judgement.outcome import Outcome, meddled
from clew.scenarios.plans.plan import Plan
from clew.scenarios.repros.trust import replay_command
from clew.scenarios.runs.run import Run
from clew.search.verification import (
    SHARED,
    UNPINNED,
    Verification,
    determinism,
    hash_order_remark,
)
from clew.sim.faults import FaultReport
from clew.trace import words
from clew.workloads.options import own_options

ANOMALIES_SHOWN = 3
OPERATIONS_SHOWN = 10
FAULTS_SHOWN = 6
NAMES_SHOWN = 9
VALUES_SHOWN = 20


def run_report(
    outcome: Outcome, verification: Verification | None, repro: str | None, style: Style
) -> str:
    """Report everything about one run.

    Args:
        outcome: the run, judged.
        verification: whether it came out the same again; None if that was not checked.
        repro: the file that replays it; None if none was written.
        style: colour or none.
    """
    outcome = verified(outcome, verification)
    parts = [
        drawn(outcome.run.plan, outcome.model, style),
        verdicts(outcome, style),
        remarks(outcome.remarks, style),
        *(_evidence(outcome, check, style) for check in _by_cause(outcome.checks)),
        statistics(outcome, style),
        footer(outcome.run.plan, verification, repro, style),
    ]
    return "\n\n".join(part for part in parts if part)


def drawn(plan: Plan, model: Model, style: Style) -> str:
    """Show the version, the seed and every option of the run."""
    name = layout.titled(plan.model.name, plan.model.bug)
    latency = f"{plan.latency_ns / 1e6:g} ms {plan.latency_shape}"
    rows: list[tuple[str, str | int]] = [
        ("nodes", _nodes(plan)),
        ("clients", f"{plan.clients}, {len(plan.operations)} operations planned{_loop(plan)}"),
        *region_rows(plan),
        *_patience(plan),
        ("time", f"{_seconds(plan.time_limit_ns)}, then {_recovery(plan)} to recover"),
        ("liveness", plan.liveness),
        ("network", f"latency {latency}, {_bandwidth(plan)}topology {plan.topology}"),
        *_own(plan),
        ("nemesis", _nemesis(plan)),
    ]
    promise = model.program.tolerates
    if promise is not None and model.name not in MODELS:
        told = str(promise)
        # Of a system each role has bounds of its own.
        rows.append(("tolerates", told.partition(", ")[2] if model.system else told))
    head = f"Clew {__version__}: {name}, workload {plan.workload}, seed {plan.seed}"
    return style.heading(head) + "\n" + layout.table(rows)


def _recovery(plan: Plan) -> str:
    """Say how long the recovery takes, or may take if it ends when it is over."""
    most = "" if plan.recovery_least_ns in {None, plan.recovery_ns} else "at most "
    return f"{most}{_seconds(plan.recovery_ns)}"


def _bandwidth(plan: Plan) -> str:
    return f"{plan.bandwidth:,} bytes per second and link, " if plan.bandwidth else ""


def _loop(plan: Plan) -> str:
    """Say that clients ask only after an answer, where they do."""
    closed = any(one.think_ns is not None for one in plan.operations)
    return " at most, each some time after the answer before it" if closed else ""


def _patience(plan: Plan) -> Iterator[tuple[str, str]]:
    """Show what clients do about answers that do not come, if the plan says anything about it."""
    told = []
    if plan.request_timeout_ns is not None:
        told.append(f"a request is given up after {_seconds(plan.request_timeout_ns)}")
    if plan.retries:
        waits = (
            f"waiting up to {_seconds(plan.backoff_ns)} at first" if plan.backoff_ns else "at once"
        )
        told.append(f"asked again at most {layout.several(plan.retries, 'time')}, {waits}")
    if plan.hedge_ns is not None:
        told.append(f"a second node is asked after {_seconds(plan.hedge_ns)}")
    if plan.retry_budget_ppm is not None:
        told.append(f"a budget of {plan.retry_budget_ppm / 1e6:g} for each operation")
    if told:
        yield "retries", "; ".join(told)


def _nodes(plan: Plan) -> str:
    """List the nodes, by role where there are several."""
    groups = [_names(names) for names in plan.roles.values()] or [_names(plan.node_ids)]
    return f"{len(plan.node_ids)}: {'; '.join(groups)}"


def _own(plan: Plan) -> Iterator[tuple[str, str | int]]:
    """List the options that the workload declares."""
    for name, one in own_options(load_workload(plan.workload)).items():
        value = plan.options.get(name, one.default)
        told = ", ".join(value) if isinstance(value, tuple) else value
        if isinstance(value, bool):
            told = "yes" if value else "no"
        yield one.option.label or name.replace("_", "-"), told


def _names(names: Sequence[str]) -> str:
    """List names: all if they are few, otherwise the first and the last."""
    return ", ".join(names) if len(names) <= NAMES_SHOWN else f"{names[0]} to {names[-1]}"


def _nemesis(plan: Plan) -> str:
    if not plan.faults:
        return "no faults"
    asked = f"{', '.join(plan.nemesis)}: " if plan.nemesis else ""
    return f"{asked}{layout.several(len(plan.faults), 'fault')} planned"


def _seconds(ns: int) -> str:
    return f"{ns / NS_PER_SECOND:g} s"


def verdicts(outcome: Outcome, style: Style) -> str:
    """Show the verdict on the run, and that of each check with its reason."""
    width = max(len(check.name) for check in outcome.checks)
    lines = [f"The run is {style.verdict(outcome.verdict)}."]
    for check in outcome.checks:
        plain = f"  {check.name.ljust(width)}  {Style().verdict(check.verdict, 7)}  "
        told = layout.hanging(plain, check.reason)
        painted = f"  {check.name.ljust(width)}  {style.verdict(check.verdict, 7)}  "
        lines.append(told.replace(plain, painted, 1))
    return "\n".join(lines)


def remarks(told: Sequence[str], style: Style) -> str:
    """List what is worth knowing and changes no verdict; empty if there is nothing."""
    if not told:
        return ""
    lines = (layout.hanging("  - ", remark) for remark in told)
    return "\n".join([style.heading("Remarks"), *lines])


def _by_cause(checks: Iterable[Result]) -> list[Result]:
    """Sort the checks that have evidence: what went wrong inside the nodes explains the rest."""
    return sorted((check for check in checks if check.anomalies), key=lambda c: c.name != "nodes")


def _evidence(outcome: Outcome, check: Result, style: Style) -> str:
    """Show the first anomalies of a check that failed."""
    shown = [_anomaly(outcome, anomaly) for anomaly in check.anomalies[:ANOMALIES_SHOWN]]
    left = len(check.anomalies) - len(shown)
    if left:
        shown.append(f"  ... and {left:,} more.")
    diagram = lanes(outcome.run, check.anomalies[0])
    if diagram:
        shown.insert(1, diagram)
    return "\n\n".join([style.heading(f"Evidence: {check.name}"), *shown])


def _anomaly(outcome: Outcome, anomaly: Anomaly) -> str:
    parts = [layout.indented(f"{anomaly.kind}: {anomaly.reason}")]
    if anomaly.operations:
        parts.append(_operations(anomaly))
    parts.extend(_finding(anomaly))
    moments = _moments(anomaly)
    if moments:
        parts.append(_faults_then(outcome.run.faults, moments))
    return "\n".join(part for part in parts if part)


def _operations(anomaly: Anomaly) -> str:
    """List the operations that show an anomaly; if there are many, only the last."""
    count = len(anomaly.operations)
    shown = anomaly.operations[-OPERATIONS_SHOWN:]
    left = count - len(shown)
    head = [f"    {left} earlier ones are in the history."] if left else []
    rows = [(words.span(one.start, one.end), words.who(one), words.operation(one)) for one in shown]
    return "\n".join([*head, layout.table(rows, "    ")])


def _finding(anomaly: Anomaly) -> Iterator[str]:
    """Show what a finding holds besides its reason."""
    data = anomaly.data
    if data.get("cause"):
        doing = "starting" if data["cause"] == "start" else f"handling {data['cause']}"
        yield layout.indented(f"It was {doing}.", "    ")
    if data.get("place") and not data.get("traceback"):
        yield f"    at {data['place']}"
    if data.get("traceback"):
        yield "\n".join(f"    {line}" for line in str(data["traceback"]).rstrip().splitlines())
    if len(data.get("nodes", ())) > 1 and "values" in data:
        yield f"    nodes: {', '.join(data['nodes'])}"
    values = data.get("values")
    if isinstance(values, dict) and values:
        shown = list(values.items())[:VALUES_SHOWN]
        yield layout.indented("; ".join(f"{name} = {text}" for name, text in shown), "    ")


def when(anomaly: Anomaly) -> tuple[int, int] | None:
    """Find the virtual time of a finding, or of an anomaly's last operation, in ns."""
    moments = _moments(anomaly)
    return moments[-1] if moments else None


def _moments(anomaly: Anomaly) -> list[tuple[int, int]]:
    """Find when each of the things that are shown for an anomaly happened, in ns."""
    if "time_ns" in anomaly.data:
        time_ns = int(anomaly.data["time_ns"])
        return [(time_ns, time_ns)]
    return [
        (one.start, one.start if one.end is None else one.end)
        for one in anomaly.operations[-OPERATIONS_SHOWN:]
        if one.start is not None
    ]


def _faults_then(reports: Sequence[FaultReport], moments: Sequence[tuple[int, int]]) -> str:
    """Show the faults that were active at any of these times, or the last one before them."""
    if not reports:
        return ""
    ended = max(end for _, end in moments)
    began = [report for report in reports if report.bit and report.at_ns <= ended]
    active = [
        report
        for report in began
        if any(report.at_ns <= end and report.until_ns >= start for start, end in moments)
    ]
    if active:
        return "    Faults active then:\n" + fault_table(active[-FAULTS_SHOWN:], "      ")
    if not began:
        return "    No fault had struck by then."
    last = max(began, key=lambda report: report.until_ns)
    return "    No fault was active then; the last before it:\n" + fault_table([last], "      ")


def fault_table(reports: Iterable[FaultReport], indent: str = "  ") -> str:
    """Show when each fault struck, and what it did."""
    rows = [(report.id, words.span(report.at_ns, report.until_ns)) for report in reports]
    heads = layout.table(rows, indent).splitlines()
    width = max((len(head) for head in heads), default=0)
    return "\n".join(
        layout.hanging(f"{head.ljust(width)}  ", report.told)
        for head, report in zip(heads, reports, strict=True)
    )


def statistics(outcome: Outcome, style: Style) -> str:
    """Show the figures: operations, latencies, messages, faults and speed."""
    figures = outcome.statistics
    operations = figures["operations"]
    rows = [("operations", "asked", "ok", "fail", "info")]
    rows += [
        (f, *(f"{part[name]:,}" for name in ("count", "ok", "fail", "info")))
        for f, part in [*operations["by_f"].items(), ("all", operations)]
    ]
    parts = [style.heading("Figures"), layout.table(rows, right=(1, 2, 3, 4)), _measures(outcome)]
    parts += filter(None, (region_table(figures), load_tables(figures)))
    if outcome.run.faults:
        parts.append("  what each fault did\n" + fault_table(outcome.run.faults, "    "))
    return "\n".join(parts)


def _measures(outcome: Outcome) -> str:
    figures, run = outcome.statistics, outcome.run
    servers, network = figures["servers"], figures["network"]
    dropped = ", ".join(f"{count:,} {why}" for why, count in network["dropped"].items())
    between = f"{servers['messages']:,} between servers, {servers['msgs_per_op']:.3g} an operation"
    rows = [
        ("messages", f"{between}; {network['messages']:,} in all; lost: {dropped or 'none'}"),
        ("time", speed(run.virtual_ns, run.wall_seconds) + f", {run.events:,} events"),
        ("digest", run.digest),
    ]
    if run.plan.retries or run.plan.hedge_ns is not None:
        rows.insert(0, ("requests", _requests(figures["requests"])))
    if figures["latency_ms"]:
        rows.insert(0, ("latency", quantiles(figures["latency_ms"])))
    return layout.table(rows)


def _requests(sent: dict[str, int]) -> str:
    """Show how many requests clients sent, and why more than one for an operation."""
    held = f"; {sent['held_back']:,} held back by the budget" if sent["held_back"] else ""
    again = "1 retry" if sent["retries"] == 1 else f"{sent['retries']:,} retries"
    hedges = layout.several(sent["hedges"], "hedge")
    return (
        f"{sent['attempts']:,}, of them {again} and {hedges}; {sent['timeouts']:,} timed out{held}"
    )


def quantiles(latency_ms: dict[str, float]) -> str:
    """Show the latencies of acknowledged operations by quantile."""
    names = {"0": "least", "0.5": "median", "0.95": "95 %", "0.99": "99 %", "1": "most"}
    return ", ".join(
        f"{names.get(name, name)} {layout.duration_ms(ms)}" for name, ms in latency_ms.items()
    )


def speed(virtual_ns: int, wall_seconds: float) -> str:
    """Compare virtual time with wall time."""
    virtual = virtual_ns / NS_PER_SECOND
    ratio = virtual / wall_seconds if wall_seconds else 0.0
    return f"{virtual:,.6g} s simulated in {wall_seconds:.3g} s, {ratio:,.0f} times real time"


def footer(plan: Plan, verification: Verification | None, repro: str | None, style: Style) -> str:
    """Report whether the run is the same each time, and which command runs it again."""
    lines = []
    if verification is not None and verification.same and not verification.hash_order:
        lines.append("Run twice more, here and in a fresh process: the same run, event for event.")
    if verification is not None and not verification.same:
        lines.append(not_deterministic(verification, style))
    if repro is not None:
        command = replay_command(repro, plan.model.name, plan.workload)
        lines += [f"Seed {plan.seed}. Replay this run:", f"  {command}"]
    else:
        lines.append(f"Seed {plan.seed}.")
    return "\n".join(lines)


def not_deterministic(verification: Verification, style: Style) -> str:
    """Report loudly that a run is not a function of its plan, and where that first shows.

    If there was no second run, report that nobody knows.
    """
    if verification.failure:
        return f"{style.paint('NOT VERIFIED', 'yellow')}: {verification.failure}"
    head = style.paint("NOT DETERMINISTIC", "red")
    if verification.hash_order:
        return f"{head}: {UNPINNED}\n  The first difference: {verification.difference}"
    if verification.meddler:
        head = style.paint("AN INVARIANT CHANGES NODES", "red")
        reason = meddled(verification.meddler).reason
        return f"{head}: {reason}\n  The first difference: {verification.difference}"
    if verification.shared:
        head = style.paint("SHARED MEMORY", "red")
        return f"{head}: {SHARED}\n  The first difference: {verification.difference}"
    text = (
        f"{head}: {verification.where} was another run. Something outside the simulation decides "
        "what this node does: global state, the order of a set, hash(), or what the machine says."
    )
    shown = (
        f"\n  The first difference: {verification.difference}" if verification.difference else ""
    )
    return text + shown


def verified(outcome: Outcome, verification: Verification | None) -> Outcome:
    """Add a check of determinism to an outcome, if it failed."""
    remark = hash_order_remark(verification)
    if remark and remark not in outcome.remarks:
        outcome = replace(outcome, remarks=(*outcome.remarks, remark))
    check = determinism(verification)
    if check is None or check in outcome.checks:
        return outcome
    verdict = Verdict.merge([outcome.verdict, check.verdict])
    return replace(outcome, verdict=verdict, checks=(*outcome.checks, check))


def node_logs(run: Run) -> str:
    """List what the nodes logged, with virtual times, in order."""
    lines = [
        f"{words.time(event.time):>14}  {event.fields['node']}  {event.fields['text']}"
        for event in run.timeline().events("log")
    ]
    return "\n".join(lines) if lines else "No node logged anything."
