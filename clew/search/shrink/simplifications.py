"""Simpler faults: targets by name, smaller figures, and losses that name what they lose."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from clew.scenarios.plans.plan import Plan
from clew.scenarios.runs.run import Run, simulate
from clew.search.shrink import cuts
from clew.search.shrink.delta import least, minimised
from clew.search.shrink.passes import MS, Hunt
from clew.sim.faults import KINDS, Fault, FaultReport, joins
from clew.sim.faults.injection import Parameter
from clew.sim.trigger import HOUR_NS
from clew.trace.timeline import Timeline

LOSSES = {
    "loss": "loss",
    "message-loss": "message-loss",
    "flap-link": "partition",
    "flap-node": "partition",
    "flap-steady": "partition",
}
"""Faults that lose messages by chance, with the reason that the trace gives for each message."""

LATE = {
    "message-hold": "hold",
    "message-copy": "copy",
    "echo": "copy",
    "duplicate": "copy",
    "reorder": "hold",
    **dict.fromkeys((name for name, kind in KINDS.items() if kind.group == "delay"), "hold"),
}
"""Faults by which messages come late, with the kind that names the messages."""

LOST_MAX = 200
"""A fault that lost more is left as it is."""

NAMED_MAX = 4
"""More messages by name are no simpler than the fault that lost them."""


CUT = re.compile(r"cut ([^;]+ \| [^;]+?)(;.*)?")
"""How a partition into groups reports what it cut."""


def explicit_faults(hunt: Hunt) -> None:
    """Name the nodes that each fault struck: then removing another changes nothing."""
    for rank in range(len(hunt.best.faults)):
        fault = hunt.best.faults[rank]
        report = _report(hunt, fault)
        if report is None:
            continue
        if report.drawn:
            named = replace(fault, params={**fault.params, **report.drawn})
            if hunt.attempt(cuts.with_fault(hunt.best, rank, named)):
                fault = named
        if fault.when is not None:
            if report.fired is not None:
                exact = replace(fault, when=report.fired, target=report.target or fault.target)
                hunt.attempt(cuts.with_fault(hunt.best, rank, exact))
            continue
        cut = CUT.fullmatch(report.detail)
        if cut and fault.kind != "partition-groups" and "bridged" not in cut[1]:
            groups = [side.split(", ") for side in cut[1].split(" | ")]
            named = replace(fault, kind="partition-groups", target=None, params={"groups": groups})
            hunt.attempt(cuts.with_fault(hunt.best, rank, named))
        elif isinstance(fault.target, str) and report.target:
            hunt.attempt(cuts.with_fault(hunt.best, rank, replace(fault, target=report.target)))


def _report(hunt: Hunt, fault: Fault) -> FaultReport | None:
    return next((one for one in hunt.sight.faults if one.id == fault.id), None)


def single_faults(hunt: Hunt) -> None:
    """Let a fault that came to several be those of them that matter, if not all do."""
    for fault in hunt.best.faults:
        report = _report(hunt, fault)
        parts = () if report is None else report.parts
        before, sight = hunt.best, hunt.sight
        others = [one for one in before.faults if one is not fault]
        if not parts or not _in_parts(hunt, others, parts):
            continue
        kept = minimised(parts, lambda part: _in_parts(hunt, others, part))  # noqa: B023 - used at once
        if len(kept) == len(parts) > 1:
            hunt.best, hunt.sight = before, sight


def _in_parts(hunt: Hunt, others: Sequence[Fault], parts: Sequence[Fault]) -> bool:
    faults = sorted([*others, *parts], key=lambda fault: fault.at_ns)
    return hunt.attempt(replace(hunt.best, faults=tuple(faults)))


def as_struck(fault: Fault, reports: Sequence[FaultReport]) -> Fault:
    """Return the fault with the times between which it was active, if it waited for something."""
    report = next((one for one in reports if one.id == fault.id), None)
    if fault.when is None or report is None or report.fired is None:
        return fault
    target = report.target or fault.target
    times = report.at_ns, max(report.until_ns, report.at_ns)
    return replace(fault, at_ns=times[0], until_ns=times[1], target=target, when=None)


ROUND_NS = 10 * MS, MS
"""A fault that strikes as well at a multiple of one of these need not wait for anything."""


def plain_triggers(hunt: Hunt) -> None:
    """Let faults strike at a time instead of waiting for something, if any moment would do.

    One that must strike at that very moment goes on waiting, which says why the moment matters; its
    figures are made small.
    """
    for rank in range(len(hunt.best.faults)):
        fault = hunt.best.faults[rank]
        struck = as_struck(fault, hunt.sight.faults)
        if fault.when is None or struck.when is not None or _at_round_time(hunt, rank, struck):
            continue
        when, tried = fault.when, []
        ms = struck.at_ns // MS * MS
        if when.count > 1 and ms > fault.at_ns:  # the first such event from just before it on
            tried.append(replace(fault, at_ns=ms, when=replace(when, count=1)))
        if when.delay_ns:
            tried.append(replace(fault, when=replace(when, delay_ns=0)))
        if when.lasts_ns and struck.until_ns < hunt.best.time_limit_ns:
            length_ns = min(hunt.best.time_limit_ns, HOUR_NS)
            tried.append(replace(fault, when=replace(when, lasts_ns=length_ns)))
            tried += [
                replace(fault, when=replace(when, lasts_ns=-(-when.lasts_ns // unit) * unit))
                for unit in (100 * MS, 10 * MS)
            ]
        for each in tried:
            if each.when != fault.when and hunt.attempt(cuts.with_fault(hunt.best, rank, each)):
                break  # the next round tries the others on this one


def _at_round_time(hunt: Hunt, rank: int, struck: Fault) -> bool:
    """Try the fault at the round times before and after the one at which it struck."""
    for unit_ns in ROUND_NS:
        before_ns = struck.at_ns // unit_ns * unit_ns
        for at_ns in (before_ns, before_ns + unit_ns):
            until_ns = at_ns if joins(struck) else max(struck.until_ns, at_ns)
            plain = replace(struck, at_ns=at_ns, until_ns=until_ns)
            if hunt.attempt(cuts.with_fault(hunt.best, rank, plain)):
                return True
    return False


def plain_faults(hunt: Hunt) -> None:
    """Leave restarts out if none matters, and bring figures closer to zero."""
    for rank in range(len(hunt.best.faults)):
        fault, end_ns = hunt.best.faults[rank], hunt.best.time_limit_ns
        down = fault.kind in {"kill", "region-kill"} and fault.when is None
        if down and fault.until_ns < end_ns:
            hunt.attempt(cuts.with_fault(hunt.best, rank, replace(fault, until_ns=end_ns)))
        if links := fault.params.get("links"):
            minimised(links, lambda part: _with_links(hunt, rank, part))  # noqa: B023 - used at once
        for parameter in KINDS[fault.kind].parameters if fault.kind in KINDS else ():
            value = fault.params.get(parameter.name)
            if type(value) is int and value:
                _reduced(hunt, rank, parameter, value)


def _with_links(hunt: Hunt, rank: int, links: Sequence[Sequence[str]]) -> bool:
    """Return whether it still fails if a fault cuts just these links."""
    fault = hunt.best.faults[rank]
    params = {**fault.params, "links": [*links]}
    return hunt.attempt(cuts.with_fault(hunt.best, rank, replace(fault, params=params)))


def _reduced(hunt: Hunt, rank: int, parameter: Parameter, value: int) -> None:
    sign = -1 if value < 0 else 1

    def fails(amount: int) -> bool:
        fault = hunt.best.faults[rank]
        params = {**fault.params, parameter.name: sign * amount}
        return hunt.attempt(cuts.with_fault(hunt.best, rank, replace(fault, params=params)))

    lowest = max(parameter.low, 1) if parameter.low >= 0 else 1
    least(lowest, abs(value), fails, tries=5)


def named_messages(hunt: Hunt) -> None:
    """Name the messages that had to be lost or late, instead of striking by chance, if few."""
    # Ranks stay as they are: a fault is replaced by one in its place.
    for rank, fault in enumerate(hunt.best.faults):
        if fault.kind not in {*LOSSES, *LATE}:
            continue
        before, sight = hunt.best, hunt.sight
        run = simulate(hunt.best, hunt.oracle.model)
        struck = _struck(run, fault)
        if not struck or len(struck) > LOST_MAX or not _strikes(hunt, rank, struck):
            continue
        kept = minimised(struck, lambda part: _strikes(hunt, rank, part))  # noqa: B023 - used at once
        if len(kept) > NAMED_MAX:
            hunt.best, hunt.sight = before, sight


def _struck(run: Run, fault: Fault) -> list[list[str | int]]:
    """List the messages that a fault struck, as the kind that names them does."""
    if fault.kind in LOSSES:
        whole = as_struck(fault, run.faults)
        return lost_to(run.timeline(), run.plan, whole, LOSSES[fault.kind])
    report = next(one for one in run.faults if one.id == fault.id)
    return [[*one] for one in report.struck]


def _strikes(hunt: Hunt, rank: int, messages: list[list[str | int]]) -> bool:
    """Return whether it still fails if a fault strikes just these messages."""
    if not messages:
        return False
    fault = as_struck(hunt.best.faults[rank], hunt.sight.faults)
    kind = LATE.get(fault.kind, "drop" if fault.kind in LOSSES else fault.kind)
    named = Fault(fault.id, kind, fault.at_ns, fault.until_ns, None, {"messages": messages})
    return hunt.attempt(cuts.with_fault(hunt.best, rank, named))


def reason_of(fault: Fault) -> str:
    """Return the reason that the trace gives for a fault's losses; empty if it loses nothing."""
    if fault.kind in {*LOSSES, "drop"}:
        return LOSSES.get(fault.kind, fault.kind)
    return "partition" if fault.kind.startswith("partition") else ""


def lost_to(timeline: Timeline, plan: Plan, fault: Fault, why: str) -> list[list[str | int]]:
    """List what was lost for a reason while a fault was active: sender, receiver and rank.

    The rank counts the messages on the link since the fault began.
    """
    nodes = frozenset(plan.node_ids)
    sent: Counter[tuple[str, str]] = Counter()
    ranks: dict[int, list[str | int]] = {}
    # A rank counts what was sent on a link, and a copy is not sent.
    for one in timeline.messages.values():
        ends = one.src, one.dest
        if one.copied is None and fault.at_ns <= one.sent_ns and nodes.issuperset(ends):
            sent[ends] += 1
            ranks[one.number] = [*ends, sent[ends]]
    return [
        ranks[event.fields["message"]]
        for event in timeline.events("drop", until_ns=fault.until_ns)
        if event.fields["why"] == why and event.fields["message"] in ranks
    ]
