"""Plans with regions made small: regions merged or gone, and what lies between them made plain."""

import json
import re
from dataclasses import replace
from types import SimpleNamespace

import pytest

from clew.report.screen import Style
from clew.report.shrink import shrunk_report
from clew.scenarios.code.models import load_model
from clew.scenarios.options.scenario import make_scenario
from clew.scenarios.plans.draw import draw_plan
from clew.scenarios.plans.plan import plan_text
from clew.scenarios.plans.planfile import plan_from_json
from clew.search.shrink import cuts
from clew.search.shrink.passes import Hunt
from clew.search.shrink.shrinker import shrink
from clew.sim.faults import Fault
from clew.sim.latency import Latency

S = 1_000_000_000
MS = 1_000_000

COPIES = """
from clew import Node, on


class Copies(Node):
    workload = "lin-kv"
    functions = ("read", "write")

    def start(self):
        self.values = {}

    @on("write")
    def write(self, msg):
        self.values[str(msg.body["key"])] = msg.body["value"]
        for peer in self.peers:
            self.send(peer, {**msg.body, "type": "copy"})
        self.reply(msg, {"type": "write_ok"})

    @on("copy")
    def copy(self, msg):
        self.values[str(msg.body["key"])] = msg.body["value"]

    @on("read")
    def read(self, msg):
        value = self.values.get(str(msg.body["key"]))
        self.reply(msg, {"type": "read_ok", "value": value})
"""


def plan_of(model="raft", seed=0, **options):
    given = {"model": model, "time_limit": 4, "recovery": 2, "regions": "a,b,c",
             "region_latency": 30, **options}  # fmt: skip
    return draw_plan(make_scenario(given), seed, load_model(model))


def checked(plan):
    """The plan, once more from its text: what is left is a plan that can be run."""
    assert plan_from_json(json.loads(plan_text(plan)), "x.json") == plan
    return plan


def fault(kind, **params):
    return Fault("f", kind, S, 2 * S, None, params)


def kinds(plan):
    return [(each.kind, each.target, each.params) for each in plan.faults]


FAULTS = (
    fault("region-kill", region="c"),
    fault("region-one-way", region="a", other="c"),
    fault("region-slow", region="b", other="c", mean_ns=MS),
    fault("region-move", region="b"),
)


def struck():
    return replace(plan_of(), faults=tuple(replace(each, id=each.kind) for each in FAULTS))


def test_nodes_that_go_leave_their_regions_and_the_faults_of_those():
    plan = checked(cuts.with_nodes(struck(), {"n1", "n2", "n4"}, moved=True))
    assert plan.regions.nodes == {"a": ("n1", "n4"), "b": ("n2",)}
    assert [*plan.regions.latency] == ["a->b", "b->a"]
    assert kinds(plan) == [("region-move", None, {"region": "b"})]
    one = checked(cuts.with_nodes(struck(), {"n1", "n4"}, moved=True))
    assert (one.regions, one.faults) == (None, ())


def test_merged_regions_have_one_name_in_faults_too():
    plan = checked(cuts.with_merged(struck(), "a", "c"))
    assert plan.regions.nodes == {"a": ("n1", "n3", "n4"), "b": ("n2", "n5")}
    assert kinds(plan) == [
        ("region-kill", None, {"region": "a"}),
        ("region-slow", None, {"region": "b", "other": "a", "mean_ns": MS}),
        ("region-move", None, {"region": "b"}),
    ], "one way between a and itself is gone"


def test_in_one_place_the_faults_are_those_of_nodes():
    plan = replace(struck(), faults=(*struck().faults, fault("region-cut", region="a")))
    plan = checked(cuts.in_one_place(plan))
    assert plan.regions is None
    assert kinds(plan) == [
        ("kill", ("n3",), {}),
        ("partition-groups", None, {"groups": [["n1", "n4"]]}),
    ]


