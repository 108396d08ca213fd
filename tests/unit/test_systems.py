"""Systems of several kinds of node: what may be declared, and how they run."""

import json
import re
from dataclasses import replace

import pytest
from two_kinds import Front, KnowsEachOther, Store, system, system_of
from two_kinds_plans import FILE, QUICK, plan_of

import clew
from clew import Node, Role, System, Tolerates, Workload, on, operation
from clew.cli import main
from clew.errors import ClewError, NodeError, ScenarioError, UsageError
from clew.scenarios.code.models import load_model
from clew.scenarios.judgement.outcome import judge
from clew.scenarios.options.scenario import make_scenario
from clew.scenarios.plans.draw import draw_plan
from clew.scenarios.plans.plan import plan_text, trusted_plan
from clew.scenarios.plans.planfile import plan_from_json
from clew.scenarios.plans.roles import check_roles
from clew.scenarios.runs.run import simulate
from clew.sim.faults import Fault

# What may be declared.


class Alone(Node):
    pass


BAD = [
    (lambda: System(roles={}), "'roles' of the System can't be used: expected at least one role"),
    (lambda: System(roles=[Role(Alone, 1)]), "expected at least one role by name"),
    (lambda: System(roles={"a": Alone}), "the role 'a' of the System can't be used: expected a Ro"),
    (lambda: System(roles={"all": Role(Alone, 1)}), "that mean nothing else in a test"),
    (lambda: System(roles={"shard1": Role(Alone, 1)}), "found 'shard1'"),
    (lambda: Role(Alone, 0), "'nodes' of a Role can't be used: expected a whole number from 1"),
    (lambda: Role(Alone, True), "found True"),
    (lambda: Role(Alone, 2, least=3), "expected 3 or more nodes, as it says itself, found 2"),
    (
        lambda: Role(Alone, 2, least=3, most=1),
        "'least' of a Role can't be used: expected at most its most, which is 1, found 3",
    ),
    (lambda: Role(Alone, 4, most=3), "expected 1 to 3 nodes, as it says itself, found 4"),
    (lambda: Role(int, 1), "expected a class that derives from clew.Node, found int"),
    (lambda: Role(Node, 1), "expected a class that derives from clew.Node, found Node"),
    (lambda: system_of(invariants=KnowsEachOther), "found KnowsEachOther by itself"),
    (
        lambda: System(roles={"a": Role(Alone, 1)}, asks="b"),
        "'asks' of the System can't be used: expected one of its roles, a, or None",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("make", "message"), BAD)
def test_what_can_not_be_declared_is_one_message(make, message):
    with pytest.raises(NodeError) as bad:
        make()
    assert message in str(bad.value)


class Slow(Node):
    tolerates = Tolerates(latency=0.5, faults=("kill", "clock"))


class Shy(Node):
    tolerates = Tolerates(latency=0.1, clock_error=0.2, faults=("clock-jump", "kill", "pause"))


def test_a_system_tolerates_what_each_of_its_classes_does():
    both = System(roles={"slow": Role(Slow, 1), "shy": Role(Shy, 2), "any": Role(Alone, 1)})
    assert both.tolerates == Tolerates(
        nodes=1, latency=0.1, clock_error=0.2, faults=("kill", "clock-jump")
    )
    assert System(roles={"any": Role(Alone, 1)}).tolerates is None


def test_the_invariants_of_the_classes_come_on_top():
    class Watched(Node):
        invariants = (KnowsEachOther,)

    def nothing(nodes):
        del nodes

    both = System(roles={"a": Role(Watched, 1), "b": Role(Watched, 1)}, invariants=(nothing,))
    assert both.invariants == (nothing, KnowsEachOther)


# What is found in a file.


def write(folder, text):
    path = folder / "made.py"
    path.write_text(f"from clew import Node, Role, System\nclass A(Node): pass\n{text}\n")
    return str(path)


def test_the_only_system_of_a_file_goes_before_its_classes(tmp_path):
    path = write(tmp_path, 'both = System(roles={"a": Role(A, 1)})')
    assert load_model(path).system is not None
    assert load_model(f"{path}:both").system is not None
    assert load_model(f"{path}:A").system is None


def test_of_several_systems_one_must_be_named(tmp_path):
    roles = 'System(roles={"a": Role(A, 1)})'
    path = write(tmp_path, f"one = {roles}\nother = {roles}\nsame = other")
    with pytest.raises(NodeError, match="several Systems in this file: one, other, same"):
        load_model(path)
    assert load_model(f"{path}:same").system is not None
    with pytest.raises(
        NodeError, match="there is no Node class 'B': expected one of A, one, other"
    ):
        load_model(f"{path}:B")


def test_a_wrong_system_is_told_with_its_line(tmp_path):
    path = write(tmp_path, 'both = System(roles={"a": Role(A, 0)})')
    with pytest.raises(ClewError, match=r"made.py:3: 'nodes' of a Role can't be used.* found 0"):
        load_model(path)


# How one is drawn.


def test_nodes_are_called_after_their_roles():
    plan, model = plan_of()
    assert plan.node_ids == ("front1", "front2", "front3", "store1")
    assert plan.roles == {"front": ("front1", "front2", "front3"), "store": ("store1",)}
    assert {plan.asks[f] for f in ("read", "write", "cas")} == {"front"}
    assert plan.clients == 3
    assert check_roles(plan, model, "here") is None


@pytest.mark.parametrize("nodes", ["front=2", ["front=2"], {"front": 2}, "front = 2, store=1"])
def test_counts_may_be_said_in_several_ways(nodes):
    assert plan_of(nodes=nodes)[0].node_ids == ("front1", "front2", "store1")


WRONG = [
    ({"nodes": "shard=2"}, "there is no role 'shard': expected some of front, store"),
    ({"nodes": "front=0"}, "expected ROLE=N with N from 1 to 1000"),
    ({"nodes": "front"}, "expected ROLE=N with N from 1 to 1000"),
    ({"nodes": "front=6"}, "expected 2 to 5 nodes of the role front, as the system says, found"),
    ({"nodes": "front=1"}, "expected 2 to 5 nodes of the role front, as the system says, found"),
    ({"nodes": "front=2,front=3"}, "expected each role once, found 'front' twice"),
    ({"node_count": 3}, "--node-count can't be used with"),
    ({"node_count": 3}, "Say --nodes front=3,store=1."),
    ({"nemesis": "kill:shard"}, "'kill:shard' aims at a role that is not there: expected one of"),
    ({"nemesis": "kill:"}, "or one with whom it strikes, such as kill:shard"),
    ({"nemesis": "all:front"}, "or one with whom it strikes, such as kill:shard"),
    ({"nemesis": "partition-bridge:store"}, "expected at least 3 nodes, found 1"),
    ({"nemesis": "clock-jump:front"}, "its nodes never read their wall clocks"),
]  # fmt: skip


@pytest.mark.parametrize(("options", "message"), WRONG)
def test_what_a_system_does_not_have_is_one_message(options, message, capsys):
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
    assert main(["test", str(FILE), *flags]) == 64
    assert message in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ({}, "expected ROLE=N for at least one role, such as controller=3, found {}"),
        ([], "expected ROLE=N for at least one role, such as controller=3, found []"),
        ("", "expected names with commas between them, none of them empty, found ''"),
    ],
)
def test_counts_of_no_role_are_refused_as_empty(nodes, message):
    with pytest.raises(UsageError, match=re.escape(f"--nodes can't be used: {message}")):
        make_scenario({"model": str(FILE), "nodes": nodes})


