"""A first Raft: a leader, a log, majorities; and everything in memory.

It agrees under partitions. It does not survive crashes, because a node that forgets its vote
votes twice, and one that forgets its log takes a majority's word back. `clew/models/raft/` is
what it grows into.

$ clew test examples/first_raft.py --nemesis partition --nemesis-interval 5 \
    --time-limit 30 --seed 1
$ clew test examples/first_raft.py --nemesis kill --nemesis-interval 2 \
    --time-limit 30 --rate 20 --seed 1

Ongaro, Ousterhout, "In Search of an Understandable Consensus Algorithm" (2014), figure 2.
"""

from clew import Node, RPCError, on


class FirstRaft(Node):
    workload = "lin-kv"

    def start(self):
        self.term = 0
        self.vote = None
        self.log = []  # entries [term, operation]
        self.state = "follower"
        self.leader = None
        self.committed = 0  # how many entries of the log are
        self.applied = 0
        self.values = {}
        self.waiting = {}  # by place in the log: (term, the client's message)
        self.wait()
        self.every(0.05, self.tick)

    def server_state(self):
        return self.state

    # Elections.

    def wait(self):
        """Give the leader, or the present candidate, some time."""
        self.deadline = self.monotonic() + 0.3 + 0.3 * self.rng.random()

    def tick(self):
        if self.state == "leader":
            self.replicate()
        elif self.monotonic() > self.deadline:
            self.campaign()

    def campaign(self):
        self.term += 1
        self.state, self.vote, self.leader = "candidate", self.id, None
        self.votes = [self.id]
        self.wait()
        for peer in self.peers:
            self.send(peer, {"type": "ask_vote", "term": self.term, "last": self.last()})
        self.count_votes()

    def last(self):
        """How up to date the log is: its last entry's term, then its length."""
        return [self.log[-1][0] if self.log else 0, len(self.log)]

    def see(self, term):
        """Every message carries a term; a later one makes this node a follower."""
        if term > self.term:
            self.term, self.state, self.vote, self.leader = term, "follower", None, None

    @on("ask_vote")
    def ask_vote(self, msg):
        self.see(msg.body["term"])
        fresh = msg.body["term"] == self.term and self.vote in (None, msg.src)
        if fresh and msg.body["last"] >= self.last():
            self.vote = msg.src
            self.wait()
            self.send(msg.src, {"type": "give_vote", "term": self.term})

    @on("give_vote")
    def give_vote(self, msg):
        self.see(msg.body["term"])
        if msg.body["term"] == self.term and self.state == "candidate":
            if msg.src not in self.votes:
                self.votes.append(msg.src)
            self.count_votes()

    def count_votes(self):
        if len(self.votes) * 2 > len(self.node_ids):
            self.state, self.leader = "leader", self.id
            self.next = dict.fromkeys(self.peers, len(self.log))
            self.match = dict.fromkeys(self.peers, 0)
            self.log.append([self.term, None])  # earlier terms' entries commit with this one
            self.replicate()

    # The log.

    def replicate(self):
        for peer in self.peers:
            place = self.next[peer]
            before = self.log[place - 1][0] if place else 0
            self.send(peer, {
                "type": "append", "term": self.term, "place": place, "before": before,
                "entries": self.log[place:place + 100], "committed": self.committed,
            })  # fmt: skip
        self.commit()

    @on("append")
    def append(self, msg):
        body = msg.body
        self.see(body["term"])
        if body["term"] < self.term:
            return
        self.state, self.leader = "follower", msg.src
        self.wait()
        place, entries = body["place"], body["entries"]
        fits = place == 0 or (place <= len(self.log) and self.log[place - 1][0] == body["before"])
        if fits:
            for offset, entry in enumerate(entries):
                here = place + offset
                if here < len(self.log) and self.log[here][0] != entry[0]:
                    del self.log[here:]
                if here == len(self.log):
                    self.log.append(entry)
            self.committed = max(self.committed, min(body["committed"], place + len(entries)))
            self.apply()
        reached = place + len(entries) if fits else min(place - 1, len(self.log))
        self.send(msg.src, {"type": "appended", "term": self.term, "fits": fits, "to": reached})

    @on("appended")
    def appended(self, msg):
        self.see(msg.body["term"])
        if self.state != "leader" or msg.body["term"] != self.term:
            return
        if msg.body["fits"]:
            self.match[msg.src] = max(self.match[msg.src], msg.body["to"])
            self.next[msg.src] = self.match[msg.src]
            self.commit()
        else:
            self.next[msg.src] = max(msg.body["to"], self.match[msg.src])

    def commit(self):
        held = sorted([len(self.log), *self.match.values()])
        by_majority = held[(len(held) - 1) // 2]
        if by_majority > self.committed and self.log[by_majority - 1][0] == self.term:
            self.committed = by_majority
            self.apply()

    def apply(self):
        while self.applied < self.committed:
            term, operation = self.log[self.applied]
            answer = self.execute(operation) if operation else None
            asked_term, msg = self.waiting.pop(self.applied, (None, None))
            if msg is not None and asked_term == term:
                self.reply(msg, answer)
            self.applied += 1

    def execute(self, operation):
        key = str(operation["key"])
        if operation["type"] == "write":
            self.values[key] = operation["value"]
            return {"type": "write_ok"}
        if operation["type"] == "read":
            return {"type": "read_ok", "value": self.values.get(key)}
        if key not in self.values:
            return {"type": "error", "code": 20}
        if self.values[key] != operation["from"]:
            return {"type": "error", "code": 22}
        self.values[key] = operation["to"]
        return {"type": "cas_ok"}

    # Clients.

    @on("read")
    async def read(self, msg):
        await self.submit(msg)

    @on("write")
    async def write(self, msg):
        await self.submit(msg)

    @on("cas")
    async def cas(self, msg):
        await self.submit(msg)

    async def submit(self, msg):
        """Put an operation in the log, or have the leader do so."""
        operation = {name: value for name, value in msg.body.items() if name != "msg_id"}
        if self.state == "leader":
            self.waiting[len(self.log)] = (self.term, msg)
            self.log.append([self.term, operation])
            self.replicate()
        elif self.leader is None:
            raise RPCError(11, "no leader yet")
        else:
            answer = await self.rpc(self.leader, operation)
            del answer["in_reply_to"]
            self.reply(msg, answer)
