"""Broadcast: every acknowledged value reaches every node."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from clew.checkers.replicated.convergence import Convergence
from clew.checkers.verdict import Checker
from clew.workloads.workload import Draw, Request, Workload, expect


class BroadcastWorkload(Workload):
    """``topology``, then ``broadcast{message}`` and ``read``."""

    name = "broadcast"
    summary = "every acknowledged value reaches every node; no phantom, no duplicate"
    functions = ("broadcast", "read")
    setup_types = ("topology",)
    readonly = frozenset({"read"})
    final_reads = True
    every_node = True

    # Messages.

    def request(self, asked: Request) -> dict[str, Any]:
        """``broadcast{message}`` or ``read``."""
        if asked.f == "broadcast":
            return {"type": "broadcast", "message": asked.value}
        return {"type": "read"}

    def setup(self, node: str, topology: dict[str, list[str]]) -> dict[str, Any] | None:
        """``topology{topology}``: who is whose neighbour."""
        del node
        return {"type": "topology", "topology": topology}

    # Client.

    def result(self, asked: Request, reply: dict[str, Any], client: int) -> Any:
        """The values read; the value itself for a broadcast."""
        del client
        if asked.f == "broadcast":
            expect(reply, "broadcast_ok")
            return asked.value
        expect(reply, "read_ok", messages=list)
        return reply["messages"]

    # Generator.

    def operation(self, draw: Draw) -> Request:
        """A new value, or a read."""
        if draw.stream.chance(1, 2):
            return Request("broadcast", draw.unique())
        return Request("read")

    # Checker.

    def checkers(self) -> Sequence[Checker]:
        """Every replica converges."""
        return [Convergence(f_add="broadcast", nodes=self.options.nodes)]
