"""An echo that thinks for a while, and keeps what it was told where the next one finds it.

$ clew test examples/slow_echo.py --time-limit 10 --rate 50 --concurrency 2n --seed 1
"""

from clew import Node, on


class SlowEcho(Node):
    workload = "echo"

    @on("echo")
    async def echo(self, msg):
        self.told = msg.body["echo"]
        await self.sleep(0.05)  # other messages are handled meanwhile
        self.reply(msg, {"type": "echo_ok", "echo": self.told})
