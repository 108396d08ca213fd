"""Nodes that go wrong in odd ways: each way is a finding, and none reaches the run or the disk."""

import signal
from functools import partial
from typing import Any, ClassVar

import pytest

from clew.errors import NodeError
from clew.node.disk import Disk
from clew.node.node import Node, RPCError, on
from clew.runtimes.journal import JournalDisk
from clew.runtimes.simulated import simulated
from clew.sim.invariants import Invariant, Violation

S = 1_000_000_000


def cluster_of(node_class, count=1, seconds=0, strike=None):
    cluster = simulated(1, node_class, [f"n{rank + 1}" for rank in range(count)])
    if strike is not None:
        cluster.hosts["n1"].strike = strike
    cluster.boot()
    cluster.world.advance(int(seconds * S))
    return cluster


def node(cluster, name="n1"):
    return cluster.hosts[name].node


# The dead write nothing.


class Undoes(Node):
    """Writes once more, and syncs, whenever it is unwound."""

    async def start(self):
        self.disk["kept"] = 1
        self.disk.fsync()
        self.spawn(self.wait())
        try:
            await self.sleep(100)
        finally:
            self.last_will()

    async def wait(self):
        try:
            await self.sleep(100)
        finally:
            self.last_will()
            await self.disk.sync()

    def last_will(self):
        self.disk["kept"] = 2
        self.disk["ghost"] = 1
        self.disk.append("file", b"ghost")
        self.disk.fsync()


@pytest.mark.parametrize("unsynced", ["lost", "kept", "torn"])
def test_a_crashed_coroutines_finally_writes_nothing(unsynced):
    cluster = cluster_of(Undoes, seconds=1)
    host = cluster.hosts["n1"]
    assert host.crash("by hand", unsynced) == (0, 0)
    assert (dict(host.disk), host.disk.files(), host.disk.unsynced) == ({"kept": 1}, [], 0)
    assert host.crash("again", "kept") == (0, 0)
    host.boot()
    assert dict(host.disk) == {"kept": 1}
    host.crash("at the end", "kept")
    assert cluster.findings == []


class CutOff(Node):
    """Its machine dies in its sync; it writes and syncs on the way out, and raises."""

    def start(self):
        if "ghost" not in self.disk and "tried" not in self.disk:
            self.after(1, self.go)

    def go(self):
        try:
            self.disk["tried"] = 1
            self.disk.fsync()
        finally:
            self.disk["ghost"] = 1
            self.disk.fsync()
            self.send("n1", {"type": "ghost"})
            raise KeyError("ghost")


def test_a_handler_that_unwinds_from_a_power_cut_writes_and_says_nothing():
    def strike(host):
        host.strike = None
        host.crash("power cut", "kept")
        return True

    cluster = cluster_of(CutOff, seconds=2, strike=strike)
    host = cluster.hosts["n1"]
    assert host.node is None
    assert dict(host.disk) == {"tried": 1}
    host.boot()
    cluster.world.advance(5 * S)
    assert dict(host.disk) == {"tried": 1}
    assert cluster.findings == []


# What ends a program does not end the run.


class Exits(Node):
    act = staticmethod(lambda: None)

    def start(self):
        self.after(1, self.send, "n1", {"type": "plain"})
        self.after(2, self.send, "n1", {"type": "slow"})
        self.after(3, self.leave)

    @on("plain")
    def plain(self, _msg):
        self.leave()

    @on("slow")
    async def slow(self, _msg):
        await self.sleep(0.1)
        self.leave()

    def leave(self):
        type(self).act()


def leaves(error):
    def act():
        raise error

    return type("Leaves", (Exits,), {"act": staticmethod(act)})


@pytest.mark.parametrize(("error", "reason"), [(SystemExit(0), "SystemExit: 0"),
                                               (GeneratorExit(), "GeneratorExit: ")])  # fmt: skip
def test_leaving_the_program_is_a_finding(error, reason):
    cluster = cluster_of(leaves(error), seconds=5)
    assert {(each.kind, each.reason) for each in cluster.findings} == {("exception", reason)}
    assert cluster.world.now == 5 * S


