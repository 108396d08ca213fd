"""The steps of a story that are not an operation's: faults, crashes, and messages lost or late.

Each class follows a trace, event by event. What a node's disk holds after a crash is shown when the
node starts on it again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from clew.node.disk import Aftermath
from clew.report import layout
from clew.scenarios.plans.plan import Plan
from clew.sim.faults import Fault
from clew.sim.faults.kinds import injection_of
from clew.sim.faults.targets import aim_at
from clew.trace import words
from clew.trace.record import TraceEvent
from clew.trace.timeline import Timeline


@dataclass(frozen=True, slots=True)
class Step:
    """One step.

    Attributes:
        time: virtual ns.
        text: what happened.
        weight: steps of weight 1 are always shown; the greatest weights are left out first.
        operation: the number of the operation that begins or ends here, or None.
        fault: the fault that begins here, or empty; a later step of the same fault replaces it.
        arrival: the number of the event at which a message comes late here, or None.
    """

    time: int
    text: str
    weight: int = 1
    operation: int | None = None
    fault: str = ""
    arrival: int | None = None

    @property
    def kind(self) -> str:
        """The step's, as `clew.report.story.StoryStep` has it."""
        if self.operation is not None:
            return "client"
        return "fault" if self.fault else "phase" if self.weight == PHASE else "node"


PHASE = 2
"""The weight of what the plan's phases bring about."""

_UNSYNCED = re.compile(r"; (\d+) unsynced writes? lost, (\d+) torn$")


class Mishaps:
    """What faults did: their beginning and end, and which nodes went down.

    Args:
        left: what crashes left on disks, see `clew.search.onlooker.Observed`.
        faults: of the plan; whom one aims at, if that is not all nodes, is said in words.

    Attributes:
        names: the id of the latest fault of each kind.
    """

    def __init__(
        self, left: Mapping[tuple[str, int], Aftermath], faults: Iterable[Fault] = ()
    ) -> None:
        self.names: dict[str, str] = {}
        self._left = left
        self._aims = {
            fault.id: f" (at {aim.words})"
            for fault in faults
            if (aim := aim_at(fault.target)) and aim.place
        }
        self._begun: dict[str, Step] = {}
        """The faults that go on, by id."""
        self._waited: dict[str, str] = {}
        """What a fault waited for, by its id, until it strikes."""
        self._ended_ns = -1
        self._crashed_ns: dict[str, int] = {}

    def take(self, event: TraceEvent) -> Iterator[Step]:
        """Make the steps of another event, in order of the trace."""
        fields, now_ns = event.fields, event.time
        match event.kind:
            case "trigger":
                self._waited[str(fields["id"])] = f"{fields['detail']}: "
            case "fault":
                yield self._begins(now_ns, **fields)
            case "heal":
                yield self._ends(now_ns, str(fields["id"]), str(fields["detail"]))
            case "start":
                yield from self._started(str(fields["node"]), int(fields["incarnation"]))
            case "crash":
                node = str(fields["node"])
                self._crashed_ns[node] = now_ns
                if fields["why"] != "kill":
                    yield Step(now_ns, f"{node} goes down: {fields['why']}.")
            case "phase" if fields["name"] == "recover" and self.names:
                mended = self._begun or self._ended_ns == now_ns
                rest = "; what was broken is mended" if mended else ""
                yield Step(now_ns, f"The time of faults is over{rest}.", PHASE)

    def _begins(self, now_ns: int, id: str, fault: str, detail: str) -> Step:  # noqa: A002 - a field's name
        self.names[fault] = id
        unsynced = _UNSYNCED.search(detail)
        if unsynced and (self._left or unsynced.groups() == ("0", "0")):
            detail = detail[: unsynced.start()]  # reported with each disk, or nothing
        verb = injection_of(fault).does if detail.startswith("on ") else ""
        told = self._waited.pop(id, "") + (f"{verb} {detail}" if verb else detail)
        step = Step(now_ns, f"Fault {id}{self._aims.get(id, '')}: {told}.", fault=id)
        self._begun[id] = step
        return step

    def _ends(self, now_ns: int, fault: str, detail: str) -> Step:
        begun = self._begun.pop(fault, None)
        self._ended_ns = now_ns
        end = detail.rpartition("; ")[2]  # what the end adds to the beginning
        if begun is None or begun.time != now_ns:
            return Step(now_ns, f"Fault {fault} ends: {end}.")
        end = f"at once {end}" if end.startswith("restarted") else end
        return replace(begun, text=f"{begun.text[:-1]}; {end}.")

    def _started(self, node: str, incarnation: int) -> Iterator[Step]:
        after = self._left.get((node, incarnation - 1))
        if after is not None:
            weight = 2 if after.writes else 4
            yield Step(self._crashed_ns[node], _disk(node, after), weight)


# What a crash left on a node's disk.

DISK_SHOWN = 4
"""At most this many names and writes are shown; the last ones of a longer list."""

DISK_WIDTH = 40

_FATES = {
    "kept": "kept, though not synced:",
    "torn": "torn, because not synced, with only a part of it there:",
    "lost": "lost, because not synced:",
}


