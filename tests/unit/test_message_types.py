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


def ran(fault, seconds=2, node_class=Talker, more=()):
    """A cluster in which a fault struck, and what it reports; with it perhaps more faults."""
    wires = Tripwires((), injection_of(fault.kind).hears)
    cluster = Cluster(
        1, node_class, NODES, make_process=tripped(SimulatedProcess, wires), tripwires=wires
    )
    injector = Injector(cluster, [fault, *more])
    cluster.boot()
    cluster.world.advance(seconds * S)
    report = injector.reports()[0]
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
    assert reports[0].bit > 0


def late(kind, at=0, until=2 * S - 1, **params):
    return Fault("f", kind, at, until, "all", {"type": "vote", "per_thousand": 1000, **params})


def lags(cluster, node, src, kind="vote"):
    """How long after the first tick of 100 ms each message came, beyond its place in the row."""
    times = cluster.nodes[node].times.get((src, kind), [])
    return [round(time - 0.1 * (rank + 1), 2) for rank, time in enumerate(times)]


def test_a_held_message_comes_late_and_only_then():
    cluster, report = ran(late("message-hold", longest_ns=400 * MS))
    assert 14 <= got(cluster, "n2", "n1", "vote") <= 16
    assert cluster.nodes["n2"].times["n1", "vote"][0] >= 0.4
    assert lags(cluster, "n2", "n1", "beat") == [0.0] * 19
    assert report.bit == sum(got(cluster, a, b, "vote") for a in NODES for b in NODES)
    assert report.detail.endswith(f"; {report.bit} messages came late")


def test_a_copied_message_comes_in_time_and_again():
    cluster, report = ran(late("message-copy", at=S, until=S + 150 * MS, longest_ns=400 * MS))
    # One or two ticks fall into the fault, at 1.0 (perhaps) and 1.1 s.
    assert got(cluster, "n2", "n1", "vote") - 19 == report.bit // 6 > 0
    assert got(cluster, "n2", "n1", "beat") == 19


def test_a_held_message_comes_through_a_restart_and_a_cut():
    hold = late("message-hold", at=S, until=S + 150 * MS, longest_ns=600 * MS)
    kill = Fault("k", "kill", S + 200 * MS, S + 250 * MS, ("n2",))
    cut = Fault("c", "partition-one", S + 260 * MS, 3 * S - 1, ("n2",))
    cluster, report = ran(hold, 3, more=(kill, cut))
    assert report.bit == len(report.struck)
    assert got(cluster, "n2", "n1", "vote") > 0
    assert got(cluster, "n2", "n1", "beat") == 0


def test_a_message_that_is_held_while_its_receiver_is_down_is_lost():
    hold = late("message-hold", at=S, until=S + 150 * MS, longest_ns=600 * MS)
    kill = Fault("k", "kill", S + 200 * MS, 3 * S - 1, ("n2",))
    _, report = ran(hold, 3, more=(kill,))
    assert 0 < report.bit < len(report.struck)


def test_old_messages_come_again_when_their_receiver_restarts():
    echo = Fault("f", "echo", 0, 3 * S - 1, "all", {"per_thousand": 1000})
    kill = Fault("k", "kill", 2 * S, 2 * S + 50 * MS, ("n2",))
    cut = Fault("c", "partition-one", S, 3 * S - 1, ("n2",))
    cluster, report = ran(echo, 3, more=(kill, cut))
    # Four of each type, from both others together, though n2 is cut off.
    counts = [got(cluster, "n2", src, kind) for kind in ("beat", "vote") for src in ("n1", "n3")]
    assert sum(counts[:2]) == sum(counts[2:]) == 4
    assert report.bit == 8
    assert all(dest == "n2" for _, dest, _, _ in report.struck)
    # A trace names what was sent also where it had arrived long ago.
    events = [*cluster.trace.events()]
    sent = {event.fields["message"]: event for event in events if event.kind == "send"}
    copies = [event.fields for event in events if event.kind == "duplicate"]
    assert len(copies) >= report.bit
    for copy in copies:
        first = sent[copy["message"]].fields
        assert (copy["body"], copy["dest"]) == (first["body"], first["dest"])


def test_an_echo_of_a_type_leaves_others_alone():
    echo = Fault("f", "echo", 0, 3 * S - 1, "all", {"per_thousand": 1000, "type": "vote"})
    kill = Fault("k", "kill", 2 * S, 2 * S + 50 * MS, ("n2",))
    cut = Fault("c", "partition-one", S, 3 * S - 1, ("n2",))
    cluster, _ = ran(echo, 3, more=(kill, cut))
    assert sum(got(cluster, "n2", src, "vote") for src in ("n1", "n3")) == 4
    assert sum(got(cluster, "n2", src, "beat") for src in ("n1", "n3")) == 0


def test_an_echo_follows_a_change_of_server_state():
    class Changing(Talker):
        def server_state(self):
            return "leader" if self.id == "n1" and self.monotonic() > 1 else "follower"

    echo = Fault("f", "echo", 0, 2 * S - 1, "all", {"per_thousand": 1000})
    _, report = ran(echo, node_class=Changing)
    assert report.bit == 8
    assert all(dest == "n1" for _, dest, _, _ in report.struck)


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


UNFELT = {"clock-stop", "disk-restored"}  # by nodes that read no clock and write nothing


def test_all_and_swarms_are_without_them():
    assert not set(kinds_for(Talker)) & set(APART)
    assert kinds_apart(Talker) == [name for name in APART if name not in UNFELT]
    plan = draw_plan(Scenario(model="raft", swarm=True), 3, load_model("raft"))
    assert not {fault.kind for fault in plan.faults} & set(APART)


@pytest.mark.parametrize(
    ("faults", "able"),
    [
        (("kill", "partition"), {"restart-all", "restart-rolling"}),
        (("loss",), {"message-loss"}),
        (("duplicate",), set()),
        (("duplicate", "reorder"), {"message-hold", "message-copy", "echo"}),
        (("pause",), {"freeze"}),
        (("message",), {name for name in APART if name.startswith("message")}),
        (None, set(APART) - UNFELT),
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
