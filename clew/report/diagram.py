"""A run as a space-time diagram in one web page that loads nothing else.

Lanes for clients and nodes, time to the right (Lamport, "Time, Clocks, and the Ordering of Events
in a Distributed System", 1978): every message with what it carried, those that were lost and why,
crashes, pauses, faults, operations and findings. The page opens at the first thing
that is wrong. Of a long run at most `MESSAGES_MAX` messages are drawn, those nearest to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

from clew.checkers.verdict import Anomaly, Verdict
from clew.machine.garbage import collected_rarely
from clew.machine.text import html_text, script_json
from clew.node.timer import NS_PER_SECOND
from clew.report import layout
from clew.report.regions import lanes_of
from clew.report.run import when
from clew.scenarios.judgement.outcome import Outcome
from clew.trace import words
from clew.trace.timeline import SentMessage, Timeline, is_client

MESSAGES_MAX = 20_000
BODY_WIDTH = 300
MARGIN_NS = 30_000_000


@collected_rarely()
def diagram(outcome: Outcome) -> str:
    """Draw the page, as HTML."""
    plan = outcome.run.plan
    model = layout.titled(plan.model.name, plan.model.bug)
    title = f"{model}, seed {plan.seed}: {outcome.verdict.value}"
    anomaly = _first_anomaly(outcome)
    page = files("clew.report").joinpath("diagram.html").read_text(encoding="utf-8")
    reason = anomaly.reason if anomaly else "Nothing is wrong with this run."
    holes = {
        "@TITLE@": html_text(title),
        "@REASON@": html_text(reason),
        "@DATA@": script_json(_data(outcome, anomaly)),
    }
    # All at once: what fills one placeholder may look like another.
    return _HOLE.sub(lambda hole: holes[hole[0]], page)


_HOLE = re.compile("@(?:TITLE|REASON|DATA)@")


def _first_anomaly(outcome: Outcome) -> Anomaly | None:
    for check in outcome.checks:
        if check.verdict is Verdict.INVALID and check.anomalies:
            return check.anomalies[0]
    return None


def _data(outcome: Outcome, anomaly: Anomaly | None) -> dict[str, Any]:
    run = outcome.run
    moment = when(anomaly) if anomaly else None
    end = max(run.virtual_ns, 1)
    focus = [0, end] if moment is None else [max(moment[0] - MARGIN_NS, 0), moment[1] + MARGIN_NS]
    timeline = run.timeline()
    shown = {one.number for one in anomaly.operations} if anomaly else set()
    messages = sorted(timeline.messages.values(), key=_ended)
    nearest = sorted(messages, key=lambda one: abs(one.sent_ns - focus[1]))[:MESSAGES_MAX]
    senders = (end for one in messages for end in (one.src, one.dest))
    clients = sorted({end for end in senders if is_client(end)}, key=lambda name: int(name[1:]))
    places = lanes_of(run.plan, [*clients, *run.plan.all_nodes])
    return {
        "lanes": list(places),
        "labels": {name: f"{region} {name}".strip() for name, region in places.items()},
        "end": end,
        "focus": focus,
        "messages": [
            _message(one, timeline) for one in sorted(nearest, key=lambda one: one.sent_ns)
        ],
        "operations": list(_operations(timeline, shown, run.virtual_ns)),
        "down": [
            [
                one.node,
                one.since_ns,
                run.virtual_ns if one.until_ns is None else one.until_ns,
                _DOWN[one.why],
            ]
            for one in timeline.outages
        ],
        "faults": [
            [one.id, one.told, one.at_ns, one.until_ns, list(one.target)]
            for one in run.faults
            if one.bit
        ],
        "load": list(_load(outcome.statistics)),
        "findings": [[one.time_ns, one.node, one.reason] for one in run.findings],
    }


def _load(figures: dict[str, Any]) -> Iterator[list[Any]]:
    """Lay the queue and the utilisation of each node that worked on its lane, window by window."""
    window_ns = figures["load"]["over_time"]["seconds"] * NS_PER_SECOND
    for name, node in figures.get("nodes", {}).items():
        over = node["over_time"]
        yield [name, window_ns, over["queue"], over["utilisation"]]


def _ended(message: SentMessage) -> tuple[bool, int]:
    """Sort messages by when they arrived or were lost; those under way come last."""
    return (True, message.number) if message.ended is None else (False, message.ended)


def _message(one: SentMessage, timeline: Timeline) -> list[Any]:
    body, why = words.value(one.body, BODY_WIDTH), timeline.occasion(one)
    label = f"{one.type}, {why}" if why else one.type
    return [one.sent_ns, one.ended_ns, one.src, one.dest, label, body, one.why]


def _operations(timeline: Timeline, shown: set[int], end_ns: int) -> Iterator[list[Any]]:
    """Put operations on the lane of their client."""
    for one in timeline.operations:
        if one.start is not None:
            end = end_ns if one.end is None else one.end
            lane, is_shown = timeline.client_of(one.process), one.number in shown
            yield [one.start, end, lane, words.operation(one), one.type, is_shown]


_DOWN = {"crash": "crashed", "pause": "paused"}
