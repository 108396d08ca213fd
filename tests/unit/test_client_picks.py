"""How clients pick the node for an operation: sticky, any, region, redirected."""

from dataclasses import replace
from pathlib import Path

import pytest

from clew.cli import main
from clew.errors import ScenarioError, UsageError, WorkloadError
from clew.scenarios.code.models import load_model
from clew.scenarios.judgement.outcome import judge
from clew.scenarios.options.scenario import make_scenario
from clew.scenarios.plans.draw import draw_plan
from clew.scenarios.plans.picks import nearest
from clew.scenarios.plans.plan import plan_text
from clew.scenarios.plans.planfile import plan_from_json
from clew.scenarios.runs.run import simulate
from clew.search.shrink import cuts
from clew.sim.faults import Fault
from clew.sim.latency import Latency
from clew.sim.regions import Regions
from clew.workloads.operation import operation

QUICK = {"time_limit": 4, "recovery": 2, "rate": 40, "concurrency": 4}
LEADER = """
from clew import Node, RPCError, on


class Leader(Node):
    workload = "lin-kv"
    functions = ("read", "write")

    def start(self):
        self.kv = {}

    def lead(self):
        if self.id != self.node_ids[0]:
            raise RPCError(11, "not the leader", leader=self.node_ids[0])

    @on("read")
    def read(self, msg):
        self.lead()
        if str(msg.body["key"]) not in self.kv:
            raise RPCError(20)
        self.reply(msg, {"type": "read_ok", "value": self.kv[str(msg.body["key"])]})

    @on("write")
    def write(self, msg):
        self.lead()
        self.kv[str(msg.body["key"])] = msg.body["value"]
        self.reply(msg, {"type": "write_ok"})
"""
CHANGING = f"{Path(__file__).parents[2] / 'examples' / 'growing_group.py'}:Server"
BOTH = """
from typing import Annotated
from clew import Check, Node, Workload, on, operation


class Pair(Workload):
    name = "pair"
    summary = "every node answers"
    checks = (Check(lambda history: [], name="nothing"),)

    @operation(reply={"node": str}, readonly=True, pick="any")
    def peek(self, draw):
        return None

    @operation(reply={"node": str}, readonly=True)
    def look(self, draw):
        return None


class Named(Node):
    workload = Pair

    @on("peek")
    def peek(self, msg):
        self.reply(msg, {"type": "peek_ok", "node": self.id})

    @on("look")
    def look(self, msg):
        self.reply(msg, {"type": "look_ok", "node": self.id})
"""


@pytest.fixture
def leader(tmp_path):
    path = tmp_path / "leader.py"
    path.write_text(LEADER)
    return str(path)


@pytest.fixture
def pair(tmp_path):
    path = tmp_path / "pair.py"
    path.write_text(BOTH)
    return str(path)


def plan_of(name, seed=0, **options):
    model = load_model(name)
    return draw_plan(make_scenario({"model": name, **QUICK, **options}), seed, model), model


def asked(run, f=None):
    """The nodes that each client asked before healing, in order."""
    found = {}
    for one in run.history.operations:
        if one.start < run.plan.time_limit_ns and f in {None, one.f}:
            found.setdefault(one.process % run.plan.stride, []).append(one.node)
    return found


def test_a_plan_in_which_clients_stay_says_nothing_of_picks():
    plan, _ = plan_of("raft")
    same, _ = plan_of("raft", client_picks="sticky")
    assert plan_text(same) == plan_text(plan)
    assert '"picks"' not in plan_text(plan)


def test_any_is_a_node_drawn_for_each_operation_and_the_plan_says_which(leader):
    plan, model = plan_of(leader, client_picks="any")
    run = simulate(plan, model)
    planned = [one.node for one in plan.operations if one.phase == "main"]
    assert {*planned} == {*plan.node_ids}
    for client, nodes in asked(run).items():
        own = [one.node for one in plan.operations if one.client == client and one.phase == "main"]
        assert nodes == own[: len(nodes)]
    assert judge(run, model).verdict.value == "valid"


