"""The causal past of a failure: which events of a run can have brought it about.

Lamport's happened-before (Communications of the ACM 21(7), 1978): what a node did earlier comes
before what it does later, and what was sent before what was received. A message that never arrived
happened before nothing; yet its receiver would have done otherwise with it, so it is counted where
the receiver still does something that is in the past.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import chain

from clew.checkers.verdict import Anomaly
from clew.scenarios.run import Run
from clew.trace.record import TraceEvent


def causal_past(run: Run, anomaly: Anomaly) -> frozenset[int]:
    """The numbers of the trace's events that happened before what shows an anomaly, or with it.

    O(events) time and space.
    """
    stride = client_stride(run)
    ends = dict(_ends(anomaly, stride))
    before: dict[int, tuple[int, ...]] = {}
    latest: dict[str, int] = {}
    sent: dict[int, int] = {}
    absent: list[tuple[int, str]] = []
    roots: set[int] = set()
    for event in run.trace.events():
        place = place_of(event, stride)
        if event.kind == "duplicate":
            sent[event.fields["copy"]] = sent[event.fields["message"]]
        elif event.kind == "drop":
            absent.append((event.number, str(event.fields["dest"])))
        if not place:
            continue
        parents = [latest[place]] if place in latest else []
        if event.kind == "send":
            sent[event.fields["message"]] = event.number
        elif event.kind == "deliver":
            parents.append(sent[event.fields["message"]])
        before[event.number] = (*parents,)
        latest[place] = event.number
        if place in ends and event.time <= ends[place]:
            roots.discard(parents[0] if parents else -1)
            roots.add(event.number)
    past = _backwards(roots, before)
    last: dict[str, int] = {}
    for event in run.trace.events():
        if event.number in past:
            last[place_of(event, stride)] = event.number
    return frozenset(past).union(number for number, dest in absent if number < last.get(dest, -1))


def client_stride(run: Run) -> int:
    """How many clients there are: processes are this far apart at one client."""
    ranks = [run.plan.clients - 1, *(one.client for one in run.plan.operations)]
    return max(ranks) + 1


def place_of(event: TraceEvent, stride: int) -> str:
    """The node or client at which an event happens; empty where it is at none."""
    fields = event.fields
    if event.kind == "send":
        return str(fields["src"])
    if event.kind == "deliver":
        return str(fields["dest"])
    if "process" in fields:
        process = fields["process"]
        return f"c{process % stride}" if isinstance(process, int) else ""
    return str(fields.get("node") or "")


def _ends(anomaly: Anomaly, stride: int) -> Iterator[tuple[str, int]]:
    """Where an anomaly shows, and until when, virtual ns."""
    data = anomaly.data
    if "time_ns" in data:
        for name in chain([data.get("node")], data.get("nodes", ())):
            if name:
                yield str(name), int(data["time_ns"])
        return
    ends: dict[str, int] = {}
    for one in anomaly.operations:
        if isinstance(one.process, int):
            place = f"c{one.process % stride}"
            end_ns = one.end if one.end is not None else one.start
            ends[place] = max(ends.get(place, 0), end_ns or 0)
    yield from ends.items()


def _backwards(roots: Collection[int], before: dict[int, tuple[int, ...]]) -> set[int]:
    """Some events and all before them."""
    past: set[int] = set()
    stack = list(roots)
    while stack:
        number = stack.pop()
        if number not in past:
            past.add(number)
            stack.extend(before.get(number, ()))
    return past
