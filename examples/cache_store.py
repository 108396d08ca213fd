"""Caches before a store, and the race that leaves an old value in a cache for good.

Clients read from the caches and write to the store. Before the store changes a value it makes every
cache drop it, so no cache should ever show an old one. But a cache that asked a moment before gets
the old value after it has dropped it, and keeps it. The careful cache keeps no value that it was
told to drop while it waited (the leases of Nishtala et al., "Scaling Memcache at Facebook", 2013).

$ clew test examples/cache_store.py:hasty --latency 5 --latency-dist exponential
$ clew test examples/cache_store.py:careful --latency 5 --latency-dist exponential
$ clew test examples/cache_store.py:careful --nemesis kill:cache,partition-one:cache,kill:store
"""

from clew import Node, Role, RPCError, System, Tolerates, on


class Store(Node):
    """One node with all values on its disk; a value changes once no cache has the old one."""

    tolerates = Tolerates(nodes=1, latency=0.1)

    def start(self):
        self.changing = {}  # by key the readers that wait until it has changed

    @on("get")
    def get(self, msg):
        waiting = self.changing.get(msg.body["key"])
        if waiting is None:
            self.answer(msg)
        else:
            waiting.append(msg)

    def answer(self, msg):
        value = self.disk.get(str(msg.body["key"]))
        self.reply(msg, {"type": "get_ok", "value": value})

    @on("write")
    async def write(self, msg):
        key, value = msg.body["key"], msg.body["value"]
        if key in self.changing:
            raise RPCError(11, "another write is under way")
        self.changing[key] = []
        try:
            drop = {"type": "drop", "key": key}
            await self.gather(self.rpc(cache, drop) for cache in self.roles["cache"])
            self.disk[str(key)] = value
            self.disk.fsync()
        except RPCError:
            raise RPCError(11, "a cache does not answer, and may have the old value") from None
        finally:
            for waiting in self.changing.pop(key):
                self.answer(waiting)
        self.effect(msg)
        self.reply(msg, {"type": "write_ok"})


class HastyCache(Node):
    """Keeps in memory whatever it hears from the store."""

    tolerates = Tolerates(nodes=1, latency=0.1)

    def start(self):
        self.values = {}

    @on("read")
    async def read(self, msg):
        key = msg.body["key"]
        value = self.values[key] if key in self.values else await self.fetch(key)
        if value is None:
            raise RPCError(20)
        self.reply(msg, {"type": "read_ok", "value": value})

    async def fetch(self, key):
        [store] = self.roles["store"]
        answer = await self.rpc(store, {"type": "get", "key": key})
        self.values[key] = answer["value"]  # the store may have changed it since
        return answer["value"]

    @on("drop")
    def drop(self, msg):
        self.values.pop(msg.body["key"], None)
        self.reply(msg, {"type": "drop_ok"})


class CarefulCache(HastyCache):
    """Keeps a value only if it was not told to drop it while it waited for it."""

    def start(self):
        super().start()
        self.drops = {}  # by key how often it was dropped

    async def fetch(self, key):
        [store] = self.roles["store"]
        before = self.drops.get(key, 0)
        answer = await self.rpc(store, {"type": "get", "key": key})
        if self.drops.get(key, 0) == before:
            self.values[key] = answer["value"]
        return answer["value"]

    @on("drop")
    def drop(self, msg):
        self.drops[msg.body["key"]] = self.drops.get(msg.body["key"], 0) + 1
        super().drop(msg)


def system(cache):
    return System(
        roles={"cache": Role(cache, 3), "store": Role(Store, 1, most=1)},
        workload="lin-kv",
        functions=("read", "write"),
        asks={"read": "cache", "write": "store"},
    )


hasty = system(HastyCache)
careful = system(CarefulCache)
