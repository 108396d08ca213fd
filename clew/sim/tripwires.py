"""Tripwires of a run: what happens at its nodes, reported to the faults that wait for it.

Only a run whose plan holds such faults has them, and only for the events that its faults wait for;
`clew.runtimes.tripped` lays them at each process. Any other run takes no notice.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from typing import TypeAlias

from clew.machine.text import Unwinding, shown
from clew.node.node import Node
from clew.sim.entropy import Stream
from clew.sim.host import Host
from clew.sim.trigger import DRAWN, Trigger

Strike: TypeAlias = Callable[[Host, Trigger], None]
"""Called at the moment that a fault waits for, with the node and with what exactly happened."""


Heed: TypeAlias = Callable[[Host], None]
"""Called each time that something happens at a node, with it."""


class Wire:
    """One trigger that is armed.

    Args:
        trigger: what it waits for.
        nodes: where it may happen; None for anywhere.
        name: the name that it waits for; empty for any; None for the first to come.
        strike: called once.

    Attributes:
        passed: how many of these events there were so far.
    """

    __slots__ = ("_each", "_name", "_nodes", "_strike", "passed", "trigger")

    def __init__(
        self, trigger: Trigger, nodes: Collection[str] | None, name: str | None, strike: Strike
    ) -> None:
        self.trigger = trigger
        self.passed = 0
        self._nodes = nodes
        self._name = name
        self._strike = strike
        self._each: Counter[tuple[str, str]] = Counter()

    def takes(self, name: str, node: str) -> bool:
        """Count an event, if it is such a one; return whether it is the one to strike at."""
        if self._nodes is not None and node not in self._nodes:
            return False
        if self._name is None:
            self._name = name
        if self._name and name != self._name:
            return False
        self.passed += 1
        self._each[name, node] += 1
        return self.passed == self.trigger.count

    def strike(self, name: str, host: Host) -> None:
        """Strike; what happened is reported as the trigger that waits for just that."""
        exact = replace(
            self.trigger, name=name, node=host.id, count=self._each[name, host.id]
        )  # fmt: skip
        self._strike(host, exact)


class Tripwires:
    """Reports what happens at a run's nodes to the faults that wait for something.

    Args:
        triggers: all of the plan's.
        heard: what else its faults must hear of.

    Attributes:
        events: those that some fault waits for or hears of.
        types: the types of messages that nodes have sent each other, if sends are among them.
    """

    def __init__(self, triggers: Iterable[Trigger], heard: Iterable[str] = ()) -> None:
        self.events = frozenset(trigger.event for trigger in triggers).union(heard)
        self.types: dict[str, None] = {}
        # By event: what waits for it, in the order in which it was armed, and the names that have
        # come up, which is what a drawn name is drawn from. By node: what its process showed last.
        self._armed: dict[str, list[Wire]] = {event: [] for event in self.events}
        self._seen: dict[str, dict[str, None]] = {event: {} for event in self.events}
        self._heeding: dict[str, list[Heed]] = {event: [] for event in self.events}
        self._shown: dict[str, dict[str, str]] = {}
        self._states: dict[str, str | None] = {}

    def arm(
        self, trigger: Trigger, nodes: Collection[str] | None, stream: Stream, strike: Strike
    ) -> Wire:
        """Wait for something from here on.

        Args:
            trigger: for what.
            nodes: where; None for anywhere.
            stream: a name is drawn from it if the trigger says so.
            strike: called when it happens, once.
        """
        name: str | None = trigger.name
        if name == DRAWN:
            seen = [*self._seen[trigger.event]]
            name = stream.pick(seen) if seen else None
        wire = Wire(trigger, nodes, name, strike)
        self._armed[trigger.event].append(wire)
        return wire

    def disarm(self, wire: Wire) -> None:
        """Wait no longer."""
        if wire in self._armed[wire.trigger.event]:
            self._armed[wire.trigger.event].remove(wire)

    def heed(self, event: str, heed: Heed) -> None:
        """Report every such event to a fault from here on."""
        self._heeding[event].append(heed)

    def ignore(self, event: str, heed: Heed) -> None:
        """Report no more to it."""
        self._heeding[event].remove(heed)

    def happened(self, event: str, name: str, host: Host) -> None:
        """Report an event to the faults that wait for it; those armed first strike first.

        All of them strike at the same node, also if the first of them kills it.
        """
        self._seen[event][name] = None
        struck = [wire for wire in self._armed[event] if wire.takes(name, host.id)]
        # All are disarmed before the first strikes, since a strike may itself make something
        # happen.
        for wire in struck:
            self.disarm(wire)
        for wire in struck:
            wire.strike(name, host)
        for heed in self._heeding[event]:
            heed(host)

    def began(self, host: Host) -> None:
        """Forget what the process before showed."""
        self._shown.pop(host.id, None)
        self._states.pop(host.id, None)

    def look(self, host: Host, node: Node, state: str | None) -> None:
        """Report what a node shows, once its code has run.

        Args:
            host: the node's.
            node: it.
            state: the server state that it reports.
        """
        if "state" in self.events and state != self._states.get(host.id):
            self._states[host.id] = state
            if state is not None:
                self.happened("state", state, host)
        if "field" in self.events:
            shows = _observed(node)
            before = self._shown.get(host.id)
            self._shown[host.id] = shows
            if before is not None:
                for name, value in shows.items():
                    if value != before.get(name, value):
                        self.happened("field", name, host)


def _observed(node: Node) -> dict[str, str]:
    """Return what a node shows of its state, each value as text; nothing if its hook fails."""
    try:
        return {str(name): _text(value) for name, value in dict(node.observe()).items()}
    except (Unwinding, KeyboardInterrupt):
        raise
    except BaseException:  # noqa: BLE001 - a user's hook, which is reported where it is shown
        return {}


def _text(value: object) -> str:
    try:
        return json.dumps(value)
    except (TypeError, ValueError, RecursionError):
        return shown(value)
