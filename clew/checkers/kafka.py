"""Kafka-style logs: what was acknowledged is read, once, in order, by everyone.

Each key has a log, in which each message has one offset. Offsets may have holes: only a message
that somebody sent and somebody saw (its sender in the acknowledgement, or a poll) can be missed.

- ``lost-write``: acknowledged, never polled by anyone, though a poll went past its offset; or sent
  by a transaction of unknown outcome of which another message was polled;
- ``unseen``: acknowledged and never polled, though a late poll that should return it came back
  empty. Where no poll got that far, nobody knows: UNKNOWN;
- ``duplicate``: one message at more offsets than it was sent times;
- ``inconsistent-offsets``: different messages at one offset;
- ``poll-skip``: a client's polls step over a message; ``int-poll-skip`` inside one poll;
- ``nonmonotonic-poll``: a client's poll goes back without being asked to; ``int-nonmonotonic-poll``
  inside one poll;
- ``nonmonotonic-send``: a client's later send gets a lower offset; ``int-nonmonotonic-send``
  inside one transaction;
- ``G1a``: a poll returns a message whose send failed for sure (aborted read);
- ``precommitted-read``: a transaction polls what it sent itself;
- ``phantom``: a poll returns what nobody had sent by then;
- ``malformed``: an answer that is none.

Left out: cycles between transactions (G0, G1c), and the values of committed offsets, which
clients may set as they like.

Source: the Kafka workloads of Jepsen (``jepsen.tests.kafka``) and Maelstrom.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

from clew.checkers.collector import uncollected
from clew.checkers.kafka_log import Garbled, Moved, Poll, Send, Step, in_effect, steps_of
from clew.checkers.values import Key, counted, key_of, listed, shown
from clew.checkers.verdict import Anomaly, Budget, Result, Verdict
from clew.history import History, Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class Kafka:
    """INVALID with each anomaly of the module; UNKNOWN where acknowledged messages stay unread.

    O(n log n) in the number of messages sent and polled. For the operations' forms see
    `clew.checkers.kafka_log`.

    Args:
        name: the word in the report.
    """

    name: str = "kafka"

    def check(self, history: History, budget: Budget) -> Result:
        """The verdict.

        Raises:
            HistoryError: a request is neither a send nor a poll in a form that is known.
        """
        with uncollected():
            return self._judge(history, budget)

    def _judge(self, history: History, budget: Budget) -> Result:
        budget.spend(0)
        logs = _Logs(steps_of(history))
        budget.spend(0)
        clients = _Clients(logs)
        for step in logs.steps:
            clients.follow(step)
        lost, unread = _unread(logs, clients.gaps, _quiet_from(history))
        anomalies = [
            *lost,
            *logs.misplaced(),
            *clients.skips(),
            *clients.anomalies,
            *_reads_of_nothing(logs),
        ]
        figures = {
            "acknowledged": sum(1 for send in logs.sends if send.operation.type == "ok"),
            "polled": logs.polled_count,
            "unread": unread,
        }
        verdict, reason = _judge(anomalies, unread, logs)
        return Result(self.name, verdict, reason, tuple(anomalies), "logs", 0.0, figures)


def _judge(anomalies: list[Anomaly], unread: int, logs: _Logs) -> tuple[Verdict, str]:
    if anomalies:
        kinds = Counter(one.kind for one in anomalies)
        tally = ", ".join(f"{kind}: {count}" for kind, count in kinds.items())
        return Verdict.INVALID, f"The logs are wrong ({tally}). {anomalies[0].reason}"
    if unread:
        messages = counted(unread, "acknowledged message")
        reason = f"No poll returned {messages}, and none got that far."
        return Verdict.UNKNOWN, reason
    if not logs.polled_count:
        return Verdict.UNKNOWN, "No poll returned anything, so nothing was checked."
    reason = f"All acknowledged messages were polled, in order; {logs.polled_count} were returned."
    return Verdict.VALID, reason


def _end(operation: Operation) -> int:
    return operation.invoked if operation.completed is None else operation.completed


def _quiet_from(history: History) -> int:
    """The position after which a poll is late: no send is open and no fault may stand."""
    last = -1
    for one in history.operations:
        if one.f in {"send", "txn"}:
            last = max(last, _end(one))
    for position in range(len(history.events) - 1, last, -1):
        if isinstance(history.events[position].process, str):
            return position
    return last


class _Place(NamedTuple):
    """A message, and where its being there was seen first."""

    message: Any
    offset: int
    operation: Operation


class _Logs:
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
        self.at: dict[str, dict[int, dict[Key, _Place]]] = {}
        self.polled: dict[str, dict[Key, Poll]] = {}
        self.polled_count = 0
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
            there[name] = _Place(message, offset, operation)
        return name

    def between(self, key: str, low: int, high: int) -> range:
        """Indices into ``offsets[key]`` of the messages strictly between two offsets."""
        offsets = self.offsets.get(key, [])
        return range(bisect_right(offsets, low), bisect_left(offsets, high))

    def misplaced(self) -> list[Anomaly]:
        """Messages at several offsets, and offsets with several messages."""
        found = []
        for key, log in self.at.items():
            homes: dict[Key, list[_Place]] = {}
            for offset in self.offsets[key]:
                if len(log[offset]) > 1:
                    found.append(_inconsistent(key, offset, list(log[offset].values())))
                for message, place in log[offset].items():
                    homes.setdefault(message, []).append(place)
            for message, places in homes.items():
                sends = self.attempts.get((key, message), [])
                if len(places) > max(1, len(sends)):
                    found.append(_duplicate(key, places, len(sends)))
        return found


def _inconsistent(key: str, offset: int, places: list[_Place]) -> Anomaly:
    messages = [place.message for place in places]
    reason = f"Offset {offset} of key {key} holds different messages: "
    reason += f"{listed([shown(message) for message in messages])} were seen there."
    data = {"key": key, "offset": offset, "messages": messages}
    return Anomaly("inconsistent-offsets", reason, tuple(one.operation for one in places), data)


def _duplicate(key: str, places: list[_Place], sent: int) -> Anomaly:
    offsets = [place.offset for place in places]
    reason = f"Message {shown(places[0].message)} of key {key} was sent {counted(sent, 'time')} "
    reason += f"and is at offsets {listed([str(offset) for offset in offsets])}."
    data = {"key": key, "message": places[0].message, "offsets": offsets}
    return Anomaly("duplicate", reason, tuple(one.operation for one in places), data)


class _Gap(NamedTuple):
    """A poll stepped from offset ``low`` to ``high``: what lies strictly between was passed over.

    ``earlier`` is the operation that had read ``low``; None where the step starts at the offset
    that was asked for, or at the beginning of the log (``low`` is then -1, and only a write that
    nobody ever reads can count as passed over).
    """

    key: str
    low: int
    high: int
    earlier: Operation | None
    operation: Operation
    sure: bool


class _Clients:
    """Follows each process's sends and polls.

    Invariant: ``position`` holds, per process and key, the last offset its polls returned, and
    the poll; it is forgotten when the process may move.
    """

    def __init__(self, logs: _Logs) -> None:
        self.logs = logs
        self.anomalies: list[Anomaly] = []
        self.gaps: list[_Gap] = []
        self.position: dict[Any, dict[str, tuple[int, Operation]]] = {}
        self.sent: dict[tuple[Any, str], Send] = {}

    def follow(self, step: Step) -> None:
        """Takes in the next step."""
        if isinstance(step, Moved):
            self.position.pop(step.operation.process, None)
        elif isinstance(step, Send):
            self._send(step)
        elif isinstance(step, Poll):
            self._poll(step)
        else:
            self.anomalies.append(_malformed(step))

    def _send(self, send: Send) -> None:
        if send.offset is None:
            return
        name = (send.operation.process, send.key)
        earlier = self.sent.get(name)
        if earlier is not None and earlier.offset is not None and earlier.offset >= send.offset:
            self.anomalies.append(_nonmonotonic_send(earlier, send))
        self.sent[name] = send

    def _poll(self, poll: Poll) -> None:
        if not poll.messages:
            return
        offsets = [offset for offset, _ in poll.messages]
        self._start(poll, offsets[0])
        for low, high in pairwise(offsets):
            if high <= low:
                self.anomalies.append(_nonmonotonic_poll(poll, low, high, poll.operation))
            elif high > low + 1:
                self.gaps.append(
                    _Gap(poll.key, low, high, poll.operation, poll.operation, sure=True)
                )
        last = self.position.setdefault(poll.operation.process, {})
        last[poll.key] = (offsets[-1], poll.operation)

    def _start(self, poll: Poll, first: int) -> None:
        """Judges the step to the first offset of a poll."""
        key, one = poll.key, poll.operation
        low, earlier = self.position.get(one.process, {}).get(key, (-1, None))
        if poll.asked is not None:
            if first < poll.asked:
                self.anomalies.append(_asked_for_more(poll, first))
            elif first > poll.asked:
                self.gaps.append(_Gap(key, poll.asked - 1, first, None, one, sure=True))
        elif earlier is not None and first <= low:
            self.anomalies.append(_nonmonotonic_poll(poll, low, first, earlier))
        elif first > low + 1:
            self.gaps.append(_Gap(key, low, first, earlier, one, sure=earlier is not None))

    def skips(self) -> list[Anomaly]:
        """The gaps that hold messages which somebody saw."""
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


def _skip(gap: _Gap, offsets: list[int], inside: range, logs: _Logs) -> Anomaly:
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
    within = earlier is poll.operation
    where = "inside one poll" if within else "in a later poll"
    reason = f"Process {poll.operation.process} polled offset {low} of key {poll.key} and then, "
    reason += f"{where}, offset {high}."
    operations = (poll.operation,) if within else (earlier, poll.operation)
    kind = "int-nonmonotonic-poll" if within else "nonmonotonic-poll"
    return Anomaly(kind, reason, operations, {"key": poll.key, "offsets": [low, high]})


def _asked_for_more(poll: Poll, first: int) -> Anomaly:
    reason = f"Process {poll.operation.process} polled key {poll.key} from offset {poll.asked} "
    reason += f"and was given offset {first}, which lies before."
    data = {"key": poll.key, "offsets": [poll.asked, first]}
    return Anomaly("nonmonotonic-poll", reason, (poll.operation,), data)


def _nonmonotonic_send(earlier: Send, later: Send) -> Anomaly:
    within = earlier.operation is later.operation
    reason = (
        f"Process {later.operation.process} sent {shown(earlier.message)} and then "
        f"{shown(later.message)} to key {later.key}; the first is at offset {earlier.offset}, "
        f"the second at {later.offset}."
    )
    operations = (later.operation,) if within else (earlier.operation, later.operation)
    data = {"key": later.key, "offsets": [earlier.offset, later.offset]}
    kind = "int-nonmonotonic-send" if within else "nonmonotonic-send"
    return Anomaly(kind, reason, operations, data)


def _reads_of_nothing(logs: _Logs) -> list[Anomaly]:
    """Phantoms, aborted reads and precommitted reads, each message once."""
    possible: dict[tuple[str, Key], int] = {}
    for send in logs.sends:
        if send.operation.type != "fail":
            possible.setdefault((send.key, key_of(send.message)), send.operation.invoked)
    senders = {send.operation.number for send in logs.sends}
    found = []
    told: set[tuple[str, Key]] = set()
    for poll in logs.polls:
        end = _end(poll.operation)
        for offset, message in poll.messages:
            name = (poll.key, key_of(message))
            if possible.get(name, end) >= end and name not in told:
                told.add(name)
                found.append(_nothing(poll, message, offset, logs.attempts.get(name, [])))
            if poll.operation.number in senders and _is_own(poll, logs.attempts.get(name, [])):
                found.append(_precommitted(poll, message, offset))
    return found


def _is_own(poll: Poll, sends: list[Send]) -> bool:
    return any(send.operation is poll.operation for send in sends)


def _nothing(poll: Poll, message: Any, offset: int, sends: list[Send]) -> Anomaly:
    reason = f"Process {poll.operation.process} polled {shown(message)} at offset {offset} of "
    aborted = bool(sends) and all(send.operation.type == "fail" for send in sends)
    if aborted:
        reason += f"key {poll.key}, though its send failed."
    elif sends:
        reason += f"key {poll.key} before anyone sent it."
    else:
        reason += f"key {poll.key}, which nobody sent."
    operations = (*(send.operation for send in sends), poll.operation)
    data = {"key": poll.key, "offset": offset, "message": message}
    return Anomaly("G1a" if aborted else "phantom", reason, operations, data)


def _precommitted(poll: Poll, message: Any, offset: int) -> Anomaly:
    reason = f"A transaction of process {poll.operation.process} polled {shown(message)} at "
    reason += f"offset {offset} of key {poll.key}, which it had sent itself and not yet committed."
    data = {"key": poll.key, "offset": offset, "message": message}
    return Anomaly("precommitted-read", reason, (poll.operation,), data)


def _unread(logs: _Logs, gaps: list[_Gap], quiet: int) -> tuple[list[Anomaly], int]:
    """The acknowledged messages that nobody polled: those surely lost, and how many others."""
    passed = _merged(gaps)
    ends = _late_ends(logs, quiet)
    found = []
    others = 0
    for send in logs.sends:
        seen = logs.polled.get(send.key, {})
        known = send.operation.type == "ok"
        if not (known or send.offset is not None) or key_of(send.message) in seen:
            continue
        passer = _passer(passed.get(send.key, []), send.offset)
        empty = ends.get(send.key)
        if passer is not None:
            found.append(_lost(send, passer))
        elif not known:
            continue
        elif empty is not None and (send.offset is None or empty[0] <= send.offset):
            found.append(_unseen(send, empty[1]))
        else:
            others += 1
    return found, others


def _merged(gaps: list[_Gap]) -> dict[str, list[_Gap]]:
    """Per key, gaps in order that cover the same offsets; none lies inside another."""
    merged: dict[str, list[_Gap]] = {}
    for gap in sorted(gaps, key=lambda gap: (gap.key, gap.low, -gap.high)):
        ours = merged.setdefault(gap.key, [])
        if not ours or gap.high > ours[-1].high:
            ours.append(gap)
    return merged


def _passer(gaps: list[_Gap], offset: int | None) -> _Gap | None:
    """The gap that passes over an offset. Both ends of the gaps increase: O(log n)."""
    if offset is None:
        return None
    index = bisect_left(gaps, offset, key=lambda gap: gap.low) - 1
    return gaps[index] if index >= 0 and gaps[index].high > offset else None


def _late_ends(logs: _Logs, quiet: int) -> dict[str, tuple[int, Operation]]:
    """Per key, the lowest offset from which a late poll found nothing, and the poll."""
    ends: dict[str, tuple[int, Operation]] = {}
    reached: dict[tuple[Any, str], int] = {}
    for poll in logs.polls:
        name = (poll.operation.process, poll.key)
        if poll.messages:
            reached[name] = poll.messages[-1][0] + 1
        elif poll.operation.invoked > quiet:
            start = poll.asked if poll.asked is not None else reached.get(name, 0)
            if poll.key not in ends or start < ends[poll.key][0]:
                ends[poll.key] = (start, poll.operation)
    return ends


def _lost(send: Send, gap: _Gap) -> Anomaly:
    reason = (
        f"Message {shown(send.message)} of key {send.key} was {_put(send)} at offset "
        f"{send.offset}, and no poll ever returned it, though process {gap.operation.process} "
        f"went on to offset {gap.high}."
    )
    data = {"key": send.key, "offset": send.offset, "message": send.message}
    return Anomaly("lost-write", reason, (send.operation, gap.operation), data)


def _put(send: Send) -> str:
    if send.operation.type == "ok":
        return "acknowledged"
    return "sent by a transaction that took effect, as a poll of another of its messages shows,"


def _unseen(send: Send, poll: Operation) -> Anomaly:
    reason = (
        f"Message {shown(send.message)} of key {send.key} was acknowledged and no poll ever "
        f"returned it; at the end process {poll.process} polled from before it and got nothing."
    )
    data = {"key": send.key, "offset": send.offset, "message": send.message}
    return Anomaly("unseen", reason, (send.operation, poll), data)