def _disk(node: str, after: Aftermath) -> str:
    """Describe what is on a disk after a crash, and what became of unsynced writes."""
    held = [_entry(name, value) for name, value in after.left.items()]
    parts = [f"{node}'s disk holds {_some(held) if held else 'nothing'}"]
    fates: dict[str, list[str]] = {}
    for fate, name, value in after.fates():
        fates.setdefault(fate, []).append(_write(name, value))
    parts += [f"{how} {_some(fates[fate])}" for fate, how in _FATES.items() if fate in fates]
    return f"{'; '.join(parts)}."


def _some(texts: Sequence[str]) -> str:
    more = f"{len(texts) - DISK_SHOWN} more, and " if len(texts) > DISK_SHOWN else ""
    return more + ", ".join(texts[-DISK_SHOWN:])


def _entry(name: str, value: Any) -> str:
    if isinstance(value, bytes):
        return f"{_name(name)} ({layout.several(len(value), 'byte')})"
    return f"{_name(name)} = {words.value(value, DISK_WIDTH)}"


def _write(name: str, value: Any) -> str:
    if value is None:
        return f"the removal of {_name(name)}"
    if isinstance(value, bytes):
        return f"{layout.several(len(value), 'byte')} of {_name(name)}"
    return _entry(name, value)


def _name(name: str) -> str:
    short = name.isprintable() and len(name) <= DISK_WIDTH
    return name if short else words.value(name, DISK_WIDTH)


# What became of messages.

LATE_NS = 100_000_000
"""A message that takes at least this long, and `LATE_TIMES` the plan's latency, is worth
showing."""

LATE_TIMES = 4

OVERTAKEN_NS = 1_000_000
"""Messages sent within this time may come in any order without being worth showing."""


class Arrivals:
    """Messages that arrive when nobody expects them any more: copies, overtaken and late ones."""

    def __init__(self, timeline: Timeline, plan: Plan) -> None:
        self._messages = timeline.messages
        self._nodes = frozenset(plan.all_nodes)
        self._late_ns = max(LATE_NS, LATE_TIMES * plan.slowest_ns)
        self._came: set[int] = set()
        self._newest: dict[tuple[str, str], int] = {}
        self._down: dict[str, int] = {}

    def take(self, event: TraceEvent) -> Iterator[Step]:
        """Make the step of another event, in order of the trace; most events have none."""
        fields = event.fields
        if event.kind == "crash":
            self._down[str(fields["node"])] = event.time
        elif event.kind == "deliver" and self._nodes.issuperset((fields["src"], fields["dest"])):
            news = self._arrived(event)
            if news:
                yield Step(event.time, news, 3, arrival=event.number)

    def _arrived(self, event: TraceEvent) -> str:
        message = self._messages[event.fields["message"]]
        src, dest, sent_ns = message.src, message.dest, message.sent_ns
        again, newest = message.origin in self._came, self._newest.get((src, dest), -1)
        self._came.add(message.origin)
        self._newest[src, dest] = max(newest, sent_ns)
        what = f"{message.type} from {src} to {dest}"
        since = f"sent at {words.time(sent_ns)}"
        late = f"{what}, {since}, arrives only now"
        if again:
            return f"A copy of {what}, {since}, arrives."
        if newest - sent_ns >= OVERTAKEN_NS:
            return f"{late}: a later message overtook it."
        for name in (dest, src):
            if self._down.get(name, -1) > sent_ns:
                return f"{late}: {name} went down meanwhile."
        return f"{late}." if event.time - sent_ns >= self._late_ns else ""


LOST_SHOWN = 4

AT_ONCE_NS = 5_000_000
"""What is lost within this time is reported with one time."""

_WHY = {"partition": "to the cut", "down": "because the receiver is down"}


class Losses:
    """Lost messages; only the first of each reason, sender, receiver and type counts."""

    def __init__(self) -> None:
        self._known: set[tuple[str, str, str, str]] = set()
        self._new: dict[str, dict[tuple[str, str], list[str]]] = {}
        self._span: dict[str, tuple[int, int]] = {}

    def add(self, time_ns: int, why: str, src: str, dest: str, kind: str) -> None:
        """Note that a message of a type is lost."""
        key = (why, src, dest, kind)
        if key not in self._known:
            self._known.add(key)
            self._span[why] = self._span.get(why, (time_ns, 0))[0], time_ns
            self._new.setdefault(why, {}).setdefault((kind, src), []).append(dest)

    def steps(self) -> Iterator[Step]:
        """Make a step for each reason for which messages were lost since the last call."""
        for why, lost in self._new.items():
            shown = [
                f"{kind} from {src} to {layout.listed(dests)}"
                for (kind, src), dests in list(lost.items())[:LOST_SHOWN]
            ]
            more = f"; and {len(lost) - LOST_SHOWN} more" if len(lost) > LOST_SHOWN else ""
            reason = _WHY.get(why, f"to the fault {why}")
            since_ns, until_ns = self._span[why]
            last = f" (until {words.time(until_ns)})" if until_ns - since_ns > AT_ONCE_NS else ""
            yield Step(since_ns, f"Lost {reason}: {'; '.join(shown)}{more}{last}.", 3)
        self._new.clear()
        self._span.clear()
