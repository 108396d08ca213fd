"""What each fault of regions does, to nodes and to clients."""

import json
from dataclasses import replace

import pytest

from clew.cli import main
from clew.errors import ScenarioError, UsageError
from clew.node.node import Node, on
from clew.runtimes.simulated import simulated
from clew.scenarios.code.models import load_model
from clew.scenarios.judgement.outcome import judge
from clew.scenarios.options.scenario import make_scenario
from clew.scenarios.plans.draw import draw_plan
from clew.scenarios.plans.planfile import plan_from_json
from clew.scenarios.runs.run import simulate
from clew.sim.faults import GROUPS, Fault, Injector
from clew.sim.latency import Latency
from clew.sim.regions import Regions, ways

S = 1_000_000_000
MS = 1_000_000
NAMES = ("eu", "us", "asia")
NODES = ["n1", "n2", "n3", "n4", "n5"]
PLACES = {"eu": ("n1", "n4"), "us": ("n2", "n5"), "asia": ("n3",)}
REGIONS = Regions(PLACES, dict.fromkeys(ways(NAMES), Latency(20 * MS)))
EU, US, ASIA = PLACES.values()


class Chatter(Node):
    """Tells every peer the time each 10 ms and notes what it hears."""

    def start(self):
        self.heard = []
        self.every(0.01, self.tick)

    def tick(self):
        for peer in self.peers:
            self.send(peer, {"type": "hello", "sent": self.monotonic()})

    @on("hello")
    def hello(self, msg):
        self.heard.append((msg.src, msg.body["sent"], self.monotonic()))

    @on("ask")
    def ask(self, msg):
        self.reply(msg, {"type": "ask_ok"})


class Listener:
    """A client that counts its answers."""

    paused = False

    def __init__(self):
        self.got = 0

    def receive(self, _message):
        self.got += 1


def struck_by(kind, target=None, at=1.0, until=2.0, **params):
    """A cluster of three regions after a fault, with its report and what a client got.

    The client stands in eu and asks each node ten times while the fault lasts.
    """
    cluster = simulated(1, Chatter, NODES, regions=REGIONS)
    fault = Fault("f", kind, int(at * S), int(until * S), target, params)
    injector = Injector(cluster, [fault])
    cluster.boot()
    clients = {}
    for node in NODES:  # a client for each node, all in eu
        endpoint = cluster.add_client(f"c{node[1]}", "n1")
        endpoint.process = clients[node] = Listener()
    cluster.world.advance(int(1.1 * S))
    for number in range(10):
        for node in NODES:
            cluster.link(f"c{node[1]}", node).emit({"type": "ask", "msg_id": number}, True)
    cluster.world.advance(4 * S)
    assert cluster.findings == []
    [report] = injector.reports()
    return cluster, report, {node: one.got for node, one in clients.items()}


def silent(cluster, low=1.03, high=1.95):
    """The directions on which nothing of what was sent in a time arrived."""
    heard = {
        (src, host.id)
        for host in cluster.hosts.values()
        for src, sent, _ in host.node.heard
        if low < sent < high
    }
    return {(a, b) for a in NODES for b in NODES if a != b} - heard


def between(some, others):
    return {(a, b) for a in some for b in others}


def test_a_region_cut_off_reaches_nobody_and_keeps_its_own():
    cluster, report, got = struck_by("region-cut", region="eu")
    assert silent(cluster) == between(EU, US + ASIA) | between(US + ASIA, EU)
    assert silent(cluster, 2.1, 3) == set()
    assert got == {"n1": 10, "n2": 0, "n3": 0, "n4": 10, "n5": 0}
    assert report.target == EU
    assert report.detail == (
        f"cut the region eu (n1, n4) off from us, asia; {report.bit} messages lost to the cut"
    )
    assert report.bit == cluster.network.dropped["partition"] >= 12 * 95 + 30


def test_one_way_leaves_the_other_way():
    cluster, report, got = struck_by("region-one-way", region="us", other="eu")
    assert silent(cluster) == between(US, EU)
    assert got == {"n1": 10, "n2": 0, "n3": 10, "n4": 10, "n5": 0}, "its answers are lost"
    assert report.detail.startswith("cut what the region us sends to eu; ")


