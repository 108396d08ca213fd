"""Clew: a deterministic simulator and checker for distributed systems.

A node is a class (`Node`, `on`); a run is a function of a plan; a verdict comes with its
evidence. See docs/ARCHITECTURE.md.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clew.sim.invariants import Invariant, Violation
    from clew.sim.message import Message
    from clew.sim.node import Node, RPCError, RPCTimeout, on

__all__ = ["Invariant", "Message", "Node", "RPCError", "RPCTimeout", "Violation", "on"]
__version__ = "0.1.0"

_HOMES = {
    "Invariant": "clew.sim.invariants",
    "Message": "clew.sim.message",
    "Node": "clew.sim.node",
    "RPCError": "clew.sim.node",
    "RPCTimeout": "clew.sim.node",
    "Violation": "clew.sim.invariants",
    "on": "clew.sim.node",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for, so that the command line starts quickly."""
    if name not in _HOMES:
        raise AttributeError(f"module 'clew' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
