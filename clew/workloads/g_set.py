"""Grow-only set: every acknowledged element reaches every node."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from clew.checkers.replicated.convergence import Convergence
from clew.checkers.verdict import Checker
from clew.workloads.workload import Draw, Request, Workload, expect


class GSetWorkload(Workload):
    """``add{element}`` and ``read``."""

    name = "g-set"
    summary = "every acknowledged element reaches every node; no phantom, no duplicate"
    functions = ("add", "read")
    readonly = frozenset({"read"})
    final_reads = True
    every_node = True

    # Messages.

    def request(self, asked: Request) -> dict[str, Any]:
        """``add{element}`` or ``read``."""
        if asked.f == "add":
            return {"type": "add", "element": asked.value}
        return {"type": "read"}

    # Client.

    def result(self, asked: Request, reply: dict[str, Any], client: int) -> Any:
        """The elements read; the element itself for an add."""
        del client
        if asked.f == "add":
            expect(reply, "add_ok")
            return asked.value
        expect(reply, "read_ok", value=list)
        return reply["value"]

    # Generator.

    def operation(self, draw: Draw) -> Request:
        """A new element, or a read."""
        if draw.stream.chance(1, 2):
            return Request("add", draw.unique())
        return Request("read")

    # Checker.

    def checkers(self) -> Sequence[Checker]:
        """Every replica converges."""
        return [Convergence(f_add="add", nodes=self.options.nodes)]
