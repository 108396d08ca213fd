"""An invariant that changes a node is named, and taken for no memory that nodes share."""

import pytest

from clew.checkers.verdict import Verdict
from clew.report.run import not_deterministic
from clew.report.screen import Style
from clew.scenarios.code.models import load_model
from clew.scenarios.judgement.outcome import judge
from clew.scenarios.options.scenario import make_scenario
from clew.scenarios.plans.draw import draw_plan
from clew.scenarios.runs.run import simulate
from clew.search.forks import FreshRuns
from clew.search.verification import determinism, verify

NODE = """
from collections import defaultdict
from clew import Invariant, Node, on

COUNT = [0]

def harmless(nodes):
    return None

def votes_once(nodes):
    for node in nodes.values():
        {look}

class Terms(Invariant):
    name = "terms"

    def after(self, node):
        {after}

class N(Node):
    workload = "echo"
    invariants = (harmless, votes_once, Terms)

    def start(self):
        self.votes = defaultdict(list)

    @on("echo")
    def echo(self, msg):
        {echo}
        self.log(str(len(self.votes)))
        self.reply(msg, {{"type": "echo_ok", "echo": msg.body["echo"]}})
"""

READ = "len(node.votes[round(node.monotonic())])"
WHICH = {
    # what the function and the class do, and the handler; and who is to be named
    "a function": (READ, "pass", "pass", "votes-once (", 10),
    "a class": ("pass", READ, "pass", "terms (", 17),
    "a function beside a module's memory": (READ, "pass", "COUNT[0] += 1", "votes-once (", 10),
    "a class beside a module's memory": ("pass", READ, "COUNT[0] += 1", "terms (", 17),
    "one that is broken later": (
        f"{READ}\n        if node.monotonic() > 1:\n            return 'late'", "pass", "pass",
        "votes-once (", 10,
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def fresh():
    with FreshRuns() as runs:
        yield runs


def run_of(tmp_path, look, after, echo):
    path = tmp_path / "n.py"
    path.write_text(NODE.format(look=look, after=after, echo=echo))
    model = load_model(str(path))
    given = {"model": str(path), "time_limit": 2, "recovery": 1, "node_count": 2}
    return simulate(draw_plan(make_scenario(given), 0, model), model), model


@pytest.mark.parametrize("which", WHICH)
def test_it_is_named_with_its_line(tmp_path, which, fresh):
    look, after, echo, name, line = WHICH[which]
    run, _ = run_of(tmp_path, look, after, echo)
    found = verify(run, fresh)
    assert not found.shared
    told = determinism(found)
    assert told.name == "invariants"
    assert told.verdict is Verdict.UNKNOWN
    assert told.reason.startswith(f"The invariant {name}")
    assert f"n.py:{line}) changes what the nodes do" in told.reason
    assert told.reason in not_deterministic(found, Style())


def test_it_is_unknown_without_another_run_where_nodes_change_a_module(tmp_path):
    outcome = judge(*run_of(tmp_path, READ, "pass", "COUNT[0] += 1"))
    checks = {check.name: check for check in outcome.checks}
    assert "votes-once" in checks["invariants"].reason
    assert "shared-state" not in checks


def test_one_that_only_looks_or_is_broken_changes_nothing(tmp_path, fresh):
    look = "if node.monotonic() > 1:\n            return 'late'"
    for echo in ("pass", "COUNT[0] += 1"):
        run, model = run_of(tmp_path, look, "pass", echo)
        assert verify(run, fresh).same
        names = {check.name for check in judge(run, model).checks}
        assert not names & {"invariants", "shared-state"}


def test_memory_that_nodes_share_is_told_as_such_beside_invariants(tmp_path, fresh):
    run, model = run_of(tmp_path, "pass", "pass", "COUNT[0] += 1; self.log(str(COUNT))")
    assert not verify(run, fresh).meddler
    assert "shared-state" in {check.name for check in judge(run, model).checks}
