"""Nodes in the simulation: messages, requests, timers, coroutines, crashes, mistakes."""

from typing import ClassVar

import pytest

from clew.node.disk import Disk
from clew.node.node import Node, RPCError, RPCTimeout, on
from clew.runtimes.simulated import simulated
from clew.sim.faults import Fault, Injector
from clew.trace.record import first_difference

S = 1_000_000_000


def simulate(node_class, count=2, seconds=3, faults=(), **named):
    cluster = simulated(1, node_class, [f"n{rank + 1}" for rank in range(count)], **named)
    Injector(cluster, faults)
    cluster.boot()
    cluster.world.advance(int(seconds * S))
    return cluster


def node(cluster, name="n1"):
    return cluster.hosts[name].node


class Echo(Node):
    """n1 talks; n2 answers in several ways."""

    async def start(self):
        self.said = []
        if self.id == "n1":
            for act in ("plain", "slow", "refuse", "silent", "broken"):
                try:
                    body = await self.rpc("n2", {"type": act, "list": [1]}, timeout=0.5)
                    self.said.append((act, body["type"]))
                except RPCTimeout as error:
                    self.said.append((act, "timeout", error.code))
                except RPCError as error:
                    self.said.append((act, error.code, error.text))

    @on("plain")
    def plain(self, msg):
        self.reply(msg, {"type": "plain_ok"})

    @on("slow")
    async def slow(self, msg):
        await self.sleep(0.2)
        self.reply(msg, {"type": "slow_ok"})

    @on("refuse")
    def refuse(self, msg):
        raise RPCError(14, "not now")

    @on("silent")
    def silent(self, msg):
        pass

    @on("broken")
    async def broken(self, msg):
        await self.sleep(0.1)
        raise ValueError(msg.body["list"])


def test_requests_and_their_answers():
    cluster = simulate(Echo)
    assert node(cluster).said == [
        ("plain", "plain_ok"),
        ("slow", "slow_ok"),
        ("refuse", 14, "not now"),
        ("silent", "timeout", 0),
        ("broken", 13, "ValueError([1])"),
    ]


def test_an_exception_is_a_finding_with_its_cause_and_the_run_goes_on():
    cluster = simulate(Echo)
    [finding] = cluster.findings
    assert (finding.kind, finding.node, finding.reason) == ("exception", "n2", "ValueError: [1]")
    assert finding.cause == "{'type': 'broken', 'list': [1], 'msg_id': 5} from n1"
    assert 0.8 * S < finding.time_ns < 0.9 * S
    path, _, line = finding.place.rpartition(":")
    assert path == __file__
    assert finding.traceback.splitlines()[0] == "Traceback (most recent call last):"
    assert "clew/sim" not in finding.traceback
    assert finding.traceback.rstrip().endswith("ValueError: [1]")
    assert f"line {line}" in finding.traceback
    assert cluster.world.now == 3 * S


def test_a_run_stops_at_a_finding_where_asked():
    cluster = simulate(Echo, stop_on_finding=True)
    assert len(cluster.findings) == 1
    assert cluster.world.now < S


class Sharing(Node):
    def start(self):
        self.body = {"type": "take", "items": [1, {"a": []}], "n": 1}
        self.taken = []
        if self.id == "n1":
            for peer in self.node_ids:
                self.send(peer, self.body)
            self.body["items"][1]["a"].append("later")
            self.body["n"] = 2

    @on("take")
    def take(self, msg):
        self.taken.append(msg.body)
        assert msg.body["items"] == [1, {"a": []}]
        msg.body["items"].append(2)


def test_sender_and_receivers_share_nothing():
    cluster = simulate(Sharing, count=3)
    assert cluster.findings == []
    bodies = [node(cluster, name).taken[0] for name in ("n1", "n2", "n3")]
    assert all(body["n"] == 1 for body in bodies)
    assert all(body["items"] == [1, {"a": []}, 2] for body in bodies)
    assert len({id(body["items"]) for body in bodies}) == 3
    sent = [event.fields["body"] for event in cluster.trace.events() if event.kind == "send"]
    assert [body["items"] for body in sent] == [[1, {"a": []}]] * 3


