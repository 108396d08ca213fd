"""Valid runs are made again in a fresh process; that one depends on hash order is said."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import clew
from clew.checkers.verdict import Verdict
from clew.cli import main
from clew.errors import ScenarioError
from clew.machine import hashing
from clew.scenarios.code.models import load_model
from clew.scenarios.options.scenario import make_scenario
from clew.scenarios.plans.draw import draw_plan
from clew.scenarios.plans.planfile import plan_from_json
from clew.scenarios.runs.run import simulate
from clew.search import verification as verify_module
from clew.search.forks import FreshRuns
from clew.search.verification import Verification, determinism, hash_order_remark, verify
from clew.trace.record import Trace

pytestmark = pytest.mark.long

NODE = """
import os
from clew import Node, on

class N(Node):
    workload = "echo"

    @on("echo")
    def echo(self, msg):
        self.log(str({what}))
        self.reply(msg, {{"type": "echo_ok", "echo": {answer}}})
"""

HASHED = "list({'a', 'b', 'c', 'd', 'e', 'f', 'g'})"
ELSEWHERE = "os.getpid.real()"  # what stands for it tells the node's
SHORT = ["--node-count", "2", "--time-limit", "2", "--recovery", "1"]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def written(what: str, answer: str = 'msg.body["echo"]') -> str:
    Path("n.py").write_text(NODE.format(what=what, answer=answer))
    return "n.py"


def clew_in_a_process(*words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """The command line as a person starts it: with no hash seed, unless one is given."""
    plain = {name: value for name, value in os.environ.items() if name != "PYTHONHASHSEED"}
    return subprocess.run(
        [sys.executable, "-m", "clew", *words],
        env={**plain, **environ},
        capture_output=True,
        text=True,
        check=False,
    )


def said_of(*words: str, **environ: str) -> dict[str, object]:
    done = clew_in_a_process(*words, "--json", **environ)
    found: dict[str, object] = json.loads(done.stdout.splitlines()[0])
    return {**found, "status": done.returncode}


# Valid runs.


@pytest.mark.parametrize("runs", ["1", "3"])
def test_a_valid_run_that_is_another_elsewhere_is_unknown(runs: str, capsys):
    assert main(["test", written(ELSEWHERE), *SHORT, "--runs", runs]) == 2
    told = capsys.readouterr().out
    assert "determinism" in told
    assert "The first difference: event " in " ".join(told.split())


def test_workers_runs_are_made_again_too(capsys):
    asked = ["test", written(ELSEWHERE), *SHORT, "--runs", "3", "--jobs", "2", "--json"]
    assert main(asked) == 2
    verdicts = [json.loads(line)["verdict"] for line in capsys.readouterr().out.splitlines()]
    assert verdicts == ["unknown", "valid", "valid"]  # the first; the others are as it is


def test_a_replayed_run_is_made_again(capsys):
    written(ELSEWHERE)
    main(["test", "n.py", *SHORT, "--keep", "--json"])
    path = json.loads(capsys.readouterr().out)["repro"]
    assert main(["replay", path]) == 2
    assert "NOT DETERMINISTIC" in capsys.readouterr().out


def test_a_run_from_python_is_made_again():
    options = {"node_count": 2, "time_limit": 2, "recovery": 1, "runs": 2}
    result = clew.run(written(ELSEWHERE), **options)
    assert not result.ok
    assert result.verdict is Verdict.UNKNOWN
    assert result.outcome.checks[-1].name == "determinism"
    assert clew.run(written("1"), **options).verdict is Verdict.VALID


def test_a_class_is_made_again_in_this_process():
    class Counting(clew.Node):
        workload = "echo"
        count = 0

        @clew.on("echo")
        def echo(self, msg):
            Counting.count += 1
            self.log(str(Counting.count))
            self.reply(msg, {"type": "echo_ok", "echo": msg.body["echo"]})

    result = clew.run(Counting, node_count=2, time_limit=2, recovery=1)
    assert result.verdict is Verdict.UNKNOWN
    assert "a second run in the same process was another run" in result.report()


def test_a_valid_run_that_is_the_same_is_told_as_before(capsys):
    assert main(["test", written("1"), *SHORT, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["remarks"] == []
    assert "deterministic" not in said


def test_a_fresh_process_stands_where_this_one_does(tmp_path, monkeypatch):
    """In its folder, with its path and environment, though its server started elsewhere."""
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "far_away.py").write_text("n = 1\n")
    with FreshRuns() as runs:
        runs.start()
        (tmp_path / "deep").mkdir()
        monkeypatch.chdir(tmp_path / "deep")
        monkeypatch.syspath_prepend(tmp_path / "lib")
        monkeypatch.setenv("OF_THIS_TEST", "x")
        model = load_model(written("os.environ['OF_THIS_TEST'], __import__('far_away').n"))
        plan = draw_plan(make_scenario({"model": "n.py", "time_limit": 2}), 0, model)
        assert runs.run(plan, simulate(plan, model).digest).same


# Hash order.


def test_one_seed_is_one_run_whatever_the_machine_hashes():
    """Nobody set a hash seed, and yet two processes give the same run; a remark says why."""
    one, other = (said_of("test", written(HASHED), *SHORT) for _ in range(2))
    assert one["status"] == 0
    assert one["digest"] == other["digest"]
    assert "depends on hash order" in str(one["remarks"])
    assert "0, is recorded" in str(one["remarks"])
    assert one["deterministic"] is True


def test_a_hash_seed_that_a_person_sets_is_used_and_recorded():
    usual = said_of("test", written(HASHED), *SHORT)
    set_ = said_of("test", "n.py", *SHORT, "--keep", PYTHONHASHSEED="7")
    assert usual["digest"] != set_["digest"]
    assert json.loads(Path(str(set_["repro"])).read_text())["plan"]["hash_seed"] == 7
    replayed = clew_in_a_process("replay", str(set_["repro"]))
    assert replayed.returncode == 0
    assert "The same run as the file's" in replayed.stdout
    assert "Its seed, 7, is recorded" in " ".join(replayed.stdout.split())


def test_a_failure_that_depends_on_hash_order_is_no_doubtful_one():
    done = clew_in_a_process("test", written(HASHED, answer="0"), *SHORT, "--no-shrink")
    assert done.returncode == 1
    assert "depends on hash order" in done.stdout
    assert "NOT DETERMINISTIC" not in done.stdout
    path = re.search(r"clew replay (\S+)", done.stdout)
    assert path is not None
    assert clew_in_a_process("replay", path[1]).returncode == 1


@pytest.mark.parametrize("known", [True, False])
def test_what_depends_on_more_than_hash_order_is_not_excused(known, monkeypatch):
    monkeypatch.setattr(verify_module, "hash_seed", lambda: 3 if known else None)
    model = load_model(written(f"({HASHED}, {ELSEWHERE})"))
    plan = draw_plan(make_scenario({"model": "n.py", "time_limit": 2}), 0, model)
    found = verify(simulate(plan, model))
    assert (found.same, found.hash_order) == (False, False)
    assert hash_order_remark(found) == ""


def test_a_drawn_hash_seed_can_not_be_recorded(monkeypatch):
    """In a person's own Python nobody knows it: unknown, with what to do."""
    monkeypatch.setattr(verify_module, "hash_seed", lambda: None)
    model = load_model(written(HASHED))
    plan = draw_plan(make_scenario({"model": "n.py", "time_limit": 2}), 0, model)
    found = verify(simulate(plan, model))
    assert (found.same, found.hash_order) == (False, True)
    check = determinism(found)
    assert check is not None
    assert check.verdict is Verdict.UNKNOWN
    assert "PYTHONHASHSEED=0" in check.reason