def test_a_model_of_one_class_has_no_roles(capsys):
    assert main(["test", "echo", "--nodes", "front=2"]) == 64
    told = " ".join(capsys.readouterr().err.split())
    assert "--nodes can't be used with echo, which has one kind of node: front=2" in told
    assert "Say --node-count N" in told
    assert main(["test", "raft", "--nemesis", "kill:front"]) == 64
    assert "no role: all nodes are of one kind" in " ".join(capsys.readouterr().err.split())


def test_a_swarm_draws_counts_within_the_bounds():
    counts = {len(plan_of(seed, swarm=True)[0].roles["front"]) for seed in range(40)}
    assert counts == {2, 3, 4, 5}
    fixed = {len(plan_of(seed, swarm=True, nodes="front=2")[0].node_ids) for seed in range(5)}
    assert fixed == {3}


def test_a_plan_of_one_class_says_nothing_of_roles():
    scenario = make_scenario({"model": "echo", **QUICK})
    plain = draw_plan(scenario, 0, load_model("echo")).to_json()
    assert not {"roles", "asks"} & {*plain}


def test_a_plan_survives_json_whatever_the_order_of_its_keys():
    for options in ({}, {"liveness": "core"}):
        plan, _ = plan_of(**options)
        assert trusted_plan(json.loads(plan_text(plan))) == plan
        assert plan_from_json(json.loads(plan_text(plan)), "here") == plan
        assert list(trusted_plan(json.loads(plan_text(plan))).roles) == ["front", "store"]
    assert set(plan_of(liveness="core")[0].core) > {"store1"}


