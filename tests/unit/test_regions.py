"""Regions: how they are asked for, what a plan holds of them, and what nodes and clients see."""

import json
import pickle
from pathlib import Path

import pytest

from clew.cli import main
from clew.errors import ScenarioError, UsageError
from clew.node.node import Node, on
from clew.runtimes.simulated import SimulatedProcess
from clew.scenarios.code.models import load_model
from clew.scenarios.options.scenario import make_scenario
from clew.scenarios.plans.draw import draw_plan
from clew.scenarios.plans.plan import plan_text, trusted_plan
from clew.scenarios.plans.planfile import plan_from_json
from clew.scenarios.runs.run import simulate
from clew.scenarios.suites.files import read_scenario
from clew.scenarios.suites.suite import options_of, scenario_from
from clew.sim.cluster import Cluster
from clew.sim.latency import Latency
from clew.sim.regions import PRESETS, Regions, ways

MS = 1_000_000
RAFT = load_model("raft")
BASE = {"model": "raft", "time_limit": 2, "recovery": 2, "rate": 10}


def _between(value):
    return {"regions": "eu,us", "region_latency": value}


def plan_of(seed=0, **options):
    return draw_plan(make_scenario({**BASE, **options}), seed, RAFT)


def latencies(**options):
    return plan_of(**options).regions.latency


# What a scenario says


def test_nodes_stand_in_regions_in_turn_and_clients_where_their_node_does():
    plan = plan_of(regions="eu,us,asia")
    assert plan.regions.nodes == {"eu": ("n1", "n4"), "us": ("n2", "n5"), "asia": ("n3",)}
    assert [plan.home(rank) for rank in range(6)] == ["n1", "n2", "n3", "n4", "n5", "n1"]


def test_a_table_places_each_node():
    table = {"north": ["n5", "n1"], "south": ["n2", "n3", "n4"]}
    nodes = plan_of(regions=table, region_latency=7).regions.nodes
    assert nodes == {"north": ("n1", "n5"), "south": ("n2", "n3", "n4")}


def test_without_a_latency_the_first_preset_counts_where_it_knows_the_regions():
    trips = PRESETS["aws"].round_trips_ms
    found = latencies(regions="eu,asia")
    half_ns = round(trips["eu-west-1", "ap-northeast-1"] * MS) // 2
    assert found == {"eu->asia": Latency(half_ns), "asia->eu": Latency(half_ns)}
    assert latencies(regions="eu,asia", region_latency="ibm-cloud") != found


def test_a_number_is_the_latency_one_way_between_any_two():
    assert set(latencies(regions="a,b,c", region_latency="80").values()) == {Latency(80 * MS)}


def test_a_table_gives_each_pair_its_own_and_one_way_counts_first():
    table = {
        "a->b": 5,
        "a<->b": [10, 30],
        "b <-> c": {"mean": 80, "dist": "long-tailed"},
        "a<->c": {"mean": 1.5},
    }
    assert latencies(regions="a,b,c", region_latency=table) == {
        "a->b": Latency(5 * MS),
        "a->c": Latency(1_500_000),
        "b->a": Latency(10 * MS, "uniform", 10 * MS),
        "b->c": Latency(80 * MS, "long-tailed"),
        "c->a": Latency(1_500_000),
        "c->b": Latency(80 * MS, "long-tailed"),
    }


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_knows_every_two_of_its_regions(name):
    preset = PRESETS[name]
    places = {end for two in preset.round_trips_ms for end in two}
    assert preset.source.startswith("https://")
    assert {*preset.short.values()} <= places
    for src in places:
        for dest in places - {src}:
            assert preset.latency(src, dest) == preset.latency(dest, src)
            assert 4 * MS <= preset.latency(src, dest).mean_ns <= 165 * MS
    assert len(preset.round_trips_ms) == len(places) * (len(places) - 1) // 2


def test_a_swarm_draws_latencies_between_regions_only_where_regions_are_asked_for():
    drawn = {plan_of(seed, regions="eu,us", swarm=True).regions.latency["eu->us"].mean_ns
             for seed in range(12)}  # fmt: skip
    assert len(drawn) > 2
    stated = plan_of(3, regions="eu,us", swarm=True, region_latency=9).regions.latency
    assert stated["eu->us"] == Latency(9 * MS)
    assert plan_of(3, swarm=True).regions is None
    sizes = {len(plan_of(seed, regions="a,b,c,d", region_latency=1, swarm=True).node_ids)
             for seed in range(12)}  # fmt: skip
    assert min(sizes) >= 4
    assert len(sizes) > 1


