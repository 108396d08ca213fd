"""Whom faults strike: a symbol or a state, of a role, in a region; and who can feel it at all."""

from dataclasses import replace
from pathlib import Path

import pytest

from clew.cli import main
from clew.errors import ScenarioError, UsageError
from clew.report.steps import Mishaps
from clew.scenarios.code.models import load_model
from clew.scenarios.options.scenario import make_scenario
from clew.scenarios.plans.draw import draw_plan
from clew.scenarios.plans.plan import plan_text
from clew.scenarios.plans.planfile import plan_from_json
from clew.scenarios.runs.run import simulate
from clew.search.shrink import cuts
from clew.sim.faults import Fault
from clew.sim.faults.targets import Aim, Asked, aim_of, asked_of, whom
from clew.trace.record import TraceEvent

pytestmark = pytest.mark.long

FILE = str(Path(__file__).parent / "two_kinds.py")
QUICK = {"time_limit": 3, "recovery": 2, "rate": 30}
REGIONS = {"regions": "eu,us", "region_latency": 5}
EU, US = {"front1", "front3"}, {"front2", "store1"}  # in turn

MIXED = """
from clew import Node, Role, System, on


class Desk(Node):
    @on("echo")
    async def echo(self, msg):
        got = await self.rpc(self.roles["mill"][0], {"type": "grind", "echo": msg.body["echo"]})
        self.reply(msg, {"type": "echo_ok", "echo": got["echo"]})


class Mill(Node):
    @on("grind")
    async def grind(self, msg):
        await self.work(0.01)
        self.disk["last"] = 1
        self.disk.fsync()
        self.reply(msg, {"type": "grind_ok", "echo": msg.body["echo"]})


system = System(roles={"desk": Role(Desk, 3), "mill": Role(Mill, 2)}, workload="echo", asks="desk")
"""


def plan_of(name=FILE, seed=0, **options):
    model = load_model(name)
    return draw_plan(make_scenario({"model": name, **QUICK, **options}), seed, model), model


@pytest.fixture
def mixed(tmp_path):
    path = tmp_path / "mixed.py"
    path.write_text(MIXED)
    return str(path)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("minority:shard@eu-1", ("minority", "shard", "eu-1")),
        ("all@eu", ("all", None, "eu")),
        ("leader:controller", ("leader", "controller", None)),
        ("n3", ("n3", None, None)),
    ],
)
def test_a_target_has_a_word_a_role_and_a_region(text, parts):
    assert aim_of(text) == Aim(*parts)
    assert str(aim_of(text)) == text


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("kill", ("kill", None, None, None)),
        ("kill:shard@eu", ("kill", None, "shard", "eu")),
        ("kill=minority:shard@eu", ("kill", "minority", "shard", "eu")),
        ("kill=leader@us", ("kill", "leader", None, "us")),
    ],
)
def test_a_request_names_a_kind_and_whom_it_strikes(text, parts):
    assert asked_of(text) == Asked(*parts)
    assert str(asked_of(text)) == text


STRUCK = [
    ("kill@eu", EU),
    ("kill:front@eu", EU),
    ("kill:front@us", {"front2"}),
    ("kill=all:front@us", {"front2"}),
    ("pause=random@us", US),
    ("slow-link=minority:front", {"front1", "front2", "front3"}),
    ("kill=front2", {"front2"}),
    ("partition-one@eu", EU),
    ("region-kill@us", US),
    ("region-kill:front@us", {"front2"}),
    ("clock-jump=majority:front@eu", EU),
]


@pytest.mark.parametrize(("asked", "may"), STRUCK)
def test_a_fault_strikes_only_whom_it_aims_at(asked, may):
    plan, model = plan_of(**REGIONS, nemesis=asked, nemesis_interval=0.4, allow_inert=True)
    assert plan_text(plan_from_json(plan.to_json(), "plan.json")) == plan_text(plan)
    struck = {node for one in simulate(plan, model).faults for node in one.target}
    assert struck
    assert struck <= may


