"""Polls of what is not there: of nobody's messages, of failed sends, of the future, of one's own.

A poll inside a failed or indeterminate transaction is judged too, but for aborted reads: by its
definition (Adya, 1999; Jepsen's check) the reader of one committed.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from clew.checkers.kafka.logs import Logs, end_of
from clew.checkers.kafka.steps import Poll, Send
from clew.checkers.values import Key, key_of, shown
from clew.checkers.verdict import Anomaly


class Reads(NamedTuple):
    """What is wrong with the polls, and how many aborted reads are not judged."""

    anomalies: list[Anomaly]
    left_out: int


def reads_of_nothing(logs: Logs) -> Reads:
    """Find phantoms, aborted reads and precommitted reads, each message once."""
    possible: dict[tuple[str, Key], int] = {}
    for send in logs.sends:
        if send.operation.type != "fail":
            possible.setdefault((send.key, key_of(send.message)), send.operation.invoked)
    senders = {send.operation.number for send in logs.sends}
    found = []
    left_out = 0
    told: set[tuple[str, Key]] = set()
    for poll in logs.polls:
        end = end_of(poll.operation)
        sends_too = poll.operation.number in senders
        # It may show from the moment its first send that did not fail was invoked.
        for offset, message in poll.messages:
            name = (poll.key, key_of(message))
            if possible.get(name, end) >= end and name not in told:
                wrong = _nothing(poll, message, offset, logs.attempts.get(name, []))
                if wrong is None:
                    left_out += 1
                else:
                    told.add(name)
                    found.append(wrong)
            if sends_too and _is_own(poll, logs.attempts.get(name, [])):
                found.append(_precommitted(poll, message, offset))
    return Reads(found, left_out)


def _is_own(poll: Poll, sends: list[Send]) -> bool:
    return any(send.operation is poll.operation for send in sends)


def _nothing(poll: Poll, message: Any, offset: int, sends: list[Send]) -> Anomaly | None:
    reason = f"Process {poll.operation.process} polled {shown(message)} at offset {offset} of "
    aborted = bool(sends) and all(send.operation.type == "fail" for send in sends)
    if aborted and poll.operation.type != "ok":
        return None
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
