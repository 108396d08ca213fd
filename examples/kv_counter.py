"""A counter kept by a service, which every node asks: seq-kv is allowed to show the past.

$ clew test examples/kv_counter.py --node-count 3 --rate 100 --time-limit 20 --nemesis kill,pause

A partition would cut the nodes from each other, and they send each other nothing; it does not cut
them from services.
"""

from clew import Node, RPCError, on


class KVCounter(Node):
    workload = "g-counter"

    @on("add")
    async def add(self, msg):
        await self.change(msg.body["delta"])
        self.reply(msg, {"type": "add_ok"})

    @on("read")
    async def read(self, msg):
        # A reader may be shown the past, but nobody writes on top of it: adding 0 catches up.
        self.reply(msg, {"type": "read_ok", "value": await self.change(0)})

    async def change(self, delta):
        """Add to the total, and return it: read it, and replace it if it is still the same."""
        while True:
            total = await self.total()
            try:
                await self.rpc("seq-kv", {
                    "type": "cas", "key": "total", "from": total, "to": total + delta,
                    "create_if_not_exists": True,
                })  # fmt: skip
            except RPCError as error:
                if error.code != 22:  # somebody else was quicker
                    raise
            else:
                return total + delta

    async def total(self):
        try:
            answer = await self.rpc("seq-kv", {"type": "read", "key": "total"})
        except RPCError as error:
            if error.code != 20:  # nobody has counted yet
                raise
            return 0
        return answer["value"]