BROKEN = [
    ({"roles": {"front": ["front1", "front2"], "store": ["store1"]}}, "roles can't be used"),
    ({"roles": {}}, "asks can't be used: expected nothing, as the plan has no roles"),
    ({"asks": {"read": "shard", "write": None, "cas": None}}, "expected null or one of front, s"),
    ({"asks": {"read": "front"}}, "expected a role, or null, for each of read, write, cas"),
    ({"nemesis": ["kill:shard"]}, "expected a role of front, store, found"),
    (
        {"faults": [Fault("x", "kill", 1, 2, "one:shard").to_json()]},
        "the target of fault 'x' can't be used: expected one of front, store",
    ),
]


@pytest.mark.parametrize(("changed", "message"), BROKEN)
def test_a_plan_with_wrong_roles_is_refused(changed, message):
    plan, _ = plan_of()
    with pytest.raises(ScenarioError) as bad:
        plan_from_json({**plan.to_json(), **changed}, "here")
    assert message in str(bad.value)


def test_a_plan_needs_a_model_with_its_roles():
    plan, _ = plan_of()
    with pytest.raises(ScenarioError, match="expected the roles front, store, found one kind"):
        check_roles(plan, load_model("echo"), "here")


# How one runs.


def test_a_right_system_is_valid_and_each_node_knows_the_roles():
    result = clew.run(system_of(invariants=(KnowsEachOther,)), **QUICK)
    assert result.verdict.value == "valid"
    asked = {one.node for one in result.history.operations}
    assert asked == {"front1", "front2", "front3"}
    assert "The system was given as an object." in result.explain()


def test_a_node_knows_its_role_and_those_of_others():
    seen = {}

    class Curious(Store):
        def start(self):
            super().start()
            seen[self.id] = self.role_of(self.id), self.role_of("front1"), self.role_of("c0")

    clew.run(replace(system, roles={"front": Role(Front, 2), "store": Role(Curious, 1)}), **QUICK)
    assert seen == {"store1": ("store", "front", None)}


def test_nodes_of_one_class_are_of_one_role():
    seen = []

    class Plain(Node):
        workload = "echo"

        def start(self):
            seen.append((self.roles, self.role_of(self.id)))

        @on("echo")
        def echo(self, msg):
            self.reply(msg, {"type": "echo_ok", "echo": msg.body["echo"]})

    clew.run(Plain, node_count=2, **QUICK)
    assert seen[:2] == [({"node": ["n0", "n1"]}, "node")] * 2


def test_a_class_may_call_something_else_roles():
    class Named(Node):
        workload = "echo"

        def start(self):
            self.roles = ["mine"]

        @on("echo")
        def echo(self, msg):
            assert self.roles == ["mine"]
            self.reply(msg, {"type": "echo_ok", "echo": msg.body["echo"]})

    assert clew.run(Named, **QUICK).verdict.value == "valid"


def test_an_invariant_of_a_system_sees_all_nodes():
    def no_front_fails(nodes):
        return "a store is there" if "store1" in nodes else None

    result = clew.run(system_of(invariants=(no_front_fails,)), **QUICK)
    assert [finding.reason for finding in result.findings] == ["no-front-fails: a store is there"]


class Both(Workload):
    """Asks fronts to write and the store for what it holds."""

    name = "both"
    summary = "what was written is held"
    checks = (lambda history: [],)

    @operation(request={"key": int, "value": int}, role="front")
    def write(self, draw):
        return {"key": draw.stream.below(3), "value": draw.unique()}

    @operation(request={"key": int}, reply={"value": object}, role="store", readonly=True)
    def fetch(self, draw):
        return draw.stream.below(3)


