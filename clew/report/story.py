"""The story of a failing run, in numbered steps: what happened, when, where, and what it broke.

A run of a thousand events is told by the few that a person would tell: what clients asked and
heard, what faults did to whom, who came to lead, what nodes hold, which messages were lost, and
at last what is wrong. Heartbeats and what else is routine is left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from clew.checkers.verdict import Anomaly, Result
from clew.history import Operation
from clew.report import words
from clew.report.losses import Losses
from clew.scenarios.outcome import Outcome
from clew.scenarios.workloads import workload_class
from clew.search.shrinking.causes import Causes
from clew.search.shrinking.observed import Change, observed
from clew.search.shrinking.oracle import WHOLE_RUN, failing, target_of
from clew.sim.trace import TraceEvent

STEPS_MAX = 24
"""A longer story is cut down to what weighs most."""

CHANGES_MAX = 8
"""What a node changes more often is a count or a clock, no news."""

PHASE = 2
"""The weight of what the plan's phases bring about."""

_LEADING = ("leader", "primary")


@dataclass(frozen=True, slots=True)
class Step:
    """One step.

    Attributes:
        time: virtual ns.
        text: what happened.
        weight: 1 is told whatever else there is; the greatest go first.
        operation: the number of the operation that begins or ends here, or None.
    """

    time: int
    text: str
    weight: int = 1
    operation: int | None = None


def story(outcome: Outcome) -> str:
    """The run as numbered steps, the last of which is what is wrong; a valid run has no last one.

    They are `STEPS_MAX` and one at most. It is a function of the outcome; a short run is done once
    more to see what its nodes held.
    """
    changes = observed(outcome.run, outcome.model)
    target = target_of(outcome)
    found = failing(outcome, target) if target else None
    steps = [*_of_trace(outcome), *_of_nodes(changes)]
    if found is not None:
        end_ns = _ended(outcome, found[1])
        steps = [step for step in steps if step.time < end_ns + (step.weight != PHASE)]
    steps.sort(key=lambda step: step.time)
    told = _trimmed(_merged(steps))
    lines = [_line(rank, step.time, step.text) for rank, step in enumerate(told, 1)]
    if found is not None:
        lines += _moral(outcome, *found, changes, len(told) + 1)
    return "\n".join(lines)


def _line(rank: int, time_ns: int, text: str) -> str:
    return words.hanging(f"{rank:>3}. {words.time(time_ns):>12}  ", text)


def _ended(outcome: Outcome, anomaly: Anomaly) -> int:
    """When all had happened that shows an anomaly, virtual ns."""
    if "time_ns" in anomaly.data:
        return int(anomaly.data["time_ns"])
    ends = [one.end for one in anomaly.operations if one.end is not None]
    end_ns = max(ends, default=outcome.run.virtual_ns)
    # An answer may be wrong only because another operation is told later that it failed.
    refused = [
        one.end
        for one in outcome.run.history.operations
        if one.type == "fail" and one.end is not None and one.start is not None
        and one.start < end_ns < one.end
    ]  # fmt: skip
    return max([end_ns, *refused])


# What clients, faults and the network did.


def _of_trace(outcome: Outcome) -> Iterator[Step]:
    """The steps that the trace tells, in order."""
    causes, losses = Causes(outcome.run), Losses()
    operations = iter(outcome.run.history.operations)
    open_: dict[int, Operation] = {}
    booted: list[str] = []
    for event in outcome.run.trace.events():
        causes.take(event)
        fields, step = event.fields, None
        if event.kind == "start" and event.time == 0:
            booted.append(str(fields["node"]))
        elif event.kind == "drop":
            ends = fields["src"], fields["dest"], str(fields["body"]["type"])
            losses.add(event.time, str(fields["why"]), *ends)
        elif event.kind == "invoke":
            one = open_[fields["process"]] = next(operations)
            text = f"{_who(one)}: asks for {words.asked(one)}."
            step = Step(event.time, text, operation=one.number)
        elif event.kind in {"ok", "fail", "info"}:
            one = open_.pop(fields["process"])
            step = Step(event.time, _answered(one, causes), operation=one.number)
        elif event.kind == "state" and fields["state"]["role"] in _LEADING:
            step = _elected(event, causes)
        else:
            step = _by_itself(event)
        if step is not None:
            yield from (Step(time_ns, text, 3) for time_ns, text in losses.told())
            yield step
    yield from (Step(time_ns, text, 3) for time_ns, text in losses.told())
    if booted:
        yield Step(0, f"{words.listed(booted)} {'starts' if len(booted) == 1 else 'start'}.", 2)


def _answered(one: Operation, causes: Causes) -> str:
    """What came of an operation, and the messages that brought the answer about."""
    told = words.operation(one)
    if one.type == "ok" and " -> " not in told:
        told += " is done"
    way = causes.way(one)
    return f"{_who(one)}: {told}{f', by way of {way}' if way else ''}."


def _elected(event: TraceEvent, causes: Causes) -> Step | None:
    """What made a node the leader: the last messages before."""
    node = str(event.fields["node"])
    way = causes.way_to(node, event.time)
    return Step(event.time, f"{node} is elected by way of {way}.", 3) if way else None