REFUSED = [
    # options: what is said of them
    ({"regions": "eu"}, "at least two names of regions"),
    ({"regions": "eu,eu"}, "none of them twice"),
    ({"regions": "e.u,us"}, "names of regions of letters, digits, _ and -.*; 'e.u' is none, found"),
    ({"regions": "a:b,c"}, "with a letter first; 'a:b' is none, found 'a:b,c'"),
    ({"regions": ["a b", "c"]}, "'a b' is none"),
    ({"regions": [1, 2]}, "; 1 is none"),
    ({"regions": ""}, "at least two names of regions.*, found ''"),
    ({"regions": "eu,"}, "at least two names of regions"),
    ({"regions": []}, "at least two names of regions"),
    ({"regions": {}}, "at least two regions"),
    ({"regions": 3}, "at least two names of regions"),
    ({"regions": "a,b,c,d,e,f"}, "at least 6 nodes for 6 regions, found 5"),
    ({"regions": "eu,mars"}, "the region 'mars' has no latency to the others"),
    ({"regions": "us,us-east-1"}, "us is us-east-1"),
    ({"regions": {"eu": ["n1"]}}, "at least two regions"),
    ({"regions": {"eu": ["n1"], "us": []}}, "'us' is empty"),
    ({"regions": {"eu": ["n1"], "us": "n2"}}, "'us' has none"),
    ({"regions": {"eu": ["n1"], "u.s": ["n2"]}}, "; 'u.s' is none"),
    ({"regions": {"a": ["n1", "n2", "n3"], "b": ["n4"]}}, "the node n5 is in no region"),
    ({"regions": {"a": ["n1"], "b": ["n1"]}}, "n1 stands in two places: .* found a and b"),
    ({"regions": {"a": ["n1"], "b": ["n9"]}}, "there is no node 'n9'"),
    (
        {"regions": {"a": ["n1"], "b": ["lin-kv"]}},
        "there is no node 'lin-kv': .* found 'lin-kv' in b.* a service stands in no region",
    ),
    ({"region_latency": "aws"}, "can't be used without regions"),
    (
        {"assert": ["regions.eu.ok > 1"]},
        "there is no region 'eu': expected no region, .* Add --reg",
    ),
    (
        {"regions": "eu,us", "assert": ["regions.use.availability > 0.9"]},
        "there is no region 'use': expected a figure of one of eu, us.* Did you mean 'us'",
    ),
    (_between("awz"), "one of aws, ibm-cloud, .* found 'awz'. Did you mean 'aws'"),
    (_between(-1), "expected milliseconds"),
    (_between("-1"), "expected milliseconds"),
    (_between("1e9"), "expected milliseconds from 0 to 1,000,000, .* found '1e9'"),
    (_between("inf"), "expected milliseconds from 0 to 1,000,000"),
    (_between({"eu<->us": 5, "us<->eu": 6}), "'eu<->us' and 'us<->eu' differ"),
    (_between({"eu->us": 5, " eu -> us": [5, 6], "us->eu": 1}), "'eu->us' and ' eu -> us' differ"),
    (_between({"eu->us": 1}), 'there is no latency for us->eu.* Add "us<->eu" = 80'),
    (_between({"eu<->us": 1, "eu<->asia": 2}), "between the regions eu, us, found 'asia' in"),
    (_between({"eu-us": 1}), "'eu-us' is not"),
    (_between({"eu<->eu": 1}), "'eu<->eu' is not"),
    (_between({"eu<->us": [2, 1]}), "for 'eu<->us'"),
    (_between({"eu<->us": {"mean": 1, "dist": "round"}}), "for 'eu<->us'"),
    (_between({"eu<->us": {"dist": "uniform"}}), "for 'eu<->us'"),
    (_between({"eu<->us": True}), "for 'eu<->us'"),
]


@pytest.mark.parametrize(("options", "told"), REFUSED)
def test_what_is_wrong_is_one_message(options, told):
    with pytest.raises(UsageError, match=told):
        plan_of(**options)


