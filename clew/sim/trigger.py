"""What a fault may wait for: a trigger is plain data of a plan, as the fault is.

Faults that strike at drawn times rarely strike the few microseconds that matter. One with a trigger
is armed at its time, and strikes when something happens at a node, at that very point of the node's
code: between two messages that a handler sends, before a sync has made anything durable, as a
message arrives and before it is handled.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from clew.errors import ScenarioError
from clew.machine.text import meant

EVENTS: dict[str, str] = {
    "send": "a node has sent a message of the type; its code has not gone on yet",
    "deliver": "a message of the type has come to a node; its handler has not begun yet",
    "state": "a node's server state has become the one named; its code is done",
    "field": "the field of what a node shows by observe() has changed; its code is done",
    "sync": "a node begins to sync its disk with something to lose; nothing is durable yet",
    "synced": "a sync has made a node's writes durable; its code has not gone on yet",
    "boot": "a node has started again or joined, and its start() has run up to its first await",
    "timer": "a timer of the name is due at a node; its callback has not run yet",
}
"""What may happen at a node, and at which point of it a fault strikes.

A timer's name is that of its callback; ``sleep`` and ``rpc-timeout`` are those of `Node.sleep` and
`Node.rpc`.
"""

NAMELESS = frozenset({"sync", "synced", "boot"})
"""Events that have no name."""

ASKED = "trigger"
"""The name by which such faults are asked for on the command line, beside kinds and families."""

DRAWN = "?"
"""The name for one that is drawn when the fault is armed, from those that the run has had so far;
the first to come if it has had none."""

_MS = 1_000_000

COUNT_MAX = 1_000_000

HOUR_NS = 3_600_000_000_000
"""The longest that a fault may last, or wait once it has been met."""


@dataclass(frozen=True, slots=True)
class Trigger:
    """What a fault waits for, from its `at_ns` to its `until_ns`.

    Attributes:
        event: a key of `EVENTS`.
        name: the message's type, the server state, the field or the timer; empty for any, and
            `DRAWN` for one that is drawn.
        node: where it must happen: a node's id, or a role of a system, a region or both, as in
            ``:shard``, ``@eu`` and ``:shard@eu``; None for any node.
        count: the fault strikes at so many-th of these events since it was armed, counted over all
            nodes that `node` means.
        lasts_ns: how long the fault lasts once it has struck; nothing for what happens at an
            instant. Healing ends it.
        delay_ns: how much later it strikes; nothing strikes in the middle of the node's code.
    """

    event: str
    name: str = ""
    node: str | None = None
    count: int = 1
    lasts_ns: int = 0
    delay_ns: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return a JSON object that `read_trigger` turns into an equal trigger."""
        return asdict(self)

    @property
    def words(self) -> str:
        """What it waits for, as a person reads it, such as ``n2 sends vote``."""
        where = "a node" if self.node is None else self.node
        if where[:1] in {":", "@"}:  # no name of a node, a role or a region has one of these
            where = f"a node{where.replace(':', ' of the role ').replace('@', ' in the region ')}"
        return _WORDS[self.event].format(where, self._what())

    @property
    def told(self) -> str:
        """When the fault strikes, such as ``when n2 sends vote for the 3rd time``."""
        often = f" for the {_ordinal(self.count)} time" if self.count > 1 else ""
        later = f", {_length(self.delay_ns)} later" if self.delay_ns else ""
        return f"when {self.words}{often}{later}"

    def _what(self) -> str:
        if self.name == DRAWN:
            return f"a drawn {_NOUNS[self.event]}"
        if not self.name:
            return f"any {_NOUNS.get(self.event)}"
        return f"the timer {self.name}" if self.event == "timer" else self.name


def _length(ns: int) -> str:
    return f"{ns / _MS:.4g} ms" if ns >= _MS else f"{ns / 1000:.4g} us"


def _ordinal(count: int) -> str:
    last = 0 if count // 10 % 10 == 1 else count % 10
    return f"{count}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(last, 'th') }"


_WORDS = {
    "send": "{} sends {}",
    "deliver": "{} gets {}",
    "state": "{} becomes {}",
    "field": "{} changes {}",
    "sync": "{} syncs",
    "synced": "{} has synced",
    "boot": "{} has started",
    "timer": "{} has {}",
}

_NOUNS = {"send": "message", "deliver": "message", "state": "state", "field": "field",
          "timer": "timer"}  # fmt: skip

_BOUNDS = {"count": (1, COUNT_MAX), "lasts_ns": (0, HOUR_NS), "delay_ns": (0, HOUR_NS)}


def read_trigger(value: Any, where: str) -> Trigger:
    """Read the trigger that a JSON value describes.

    Args:
        value: what `Trigger.to_json` gives; all but ``event`` may be left out.
        where: the fault, for messages.

    Raises:
        ScenarioError: it does not describe a trigger.
    """
    if not isinstance(value, dict):
        raise _bad("'when'", where, "an object with an event, such as send", value)
    for name in value:
        if name not in _FIELDS:
            raise _bad(f"field of 'when': {name!r}", where, f"one of {', '.join(_FIELDS)}", name,
                       meant(str(name), _FIELDS))  # fmt: skip
    event, name, node = value.get("event"), value.get("name", ""), value.get("node")
    if not isinstance(event, str) or event not in EVENTS:
        fix = meant(str(event), [*EVENTS])
        raise _bad("'event' of 'when'", where, f"one of {', '.join(EVENTS)}", event, fix)
    if not isinstance(name, str):
        raise _bad("'name' of 'when'", where, f"a text: a name, {DRAWN} or nothing", name)
    if name and event in NAMELESS:
        raise _bad("'name' of 'when'", where, f"nothing: a {event} has no name", name)
    if node is not None and not (isinstance(node, str) and node.strip(":@")):
        expected = "null, a node's id, or a role and a region as in :shard, @eu and :shard@eu"
        raise _bad("'node' of 'when'", where, expected, node)
    for field, (least, most) in _BOUNDS.items():
        found = value.get(field, least)
        if type(found) is not int or not least <= found <= most:
            raise _bad(f"{field!r} of 'when'", where, f"an integer from {least} to {most}", found)
    return Trigger(**value)


_FIELDS = tuple(Trigger.__dataclass_fields__)


def _bad(what: str, where: str, expected: str, found: Any, fix: str | None = None) -> ScenarioError:
    return ScenarioError(f"bad {what}", where=where, expected=expected, found=repr(found), fix=fix)
