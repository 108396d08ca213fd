"""Echo: a node says back what it is told."""

from __future__ import annotations

from clew.workloads.operation import operation
from clew.workloads.shapes import Scalar
from clew.workloads.workload import Check, Draw, Workload


class EchoWorkload(Workload):
    """``echo{echo}`` is answered by ``echo_ok{echo}``."""

    name = "echo"
    summary = "the reply carries the request's value"
    checks = (Check("echo", "an answer is not what was asked"),)
    every_node = True
    template_nemesis = ("kill",)

    @operation(request={"echo": Scalar}, reply={"echo": object}, readonly=True)
    def echo(self, draw: Draw) -> str:
        """Draw a text that no other operation sends."""
        return f"please echo {draw.unique()}"
