"""Promises about the inside of a cluster, checked after every event.

An invariant is a class: a run makes one instance and calls `after` each time a node's code has
run, so it can compare a state with the one before. A plain function over the live nodes that
returns None or what is wrong does for simple ones. A violation names the event that broke the
promise, long before a client could see it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

from clew.sim.node import Node


class Violation(NamedTuple):
    """A broken promise.

    Attributes:
        reason: what happened, in plain words, with the nodes and values.
        nodes: the ids of the nodes that show it.
        values: the values that show it, as JSON.
    """

    reason: str
    nodes: tuple[str, ...]
    values: Mapping[str, Any] = {}


class Invariant:
    """Base class: what it promises is its docstring's first line.

    Args:
        nodes: the live nodes by id, always up to date; a crashed node is not in it.
    """

    name: str = ""

    def __init__(self, nodes: Mapping[str, Node]) -> None:
        self.nodes = nodes

    def after(self, node: Node) -> Violation | None:
        """Called after each event at `node`; what is wrong now, or None. Keep it O(1)."""
        raise NotImplementedError


Predicate: TypeAlias = Callable[[Mapping[str, Node]], str | None]


class FunctionInvariant(Invariant):
    """A plain function over the live nodes, as an invariant."""

    def __init__(self, nodes: Mapping[str, Node], predicate: Predicate) -> None:
        super().__init__(nodes)
        self.name = predicate.__name__.replace("_", "-")
        self._predicate = predicate

    def after(self, node: Node) -> Violation | None:
        """What the function says, told of the node whose event it was."""
        reason = self._predicate(self.nodes)
        return None if reason is None else Violation(reason, (node.id,))


def make_invariant(declared: type[Invariant] | Predicate, nodes: Mapping[str, Node]) -> Invariant:
    """An instance of a declared invariant, for one run."""
    if isinstance(declared, type):
        invariant: Invariant = declared(nodes)
        return invariant
    return FunctionInvariant(nodes, declared)
