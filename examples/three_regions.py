"""A register for three regions, in three ways: at one home, with reads nearby, with a majority.

$ clew test examples/three_regions.py:OneHome --node-count 3 --regions eu,us,asia
$ clew test examples/three_regions.py:OneHome --node-count 3 --regions eu,us,asia \
    --nemesis region-cut --seed 93 --assert 'regions.us.availability > 0.99'
$ clew test examples/three_regions.py:NearReads --node-count 3 --regions eu,us,asia
$ clew test examples/three_regions.py:Majority --node-count 3 --regions eu,us,asia \
    --nemesis region-cut --seed 93 --assert 'regions.us.availability > 0.99'

One home is right and far away, and lost with its region. Reads nearby are fast and may be stale.
A majority costs each region a round trip to its nearest neighbour, and survives any one of them.
"""

from quorum_register import QuorumRegister

from clew import Node, on


class OneHome(Node):
    """The first node has the register; the others pass on what they are asked."""

    workload = "lin-kv"
    functions = ("read", "write")

    def start(self):
        self.home = self.node_ids[0]
        self.values = dict(self.disk)

    @on("read")
    async def read(self, msg):
        answer = await self.at_home({"type": "look", "key": str(msg.body["key"])})
        self.reply(msg, {"type": "read_ok", "value": answer["value"]})

    @on("write")
    async def write(self, msg):
        key, value = str(msg.body["key"]), msg.body["value"]
        await self.at_home({"type": "store", "key": key, "value": value})
        self.reply(msg, {"type": "write_ok"})

    async def at_home(self, request):
        """What the home says; a node that can't reach it in a second answers with an error."""
        if self.id != self.home:
            return await self.rpc(self.home, request)
        return getattr(self, request["type"])(request)

    @on("look")
    def handle_look(self, msg):
        self.reply(msg, self.look(msg.body))

    @on("store")
    def handle_store(self, msg):
        self.reply(msg, self.store(msg.body))

    def look(self, request):
        return {"type": "look_ok", "value": self.values.get(request["key"])}

    def store(self, request):
        self.values[request["key"]] = self.disk[request["key"]] = request["value"]
        self.disk.fsync()
        return {"type": "store_ok"}


class NearReads(OneHome):
    """The home tells the others what was written, and each answers reads from what it was told."""

    def store(self, request):
        stored = super().store(request)
        for peer in self.peers:
            self.send(peer, {**request, "type": "copy"})
        return stored

    @on("copy")
    def handle_copy(self, msg):
        super().store(msg.body)

    @on("read")
    def read(self, msg):
        value = self.values.get(str(msg.body["key"]))
        self.reply(msg, {"type": "read_ok", "value": value})


class Majority(QuorumRegister):
    """Two of three nodes hold each value: see quorum_register.py, which knows no regions."""
