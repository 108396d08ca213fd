"""A broadcast that goes on telling a neighbour until it has answered.

$ clew test examples/patient_gossip.py --nemesis partition --nemesis-interval 3 \
    --time-limit 20 --seed 1
$ clew test examples/patient_gossip.py --nemesis kill --nemesis-interval 3 \
    --time-limit 20 --seed 1
"""

from clew import Node, RPCTimeout, on


class PatientGossip(Node):
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
        self.reply(msg, {"type": "gossip_ok"})

    @on("read")
    def read(self, msg):
        self.reply(msg, {"type": "read_ok", "messages": self.values})

    def learn(self, value, source):
        if value in self.values:
            return
        self.values.append(value)
        for neighbour in self.neighbours:
            if neighbour != source:
                self.spawn(self.tell(neighbour, value))

    async def tell(self, neighbour, value):
        while True:
            try:
                await self.rpc(neighbour, {"type": "gossip", "value": value}, timeout=0.5)
            except RPCTimeout:
                continue
            return
