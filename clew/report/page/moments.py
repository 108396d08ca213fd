"""The moments of a run, which are the rows of its picture.

A moment is what one place does at one instant without a break: a node's handler, timer or start
with all that it sends, a client's request or what it makes of an answer; or the beginning or end of
a fault, which is everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from clew.history import Operation
from clew.machine.text import first_parts, json_words, one_line
from clew.trace import words
from clew.trace.record import TraceEvent
from clew.trace.timeline import SentMessage, Timeline

EVERYWHERE = "*"
"""The place of what happens to the whole run."""

_GOES_ON = frozenset({"send", "state", "log", "effect", "finding", "sync", "ok", "fail", "info"})
"""What belongs to the moment in which its place is, if that is at the same time."""

_NEVER = frozenset({"link", "drop", "duplicate"})
"""What is told of a message, and is no moment of its own."""

_GLOBAL = frozenset({"fault", "heal", "phase"})

LABEL_MAX = 28
"""A longer label on an arrow is cut; the message's body stands elsewhere."""


@dataclass(slots=True)
class Moment:
    """One moment.

    Attributes:
        number: of its first event.
        last: the number of its last event.
        time_ns: virtual ns.
        place: the node or client; `EVERYWHERE` for none.
        kind: of its first event.
        name: the timer's name, what a fault did, or what else begins it in words; empty for a
            message that comes, and for what `notes` tell.
        came: the message that arrives; None for none.
        sent: the messages sent.
        state: the server state that its node takes; None for no change.
        notes: what else happens, in words.
        wrong: what is wrong in itself, in words; empty for nothing.
        operation: that begins or ends here.
        effect: whether a request takes effect.
    """

    number: int
    last: int
    time_ns: int
    place: str
    kind: str
    name: str = ""
    came: SentMessage | None = None
    sent: list[SentMessage] = field(default_factory=list)
    state: str | None = None
    notes: list[str] = field(default_factory=list)
    wrong: str = ""
    operation: Operation | None = None
    effect: bool = False

    @property
    def idle(self) -> bool:
        """Whether it is a timer after which nothing follows."""
        quiet = not (self.sent or self.notes or self.wrong or self.effect)
        return self.kind == "timer" and quiet and self.state is None


def moments_of(timeline: Timeline) -> list[Moment]:
    """Find the moments of a run, in order."""
    found: list[Moment] = []
    open_at: dict[str, Moment] = {}
    for event in timeline.events():
        if event.kind in _NEVER:
            continue
        place = EVERYWHERE if event.kind in _GLOBAL else timeline.place_of(event) or EVERYWHERE
        here = open_at.get(place)
        goes_on = event.kind in _GOES_ON and here is not None and here.time_ns == event.time
        if not goes_on:
            here = open_at[place] = Moment(event.number, 0, event.time, place, event.kind)
            found.append(here)
        assert here is not None
        here.last = event.number
        _take(here, event, timeline, first=not goes_on)
    return found


def _take(moment: Moment, event: TraceEvent, timeline: Timeline, *, first: bool) -> None:
    """Add an event to its moment."""
    fields = event.fields
    notes = moment.notes
    match event.kind:
        case "deliver":
            moment.came = timeline.messages[fields["message"]]
        case "send":
            moment.sent.append(timeline.messages[fields["message"]])
        case "state":
            moment.state = str(fields["state"].get("role") or "")
            notes.append(f"becomes {moment.state or 'no server'}")
        case "effect":
            moment.effect = True
            notes.append(f"request {fields['request']} of {fields['client']} takes effect")
        case "finding":
            moment.wrong = str(fields["reason"])
            notes.append(f"WRONG: {moment.wrong}")
        case "invoke" | "ok" | "fail" | "info":
            moment.operation = timeline.operation(event)
            notes.append(_operation(event, moment.operation))
        case _ if first:
            moment.name = _name(event)
        case _:
            notes.append("its disk is synced" if event.kind == "sync" else words.told(event))


def _operation(event: TraceEvent, one: Operation) -> str:
    return f"asks for {words.asked(one)}" if event.kind == "invoke" else words.operation(one)


def _name(event: TraceEvent) -> str:
    """Say what begins a moment, in words."""
    fields = event.fields
    if event.kind in {"timer", "phase"}:
        return str(fields["name"])
    if event.kind in {"fault", "heal"}:
        return f"{fields['id']}: {fields['detail']}"
    return words.told(event)


def label(message: SentMessage) -> str:
    """Write a message's type and its plain fields, as far as there is room."""
    told = one_line(message.type)
    for name, value in _fields(message.body):
        more = f"{told} {name} {value}"
        if len(more) > LABEL_MAX:
            break
        told = more
    return first_parts(told, 2 * LABEL_MAX)


_ROUTINE = frozenset({"type", "msg_id", "in_reply_to"})


def _fields(body: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    for name, value in body.items():
        if name not in _ROUTINE and isinstance(value, str | int | float | bool | None):
            yield one_line(str(name)), one_line(json_words(value))
