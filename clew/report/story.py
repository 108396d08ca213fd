"""The story of a failing run, in numbered steps: what happened, when, where, and what it broke.

From a run of a thousand events it shows the few that matter to people: what clients requested and
received, what faults did to whom, who became leader, what nodes hold, which messages were lost, and
finally what is wrong. Heartbeats and other routine are left out.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from clew.checkers.verdict import Anomaly, Result
from clew.history import Operation
from clew.machine.garbage import collected_rarely
from clew.machine.text import one_line
from clew.report import layout
from clew.report.regions import Places
from clew.report.steps import PHASE, Arrivals, Losses, Mishaps, Step
from clew.scenarios.code.workload_files import load_workload
from clew.scenarios.judgement.outcome import Outcome
from clew.search.onlooker import EVENTS_MAX, Observed, observed
from clew.search.shrink.oracle import WHOLE_RUN, failure_of
from clew.search.shrink.parting import causal_past
from clew.trace import words
from clew.trace.record import TraceEvent
from clew.trace.states import Change
from clew.trace.timeline import Timeline

STEPS_MAX = 24
"""A longer story is cut down to what matters most."""

CHANGES_MAX = 8
"""A number that a node changes more often is a count or a clock, and not worth showing."""

FIRST = 3
"""If it changes anything else more often, this many changes are shown."""

ARRIVALS_MAX = 6
"""If there are more late messages, the last ones are shown."""

_LEADING = ("leader", "primary")


class StoryStep(NamedTuple):
    """A step of a story, as everything that shows one reads it.

    Attributes:
        time_ns: when, virtual ns.
        kind: ``client``, ``fault``, ``phase``, ``wrong`` for what is wrong, else ``node``.
        text: what happened, in words.
        more: what shows it, a sentence each.
    """

    time_ns: int
    kind: str
    text: str
    more: tuple[str, ...] = ()


def story(outcome: Outcome) -> str:
    """Write the run in numbered steps, of which the last is what is wrong, if anything is."""
    lines: list[str] = []
    for rank, step in enumerate(story_steps(outcome), 1):
        head = f"{rank:>3}. {words.time(step.time_ns):>12}  "
        lines.append(layout.hanging(head, step.text))
        lines += [layout.hanging(" " * len(head), more) for more in step.more]
    return "\n".join(lines)


@collected_rarely()
def story_steps(outcome: Outcome, looked: Observed | None = None) -> list[StoryStep]:
    """Make the steps of a run, of which the last is what is wrong, if anything is.

    There are at most `STEPS_MAX` and one. They are a function of the outcome; a short run is
    repeated to see what its nodes held, unless it was ``looked`` at before.
    """
    seen = observed(outcome.run, outcome.model) if looked is None else looked
    found = failure_of(outcome)
    timeline = outcome.run.timeline(seen.changes)
    teller = _Teller(outcome, timeline, Mishaps(seen.disks, outcome.run.plan.faults))
    steps = [*teller.told(found[1] if found else None), *_of_nodes(seen.changes)]
    if found is not None:
        end_ns = _ended(outcome, found[1])
        steps = [step for step in steps if step.time < end_ns + (step.weight != PHASE)]
    steps.sort(key=lambda step: step.time)
    told = [StoryStep(step.time, step.kind, step.text) for step in _trimmed(_merged(steps))]
    return told if found is None else [*told, _moral(outcome, *found, timeline)]


def _ended(outcome: Outcome, anomaly: Anomaly) -> int:
    """Find when everything that shows an anomaly had happened, virtual ns."""
    if "time_ns" in anomaly.data:
        return int(anomaly.data["time_ns"])
    ends = [one.end for one in anomaly.operations if one.end is not None]
    end_ns = max(ends, default=outcome.run.virtual_ns)
    # An answer may be wrong only because another operation fails later.
    refused = [
        one.end
        for one in outcome.run.history.operations
        if one.type == "fail" and one.end is not None and one.start is not None
        and one.start < end_ns < one.end
    ]  # fmt: skip
    return max([end_ns, *refused])


# What clients, faults and the network did.


class _Teller:
    """Follows a trace and collects its steps."""

    def __init__(self, outcome: Outcome, timeline: Timeline, mishaps: Mishaps) -> None:
        self._outcome, self._timeline = outcome, timeline
        self._losses, self._mishaps = Losses(), mishaps
        self._arrivals = Arrivals(timeline, outcome.run.plan)
        self._places = Places(outcome.run.plan)
        self._booted: list[str] = []
        self._steps: list[Step] = []
        self._begun: dict[str, int] = {}
        """The place of each fault's beginning in the steps."""

    def told(self, anomaly: Anomaly | None) -> list[Step]:
        """Collect the steps up to an anomaly, in order; late messages only if in its past."""
        run = self._outcome.run
        end_ns = run.virtual_ns if anomaly is None else _ended(self._outcome, anomaly)
        for event in self._timeline.events(until_ns=end_ns):
            self._take(event)
            if event.kind == "finding" and event.time == end_ns and run.plan.stop_on_finding:
                break  # what was broken is mended at the same moment
        self._steps.extend(self._losses.steps())
        if self._booted:
            self._steps.append(Step(0, self._places.start(self._booted), PHASE))
        late = [step.arrival for step in self._steps if step.arrival is not None]
        if late and anomaly is not None and run.events <= EVENTS_MAX:
            past = causal_past(self._timeline, anomaly)
            late = [number for number in late if number in past][-ARRIVALS_MAX:]
        else:
            late = []
        return [step for step in self._steps if step.arrival is None or step.arrival in late]

    def _take(self, event: TraceEvent) -> None:
        """Take another event, in order."""
        fields = event.fields
        if event.kind == "drop":
            why = str(fields["why"])
            ends = fields["src"], fields["dest"], str(fields["body"].get("type", "message"))
            self._losses.add(event.time, self._mishaps.names.get(why, why), *ends)
        elif event.kind == "start" and event.time == 0:
            self._booted.append(str(fields["node"]))
        for step in _of_event(event, self._timeline, self._places):
            self._add(step)
        for step in (*self._arrivals.take(event), *self._mishaps.take(event)):
            self._add(step)

    def _add(self, step: Step) -> None:
        if step.fault in self._begun:
            self._steps[self._begun[step.fault]] = step
            return
        self._steps.extend(self._losses.steps())
        if step.fault:
            self._begun[step.fault] = len(self._steps)
        self._steps.append(step)


