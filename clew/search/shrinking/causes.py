"""How an answer came about: the chain of messages from a client's question to its answer.

A node sends at the very moment at which something makes it: a message that arrives, a timer, its
start. So what a message is due to is known from the trace, and the chain backwards from an answer
is the critical path of the operation (Lamport's happened-before, cut down to what was last).
"""

from __future__ import annotations

from typing import NamedTuple

from clew.history import Operation
from clew.scenarios.run import Run
from clew.search.shrinking.past import client_stride
from clew.trace.record import TraceEvent

HOPS_MAX = 8


class _Sent(NamedTuple):
    src: str
    dest: str
    kind: str
    cause: int | None


class Causes:
    """Follows a trace and knows why each message was sent."""

    def __init__(self, run: Run) -> None:
        self._stride = client_stride(run)
        self._sent: dict[int, _Sent] = {}
        self._trigger: dict[str, tuple[int, int | None]] = {}
        self._last: dict[str, int] = {}

    def take(self, event: TraceEvent) -> None:
        """Another event of the trace, in order."""
        fields = event.fields
        if event.kind == "send":
            time_ns, cause = self._trigger.get(fields["src"], (-1, None))
            due = cause if time_ns == event.time else None
            kind = str(fields["body"].get("type", "message"))
            self._sent[fields["message"]] = _Sent(fields["src"], fields["dest"], kind, due)
        elif event.kind == "duplicate":
            self._sent[fields["copy"]] = self._sent[fields["message"]]
        elif event.kind == "deliver":
            dest = fields["dest"]
            self._trigger[dest] = event.time, fields["message"]
            self._last[dest] = fields["message"]
        elif event.kind in {"timer", "start"}:
            self._trigger[fields["node"]] = event.time, None
        elif event.kind == "sync":
            # What waited for the disk goes on; it was last asked by a message.
            before = self._trigger.get(fields["node"])
            self._trigger[fields["node"]] = event.time, before[1] if before else None

    def way(self, one: Operation) -> str:
        """The messages between nodes that brought about an answer that comes now, in words.

        Empty where the node answered by itself, or there is no answer.
        """
        if not isinstance(one.process, int) or one.type != "ok":
            return ""
        return self._told(self._last.get(f"c{one.process % self._stride}"))

    def way_to(self, node: str, time_ns: int) -> str:
        """The messages that brought about what happens at a node now, in words; may be empty."""
        when, message = self._trigger.get(node, (-1, None))
        return self._told(message) if when == time_ns else ""

    def _told(self, message: int | None) -> str:
        hops: list[_Sent] = []
        while message is not None and len(hops) <= HOPS_MAX:
            hops.append(self._sent[message])
            message = hops[-1].cause
        between = [hop for hop in reversed(hops) if not _client(hop.src) and not _client(hop.dest)]
        if not between:
            return ""
        return between[0].src + "".join(f" -{hop.kind}-> {hop.dest}" for hop in between)


def _client(name: str) -> bool:
    return name.startswith("c") and name[1:].isdigit()
