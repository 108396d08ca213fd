"""Where a run that passes parts from one that fails: the first difference in the failure's past.

In two runs that differ somewhere, many events soon differ. What can have made the one fail is in
the failure's causal past, so the first event there that the passing run does not have is shown,
with what happens instead: to the same message, or at the same place.
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple, TypeAlias

from clew.checkers.verdict import Anomaly
from clew.machine.garbage import collected_rarely
from clew.scenarios.runs.run import Run
from clew.search.onlooker import EVENTS_MAX
from clew.trace.kinds import ARRIVALS
from clew.trace.record import TraceEvent
from clew.trace.timeline import Timeline, is_client
from clew.trace.words import body_words, time, told

UNSEEN = frozenset(
    {
        "fault", "heal", "phase", "link", "invoke", "timer", "send", "crash", "start", "pause",
        "resume", "clock", "slow", "state", "finding", "trigger",
    }
)  # fmt: skip
"""The kinds of event that the change of a plan itself causes, that say nothing, or that follow from
what is shown."""

Key: TypeAlias = tuple[int, str]
"""When and what."""

Sent: TypeAlias = tuple[str, str, str, int, bool]
"""Sender, receiver, body, how many such messages went before it, and whether it is a copy."""


def causal_past(timeline: Timeline, anomaly: Anomaly) -> frozenset[int]:
    """Collect the numbers of the events that happened before or with what shows an anomaly.

    O(events) time and space.
    """
    data, ends = anomaly.data, dict[str, int]()
    if "time_ns" in data:
        names = [data.get("node"), *data.get("nodes", ())]
        ends = {str(name): int(data["time_ns"]) for name in names if name}
        return timeline.past(ends)
    for one in anomaly.operations:
        place = timeline.client_of(one.process)
        if place:
            end_ns = one.end if one.end is not None else one.start
            ends[place] = max(ends.get(place, 0), end_ns or 0)
    return timeline.past(ends)


class Parting(NamedTuple):
    """Where two runs part.

    Attributes:
        causal: whether the difference lies in the failure's causal past.
        agreed: how many events agree before it; only those in the past if it is causal.
        text: the difference, in words.
    """

    causal: bool
    agreed: int
    text: str


class Failing:
    """A failing run, for comparing others with it.

    Args:
        run: with its trace.
        anomaly: what went wrong in it.
    """

    @collected_rarely()
    def __init__(self, run: Run, anomaly: Anomaly) -> None:
        self._events = _Events(run)
        self._past: frozenset[int] = frozenset()
        if run.events <= EVENTS_MAX:
            self._past = causal_past(self._events.timeline, anomaly)

    @collected_rarely()
    def parting(self, passing: Run) -> Parting:
        """Find where a run that passes parts from this one."""
        ours, theirs = self._events, _Events(passing)
        spare = Counter(key for key, _ in theirs.seen)
        agreed = 0
        # Invariant: the events of the past so far happen in the passing run too, as often, at the
        # same times. `spare` counts what that run has beyond them.
        for key, event in ours.seen:
            if event.number not in self._past:
                continue
            if spare[key] <= 0:
                return Parting(causal=True, agreed=agreed, text=self._told(key, event, theirs))
            spare[key] -= 1
            agreed += 1
        return self._first(theirs)

    def _told(self, key: Key, event: TraceEvent, theirs: _Events) -> str:
        sent = self._events.sent.get(event.number)
        stead = None if sent is None else theirs.fates.get(sent)
        # What a client does not invoke, or nothing copies, has no counterpart.
        if stead is None and not (sent and (is_client(sent[0]) or sent[-1])):
            known = {one for one, _ in self._events.seen}
            place = self._events.timeline.place_of(event) or str(event.fields.get("dest", ""))
            stead = next(
                (
                    one
                    for one, other in theirs.seen
                    if one not in known and place == theirs.timeline.place_of(other)
                ),
                None,
            )
        instead = _words(stead) if stead else "that does not happen"
        return f"In the failing run {_words(key)}; in the passing one {instead}."

    def _first(self, theirs: _Events) -> Parting:
        """Find the first difference anywhere, if the past shows none."""
        ours = [key for key, _ in self._events.seen]
        others = [key for key, _ in theirs.seen]
        agreed = next(
            (rank for rank, (a, b) in enumerate(zip(ours, others, strict=False)) if a != b),
            min(len(ours), len(others)),
        )
        text = "Up to the failure both runs do the same."
        if not agreed == len(ours) == len(others):
            a, b = (
                _words(keys[agreed]) if agreed < len(keys) else "nothing more happens"
                for keys in (ours, others)
            )
            text = f"In the failing run {a}; in the passing one {b}."
        return Parting(causal=False, agreed=agreed, text=text)


class _Events:
    """The parts of a run that are compared.

    Attributes:
        timeline: the run's.
        seen: its events that count, in order.
        sent: the message of each event at which one arrives or is lost, by the event's number.
        fates: when and how each message arrived or was lost.
    """

    def __init__(self, run: Run) -> None:
        self.timeline = run.timeline()
        self.seen: list[tuple[Key, TraceEvent]] = []
        self.sent: dict[int, Sent] = {}
        self.fates: dict[Sent, Key] = {}
        numbers: dict[int, Sent] = {}
        count: Counter[tuple[str, str, str]] = Counter()
        # Numbers of messages differ between runs, so one is known by its ends, its text, and how
        # many like it were sent before.
        for message in self.timeline.messages.values():
            if message.copied is not None:
                numbers[message.number] = (*numbers[message.copied][:4], True)
                continue
            ends = message.src, message.dest, body_words(message.body)
            numbers[message.number] = (*ends, count[ends], False)
            count[ends] += 1
        for event in self.timeline.events():
            if event.kind in UNSEEN:
                continue
            sent = numbers[event.fields["message"]] if event.kind in ARRIVALS else None
            key = event.time, _what(event, copy=sent is not None and sent[-1])
            self.seen.append((key, event))
            if sent is not None:
                self.sent[event.number] = sent
                self.fates.setdefault(sent, key)


def _what(event: TraceEvent, *, copy: bool) -> str:
    what = told(event)
    if event.kind == "drop":
        # The cause of a loss does not matter, be it a fault of another name or a cut.
        what = what.rpartition(" (")[0]
        return f"a copy of {what}" if copy else what
    return what.replace(" receives ", " receives a copy of ", 1) if copy else what


def _words(key: Key) -> str:
    return f"at {time(key[0])} {key[1]}"
