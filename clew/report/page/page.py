"""A run as one web page that loads nothing else.

A picture of all that was sent and done, by order (Lamport, "Time, Clocks, and the Ordering of
Events in a Distributed System", 1978) and by time, beside its story, with each node's state at each
moment and the verdict's evidence. One cursor goes through all of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from clew.checkers.verdict import Anomaly, Result
from clew.machine.garbage import collected_rarely
from clew.machine.text import one_line
from clew.node.timer import NS_PER_SECOND
from clew.report import layout
from clew.report.page.account import account
from clew.report.page.columns import Texts, message_columns, moment_columns
from clew.report.page.figures import UNASKED, Drawn, figures
from clew.report.page.headline import headline
from clew.report.page.lanes import Lane, lanes, sides_of
from clew.report.page.moments import Moment, moments_of
from clew.report.page.states import States, looked
from clew.report.page.template import filled
from clew.report.story import StoryStep, story_steps
from clew.scenarios.judgement.outcome import Outcome
from clew.scenarios.runs.run import Run
from clew.search.futures import shares
from clew.search.shrink.oracle import blamed, failure_of, moment_of
from clew.search.shrink.parting import causal_past
from clew.trace import words
from clew.trace.timeline import Timeline

FUTURES_EVENTS_MAX = 500_000
"""How many events all other futures of a page have together, at most."""

PAST_EVENTS_MAX = 1_000_000
"""What led to a failure of a run of more events is not marked."""


@collected_rarely()
def page(outcome: Outcome, command: str = "", *, futures: bool = False, plots: bool = False) -> str:
    """Write the page, as HTML.

    Args:
        outcome: of the run, with its trace.
        command: what brings the run back, for a button that copies it; empty for none.
        futures: whether to show how likely the failure was from each moment of the story on, which
            takes some hundred runs.
        plots: whether to draw figures over time.
    """
    plan = outcome.run.plan
    titled = layout.titled(plan.model.name, plan.model.bug)
    found = failure_of(outcome)
    anomaly = found[1] if found else None
    head = {
        "verdict": outcome.verdict.value,
        "title": one_line(titled),
        "about": one_line(_about(outcome)),
        "headline": headline(anomaly),
        "command": command,
    }
    title = f"{outcome.verdict.value.upper()}: {titled}, {plan.workload}, seed {plan.seed}"
    seen, states = looked(outcome.run, outcome.model)
    steps = story_steps(outcome, seen)
    moments = [step.time_ns for step in steps] if futures else []
    likely = shares(outcome, moments, FUTURES_EVENTS_MAX)
    drawn = figures(outcome) if plots else Drawn({"missing": UNASKED}, "")
    told = {"head": head, "futures": likely, "figures": drawn.data}
    return filled("run", title, told | _data(outcome, found, steps, states), drawn.script)


def _about(outcome: Outcome) -> str:
    run = outcome.run
    counts = [
        layout.several(len(run.plan.operations), "operation"),
        layout.several(len(run.faults), "fault"),
        layout.several(len(run.plan.all_nodes), "node"),
        f"{run.virtual_ns / NS_PER_SECOND:.6g} s",
    ]
    return f"{run.plan.workload}, seed {run.plan.seed}; {', '.join(counts)}"


def _data(
    outcome: Outcome,
    found: tuple[Result, Anomaly] | None,
    steps: Sequence[StoryStep],
    states: States,
) -> dict[str, Any]:
    run = outcome.run
    timeline = run.timeline()
    anomaly = found[1] if found else None
    failed_ns = moment_of(anomaly, at_once=True) if anomaly else None
    ordered = lanes(run, timeline, failed_ns)
    ranks = {lane.name: rank for rank, lane in enumerate(ordered)}
    moments = moments_of(timeline)
    past = None
    if anomaly is not None and len(run.trace) <= PAST_EVENTS_MAX:
        past = causal_past(timeline, anomaly) or None
    failure = -1 if anomaly is None else _failure(anomaly, moments)
    texts = Texts()
    return {
        "lanes": [lane._asdict() for lane in ordered],
        "end": run.virtual_ns,
        "records": len(run.trace),
        "moments": moment_columns(moments, past, failure, ranks, texts),
        "messages": message_columns(timeline, moments, ranks, texts),
        "operations": list(_operations(timeline, anomaly, ranks, run.virtual_ns)),
        "spans": list(_spans(timeline, ranks, run.virtual_ns)),
        "servers": list(_server_states(moments, ranks, run.virtual_ns)),
        "faults": list(_faults(run, ordered, ranks)),
        "failure": failure,
        "load": list(_load(outcome.statistics, ranks)),
        **account(outcome, found, steps, moments),
        **_states(states, ranks),
        "texts": texts.all(),
    }


def _failure(anomaly: Anomaly, moments: Sequence[Moment]) -> int:
    """Return the rank of the moment at which a run fails: where a wrong answer is sent, if any."""
    wrong = next((rank for rank, one in enumerate(moments) if one.wrong), None)
    if wrong is not None and "time_ns" in anomaly.data:
        return wrong
    number = blamed(anomaly)
    numbers = {one.number for one in anomaly.operations} if number is None else {number}
    ends = [
        rank
        for rank, one in enumerate(moments)
        if one.operation is not None and one.operation.number in numbers and one.kind != "invoke"
    ]
    rank = ends[-1] if ends else len(moments) - 1
    answer = moments[rank].came if ends else None
    senders = (at for at in range(rank, -1, -1) if answer in moments[at].sent)
    return next(senders, rank) if answer is not None else rank


def _operations(
    timeline: Timeline, anomaly: Anomaly | None, ranks: Mapping[str, int], end_ns: int
) -> Iterator[list[Any]]:
    shown = {one.number for one in anomaly.operations} if anomaly else set()
    for one in timeline.operations:
        if one.start is not None:
            lane = ranks.get(timeline.client_of(one.process), -1)
            end = end_ns if one.end is None else one.end
            yield [one.number, lane, one.start, end, words.operation(one), one.type,
                   int(one.number in shown), one.node or ""]  # fmt: skip


def _spans(timeline: Timeline, ranks: Mapping[str, int], end_ns: int) -> Iterator[list[Any]]:
    """Yield the times in which nodes are down or stand still."""
    for one in timeline.outages:
        until_ns = end_ns if one.until_ns is None else one.until_ns
        yield [ranks.get(one.node, -1), one.since_ns, until_ns, one.why]


def _server_states(
    moments: Sequence[Moment], ranks: Mapping[str, int], end_ns: int
) -> Iterator[list[Any]]:
    """Yield the times in which nodes are in a server state, such as leader."""
    since: dict[str, tuple[int, str]] = {}
    for one in moments:
        died = one.kind == "crash"
        if one.state is None and not died:
            continue
        if one.place in since:
            began_ns, state = since.pop(one.place)
            yield [ranks.get(one.place, -1), began_ns, one.time_ns, state]
        if one.state:
            since[one.place] = one.time_ns, one.state
    for place, (began_ns, state) in since.items():
        yield [ranks.get(place, -1), began_ns, end_ns, state]


def _faults(run: Run, ordered: Sequence[Lane], ranks: Mapping[str, int]) -> Iterator[list[Any]]:
    names = [lane.name for lane in ordered]
    for one in run.faults:
        sides = [[ranks[name] for name in side] for side in sides_of(one, names)]
        targets = [ranks[name] for name in one.target if name in ranks]
        yield [one.id, one.kind, one.told, one.at_ns, one.until_ns, targets, sides, one.bit]


def _load(figures: dict[str, Any], ranks: Mapping[str, int]) -> Iterator[list[Any]]:
    """Yield the queue and the utilisation of each node that worked, window by window."""
    window_ns = figures["load"]["over_time"]["seconds"] * NS_PER_SECOND
    for name, node in figures.get("nodes", {}).items():
        over = node["over_time"]
        yield [ranks[name], window_ns, over["queue"], over["utilisation"]]


def _states(states: States, ranks: Mapping[str, int]) -> dict[str, Any]:
    return {
        "states": {
            str(ranks[name]): [[one.event, int(one.whole), one.change] for one in changes]
            for name, changes in states.of.items()
            if name in ranks
        },
        "stateless": states.missing,
    }
