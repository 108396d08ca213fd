"""A counter for each key, kept by one of several shards; a controller says by which.

The controller moves a key to another shard now and then: the old shard lets go of it, the new one
takes it over, and both write that to their disks before they say so. A shard that is asked for a
key of another sends the client there. The hasty shard forgets to sync that it has let go: after a
crash it counts on, beside the new one, and increments are lost.

$ clew test examples/sharded_counter.py:sharded
$ clew test examples/sharded_counter.py:sharded --nemesis kill:shard,kill:controller,partition
$ clew test examples/sharded_counter.py:hasty --nemesis kill:shard --seed 8
"""

from clew import KEY, Check, Node, Role, RPCError, System, Tolerates, Workload, on, operation

KEYS = 2


class Counters(Workload):
    """Each client adds to a counter that it shares with others, and reads it."""

    name = "counters"
    summary = "linearizable, counter by counter"
    checks = (Check("counter:keyed=true", "counters broke their promise", "linearizable"),)

    @operation(request={"key": int, "delta": int}, value=("key", "delta"), simpler={"key": KEY})
    def add(self, draw):
        return [draw.client % KEYS, draw.stream.between(1, 3)]

    @operation(
        request={"key": int}, reply={"value": int}, value=("key", None), result=("key", "value"),
        readonly=True, simpler={"key": KEY},
    )  # fmt: skip
    def read(self, draw):
        return [draw.client % KEYS, None]


class Controller(Node):
    """Keeps on its disk who has which key, and what move of a key is not done yet."""

    tolerates = Tolerates(nodes=1, latency=0.1)

    def start(self):
        self.every(0.5, self.move_one)
        self.busy = False

    def owner(self, key):
        shards = self.roles["shard"]
        return self.disk.get(f"owner {key}", shards[key % len(shards)])

    async def move_one(self):
        if self.busy:
            return
        self.busy = True
        try:
            if "move" not in self.disk:
                key, target = self.rng.randrange(KEYS), self.rng.choice(self.roles["shard"])
                number = self.disk.get("moves", 0) + 1
                self.keep(moves=number, move=[number, key, self.owner(key), target])
            await self.move(*self.disk["move"])
        except RPCError:
            pass  # a shard does not answer: the same move is tried again
        finally:
            self.busy = False

    async def move(self, number, key, source, target):
        ask = {"key": key, "number": number}
        gone = await self.rpc(source, {"type": "let_go", **ask}, 0.3)
        await self.rpc(target, {"type": "take", **ask, "value": gone["value"]}, 0.3)
        self.keep(**{f"owner {key}": target})
        del self.disk["move"]
        self.disk.fsync()

    def keep(self, **values):
        self.disk.update(values)
        self.disk.fsync()

    @on("who")
    def who(self, msg):
        self.reply(msg, {"type": "who_ok", "owner": self.owner(msg.body["key"])})


class Shard(Node):
    """Keeps on its disk the counters that it has, and what it let go in which move."""

    tolerates = Tolerates(nodes=1, latency=0.1)

    def mine(self, key):
        """The counter's value; None where another shard has it."""
        first = self.roles["shard"][key % len(self.roles["shard"])]
        return self.disk.get(f"value {key}", 0 if first == self.id else None)

    def keep(self, key, value, number):
        self.disk.update({f"value {key}": value, f"number {key}": number})

    async def counter(self, key):
        value = self.mine(key)
        if value is None:
            [controller] = self.roles["controller"]
            answer = await self.rpc(controller, {"type": "who", "key": key}, 0.3)
            raise RPCError(11, "another shard has the key", leader=answer["owner"])
        return value

    @on("add")
    async def add(self, msg):
        key = msg.body["key"]
        value = await self.counter(key)
        self.disk[f"value {key}"] = value + msg.body["delta"]
        self.disk.fsync()
        self.reply(msg, {"type": "add_ok"})

    @on("read")
    async def read(self, msg):
        self.reply(msg, {"type": "read_ok", "value": await self.counter(msg.body["key"])})

    @on("let_go")
    def let_go(self, msg):
        key, number = msg.body["key"], msg.body["number"]
        if self.disk.get(f"number {key}", 0) < number:
            self.disk[f"gone {key}"] = self.mine(key)
            self.keep(key, None, number)
            self.written()
        self.reply(msg, {"type": "let_go_ok", "value": self.disk[f"gone {key}"]})

    def written(self):
        self.disk.fsync()

    @on("take")
    def take(self, msg):
        key, number = msg.body["key"], msg.body["number"]
        if self.disk.get(f"taken {key}", 0) < number:  # else this came again, and it has counted on
            self.disk[f"taken {key}"] = number
            self.keep(key, msg.body["value"], number)
            self.disk.fsync()
        self.reply(msg, {"type": "take_ok"})


class HastyShard(Shard):
    def written(self):
        pass  # a crash may bring back what was let go


def system(shard):
    roles = {"controller": Role(Controller, 1, most=1), "shard": Role(shard, 3)}
    return System(roles=roles, workload=Counters, asks="shard")


sharded = system(Shard)
hasty = system(HastyShard)