def test_a_pick_is_keyed_by_its_operation(leader):
    drawn = {
        (one.client, one.number): one for one in plan_of(leader, client_picks="any")[0].operations
    }
    longer = plan_of(leader, client_picks="any", concurrency=6, rate=60)[0].operations
    shared = [one for one in longer if (one.client, one.number) in drawn and one.phase == "main"]
    same = [one for one in shared if drawn[one.client, one.number].phase == "main"]
    assert len(same) > 50
    assert all(one.node == drawn[one.client, one.number].node for one in same)


def test_after_healing_each_client_asks_its_own_node(pair):
    plan, model = plan_of(pair, client_picks="any")
    late = [
        one for one in simulate(plan, model).history.operations if one.start >= plan.time_limit_ns
    ]
    assert late
    assert all(one.node == plan.home(one.process % plan.stride) for one in late)


def test_an_operation_declares_its_pick_and_the_option_overrides_it(pair):
    plan, model = plan_of(pair)
    assert plan.picks == {"peek": "any", "look": "sticky"}
    run = simulate(plan, model)
    assert all(len({*nodes}) > 2 for nodes in asked(run, "peek").values())
    assert all({*nodes} == {plan.home(client)} for client, nodes in asked(run, "look").items())
    assert plan_of(pair, client_picks="sticky")[0].picks == {}


REGIONS = {"regions": "eu,us", "region_latency": 20, "node_count": 4}


def test_region_is_a_node_of_the_clients_own_region(pair):
    plan, model = plan_of(pair, client_picks="region", **REGIONS)
    near = plan.regions.nodes
    for client, nodes in asked(simulate(plan, model)).items():
        assert {*nodes} == {*near[plan.regions.of_node(plan.home(client))]}


def test_a_client_that_was_moved_picks_among_the_nodes_where_it_is(leader):
    plan, model = plan_of(leader, client_picks="region", **REGIONS, concurrency=1)
    [own] = {plan.regions.of_node(plan.home(0))}
    [other] = [name for name in plan.regions.names if name != own]
    moves = Fault("away", "region-move", 2 * 10**9, 3 * 10**9, None, {"region": other})
    run = simulate(replace(plan, faults=(moves,)), model)
    # It sends a first request there, which its answer sends on to the leader.
    away = {one.node for one in run.history.operations if 2_200_000_000 < one.start < 2_900_000_000}
    assert away == {*plan.regions.nodes[other]}


def test_where_a_region_has_no_node_of_the_role_the_nearest_serves():
    ways = {"a->b": 50, "b->a": 50, "a->c": 10, "c->a": 10, "b->c": 5, "c->b": 5}
    latency = {key: Latency(ms * 1_000_000) for key, ms in ways.items()}
    regions = Regions({"a": ("x1",), "b": ("s1",), "c": ("s2", "s3")}, latency)
    assert nearest(["s1", "s2", "s3"], "a", regions) == ["s2", "s3"]
    assert nearest(["s1", "s2", "s3"], "b", regions) == ["s1"]


def test_redirected_stays_where_it_was_sent_and_sticky_comes_back(leader):
    run = simulate(*plan_of(leader, client_picks="redirected"))
    first = run.plan.node_ids[0]
    for client, nodes in asked(run).items():
        assert nodes == [run.plan.home(client), *[first] * (len(nodes) - 1)] or client == 0
    back = asked(simulate(*plan_of(leader)))
    assert all(nodes.count(run.plan.home(client)) > 2 for client, nodes in back.items())


def test_redirected_goes_home_where_no_answer_comes(leader):
    plan, model = plan_of(
        leader, client_picks="redirected", request_timeout=0.2, concurrency=2, rate=20
    )
    pause = Fault("pause", "pause", 10**9, 2 * 10**9, plan.node_ids[0], {})
    nodes = asked(simulate(replace(plan, faults=(pause,)), model))[1]
    assert nodes.count(plan.home(1)) > 2


