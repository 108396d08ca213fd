"""Echo: a node says back what it is told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from clew.checkers.simple.echo import Echo
from clew.checkers.verdict import Checker
from clew.workloads.workload import Draw, Malformed, Request, Workload, expect


class EchoWorkload(Workload):
    """``echo{echo}`` is answered by ``echo_ok{echo}``."""

    name = "echo"
    summary = "the reply carries the request's value"
    functions = ("echo",)
    readonly = frozenset({"echo"})
    every_node = True

    # Messages.

    def request(self, asked: Request) -> dict[str, Any]:
        """``echo{echo}``."""
        return {"type": "echo", "echo": asked.value}

    # Client.

    def result(self, asked: Request, reply: dict[str, Any], client: int) -> Any:
        """The value that came back."""
        del asked, client
        expect(reply, "echo_ok")
        if "echo" not in reply:
            raise Malformed(f"expected the field 'echo' in an echo_ok, found {reply}")
        return reply["echo"]

    # Generator.

    def operation(self, draw: Draw) -> Request:
        """A text nobody else sends."""
        return Request("echo", f"please echo {draw.unique()}")

    # Checker.

    def checkers(self) -> Sequence[Checker]:
        """Each reply carries its request's value."""
        return [Echo()]
