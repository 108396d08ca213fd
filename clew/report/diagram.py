"""A run as a space-time diagram in one web page, without anything to fetch.

Lanes for clients and nodes, time to the right (Lamport, "Time, Clocks, and the Ordering of Events
in a Distributed System", 1978): every message with what it carried, those that were lost and why,
crashes, pauses, faults, operations and findings. The page opens at the first thing
that is wrong. Of a long run at most `MESSAGES_MAX` messages are drawn, those nearest to it.
"""

from __future__ import annotations

import re
from importlib.resources import files
from typing import Any

from clew.checkers.verdict import Anomaly, Verdict
from clew.report import words
from clew.report.run import when
from clew.scenarios.outcome import Outcome
from clew.scenarios.run import Run
from clew.text import html_text, script_json

MESSAGES_MAX = 20_000
BODY_WIDTH = 300
MARGIN_NS = 30_000_000


def diagram(outcome: Outcome) -> str:
    """The page as HTML."""
    plan = outcome.run.plan
    bug = f" with the bug {plan.model.bug}" if plan.model.bug else ""
    title = f"{plan.model.name}{bug}, seed {plan.seed}: {outcome.verdict.value}"
    anomaly = _first_anomaly(outcome)
    page = files("clew.report").joinpath("diagram.html").read_text(encoding="utf-8")
    reason = anomaly.reason if anomaly else "Nothing is wrong with this run."
    holes = {
        "@TITLE@": html_text(title),
        "@REASON@": html_text(reason),
        "@DATA@": script_json(_data(outcome, anomaly)),
    }
    # All at once: what fills one hole may look like another.
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
    drawn = _Drawn(run)
    shown = {one.number for one in anomaly.operations} if anomaly else set()
    nearest = sorted(drawn.messages, key=lambda message: abs(message[0] - focus[1]))[:MESSAGES_MAX]
    return {
        "lanes": [*drawn.clients, *run.plan.node_ids],
        "end": end,
        "focus": focus,
        "messages": sorted(nearest, key=lambda message: message[0]),
        "operations": drawn.operations(shown),
        "down": drawn.down,
        "faults": [
            [one.id, one.detail, one.at_ns, one.until_ns, list(one.target)]
            for one in run.faults
            if one.bit
        ],
        "findings": [[one.time_ns, one.node, one.reason] for one in run.findings],
    }


class _Drawn:
    """What of a trace is drawn."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._sent: dict[int, list[Any]] = {}
        self._down_since: dict[str, tuple[int, str]] = {}
        self.messages: list[list[Any]] = []
        self.down: list[list[Any]] = []
        clients: dict[str, None] = {}
        for event in run.trace.events():
            self._take(event.time, event.kind, event.fields)
            if event.kind == "send":
                clients |= {
                    end: None for end in (event.fields["src"], event.fields["dest"]) if _client(end)
                }
        # What was neither delivered nor dropped was still under way.
        self.messages += self._sent.values()
        self.down += [
            [node, since, run.virtual_ns, why] for node, (since, why) in self._down_since.items()
        ]
        self.clients = sorted(clients, key=lambda name: int(name[1:]))

    def _take(self, time: int, kind: str, fields: dict[str, Any]) -> None:
        if kind == "send":
            body = words.value(fields["body"], BODY_WIDTH)
            ends = [fields["src"], fields["dest"]]
            message = [time, None, *ends, str(fields["body"]["type"]), body, ""]
            self._sent[fields["message"]] = message
        elif kind == "duplicate":
            # A copy's delivery is drawn too.
            self._sent[fields["copy"]] = self._sent[fields["message"]]
        elif kind in {"deliver", "drop"}:
            message = self._sent.pop(fields["message"])
            self.messages.append([message[0], time, *message[2:6], str(fields.get("why", ""))])
        elif kind in {"crash", "pause"}:
            self._down_since.setdefault(fields["node"], (time, _DOWN[kind]))
        elif kind in {"start", "resume"} and fields["node"] in self._down_since:
            since, why = self._down_since.pop(fields["node"])
            self.down.append([fields["node"], since, time, why])

    def operations(self, shown: set[int]) -> list[list[Any]]:
        """Operations on the lane of the client that asked."""
        lanes = self._lanes_of_processes()
        return [
            [
                one.start,
                self._run.virtual_ns if one.end is None else one.end,
                lanes.get(one.process, ""),
                words.operation(one),
                one.type,
                one.number in shown,
            ]
            for one in self._run.history.operations
            if one.start is not None
        ]

    def _lanes_of_processes(self) -> dict[int | str, str]:
        """The client behind each process: a process number is its rank plus a multiple."""
        ranks = {operation.client for operation in self._run.plan.operations}
        stride = max([*ranks, self._run.plan.clients - 1]) + 1
        processes = {one.process for one in self._run.history.operations}
        return {
            process: f"c{process % stride}" for process in processes if isinstance(process, int)
        }


_DOWN = {"crash": "crashed", "pause": "paused"}


def _client(name: str) -> bool:
    return name.startswith("c") and name[1:].isdigit()