def test_each_operation_goes_to_its_role():
    two = system_of(Front)
    asked = replace(two, workload=Both, functions=None, asks=None)
    result = clew.run(asked, **QUICK, nodes="front=2")
    assert result.verdict.value == "valid"
    pairs = {(one.f, one.node) for one in result.history.operations}
    assert pairs == {("write", "front1"), ("write", "front2"), ("fetch", "store1")}
    processes = {one.process for one in result.history.operations}
    assert processes == {0, 1, 2}  # a client stays who it is, whomever it asks


def test_an_operation_of_no_role_of_the_system_is_told():
    class Stray(Both):
        @operation(request={"key": int}, role="shard")
        def fetch(self, draw):
            return draw.stream.below(3)

    with pytest.raises(UsageError, match="'fetch' of the workload both goes to the role 'shard'"):
        clew.run(replace(system, workload=Stray, functions=None), **QUICK)


def test_a_role_that_is_asked_must_answer():
    with pytest.raises(NodeError, match=r"class Store: this node does not speak.*System\(asks"):
        clew.run(replace(system, asks=None), **QUICK)


# Faults that aim at a role.


@pytest.mark.parametrize(
    ("nemesis", "struck"),
    [("kill:store", {"store1"}), ("pause:front", {"front1", "front2", "front3"})],
)
def test_a_fault_strikes_its_role_only(nemesis, struck):
    found = set()
    for seed in range(3):
        plan, model = plan_of(seed, nemesis=nemesis, nemesis_interval=0.5)
        run = simulate(plan, model)
        found |= {node for report in run.faults for node in report.target}
        assert all(fault.target.endswith(nemesis.partition(":")[2]) for fault in plan.faults)
    assert found
    assert found <= struck


def test_a_partition_of_a_role_cuts_that_role_alone():
    plan, model = plan_of()
    cut = Fault("x", "partition-halves", 0, 10**9, "all:front")
    [report] = simulate(replace(plan, faults=(cut,)), model).faults
    assert report.detail.startswith("cut front1 | front2, front3;")


def test_a_minority_of_a_role_is_counted_among_its_nodes():
    plan, model = plan_of(nodes="front=3")
    fault = Fault("x", "pause", 0, 10**9, "minority:front")
    [report] = simulate(replace(plan, faults=(fault,)), model).faults
    assert len(report.target) == 1


def test_a_fault_that_was_asked_of_a_role_must_have_struck_there():
    result = clew.run(
        system_of(), **QUICK, nemesis="partition-one:front,kill:store", nemesis_interval=0.5
    )
    [check] = [check for check in result.outcome.checks if check.name == "faults"]
    assert "kill 4, partition-one 1" in check.reason
    quiet = replace(result.plan, nemesis=("kill:store", "kill:front"))
    with_fronts = judge(simulate(quiet, result.outcome.model), result.outcome.model)
    [check] = [check for check in with_fronts.checks if check.name == "faults"]
    assert check.verdict.value == "unknown"
    assert "kill:front: the plan holds none" in check.reason


GROWING = """
from clew import Node, Role, System, on


class Told(Node):
    def start(self):
        self.log(f"starts {self.roles}")

    def members_changed(self, members):
        self.log(f"{self.role_of(self.id)} {self.roles['front']}")

    @on("echo")
    def echo(self, msg):
        self.reply(msg, {"type": "echo_ok", "echo": msg.body["echo"]})


class Front(Told):
    pass


class Back(Told):
    pass


growing = System(
    roles={"front": Role(Front, 2), "back": Role(Back, 1)}, workload="echo", asks="front"
)
"""


def test_nodes_that_join_know_their_role_and_those_of_others(tmp_path):
    path = tmp_path / "growing.py"
    path.write_text(GROWING)
    result = clew.run(str(path), **QUICK, nemesis=["join:front"], out=tmp_path)
    assert result.verdict.value == "valid", result.explain(small=False)
    logged = [(r[2], r[3]) for r in result.outcome.run.trace.whole_records() if r[1] == "log"]
    assert ("back1", "back ['front1', 'front2', 'front3']") in logged
    assert ("front3", "front ['front1', 'front2', 'front3']") in logged
    [first] = [text for node, text in logged if node == "front3" and text.startswith("starts")]
    assert first != "starts {'front': ['front1', 'front2', 'front3'], 'back': ['back1']}"
