"""Echo: the smallest node there is.

It shows the shape of every other one: a class, a handler named by the message it answers, a
reply. There is no state, so crashes, clocks and disks can't hurt it; a partition can't either,
because it asks nobody.
"""

from __future__ import annotations

from typing import ClassVar

from clew.node.message import Message
from clew.node.node import Node, on
from clew.node.tolerates import Tolerates


class Echo(Node):
    """Says back what it is told."""

    tolerates = Tolerates(nodes=1, latency=0.1, also=("partition-standing",))

    workload: ClassVar[str | None] = "echo"

    @on("echo")
    def echo(self, msg: Message) -> None:
        """Answer with the request's own value."""
        self.reply(msg, {"type": "echo_ok", "echo": msg.body["echo"]})
