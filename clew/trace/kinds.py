"""The kinds of event that a trace holds, and what each of their fields means.

The reference page and the fields of every reader come from this table.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Kind(NamedTuple):
    """A row of the table.

    Attributes:
        meaning: what happened.
        fields: the meaning of each by name, in the order in which a record holds them.
    """

    meaning: str
    fields: Mapping[str, str]


_NUMBER = "the message's number in the run, from 1"
_PROCESS = "the number of the client's process"
_FUNCTION = "the operation, such as `read`"
_ERROR = "why, with the code and text of an error; null if nothing is known"
_NODE = "the node's name"
_FAULT = {
    "id": "the fault's id in the plan",
    "fault": "its kind, such as `kill`",
}


def _kind(meaning: str, **fields: str) -> Kind:
    return Kind(meaning, fields)


KINDS: dict[str, Kind] = {
    "send": _kind(
        "a message leaves its sender",
        message=_NUMBER,
        link="the number of the link from its sender to its receiver",
        body="what it says",
    ),
    "deliver": _kind("a message reaches its receiver", message=_NUMBER),
    "link": _kind(
        "a pair of endpoints exchanges its first message; later records name it by number",
        link="the link's number in the run, from 0",
        src="the sender: a node, a service, or a client such as `c1`",
        dest="the receiver",
    ),
    "drop": _kind(
        "a message is lost, and why",
        message=_NUMBER,
        why="`partition`: the link is cut; `down`: its receiver is down, or has restarted since; "
        "otherwise the kind of the fault that lost it",
    ),
    "duplicate": _kind(
        "a message will arrive once more, as the message with the number `copy`",
        message=_NUMBER,
        copy="the copy's number, under which later events refer to it",
    ),
    "start": _kind(
        "an incarnation of a node begins",
        node=_NODE,
        incarnation="its rank among the node's incarnations, from 1",
    ),
    "crash": _kind(
        "a node's process ends, and what became of its unsynced writes",
        node=_NODE,
        why="the kind of the fault that ended it, or `not in the core` if only a core heals",
        unsynced="what was to become of unsynced writes (`lost`, `torn` or `kept`), how "
        "many were lost, and how many were torn",
    ),
    "pause": _kind("nothing of a node runs from here on", node=_NODE),
    "resume": _kind("a paused node goes on", node=_NODE),
    "slow": _kind(
        "a node works slower, or as fast as before",
        node=_NODE,
        times="how many times as long as at full speed its work takes from here on",
    ),
    "work": _kind(
        "a worker of a node has done what a `work()` call requested",
        node=_NODE,
        waited_ns="how long it waited for a worker, ns",
        took_ns="how long the worker took, ns",
    ),
    "timer": _kind("a timer of a node fires", node=_NODE, name="the timer's name"),
    "sync": _kind(
        "a node's writes become durable",
        node=_NODE,
        writes="how many writes were not durable before",
    ),
    "log": _kind("a node wrote a line", node=_NODE, text="the line"),
    "state": _kind(
        "a node's server state, as it reports it",
        node=_NODE,
        state="an object whose `role` is the node's server state, such as `leader`, or null",
    ),
    "members": _kind(
        "a node learns that members of the cluster have come or gone",
        node=_NODE,
        members="those there are now, in the order in which they came",
    ),
    "trigger": _kind(
        "what a fault waited for has happened, and it strikes",
        **_FAULT,
        detail="what happened, in words",
    ),
    "fault": _kind(
        "a fault begins, and what it did",
        **_FAULT,
        detail="what it did, in words; each step of a fault is an event",
    ),
    "heal": _kind(
        "a fault ends, and what it did in all", **_FAULT, detail="what it did in all, in words"
    ),
    "clock": _kind(
        "a node's clock changes",
        node=_NODE,
        detail="`wall` and its step in ns, or `rate` and how much faster than true time it "
        "runs, in ppm",
    ),
    "phase": _kind("the run enters its recovery or its final reads", name="`recover` or `final`"),
    "invoke": _kind(
        "a client begins an operation",
        process=_PROCESS,
        f=_FUNCTION,
        value="its argument, as the history has it",
        node="the node that is asked",
    ),
    "retry": _kind(
        "a client repeats a request that was not answered",
        process="the process that sent it before",
        now="the process under which it goes on",
        f=_FUNCTION,
        node="the node that gets the request now",
        attempt="which try this is, from 2",
    ),
    "hedge": _kind(
        "a client sends a second node a request that another has not answered",
        process=_PROCESS,
        now="the process whose operation it is if this node's answer counts",
        f=_FUNCTION,
        node="the second node",
    ),
    "ok": _kind(
        "an operation happened", process=_PROCESS, f=_FUNCTION, value="its result", error="null"
    ),
    "fail": _kind(
        "an operation did not happen",
        process=_PROCESS,
        f=_FUNCTION,
        value="its argument",
        error=_ERROR,
    ),
    "info": _kind(
        "nobody knows whether an operation happened",
        process=_PROCESS,
        f=_FUNCTION,
        value="its argument",
        error=_ERROR,
    ),
    "effect": _kind(
        "a node marked where a request takes effect",
        node=_NODE,
        client="the client that sent the request",
        request="the request's `msg_id`",
    ),
    "finding": _kind(
        "something is wrong in itself, such as an exception or a broken invariant",
        finding="its kind, such as `invariant`",
        node="the node's name; empty if it is about the cluster",
        reason="what is wrong, in words",
    ),
}

OF_MESSAGES = frozenset({"deliver", "drop", "duplicate"})
"""The events of a message: a reader also gets its sender, its receiver and its body."""

ARRIVALS = frozenset({"deliver", "drop"})
"""How a message or a copy of one ends."""
