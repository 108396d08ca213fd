"""A counter that tells the others what to add. A lost message is never counted, one that comes
twice is counted twice.

$ clew test examples/summing_counter.py --node-count 3 \
    --nemesis partition --nemesis-interval 3 --time-limit 20 --seed 1
"""

from clew import Node, on


class SummingCounter(Node):
    workload = "g-counter"

    def start(self):
        self.total = self.disk.get("total", 0)

    @on("add")
    def add(self, msg):
        self.count(msg.body["delta"])
        for peer in self.peers:
            self.send(peer, {"type": "also_add", "delta": msg.body["delta"]})
        self.reply(msg, {"type": "add_ok"})

    @on("also_add")
    def also_add(self, msg):
        self.count(msg.body["delta"])

    @on("read")
    def read(self, msg):
        self.reply(msg, {"type": "read_ok", "value": self.total})

    def count(self, delta):
        self.total += delta
        self.disk["total"] = self.total
        self.disk.fsync()
