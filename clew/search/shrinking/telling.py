"""One event of a trace as a clause of a sentence."""

from __future__ import annotations

import json
from typing import Any

from clew.sim.trace import TraceEvent

BODY_WIDTH = 90


class Teller:
    """Tells the events of one trace; it must see all sends, to know what is delivered."""

    def __init__(self) -> None:
        self._sent: dict[int, tuple[str, str, dict[str, Any]]] = {}

    def message(self, number: int) -> tuple[str, str, dict[str, Any]]:
        """Sender, receiver and body of a message; empty where it is not known."""
        return self._sent.get(number, ("?", "?", {}))

    def tell(self, event: TraceEvent) -> str:
        """What happens, in words, without the time."""
        fields = event.fields
        if event.kind == "send":
            self._sent[fields["message"]] = fields["src"], fields["dest"], fields["body"]
            return f"{fields['src']} sends {body_words(fields['body'])} to {fields['dest']}"
        if event.kind in {"deliver", "drop", "duplicate"}:
            src, dest, body = self.message(fields["message"])
            what = f"{body_words(body)} from {src}"
            if event.kind == "deliver":
                return f"{dest} receives {what}"
            if event.kind == "duplicate":
                return f"{what} to {dest} is copied"
            return f"{what} to {dest} is lost ({fields['why']})"
        return _other(event.kind, fields)


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


_ROUTINE = frozenset({"type", "msg_id", "in_reply_to"})


def short(value: Any, width: int = BODY_WIDTH) -> str:
    """A value as JSON, cut where it is long."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= width else f"{text[: width - 3]}..."