def test_a_picked_node_that_has_left_sends_the_client_home():
    plan, model = plan_of(CHANGING, client_picks="any", node_count=4)
    leaves = Fault("leave", "leave", 10**9, 3 * 10**9, plan.node_ids[3], {})
    run = simulate(replace(plan, faults=(leaves,)), model)
    [report] = run.faults
    assert report.bit
    late = {one.node for one in run.history.operations if one.start > report.until_ns}
    assert plan.node_ids[3] not in late
    assert len(late) > 1


def test_who_joins_is_picked_from_then_on():
    plan, _ = plan_of(CHANGING, client_picks="any", nemesis="join", time_limit=8, node_count=3)
    [joiner, *_] = [fault for fault in plan.faults if fault.kind == "join"]
    node = joiner.params["node"]
    picked = [one for one in plan.operations if one.node == node and one.phase == "main"]
    assert picked
    assert all(one.at_ns > joiner.at_ns for one in picked)


BAD = [
    ({"client_picks": "region"}, "--client-picks can't be region without regions"),
    ({"client_picks": "nearest"}, "--client-picks can't be used: expected 'sticky', 'any', 'reg"),
    (
        {"client_picks": "redirected", "workload": "echo", "model": "echo"},
        "--client-picks redirected does nothing here: expected a node that may send a client to",
    ),
]


@pytest.mark.parametrize(("options", "told"), BAD)
def test_a_pick_that_can_not_be_is_one_message(options, told):
    with pytest.raises(UsageError) as bad:
        plan_of(**{"name": options.get("model", "raft"), **options})
    assert told in str(bad.value)


def test_an_operation_can_not_declare_another_pick():
    with pytest.raises(WorkloadError, match="'pick' can't be used: expected one of sticky, any"):
        operation("read", pick="nearest")(lambda _self, _draw: None)


def test_a_scenario_file_says_it_with_its_line(tmp_path, capsys):
    path = tmp_path / "picks.toml"
    path.write_text('model = "raft"\nrate = 5\nclient_picks = "nearest"\n')
    assert main(["test", str(path)]) == 64
    assert f"clew: {path}:3: option 'client_picks' can't be used" in capsys.readouterr().err


def test_a_plan_says_it_of_every_function_or_none(leader):
    data = plan_of(leader, client_picks="any")[0].to_json()
    assert plan_text(plan_from_json(data, "plan.json"))
    with pytest.raises(ScenarioError, match="picks can't be used: expected one of sticky, any"):
        plan_from_json({**data, "picks": {"read": "any"}}, "plan.json")
    with pytest.raises(ScenarioError, match="this is no plan: picks"):
        plan_from_json({**data, "picks": {**data["picks"], "read": "near"}}, "plan.json")


# Smaller plans.


def test_what_went_to_a_node_that_is_taken_away_goes_elsewhere_or_is_dropped(leader):
    plan, _ = plan_of(leader, client_picks="any")
    gone = plan.node_ids[2]
    there = {*plan.node_ids} - {gone}
    main_of = lambda some: [one for one in some.operations if one.phase == "main"]  # noqa: E731
    moved = cuts.with_nodes(plan, there, moved=True)
    assert len(main_of(moved)) == len(main_of(plan))
    assert {one.node for one in main_of(moved)} == there
    dropped = cuts.with_nodes(plan, there, moved=False)
    kept = [one.node for one in main_of(plan) if one.node != gone]
    assert [one.node for one in main_of(dropped)] == kept


def test_the_plainest_clients_ask_their_own_nodes(leader):
    plan, model = plan_of(leader, client_picks="any")
    plain = cuts.with_own_nodes(plan)
    assert plain.picks == {}
    assert all(one.node is None for one in plain.operations)
    assert plan_text(plain) == plan_text(plan_of(leader)[0])
    assert simulate(plain, model).digest == simulate(*plan_of(leader)).digest
