"""The words for what happened: events and what led to them, operations, values and times."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clew.history import Operation
from clew.machine.text import first_parts, json_words, one_line, outer_parts
from clew.node.timer import NS_PER_SECOND

if TYPE_CHECKING:
    from clew.trace.record import TraceEvent
    from clew.trace.timeline import SentMessage

VALUE_WIDTH = 60
"""A longer value is shown by its two ends."""

BODY_WIDTH = 90

HOPS_MAX = 9
"""A longer chain of messages is cut to its last ones."""


_WORDS = {
    # by kind of event: what happens, with its fields and what `told` adds to them
    "send": "{src} sends {what} to {dest}",
    "deliver": "{dest} receives {what} from {src}",
    "duplicate": "{what} from {src} to {dest} is copied",
    "drop": "{what} from {src} to {dest} is lost ({why})",
    "start": "{node} starts",
    "crash": "{node} goes down",
    "pause": "{node} stands still",
    "resume": "{node} goes on",
    "sync": "{node}'s disk is synced",
    "slow": "{node} works {pace}",
    "work": "{node} has worked {took}{waited}",
    "log": "{node} logs {text!r}",
    "state": "{node} is now {now}",
    "members": "{node} learns that the members are {members}",
    "clock": "{node}'s clock: {detail}",
    "effect": "{node} carries out request {request} of {client}",
    "finding": "{where}: {reason}",
    "retry": "process {process} asks {node} again for {f}{renamed}, attempt {attempt}",
    "hedge": "process {process} asks {node} too for {f}",
    "ok": "process {process} is answered {answer}",
    "fail": "process {process}'s {f} fails",
    "info": "process {process}'s {f} stays without an answer",
}


def told(event: TraceEvent) -> str:
    """Describe what happens, without the time."""
    fields = {**event.fields}
    match event.kind:
        case "send" | "deliver" | "duplicate" | "drop":
            fields["what"] = body_words(fields["body"])
        case "state":
            fields["now"] = one_line(str(fields["state"].get("role") or "in no state"))
        case "slow":
            times = fields["times"]
            fields["pace"] = "at full speed" if times == 1 else f"{times} times as slowly"
        case "work":
            fields["took"] = duration(fields["took_ns"])
            waited = fields["waited_ns"]
            fields["waited"] = f", having waited {duration(waited)}" if waited else ""
        case "members":
            fields["members"] = ", ".join(fields["members"])
        case "finding":
            fields["where"] = fields["node"] or "the cluster"
        case "retry":
            same = fields["now"] == fields["process"]
            fields["renamed"] = "" if same else f" as process {fields['now']}"
        case "ok":
            fields["answer"] = short(fields["value"])
    return _WORDS.get(event.kind, event.kind).format_map(fields)


def body_words(body: dict[str, Any]) -> str:
    """Describe a message: its type, and its fields if they are few."""
    fields = {name: value for name, value in body.items() if name not in _ROUTINE}
    kind = one_line(str(body.get("type", "message")))
    return f"{kind} {short(fields)}" if fields else kind


def way(message: SentMessage | None) -> str:
    """List the messages between nodes that led to one, and itself, such as ``n1 -vote-> n2``.

    Empty if a node acted by itself.
    """
    from clew.trace.timeline import is_client  # noqa: PLC0415 - histories have no messages

    chain = message.chain(HOPS_MAX) if message is not None else []
    hops = [hop for hop in chain if not is_client(hop.src) and not is_client(hop.dest)]
    return (
        hops[0].src + "".join(f" -{one_line(hop.type)}-> {hop.dest}" for hop in hops)
        if hops
        else ""
    )


_ROUTINE = frozenset({"type", "msg_id", "in_reply_to"})


def short(value: Any) -> str:
    """Write a value as JSON, cut at its end if it is long."""
    return first_parts(json_words(value), BODY_WIDTH)


# Operations, values and times.


def time(ns: int | None) -> str:
    """Write a virtual time in seconds, to the microsecond; ``?`` if there is none."""
    return "?" if ns is None else f"{ns / NS_PER_SECOND:.6f} s"


def duration(ns: int) -> str:
    """Write a duration in seconds, to six digits."""
    return f"{ns / NS_PER_SECOND:.6g} s"


def span(start: int | None, end: int | None) -> str:
    """Write two virtual times as an interval."""
    if start == end or end is None:
        return time(start)
    return f"{time(start).removesuffix(' s')} - {time(end)}"


def value(any_value: Any, width: int = VALUE_WIDTH) -> str:
    """Write a value of a history as JSON, cut in the middle if it is long."""
    return outer_parts(json_words(any_value), width)


def operation(one: Operation) -> str:
    """Write a request and what came of it, such as ``read key 3 -> 17``."""
    asked, answer = _told(one)
    if one.type == "ok":
        return one_line(f"{asked} -> {answer}" if answer else asked)
    error = _error(one.error)
    outcome = "failed" if one.type == "fail" else "unknown whether it happened"
    return one_line(f"{asked}: {outcome}{f' ({error})' if error else ''}")


def asked(one: Operation) -> str:
    """Write a request, such as ``read key 3``."""
    return one_line(_told(one._replace(type="info"))[0])


def _told(one: Operation) -> tuple[str, str]:
    """Write the request and the answer; the answer is empty if it adds nothing."""
    asked, result = one.argument, one.result
    if isinstance(asked, list) and (one.f == "txn" or _is_parts(asked)):
        done = result if isinstance(result, list) and one.type == "ok" else asked
        return f"{one.f} {value(done)}", ""
    if _is_keyed(one.f, asked):
        key, operand = asked
        told = f"{one.f} key {value(key)}"
        if one.f == "read":
            own = _is_pair(result) and result[0] == key
            return told, value(result[1] if own else result)
        if one.f == "cas" and _is_pair(operand):
            return f"{told} from {value(operand[0])} to {value(operand[1])}", ""
        return f"{told} := {value(operand)}", ""
    told = one.f if asked is None else f"{one.f} {value(asked)}"
    if (
        result == asked
        and type(result) is type(asked)
        and (asked is not None or one.f not in _ASKS)
    ):
        return told, ""
    return told, value(result)


_ASKS = frozenset({"read", "dequeue", "pop", "remove"})
"""Functions that are answered with nil if there is nothing; for others nil means nothing."""


def _is_keyed(f: str, asked: Any) -> bool:
    """Return whether the argument is ``[key, value]``; a cas without a key has ``[from, to]``."""
    return _is_pair(asked) and (f in {"read", "write"} or (f == "cas" and _is_pair(asked[1])))


def _is_parts(asked: list[Any]) -> bool:
    """Return whether the argument is a list of micro-operations."""
    return bool(asked) and all(
        isinstance(part, list) and part[:1] in (["r"], ["w"], ["append"]) for part in asked
    )


def _is_pair(any_value: Any) -> bool:
    return isinstance(any_value, list | tuple) and len(any_value) == 2  # noqa: PLR2004 - a pair


def _error(error: Any) -> str:
    """Write the reason of a completion: its text, or the value as it is."""
    if isinstance(error, dict):
        return str(error.get("text") or error.get("name") or value(error))
    return "" if error is None else value(error)


def who(one: Operation) -> str:
    """Name the client and the node of its request, such as ``process 3 at n4``."""
    return one_line(f"process {one.process}" + (f" at {one.node}" if one.node else ""))