def test_the_same_run_needs_no_remark():
    assert hash_order_remark(None) == ""
    assert hash_order_remark(Verification(same=True)) == ""


@pytest.mark.parametrize(
    ("environ", "flags", "seed"),
    [
        ({}, (1, 0), None),
        ({"PYTHONHASHSEED": "random"}, (1, 0), None),
        ({"PYTHONHASHSEED": "0"}, (0, 0), 0),
        ({"PYTHONHASHSEED": "42"}, (1, 0), 42),
        ({"PYTHONHASHSEED": "0"}, (1, 0), None),  # set after the start, or -R
        ({"PYTHONHASHSEED": "42"}, (0, 0), None),
        ({"PYTHONHASHSEED": "42"}, (1, 1), None),  # -I: not read
    ],
)
def test_the_hash_seed_is_what_python_read(environ, flags, seed, monkeypatch):
    class Flags:
        hash_randomization, ignore_environment = flags

    monkeypatch.setattr(hashing.sys, "flags", Flags)
    monkeypatch.delenv("PYTHONHASHSEED", raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert hashing._read() == seed


def test_a_process_that_is_no_command_line_is_never_started_anew(monkeypatch):
    monkeypatch.setattr(hashing.os, "execve", pytest.fail)
    monkeypatch.setattr(hashing._Start, "ours", False)
    hashing.pin_to(1_000_003)


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_a_hash_seed_out_of_bounds_is_refused(seed):
    model = load_model("echo")
    plan = replace(draw_plan(make_scenario({"model": "echo"}), 0, model), hash_seed=seed)
    with pytest.raises(ScenarioError, match="hash_seed can't be used"):
        plan_from_json(plan.to_json(), "here")


def test_a_file_of_before_hash_seeds_were_recorded_is_read():
    plan = draw_plan(make_scenario({"model": "echo"}), 0, load_model("echo"))
    data = plan.to_json()
    del data["hash_seed"]
    assert plan_from_json(data, "here").hash_seed is None


# Memory that a run leaves as it found it.

LEFT = {
    # what nodes share: (at the top, what a handler asks before and does after it sleeps)
    "a lock": ("busy = set()", "x in busy", "busy.add(x)", "busy.discard(x)"),
    "a flag": ("held = False", "held", "setto(True)", "setto(False)"),
    "the class's annotations": (
        "", "'x' in N.__annotations__", "N.__annotations__.update(x=1)",
        "N.__annotations__.clear()",
    ),
    "a registry of an abstract class": (
        "from abc import ABC\nclass A(ABC): ...\nclass K: ...", "issubclass(K, A)",
        "A.register(K)", "None",
    ),
    "a docstring": ("", "N.__doc__", "setattr(N, '__doc__', 'x')", "setattr(N, '__doc__', '')"),
}  # fmt: skip

SLEEPING = """
from clew import Node, on
{top}

def setto(value):
    global held
    held = value

class N(Node):
    workload = "echo"

    @on("echo")
    async def echo(self, msg):
        x = 1
        self.log(str(bool({asked})))
        {before}
        await self.sleep(0.2)
        {after}
        self.reply(msg, {{"type": "echo_ok", "echo": msg.body["echo"]}})
"""


@pytest.mark.parametrize("form", LEFT)
@pytest.mark.parametrize("runs", ["1", "2"])
def test_what_nodes_share_and_leave_as_it_was_is_seen(form: str, runs: str, capsys):
    top, asked, before, after = LEFT[form]
    Path("n.py").write_text(SLEEPING.format(top=top, asked=asked, before=before, after=after))
    assert main(["test", "n.py", *SHORT, "--rate", "50", "--runs", runs]) == 2
    told = " ".join(capsys.readouterr().out.split())
    assert "shared-state" in told
    assert "The nodes share memory outside of themselves" in told


def test_what_nodes_share_and_never_change_is_no_fault(capsys):
    top, asked, before, after = "table = {1: 'one'}", "x in table", "table.get(x)", "None"
    Path("n.py").write_text(SLEEPING.format(top=top, asked=asked, before=before, after=after))
    assert main(["test", "n.py", *SHORT, "--rate", "50"]) == 0
    assert "shared-state" not in capsys.readouterr().out


def test_a_second_run_that_a_busy_machine_stopped_shows_nothing(monkeypatch):
    Path("n.py").write_text(NODE.format(what=1, answer='msg.body["echo"]'))
    model = load_model("n.py")
    given = {"model": "n.py", "node_count": 2, "time_limit": 2, "recovery": 1}
    run = simulate(draw_plan(make_scenario(given), 0, model), model)

    def stopped(*_):
        trace = Trace()
        trace.add(0, "finding", "endless-loop", "n0", "one call did not end within 5 s")
        trace.flush()
        return replace(run, trace=trace, digest=trace.close())

    monkeypatch.setattr(verify_module, "simulate", stopped)
    told = determinism(verify(run))
    assert told.name == "determinism"
    assert "took so long that it was stopped; is the machine busy?" in told.reason
