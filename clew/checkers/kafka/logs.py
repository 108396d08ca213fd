"""The logs of all keys, as all clients together saw them, and what is wrong with them."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from typing import Any, NamedTuple

from clew.checkers.kafka.steps import Poll, Send, Step, in_effect
from clew.checkers.values import Key, counted, key_of, listed, shown
from clew.checkers.verdict import Anomaly
from clew.history import Operation


class Place(NamedTuple):
    """A message, and where its being there was seen first."""

    message: Any
    offset: int
    operation: Operation


class Logs:
    """The logs as all clients together saw them.

    Attributes:
        steps: sends and polls in order of invocation.
        attempts: per key and message, its sends.
        at: per key and offset, what was seen there; more than one where it is inconsistent.
        offsets: per key, the offsets where something was seen, sorted.
        polled: per key, the messages that some poll returned, with the first of the polls.
    """

    def __init__(self, steps: Iterable[Step]) -> None:
        self.steps = in_effect(list(steps))
        self.sends = [step for step in self.steps if isinstance(step, Send)]
        self.polls = [step for step in self.steps if isinstance(step, Poll)]
        self.attempts: dict[tuple[str, Key], list[Send]] = {}
        self.at: dict[str, dict[int, dict[Key, Place]]] = {}
        self.polled: dict[str, dict[Key, Poll]] = {}
        self.polled_count = 0
        # Sends first, so that the operation named for a message at an offset is its sender where it
        # knows.
        for send in self.sends:
            self.attempts.setdefault((send.key, key_of(send.message)), []).append(send)
            if send.offset is not None:
                self._see(send.key, send.offset, send.message, send.operation)
        for poll in self.polls:
            seen = self.polled.setdefault(poll.key, {})
            for offset, message in poll.messages:
                seen.setdefault(self._see(poll.key, offset, message, poll.operation), poll)
            self.polled_count += len(poll.messages)
        self.offsets = {key: sorted(log) for key, log in self.at.items()}

    def _see(self, key: str, offset: int, message: Any, operation: Operation) -> Key:
        name = key_of(message)
        there = self.at.setdefault(key, {}).setdefault(offset, {})
        if name not in there:
            there[name] = Place(message, offset, operation)
        return name

    def between(self, key: str, low: int, high: int) -> range:
        """Return indices into ``offsets[key]`` of the messages strictly between two offsets."""
        offsets = self.offsets.get(key, [])
        return range(bisect_right(offsets, low), bisect_left(offsets, high))

    def sent(self, key: str, message: Key) -> int:
        """Count how often a message was sent, without the sends that failed."""
        sends = self.attempts.get((key, message), ())
        return sum(send.operation.type != "fail" for send in sends)

    def misplaced(self) -> list[Anomaly]:
        """List messages at several offsets, and offsets with several messages."""
        found = [
            _shared(first, second)
            for sends in self.attempts.values()
            if len(sends) > 1
            for first, second in _sharing(sends)
        ]
        # Invariant: `homes` has per message of this key the offsets at which it was seen,
        # ascending.
        for key, log in self.at.items():
            homes: dict[Key, list[Place]] = {}
            for offset in self.offsets[key]:
                if len(log[offset]) > 1:
                    found.append(_inconsistent(key, offset, list(log[offset].values())))
                for message, place in log[offset].items():
                    homes.setdefault(message, []).append(place)
            for message, places in homes.items():
                if len(places) > 1 and len(places) > (sent := self.sent(key, message)):
                    found.append(_duplicate(key, places, sent))
        return found


def _inconsistent(key: str, offset: int, places: list[Place]) -> Anomaly:
    messages = [place.message for place in places]
    reason = f"Offset {offset} of key {key} holds different messages: "
    reason += f"{listed([shown(message) for message in messages])} were seen there."
    data = {"key": key, "offset": offset, "messages": messages}
    return Anomaly("inconsistent-offsets", reason, tuple(one.operation for one in places), data)


def _sharing(sends: list[Send]) -> list[tuple[Send, Send]]:
    """Pair each send that was given the offset of an earlier one of its message with that one."""
    owners: dict[int, Send] = {}
    placed = [(send.offset, send) for send in sends if send.offset is not None]
    pairs = [(owners.setdefault(offset, send), send) for offset, send in placed]
    return [(owner, send) for owner, send in pairs if owner is not send]


def _shared(first: Send, second: Send) -> Anomaly:
    reason = f"Offset {first.offset} of key {first.key} was given to two sends of "
    reason += f"{shown(first.message)}; each should have one of its own."
    data = {"key": first.key, "offset": first.offset, "messages": [first.message, second.message]}
    return Anomaly("inconsistent-offsets", reason, (first.operation, second.operation), data)


def _duplicate(key: str, places: list[Place], sent: int) -> Anomaly:
    offsets = [place.offset for place in places]
    reason = f"Message {shown(places[0].message)} of key {key} was sent {counted(sent, 'time')} "
    reason += f"and is at offsets {listed([str(offset) for offset in offsets])}."
    data = {"key": key, "message": places[0].message, "offsets": offsets}
    return Anomaly("duplicate", reason, tuple(one.operation for one in places), data)


def end_of(operation: Operation) -> int:
    """Return the position by which an operation was over, or its first one if it never was."""
    return operation.invoked if operation.completed is None else operation.completed