def _by_itself(event: TraceEvent) -> Step | None:
    """The step of an event that is told by itself; None for routine."""
    fields = event.fields
    if event.kind == "fault":
        return Step(event.time, f"Fault {fields['id']}: {fields['detail']}.")
    if event.kind == "heal":
        return Step(event.time, f"Fault {fields['id']} ends: {_end(str(fields['detail']))}.")
    if event.kind == "crash" and fields["why"] != "kill":
        return Step(event.time, f"{fields['node']} goes down: {fields['why']}.")
    if event.kind == "log":
        return Step(event.time, f"{fields['node']} logs: {fields['text']}", 4)
    if event.kind == "phase" and fields["name"] == "recover":
        return Step(event.time, "The time of faults is over; what was broken is mended.", 2)
    return None


def _end(detail: str) -> str:
    """What a fault's end adds to its beginning."""
    return detail.rpartition("; ")[2]


# What the nodes held.


def _of_nodes(changes: Sequence[Change]) -> Iterator[Step]:
    """The steps that the nodes' own state tells."""
    often = Counter((change.node, name) for change in changes for name in change.fields)
    for change in changes:
        if change.time_ns:
            step = _held(change, often) if change.role is None else _in_role(change)
            if step is not None:
                yield step


def _in_role(change: Change) -> Step | None:
    """A change of role that matters, with all that the node shows of itself."""
    shown = {name: text for name, text in change.shown.items() if name != "role"}
    if change.role == change.was:
        news = {name: text for name, text in change.fields.items() if name in _PROGRESS}
        return Step(change.time_ns, f"{change.node}: {_fields(news)}.", 5) if news else None
    if change.role in _LEADING:
        return Step(change.time_ns, f"{change.node} becomes {change.role}: {_fields(shown)}.")
    if change.was in _LEADING:
        text = f"{change.node} is {change.was} no more: {_fields(shown)}."
        return Step(change.time_ns, text, 2)
    if change.role == "candidate":
        return Step(change.time_ns, f"{change.node} becomes candidate: {_fields(shown)}.", 4)
    return None


_PROGRESS = frozenset({"commit", "applied"})


def _held(change: Change, often: Mapping[tuple[str, str], int]) -> Step | None:
    """What a node without roles holds now."""
    news = {
        name: text
        for name, text in change.fields.items()
        if often[change.node, name] <= CHANGES_MAX
    }
    return Step(change.time_ns, f"{change.node} has {_fields(news)}.", 3) if news else None


def _fields(fields: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {text}" for name, text in fields.items())


# The whole.


def _merged(steps: Sequence[Step]) -> list[Step]:
    """The steps with a question and its answer in one where nothing comes between them."""
    merged: list[Step] = []
    for step in steps:
        if merged and step.operation is not None and merged[-1].operation == step.operation:
            merged[-1] = replace(step, time=merged[-1].time)
        else:
            merged.append(step)
    return merged


def _trimmed(steps: Sequence[Step]) -> list[Step]:
    """At most `STEPS_MAX` steps: of those that weigh least the earliest go first."""
    kept = list(steps)
    for weight in (5, 4, 3, 2, 1):
        while len(kept) > STEPS_MAX:
            spare = next((step for step in kept if step.weight == weight), None)
            if spare is None:
                break
            kept.remove(spare)
    return _merged(kept)


def _moral(
    outcome: Outcome, check: Result, anomaly: Anomaly, changes: Sequence[Change], rank: int
) -> Iterator[str]:
    """The last step: what is wrong, what shows it, and which promise that breaks."""
    head = _line(rank, _ended(outcome, anomaly), _wrong(anomaly))
    yield head
    indent = " " * (len(f"{rank:>3}. ") + 12 + 2)
    for line in (*_evidence(anomaly, changes), _promise(outcome, check, anomaly)):
        if line:
            yield words.hanging(indent, line)


def _wrong(anomaly: Anomaly) -> str:
    """What is wrong, without the time, which stands before it already."""
    reason = anomaly.reason
    if "time_ns" in anomaly.data:
        reason = reason.partition(" s: ")[2] or reason
        name, colon, rest = reason.partition(": ")
        if anomaly.kind == "invariant" and colon:
            reason = f"{name} is broken: {rest}"
    return f"WRONG: {reason}" + ("" if reason.endswith(".") else ".")


def _evidence(anomaly: Anomaly, changes: Sequence[Change]) -> Iterator[str]:
    """What shows it beside the reason."""
    data = anomaly.data
    if data.get("cause"):
        yield f"{data['node']} was handling {data['cause']}."
    if data.get("place"):
        yield f"It is in {data['place']}."
    nodes = dict.fromkeys(str(name) for name in data.get("nodes", ()) if "time_ns" in data)
    latest = {change.node: change for change in changes}
    for name in nodes:
        if name in latest:
            yield f"{name} shows {_fields(latest[name].shown)}."


def _promise(outcome: Outcome, check: Result, anomaly: Anomaly) -> str:
    """The promise that does not hold."""
    if anomaly.kind == "invariant":
        name = str(anomaly.data.get("signature", "")).removeprefix("invariant ")
        for declared in outcome.model.node_class.invariants:
            if getattr(declared, "name", None) == name and declared.__doc__:
                return f"The promise: {declared.__doc__.splitlines()[0]}"
        return ""
    if check.name in {"nodes", *WHOLE_RUN}:
        return ""
    return f"The promise: {workload_class(outcome.run.plan.workload).summary}."


def _who(one: Operation) -> str:
    return f"Process {one.process} at {one.node}"
