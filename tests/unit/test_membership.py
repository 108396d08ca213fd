"""Nodes that join and leave: who is told, who is asked, what a plan may say, what is shrunk."""

from dataclasses import replace
from pathlib import Path

import pytest

from clew import Node, Role, System, Tolerates, on
from clew.errors import ScenarioError, UsageError
from clew.scenarios.code.models import Model, load_model
from clew.scenarios.judgement.outcome import judge
from clew.scenarios.options.scenario import make_scenario
from clew.scenarios.plans.draw import draw_plan
from clew.scenarios.plans.planfile import plan_from_json
from clew.scenarios.runs.alone import alone, parts_of
from clew.scenarios.runs.run import simulate
from clew.search.shrink.cuts import with_nodes
from clew.sim.faults import Fault

S = 1_000_000_000


class Counter(Node):
    """A counter that gossips, and hands over before it leaves."""

    workload = "g-counter"
    tolerates = Tolerates(nodes=(2, 7), latency=0.02)

    def start(self):
        self.counts = dict(self.disk.get("counts", {}))
        self.sure = set()
        self.began = list(self.node_ids)
        self.every(0.2, self.gossip)

    def members_changed(self, members):
        self.gossip()

    def may_leave(self):
        return bool(self.sure)

    def others(self):
        return self.peers

    def gossip(self):
        self.sure = set()
        for peer in self.others():
            self.send(peer, {"type": "merge", "counts": self.counts})

    @on("merge")
    async def merge(self, msg):
        for name, count in msg.body["counts"].items():
            self.counts[name] = max(self.counts.get(name, 0), count)
        self.disk["counts"] = dict(self.counts)
        await self.disk.sync()
        self.send(msg.src, {"type": "merged", "counts": self.counts})

    @on("merged")
    def merged(self, msg):
        if all(msg.body["counts"].get(name, 0) >= count for name, count in self.counts.items()):
            self.sure.add(msg.src)

    @on("add")
    async def add(self, msg):
        self.counts[self.id] = self.counts.get(self.id, 0) + msg.body["delta"]
        self.sure = set()
        self.disk["counts"] = dict(self.counts)
        await self.disk.sync()
        self.reply(msg, {"type": "add_ok"})

    @on("read")
    def read(self, msg):
        self.reply(msg, {"type": "read_ok", "value": sum(self.counts.values())})


MODEL = Model("counter", Counter, "g-counter", None, "")
OPTIONS = {"model": "counter", "rate": 5, "time_limit": 5, "recovery": 3}


def plan_of(*faults, **options):
    plan = draw_plan(make_scenario({**OPTIONS, "node_count": 3, **options}), 1, MODEL)
    return replace(plan, faults=faults) if faults else plan


def join(name="n3", at=1, **params):
    return Fault(f"join-{name}", "join", at * S, at * S, None, {"node": name, **params})


def leave(name="n1", at=2, until=3):
    return Fault(f"leave-{name}", "leave", at * S, until * S, (name,))


def told(run):
    return [
        (event.fields["node"], event.fields["members"])
        for event in run.trace.events()
        if event.kind == "members"
    ]


def test_whoever_is_there_is_told_of_a_node_that_joins_and_it_boots_with_some_members():
    run = simulate(plan_of(join(known=1)), MODEL)
    assert run.members == ("n0", "n1", "n2", "n3")
    assert sorted(told(run)) == [(node, ["n0", "n1", "n2", "n3"]) for node in run.members]
    assert "n3 joined, and knows n" in run.faults[0].detail
    assert "," not in run.faults[0].detail.removeprefix("n3 joined, ")


def test_a_node_that_may_not_leave_in_time_stays_and_is_told_so():
    class Stubborn(Counter):
        def may_leave(self):
            return False

    model = Model("counter", Stubborn, "g-counter", None, "")
    run = simulate(plan_of(leave()), model)
    assert run.members == ("n0", "n1", "n2")
    assert [members for node, members in told(run) if node == "n0"] == [
        ["n0", "n2"],
        ["n0", "n1", "n2"],
    ]
    assert "n1 could not leave in time, and stays a member" in run.faults[0].detail


def test_who_has_left_is_never_started_again_and_gets_nothing():
    kill = Fault("kill-1", "kill", 2 * S, 4 * S, ("n1",))
    run = simulate(plan_of(leave(until=4), kill), MODEL)
    assert "n1" in run.members, "who is down can't say that it may go"
    run = simulate(plan_of(leave(at=1, until=4), kill), MODEL)
    assert run.members == run.alive == ("n0", "n2")
    starts = [event.time for event in run.trace.events() if event.kind == "start"]
    assert starts == [0, 0, 0]