def _of_event(event: TraceEvent, timeline: Timeline, places: Places) -> Iterator[Step]:
    """Make the step of what a client sends or receives, or a node does; none for routine."""
    fields = event.fields
    match event.kind:
        case "invoke":
            one = timeline.operation(event)
            who = places.who(fields["process"], fields["node"])
            asked = f"{who}: asks for {words.asked(one)}."
            yield Step(event.time, asked, operation=one.number)
        case "retry" | "hedge":
            told = words.told(event)
            yield Step(event.time, f"{told[0].upper()}{told[1:]}.")
        case "ok" | "fail" | "info":
            one = timeline.operation(event)
            by_way = words.way(timeline.cause(event)) if event.kind == "ok" else ""
            yield Step(
                event.time,
                _answered(places.who(one.process, one.node), one, by_way),
                operation=one.number,
            )
        case "state" if fields["state"]["role"] in _LEADING:
            # What made a node the leader: the last messages before.
            by_way = words.way(timeline.cause(event))
            if by_way:
                yield Step(event.time, f"{fields['node']} is elected by way of {by_way}.", 3)
        case "work" if fields["waited_ns"] >= fields["took_ns"] > 0:
            yield Step(event.time, f"{words.told(event)}.", 5)
        case "log":
            yield Step(event.time, f"{fields['node']} logs: {fields['text']}", 4)


def _answered(who: str, one: Operation, by_way: str) -> str:
    """Describe what came of an operation, and which messages led to the answer."""
    told = words.operation(one)
    if one.type == "ok" and " -> " not in told:
        told += " is done"
    return f"{who}: {told}{f', by way of {by_way}' if by_way else ''}."


# What the nodes held.


def _of_nodes(changes: Sequence[Change]) -> Iterator[Step]:
    """Make the steps that the nodes' own state shows."""
    often = Counter((change.node, name) for change in changes for name in change.fields)
    told: Counter[tuple[str, str]] = Counter()
    for change in changes:
        if change.time_ns:
            step = _held(change, often, told) if change.state is None else _in_state(change)
            if step is not None:
                yield step


