"""Counters that replicas keep: grow-only, and up and down."""

from __future__ import annotations

from clew.workloads.operation import operation
from clew.workloads.workload import Check, Draw, Workload


class GCounterWorkload(Workload):
    """``add{delta}`` and ``read``; no delta is negative."""

    name = "g-counter"
    summary = "final reads are the sum of acknowledged adds and some unknown ones; never down"
    checks = (Check("g-counter", "a counter that only grows showed what it may not"),)
    final_reads = True
    every_node = True
    least = 0

    @operation(request={"delta": int})
    def add(self, draw: Draw) -> int:
        """Draw a delta from `least` to 4."""
        return draw.stream.between(self.least, 4)

    @operation(reply={"value": int}, readonly=True)
    def read(self, draw: Draw) -> None:
        """Draw nothing."""


class PNCounterWorkload(GCounterWorkload):
    """``add{delta}`` and ``read``; deltas may be negative."""

    name = "pn-counter"
    summary = "final reads are the sum of acknowledged adds and some unknown ones"
    checks = (Check("pn-counter", "a counter showed what it may not"),)
    least = -5