def test_slow_between_two_regions_delays_what_goes_between_them():
    cluster, report, got = struck_by("region-slow", region="eu", other="us", mean_ns=300 * MS)
    delays = {
        (src, host.id): received - sent
        for host in cluster.hosts.values()
        for src, sent, received in host.node.heard
        if 1.4 < sent < 1.5
    }
    slow = between(EU, US) | between(US, EU)
    assert all((delay > 0.3) == (ends in slow) for ends, delay in delays.items())
    assert set(got.values()) == {10}
    assert report.detail == (
        "on all links between the regions eu and us (by 0.3 s); "
        f"delayed {report.bit} of {report.bit} messages"
    )


def test_a_region_that_is_killed_starts_again():
    cluster, report, got = struck_by("region-kill", region="us")
    assert (report.bit, report.target) == (2, US)
    assert report.detail.startswith("in the region us killed n2, n5; 0 unsynced writes lost")
    assert got == {"n1": 10, "n2": 0, "n3": 10, "n4": 10, "n5": 0}
    assert {host.id: host.incarnation for host in cluster.hosts.values()} == {
        "n1": 1, "n2": 2, "n3": 1, "n4": 1, "n5": 2,
    }  # fmt: skip


def test_a_fault_that_aims_at_some_nodes_strikes_those_of_the_region():
    cluster, report, got = struck_by("region-cut", ("n1", "n2"), region="eu")
    assert silent(cluster) == between(["n1"], US + ASIA) | between(US + ASIA, ["n1"])
    assert (report.target, set(got.values())) == (("n1",), {10})
    _, report, _ = struck_by("region-kill", ("n1", "n2"), region="us")
    assert report.target == ("n2",)
    cluster, report, _ = struck_by("region-one-way", ("n1", "n2"), region="eu", other="us")
    assert silent(cluster) == between(EU, US) - {("n4", "n5")}
    for kind, told in (("cut", "cut nothing off"), ("kill", "killed nothing")):
        _, report, _ = struck_by(f"region-{kind}", ("n1", "n2"), region="asia")
        assert report.bit == 0
        assert report.detail.startswith(f"{told}: no node of that role is in the region asia")


def test_regions_that_are_not_named_are_drawn_and_differ():
    named = set()
    for kind in ("region-one-way", "region-slow"):
        for seed in range(8):
            cluster = simulated(seed, Chatter, NODES, regions=REGIONS)
            injector = Injector(cluster, [Fault("f", kind, S, 2 * S)])
            cluster.boot()
            cluster.world.advance(3 * S)
            [report] = injector.reports()
            assert report.bit > 0
            named.add(report.target)
    assert len(named) == 3, "each two of three"


# A client that travels

RAFT = load_model("raft")
BASE = {"model": "raft", "time_limit": 6, "recovery": 2, "regions": "eu,us", "region_latency": 30}


def plan_of(seed=0, **options):
    return draw_plan(make_scenario({**BASE, **options}), seed, RAFT)


def test_a_client_that_moves_asks_there_and_comes_back(tmp_path):
    path = tmp_path / "local.py"
    path.write_text(LOCAL)
    options = {**BASE, "model": str(path), "nemesis": "region-move", "rate": 50}
    model = load_model(str(path))
    plan = draw_plan(make_scenario(options), 1, model)
    fault = Fault("f", "region-move", 2 * S, 4 * S, None, {"region": "us", "client": "c0"})
    plan = plan_from_json({**json.loads(json.dumps(plan.to_json())), "faults": [fault.to_json()]},
                          "x.json")  # fmt: skip
    run = simulate(plan, model)
    [report] = run.faults
    stride = max(each.client for each in plan.operations) + 1
    asked = [each for each in run.history.operations if each.process % stride == 0]
    nodes = {
        when: {str(each.node) for each in asked if low <= each.start < high}
        for when, (low, high) in {"before": (0, 2 * S), "away": (2 * S, 4 * S),
                                  "after": (4 * S, 6 * S)}.items()
    }  # fmt: skip
    assert nodes["before"] == nodes["after"] == {"n1"}
    assert nodes["away"] <= {"n2", "n4"}
    here = [each for each in asked if 2 * S <= each.start < 4 * S]
    assert max(each.end - each.start for each in here) < MS, "near to the nodes it asks"
    assert report.bit == 2 * len(here) > 10
    assert report.detail == (
        f"moved the client c0 from the region eu to us; it came back after {report.bit} messages"
    )
    assert judge(run, model).verdict.value == "valid"


