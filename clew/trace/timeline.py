"""A run's trace, put together: the fate of each message, who was up when, and what led to what.

Everything that looks at a run reads it here. Events come one after the other, from the first; what
takes several of them to know is in tables, which are made when they are first needed, in one pass
over the trace: O(events) time, and space for the messages.

Causes are Lamport's happened-before (Communications of the ACM 21(7), 1978): what a place did
earlier comes before what it does later, and what was sent before what was received.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

from clew.history import Operation
from clew.trace.record import Trace, TraceEvent
from clew.trace.states import Change, States

KEPT_MAX = 1 << 17
"""The events of a trace with at most this many are kept after reading; others are read again."""


class SentMessage:
    """A message or a copy of one, and what became of it.

    Attributes:
        number: its own, which is its name in the trace.
        copied: the number of the message that it is a copy of; None for no copy.
        src: the sender.
        dest: the receiver.
        body: what it says.
        sent: the number of the event at which it was sent.
        sent_ns: when, virtual ns.
        cause: the message whose arrival made its sender send it; None for a timer, a start, or a
            client's own decision.
        fate: the kind of the event that ended it, ``deliver`` or ``drop``; empty while under way.
        why: why it was lost; empty if it was not.
        ended: the number of the event that ended it; None while under way.
        ended_ns: when, virtual ns; None while under way.
    """

    __slots__ = (
        "body", "cause", "copied", "dest", "ended", "ended_ns", "fate", "number", "sent",
        "sent_ns", "src", "why",
    )  # fmt: skip

    def __init__(self, event: TraceEvent, cause: SentMessage | None) -> None:
        fields = event.fields
        self.number: int = fields["message"]
        self.copied: int | None = None
        self.src: str = fields["src"]
        self.dest: str = fields["dest"]
        self.body: dict[str, Any] = fields["body"]
        self.sent, self.sent_ns, self.cause = event.number, event.time, cause
        self.fate = self.why = ""
        self.ended: int | None = None
        self.ended_ns: int | None = None

    def copy(self, number: int) -> SentMessage:
        """Make a copy of it, sent at the same time."""
        other = object.__new__(SentMessage)
        for name in self.__slots__:
            setattr(other, name, getattr(self, name))
        other.number, other.copied = number, self.origin
        return other

    @property
    def origin(self) -> int:
        """The number under which it was sent, which all copies share."""
        return self.number if self.copied is None else self.copied

    @property
    def type(self) -> str:
        """The type in the body."""
        return str(self.body.get("type", "message"))

    def end(self, event: TraceEvent) -> None:
        """Note that it arrives or is lost."""
        self.fate, self.why = event.kind, str(event.fields.get("why", ""))
        self.ended, self.ended_ns = event.number, event.time

    def chain(self, hops_max: int | None = None) -> list[SentMessage]:
        """Follow what led to this message, the first cause first and itself last.

        Args:
            hops_max: only this many last ones of a longer chain; None for all.
        """
        hops: list[SentMessage] = []
        message: SentMessage | None = self
        # Invariant: each was sent while its cause arrived, so numbers fall and the loop ends.
        while message is not None and (hops_max is None or len(hops) < hops_max):
            hops.append(message)
            message = message.cause
        return hops[::-1]


class Incarnation(NamedTuple):
    """One incarnation of a node.

    Attributes:
        node: whose.
        incarnation: its rank among the node's, from 1.
        began_ns: when it began, virtual ns.
        ended_ns: when it crashed; None if it lived to the end.
        why: why it crashed; empty if it did not.
    """

    node: str
    incarnation: int
    began_ns: int
    ended_ns: int | None = None
    why: str = ""


class Outage(NamedTuple):
    """A time in which nothing of a node runs.

    Attributes:
        node: whose.
        since_ns: when it crashed or was paused, whichever came first; virtual ns.
        until_ns: when it went on; None if it never did.
        why: ``crash`` or ``pause``.
    """

    node: str
    since_ns: int
    until_ns: int | None
    why: str


class Timeline:
    """A run in the form that its readers need.

    Args:
        trace: of the run, kept.
        operations: of its history, in the order of their invocations.
        clients: how many there are, which is the step between the processes of one client.
        changes: what nodes showed of their state, in order of time, if an onlooker was there.

    Attributes:
        operations: as above.
        states: what each node showed at each moment.
    """

    def __init__(
        self,
        trace: Trace,
        operations: Sequence[Operation],
        clients: int,
        changes: Sequence[Change] = (),
    ) -> None:
        self._trace = trace
        self._kept: tuple[TraceEvent, ...] | None = None
        self.operations = operations
        self._clients = clients
        self.states = States(changes)

    def events(self, *kinds: str, until_ns: int | None = None) -> Iterator[TraceEvent]:
        """Go through the events in order.

        Args:
            kinds: only those of these kinds; without any, all.
            until_ns: only those up to this time, virtual ns.
        """
        # Events are in order of time, so the first beyond the end is the end.
        for event in self._events():
            if until_ns is not None and event.time > until_ns:
                return
            if not kinds or event.kind in kinds:
                yield event

    def client_of(self, process: Any) -> str:
        """Return the client whose process this is; empty for what is not a number."""
        return f"c{process % self._clients}" if isinstance(process, int) else ""

    def place_of(self, event: TraceEvent) -> str:
        """Return the node or client at which an event happens; empty if it is at none."""
        fields = event.fields
        if event.kind == "send":
            return str(fields["src"])
        if event.kind == "deliver":
            return str(fields["dest"])
        if "process" in fields:
            return self.client_of(fields["process"])
        return str(fields.get("node") or "")

    # What takes several events to know.

    @property
    def messages(self) -> Mapping[int, SentMessage]:
        """Every message and every copy of one, by number, in the order in which they were sent."""
        return self._tables.messages

    @property
    def lives(self) -> Sequence[Incarnation]:
        """Every incarnation of every node, in the order in which they began."""
        return self._tables.lives

    @property
    def outages(self) -> Sequence[Outage]:
        """The times in which nodes were down or paused, in the order in which these ended."""
        return self._tables.outages

    def cause(self, event: TraceEvent) -> SentMessage | None:
        """Find the message that made a place do what it does now; None if no message did.

        Known for a sending, for a node's change of state, and for an operation's end.
        """
        return self._tables.causes.get(event.number)

    def occasion(self, message: SentMessage) -> str:
        """Say why a client sends what it asked before: ``attempt 2`` or ``hedge``, else nothing."""
        return self._tables.occasions.get((message.src, message.dest, message.sent_ns), "")

    def operation(self, event: TraceEvent) -> Operation:
        """Find the operation that begins or ends with an event."""
        return self._tables.operations[event.number]

    def past(self, ends: Mapping[str, int]) -> frozenset[int]:
        """Collect the numbers of the events that happened before what some places did, or with it.

        A message that never arrived happened before nothing; yet with it its receiver would have
        acted differently, so it is included if the receiver still does something in the past.

        Args:
            ends: the places, and until when, virtual ns.
        """
        before: dict[int, tuple[int, ...]] = {}
        places: dict[int, str] = {}
        latest: dict[str, int] = {}
        roots: dict[str, int] = {}
        # Lamport's happened-before, edge by edge: the last event at the same place, and for a
        # delivery the sending. `latest` has each place's last event so far; its further past
        # follows from there.
        for event in self._events():
            place = self.place_of(event)
            if not place:
                continue
            parents = [latest[place]] if place in latest else []
            if event.kind == "deliver":
                parents.append(self.messages[event.fields["message"]].sent)
            before[event.number], places[event.number] = (*parents,), place
            latest[place] = event.number
            if place in ends and event.time <= ends[place]:
                roots[place] = event.number  # all earlier ones of its place are before it
        past = _backwards(roots.values(), before)
        last: dict[str, int] = {}
        # How far into the past each place was still active: a lost message that would have arrived
        # before that could have changed something.
        for number in past:
            last[places[number]] = max(number, last.get(places[number], -1))
        absent = (
            one.ended
            for one in self.messages.values()
            if one.fate == "drop" and one.ended is not None and one.ended < last.get(one.dest, -1)
        )
        return frozenset(past).union(absent)

    def _events(self) -> Iterable[TraceEvent]:
        if self._kept is None and len(self._trace) <= KEPT_MAX:
            self._kept = tuple(self._trace.events())
        return self._trace.events() if self._kept is None else self._kept

    @cached_property
    def _tables(self) -> _Tables:
        tables = _Tables(self)
        for event in self._events():
            tables.take(event)
        tables.close()
        return tables


class _Tables:
    """The tables that a pass over the trace collects.

    A node sends at the very moment at which something makes it: a message that arrives, a timer,
    its start. So the cause of an event is known from the trace: what last triggered its place, if
    that was at the same time.
    """

    def __init__(self, timeline: Timeline) -> None:
        # What all methods share beyond the tables that are asked for. `_stirred`: what last made
        # each place act, when, and by which message. `_open`: the operation under way of each
        # process. `_life`: the rank of each node's present life. `_down`: since when a node is down
        # or paused.
        self.messages: dict[int, SentMessage] = {}
        self.lives: list[Incarnation] = []
        self.outages: list[Outage] = []
        self.causes: dict[int, SentMessage] = {}
        self.operations: dict[int, Operation] = {}
        self.occasions: dict[tuple[str, str, int], str] = {}
        self._place_of = timeline.place_of
        self._asked = iter(timeline.operations)
        self._open: dict[Any, Operation] = {}
        self._stirred: dict[str, tuple[int, SentMessage | None]] = {}
        self._came: dict[tuple[str, int], SentMessage] = {}
        """What came to a node last at an instant: work requested then is due to it."""
        self._life: dict[str, int] = {}
        self._down: dict[str, tuple[int, str]] = {}

    def take(self, event: TraceEvent) -> None:
        """Take another event, in order."""
        match event.kind:
            case "send" | "deliver" | "drop" | "duplicate":
                self._message(event)
            case "timer":
                self._stirred[event.fields["node"]] = event.time, None
            case "sync":
                # What waited for the disk goes on; a message caused it last.
                node = event.fields["node"]
                self._stirred[node] = event.time, self._stirred.get(node, (0, None))[1]
            case "work":
                self._worked(event)
            case "start" | "crash" | "pause" | "resume":
                self._life_of(event)
            case "state":
                self._due(event)
            case "invoke" | "ok" | "fail" | "info":
                self._operation(event)
            case "retry" | "hedge":
                self._again(event)

    def _worked(self, event: TraceEvent) -> None:
        """Let what waited for a worker go on; a message that came when it asked led to it."""
        node, fields = event.fields["node"], event.fields
        asked_ns = event.time - fields["waited_ns"] - fields["took_ns"]
        message = self._came.get((node, asked_ns))
        self._stirred[node] = event.time, message
        if message is not None:
            self._came[node, event.time] = message
            self.causes[event.number] = message

    def _due(self, event: TraceEvent) -> SentMessage | None:
        """Find the message to which an event is due, and note it."""
        time_ns, message = self._stirred.get(self._place_of(event), (-1, None))
        if message is None or time_ns != event.time:
            return None
        self.causes[event.number] = message
        return message

    def _message(self, event: TraceEvent) -> None:
        number = event.fields["message"]
        if event.kind == "send":
            self.messages[number] = SentMessage(event, self._due(event))
            return
        message = self.messages[number]
        if event.kind == "duplicate":
            copy = event.fields["copy"]
            self.messages[copy] = message.copy(copy)
            return
        message.end(event)
        if event.kind == "deliver":
            self._stirred[message.dest] = event.time, message
            self._came[message.dest, event.time] = message

    def _life_of(self, event: TraceEvent) -> None:
        node = event.fields["node"]
        if event.kind in {"crash", "pause"}:
            self._down.setdefault(node, (event.time, event.kind))
        elif node in self._down:
            since_ns, why = self._down.pop(node)
            self.outages.append(Outage(node, since_ns, event.time, why))
        if event.kind == "start":
            self._stirred[node] = event.time, None
            self._life[node] = len(self.lives)
            self.lives.append(Incarnation(node, event.fields["incarnation"], event.time))
        elif event.kind == "crash":
            rank, why = self._life[node], str(event.fields["why"])
            self.lives[rank] = self.lives[rank]._replace(ended_ns=event.time, why=why)

    def _operation(self, event: TraceEvent) -> None:
        process = event.fields["process"]
        if event.kind == "invoke":
            one = self._open[process] = next(self._asked)
        else:
            one = self._open.pop(process)
            self._due(event)
        self.operations[event.number] = one

    def _again(self, event: TraceEvent) -> None:
        """Note that a client sends again: the request goes out at this very moment."""
        fields = event.fields
        one = self._open.get(fields["process"])
        if one is not None:  # it goes on under another number, and may be answered under either
            self._open[fields["now"]] = one
        ends = self._place_of(event), str(fields["node"]), event.time
        self.occasions[ends] = f"attempt {fields['attempt']}" if "attempt" in fields else "hedge"

    def close(self) -> None:
        """End with the run: what is down stays down."""
        self.outages += [
            Outage(node, since_ns, None, why) for node, (since_ns, why) in self._down.items()
        ]


def _backwards(roots: Iterable[int], before: Mapping[int, tuple[int, ...]]) -> set[int]:
    """Collect some events and all before them."""
    past: set[int] = set()
    stack = list(roots)
    # Invariant: whatever is before an event of the past is in the past or on the stack.
    while stack:
        number = stack.pop()
        if number not in past:
            past.add(number)
            stack.extend(before[number])
    return past


def is_client(name: str) -> bool:
    """Return whether an endpoint's name is a client's, such as ``c1``."""
    return name.startswith("c") and name[1:].isdigit()
