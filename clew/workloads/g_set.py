"""Grow-only set: every acknowledged element reaches every node, and stays."""

from __future__ import annotations

from clew.workloads.operation import operation
from clew.workloads.shapes import Scalar
from clew.workloads.workload import Check, Draw, Workload


class GSetWorkload(Workload):
    """``add{element}`` and ``read``."""

    name = "g-set"
    summary = (
        "every acknowledged element reaches every node and, once shown there, stays; no phantom, "
        "no duplicate"
    )
    checks = (
        Check("g-set", "replicas do not show in the end what was acknowledged", "convergence"),
    )
    final_reads = True
    every_node = True

    @operation(request={"element": Scalar}, idempotent=True)
    def add(self, draw: Draw) -> int:
        """Draw a new element."""
        return draw.unique()

    @operation(reply={"value": list}, readonly=True)
    def read(self, draw: Draw) -> None:
        """Draw nothing."""
