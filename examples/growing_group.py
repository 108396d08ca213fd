"""A Raft-like group that grows from three to five: its members agree on each change, one at a time.

$ clew test examples/growing_group.py:Server --node-count 3 --nemesis join,partition
$ clew test examples/growing_group.py:FixedQuorum --node-count 3 --nemesis join,partition

A leader is elected as in Raft, and sends its members the whole state in place of a log; the list
of members is part of it. The leader adds or removes one member, and the next only once that is
agreed on (Ongaro's thesis, chapter 4). `FixedQuorum` asks for ever a majority of the first three.
"""

from clew import Node, RPCError, Tolerates, on


class Server(Node):
    workload, functions = "lin-kv", ("read", "write")
    tolerates = Tolerates(nodes=(3, 5), latency=0.01)

    async def start(self):
        first = [0, 0, [] if self.joining else self.node_ids, {}]  # term, version, members, store
        self.term, self.voted, self.state = self.disk.get("all", [0, None, first])
        self.now_is, self.leader, self.asked, self.wanted = "follower", None, [], []
        self.led = self.due = -1  # when a leader was heard last, and when to stand for election
        self.wait()
        self.every(0.05, self.tick)
        await self.persist()

    def members(self):
        return self.state[2]

    def quorum(self):
        return len(self.members()) // 2 + 1

    def members_changed(self, members):
        self.wanted = members

    def may_leave(self):
        return self.id not in self.members()

    async def persist(self):
        self.disk["all"] = [self.term, self.voted, self.state]
        await self.disk.sync()

    def newer(self, term):
        if term > self.term:
            self.term, self.voted, self.now_is = term, None, "follower"

    def wait(self):
        self.due = self.monotonic() + 0.3 * (1 + self.rng.random())

    async def tick(self):
        early = self.monotonic() < self.due
        if self.now_is == "leader" or early or self.id not in self.members():
            return
        self.term, self.voted, self.now_is = (term := self.term + 1), self.id, "candidate"
        self.wait()
        await self.persist()
        elected = await self.most_say({"type": "vote", "term": term, "last": self.state[:2]})
        if elected and self.term == term and self.now_is == "candidate":
            self.now_is, self.leader = "leader", self.id
            await self.lead(term)

    async def most_say(self, question):
        members = self.members()
        asked = (self.rpc(name, question, 0.2) for name in members if name != self.id)
        try:
            return await self.gather(asked, self.quorum() - (self.id in members)) is not None
        except RPCError:
            return False

    @on("vote")
    async def vote(self, msg):
        if self.monotonic() - self.led < 0.3:  # who was removed disturbs nobody
            raise RPCError(11, "there is a leader")
        term, last = msg.body["term"], msg.body["last"]
        self.newer(term)
        if term < self.term or self.voted not in (None, msg.src) or last < self.state[:2]:
            raise RPCError(11, "no vote")
        self.voted = msg.src
        self.wait()
        await self.persist()
        if self.term == term:
            self.reply(msg, {"type": "vote_ok"})

    async def lead(self, term):
        members, store, msg, answer = self.members(), self.state[3], None, None
        while await self.agree(term, members, store):
            if msg is not None:
                self.reply(msg, answer)
            msg, members, store = None, self.next_members(), self.state[3]
            if self.asked:
                msg = self.asked.pop(0)
                store, answer = self.carried_out(msg.body, store)
            elif members == self.state[2]:
                await self.sleep(0.05)

    def next_members(self):
        now, wanted = self.state[2], self.wanted or self.state[2]
        new = [name for name in wanted if name not in now][:1]
        old = [name for name in now if name not in wanted][:1]
        return now + new if new else [name for name in now if name not in old]

    async def agree(self, term, members, store):
        """Make a state the next one; False where somebody else leads by now."""
        before = self.state[2]
        if self.term == term and self.now_is == "leader":
            self.state = [term, self.state[1] + 1, members, store]
            await self.persist()
        while self.term == term and self.now_is == "leader":
            body = {"type": "adopt", "term": term, "state": self.state}
            for name in sorted({*before} - {*members, self.id}):  # who is removed learns of it
                self.send(name, body)
            if await self.most_say(body):
                return self.term == term
        return False

    @on("adopt")
    async def adopt(self, msg):
        term, state = msg.body["term"], msg.body["state"]
        if term < self.term:
            raise RPCError(11, "another leads")
        self.newer(term)
        self.now_is, self.leader, self.led = "follower", msg.src, self.monotonic()
        self.wait()
        if state[:2] > self.state[:2]:
            self.state = state
            await self.persist()
        if self.term == term and "msg_id" in msg.body:
            self.reply(msg, {"type": "adopt_ok"})

    @on("read")
    def read(self, msg):
        if self.now_is != "leader":
            raise RPCError(11, "not the leader", leader=self.leader)
        self.asked.append(msg)

    @on("write")
    def write(self, msg):
        self.read(msg)

    def carried_out(self, body, store):
        key = str(body["key"])
        if body["type"] == "write":
            return {**store, key: body["value"]}, {"type": "write_ok"}
        return store, {"type": "read_ok", "value": store.get(key)}


class FixedQuorum(Server):
    def quorum(self):
        return 2