def test_its_clients_ask_the_node_no_more_and_only_members_are_read_at_the_end():
    run = simulate(plan_of(join(), leave(at=1)), MODEL)
    gone = max(event.time for event in run.trace.events() if event.kind == "crash")
    asked = {one.node for one in run.history.operations if (one.start or 0) > gone}
    assert "n1" not in asked
    finals = {
        event.node
        for event in run.history
        if event.extra == {"final": True} and event.type == "invoke"
    }
    assert finals == {"n0", "n2"}, "the plan was drawn before n3 was in it"
    run = simulate(plan_of(nemesis="join", nemesis_interval=1), MODEL)
    finals = {
        event.node
        for event in run.history
        if event.extra == {"final": True} and event.type == "invoke"
    }
    assert len(run.members) > 3
    assert finals == {*run.members}


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("options", [{"swarm": True}, {"nemesis": "all"}])
def test_a_counter_that_hands_over_is_valid(seed, options):
    scenario = make_scenario({**OPTIONS, "recovery": 10, "allow_inert": True, **options})
    run = simulate(draw_plan(scenario, seed, MODEL), MODEL)
    assert judge(run, MODEL).verdict.value == "valid"


def test_the_same_plan_gives_the_same_digest_and_reads_back():
    plan = plan_of(nemesis="membership", nemesis_interval=1)
    assert {fault.kind for fault in plan.faults} == {"join", "leave"}
    again = plan_from_json(plan.to_json(), "a plan")
    assert again == plan
    assert simulate(again, MODEL).digest == simulate(plan, MODEL).digest


def test_draws_stay_within_what_the_class_tolerates():
    for seed in range(20):
        scenario = make_scenario({**OPTIONS, "nemesis": "membership", "nemesis_interval": 0.3})
        count, names = 5, []
        for fault in draw_plan(scenario, seed, MODEL).faults:
            count += 1 if fault.kind == "join" else -1
            names += [fault.params["node"]] if fault.kind == "join" else []
            assert 2 <= count <= 7
        assert names == [f"n{rank + 6}" for rank in range(len(names))]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"nemesis": "leave", "node_count": 2}, "can't do anything in this cluster"),
        ({"nemesis": "join", "node_count": 7}, "can't do anything in this cluster"),
        ({"nemesis": "join", "liveness": "core"}, "--liveness core can't be used"),
    ],
)
def test_what_can_not_come_about_is_refused(options, words):
    with pytest.raises(UsageError, match=words):
        plan_of(**options)


def test_a_class_without_the_hook_is_not_asked():
    with pytest.raises(UsageError, match="members_changed"):
        draw_plan(make_scenario({"model": "abd", "nemesis": "leave"}), 1, load_model("abd"))


@pytest.mark.parametrize(
    ("faults", "words"),
    [
        ((join("n1"),), "the name of a node that there never was"),
        ((join("c1"),), "the name of a node that there never was"),
        ((join("n3"), replace(join("n3", at=2), id="b")), "a node that there never was"),
        ((leave(), replace(leave(at=4, until=4), id="b")), "a node that has not left before"),
        ((leave("n9"),), "some of node_ids, which are n0, n1, n2"),
        ((join(known=0),), "an integer from 1"),
        ((replace(join(), target=("n1",)),), "the target of fault 'join-n3'.*expected null"),
        ((replace(join(), target="one"),), "the target of fault 'join-n3'.*expected null"),
        (
            (replace(join(), until_ns=3 * S),),
            "until_ns of fault 'join-n3'.*expected its at_ns",
        ),
        ((replace(leave(), target=None),), "the target of fault 'leave-n1'.*the nodes that leave"),
        ((replace(leave(), target=""),), "the target of fault 'leave-n1'.*the nodes that leave"),
        ((join(known=-1),), "an integer from 1"),
    ],
)
def test_a_plan_that_can_not_be_is_refused(faults, words):
    with pytest.raises(ScenarioError, match=words):
        plan_from_json(plan_of(*faults).to_json(), "a plan")


def test_partitions_and_kills_may_name_who_joins():
    kill = Fault("kill-1", "kill", 2 * S, 3 * S, ("n3",))
    cut = Fault(
        "cut", "partition-groups", S // 2, 3 * S, None, {"groups": [["n0", "n1"], ["n2", "n3"]]}
    )
    plan = plan_of(join(), kill, cut)
    assert plan_from_json(plan.to_json(), "a plan") == plan
    run = simulate(plan, MODEL)
    assert [fault.bit > 0 for fault in run.faults] == [True, True, True]


