"""Nodes that answer late or refuse at first, for clients that ask again; increments with ids."""

from clew import Anomaly, Check, Node, RPCError, Workload, on, operation

LATE_S = 0.4


def never_too_much(history):
    """A read shows more than was asked for in all, as the history has it."""
    asked = [one for one in history.operations if one.f == "add"]
    most = sum(one.argument["delta"] for one in asked if one.type != "fail")
    for one in history.operations:
        if one.f == "read" and one.type == "ok" and one.result > most:
            yield Anomaly("too-much", f"A read shows {one.result} of {most} at most.", (one,))


class Increments(Workload):
    """Increments with an id, which nodes promise to carry out once."""

    name = "increments"
    summary = "no increment counts twice"
    checks = (Check(never_too_much, "an increment counted twice", "increments"),)
    final_reads = True

    @operation(request={"delta": int, "id": int}, idempotent=True)
    def add(self, draw):
        return {"delta": 1, "id": draw.unique()}

    @operation(reply={"value": int}, readonly=True)
    def read(self, draw):
        return None


class Blind(Increments):
    """The same, but nodes promise nothing about ids."""

    name = "blind-increments"

    @operation(request={"delta": int, "id": int})
    def add(self, draw):
        return {"delta": 1, "id": draw.unique()}


class Late(Node):
    """Counts what it is asked to, at once; each third answer comes after clients gave it up."""

    workload = "Increments"

    def start(self):
        self.value = self.asked = 0

    def count(self, body):
        self.value += body["delta"]

    async def wait(self):
        self.asked += 1
        if self.asked % 3 == 0:
            await self.sleep(LATE_S)

    @on("add")
    async def add(self, msg):
        self.count(msg.body)
        await self.wait()
        self.reply(msg, {"type": "add_ok"})

    @on("read")
    async def read(self, msg):
        value = self.value
        await self.wait()
        self.reply(msg, {"type": "read_ok", "value": value})


class LateOnce(Late):
    """Counts each id once."""

    def start(self):
        super().start()
        self.known = set()

    def count(self, body):
        if body["id"] not in self.known:
            self.known.add(body["id"])
            super().count(body)


class Never(Late):
    """Answers, long after anybody waits."""

    async def wait(self):
        await self.sleep(LATE_S)


class Busy(Late):
    """Refuses every second request for now, and loses nothing."""

    async def wait(self):
        self.asked += 1

    def count(self, body):
        if self.asked % 2 == 0:
            self.asked += 1
            raise RPCError(11)
        super().count(body)


class Lists(Node):
    """Lists in one place; each third answer is late, and each fourth request is in conflict."""

    workload = "txn-list-append"

    def start(self):
        self.lists = {}
        self.asked = 0

    @on("txn")
    async def txn(self, msg):
        self.asked += 1
        asked = self.asked
        if asked % 4 == 0:
            raise RPCError(30)
        done = []
        for f, key, value in msg.body["txn"]:
            found = self.lists.setdefault(key, [])
            if f == "append":
                found.append(value)
            done.append([f, key, value if f == "append" else [*found]])
        if asked % 3 == 0:
            await self.sleep(LATE_S)
        self.reply(msg, {"type": "txn_ok", "txn": done})


def reads_never_go_back(history):
    """In a session, which is a process, no read shows less than the one before."""
    seen = {}
    for one in history.operations:
        if one.type == "ok":
            if one.result < seen.get(one.process, one.result):
                yield Anomaly("went-back", f"Process {one.process} saw {one.result}.", (one,))
            seen[one.process] = one.result


class Ticks(Workload):
    """What a node shows only grows; nodes need not agree."""

    name = "ticks"
    summary = "no session goes back"
    checks = (Check(reads_never_go_back, "a session went back", "sessions"),)

    @operation(reply={"value": int}, readonly=True)
    def read(self, draw):
        return None


class Ticking(Node):
    """Shows its time in ms; each node is a second behind the one before, and often late."""

    workload = "Ticks"

    def start(self):
        self.asked = 0

    @on("read")
    async def read(self, msg):
        self.asked += 1
        if self.asked % 3 == 0:
            await self.sleep(LATE_S)
        if self.asked % 7 == 0:
            raise RPCError(11)
        behind = 1000 * self.node_ids.index(self.id)
        self.reply(msg, {"type": "read_ok", "value": int(1000 * self.monotonic()) - behind})


class OneSlow(Node):
    """A store at every node that never changes; the first node is slow."""

    workload = "lin-kv"

    @on("read")
    async def read(self, msg):
        if self.id == self.node_ids[0]:
            await self.sleep(LATE_S)
        raise RPCError(20)

    @on("write")
    def write(self, msg):
        raise RPCError(14)

    @on("cas")
    def cas(self, msg):
        raise RPCError(22)


class Lies(OneSlow):
    """Reads what nobody wrote."""

    @on("read")
    async def read(self, msg):
        await self.sleep(0.1 if self.id == self.node_ids[0] else 0.001)
        self.reply(msg, {"type": "read_ok", "value": 666})
