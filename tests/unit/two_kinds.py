"""A front before a store: the smallest system of two kinds of node, for several files of tests."""

from clew import Invariant, Node, Role, RPCError, System, on


class Store(Node):
    """Keeps all values on its disk."""

    def start(self):
        self.values = dict(self.disk)

    @on("fetch")
    def fetch(self, msg):
        self.reply(msg, {"type": "fetch_ok", "value": self.values.get(str(msg.body["key"]))})

    @on("put")
    def put(self, msg):
        key = str(msg.body["key"])
        self.values[key] = self.disk[key] = msg.body["value"]
        self.disk.fsync()
        self.reply(msg, {"type": "put_ok"})


class Front(Node):
    """Passes everything on to the store of its rank."""

    def start(self):
        self.store = self.roles["store"][0]

    @on("read")
    async def read(self, msg):
        got = await self.rpc(self.store, {"type": "fetch", "key": msg.body["key"]})
        if got["value"] is None:
            raise RPCError(20)
        self.reply(msg, {"type": "read_ok", "value": got["value"]})

    @on("write")
    async def write(self, msg):
        key, value = msg.body["key"], msg.body["value"]
        await self.rpc(self.store, {"type": "put", "key": key, "value": value})
        self.reply(msg, {"type": "write_ok"})


class HastyFront(Front):
    """Keeps what it read, and never asks again."""

    def start(self):
        super().start()
        self.known = {}

    @on("read")
    async def read(self, msg):
        key = msg.body["key"]
        if key not in self.known:
            got = await self.rpc(self.store, {"type": "fetch", "key": key})
            if got["value"] is None:
                raise RPCError(20)
            self.known[key] = got["value"]
        self.reply(msg, {"type": "read_ok", "value": self.known[key]})


class KnowsEachOther(Invariant):
    """Every node knows every role."""

    name = "knows-each-other"

    def after(self, node):
        known = {role: len(names) for role, names in node.roles.items()}
        return None if [*known] == ["front", "store"] else f"{node.id} knows {known}"


def system_of(front=Front, fronts=3, **more):
    """A system with that front."""
    return System(
        roles={"front": Role(front, fronts, least=2, most=5), "store": Role(Store, 1, most=1)},
        workload="lin-kv",
        functions=("read", "write"),
        asks="front",
        **more,
    )


system = system_of()
