"""Servers that send far more than clients request: a steady loop of messages, few at a time.

A loop that grows is a finding (`clew.sim.loops`). A steady loop, such as an answer that is
answered, costs as much and breaks nothing; a token that goes round for ever is one as well, and
correct. So it gets a remark, and the run is unknown if the messages are beyond what any cluster
sends. Counts that exist anyway decide; only then is the trace, if the run kept it, searched for the
details, and a long one only in part.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container
from itertools import islice
from typing import NamedTuple

from clew.models.services import SERVICES
from clew.node.system import classes_of
from clew.node.timer import NS_PER_SECOND
from clew.scenarios.code.models import Model
from clew.scenarios.runs.run import Run
from clew.sim.loops import PATH, PER_PAIR, cycle_of, handled
from clew.trace.record import Trace

PER_OPERATION = 200
"""The number of messages per operation that is sensible: ten times what any shipped model sends."""

PER_SECOND = 1_000
"""The number of messages per virtual second that is sensible, or `PER_PAIR` per pair of nodes."""

BEYOND = 5
"""The multiple of the sensible number per second that is beyond what any cluster sends."""

RECORDS_MAX = 200_000
"""The number of a trace's records that are searched."""

_LOOPS = {"message-loop", "timer-loop", "message-storm", "livelock", "endless-loop"}


class Talk(NamedTuple):
    """Servers that send too much.

    Attributes:
        told: how much, per operation and per second, and what they sent.
        beyond: True if it is beyond what any cluster sends.
    """

    told: str
    beyond: bool


class _Heard(NamedTuple):
    """What a trace shows of the messages between servers.

    Attributes:
        type: the commonest type of message between servers.
        share: the percentage of messages that are of this type.
        cycle: types that lead to each other without end; empty if none was seen.
    """

    type: str
    share: int
    cycle: tuple[str, ...]


def busy_talk(run: Run, model: Model) -> Talk | None:
    """Report servers that sent each other too much per operation and per second, else None."""
    count, seconds = run.server_messages, max(run.virtual_ns / NS_PER_SECOND, 1e-9)
    per_operation = count / max(len(run.history.operations), 1)
    per_second = count / seconds
    sensible = max(PER_SECOND, PER_PAIR * len(run.plan.node_ids) ** 2)
    if per_operation <= PER_OPERATION or per_second <= sensible:
        return None
    if any(finding.kind in _LOOPS for finding in run.findings):
        return None
    heard, what = _heard(run.trace, {*run.plan.node_ids, *SERVICES}), ""
    if heard is not None:
        what = f", {heard.share} % of them of type {heard.type!r}"
        if heard.cycle:
            what += f": {handled(heard.cycle, classes_of(model.program))[0]}"
    told = (
        f"Servers sent {per_operation:,.0f} messages per operation, {per_second:,.0f} per virtual "
        f"second{what}. Is an answer answered, or sent again at once? A loop that is meant, such "
        "as a token that goes round, costs less where a node waits before it sends on."
    )
    return Talk(told, beyond=per_second > BEYOND * sensible)


def _heard(trace: Trace, servers: Container[str]) -> _Heard | None:
    """Follow which message led to which; None if no trace was kept.

    Invariant: `led` holds, for each place, the types that led to what it got last, and `paths`, for
    each message under way, those that led to it, itself last. A timer begins a new chain, unless it
    ends a wait inside a handler.
    """
    ends: dict[int, tuple[str, str]] = {}
    led: dict[str, tuple[str, ...]] = {}
    paths: dict[int, tuple[str, ...]] = {}
    types: Counter[str] = Counter()
    longest: tuple[str, ...] = ()
    for _, kind, *rest in islice(trace.whole_records(), RECORDS_MAX):
        if kind == "link":
            ends[rest[0]] = rest[1], rest[2]
        elif kind == "send":
            number, link, body = rest
            src, dest = ends[link]
            if src not in servers:
                paths[number] = ()
            elif dest in servers:
                path = paths[number] = (*led.get(src, ())[1 - PATH :], str(body["type"]))
                types[path[-1]] += 1
                longest = path if len(path) > len(longest) else longest
        elif kind == "deliver" and rest[0] in paths:
            led[ends[rest[1]][1]] = paths.pop(rest[0])
        elif kind == "start" or (kind == "timer" and rest[1] != "sleep"):
            led[rest[0]] = ()
    if not types:
        return None
    name, count = types.most_common(1)[0]
    cycle = cycle_of(longest) if len(longest) == PATH else ()
    return _Heard(name, 100 * count // types.total(), cycle)
