"""Promises about the inside of a cluster, checked after every event.

An invariant is a class: a run makes one instance and calls `after` each time a node's code has run,
so it can compare a state with the one before. A plain function over the live nodes that returns
None or what is wrong is enough for simple ones. A violation names the event that broke the promise,
long before a client could see it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from inspect import unwrap
from typing import Any, NamedTuple, TypeAlias

from clew.errors import NodeError
from clew.machine.text import Unwinding, said, shown
from clew.node.message import in_words
from clew.node.node import Node
from clew.sim.finding import place_of


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
        """Return what is wrong after an event at `node`, or None; runs at each event: keep it O(1).

        It may only look: without it the nodes must do the same.
        """
        raise NotImplementedError

    @staticmethod
    def facts_of(node: Any) -> Any:
        """Return all in a node that `after` depends on; None if unstated. Only for Clew's own.

        It shows the node's server state as well. If it is equal to what it was after the node's
        previous event, `after` would do nothing, and is not called.
        """
        del node


Predicate: TypeAlias = Callable[[Mapping[str, Node]], str | None]


class FunctionInvariant(Invariant):
    """A plain function over the live nodes, as an invariant."""

    def __init__(self, nodes: Mapping[str, Node], predicate: Predicate) -> None:
        super().__init__(nodes)
        named = getattr(predicate, "func", predicate)  # what a functools.partial calls
        self.name = getattr(named, "__name__", type(named).__name__).replace("_", "-")
        self._predicate = predicate

    def after(self, node: Node) -> Violation | None:
        """Return what the function returns, reported of the node whose event it was."""
        found = self._predicate(self.nodes)
        return None if found is None else as_violation(found, node, "None or a str")


class ClassInvariant(Invariant):
    """A user's invariant, with the type of what it returns checked."""

    def __init__(self, nodes: Mapping[str, Node], declared: type[Invariant]) -> None:
        super().__init__(nodes)
        invariant = declared(nodes)
        self.name = invariant.name or declared.__name__
        # Bound once: it is called after every event.
        self._after = invariant.after

    def after(self, node: Node) -> Violation | None:
        """Return what the user's own invariant returns."""
        found = self._after(node)
        return None if found is None else as_violation(found, node, "None, a Violation or a str")


def as_violation(found: Any, node: Node, expected: str) -> Violation:
    """Make a violation of what an invariant returned: a str is the reason, at the event's node.

    Raises:
        TypeError: it is neither of these.
    """
    if isinstance(found, str):
        return Violation(found, (node.id,))
    if not isinstance(found, Violation):
        raise TypeError(f"the invariant's answer: expected {expected}, found {in_words(found)}")
    nodes = (found.nodes,) if isinstance(found.nodes, str) else tuple(found.nodes or ())
    reason = found.reason if isinstance(found.reason, str) else shown(found.reason)
    values = {str(name): value for name, value in dict(found.values or {}).items()}
    return Violation(reason, tuple(map(str, nodes)), values)


def make_invariant(declared: type[Invariant] | Predicate, nodes: Mapping[str, Node]) -> Invariant:
    """Make an instance of a declared invariant, for one run.

    Raises:
        NodeError: it is neither an `Invariant` class nor a function, or can't be made.
    """
    if not isinstance(declared, type):
        if not callable(declared):
            raise _unusable(in_words(declared))
        return FunctionInvariant(nodes, declared)
    if not issubclass(declared, Invariant):
        raise _unusable(f"the class {declared.__name__}, which is no Invariant")
    try:
        # mypy checks the types of Clew's own; this saves a call after each event.
        ours = declared.__module__.startswith("clew.")
        return declared(nodes) if ours else ClassInvariant(nodes, declared)
    except (Unwinding, KeyboardInterrupt):
        raise
    except BaseException as error:  # noqa: BLE001 - whatever a user's class raises
        raise NodeError(
            "an invariant can't be made",
            where=place_of(error) or f"class {declared.__name__}",
            expected="a class that takes the live nodes by id",
            found=said(error),
        ) from None


def invariant_place(declared: type[Invariant] | Predicate) -> str:
    """Return a declared invariant's name and where it stands: ``name (file:line)``."""
    looks: Any = declared
    if isinstance(declared, type):
        invariant: Any = declared
        name, looks = invariant.name or declared.__name__, invariant.after
    else:
        name = FunctionInvariant({}, declared).name
    looks = unwrap(getattr(looks, "func", looks))
    code = getattr(looks, "__code__", None) or getattr(type(looks).__call__, "__code__", None)
    return name if code is None else f"{name} ({code.co_filename}:{code.co_firstlineno})"


def _unusable(found: str) -> NodeError:
    return NodeError(
        "'invariants' can't be used",
        expected="a tuple of Invariant classes or functions",
        found=found,
    )
