"""Faults of single types of messages, and of all nodes at once."""

from dataclasses import replace

import pytest

from clew.node.node import Node, on
from clew.node.tolerates import Tolerates
from clew.runtimes.simulated import SimulatedProcess
from clew.runtimes.tripped import tripped
from clew.scenarios.code.models import load_model
from clew.scenarios.options.scenario import Scenario
from clew.scenarios.plans.capabilities import kinds_apart, kinds_for
from clew.scenarios.plans.draw import draw_plan
from clew.scenarios.plans.nemesis import draw_faults
from clew.scenarios.runs.run import simulate
from clew.sim.cluster import Cluster
from clew.sim.entropy import Entropy
from clew.sim.faults import KINDS, Fault, Injector, injection_of
from clew.sim.tripwires import Tripwires

S = 1_000_000_000
MS = S // 1000
NODES = ["n1", "n2", "n3"]


class Talker(Node):
    """Sends two types of messages to everybody, and counts by sender what comes."""

    def start(self):
        self.got = {}
        self.times = {}
        self.every(0.1, self.tick)

    def tick(self):
        for peer in self.peers:
            self.send(peer, {"type": "beat"})
            self.send(peer, {"type": "vote", "sent": self.monotonic()})

    @on("beat")
    def beat(self, msg):
        self.count(msg)

    @on("vote")
    def vote(self, msg):
        self.count(msg)

    def count(self, msg):
        key = msg.src, msg.type
        self.got[key] = self.got.get(key, 0) + 1
        self.times.setdefault(key, []).append(self.monotonic())

    def server_state(self):
        return "leader" if self.id == "n1" else "follower"


def ran(fault, seconds=2, node_class=Talker):
    """A cluster in which a fault struck, and what it reports."""
    wires = Tripwires((), injection_of(fault.kind).hears)
    cluster = Cluster(
        1, node_class, NODES, make_process=tripped(SimulatedProcess, wires), tripwires=wires
    )
    injector = Injector(cluster, [fault])
    cluster.boot()
    cluster.world.advance(seconds * S)
    [report] = injector.reports()
    return cluster, report


def got(cluster, node, src, kind):
    return cluster.nodes[node].got.get((src, kind), 0)


def lossy(target=None, at=0, **params):
    return Fault("f", "message-loss", at, 2 * S - 1, target, params)


def test_messages_of_one_type_are_lost_and_no_others():
    cluster, report = ran(lossy(type="vote"))
    assert cluster.nodes["n1"].got == {("n2", "beat"): 19, ("n3", "beat"): 19}
    assert report.bit == 6 * 19
    assert report.drawn == {}


@pytest.mark.parametrize(
    ("direction", "lost"),
    [
        ("from", {("n1", "n2"), ("n1", "n3")}),
        ("to", {("n2", "n1"), ("n3", "n1")}),
        ("both", {("n1", "n2"), ("n1", "n3"), ("n2", "n1"), ("n3", "n1")}),
    ],
)
def test_loss_has_a_direction(direction, lost):
    cluster, _ = ran(lossy(("n1",), type="vote", direction=direction))
    pairs = {(src, dest) for src in NODES for dest in NODES if src != dest}
    assert {(a, b) for a, b in pairs if not got(cluster, b, a, "vote")} == lost
    assert all(got(cluster, b, a, "beat") == 19 for a, b in pairs)


def test_a_type_that_is_left_open_is_drawn_once_and_reported():
    drawn = set()
    for number in range(12):
        cluster, report = ran(replace(lossy(at=S), id=f"f{number}"))
        [name] = report.drawn.values()
        drawn.add(name)
        other = {"vote": "beat", "beat": "vote"}[name]
        assert got(cluster, "n2", "n1", name) < 11
        assert got(cluster, "n2", "n1", other) == 19
        assert report.detail.endswith(f" of the type {name}")
        assert report.to_json()["drawn"] == {"type": name}
    assert drawn == {"beat", "vote"}


def test_the_first_type_to_come_is_struck_if_none_was_seen():
    _, report = ran(lossy())
    assert report.drawn == {"type": "beat"}


def test_what_is_struck_is_the_same_in_every_run():
    reports = [ran(lossy(at=S, per_thousand=500))[1] for _ in range(2)]
    assert reports[0] == reports[1]
    assert 0 < reports[0].bit


def test_half_of_the_faults_of_a_type_last_until_healing():
    faults = [
        fault
        for seed in range(200)
        for fault in draw_faults(
            ["message-loss"], entropy=Entropy(seed), node_ids=NODES, interval_ns=S,
            time_limit_ns=60 * S, leads=False,
        )
    ]  # fmt: skip
    standing = [fault for fault in faults if fault.until_ns == 60 * S - 1]
    assert 0.4 < len(standing) / len(faults) < 0.6
    assert {fault.params["type"] for fault in faults} == {""}


def test_all_stand_still_and_go_on_together():
    cluster, report = ran(Fault("f", "freeze", S // 2, S, "all"), 1)
    assert report.target == ("n1", "n2", "n3")
    assert report.bit > 0
    records = [each for each in cluster.trace.events() if each.kind in {"pause", "resume"}]
    assert [(each.time, each.kind) for each in records] == [(S // 2, "pause")] * 3 + [
        (S, "resume")
    ] * 3


APART = [name for name, kind in KINDS.items() if kind.apart]


def test_all_and_swarms_are_without_them():
    assert not set(kinds_for(Talker)) & set(APART)
    assert kinds_apart(Talker) == APART
    plan = draw_plan(Scenario(model="raft", swarm=True), 3, load_model("raft"))
    assert not {fault.kind for fault in plan.faults} & set(APART)


@pytest.mark.parametrize(
    ("faults", "able"),
    [
        (("kill", "partition"), set()),
        (("loss",), {"message-loss"}),
        (("pause",), {"freeze"}),
        (("message",), {name for name in APART if name != "freeze"}),
        (None, set(APART)),
    ],
)
def test_they_strike_only_what_withstands_the_like(faults, able):
    class Promising(Talker):
        tolerates = Tolerates(faults=faults)

    assert set(kinds_apart(Promising)) == able


@pytest.mark.parametrize("name", ["message", "freeze"])
def test_they_are_asked_for_by_name(name):
    scenario = Scenario(model="raft", nemesis=(name,), time_limit=5.0, nemesis_interval=1.0)
    model = load_model("raft")
    plan = draw_plan(scenario, 1, model)
    assert {KINDS[fault.kind].group for fault in plan.faults} == {name}
    first, second = (simulate(plan, model) for _ in range(2))
    assert first.digest == second.digest
    assert first.faults == second.faults
    assert any(report.bit for report in first.faults)
