"""Clew: a deterministic simulator and checker for distributed systems.

A node is a class (`Node`, `on`); a run is a function of a plan; a verdict comes with its
evidence. `run` does it all in one call. See docs/ARCHITECTURE.md.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clew.api import PlanError, Result, assert_valid, run
    from clew.node.message import Message
    from clew.node.node import Node, RPCError, RPCTimeout, on
    from clew.node.task import Future
    from clew.node.tolerates import Tolerates
    from clew.sim.invariants import Invariant, Violation

__all__ = [
    "Future",
    "Invariant",
    "Message",
    "Node",
    "PlanError",
    "RPCError",
    "RPCTimeout",
    "Result",
    "Tolerates",
    "Violation",
    "assert_valid",
    "on",
    "run",
]
__version__ = "0.1.0"

_HOMES = {
    "Future": "clew.node.task",
    "Invariant": "clew.sim.invariants",
    "Message": "clew.node.message",
    "Node": "clew.node.node",
    "PlanError": "clew.api",
    "RPCError": "clew.node.node",
    "RPCTimeout": "clew.node.node",
    "Result": "clew.api",
    "Tolerates": "clew.node.tolerates",
    "Violation": "clew.sim.invariants",
    "assert_valid": "clew.api",
    "on": "clew.node.node",
    "run": "clew.api",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for, so that the command line starts quickly."""
    if name not in _HOMES:
        raise AttributeError(f"module 'clew' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """What there is, for completion in a REPL or a notebook."""
    return sorted({*globals(), *_HOMES})
