"""Counters that replicas keep: grow-only, and up and down."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from clew.checkers.replicated.counters import Counter
from clew.checkers.verdict import Checker
from clew.workloads.workload import Draw, Request, Workload, expect


class GCounterWorkload(Workload):
    """``add{delta}`` and ``read``; no delta is negative."""

    name = "g-counter"
    summary = "final reads are the sum of acknowledged adds and some unknown ones; never down"
    functions = ("add", "read")
    readonly = frozenset({"read"})
    final_reads = True
    every_node = True

    # Messages.

    def request(self, asked: Request) -> dict[str, Any]:
        """``add{delta}`` or ``read``."""
        if asked.f == "add":
            return {"type": "add", "delta": asked.value}
        return {"type": "read"}

    # Client.

    def result(self, asked: Request, reply: dict[str, Any], client: int) -> Any:
        """The total read; the delta itself for an add."""
        del client
        if asked.f == "add":
            expect(reply, "add_ok")
            return asked.value
        expect(reply, "read_ok", value=int)
        return reply["value"]

    # Generator.

    def operation(self, draw: Draw) -> Request:
        """An add of 0 to 4, or a read."""
        if draw.stream.chance(1, 2):
            return Request("add", draw.stream.between(0, 4))
        return Request("read")

    # Checker.

    def checkers(self) -> Sequence[Checker]:
        """Final reads add up, replicas converge, and no replica goes down."""
        return [Counter(monotonic=True, nodes=self.options.nodes, name=self.name)]


class PNCounterWorkload(GCounterWorkload):
    """``add{delta}`` and ``read``; deltas may be negative."""

    name = "pn-counter"
    summary = "final reads are the sum of acknowledged adds and some unknown ones"

    def operation(self, draw: Draw) -> Request:
        """An add of -5 to 4, or a read."""
        if draw.stream.chance(1, 2):
            return Request("add", draw.stream.between(-5, 4))
        return Request("read")

    def checkers(self) -> Sequence[Checker]:
        """Final reads add up, and replicas converge."""
        return [Counter(monotonic=False, nodes=self.options.nodes, name=self.name)]
