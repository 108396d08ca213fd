"""A register that a majority of the nodes holds: a minority may crash or be cut off.

$ clew test examples/quorum_register.py --nemesis partition,kill --seed 1

Attiya, Bar-Noy, Dolev, "Sharing Memory Robustly in Message-Passing Systems" (1995).
"""

from clew import Node, on


class QuorumRegister(Node):
    workload = "lin-kv"
    functions = ("read", "write")  # no cas: that takes more than quorums

    def start(self):
        self.registers = dict(self.disk)  # by key: [tag, value]

    @on("read")
    async def read(self, msg):
        key = str(msg.body["key"])
        latest = await self.latest(key)
        await self.store(key, latest)  # a majority holds what this is about to answer
        self.reply(msg, {"type": "read_ok", "value": latest[1]})

    @on("write")
    async def write(self, msg):
        key = str(msg.body["key"])
        (counter, _), _ = await self.latest(key)
        await self.store(key, [[counter + 1, self.id], msg.body["value"]])
        self.reply(msg, {"type": "write_ok"})

    async def latest(self, key):
        """The register with the highest tag that a majority knows of."""
        answers = await self.majority({"type": "get", "key": key})
        return max([self.get(key), *(answer["register"] for answer in answers)])

    async def store(self, key, register):
        """Return when a majority holds this register, or a later one."""
        self.keep(key, register)
        await self.majority({"type": "put", "key": key, "register": register})

    async def majority(self, request):
        """The answers of as many others as make a majority with this node."""
        asked = [self.rpc(peer, request) for peer in self.peers]
        return await self.gather(asked, len(self.node_ids) // 2)

    @on("get")
    def answer_get(self, msg):
        self.reply(msg, {"type": "get_ok", "register": self.get(msg.body["key"])})

    @on("put")
    def answer_put(self, msg):
        self.keep(msg.body["key"], msg.body["register"])
        self.reply(msg, {"type": "put_ok"})

    def get(self, key):
        return self.registers.get(key, [[0, ""], None])

    def keep(self, key, register):
        if register > self.get(key):
            self.registers[key] = register
            self.disk[key] = register
            self.disk.fsync()  # on disk before anybody hears of it