@pytest.mark.parametrize(
    "table",
    [
        {"eu<->us": 5, "us<->eu": {"mean": 5}, "eu->us": 7},
        {"eu->us": 7, "eu<->us": 5},
        {"eu->us": 7, "us->eu": 5, "us<->eu": 1},
    ],
)
def test_one_way_is_an_exception_to_both_and_what_is_said_twice_no_contradiction(table):
    found = latencies(**_between(table))
    assert found == {"eu->us": Latency(7 * MS), "us->eu": Latency(5 * MS)}


def test_no_regions_are_none_or_an_empty_tuple_which_a_process_is_sent():
    for none in ("none", ()):
        scenario = make_scenario({**BASE, "regions": none, "nodes": none})
        again = pickle.loads(pickle.dumps(scenario))
        assert (again.regions, again.nodes) == ((), ())


def test_a_table_may_name_a_role_for_its_nodes():
    model = load_model(str(Path(__file__).with_name("two_kinds.py")))
    table = {"eu": ["store", "front2"], "us": ["front1", "front3"]}
    given = {**BASE, "model": model.name, "regions": table}
    nodes = draw_plan(make_scenario(given), 0, model).regions.nodes
    assert nodes == {"eu": ("front2", "store1"), "us": ("front1", "front3")}
    wrong = make_scenario({**given, "regions": {"eu": ["store"], "us": ["fronts"]}})
    with pytest.raises(UsageError, match="there is no node 'fronts'"):
        draw_plan(wrong, 0, model)


def test_the_command_ends_with_64(capsys):
    assert main(["test", "raft", "--regions", "eu,mars", "--time-limit", "1"]) == 64
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("clew: the region 'mars' has no latency to the others: expected")


FILE = """model = "raft"
time_limit = 1
node_count = 3

[regions]
eu = ["n0", "n2"]
us = ["n1"]

[region_latency]
"eu<->us" = [30, 50]
"""


def test_a_file_has_a_heading_for_each_table(tmp_path):
    path = tmp_path / "three.toml"
    path.write_text(FILE)
    plan = draw_plan(scenario_from(options_of(path)), 0, RAFT)
    assert plan.regions.nodes == {"eu": ("n0", "n2"), "us": ("n1",)}
    assert plan.regions.latency["us->eu"] == Latency(10 * MS, "uniform", 30 * MS)
    path.write_text(FILE.replace("[30, 50]", '"slow"'))
    with pytest.raises(ScenarioError, match=r"three.toml:9: option 'region_latency' can't be used"):
        read_scenario(path)
    path.write_text(FILE.replace("[regions]", "[region]"))
    with pytest.raises(ScenarioError, match=r"three.toml:5: a scenario has no sections"):
        read_scenario(path)


# What a plan holds


def test_a_plan_of_one_place_says_nothing_of_regions():
    plan = plan_of()
    assert plan.regions is None
    assert "regions" not in plan_text(plan)
    assert plan_from_json(json.loads(plan_text(plan)), "x.json") == plan


def test_a_plan_comes_back_from_its_text():
    plan = plan_of(regions="a,b,c", region_latency={"a<->b": [1, 2], "b<->c": 3, "a<->c": 4})
    data = json.loads(plan_text(plan))
    assert plan_from_json(data, "x.json") == trusted_plan(data) == plan


DAMAGED = [
    # the path of what is changed, its value, what is said
    (("nodes", "a"), [], "each of node_ids in one region"),
    (("nodes",), {"a": ["n1", "n2", "n3", "n4", "n5"]}, "at least two regions"),
    (("nodes",), {"a b": ["n1", "n2"], "b": ["n3", "n4", "n5"]}, "names of letters, digits"),
    (("nodes",), [], "valid dictionary|object"),
    (("nodes", "a"), ["n1", "n3", "n5", "lin-kv"], "no client's or service's.*lin-kv"),
    (("nodes", "a"), ["n1", "n3", "n5", "c7"], "no client's or service's.*c7"),
    (("nodes", "a"), ["n1", "n3", "n5", ""], "no client's or service's"),
    (("latency", "a->c"), {"mean_ns": 0, "shape": "constant", "floor_ns": 0}, "both ways: a->b"),
    (("latency", "a->b", "mean_ns"), -1, r"regions.latency.a->b can't be used"),
    (("latency", "a->b", "floor_ns"), 10**18, r"regions.latency.a->b can't be used"),
    (("latency", "a->b", "shape"), "round", "regions.latency"),
]