def _in_state(change: Change) -> Step | None:
    """Show a change of server state that matters, with all that the node shows of its state."""
    state = json.dumps(change.state, ensure_ascii=False)
    shown = {name: text for name, text in change.shown.items() if text != state}
    if change.state == change.was:
        news = {name: text for name, text in change.fields.items() if name in _PROGRESS}
        return Step(change.time_ns, f"{change.node}: {_fields(news)}.", 5) if news else None
    if change.state in _LEADING:
        return Step(change.time_ns, f"{change.node} becomes {change.state}: {_fields(shown)}.")
    if change.was in _LEADING:
        text = f"{change.node} is {change.was} no more: {_fields(shown)}."
        return Step(change.time_ns, text, 2)
    if change.state == "candidate":
        return Step(change.time_ns, f"{change.node} becomes candidate: {_fields(shown)}.", 4)
    return None


_PROGRESS = frozenset({"commit", "applied"})


def _held(
    change: Change, often: Mapping[tuple[str, str], int], told: Counter[tuple[str, str]]
) -> Step | None:
    """Show what a node without server states holds now."""
    news: dict[str, str] = {}
    for name, text in change.fields.items():
        key = change.node, name
        told[key] += 1
        if often[key] <= CHANGES_MAX or (told[key] <= FIRST and text[0] not in "-0123456789"):
            news[name] = text
            if often[key] > CHANGES_MAX and told[key] == FIRST:
                news[name] += " (and changes it often from here on)"
    return Step(change.time_ns, f"{change.node} has {_fields(news)}.", 3) if news else None


def _fields(fields: Mapping[str, str]) -> str:
    return one_line(", ".join(f"{name} {text}" for name, text in fields.items()))


# The whole.


def _merged(steps: Sequence[Step]) -> list[Step]:
    """Join a request and its answer if nothing comes between them."""
    merged: list[Step] = []
    for step in steps:
        if merged and step.operation is not None and merged[-1].operation == step.operation:
            merged[-1] = replace(step, time=merged[-1].time)
        else:
            merged.append(step)
    return merged


def _trimmed(steps: Sequence[Step]) -> list[Step]:
    """Keep at most `STEPS_MAX` steps: those that matter least go first, the earliest of them."""
    kept = list(steps)
    for weight in (5, 4, 3, 2, 1):
        while len(kept) > STEPS_MAX:
            spare = next((step for step in kept if step.weight == weight), None)
            if spare is None:
                break
            kept.remove(spare)
    return _merged(kept)


def _moral(outcome: Outcome, check: Result, anomaly: Anomaly, timeline: Timeline) -> StoryStep:
    """Make the last step: what is wrong, what shows it, and which promise it breaks."""
    shows = *_evidence(anomaly, timeline, outcome.run.virtual_ns), _promise(outcome, check, anomaly)
    ended_ns = _ended(outcome, anomaly)
    return StoryStep(ended_ns, "wrong", _wrong(anomaly), tuple(line for line in shows if line))


def _wrong(anomaly: Anomaly) -> str:
    """Describe what is wrong, without the time, which is shown before it."""
    reason = anomaly.reason
    if "time_ns" in anomaly.data:
        reason = reason.partition(" s: ")[2] or reason
        name, colon, rest = reason.partition(": ")
        if anomaly.kind == "invariant" and colon:
            reason = f"{name} is broken: {rest}"
    return f"WRONG: {reason}" + ("" if reason.endswith(".") else ".")


def _evidence(anomaly: Anomaly, timeline: Timeline, end_ns: int) -> Iterator[str]:
    """Describe what else shows it: among others, what nodes held at the end."""
    data = anomaly.data
    if data.get("cause"):
        yield f"{data['node']} was handling {data['cause']}."
    if data.get("place"):
        yield f"It is in {data['place']}."
    nodes = dict.fromkeys(str(name) for name in data.get("nodes", ()) if "time_ns" in data)
    for name in nodes:
        latest = timeline.states.at(name, end_ns)
        if latest is not None:
            yield f"{name} shows {_fields(latest.shown)}."


def _promise(outcome: Outcome, check: Result, anomaly: Anomaly) -> str:
    """Find the promise that does not hold."""
    if anomaly.kind == "invariant":
        name = str(anomaly.data.get("signature", "")).removeprefix("invariant ")
        for declared in outcome.model.program.invariants:
            if getattr(declared, "name", None) == name and declared.__doc__:
                return f"The promise: {declared.__doc__.splitlines()[0]}"
        return ""
    if check.name in {"nodes", *WHOLE_RUN}:
        return ""
    return f"The promise: {load_workload(outcome.run.plan.workload).summary}."
