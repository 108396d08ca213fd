"""Acknowledged messages that nobody polled, and polls that came back empty.

A message may show late: nothing is promised of how soon. It is lost where polls went past it, and
unseen where late polls that should return it find nothing.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import Any, NamedTuple

from clew.checkers.kafka.clients import Gap
from clew.checkers.kafka.logs import Logs, end_of
from clew.checkers.kafka.steps import Poll, Send, is_final
from clew.checkers.values import key_of, shown
from clew.checkers.verdict import Anomaly
from clew.history import History, Operation


def quiet_from(history: History) -> int:
    """Return the position after which a poll is late: no send is open and no fault may stand."""
    last = -1
    for one in history.operations:
        if one.f in {"send", "txn"}:
            last = max(last, end_of(one))
    # Backwards to the last event of the nemesis: until then a fault may stand.
    for position in range(len(history.events) - 1, last, -1):
        if isinstance(history.events[position].process, str):
            return position
    return last


class Empty(NamedTuple):
    """A poll that came back empty, and an acknowledged message that it should show."""

    poll: Poll
    send: Send


def empty_polls(logs: Logs) -> list[Empty]:
    """List the polls from an offset that came back empty, though the log surely held more then."""
    empty = [
        poll
        for poll in logs.polls
        if not poll.messages and poll.asked is not None and poll.operation.type == "ok"
    ]
    acknowledged = [send for send in logs.sends if _is_placed(send)] if empty else []
    acknowledged.sort(key=lambda send: end_of(send.operation))
    latest: dict[str, Send] = {}
    found = []
    over = 0
    # Invariant: `latest` holds per key the furthest of the messages acknowledged before this poll.
    for poll in empty:
        began = poll.operation.invoked
        while over < len(acknowledged) and end_of(acknowledged[over].operation) < began:
            send = acknowledged[over]
            if send.key not in latest or _offset(send) > _offset(latest[send.key]):
                latest[send.key] = send
            over += 1
        there = latest.get(poll.key)
        if there is not None and _offset(there) >= (poll.asked or 0):
            found.append(Empty(poll, there))
    return found


def _is_placed(send: Send) -> bool:
    return send.operation.type == "ok" and send.offset is not None


def _offset(send: Send) -> int:
    return -1 if send.offset is None else send.offset


def stale_polls(empty: list[Empty], history: History, *, quiet: int, strong: bool) -> list[Anomaly]:
    """List the empty polls that are wrong: at the end, and everywhere if that is asked for."""
    return [
        _stale(one)
        for one in empty
        if strong or (one.poll.operation.invoked > quiet and is_final(history, one.poll.operation))
    ]


def _stale(empty: Empty) -> Anomaly:
    poll, send = empty.poll, empty.send
    at = f" at {poll.operation.node}" if poll.operation.node else ""
    reason = (
        f"Process {poll.operation.process} polled key {poll.key}{at} from offset {poll.asked} and "
        f"got nothing, though {shown(send.message)} had been acknowledged at offset {send.offset}."
    )
    data = {"key": poll.key, "from": poll.asked, "node": poll.operation.node}
    return Anomaly("stale-poll", reason, (send.operation, poll.operation), data)


def unread(logs: Logs, gaps: list[Gap], quiet: int) -> tuple[list[Anomaly], int]:
    """List the acknowledged messages surely lost, and count the others that nobody polled."""
    passed = _merged(gaps)
    ends = _late_ends(logs, quiet)
    found = []
    others = 0
    for send in logs.sends:
        seen = logs.polled.get(send.key, {})
        known = send.operation.type == "ok"
        if not (known or send.offset is not None) or key_of(send.message) in seen:
            continue
        # Passed over by a poll: nobody can get it any more. Before a late empty poll: it should
        # have shown. Of all others nobody knows.
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


def _merged(gaps: list[Gap]) -> dict[str, list[Gap]]:
    """Merge gaps, per key, into those in order that cover the same; none lies inside another."""
    merged: dict[str, list[Gap]] = {}
    # By their beginning, the longer first: one that does not reach further lies inside the last.
    for gap in sorted(gaps, key=lambda gap: (gap.key, gap.low, -gap.high)):
        ours = merged.setdefault(gap.key, [])
        if not ours or gap.high > ours[-1].high:
            ours.append(gap)
    return merged


def _passer(gaps: list[Gap], offset: int | None) -> Gap | None:
    """Find the gap that passes over an offset. Both ends of the gaps increase: O(log n)."""
    if offset is None:
        return None
    index = bisect_left(gaps, offset, key=lambda gap: gap.low) - 1
    return gaps[index] if index >= 0 and gaps[index].high > offset else None


def _late_ends(logs: Logs, quiet: int) -> dict[str, tuple[int, Operation]]:
    """Return per key the lowest offset from which a late poll found nothing, and the poll."""
    ends: dict[str, tuple[int, Operation]] = {}
    reached: dict[tuple[Any, str], int] = {}
    # Invariant: `reached` has where each process goes on in each log.
    for poll in logs.polls:
        name = (poll.operation.process, poll.key)
        if poll.messages:
            reached[name] = poll.messages[-1][0] + 1
        elif poll.operation.invoked > quiet:
            start = poll.asked if poll.asked is not None else reached.get(name, 0)
            if poll.key not in ends or start < ends[poll.key][0]:
                ends[poll.key] = (start, poll.operation)
    return ends


def _lost(send: Send, gap: Gap) -> Anomaly:
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