def test_fewer_nodes_leave_those_who_join_alone():
    plan = plan_of(nemesis="join", nemesis_interval=1)
    smaller = with_nodes(plan, {"n0"}, moved=True)
    assert smaller is not None
    assert [fault.params["node"] for fault in smaller.faults] == [
        fault.params["node"] for fault in plan.faults
    ]
    run = simulate(smaller, MODEL)
    assert run.members[0] == "n0"
    assert len(run.members) == 1 + len(plan.faults)


def test_a_node_that_joins_knows_that_it_does():
    seen = {}

    class Curious(Counter):
        def start(self):
            super().start()
            seen.setdefault(self.id, (self.joining, list(self.node_ids)))

    simulate(plan_of(join(known=1)), Model("counter", Curious, "g-counter", None, ""))
    assert seen["n0"] == (False, ["n0", "n1", "n2"])
    assert seen["n3"][0] is True
    assert len(seen["n3"][1]) == 2
    assert seen["n3"][1][1] == "n3"


def test_hooks_that_raise_are_findings():
    class Wrong(Counter):
        def members_changed(self, members):
            raise KeyError(members[0])

        def may_leave(self):
            raise ValueError("no")

    run = simulate(plan_of(leave()), Model("counter", Wrong, "g-counter", None, ""))
    assert {finding.kind for finding in run.findings} == {"exception"}
    assert {finding.node for finding in run.findings} >= {"n0", "n1"}


def test_without_a_final_read_no_other_read_counts_as_one():
    plan = plan_of()
    run = simulate(
        replace(plan, operations=tuple(o for o in plan.operations if o.phase != "final")), MODEL
    )
    result = next(check for check in judge(run, MODEL).checks if check.name == "g-counter")
    assert result.verdict.value == "unknown"


@pytest.mark.parametrize(("name", "verdict"), [("Server", "valid"), ("FixedQuorum", "invalid")])
def test_the_example_grows_and_its_mistake_is_found(name, verdict):
    path = Path(__file__).parents[2] / "examples" / "growing_group.py"
    model = load_model(f"{path}:{name}")
    options = {"node_count": 3, "nemesis": "join,partition", "rate": 10, "time_limit": 15}
    scenario = make_scenario({"model": model.name, **options})
    run = simulate(draw_plan(scenario, 0, model), model)
    assert len(run.members) == 5
    assert judge(run, model).verdict.value == verdict


def test_in_a_system_nodes_of_the_roles_that_take_members_join_and_leave():
    class Router(Node):
        """Passes what clients ask on to a keeper."""

        tolerates = Tolerates(nodes=1)

        @on("add")
        async def add(self, msg):
            await self.pass_on(msg)

        @on("read")
        async def read(self, msg):
            await self.pass_on(msg)

        async def pass_on(self, msg):
            body = {name: value for name, value in msg.body.items() if name != "msg_id"}
            self.reply(msg, await self.rpc(self.roles["keeper"][0], body, timeout=0.2))

    class Keeper(Counter):
        def others(self):
            return [name for name in self.roles["keeper"] if name != self.id]

    roles = {"router": Role(Router, 2), "keeper": Role(Keeper, 3, least=2, most=4)}
    system = System(roles=roles, workload="g-counter", asks="keeper")
    model = Model("two", Router, "g-counter", None, "", system)
    scenario = make_scenario({**OPTIONS, "nemesis": "membership", "nemesis_interval": 0.5})
    run = simulate(draw_plan(scenario, 3, model), model)
    changes = [fault for fault in run.faults if fault.group == "membership"]
    struck = {name for fault in changes for name in fault.target}
    assert struck
    assert all(name.startswith("keeper") for name in struck)
    assert [name for name in run.members if name.startswith("router")] == ["router1", "router2"]
    assert judge(run, model).verdict.value == "valid"


class Store(Node):
    """Knows nothing of members."""

    @on("get")
    def get(self, msg):
        self.reply(msg, {"type": "get_ok"})


def bounded(*faults):
    """A run of a system whose keepers are two or three, beside a store that is alone."""
    roles = {"keeper": Role(Counter, 2, least=2, most=3), "store": Role(Store, 1)}
    system = System(roles=roles, workload="g-counter", asks="keeper")
    model = Model("two", Counter, "g-counter", None, "", system)
    plan = draw_plan(make_scenario({**OPTIONS, "allow_inert": True}), 1, model)
    plan = plan_from_json(replace(plan, faults=faults).to_json(), "a plan")
    return simulate(plan, model)