def test_nodes_that_join_keep_their_place():
    joining = replace(fault("join", node="n6", known=2), until_ns=S)
    plan = replace(struck(), faults=(joining,))
    plan = checked(replace(plan, regions=plan.regions.with_more(["n6"])))
    assert plan.regions.nodes["c"] == ("n3", "n6")
    fewer = checked(cuts.with_nodes(plan, {"n1", "n2", "n4"}, moved=True))
    assert fewer.regions.nodes == {"a": ("n1", "n4"), "b": ("n2",), "c": ("n6",)}
    merged = checked(cuts.with_merged(plan, "a", "c"))
    assert merged.regions.nodes == {"a": ("n1", "n3", "n4", "n6"), "b": ("n2", "n5")}


def test_what_is_about_nodes_that_do_not_join_any_more_goes():
    joining = replace(fault("join", node="n6", known=2), until_ns=S)
    first = struck().operations[0]
    asks = [first._replace(client=99, node="n6", phase="recover"), first]
    plan = replace(struck(), faults=(joining,), operations=tuple(asks))
    plan = checked(replace(plan, regions=plan.regions.with_more(["n6"])))
    assert cuts.consistent(plan) is plan
    without = cuts.consistent(replace(plan, faults=()))
    assert without.regions.nodes == {"a": ("n1", "n4"), "b": ("n2", "n5"), "c": ("n3",)}
    assert without.operations == (first,)


def test_the_shrinker_tries_only_plans_that_name_what_is_there():
    joining = replace(fault("join", node="n6", known=2), until_ns=S)
    plan = replace(plan_of(), regions=plan_of().regions.with_more(["n6"]), faults=(joining,))
    tried = []
    oracle = SimpleNamespace(ask=tried.append)
    Hunt(oracle, plan, None).attempt(replace(plan, faults=()))
    assert [each.regions for each in tried] == [plan_of().regions]


def test_a_fault_of_a_client_keeps_to_it_or_goes_with_it():
    plan = replace(plan_of(), faults=(fault("region-move", region="b", client="c4"),))
    own = [one for one in plan.operations if one.client == 4]
    alone = cuts.with_operations(plan, own)
    moved = checked(cuts.with_nodes(alone, {"n2", "n3", "n5"}, moved=True))
    assert moved.operations[0].client == 2
    assert [each.params["client"] for each in moved.faults] == ["c2"]
    ninth = cuts.with_operations(alone, [one._replace(client=9) for one in own])
    ninth = checked(replace(ninth, faults=(fault("region-move", region="b", client="c9"),)))
    renamed = checked(cuts.with_clients_renamed(ninth))
    assert [each.params["client"] for each in renamed.faults] == ["c4"]
    gone = cuts.with_operations(replace(plan, clients=1), [])
    assert cuts.consistent(gone).faults == ()


def test_distances_change_all_at_once():
    table = {"a<->b": [1, 3], "b<->c": {"mean": 8, "dist": "long-tailed"}, "a<->c": 5}
    plan = plan_of(region_latency=table)
    alike = checked(cuts.with_distances(plan, lambda _: Latency(4 * MS)))
    assert set(alike.regions.latency.values()) == {Latency(4 * MS)}
    assert alike.regions.nodes == plan.regions.nodes


@pytest.fixture
def copies(tmp_path):
    path = tmp_path / "copies.py"
    path.write_text(COPIES)
    return str(path)


def test_a_failure_of_three_regions_is_told_with_two(copies):
    table = {"a<->b": [90, 110], "b<->c": {"mean": 150, "dist": "long-tailed"}, "a<->c": 70}
    small = shrink(plan_of(copies, region_latency=table, rate=30, time_limit=1))
    plan = checked(small.plan)
    assert (small.before.regions, small.after.regions, small.after.nodes) == (3, 2, 2)
    [latency] = {*plan.regions.latency.values()}
    assert (latency.shape, latency.floor_ns) == ("constant", 0)
    assert latency.mean_ns < 20 * MS
    told = shrunk_report(small, None, Style())
    assert re.search(r"\n  regions +3  -> +2\n", told)
    assert re.search(r"n\d in [abc]; n\d in [abc] start\.", told)


def test_a_failure_that_needs_no_regions_is_told_without(tmp_path):
    path = tmp_path / "alone.py"
    path.write_text(COPIES.replace("in self.peers", "in ()"))
    small = shrink(plan_of(str(path), rate=30, time_limit=1))
    assert checked(small.plan).regions is None
    assert (small.before.regions, small.after.regions) == (3, 0)
