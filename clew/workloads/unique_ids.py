"""Unique ids: no id is acknowledged twice."""

from __future__ import annotations

from clew.workloads.operation import operation
from clew.workloads.shapes import Present
from clew.workloads.workload import Check, Draw, Workload


class UniqueIdsWorkload(Workload):
    """``generate`` is answered by ``generate_ok{id}``."""

    name = "unique-ids"
    summary = "no id is acknowledged twice"
    checks = (Check("unique-ids", "an id was given twice, or is none"),)
    template_nemesis = ("kill",)

    @operation(reply={"id": Present})
    def generate(self, draw: Draw) -> None:
        """Draw nothing."""
