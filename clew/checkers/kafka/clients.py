"""What each client saw of the logs: its polls and sends go forward, and step over nothing.

A client's polls are compared with its last one that succeeded: what a failed or indeterminate
transaction polled is polled again, or not at all.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, NamedTuple

from clew.checkers.kafka.logs import Logs
from clew.checkers.kafka.steps import Garbled, Moved, Poll, Send, Step
from clew.checkers.values import counted, shown
from clew.checkers.verdict import Anomaly
from clew.history import Operation


class Gap(NamedTuple):
    """A poll stepped from offset ``low`` to ``high``: what lies strictly between was passed over.

    ``earlier`` is the operation that had read ``low``; None if the step starts at the offset
    that was asked for, or at the beginning of the log (``low`` is then -1). Where it is not
    ``sure`` that the client had to go on from ``low``, only a write that nobody ever reads can
    count as passed over.
    """

    key: str
    low: int
    high: int
    earlier: Operation | None
    operation: Operation
    sure: bool


class Clients:
    """Follows each process's sends and polls.

    Invariant: ``position`` holds, per process and key, the last offset that its successful polls
    returned, and the poll; it is forgotten where the process may move. ``within`` is the same
    inside the operation at hand, whatever becomes of it. A process in ``subscribed`` may be moved
    between any two operations, and has no position.
    """

    def __init__(self, logs: Logs) -> None:
        self.logs = logs
        self.anomalies: list[Anomaly] = []
        self.gaps: list[Gap] = []
        self.subscribed: set[Any] = set()
        self.ever_subscribed = False
        self._position: dict[Any, dict[str, tuple[int, Operation]]] = {}
        self._within: dict[str, tuple[int, Operation]] = {}
        self._sent: dict[tuple[Any, str], Send] = {}

    def follow(self, step: Step) -> None:
        """Take in the next step."""
        if isinstance(step, Poll):
            if step.messages:
                self._poll(step)
        elif isinstance(step, Send):
            self._send(step)
        elif isinstance(step, Moved):
            self._move(step)
        elif isinstance(step, Garbled):
            self.anomalies.append(_malformed(step))

    def _move(self, moved: Moved) -> None:
        process = moved.operation.process
        if moved.operation.f != "list_committed_offsets":
            self.subscribed.discard(process)
        if moved.subscribed:
            self.subscribed.add(process)
            self.ever_subscribed = True
        keys = moved.keys
        self._position[process] = {
            key: place
            for key, place in self._position.get(process, {}).items()
            if keys is not None and (key in keys) is moved.kept
        }

    def _send(self, send: Send) -> None:
        if send.offset is None:
            return
        name = (send.operation.process, send.key)
        earlier = self._sent.get(name)
        if earlier is not None and earlier.offset is not None and earlier.offset >= send.offset:
            self.anomalies.append(_nonmonotonic_send(earlier, send))
        self._sent[name] = send

    def _poll(self, poll: Poll) -> None:
        key, one = poll.key, poll.operation
        offsets = [offset for offset, _ in poll.messages]
        self._start(poll, offsets[0])
        # Unless the client was moved meanwhile, the offsets of a poll go forward, and over nothing.
        for low, high in pairwise(offsets):
            if high <= low and not poll.moved:
                self.anomalies.append(_nonmonotonic_poll(poll, low, high, one))
            elif high > low + 1:
                self.gaps.append(Gap(key, low, high, one, one, sure=not poll.moved))
        self._within[key] = (offsets[-1], one)
        if one.type == "ok":
            last = self._position.setdefault(one.process, {})
            last[key] = (offsets[-1], one)
        if poll.moved:
            self._position.get(one.process, {}).pop(key, None)

    def _reached(self, poll: Poll) -> tuple[int, Operation | None]:
        """Return the offset up to which the client had read, and the operation that read it."""
        key, one = poll.key, poll.operation
        if poll.moved:
            return -1, None
        low, earlier = self._within.get(key, (-1, None))
        if earlier is one:
            return low, one
        if one.process in self.subscribed:
            return -1, None
        return self._position.get(one.process, {}).get(key, (-1, None))

    def _start(self, poll: Poll, first: int) -> None:
        """Judge the step to the first offset of a poll."""
        key, one = poll.key, poll.operation
        if poll.asked is not None:
            if first < poll.asked:
                self.anomalies.append(_asked_for_more(poll, first))
            elif first > poll.asked:
                self.gaps.append(Gap(key, poll.asked - 1, first, None, one, sure=True))
            return
        low, earlier = self._reached(poll)
        if earlier is not None and first <= low:
            self.anomalies.append(_nonmonotonic_poll(poll, low, first, earlier))
        elif first > low + 1:
            self.gaps.append(Gap(key, low, first, earlier, one, sure=earlier is not None))

    def skips(self) -> list[Anomaly]:
        """List the gaps that hold messages which somebody saw."""
        found = []
        for gap in self.gaps:
            inside = self.logs.between(gap.key, gap.low, gap.high) if gap.sure else range(0)
            if inside:
                found.append(_skip(gap, self.logs.offsets[gap.key], inside, self.logs))
        return found


def _malformed(step: Garbled) -> Anomaly:
    one = step.operation
    reason = f"Process {one.process} was answered {shown(step.found)} to a {one.f}; that should be "
    reason += f"{step.expected}."
    return Anomaly("malformed", reason, (one,), {"value": step.found, "node": one.node})


_SKIPPED_SHOWN = 8


def _skip(gap: Gap, offsets: list[int], inside: range, logs: Logs) -> Anomaly:
    skipped = [offsets[index] for index in inside[:_SKIPPED_SHOWN]]
    places = [place for offset in skipped for place in logs.at[gap.key][offset].values()]
    within = gap.earlier is gap.operation
    from_ = f"after offset {gap.low}" if gap.earlier else f"from offset {gap.low + 1}, as asked,"
    reason = (
        f"Process {gap.operation.process} polled key {gap.key} {from_} and got offset {gap.high} "
        f"next{' in the same poll' if within else ''}, over {counted(len(inside), 'message')} in "
        f"between (the first: {shown(places[0].message)} at offset {skipped[0]})."
    )
    witnesses = [gap.earlier] if gap.earlier and not within else []
    data = {
        "key": gap.key, "from": gap.low, "to": gap.high, "skipped": skipped, "count": len(inside),
    }  # fmt: skip
    operations = (*witnesses, gap.operation, places[0].operation)
    return Anomaly("int-poll-skip" if within else "poll-skip", reason, operations, data)


def _nonmonotonic_poll(poll: Poll, low: int, high: int, earlier: Operation) -> Anomaly:
    where = "inside one poll" if earlier is poll.operation else "in a later poll"
    reason = f"Process {poll.operation.process} polled offset {low} of key {poll.key} and then, "
    reason += f"{where}, offset {high}."
    data = {"key": poll.key, "offsets": [low, high]}
    return _between("nonmonotonic-poll", reason, earlier, poll.operation, data)


def _between(
    kind: str, reason: str, earlier: Operation, later: Operation, data: dict[str, Any]
) -> Anomaly:
    """Make an anomaly of two operations; of one alone its kind says so."""
    if earlier is later:
        return Anomaly(f"int-{kind}", reason, (later,), data)
    return Anomaly(kind, reason, (earlier, later), data)


def _asked_for_more(poll: Poll, first: int) -> Anomaly:
    reason = f"Process {poll.operation.process} polled key {poll.key} from offset {poll.asked} "
    reason += f"and was given offset {first}, which lies before."
    data = {"key": poll.key, "offsets": [poll.asked, first]}
    return Anomaly("nonmonotonic-poll", reason, (poll.operation,), data)


def _nonmonotonic_send(earlier: Send, later: Send) -> Anomaly:
    reason = (
        f"Process {later.operation.process} sent {shown(earlier.message)} and then "
        f"{shown(later.message)} to key {later.key}; the first is at offset {earlier.offset}, "
        f"the second at {later.offset}."
    )
    data = {"key": later.key, "offsets": [earlier.offset, later.offset]}
    return _between("nonmonotonic-send", reason, earlier.operation, later.operation, data)
