"""Clew: a deterministic simulator and checker for distributed systems.

A node is a class (`Node`, `on`); a run is a function of a plan; a verdict comes with its
evidence. `run` does it all in one call. See docs/ARCHITECTURE.md.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clew.api import PlanError, Result, RunResult, assert_valid, run
    from clew.checkers.verdict import Anomaly
    from clew.machine.version import __version__ as __version__
    from clew.node.capacity import Capacity
    from clew.node.message import Message
    from clew.node.node import Node, RPCError, RPCTimeout, on
    from clew.node.system import Role, System
    from clew.node.task import Future
    from clew.node.tolerates import Tolerates
    from clew.sim.invariants import Invariant, Violation
    from clew.workloads.operation import FRESH, KEY, operation
    from clew.workloads.options import Option
    from clew.workloads.shapes import Present, Scalar
    from clew.workloads.workload import Check, Draw, Malformed, Request, Workload

__all__ = [
    "FRESH",
    "KEY",
    "Anomaly",
    "Capacity",
    "Check",
    "Draw",
    "Future",
    "Invariant",
    "Malformed",
    "Message",
    "Node",
    "Option",
    "PlanError",
    "Present",
    "RPCError",
    "RPCTimeout",
    "Request",
    "Result",
    "Role",
    "RunResult",
    "Scalar",
    "System",
    "Tolerates",
    "Violation",
    "Workload",
    "assert_valid",
    "on",
    "operation",
    "run",
]

_HOMES = {
    "Anomaly": "clew.checkers.verdict",
    "Capacity": "clew.node.capacity",
    "Check": "clew.workloads.workload",
    "Draw": "clew.workloads.workload",
    "FRESH": "clew.workloads.operation",
    "Future": "clew.node.task",
    "Invariant": "clew.sim.invariants",
    "KEY": "clew.workloads.operation",
    "Malformed": "clew.workloads.workload",
    "Message": "clew.node.message",
    "Node": "clew.node.node",
    "Option": "clew.workloads.options",
    "PlanError": "clew.api",
    "Present": "clew.workloads.shapes",
    "RPCError": "clew.node.node",
    "RPCTimeout": "clew.node.node",
    "Request": "clew.workloads.workload",
    "Result": "clew.api",
    "Role": "clew.node.system",
    "RunResult": "clew.api",
    "Scalar": "clew.workloads.shapes",
    "System": "clew.node.system",
    "Tolerates": "clew.node.tolerates",
    "Violation": "clew.sim.invariants",
    "Workload": "clew.workloads.workload",
    "__version__": "clew.machine.version",
    "assert_valid": "clew.api",
    "on": "clew.node.node",
    "operation": "clew.workloads.operation",
    "run": "clew.api",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for, so that the command line starts quickly."""
    if name not in _HOMES:
        raise AttributeError(f"module 'clew' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """List the public names, for completion in a REPL or a notebook."""
    return sorted({*globals(), *_HOMES})
