"""What nodes showed of their state in a run: `Node.observe`, when it changed, and their disks.

A trace keeps messages and no state, so the run is repeated with an onlooker, which is an invariant
that is never broken. What it sees is never shown to a node, and reaches no digest.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from clew.machine.text import Unwinding
from clew.node.disk import Aftermath
from clew.node.node import Node
from clew.node.system import Program
from clew.runtimes.simulated import process_of
from clew.scenarios.code.models import Model
from clew.scenarios.runs.run import Run, simulate
from clew.sim.guards.files import muted
from clew.sim.host import Host
from clew.sim.invariants import Invariant, Violation
from clew.trace.states import Change

EVENTS_MAX = 50_000
"""A run of more events is too long to be repeated."""

TEXT_MAX = 160
"""A longer value is no use in a sentence."""


class Observed(NamedTuple):
    """What an onlooker saw.

    Attributes:
        changes: what nodes showed, in order of time.
        disks: what a crash left on a node's disk, by the node and the rank of its process, from 1.
        same: False if the run was another when it was repeated, so that nothing is known.
    """

    changes: list[Change]
    disks: dict[tuple[str, int], Aftermath]
    same: bool = True


def observed(run: Run, model: Model, *others: type[Invariant]) -> Observed:
    """Look at what the nodes of a run show and crashes leave; empty for a run that is too long.

    Only plain values are seen: numbers, texts and collections of them.

    Args:
        run: whose.
        model: its.
        others: onlookers who look on at the same time, if the run is not too long.
    """
    if run.events > EVENTS_MAX:
        return Observed([], {})
    seen = Observed([], {})
    hosts: dict[str, Host] = {}
    onlooker = _onlooker(seen, hosts, stops=run.plan.stop_on_finding)
    if not repeats(run, model, onlooker, *others):
        return Observed([], {}, same=False)
    for host in hosts.values():
        _look_at_disk(host, seen)
    return seen


def repeats(run: Run, model: Model, *onlookers: type[Invariant]) -> bool:
    """Repeat a run with onlookers; return whether it was the same."""
    with muted():
        again = simulate(run.plan, model.running(_watched(model, onlookers)), keep_trace=False)
    return again.digest == run.digest


def _watched(model: Model, onlookers: Iterable[type[Invariant]]) -> Program:
    """Make what a model runs, with more invariants, which only look."""
    if model.system is not None:
        system = model.system
        roles = {
            name: replace(role, node_class=_subclass(role.node_class))
            for name, role in system.roles.items()
        }
        return replace(system, roles=roles, invariants=(*onlookers, *system.invariants))
    return _subclass(model.node_class, invariants=(*onlookers, *model.node_class.invariants))


def _subclass(base: type[Node], **members: Any) -> type[Node]:
    """Make a class like another, which lives in no file: its nodes share this one memory."""
    return type(base.__name__, (base,), {**members, "__module__": base.__module__})


def _look_at_disk(host: Host, seen: Observed) -> None:
    """Note what the last crash left, under the process that it ended."""
    if host.disk.aftermath is not None:
        died = host.incarnation - (host.process is not None)
        seen.disks.setdefault((host.id, died), host.disk.aftermath)


def _onlooker(seen: Observed, hosts: dict[str, Host], *, stops: bool) -> type[Invariant]:
    """Make an invariant that writes down what it sees and always holds."""

    class Onlooker(Invariant):
        name = "onlooker"

        def __init__(self, nodes: Mapping[str, Node]) -> None:
            super().__init__(nodes)
            self._seen: dict[str, tuple[Node, str | None, dict[str, str]]] = {}

        def after(self, node: Node) -> Violation | None:
            process = process_of(node)
            if stops and process.setting.findings:
                return None  # the run is over: only nodes that were down come back
            state, fields = _shown(node)
            before = self._seen.get(node.id)
            fresh = before is None or before[0] is not node
            old: dict[str, str] = {} if before is None or fresh else before[2]
            changed = {name: text for name, text in fields.items() if old.get(name) != text}
            was = None if before is None or fresh else before[1]
            if fresh:
                hosts.setdefault(node.id, process.host)
                _look_at_disk(process.host, seen)
            if changed or state != was:
                now_ns = process.setting.world.now
                seen.changes.append(Change(now_ns, node.id, state, was, changed, fields))
            self._seen[node.id] = node, state, fields
            return None

    return Onlooker


def _shown(node: Node) -> tuple[str | None, dict[str, str]]:
    """Get a node's server state and what it shows, as far as it is plain data."""
    try:
        state, shown = node.server_state(), dict(node.observe())
    except (Unwinding, KeyboardInterrupt):
        raise
    except BaseException:  # noqa: BLE001 - a user's hooks, and only for show
        return None, {}
    texts = {str(name): _text(value) for name, value in shown.items()}
    plain = {name: text for name, text in texts.items() if text and len(text) <= TEXT_MAX}
    return (state if isinstance(state, str) else None), plain


def _text(value: Any) -> str:
    """Write a plain value as JSON; empty if it is another."""
    try:
        return json.dumps(_sorted(value), ensure_ascii=False)
    except Exception:  # noqa: BLE001 - no plain value: a repr of a user's, or a cycle
        return ""


def _sorted(value: Any) -> Any:
    """Copy a value without sets, whose order is arbitrary."""
    if isinstance(value, set | frozenset):
        return sorted(value, key=repr)
    if isinstance(value, dict):
        return {str(name): _sorted(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_sorted(item) for item in value]
    return value
