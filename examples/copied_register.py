"""A key-value store in which every node has a copy, and copies are brought up to date later.

It needs no crash and no partition to go wrong: a node that has not heard yet reads the past.

$ clew test examples/copied_register.py --time-limit 20 --rate 50 --latency 20 --seed 1
"""

from clew import Node, RPCError, on


class CopiedRegister(Node):
    workload = "lin-kv"

    def start(self):
        self.values = {}

    @on("read")
    def read(self, msg):
        self.reply(msg, {"type": "read_ok", "value": self.values.get(msg.body["key"])})

    @on("write")
    def write(self, msg):
        key, value = msg.body["key"], msg.body["value"]
        self.values[key] = value
        for peer in self.peers:
            self.send(peer, {"type": "copy", "key": key, "value": value})
        self.reply(msg, {"type": "write_ok"})

    @on("copy")
    def copy(self, msg):
        self.values[msg.body["key"]] = msg.body["value"]

    @on("cas")
    def cas(self, msg):
        raise RPCError(10, "only read and write")
