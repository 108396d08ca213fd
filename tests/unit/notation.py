"""Histories of transactions written on one line, for tests, lessons and bug reports.

    {x+1 y=[]} {y+2} | {x=[1] y=[2]}

A transaction stands in braces. Micro-operations: ``x+1`` appends 1 to list x, ``x=[1 2]`` read
list x and saw 1 2, ``x:=1`` writes 1 to register x, ``x=1`` read register x and saw 1, ``x=nil``
read nothing. Values are ints, or words for strings.

Transactions between two bars are concurrent; a bar means that everything before it was over
before anything after it began, but for a transaction with ``>`` after its braces, which goes on
until the next bar, or with ``>>`` until the one after that. Each transaction has a process of its
own unless one is named: ``p1{...}``. At the end, ``!`` means it aborted and ``?`` that its outcome
is unknown.
"""

from __future__ import annotations

import re
from typing import Any, Literal

from clew.errors import UsageError
from clew.history import Event, EventType, History

_TRANSACTION = re.compile(
    r"\s*(?:p(?P<process>\d+))?\{(?P<body>[^}]*)\}(?P<longer>>*)(?P<outcome>[!?]?)"
)
_MICRO = re.compile(
    r"\s*(?P<key>\w+)(?:\+(?P<append>-?\w+)|:=(?P<write>-?\w+)"
    r"|=\[(?P<list>[^\]]*)\]|=(?P<read>-?\w+))"
)
_OUTCOMES: dict[str, EventType] = {"": "ok", "!": "fail", "?": "info"}
_FIRST_UNNAMED = 1000


def parse(text: str) -> History:
    """The history that a line describes.

    Raises:
        UsageError: the line can't be read, or a process has two transactions between two bars.
    """
    events: list[Event] = []
    unnamed = _FIRST_UNNAMED
    answers: list[tuple[int, Event]] = []  # each with the phase in which it comes
    for number, phase in enumerate(text.split("|")):
        calls = [answer for _, answer in answers]
        first = len(calls)
        position = 0
        while phase[position:].strip():
            match = _TRANSACTION.match(phase, position)
            if match is None:
                raise _unreadable(phase[position:], "a transaction such as {x+1 y=[2]}")
            position = match.end()
            process = int(match["process"]) if match["process"] else unnamed
            unnamed += not match["process"]
            if any(call.process == process for call in calls):
                raise _unreadable(match[0], "one transaction of each process between two bars")
            result = _micro_operations(match["body"])
            asked = [[f, key, None if f == "r" else value] for f, key, value in result]
            outcome = _OUTCOMES[match["outcome"]]
            calls.append(Event(process, "invoke", "txn", asked))
            answer = Event(process, outcome, "txn", result if outcome == "ok" else asked)
            answers.append((number + len(match["longer"]), answer))
        events += calls[first:]
        events += [answer for end, answer in answers if end == number]
        answers = [(end, answer) for end, answer in answers if end > number]
    return History([*events, *(answer for _, answer in answers)], source="notation")


def _micro_operations(body: str) -> list[list[Any]]:
    found: list[list[Any]] = []
    position = 0
    while body[position:].strip():
        match = _MICRO.match(body, position)
        if match is None:
            raise _unreadable(body[position:], "x+1, x:=1, x=1, x=nil or x=[1 2]")
        position = match.end()
        kind: Literal["append", "write", "list", "read"] = match.lastgroup  # type: ignore[assignment]
        key = match["key"]
        match kind:
            case "append":
                found.append(["append", key, _value(match["append"])])
            case "write":
                found.append(["w", key, _value(match["write"])])
            case "list":
                found.append(["r", key, [_value(word) for word in match["list"].split()]])
            case _:
                found.append(["r", key, _value(match["read"])])
    return found


def _value(word: str) -> Any:
    if word == "nil":
        return None
    return int(word) if word.lstrip("-").isdigit() else word


def _unreadable(found: str, expected: str) -> UsageError:
    return UsageError("a line of transactions can't be read", expected=expected, found=repr(found))