def test_a_persons_interrupt_stays_one():
    pressed = staticmethod(lambda: signal.raise_signal(signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        cluster_of(type("Interrupted", (Exits,), {"act": pressed}), seconds=5)


# Replies of any shape.


class Asks(Node):
    reply_with: ClassVar[dict[str, Any]] = {}

    async def start(self):
        self.heard = None
        if self.id == "n1":
            try:
                self.heard = await self.rpc("n2", {"type": "ask"}, timeout=0.5)
            except RPCError as error:
                self.heard = error.code

    @on("ask")
    def ask(self, msg):
        self.send(msg.src, {"in_reply_to": msg.body["msg_id"], **self.reply_with})


@pytest.mark.parametrize(
    ("reply_with", "heard"),
    [
        ({"type": "error", "code": "nonsense"}, 13),
        ({"type": "error", "code": None}, 13),
        ({"type": "error", "code": 30}, 30),
        ({"type": "ok", "in_reply_to": [1]}, 0),
        ({"type": "ok", "in_reply_to": {"a": 1}}, 0),
    ],
)
def test_a_reply_of_an_odd_shape(reply_with, heard):
    cluster = cluster_of(type("Odd", (Asks,), {"reply_with": reply_with}), 2, 2)
    assert node(cluster).heard == heard
    assert cluster.findings == []


# Invariants.


def small(_nodes):
    return "too small"


def true(_nodes):
    return True


class Says(Invariant):
    answer: ClassVar[Any] = None

    def after(self, node):
        return self.answer


class Breaks(Invariant):
    def __init__(self, nodes):
        raise KeyError("by hand")


def invariant(answer):
    return type("Says", (Says,), {"answer": answer})


@pytest.mark.parametrize("declared", [small, "abc", Says, None])
def test_invariants_that_are_no_tuple(declared):
    with pytest.raises(NodeError, match="expected a tuple of Invariant classes or functions"):
        type("Wrong", (Node,), {"invariants": declared})


@pytest.mark.parametrize(
    ("declared", "words"),
    [
        ("abc", "found 'abc'"),
        (dict, "found the class dict, which is no Invariant"),
        (Says({}), "found an object of type Says"),
        (Breaks, "found KeyError: 'by hand'"),
    ],
)
def test_an_invariant_that_is_none(declared, words):
    with pytest.raises(NodeError, match=words):
        cluster_of(type("Wrong", (Node,), {"invariants": (declared,)}))


@pytest.mark.parametrize(
    ("declared", "kind", "reason"),
    [
        (small, "invariant", "small: too small"),
        (partial(small), "invariant", "small: too small"),
        (invariant("bad"), "invariant", "Says: bad"),
        (invariant(Violation("bad", ("n1",), None)), "invariant", "Says: bad"),
        (true, "exception",
         "TypeError: the invariant's answer: expected None or a str, found True"),
        (invariant(1), "exception",
         "TypeError: the invariant's answer: expected None, a Violation or a str, found 1"),
    ],
)  # fmt: skip
def test_what_an_invariant_answers(declared, kind, reason):
    cluster = cluster_of(type("Watched", (Node,), {"invariants": (declared,)}))
    assert [(each.kind, each.reason) for each in cluster.findings] == [(kind, reason)]


# Spawned coroutines.


class Spawns(Node):
    """n1 asks n2, which answers through coroutines of its own."""

    async def start(self):
        self.heard = None
        if self.id == "n1":
            try:
                body = await self.rpc("n2", {"type": "ask"}, timeout=2)
                self.heard = body["type"]
            except RPCError as error:
                self.heard = error.code

    @on("ask")
    async def ask(self, msg):
        await self.answer(msg)

    async def fails(self, seconds=0.0):
        if seconds:
            await self.sleep(seconds)
        raise RPCError(30, "in the background")


class Awaits(Spawns):
    async def answer(self, msg):
        await self.spawn(self.fails())


class AwaitsLater(Spawns):
    async def answer(self, msg):
        tasks = [self.spawn(self.fails(0.3)), self.spawn(self.fails(0.1)), self.spawn(self.fails())]
        codes = []
        for task in tasks:
            try:
                await task
            except RPCError as error:
                codes.append(error.code)
        self.reply(msg, {"type": "-".join(map(str, codes))})


class Forgets(Spawns):
    async def answer(self, msg):
        self.spawn(self.fails(0.1))
        await self.sleep(0.5)
        self.reply(msg, {"type": "fine"})


class NeverEnds(Spawns):
    async def answer(self, msg):
        self.spawn(self.fails())
        self.reply(msg, {"type": "fine"})
        while True:
            await self.sleep(1)


class Plain(Spawns):
    @on("ask")
    def ask(self, msg):
        self.spawn(self.fails(0.1))
        self.after(0.2, self.reply, msg, {"type": "fine"})


class InATimer(Spawns):
    @on("ask")
    def ask(self, msg):
        self.after(0.1, self.fails)
        self.after(0.2, self.reply, msg, {"type": "fine"})


BACKGROUND = ["RPCError: error 30: in the background"]


@pytest.mark.parametrize(
    ("node_class", "heard", "reasons"),
    [
        (Awaits, 30, []),
        (AwaitsLater, "30-30-30", []),
        (Forgets, "fine", BACKGROUND),
        (NeverEnds, "fine", BACKGROUND),
        (Plain, "fine", BACKGROUND),
        (InATimer, "fine", BACKGROUND),
    ],
)
def test_only_the_handlers_own_coroutine_answers(node_class, heard, reasons):
    cluster = cluster_of(node_class, 2, 10)
    assert node(cluster).heard == heard
    assert [each.reason for each in cluster.findings] == reasons


class Elsewhere:
    def __await__(self):
        yield self


class GoesOn(Node):
    """Catches what a foreign await raises, awaits foreign things again, then goes on."""

    async def start(self):
        self.caught = 0
        for _ in range(2):
            try:
                await Elsewhere()
            except Exception:  # noqa: BLE001 - as careless nodes do
                self.caught += 1
        await self.sleep(1)
        self.caught += 10
        await Elsewhere()


def test_a_caught_foreign_await_goes_on():
    cluster = cluster_of(GoesOn, seconds=2)
    assert node(cluster).caught == 12
    [finding] = cluster.findings
    assert finding.reason.endswith("disk.sync only, not an object of type Elsewhere")
    line = Elsewhere.__await__.__code__.co_firstlineno + 1
    assert finding.place == f"{__file__}:{line}"


# Smaller things.


@pytest.mark.parametrize("below", range(2))
def test_a_rename_is_one_write(below):
    disk = Disk()
    disk.write("a", b"12")
    disk.fsync()
    disk.rename("a", "b")
    assert disk.unsynced == 1
    assert disk.crash("torn", lambda bound: min(below, bound - 1)) == (1, 0)
    assert disk.files() == ["a"]
    disk.rename("a", "a")
    disk.rename("a", "b")
    disk.fsync()
    assert disk.files() == ["b"]


def test_a_rename_is_one_line_of_the_journal(tmp_path):
    disk = JournalDisk(tmp_path / "disk")
    disk.write("a", b"12")
    disk["x"] = 1
    disk.fsync()
    disk.rename("a", "b")
    disk.rename("x", "y")
    disk.fsync()
    disk.close()
    lines = (tmp_path / "disk").read_bytes().splitlines()
    assert len(lines) == 4
    again = JournalDisk(tmp_path / "disk")
    assert (again.files(), again.read("b"), dict(again)) == (["b"], b"12", {"y": 1})
    again.close()


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"b", "a"}, "v is a set"),
        (Elsewhere(), "v is an object of type Elsewhere"),
        (b"x", "v is b'x', a bytes"),
        ({(1, Elsewhere()): 1}, "v is a dict with the key a tuple; JSON keys are strings"),
    ],
)
def test_what_json_cannot_say_is_told_in_the_same_words_each_time(value, words):
    class Sends(Node):
        def start(self):
            self.send("n1", {"type": "x", "v": value})

    [finding] = cluster_of(Sends).findings
    assert finding.reason == f"sent a body that JSON can't say: {words}"


@pytest.mark.parametrize("bare", [lambda self, msg: None, 5, None])
def test_on_without_a_type(bare):
    with pytest.raises(TypeError, match=r'@on takes the type of the message, as in @on\("read"\)'):
        on(bare)
