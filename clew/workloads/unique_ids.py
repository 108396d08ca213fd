"""Unique ids: no id is acknowledged twice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from clew.checkers.simple.unique_ids import UniqueIds
from clew.checkers.verdict import Checker
from clew.workloads.workload import Draw, Malformed, Request, Workload, expect


class UniqueIdsWorkload(Workload):
    """``generate`` is answered by ``generate_ok{id}``."""

    name = "unique-ids"
    summary = "no id is acknowledged twice"
    functions = ("generate",)

    # Messages.

    def request(self, asked: Request) -> dict[str, Any]:
        """``generate``."""
        del asked
        return {"type": "generate"}

    # Client.

    def result(self, asked: Request, reply: dict[str, Any], client: int) -> Any:
        """The id."""
        del asked, client
        expect(reply, "generate_ok")
        if reply.get("id") is None:
            raise Malformed(f"expected the field 'id' in a generate_ok, found {reply}")
        return reply["id"]

    # Generator.

    def operation(self, draw: Draw) -> Request:
        """Ask for an id."""
        del draw
        return Request("generate")

    # Checker.

    def checkers(self) -> Sequence[Checker]:
        """No id twice."""
        return [UniqueIds()]
