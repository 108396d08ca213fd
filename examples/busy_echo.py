"""An echo that costs something: each answer keeps the machine's one worker busy for 20 ms.

$ clew test examples/busy_echo.py:BusyEcho --node-count 1 --concurrency 100 --rate 40

Asked for three times what it can do, it keeps busy and answers nobody in time; with a bounded queue
it answers as much as it can, and refuses the rest:

$ clew test examples/busy_echo.py:BusyEcho --node-count 1 --concurrency 400 --rate 160 --no-shrink
$ clew test examples/busy_echo.py:BoundedEcho --node-count 1 --concurrency 400 --rate 160
"""

from clew import Capacity, Node, on


class BusyEcho(Node):
    workload = "echo"
    capacity = Capacity(workers=1)

    @on("echo")
    async def echo(self, msg):
        await self.work(0.02)
        self.reply(msg, {"type": "echo_ok", "echo": msg.body["echo"]})


class BoundedEcho(BusyEcho):
    capacity = Capacity(workers=1, queue=10)
