"""The history of a run as it grows, and counts of what clients did for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from clew.history import Event, EventType
from clew.sim.world import World
from clew.trace.record import Trace
from clew.workloads.workload import Request


@dataclass(slots=True)
class Attempts:
    """Counts of what clients did besides sending each request once.

    Attributes:
        timeouts: requests whose answer did not come in time.
        retries: requests that repeated an operation.
        apart: those of them that are separate operations of the history.
        hedges: requests to a second node because another had not answered.
        held_back: retries and hedges that a budget did not allow.
        late: for each request that was answered after all, when it was sent and when answered, ns.
    """

    timeouts: int = 0
    retries: int = 0
    apart: int = 0
    hedges: int = 0
    held_back: int = 0
    late: list[tuple[int, int]] = field(default_factory=list)


@dataclass(slots=True)
class Recorder:
    """The history as it grows.

    Attributes:
        events: the history.
        requests: the number of the operation of each request, ``(client, msg_id)``.
        attempts: what clients did besides sending each request once.
        client_messages: how many messages went to and from clients.
        unready: nodes that have not acknowledged what must come before the first operation.
    """

    world: World
    trace: Trace
    events: list[Event] = field(default_factory=list)
    requests: list[tuple[str, int]] = field(default_factory=list)
    attempts: Attempts = field(default_factory=Attempts)
    client_messages: int = 0
    unready: set[str] = field(default_factory=set)

    def invoke(
        self,
        process: int,
        asked: Request,
        node: str,
        request: tuple[str, int],
        extra: dict[str, Any] | None = None,
    ) -> None:
        """Record that an operation begins; `extra` is for further fields of its event."""
        now = self.world.now
        self.events.append(Event(process, "invoke", asked.f, asked.value, now, None, node, extra))
        self.requests.append(request)
        self.trace.add(now, "invoke", process, asked.f, asked.value, node)

    def moved(
        self, place: int, number: int, process: int, node: str, request: tuple[str, int]
    ) -> None:
        """Record that an open operation goes on under another process, or at another node.

        Args:
            place: of its invocation among the events.
            number: the operation's.
            process: under which it goes on, which must be open nowhere else.
            node: which gets the request now.
            request: the new request.
        """
        self.events[place] = self.events[place]._replace(process=process, node=node)
        self.requests[number] = request

    def complete(
        self, process: int, kind: EventType, asked: Request, value: Any, error: Any, node: str
    ) -> None:
        """Record that an operation ends."""
        now = self.world.now
        self.events.append(Event(process, kind, asked.f, value, now, error, node))
        self.trace.add(now, kind, process, asked.f, value, error)