@pytest.mark.parametrize(("path", "value", "told"), DAMAGED)
def test_a_damaged_plan_is_refused_by_the_field(path, value, told):
    data = json.loads(plan_text(plan_of(regions="a,b", region_latency=3)))
    here = data["regions"]
    for name in path[:-1]:
        here = here[name]
    here[path[-1]] = value
    with pytest.raises(ScenarioError, match=told):
        plan_from_json(data, "x.json")


def test_regions_are_merged_and_cut_down_to_nodes():
    regions = plan_of(regions="a,b,c", region_latency=3).regions
    nodes = ("n1", "n2", "n3", "n4", "n5")
    two = regions.merged("a", "c", nodes)
    assert two.nodes == {"a": ("n1", "n3", "n4"), "b": ("n2", "n5")}
    assert [*two.latency] == ways("ab") == ["a->b", "b->a"]
    assert two.merged("a", "b", nodes) is None
    assert regions.among(("n2", "n3")).nodes == {"b": ("n2",), "c": ("n3",)}
    assert regions.among(("n2", "n5")) is None


# What nodes and clients see


class Place(Node):
    """Says where it stands, and hears when others spoke."""

    def start(self):
        self.heard = {}
        for peer in self.peers:
            self.send(peer, {"type": "hello", "sent": self.monotonic()})

    @on("hello")
    def hello(self, msg):
        self.heard[msg.src] = self.monotonic() - msg.body["sent"]


def cluster_of(regions, node_class=Place, seconds=1):
    cluster = Cluster(
        1, node_class, ["n1", "n2", "n3"], make_process=SimulatedProcess, regions=regions
    )
    cluster.boot()
    cluster.world.advance(seconds * 1000 * MS)
    return {name: host.node for name, host in cluster.hosts.items()}


def test_a_message_takes_what_lies_between_its_regions():
    one_way = {"eu->us": Latency(40 * MS), "us->eu": Latency(70 * MS)}
    nodes = cluster_of(Regions({"eu": ("n1", "n3"), "us": ("n2",)}, one_way))
    assert 0.040 < nodes["n2"].heard["n1"] < 0.0403
    assert 0.070 < nodes["n1"].heard["n2"] < 0.0703
    assert nodes["n3"].heard["n1"] < 0.0003


def test_a_node_knows_its_region_and_all_others():
    nodes = cluster_of(Regions({"eu": ("n1", "n3"), "us": ("n2",)}, dict.fromkeys(
        ways(["eu", "us"]), Latency())))  # fmt: skip
    assert (nodes["n2"].region, nodes["n3"].region) == ("us", "eu")
    assert nodes["n1"].regions == {"eu": ["n1", "n3"], "us": ["n2"]}
    assert nodes["n1"].regions["eu"] is not nodes["n2"].regions["eu"]
    assert "region" not in nodes["n1"].observe()
    [alone, *_] = cluster_of(None).values()
    assert alone.region is None
    assert alone.regions == {}


def test_a_class_may_mean_something_else_by_the_name():
    class Own(Place):
        def region(self):
            return "mine"

    regions = Regions({"eu": ("n1", "n3"), "us": ("n2",)}, dict.fromkeys(
        ways(["eu", "us"]), Latency()))  # fmt: skip
    assert cluster_of(regions, Own)["n1"].region() == "mine"


REFUSER = """
from clew import Node, on


class Refuser(Node):
    workload = "lin-kv"
    functions = ("read",)

    @on("read")
    def read(self, msg):
        self.reply(msg, {"type": "error", "code": 11, "text": "not here"})
"""


def asked_by(client, run):
    stride = max(run.plan.clients - 1, *(each.client for each in run.plan.operations)) + 1
    invoked = [each for each in run.history.events if each.type == "invoke"]
    return [each.node for each in invoked if each.process % stride == client]


@pytest.mark.parametrize(
    ("regions", "nodes"),
    [("a,b", ["n4", "n2", "n5", "n1", "n3", "n4"]), ((), ["n4", "n5", "n1", "n2", "n3", "n4"])],
)
def test_a_refused_client_asks_its_own_region_first(regions, nodes, tmp_path):
    path = tmp_path / "refuser.py"
    path.write_text(REFUSER)
    model = load_model(str(path))
    latency = {"region_latency": 1} if regions else {}
    options = {"model": str(path), "regions": regions, "time_limit": 20, "rate": 5, **latency}
    run = simulate(draw_plan(make_scenario(options), 0, model), model)
    assert asked_by(3, run)[:6] == nodes