def test_a_request_with_an_aim_must_take_effect_as_any():
    plan, model = plan_of(**REGIONS, nemesis="kill=all@eu")
    assert plan.nemesis == ("kill=all@eu",)
    assert all(one.id.startswith("kill=all@eu-") for one in plan.faults)
    assert all({*one.target} in (EU, set()) for one in simulate(plan, model).faults)


BAD = [
    (
        "kill:frnt@eu",
        "aims at a role that is not there: expected one of front, store, found 'frnt'",
    ),
    ("kill@mars", "aims at a region that is not there: expected one of eu, us, found 'mars'"),
    (
        "kill:store@eu",
        "can strike nobody: expected a region where the role store has a node: us, found 'eu'",
    ),
    ("kill=minority@eu", "strike nobody: expected at least 3 nodes in the region eu, as fewer"),
    (
        "kill=leader",
        "strike nobody: expected one of one, random, minority, majority, all, as no",
    ),
    ("kill=front", "found 'front'. Did you mean 'kill:front'?"),
    ("kill=front7", "can strike nobody: expected one of front1, front2, front3, store1, found"),
    ("partition-halves=one", "strikes no single target: expected one that does: partition-one,"),
    ("kill=", "--nemesis can't be used: expected one of all,"),
    ("all@eu", "or one with whom it strikes, such as kill:shard, kill@eu or kill=leader, found"),
]


@pytest.mark.parametrize("swarm", [False, True])
@pytest.mark.parametrize(("asked", "told"), BAD)
def test_who_is_not_there_is_one_message(asked, told, swarm, capsys):
    command = ["test", FILE, "--nemesis", asked, "--regions", "eu,us"]
    nodes = ["--swarm", "--nodes", "front=3"] if swarm else []
    if (swarm and ":store@" in asked) or (swarm and "=minority" in asked):
        assert main([*command, *nodes]) == 0  # other counts may have some: this seed has none
        return
    assert main([*command, *nodes]) == 64
    assert told in " ".join(capsys.readouterr().err.split())


def test_without_regions_none_can_be_aimed_at():
    with pytest.raises(UsageError, match="expected no region: all nodes are in one place"):
        plan_of(nemesis="kill@eu")


def test_who_joins_is_in_no_region_that_could_be_named():
    name = f"{Path(__file__).parents[2] / 'examples' / 'growing_group.py'}:Server"
    with pytest.raises(UsageError, match="expected no region, as who joins stands in the one with"):
        plan_of(name, node_count=3, nemesis="join@eu", **REGIONS)
    plan, _ = plan_of(name, node_count=4, nemesis="leave@eu", **REGIONS)
    assert {one.target for one in plan.faults} <= {"one@eu", "leader@eu"}


WRONG = [
    ("minority:shard@eu", "expected one of front, store, found 'shard'"),
    ("all@mars", "expected one of eu, us, found 'mars'"),
    ("all:store@eu", "expected a region where the role store has a node: us, found 'eu'"),
    ("front1@eu", "expected a node without a role and a region, found 'front1@eu'"),
]


@pytest.mark.parametrize(("target", "told"), WRONG)
def test_a_plan_that_aims_at_nobody_is_one_message(target, told):
    plan, model = plan_of(**REGIONS)
    plan = replace(plan, faults=(Fault("x", "kill", 10**9, 2 * 10**9, target),))
    with pytest.raises(ScenarioError) as bad:
        plan_from_json(plan.to_json(), "plan.json")
    assert "the target of fault 'x' can't be used: " + told in str(bad.value)
    with pytest.raises(ScenarioError) as bad:
        simulate(plan, model)
    assert told in str(bad.value)


def test_a_fault_of_a_region_names_it_as_its_parameter():
    plan, _ = plan_of(**REGIONS)
    plan = replace(plan, faults=(Fault("x", "region-kill", 10**9, 2 * 10**9, "all@eu"),))
    with pytest.raises(ScenarioError, match="expected no region, as its parameter 'region' names"):
        plan_from_json(plan.to_json(), "plan.json")


