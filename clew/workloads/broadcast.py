"""Broadcast: every acknowledged value reaches every node, and stays."""

from __future__ import annotations

from typing import Any

from clew.workloads.operation import operation
from clew.workloads.shapes import Scalar
from clew.workloads.workload import Check, Draw, Workload


class BroadcastWorkload(Workload):
    """``topology``, then ``broadcast{message}`` and ``read``."""

    name = "broadcast"
    summary = (
        "every acknowledged value reaches every node and, once shown there, stays; no phantom, "
        "no duplicate"
    )
    checks = (
        Check("broadcast", "replicas do not show in the end what was acknowledged", "convergence"),
    )
    setup_types = ("topology",)
    final_reads = True
    every_node = True

    def setup(self, node: str, topology: dict[str, list[str]]) -> dict[str, Any] | None:
        """Return ``topology{topology}``: who is whose neighbour."""
        del node
        return {"type": "topology", "topology": topology}

    @operation(request={"message": Scalar}, idempotent=True)
    def broadcast(self, draw: Draw) -> int:
        """Draw a new value."""
        return draw.unique()

    @operation(reply={"messages": list}, readonly=True)
    def read(self, draw: Draw) -> None:
        """Draw nothing."""
