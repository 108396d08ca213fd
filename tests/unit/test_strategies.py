"""Strategies of hypothesis: every plan is one that runs, and shrinks to what is simple."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st
from hypothesis.database import InMemoryExampleDatabase
from hypothesis.statistics import collector, describe_statistics

import clew
from clew.checkers.linearizability import Linearizability
from clew.checkers.linearizability.specifications import SPECIFICATIONS
from clew.checkers.verdict import Verdict, run_checker
from clew.errors import ClewError
from clew.history import History
from clew.models.registry import MODELS
from clew.scenarios.plans.plan import Plan, plan_text
from clew.scenarios.plans.planfile import plan_from_json
from clew.sim.faults import KINDS
from clew.testing.strategies import faults, histories, operations, plans
from clew.workloads import workloads


class Log(clew.Node):
    """Speaks kafka and of transactions; nothing of it is run here."""

    @clew.on("txn")
    def txn(self, msg): ...

    @clew.on("send")
    def send_(self, msg): ...
    @clew.on("poll")
    def poll(self, msg): ...
    @clew.on("commit_offsets")
    def commit(self, msg): ...
    @clew.on("list_committed_offsets")
    def committed(self, msg): ...


SCENARIOS = {
    "raft": plans("raft", nemesis="partition,kill", node_count=3, time_limit=5),
    "raft swarm": plans("raft", swarm=True, time_limit=5),
    "abd, everything": plans("abd", nemesis="all", liveness="core", time_limit=5),
    "gossip": plans("gossip", nemesis="loss", topology="line", time_limit=5),
    "kafka": plans(Log, workload="kafka", nemesis="clock", time_limit=5),
    "transactions": plans(Log, workload="txn-list-append", nemesis="pause", time_limit=5),
}


class Deaf(clew.Node):
    """Answers the first request of each client alone."""

    workload = "echo"

    def start(self) -> None:
        """Nobody has asked yet."""
        self.known: list[str] = []

    @clew.on("echo")
    def echo(self, msg: clew.Message) -> None:
        """Say it back, but say nothing new to who asked before."""
        text = "again?" if msg.src in self.known else msg.body["echo"]
        self.known.append(msg.src)
        self.reply(msg, {"type": "echo_ok", "echo": text})


@pytest.mark.parametrize("name", SCENARIOS)
@settings(max_examples=25)
@given(data=st.data())
def test_a_drawn_plan_is_one_that_a_file_may_hold(name: str, data: st.DataObject):
    plan = data.draw(SCENARIOS[name])
    again = plan_from_json(json.loads(json.dumps(plan.to_json())), "drawn")
    assert again == plan
    assert plan_text(again) == plan_text(plan)


@pytest.mark.parametrize("name", SCENARIOS)
@settings(max_examples=25)
@given(data=st.data())
def test_a_drawn_plan_is_in_order_and_in_time(name: str, data: st.DataObject):
    plan = data.draw(SCENARIOS[name])
    asked = [(one.client, one.number) for one in plan.operations]
    assert len(set(asked)) == len(asked), "a number is the key of its draws"
    early = [one for one in plan.operations if one.phase == "main"]
    assert early
    assert early == sorted(early, key=lambda one: one.at_ns)
    assert all(0 <= one.at_ns < plan.time_limit_ns for one in early)
    assert all(fault.until_ns < plan.time_limit_ns for fault in plan.faults)
    assert all(KINDS[f.kind].least_nodes <= len(plan.node_ids) for f in plan.faults)
    assert plan.nemesis == (), "no kind is owed"


@pytest.mark.parametrize("model", MODELS)
@settings(max_examples=8)
@given(data=st.data())
def test_a_right_model_is_never_invalid(model: str, data: st.DataObject):
    plan = data.draw(plans(model, swarm=True, time_limit=5))
    assert clew.assert_valid(plan).verdict is not Verdict.INVALID


@pytest.mark.parametrize("workload", workloads())
@settings(max_examples=20)
@given(data=st.data())
def test_operations_are_unique_where_their_workload_makes_them_so(
    workload: str, data: st.DataObject
):
    drawn = data.draw(operations(workload, clients=2))
    assert drawn
    assert {one.f for one in drawn} <= set(workloads()[workload].operations)
    written = [json.dumps(one.value) for one in drawn if one.f in {"write", "send", "broadcast"}]
    assert len(set(written)) == len(written)


@pytest.mark.parametrize(("availability", "kept"), [("total", "total"), (0.9, None)])
def test_what_holds_of_a_load_is_not_asked_of_a_plan(availability, kept):
    figures = {"asserts": "operations.ok > 100", "availability": availability}
    plan = some(plans("echo", time_limit=2, **figures))
    assert (plan.asserts, plan.availability) == ((), kept)


def some(strategy: st.SearchStrategy):
    """Anything that it draws."""
    return find(strategy, lambda _: True, settings=settings(database=None, phases=[Phase.generate]))


def simplest(strategy: st.SearchStrategy, condition=lambda _: True):
    return find(strategy, condition, settings=settings(database=None, max_examples=200))


def test_the_simplest_plan_asks_once_and_breaks_nothing():
    plan = simplest(SCENARIOS["raft swarm"])
    assert (plan.seed, len(plan.node_ids), plan.faults) == (0, 1, ())
    early = [one for one in plan.operations if one.phase == "main"]
    assert [(one.client, one.at_ns, one.f) for one in early] == [(0, 0, "read")]


def test_the_simplest_faults_are_early_and_short():
    two = simplest(faults(["kill", "partition"], ["n1", "n2", "n3"]), lambda f: len(f) == 2)
    assert {fault.at_ns for fault in two} == {0}
    assert {fault.until_ns for fault in two} == {1_000_000}
    assert len({fault.id for fault in two}) == 2


def test_hypothesis_shrinks_operations():
    drawn = simplest(operations("lin-kv"), lambda ops: sum(one.f == "cas" for one in ops) >= 2)
    assert [one.f for one in drawn] == ["cas", "cas"]


def test_kinds_that_need_more_nodes_are_left_out():
    assert simplest(faults(["partition"], ["n1"])) == ()


def test_a_failing_test_tells_the_shrunk_story(tmp_path):
    @settings(database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(plan=plans(Deaf, time_limit=3, node_count=2))
    def holds(plan: Plan):
        clew.assert_valid(plan, out=tmp_path)

    with pytest.raises(clew.PlanError) as failed:
        holds()
    text = str(failed.value)
    assert "Deaf, workload echo" in text
    assert "INVALID" in text
    assert "was given as a class" in text
    assert len(failed.value.result.shrink().plan.operations) == 2


def test_the_text_of_a_failure_is_only_made_when_asked_for(tmp_path):
    with pytest.raises(clew.PlanError) as failed:
        clew.assert_valid(
            clew.run(slow_echo(), time_limit=2, rate=50, concurrency="2n").plan, out=tmp_path
        )
    assert list(tmp_path.iterdir()) == []
    assert str(failed.value) == str(failed.value)


def slow_echo() -> str:
    """A file with a wrong node in it."""
    return str(Path(__file__).parents[2] / "examples" / "slow_echo.py")


def test_the_database_of_hypothesis_brings_a_failing_plan_back():
    database = InMemoryExampleDatabase()
    seen: list[Plan] = []

    @settings(database=database, derandomize=False, max_examples=50)
    @given(plan=plans("echo", time_limit=2))
    def holds(plan: Plan):
        seen.append(plan)
        assert len(plan.operations) < 30

    with pytest.raises(AssertionError):
        holds()
    smallest = seen[-1]
    seen.clear()
    with pytest.raises(AssertionError):
        holds()
    assert seen[0] == smallest


@given(
    history=histories(
        st.one_of(
            st.tuples(st.just("write"), st.integers(0, 2), st.none()),
            st.tuples(st.just("read"), st.none(), st.integers(0, 2)),
        )
    )
)
@settings(max_examples=50)
def test_histories_are_well_formed(history: History):
    specification = SPECIFICATIONS["register"]()
    result = run_checker(Linearizability(specification), history)
    assert "crashed" not in result.reason
    for one in history.operations:
        assert one.completed is None or one.completed > one.invoked


@pytest.mark.parametrize("verdict", [Verdict.VALID, Verdict.INVALID])
def test_histories_are_right_and_wrong(verdict: Verdict):
    checker = Linearizability(SPECIFICATIONS["register"]())
    calls = st.tuples(st.just("read"), st.none(), st.integers(0, 1))
    history = simplest(histories(calls), lambda h: run_checker(checker, h).verdict is verdict)
    assert len(history) == {Verdict.VALID: 0, Verdict.INVALID: 2}[verdict]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: plans("rafd"), "Did you mean 'raft'"),
        (lambda: plans("raft", node_cuont=3), "Did you mean 'node_count'"),
        (lambda: plans(clew.run("echo", time_limit=1).scenario, rate=2), "further options: rate"),
        (lambda: faults(["fire"], ["n1"]), "no such fault"),
        (lambda: operations("frob"), "there is no workload 'frob'"),
    ],
)
def test_bad_input_is_told_at_once(make, message: str):
    with pytest.raises(ClewError, match=message):
        make()


def test_without_hypothesis_the_message_says_what_to_install():
    code = "import sys; sys.modules['hypothesis'] = None\nimport clew.testing.strategies"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "pip install 'clew[test]'" in done.stderr.splitlines()[-1]


def test_hypothesis_counts_the_verdicts():
    told: list[str] = []

    @settings(max_examples=20, database=None)
    @given(plan=plans("echo", time_limit=2))
    def holds(plan: Plan):
        clew.assert_valid(plan)

    with collector.with_value(lambda statistics: told.append(describe_statistics(statistics))):
        holds()
    assert "verdict valid" in told[0]
