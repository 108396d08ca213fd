"""Messages that arrive when nobody expects them any more: copies, overtaken ones, late ones."""

from __future__ import annotations

from clew.scenarios.plans.plan import Plan
from clew.trace import words
from clew.trace.record import TraceEvent
from clew.trace.timeline import Timeline

LATE_NS = 100_000_000
"""A message that takes at least this long, and `LATE_TIMES` the plan's latency, is news."""

LATE_TIMES = 4

OVERTAKEN_NS = 1_000_000
"""What was sent within this time may come in any order; nobody is surprised."""

ARRIVALS_MAX = 6
"""Of more late messages, the last ones are shown."""


class Arrivals:
    """Follows a trace and knows which arrivals are news."""

    def __init__(self, timeline: Timeline, plan: Plan) -> None:
        self._messages = timeline.messages
        self._nodes = frozenset(plan.node_ids)
        self._late_ns = max(LATE_NS, LATE_TIMES * plan.latency_ns)
        self._came: set[int] = set()
        self._newest: dict[tuple[str, str], int] = {}
        self._down: dict[str, int] = {}

    def take(self, event: TraceEvent) -> str:
        """Say what is news of another event, in order of the trace; empty for most."""
        fields = event.fields
        if event.kind == "crash":
            self._down[str(fields["node"])] = event.time
        elif event.kind == "deliver" and self._nodes.issuperset((fields["src"], fields["dest"])):
            return self._arrived(event)
        return ""

    def _arrived(self, event: TraceEvent) -> str:
        message = self._messages[event.fields["message"]]
        src, dest, sent_ns = message.src, message.dest, message.sent_ns
        again, newest = message.origin in self._came, self._newest.get((src, dest), -1)
        self._came.add(message.origin)
        self._newest[src, dest] = max(newest, sent_ns)
        what = f"{message.type} from {src} to {dest}"
        since = f"sent at {words.time(sent_ns)}"
        if again:
            return f"A copy of {what}, {since}, arrives."
        if newest - sent_ns >= OVERTAKEN_NS:
            return f"{what}, {since}, arrives only now: a later message overtook it."
        for name in (dest, src):
            if self._down.get(name, -1) > sent_ns:
                return f"{what}, {since}, arrives only now: {name} went down meanwhile."
        return (
            f"{what}, {since}, arrives only now." if event.time - sent_ns >= self._late_ns else ""
        )
