"""The answers of a quorum: the first few of several requests that succeed."""

from typing import ClassVar

import pytest

from clew.node.node import Node, RPCError, RPCTimeout, on
from clew.runtimes.simulated import simulated

S = 1_000_000_000


class Asker(Node):
    """n1 asks all others; each answers after its own time, refuses, raises or is silent."""

    how: ClassVar = {}
    count: int | None = None

    async def start(self):
        self.said, self.at = None, None
        if self.id != "n1":
            return
        try:
            self.said = await self.gather(
                (self.rpc(peer, {"type": "ask"}, timeout=1.0) for peer in self.peers), self.count
            )
        except (RPCError, ValueError) as error:
            self.said = error
        self.at = round(self.monotonic(), 1)

    @on("ask")
    async def ask(self, msg):
        act = self.how[self.id]
        if act == "silent":
            return
        if act == "refuse":
            raise RPCError(11)
        await self.sleep(act)
        self.reply(msg, {"type": "ask_ok", "of": self.id})


def simulate(node_class, count):
    cluster = simulated(1, node_class, [f"n{rank + 1}" for rank in range(count)])
    cluster.boot()
    cluster.world.advance(3 * S)
    return cluster


@pytest.mark.parametrize(
    ("how", "count", "said"),
    [
        ((0.3, 0.1, 0.2), 2, ["n3", "n4"]),
        ((0.3, 0.1, 0.2), None, ["n3", "n4", "n2"]),
        ((0.3, 0.1, 0.2), 0, []),
        (("silent", 0.1, "refuse"), 1, ["n3"]),
        (("silent", 0.1, "refuse"), 2, RPCTimeout),
        (("silent", "refuse", "refuse"), 2, RPCError),
        ((0.1, 0.1, "refuse"), None, RPCError),
        ((0.1, 0.1, 0.1), 4, ValueError),
        ((0.1, 0.1, 0.1), -1, ValueError),
    ],
)
def test_a_quorum_answers_or_can_not(how, count, said):
    class Case(Asker):
        pass

    Case.how = {f"n{rank}": act for rank, act in enumerate(how, 2)}
    Case.count = count
    cluster = simulate(Case, 4)
    asker = cluster.hosts["n1"].node
    if isinstance(said, list):
        assert [body["of"] for body in asker.said] == said
    else:
        assert type(asker.said) is said
    assert cluster.findings == []


def test_it_ends_as_soon_as_a_quorum_can_not_be_reached():
    class Case(Asker):
        how: ClassVar = {"n2": "refuse", "n3": "refuse", "n4": "silent"}
        count = 2

    asker = simulate(Case, 4).hosts["n1"].node
    assert asker.said.code == 11
    assert asker.at < 0.1


class Mixed(Node):
    """What is gathered may be rpcs, tasks, coroutines and sleeps; mistakes are not swallowed."""

    async def start(self):
        self.said = None
        task = self.spawn(self.later(2))
        self.said = await self.gather([self.later(1), task, self.sleep(0.3)], 3)
        self.error = None
        try:
            await self.gather([self.broken(), self.sleep(5)], 1)
        except KeyError as error:
            self.error = error
        try:
            await self.gather([7])
        except TypeError as error:
            self.refused = str(error)

    async def later(self, value):
        await self.sleep(value / 10)
        return value

    async def broken(self):
        await self.sleep(0.1)
        raise KeyError("no")


def test_all_that_can_be_awaited_is_gathered():
    cluster = simulate(Mixed, 1)
    node = cluster.hosts["n1"].node
    assert node.said == [1, 2, None]
    assert isinstance(node.error, KeyError)
    assert node.refused == "gather() takes what rpc, sleep, work and spawn return, not 7"
    assert cluster.findings == []
