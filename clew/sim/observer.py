"""What is watched of the nodes after each event: their server states and their invariants."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from clew.machine.text import Unwinding, first_parts, shown
from clew.node.node import Node
from clew.sim.finding import Finding
from clew.sim.findings import BRIEF, Findings
from clew.sim.invariants import Invariant, Predicate, Violation, make_invariant
from clew.sim.world import World
from clew.trace.record import Trace


class Observer:
    """Observes the live nodes of a run.

    Args:
        world: gives the time.
        trace: a change of server state is part of it.
        findings: where a broken invariant goes.
        invariants: what is declared.
        states: True if nodes report a server state, which is watched then.
        shown: True if what invariants show of a node (`Invariant.facts_of`) shows its state too.

    Attributes:
        nodes: the live instances by name.
        states: the server state that each node reported last, by its name.
        watch: called with a node after its code ran; None if nothing is watched.
    """

    def __init__(
        self,
        world: World,
        trace: Trace,
        findings: Findings,
        invariants: Sequence[type[Invariant] | Predicate],
        *,
        states: bool,
        shown: bool = False,
    ) -> None:
        self.nodes: dict[str, Node] = {}
        self._world = world
        self._trace = trace
        self._findings = findings
        self.states: dict[str, str | None] = {}
        self._facts: dict[str, Any] = {}
        self._invariants = [make_invariant(declared, self.nodes) for declared in invariants]
        silent = Invariant.facts_of
        self._always = [one for one in self._invariants if one.facts_of is silent]
        # Where all that state their facts state the same ones, equal facts spare all of them.
        looks = {one.facts_of for one in self._invariants} - {silent}
        self._facts_of = looks.pop() if len(looks) == 1 else silent
        self._tells_state = states
        watched = self._invariants or self._tells_state
        self.watch: Callable[[Node], None] | None = self._watch if watched else None
        if shown and self._facts_of is not silent and not self._always:
            self.watch = self._watch_facts

    def forget(self, name: str) -> None:
        """Remove a node whose process is gone; invariants no longer see it."""
        self.nodes.pop(name, None)
        self.states.pop(name, None)
        self._facts.pop(name, None)

    def server_state(self, node: Node) -> str | None:
        """Return the server state that a node reports, like ``leader``; None if its hook fails."""
        try:
            state: Any = node.server_state()
        except (Unwinding, KeyboardInterrupt):
            raise
        except BaseException as error:  # noqa: BLE001 - a user's hook
            self._findings.raised(node.id, error, "server_state()")
            return None
        if state is None or type(state) is str:
            return state
        # Anything else that a node shows may hold addresses and sets: it must not reach the digest.
        return str.__str__(state) if isinstance(state, str) else type(state).__name__

    def _watch_facts(self, node: Node) -> None:
        """Do as `_watch`: one look shows that an event changed nothing of all that is watched."""
        facts = self._shown(node)
        if facts is None or facts != self._facts.get(node.id):
            self._watch(node)

    def _watch(self, node: Node) -> None:
        """Trace a change of server state, and check the invariants that this event may concern."""
        if self._tells_state:
            state = self.server_state(node)
            if state != self.states.get(node.id):
                self.states[node.id] = state
                # The trace calls it a role, as it did when digests were first taken.
                self._trace.add(self._world.now, "state", node.id, {"role": state})
        facts = self._shown(node)
        same = facts is not None and facts == self._facts.get(node.id)
        # An invariant that is broken, or fails, is watched no more: what follows says nothing new.
        # The loop ends there, because it goes through the list that it changes.
        for invariant in self._always if same else self._invariants:
            try:
                violation = invariant.after(node)
            except (Unwinding, KeyboardInterrupt):
                raise
            except BaseException as error:  # noqa: BLE001 - a user's predicate
                self._findings.raised(node.id, error, f"invariant {invariant.name}")
                self._drop(invariant)
                return
            if violation is not None:
                self._drop(invariant)
                self._broken(invariant, violation, node)
                return
        self._facts[node.id] = facts

    def _shown(self, node: Node) -> Any:
        """Return what the invariants depend on in a node; None if that is unknown."""
        try:
            return self._facts_of(node)
        except (Unwinding, KeyboardInterrupt):
            raise
        except BaseException:  # noqa: BLE001 - each invariant then says so for itself
            return None

    def _drop(self, invariant: Invariant) -> None:
        """Stop watching it; the invariants after it were not checked at this event."""
        self._invariants.remove(invariant)
        self._always = [one for one in self._always if one is not invariant]
        self._facts.clear()

    def _broken(self, invariant: Invariant, violation: Violation, node: Node) -> None:
        values = {name: _plain(value) for name, value in violation.values.items()}
        values |= {
            name: observed(self.nodes[name]) for name in violation.nodes if name in self.nodes
        }
        self._findings.add(
            Finding(
                "invariant", f"{invariant.name}: {violation.reason}", node.id,
                self._world.now, self._world.events, nodes=violation.nodes,
                values=tuple(values.items()),
            )
        )  # fmt: skip


def observed(node: Node) -> str:
    """Return what a node shows of its state, each value short; empty if its hook fails."""
    try:
        values = dict(node.observe())
    except (Unwinding, KeyboardInterrupt):
        raise
    except BaseException:  # noqa: BLE001 - a user's hook, and only for show
        return ""
    return ", ".join(
        f"{name} {first_parts(_plain(value), BRIEF)}" for name, value in values.items()
    )


def _plain(value: Any) -> str:
    """Return a value as the story shows it: as JSON if it can be."""
    try:
        return json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        return shown(value)
