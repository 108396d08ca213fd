"""Runs in fresh processes: as fresh as a new interpreter, and nobody's fault but the run's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from clew.checkers.verdict import Verdict
from clew.report.run import not_deterministic
from clew.report.screen import Style
from clew.scenarios.code.models import load_model
from clew.scenarios.options.scenario import make_scenario
from clew.scenarios.plans.draw import draw_plan
from clew.scenarios.runs.run import Run, simulate
from clew.search import forks as fresh
from clew.search.forks import FreshRun, FreshRuns
from clew.search.verification import Verification, determinism, verify

pytestmark = pytest.mark.long

NODE = """
import os, sys
from clew import Node, on
from clew.sim.guards import caller  # without it, a node is as code of C: nobody guards it

SEEN = []

class Leaky(Node):
    workload = "echo"

    @on("echo")
    def echo(self, msg):
        {what}
        self.reply(msg, {{"type": "echo_ok", "echo": msg.body["echo"]}})
"""


def run_of(tmp_path: Path, what: str, **options: Any) -> Run:
    path = tmp_path / "leaky.py"
    path.write_text(NODE.format(what=what))
    model = load_model(str(path))
    chosen = {"model": str(path), "node_count": 1, "time_limit": 2, "recovery": 0} | options
    return simulate(draw_plan(make_scenario(chosen), 0, model), model)


def test_the_same_run_is_the_same_and_another_is_told(tmp_path):
    run = run_of(tmp_path, "print('this must not get between the answers' * 1000)")
    with FreshRuns() as runs:
        for _ in range(3):
            assert runs.run(run.plan, run.digest) == FreshRun(same=True)
        other = runs.run(run.plan, "0" * 64)
        assert not other.same
        assert other.trace is not None
        assert other.trace.close() == run.digest
        assert runs.run(run.plan, run.digest).same


@pytest.mark.parametrize(
    ("what", "where"),
    [
        ("pass", ""),
        ("self.log(list({'a', 'b', 'c', 'd', 'e', 'f', 'g'}))", "a run in a fresh process"),
        ("self.log(hash('text'))", "a run in a fresh process"),
        ("self.log(sys.orig_argv[-1])", "a run in a fresh process"),
    ],
)
def test_what_hashes_or_processes_decide_is_found(tmp_path, what, where):
    run = run_of(tmp_path, what)
    with FreshRuns() as runs:
        # One server for all: what one run leaves behind, another does not see.
        found = [verify(run, runs) for _ in range(2)]
    for verification in found:
        assert verification.same is (not where)
        assert verification.where.startswith(where)
    assert verify(run).same is (not where)


def test_what_a_run_leaves_in_a_module_reaches_no_later_fresh_run(tmp_path):
    run = run_of(tmp_path, "self.log(len(SEEN)); SEEN.append(1)")
    with FreshRuns() as runs:
        assert [runs.run(run.plan, run.digest).same for _ in range(3)] == [True] * 3


def test_a_server_that_was_killed_is_replaced(tmp_path):
    run = run_of(tmp_path, "pass")
    with FreshRuns() as runs:
        assert runs.run(run.plan, run.digest).same
        assert runs._server is not None
        runs._server._process.kill()
        runs._server._process.wait()
        assert runs.run(run.plan, run.digest).same


def test_a_run_that_does_not_end_in_a_fresh_process_is_told(tmp_path):
    there = tmp_path / "there"
    there.touch()
    run = run_of(
        tmp_path, f"os.path.exists({str(there)!r}) or (caller._stacks.clear(), os._exit(5))"
    )
    there.unlink()
    with FreshRuns() as runs:
        assert runs.run(run.plan, run.digest) == FreshRun(same=False, failure="it said nothing")
        there.touch()
        assert runs.run(run.plan, run.digest).same


def test_without_forks_an_interpreter_does(tmp_path, monkeypatch):
    run = run_of(tmp_path, "pass")
    monkeypatch.delattr(fresh.os, "fork")  # guards put it back
    with FreshRuns() as runs:
        assert runs.run(run.plan, run.digest) == FreshRun(same=True)
        other = runs.run(run.plan, "0" * 64)
        assert not other.same
        assert other.trace is not None
        assert runs._server is None


@pytest.mark.parametrize("forks", [True, False])
def test_a_file_named_like_a_module_of_python_is_in_nobodys_way(tmp_path, monkeypatch, forks):
    monkeypatch.chdir(tmp_path)
    run = run_of(tmp_path, "pass")
    for name in ("random", "types", "json"):
        Path(f"{name}.py").write_text("raise RuntimeError('this is no module of Python')")
    if not forks:
        monkeypatch.delattr(fresh.os, "fork")
    with FreshRuns() as runs:
        assert runs.run(run.plan, run.digest) == FreshRun(same=True)


@pytest.mark.parametrize("forks", [True, False])
def test_a_fresh_process_that_fails_says_why(tmp_path, monkeypatch, forks):
    run = run_of(tmp_path, "pass")
    Path(run.plan.model.name).write_text("raise ZeroDivisionError('none of this')")
    if not forks:
        monkeypatch.delattr(fresh.os, "fork")
    with FreshRuns() as runs:
        failure = runs.run(run.plan, run.digest).failure
    assert "ZeroDivisionError: none of this" in failure
    failed = Verification(same=False, failure=f"the fresh process failed: {failure}")
    check = determinism(failed)
    assert check is not None
    assert (check.name, check.verdict) == ("determinism", Verdict.UNKNOWN)
    assert failure in check.reason
    assert "another run" not in check.reason
    assert not_deterministic(failed, Style()) == f"NOT VERIFIED: {failed.failure}"
