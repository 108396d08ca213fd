"""The bank of `hasty_bank.py`, its accounts in one value: both sides of a transfer at once.

$ clew test examples/steady_bank.py --nemesis partition,kill
"""

from hasty_bank import ACCOUNTS, START, Bank, HastyBank

from clew import RPCError


class SteadyBank(HastyBank):
    workload = Bank

    def accounts(self):
        return self.disk.get("accounts", dict.fromkeys(ACCOUNTS, START))

    async def move(self, source, target, amount):
        accounts = dict(self.accounts())
        if accounts[source] < amount:
            raise RPCError(22, f"account {source} has too little")
        accounts[source] -= amount
        accounts[target] += amount
        self.disk["accounts"] = accounts
        await self.disk.sync()
