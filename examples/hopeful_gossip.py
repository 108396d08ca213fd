"""A broadcast that tells each neighbour once and hopes that it was heard.

$ clew test examples/hopeful_gossip.py --time-limit 20 --seed 1
$ clew test examples/hopeful_gossip.py --nemesis partition --nemesis-interval 3 \
    --time-limit 20 --seed 1
"""

from clew import Node, on


class HopefulGossip(Node):
    workload = "broadcast"

    def start(self):
        self.values = []
        self.neighbours = self.peers

    @on("topology")
    def topology(self, msg):
        self.neighbours = msg.body["topology"][self.id]
        self.reply(msg, {"type": "topology_ok"})

    @on("broadcast")
    def broadcast(self, msg):
        self.learn(msg.body["message"], msg.src)
        self.reply(msg, {"type": "broadcast_ok"})

    @on("gossip")
    def gossip(self, msg):
        self.learn(msg.body["value"], msg.src)

    @on("read")
    def read(self, msg):
        self.reply(msg, {"type": "read_ok", "messages": self.values})

    def learn(self, value, source):
        if value in self.values:
            return
        self.values.append(value)
        for neighbour in self.neighbours:
            if neighbour != source:
                self.send(neighbour, {"type": "gossip", "value": value})
