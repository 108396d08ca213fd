"""A bank in one file: its node, its workload, its checks and an invariant.

The first node keeps the accounts, and writes the two sides of a transfer one by one. Who reads in
between misses money, which few requests never do, and many do again and again:

$ clew test examples/hasty_bank.py
$ clew test examples/hasty_bank.py --rate 200 --time-limit 5
"""

from typing import Annotated

from clew import Anomaly, Check, Node, Option, RPCError, Workload, on, operation

ACCOUNTS = ["0", "1", "2", "3"]
START = 25


class Bank(Workload):
    """Money moves between accounts, and all of it is still there."""

    name = "bank"
    summary = "every read shows the same total, and every account"
    amount_max: Annotated[int, Option("N", "How much is moved, at most.", least=1)] = 5

    @operation(request={"from": str, "to": str, "amount": int}, simpler={"amount": 1})
    def transfer(self, draw):
        source, target = draw.stream.sample(ACCOUNTS, 2)
        return {"from": source, "to": target, "amount": draw.stream.between(1, self.amount_max)}

    @operation(reply={"accounts": dict}, readonly=True)
    def read(self, draw):
        return None  # a read has nothing to ask for

    @staticmethod
    def every_account_shows(history):
        for one in history.operations:
            if one.f == "read" and one.type == "ok" and sorted(one.result) != ACCOUNTS:
                yield Anomaly("lost-account", f"A read shows only {sorted(one.result)}.", (one,))

    checks = (
        Check("bank:total=100", "money came or went"),
        Check(every_account_shows, "a read does not show an account", "accounts"),
    )


def nobody_owes(nodes):
    """No account is below zero: looked at after every event, inside the nodes."""
    for node in nodes.values():
        for account, amount in node.accounts().items():
            if amount < 0:
                return f"account {account} is at {amount} on {node.id}"
    return None


class HastyBank(Node):
    workload = "bank"
    invariants = (nobody_owes,)

    def start(self):
        self.first = self.node_ids[0]

    @on("transfer")
    async def transfer(self, msg):
        order = [msg.body["from"], msg.body["to"], msg.body["amount"]]
        if self.id == self.first:
            await self.move(*order)
        else:
            await self.rpc(self.first, {"type": "move", "order": order})
        self.reply(msg, {"type": "transfer_ok"})

    @on("move")
    async def asked_to_move(self, msg):
        await self.move(*msg.body["order"])
        self.reply(msg, {"type": "move_ok"})

    @on("read")
    async def read(self, msg):
        if self.id == self.first:
            accounts = self.accounts()
        else:
            accounts = (await self.rpc(self.first, {"type": "look"}))["accounts"]
        self.reply(msg, {"type": "read_ok", "accounts": accounts})

    @on("look")
    def look(self, msg):
        self.reply(msg, {"type": "look_ok", "accounts": self.accounts()})

    def accounts(self):
        return {account: self.disk.get(account, START) for account in ACCOUNTS}

    async def move(self, source, target, amount):
        left = self.accounts()[source] - amount
        if left < 0:
            raise RPCError(22, f"account {source} has too little")
        self.disk[source] = left
        await self.disk.sync()
        self.disk[target] = self.accounts()[target] + amount
        await self.disk.sync()