LOCAL = """
from clew import Node, on


class Local(Node):
    workload = "lin-kv"
    functions = ("read",)

    @on("read")
    def read(self, msg):
        self.reply(msg, {"type": "error", "code": 20, "text": "nothing"})
"""


def test_a_client_that_keeps_to_its_node_is_far_from_it(tmp_path):
    model = load_model("echo")
    plan = draw_plan(make_scenario({**BASE, "model": "echo", "nemesis": "region-move"}), 0, model)
    run = simulate(plan, model)
    assert sum(report.bit for report in run.faults) > 0
    slow = [each for each in run.history.operations if each.end - each.start > 50 * MS]
    moved = {report.detail.split()[3] for report in run.faults if report.bit}
    assert slow
    assert {f"c{each.process}" for each in slow} <= moved


# What is refused


@pytest.mark.parametrize("asked", ["region", *GROUPS["region"]])
def test_without_regions_each_is_refused_with_what_to_add(asked, capsys):
    assert main(["test", "raft", "--nemesis", asked, "--time-limit", "1"]) == 64
    assert capsys.readouterr().err == (
        f"clew: the fault {asked!r} can't do anything without regions: expected at least two "
        "regions, found one place. Add --regions eu,us (regions in a file), or leave it out.\n"
    )


@pytest.mark.parametrize("options", [{"nemesis": "all"}, {"swarm": True}])
def test_they_are_drawn_only_where_there_are_regions(options):
    assert not {"region"} & {
        fault.kind.partition("-")[0]
        for seed in range(20)
        for fault in plan_of(seed, **options, regions=(), region_latency=None).faults
    }
    drawn = {fault.kind for seed in range(20) for fault in plan_of(seed, **options).faults}
    assert drawn.issuperset(GROUPS["region"])


def test_other_faults_are_drawn_as_without_regions():
    kinds = {"nemesis": ("partition", "kill")}
    alone = plan_of(3, **kinds, regions=(), region_latency=None).faults
    assert plan_of(3, **kinds).faults == alone


WRONG = [
    # a fault's parameters: what is said of them
    ({"region": "mars"}, "no such region: expected one of eu, us, found 'mars'"),
    ({"client": "c99"}, "no such client: expected one of c0, c1, c2, c3, c4, found 'c99'"),
    ({"client": "n1"}, "no such client: expected one of c0, c1, c2, c3, c4, found 'n1'"),
    ({"client": 3}, "bad parameter 'client': expected the name of a client, or an empty text"),
    ({"region": "eu", "other": "eu"}, "region-one-way takes two regions: expected different ones"),
    ({"region": 3}, "bad parameter 'region': expected the name of a region"),
]


@pytest.mark.parametrize(("params", "told"), WRONG)
def test_a_plan_that_names_wrong_regions_or_clients_is_refused(params, told):
    kind = "region-move" if "client" in params else "region-one-way"
    fault = Fault("f", kind, S, 2 * S, None, params)
    data = {**json.loads(json.dumps(plan_of().to_json())), "faults": [fault.to_json()]}
    with pytest.raises(ScenarioError, match=told):
        plan_from_json(data, "x.json")
    if "client" in params:
        with pytest.raises(ScenarioError, match=told.partition(":")[0]):
            simulate(replace(plan_of(), faults=(fault,)), RAFT)


def test_a_plan_of_one_place_holds_no_fault_of_regions():
    fault = Fault("f", "region-cut", S, 2 * S)
    plan = plan_of(regions=(), region_latency=None)
    data = {**json.loads(json.dumps(plan.to_json())), "faults": [fault.to_json()]}
    with pytest.raises(ScenarioError, match="can't do anything without regions: expected at least"):
        plan_from_json(data, "x.json")
    with pytest.raises(UsageError, match="without regions"):
        plan_of(regions=(), region_latency=None, nemesis="region-cut")
