"""A counter that every node can add to, and that crashes and partitions can't make wrong.

$ clew test examples/my_counter.py -w g-counter --node-count 3 --seed 7
"""

from clew import Node, on


class Counter(Node):
    workload = "g-counter"

    def start(self):  # at boot and after every restart
        self.counts = dict(self.disk)  # how much each node has counted itself, by its name
        self.every(0.2, self.gossip)

    @on("add")
    def add(self, msg):
        self.keep(self.id, self.counts.get(self.id, 0) + msg.body["delta"])
        self.reply(msg, {"type": "add_ok"})

    @on("read")
    def read(self, msg):
        self.reply(msg, {"type": "read_ok", "value": sum(self.counts.values())})

    def gossip(self):
        for peer in self.peers:
            self.send(peer, {"type": "counts", "counts": self.counts})

    @on("counts")
    def listen(self, msg):
        for name, count in msg.body["counts"].items():
            if count > self.counts.get(name, 0):  # a node's own count only grows
                self.keep(name, count)

    def keep(self, name, count):
        self.counts[name] = count
        self.disk[name] = count
        self.disk.fsync()  # on disk before anybody hears of it
