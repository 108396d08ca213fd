"""Who is read at the end: each member that answers final reads, wherever clients stand."""

import json
from collections import Counter
from itertools import product

import pytest

from clew.scenarios.code.models import load_model
from clew.scenarios.judgement.outcome import judge
from clew.scenarios.options.scenario import make_scenario
from clew.scenarios.plans.draw import draw_plan
from clew.scenarios.plans.plan import plan_text
from clew.scenarios.plans.planfile import plan_from_json
from clew.scenarios.runs.recovery import final_nodes, healed_nodes
from clew.scenarios.runs.run import simulate
from clew.search.shrink import cuts

KEEPERS = """
from clew import Node, RPCError, Role, System, on


class Keeper(Node):
    def start(self):
        self.have = set(self.disk.get("have", []))
        self.every(0.1, self.gossip)

    def members_changed(self, members):
        pass

    def take(self, elements):
        self.have |= set(elements)
        self.disk["have"] = sorted(self.have)
        self.disk.fsync()

    def gossip(self):
        for keeper in self.roles["keeper"]:
            if keeper != self.id:
                self.send(keeper, {"type": "merge", "elements": sorted(self.have)})

    def may_leave(self):
        return False  # what it has would have to be with the others first

    @on("merge")
    def merge(self, msg):
        self.take(msg.body["elements"])

    @on("add")
    def add(self, msg):
        self.take([msg.body["element"]])
        self.reply(msg, {"type": "add_ok"})

    @on("read")
    def read(self, msg):
        self.reply(msg, {"type": "read_ok", "value": sorted(self.have)})


class Door(Node):
    @on("add")
    async def add(self, msg):
        body = {"type": "add", "element": msg.body["element"]}
        await self.rpc(self.rng.choice(self.roles["keeper"]), body, 0.5)
        self.reply(msg, {"type": "add_ok"})


system = System(
    roles={"door": Role(Door, 2), "keeper": Role(Keeper, 3)},
    workload="g-set",
    asks={"add": "door", "read": "keeper"},
)
"""


@pytest.fixture
def keepers(tmp_path):
    path = tmp_path / "keepers.py"
    path.write_text(KEEPERS)
    return load_model(str(path))


def plan_of(model, seed=0, **options):
    given = {"time_limit": 3, "recovery": 8, "rate": 20, **options}
    return draw_plan(make_scenario({"model": model.name, **given}), seed, model)


def finals(run):
    """How often each node was asked its final read."""
    events = run.history.events
    return Counter(
        one.node for one in run.history.operations if (events[one.invoked].extra or {}).get("final")
    )


@pytest.mark.parametrize(
    ("regions", "picks", "nemesis"),
    [
        each
        for each in product(("", "a,b", "a,b,c"), (None, "any", "region"), ((), ("join",)))
        if each[0] or each[1] != "region"
    ],
)
def test_each_member_is_read_at_the_end_and_asked_after_healing(keepers, regions, picks, nemesis):
    options = {"nemesis": nemesis, "nemesis_interval": 1}
    options |= {"regions": regions, "region_latency": 20} if regions else {}
    options |= {"client_picks": picks} if picks else {}
    plan = plan_of(keepers, **options)
    run = simulate(plan_from_json(json.loads(plan_text(plan)), "x.json"), keepers)
    due = final_nodes(plan, run.members)
    assert {"keeper1", "keeper2", "keeper3"} <= {*due}
    assert {*finals(run)} == {*due}
    assert len({*finals(run).values()}) == 1
    since = {one.node for one in run.history.operations if one.start >= plan.time_limit_ns}
    assert {*healed_nodes(plan, run.members)} <= since
    assert judge(run, keepers).verdict.value == "valid"


def test_functions_that_clients_pick_nodes_for_in_two_ways_read_each_node_at_the_end(monkeypatch):
    picks = {"add": "any", "read": "sticky"}
    monkeypatch.setattr("clew.scenarios.plans.draw.picks_of", lambda *_: picks)
    model = load_model("g-set")
    plan = plan_of(model, regions="a,b", region_latency=20)
    assert {*finals(simulate(plan, model))} == {*plan.node_ids}


SILENT = """
from clew import Node, RPCError, on


class Silent(Node):
    workload = "lin-kv"
    functions = ("read",)

    def start(self):
        self.redirected = False

    @on("read")
    def read(self, msg):
        if self.id == "n1":
            raise RPCError(20)
        if not self.redirected:
            self.redirected = True
            raise RPCError(11, "not the leader", leader="n1")
        # From its second request on it says nothing at all.
"""


def test_a_node_that_redirects_clients_for_good_is_asked_again_after_healing(tmp_path):
    path = tmp_path / "silent.py"
    path.write_text(SILENT)
    model = load_model(str(path))
    plan = plan_of(model, client_picks="redirected", recovery=30)
    run = simulate(plan, model)
    since = {one.node for one in run.history.operations if one.start >= plan.time_limit_ns}
    assert since == {*plan.node_ids}
    [liveness] = [each for each in judge(run, model).checks if each.name == "liveness"]
    assert liveness.verdict.value == "invalid"
    assert "answered none" in liveness.reason


def test_a_node_made_to_go_takes_its_final_read_with_it(keepers):
    plan = plan_of(keepers, regions="a,b,c", region_latency=20)
    small = cuts.with_nodes(plan, [name for name in plan.node_ids if name != "keeper1"], moved=True)
    assert not [one for one in small.operations if one.node == "keeper1"]
    run = simulate(small, keepers)
    assert {*finals(run)} == {*final_nodes(small, run.members)} == {"keeper2", "keeper3"}