@pytest.mark.parametrize(
    ("faults", "members", "words"),
    [
        ((join("keeper3"), join("keeper4", at=2)), "keeper1 keeper2 store1 keeper3", "no further"),
        ((join("store2"),), "keeper1 keeper2 store1", "no further node such as store2"),
        ((leave("store1"),), "keeper1 keeper2 store1", "nobody left: store1 can't"),
        ((leave("keeper1"),), "keeper1 keeper2 store1", "nobody left: keeper1 can't"),
        (
            (join("keeper3", at=1), replace(leave(until=5), target="all:keeper")),
            "keeper2 store1 keeper3",
            "keeper1 left",
        ),
    ],
)
def test_a_role_keeps_to_its_bounds_whatever_a_plan_says(faults, members, words):
    run = bounded(*faults)
    assert run.members == tuple(members.split())
    assert words in run.faults[-1].detail


def test_who_joins_a_system_is_of_one_of_its_roles():
    with pytest.raises(ScenarioError, match=r"the node of fault 'join-n3'.*keeper, store"):
        bounded(join("n3"))


def test_several_that_leave_are_several():
    run = simulate(plan_of(replace(leave(until=2), target=("n0", "n1"))), MODEL)
    assert "n0, n1 are to leave" in run.faults[0].detail
    assert "n0, n1 could not leave in time, and stay members" in run.faults[0].detail


def test_a_node_that_joins_and_answers_nobody_makes_no_progress():
    class Mute(Counter):
        def reply(self, msg, body):
            if not self.joining:
                super().reply(msg, body)

    model = Model("mute", Mute, "g-counter", None, "")
    scenario = make_scenario({**OPTIONS, "recovery": 20, "nemesis": "join", "nemesis_interval": 3})
    outcome = judge(simulate(draw_plan(scenario, 1, model), model), model)
    [liveness] = [check for check in outcome.checks if check.name == "liveness"]
    assert liveness.verdict.value == "invalid"
    assert "n6" in liveness.reason


def test_a_node_that_may_never_leave_makes_a_leave_that_was_asked_for_unknown():
    class Never(Counter):
        def may_leave(self):
            return False

    model = Model("never", Never, "g-counter", None, "")
    scenario = make_scenario({**OPTIONS, "recovery": 10, "nemesis": "leave"})
    outcome = judge(simulate(draw_plan(scenario, 1, model), model), model)
    assert outcome.verdict.value == "unknown"


def test_what_may_leave_answers_is_true_or_false():
    class Vague(Counter):
        def may_leave(self):
            return "no"

    run = simulate(plan_of(leave()), Model("vague", Vague, "g-counter", None, ""))
    assert run.members == ("n0", "n1", "n2")
    assert any("must return True or False, not 'no'" in finding.reason for finding in run.findings)


def test_a_life_of_a_node_that_is_about_to_leave_is_lived_again():
    path = Path(__file__).parents[2] / "examples" / "growing_group.py"
    model = load_model(f"{path}:Server")
    options = {"node_count": 4, "time_limit": 6, "nemesis": "membership,kill,clock"}
    scenario = make_scenario(
        {"model": model.name, "nemesis_interval": 0.7, "swarm": True, **options}
    )
    run = simulate(draw_plan(scenario, 0, model), model, lives=True)
    left = [life for life in run.lives if life.node not in life.known]
    assert left, "a node that is started again while it leaves knows that it is no member"
    for part in parts_of(run, model):
        assert alone(part, run.plan, model) is None


def test_what_a_node_does_when_it_is_asked_to_leave_is_no_shared_memory(tmp_path):
    # The example's `may_leave` only looks; this one draws, sends and writes each time.
    path = tmp_path / "busy_leaver.py"
    path.write_text(
        "from clew import Node, on\n\n\n"
        "class Busy(Node):\n"
        "    workload = 'echo'\n\n"
        "    def members_changed(self, members):\n        pass\n\n"
        "    def may_leave(self):\n"
        "        self.disk['asked'] = self.rng.random()\n"
        "        self.send(self.peers[0], {'type': 'bye'})\n"
        "        return self.rng.random() < 0.1\n\n"
        "    @on('bye')\n    def bye(self, msg):\n        pass\n\n"
        "    @on('echo')\n    def echo(self, msg):\n"
        "        self.reply(msg, {'type': 'echo_ok', 'echo': msg.body['echo']})\n"
    )
    model = load_model(str(path))
    plan = plan_of(workload="echo", time_limit=8, node_count=4)
    plan = replace(plan, faults=(leave(until=3), leave("n2", at=4, until=7)))
    run = simulate(plan, model, lives=True)
    asked = [life.asked for life in run.lives]
    assert min(len(each) for each in asked if each) > 1
    for part in parts_of(run, model):
        assert alone(part, run.plan, model) is None