def test_whom_nobody_fits_is_said_in_words():
    assert whom("leader:front@us") == "leader of the role front in the region us"
    assert aim_of("minority:front@eu").words == (
        "a minority of the nodes of the role front in the region eu"
    )
    mishaps = Mishaps({}, [Fault("a", "kill", 0, 1, "all@eu"), Fault("b", "kill", 0, 1, "one")])
    told = [
        step.text
        for name in "ab"
        for step in mishaps.take(
            TraceEvent(0, 5, "fault", {"id": name, "fault": "kill", "detail": "killed n1"})
        )
    ]
    assert told == [
        "Fault a (at all nodes in the region eu): killed n1.",
        "Fault b: killed n1.",
    ]


# Smaller plans.


def aimed(target):
    plan, _ = plan_of(**REGIONS)
    return replace(plan, faults=(Fault("x", "kill", 10**9, 2 * 10**9, target),))


def targets(plan):
    return [fault.target for fault in plan.faults]


def test_in_one_place_no_fault_aims_at_a_region():
    assert targets(cuts.in_one_place(aimed("all:front@eu"))) == [("front1", "front3")]
    assert targets(cuts.in_one_place(aimed("one:front@eu"))) == ["one:front"]


def test_a_merged_region_is_aimed_at_by_its_new_name():
    plan, _ = plan_of(regions="eu,us,asia", region_latency=5)
    plan = replace(plan, faults=(Fault("x", "kill", 10**9, 2 * 10**9, "one@us"),))
    assert targets(cuts.with_merged(plan, "eu", "us")) == ["one@eu"]
    assert targets(cuts.with_merged(plan, "asia", "eu")) == ["one@us"]


def test_a_fault_whose_nodes_are_all_taken_away_goes_with_them():
    kept = {"front2", "store1"}
    assert targets(cuts.with_nodes(aimed("all@eu"), kept, moved=True)) == []
    left = cuts.with_nodes(aimed("one:front@us"), {*kept, "front1"}, moved=True)
    assert targets(left) == ["one:front@us"]
    assert plan_from_json(left.to_json(), "plan.json")


# Who can feel it.


def test_a_drawn_fault_aims_at_a_role_that_can_feel_it(mixed):
    for seed in range(8):
        for kind in ("slow", "disk-lost"):
            plan, _ = plan_of(mixed, seed, nemesis=kind)
            assert {aim_of(one.target).role for one in plan.faults} == {"mill"}
        swarm, _ = plan_of(mixed, seed, swarm=True)
        felt = [one for one in swarm.faults if one.kind in {"slow", "disk-lost", "disk-torn"}]
        assert all(aim_of(one.target).role == "mill" for one in felt)
        assert not any("minority" in str(one.target) for one in felt if one.kind == "slow") or (
            len(swarm.roles["mill"]) > 2
        )


def test_who_can_not_feel_it_is_refused_by_name(mixed):
    with pytest.raises(UsageError, match="can't do anything to"):
        plan_of(mixed, nemesis="clock-jump")
    plan, model = plan_of(mixed, nemesis="kill")
    assert any(aim_of(one.target).role is None for one in plan.faults)
    assert simulate(plan, model)


def test_what_is_sent_to_a_role_that_sends_nothing_may_be_cut(mixed):
    plan, model = plan_of(mixed, nemesis="partition-one:mill", nodes="mill=1")
    assert sum(one.bit for one in simulate(plan, model).faults)


def test_what_waits_for_something_may_wait_in_a_region():
    plan, model = plan_of(**REGIONS, nemesis="trigger:front@eu")
    assert {one.when.node for one in plan.faults} == {":front@eu"}
    assert plan_text(plan_from_json(plan.to_json(), "plan.json")) == plan_text(plan)
    run = simulate(plan, model)
    struck = [one for one in run.faults if one.bit]
    assert struck
    assert {node for one in struck for node in one.target} <= EU
    assert "a node of the role front in the region eu" in plan.faults[0].when.words
    assert {one.when.node for one in cuts.in_one_place(plan).faults} == {":front"}
    assert cuts.with_nodes(plan, {"front2", "store1"}, moved=True).faults == ()
    with pytest.raises(UsageError, match="expected a role or a region, as in trigger:shard@eu"):
        plan_of(**REGIONS, nemesis="trigger=one")
