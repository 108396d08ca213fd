"""A key-value store with one keeper, whose memory is all there is.

$ clew test examples/forgetful_register.py --time-limit 20 --seed 1
$ clew test examples/forgetful_register.py --nemesis kill --nemesis-interval 3 \
    --time-limit 20 --seed 1
"""

from clew import Node, RPCError, on


class ForgetfulRegister(Node):
    workload = "lin-kv"

    def start(self):
        self.values = {}
        self.keeper = self.node_ids[0]

    @on("read")
    async def read(self, msg):
        if self.id != self.keeper:
            return await self.forward(msg)
        return self.reply(msg, {"type": "read_ok", "value": self.values.get(msg.body["key"])})

    @on("write")
    async def write(self, msg):
        if self.id != self.keeper:
            return await self.forward(msg)
        self.values[msg.body["key"]] = msg.body["value"]
        return self.reply(msg, {"type": "write_ok"})

    @on("cas")
    async def cas(self, msg):
        if self.id != self.keeper:
            return await self.forward(msg)
        key = msg.body["key"]
        if key not in self.values:
            raise RPCError(20, "no such key")
        if self.values[key] != msg.body["from"]:
            raise RPCError(22, "it has another value")
        self.values[key] = msg.body["to"]
        return self.reply(msg, {"type": "cas_ok"})

    async def forward(self, msg):
        body = {name: value for name, value in msg.body.items() if name != "msg_id"}
        answer = await self.rpc(self.keeper, body)
        del answer["in_reply_to"]
        self.reply(msg, answer)
