"""The words for an event: a clause of a sentence, and the messages that led to it."""

from __future__ import annotations

from typing import Any

from clew.machine.text import json_words
from clew.trace.record import TraceEvent
from clew.trace.timeline import Message, is_client

BODY_WIDTH = 90

HOPS_MAX = 9
"""Of a longer chain of messages the last ones are named."""


def told(event: TraceEvent) -> str:
    """What happens, in words, without the time."""
    fields = event.fields
    if "body" not in fields:
        return _other(event.kind, fields)
    src, dest, what = fields["src"], fields["dest"], body_words(fields["body"])
    words = {
        "send": lambda: f"{src} sends {what} to {dest}",
        "deliver": lambda: f"{dest} receives {what} from {src}",
        "duplicate": lambda: f"{what} from {src} to {dest} is copied",
        "drop": lambda: f"{what} from {src} to {dest} is lost ({fields['why']})",
    }
    return words[event.kind]()


def _other(kind: str, fields: dict[str, Any]) -> str:
    node = fields.get("node", "")
    told = {
        "start": lambda: f"{node} starts",
        "crash": lambda: f"{node} goes down",
        "pause": lambda: f"{node} stands still",
        "resume": lambda: f"{node} goes on",
        "sync": lambda: f"{node}'s disk is synced",
        "log": lambda: f"{node} logs {fields['text']!r}",
        "state": lambda: f"{node} is now {fields['state'].get('role') or 'without a role'}",
        "clock": lambda: f"{node}'s clock: {fields['detail']}",
        "effect": lambda: f"{node} carries out request {fields['request']} of {fields['client']}",
        "finding": lambda: f"{node or 'the cluster'}: {fields['reason']}",
        "ok": lambda: f"process {fields['process']} is answered {short(fields['value'])}",
        "fail": lambda: f"process {fields['process']}'s {fields['f']} fails",
        "info": lambda: f"process {fields['process']}'s {fields['f']} stays without an answer",
    }
    return told[kind]() if kind in told else kind


def body_words(body: dict[str, Any]) -> str:
    """A message in words: its type, and its fields where they are few."""
    fields = {name: value for name, value in body.items() if name not in _ROUTINE}
    kind = str(body.get("type", "message"))
    return f"{kind} {short(fields)}" if fields else kind


def way(message: Message | None) -> str:
    """The messages between nodes that led to one, and itself, such as ``n1 -vote-> n2``.

    Empty where a node did what it did by itself.
    """
    chain = message.chain(HOPS_MAX) if message is not None else []
    hops = [hop for hop in chain if not is_client(hop.src) and not is_client(hop.dest)]
    return hops[0].src + "".join(f" -{hop.type}-> {hop.dest}" for hop in hops) if hops else ""


_ROUTINE = frozenset({"type", "msg_id", "in_reply_to"})


def short(value: Any, width: int = BODY_WIDTH) -> str:
    """A value as JSON, cut where it is long."""
    text = json_words(value)
    return text if len(text) <= width else f"{text[: width - 3]}..."
