"""The smallest node: it says back what it is told.

$ clew test examples/echo.py --time-limit 10 --seed 1
"""

from clew import Node, on


class Echo(Node):
    workload = "echo"

    @on("echo")
    def echo(self, msg):
        self.reply(msg, {"type": "echo_ok", "echo": msg.body["echo"]})
