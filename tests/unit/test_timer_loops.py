"""Nodes whose timers fire without end: named and stopped, and fine timers are left alone."""

import inspect

import pytest
from bad_nodes import Echo, S

from clew.runtimes.simulated import simulated
from clew.sim import limits, timer_loops
from clew.sim.timer_loops import RATE


class Every(Echo):
    period = 1e-6

    def start(self):
        self.every(self.period, self.tick)

    def tick(self):
        pass


class Chain(Every):
    def start(self):
        self.after(self.period, self.tick)

    def tick(self):
        self.after(self.period, self.tick)


class Sleeping(Every):
    def start(self):
        self.spawn(self.tick())

    async def tick(self):
        while True:
            await self.sleep(self.period)


class Working(Every):
    def start(self):
        self.spawn(self.tick())

    async def tick(self):
        while True:
            await self.work(self.period)


class OneOfThree(Every):
    def start(self):
        if self.id == "n2":
            super().start()


class Later(Every):
    """Fast only after a while, beside a slower timer."""

    def start(self):
        self.every(0.001, self.slow)
        self.after(2.5, super().start)

    def slow(self):
        pass


def _ran(node, names, seconds):
    cluster = simulated(1, node, names, keep_trace=False)
    cluster.boot()
    cluster.world.advance(round(seconds * S))
    return cluster


@pytest.fixture(autouse=True)
def _sooner(monkeypatch):
    """A tenth of all counts, for speed; the rate is the real one."""
    for name in ("BEFORE", "PROBE", "FIRED"):
        monkeypatch.setattr(timer_loops, name, getattr(timer_loops, name) // 10)
    monkeypatch.setattr(limits, "LIVELOCK_RECORDS", limits.LIVELOCK_RECORDS // 10)


@pytest.mark.parametrize(
    ("node", "cause"),
    [
        (Every, "timer tick"),
        (Chain, "timer tick"),
        (Sleeping, "timer sleep"),
        (Working, "work"),
        (Later, "timer tick"),
    ],
)
def test_timers_without_end_are_named_and_stopped(node, cause):
    cluster = _ran(node, ["n1"], 60)
    [finding] = cluster.findings
    assert (finding.kind, finding.node, finding.cause) == ("timer-loop", "n1", cause)
    lines, first = inspect.getsourcelines(node.tick)
    file, _, line = finding.place.rpartition(":")
    assert file == __file__
    assert first <= int(line) < first + len(lines)
    assert "per virtual second" in finding.reason
    assert len(cluster.trace) < 50_000


def test_the_node_of_a_cluster_is_named():
    [finding] = _ran(OneOfThree, ["n1", "n2", "n3"], 60).findings
    assert (finding.kind, finding.node) == ("timer-loop", "n2")
    assert "1,000,000 per virtual second" in finding.reason


@pytest.mark.parametrize("node", [Every, Chain, Sleeping, Working])
def test_timers_of_just_the_rate_are_no_finding(node):
    class Just(node):
        period = 1 / RATE

    assert list(_ran(Just, ["n1"], 1.2).findings) == []


def test_many_nodes_of_fine_timers_are_no_finding():
    """A hundred timers of 1 ms are twice the rate of one node, and each is slow."""

    class Fine(Every):
        period = 0.001

    cluster = _ran(Fine, [f"n{number}" for number in range(100)], 0.7)
    assert list(cluster.findings) == []
    assert len(cluster.trace) > 3 * timer_loops.FIRED


def test_timers_of_one_instant_are_a_livelock():
    class Still(Chain):
        period = 0

    [finding] = _ran(Still, ["n1"], 1).findings
    assert finding.kind == "livelock"


def test_a_burst_of_timers_is_no_finding():
    """What is due at once, now and then, is not sustained."""

    class Burst(Every):
        period = 1.0

        def tick(self):
            for _ in range(15_000):
                self.after(0.5, self.nothing)

        def nothing(self):
            pass

    assert list(_ran(Burst, ["n1"], 5).findings) == []