class Mistaken(Node):
    act = staticmethod(lambda node: None)

    def start(self):
        if self.id == "n1":
            self.after(1, self.go)

    def go(self):
        type(self).act(self)


MISTAKES = {
    "no JSON": (
        lambda node: node.send("n2", {"type": "x", "v": {1, 2}}),
        "malformed-message",
        "sent a body that JSON can't say: v is a set",
    ),
    "no type": (
        lambda node: node.send("n2", {"v": 1}),
        "malformed-message",
        "sent n2 a body without a str 'type': {'v': 1}",
    ),
    "no body": (
        lambda node: node.send("n2", 5),
        "malformed-message",
        "sent a body that JSON can't say: 'int' object is not iterable",
    ),
    "nobody": (
        lambda node: node.send("n7", {"type": "x"}),
        "unknown-destination",
        "sent a message to 'n7', which nobody is called: there are n1, n2",
    ),
    "no handler": (
        lambda node: node.send("n2", {"type": "x"}),
        "unhandled-message",
        "has no handler for messages of type 'x'",
    ),
    "bad period": (
        lambda node: node.every(0, print),
        "exception",
        "ValueError: every() takes a period above 0 s, not 0",
    ),
    "bad disk value": (
        lambda node: node.disk.__setitem__("k", object),
        "exception",
        "TypeError: disk['k'] takes what JSON can say; body is an object of type type",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_are_findings(name):
    act, kind, reason = MISTAKES[name]
    cluster = simulate(type("Wrong", (Mistaken,), {"act": staticmethod(act)}))
    [finding] = cluster.findings
    assert (finding.kind, finding.reason) == (kind, reason)
    assert finding.node == ("n2" if kind == "unhandled-message" else "n1")
    assert finding.time_ns >= S


def test_awaiting_what_is_not_virtual_time_is_told():
    class Odd:
        def __await__(self):
            yield "elsewhere"

    class Foreign(Node):
        async def start(self):
            await Odd()

    cluster = simulate(Foreign, count=1)
    [finding] = cluster.findings
    assert finding.reason == (
        "ForeignAwaitError: a node can await its own rpc, gather, sleep, work, spawn and disk.sync "
        "only, "
        "not 'elsewhere'"
    )


class Timers(Node):
    def start(self):
        self.fired = []
        self.after(0.5, self.note, "once")
        self.every(0.4, self.note, "often")
        self.stopped = self.every(0.1, self.stop)
        self.after(-1, self.note, "at once")
        self.child = self.spawn(self.count())

    def note(self, what):
        self.fired.append((what, self.monotonic()))

    def stop(self):
        self.stopped.cancel()
        self.stopped.cancel()
        self.fired.append("stopped")

    async def count(self):
        await self.sleep(0.3)
        self.fired.append("slept")
        return 3


def test_timers_and_coroutines():
    cluster = simulate(Timers, count=1, seconds=1)
    assert node(cluster).fired == [
        ("at once", 0.0), "stopped", "slept", ("often", 0.4), ("once", 0.5), ("often", 0.8),
    ]  # fmt: skip


def test_a_crash_ends_timers_coroutines_and_requests():
    class Busy(Node):
        lives = 0
        late: ClassVar[list] = []

        async def start(self):
            type(self).lives += 1
            life = type(self).lives
            self.every(0.1, self.tick)
            try:
                await self.sleep(10)
                self.late.append(life)
            finally:
                self.log(f"unwound {life}")

        def tick(self):
            self.send(self.id, {"type": "self"})

        @on("self")
        def myself(self, msg):
            pass

    cluster = simulate(
        Busy, count=1, seconds=13, faults=[Fault("k", "kill", S, 2 * S, "n1")]
    )  # fmt: skip
    assert cluster.findings == []
    assert Busy.late == [2]
    ticks = [record[0] for record in cluster.trace.records() if record[1] == "timer"]
    assert not [time for time in ticks if S < time < 2 * S]


def test_a_message_to_a_former_life_is_lost():
    class Aimed(Node):
        def start(self):
            self.got = []
            if self.id == "n1":
                self.after(1, self.send, "n2", {"type": "hi"})

        @on("hi")
        def hi(self, msg):
            self.got.append(msg.body)

    at_ns = S + 1_000
    crash = Fault("k", "kill", at_ns, at_ns, "n2")
    assert node(simulate(Aimed), "n2").got == [{"type": "hi"}]
    cluster = simulate(Aimed, faults=[crash])
    assert node(cluster, "n2").got == []
    assert cluster.network.dropped == {"down": 1}


def test_an_awaited_sync_covers_what_was_written_before_it():
    class Syncer(Node):
        async def start(self):
            self.found = self.disk.get("log"), self.disk.get("late")
            self.disk["log"] = 1
            waiting = self.disk.sync()
            self.disk["late"] = 2
            await waiting
            self.synced = self.monotonic()

    cluster = simulate(Syncer, count=1, faults=[Fault("k", "kill", S, 2 * S, "n1")])
    assert node(cluster).found == (1, None)
    assert 2.0001 <= node(cluster).synced <= 2.001


def test_a_disk_is_a_dict_and_a_file_system():
    disk = Disk()
    disk["a"] = {"x": [1, 2]}
    disk["a"]["x"].append(3)
    assert disk["a"] == {"x": [1, 2]}
    disk.write("f", b"hello")
    disk.append("f", b" you")
    disk.truncate("f", 7)
    assert disk.read("f") == b"hello y"
    assert dict(disk) == {"a": {"x": [1, 2]}}
    assert disk.files() == ["f"]
    disk.rename("f", "g")
    assert "f" not in disk
    assert "g" in disk
    assert disk.read("a") == b'{"x": [1, 2]}'
    with pytest.raises(FileNotFoundError):
        disk.read("f")
    with pytest.raises(TypeError, match=r"'g' is a file; read it with disk.read\('g'\)"):
        disk["g"]
    del disk["a"]
    disk.delete("g")
    assert list(disk) == disk.files() == []
    for missing in (lambda: disk.delete("g"), lambda: disk.rename("g", "h")):
        with pytest.raises(FileNotFoundError):
            missing()
    with pytest.raises(KeyError):
        del disk["a"]


class Rolling(Node):
    def start(self):
        self.every(0.01, self.roll)

    def roll(self):
        self.send(self.rng.choice(self.node_ids), {"type": "roll", "n": self.rng.random()})

    @on("roll")
    def rolled(self, msg):
        self.disk["last"] = msg.body["n"]
        self.disk.fsync()


FAULTS = [
    Fault("a", "partition-random-halves", S, 2 * S),
    Fault("b", "loss", S, 2 * S),
    Fault("c", "kill", S, 2 * S, "random", {"unsynced": "torn"}),
    Fault("d", "clock-drift", S // 2, 2 * S, "all"),
]


def test_two_clusters_of_one_plan_have_one_digest():
    first, second = (simulate(Rolling, count=4, faults=FAULTS) for _ in range(2))
    assert first_difference(first.trace, second.trace) is None
    assert first.trace.close() == second.trace.close()
    other = simulate(Rolling, count=4, faults=FAULTS[1:])
    assert first_difference(first.trace, other.trace) is not None
    assert other.trace.close() != first.trace.close()


def test_interleaved_clusters_do_not_touch_each_other():
    alone = simulate(Rolling, count=3).trace.close()
    left, right = (simulated(1, Rolling, ["n1", "n2", "n3"]) for _ in range(2))
    for cluster in (left, right):
        Injector(cluster, ())
        cluster.boot()
    for step in range(31):
        left.world.advance(step * S // 10)
        right.world.advance(step * S // 10)
    assert left.trace.close() == right.trace.close() == alone
