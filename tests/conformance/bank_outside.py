"""A bank in one file, as a user may have it: node, workload, checks. A crash loses it money."""

from clew import Anomaly, Check, Node, RPCError, Workload, on, operation

ACCOUNTS = ["0", "1", "2", "3"]
START = 25


class HastyBank(Node):
    """The first node keeps the accounts, the others ask it; it writes the two sides one by one."""

    workload = "bank"

    def start(self):
        self.first = self.node_ids[0]

    def balance(self, account):
        return self.disk.get(account, START)

    @on("transfer")
    async def transfer(self, msg):
        body = msg.body
        if self.id != self.first:
            await self.rpc(self.first, {**body, "type": "move"}, timeout=0.5)
        else:
            await self.move(body)
        self.reply(msg, {"type": "transfer_ok"})

    @on("move")
    async def moved(self, msg):
        await self.move(msg.body)
        self.reply(msg, {"type": "move_ok"})

    async def move(self, body):
        left = self.balance(body["from"]) - body["amount"]
        if left < 0:
            raise RPCError(22, f"account {body['from']} has only {self.balance(body['from'])}")
        self.disk[body["from"]] = left
        await self.disk.sync()
        self.disk[body["to"]] = self.balance(body["to"]) + body["amount"]
        await self.disk.sync()

    @on("read")
    async def read(self, msg):
        if self.id != self.first:
            answer = await self.rpc(self.first, {"type": "all"}, timeout=0.5)
            accounts = answer["accounts"]
        else:
            accounts = self.accounts()
        self.reply(msg, {"type": "read_ok", "accounts": accounts})

    @on("all")
    def all(self, msg):
        self.reply(msg, {"type": "all_ok", "accounts": self.accounts()})

    def accounts(self):
        return {account: self.balance(account) for account in ACCOUNTS}


def no_account_is_lost(history):
    """Every read shows every account."""
    for one in history.operations:
        if one.f == "read" and one.type == "ok" and sorted(one.result) != ACCOUNTS:
            yield Anomaly("lost-account", f"a read shows {sorted(one.result)} alone", (one,))


class Bank(Workload):
    """Money moves between accounts, and all of it is still there."""

    name = "bank"
    summary = "every read shows the same total, and no account is below zero"
    checks = (
        Check("bank:total=100", "money came or went"),
        Check(no_account_is_lost, "a read does not show an account"),
    )

    @operation(request={"from": str, "to": str, "amount": int}, simpler={"amount": 1})
    def transfer(self, draw):
        source, target = draw.stream.sample(ACCOUNTS, 2)
        return {"from": source, "to": target, "amount": draw.stream.between(1, 5)}

    @operation(reply={"accounts": dict}, readonly=True)
    def read(self, draw):
        return None
