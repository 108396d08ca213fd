"""Shrinking plans: small, the same failure, deterministic, interruptible, and told."""

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from clew.checkers.verdict import Verdict
from clew.commands import replay as replay_command
from clew.commands import shrink as shrink_command
from clew.errors import ClewError, ScenarioError, UsageError
from clew.report.progress import ShrinkProgress
from clew.report.screen import Style
from clew.report.shrink import shrunk_report
from clew.report.story import STEPS_MAX, story
from clew.scenarios.code.models import load_model
from clew.scenarios.judgement.outcome import judge
from clew.scenarios.options.scenario import make_scenario
from clew.scenarios.plans.draw import draw_plan
from clew.scenarios.plans.plan import plan_text, trusted_plan
from clew.scenarios.plans.planfile import plan_from_json
from clew.scenarios.repros.repro import model_of, read_repro, write_repro
from clew.scenarios.runs.run import simulate
from clew.search.shrink import cuts
from clew.search.shrink.oracle import FiguresError, target_of
from clew.search.shrink.shrinker import shrink

pytestmark = pytest.mark.long

PLANTED = [
    # model, bug, seed, the most operations, the most faults
    ("abd", "reads-one", 0, 2, 1),
    ("raft", "forgets-vote", 1, 0, 1),
    ("gossip", "never-retries", 0, 2, 1),
    ("unique-ids", "leaves-out-node", 0, 2, 0),
]


def plan_of(model_name, bug, seed, **options):
    model = load_model(model_name, bug)
    given = {**model.bug.scenario, "model": model_name, "bug": bug, **options}
    return draw_plan(make_scenario(given), seed, model)


def outcome_of(plan):
    model = model_of(plan)
    return judge(simulate(plan, model), model)


@pytest.fixture(scope="module")
def stale():
    """A register that reads one node only, shrunk."""
    return shrink(plan_of("abd", "reads-one", 0))


@pytest.mark.parametrize(("model", "bug", "seed", "operations", "faults"), PLANTED)
def test_a_planted_bug_gets_small_and_fails_the_same_way(model, bug, seed, operations, faults):
    plan = plan_of(model, bug, seed)
    shrunk = shrink(plan, runs_max=300)
    assert shrunk.complete
    assert len(shrunk.plan.operations) <= operations
    assert len(shrunk.plan.faults) <= faults
    assert target_of(shrunk.outcome) == target_of(outcome_of(plan))
    assert shrunk.before.operations == len(plan.operations)
    assert shrunk.after.operations == len(shrunk.plan.operations)
    assert outcome_of(shrunk.plan).run.digest == shrunk.outcome.run.digest


@pytest.mark.parametrize(("model", "bug", "seed", "operations", "faults"), PLANTED)
def test_the_right_model_does_not_fail_on_a_shrunk_plan(model, bug, seed, operations, faults):
    del operations, faults
    plan = shrink(plan_of(model, bug, seed), runs_max=300).plan
    assert outcome_of(replace(plan, model=replace(plan.model, bug=None))).verdict is not (
        Verdict.INVALID
    )


def test_a_shrunk_plan_is_a_plan_for_a_file(stale):
    data = json.loads(json.dumps(stale.plan.to_json()))
    assert plan_from_json(data, "file") == trusted_plan(data) == stale.plan


def test_the_nearest_passing_plan_passes_and_is_near(stale):
    assert outcome_of(stale.passing).verdict is not Verdict.INVALID
    assert abs(len(stale.passing.operations) - len(stale.plan.operations)) <= 1
    assert stale.parting.startswith("In the failing run at ")
    assert "; in the passing one " in stale.parting


def test_shrinking_twice_gives_the_same(stale):
    again = shrink(plan_of("abd", "reads-one", 0))
    assert plan_text(again.plan) == plan_text(stale.plan)
    assert (again.runs, again.parting) == (stale.runs, stale.parting)
    assert story(again.outcome) == story(stale.outcome)


FRESH = """
from dataclasses import replace
from test_shrink import plan_of
from clew.report.story import story
from clew.scenarios.plans.plan import plan_text
from clew.search.shrink.shrinker import shrink
shrunk = shrink(plan_of("abd", "reads-one", 0))
plan = replace(shrunk.plan, hash_seed=None)  # it states the one that it was drawn under
print(plan_text(plan), shrunk.runs, shrunk.parting, story(shrunk.outcome))
"""


def test_other_hash_seeds_shrink_to_the_same():
    told = set()
    for seed in ("1", "2"):
        path = os.pathsep.join([os.path.dirname(__file__), *sys.path])  # noqa: PTH120
        env = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": path}
        done = subprocess.run(
            [sys.executable, "-c", FRESH], env=env, capture_output=True, text=True, check=True
        )
        told.add(done.stdout)
    assert len(told) == 1


def test_a_plan_that_does_not_fail_is_refused():
    plan = plan_of("abd", "reads-one", 0, time_limit=5)
    with pytest.raises(UsageError, match="nothing to shrink"):
        shrink(replace(plan, faults=(), model=replace(plan.model, bug=None)))


def test_the_budget_of_runs_is_kept_and_the_best_given():
    plan = plan_of("raft", "stale-reads", 0)
    shrunk = shrink(plan, runs_max=10)
    assert not shrunk.complete
    assert not shrunk.interrupted
    assert shrunk.runs <= 12
    assert len(shrunk.plan.operations) < len(plan.operations)
    assert shrunk.outcome.verdict is Verdict.INVALID


def test_an_interrupt_gives_the_best_so_far():
    plan = plan_of("abd", "reads-one", 0)

    def progress(runs, best):
        if runs == 8:
            raise KeyboardInterrupt
        assert len(best.operations) <= len(plan.operations)

    shrunk = shrink(plan, progress=progress)
    assert shrunk.interrupted
    assert not shrunk.complete
    assert len(shrunk.plan.operations) < len(plan.operations)
    assert shrunk.outcome.verdict is Verdict.INVALID


def test_a_story_ends_with_what_is_wrong(stale):
    assert story(stale.outcome).startswith(STALE)


STALE = """\
  1.   0.000000 s  n1, n2 and n4 start.
  2.   0.001000 s  Fault partition-2: cut n1 | n2, n4.
  3.   0.002000 s  Process 2 at n4: asks for write key 1 := 1.
  4.   0.002187 s  Lost to the cut: get from n4 to n1; put from n4 to n1.
  5.   0.002362 s  n4 has registers {"1": {"tag": [1, "n4"], "value": 1}}.
  6.   0.002480 s  n2 has registers {"1": {"tag": [1, "n4"], "value": 1}}.
  7.   0.002737 s  Process 2 at n4: write key 1 := 1 is done, by way of n4 -get-> n2 -get_ok-> n4
                   -put-> n2 -put_ok-> n4.
  8.   0.003000 s  Process 0 at n1: read key 1 -> null.
  9.   0.003228 s  WRONG:"""


def test_a_story_of_a_long_run_is_short():
    told = story(outcome_of(plan_of("raft", "votes-without-log-check", 0)))
    assert sum(line[:3].strip().isdecimal() for line in told.splitlines()) <= STEPS_MAX + 1
    assert "WRONG: leader-completeness is broken" in told
    assert "The promise: " in told


def test_the_report_has_sizes_story_and_command(stale):
    told = shrunk_report(stale, "shrunk.json", Style())
    assert re.search(r"operations +589 +-> +2\n", told)
    assert "It does not fail when the fault partition-2 loses 1 message, not 2." in told
    assert told.endswith("Replay it:\n  clew replay shrunk.json")


def test_the_command_writes_what_it_found(tmp_path, capsys):
    plan = plan_of("abd", "reads-one", 0)
    write_repro(outcome_of(plan), tmp_path / "repro.json")
    assert shrink_command.run({"file": tmp_path / "repro.json"}) == 0
    told = capsys.readouterr().out
    assert "WRONG: " in told
    assert f"clew replay {tmp_path / 'shrunk.json'}" in told
    small = read_repro(tmp_path / "shrunk.json")
    assert small.shrunk_from["operations"] == len(plan.operations)
    assert len(small.plan.operations) == 2
    assert read_repro(tmp_path / "passing.json").verdict == "valid"
    assert replay_command.run({"file": tmp_path / "shrunk.json"}) == 1
    assert "The same run as the file's" in capsys.readouterr().out


def test_the_command_speaks_json(tmp_path, capsys):
    write_repro(outcome_of(plan_of("abd", "reads-one", 0)), tmp_path / "repro.json")
    out = tmp_path / "deep" / "small.json"
    options = {"file": tmp_path / "repro.json", "out": out, "json": True, "runs_max": "100"}
    assert shrink_command.run(options) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["repro"] == str(out)
    assert data["after"]["operations"] == 2
    assert data["deterministic"] is True
    assert data["story"][0].endswith("start.")


def test_the_command_refuses_a_bad_number(tmp_path):
    with pytest.raises(UsageError, match="--max-runs"):
        shrink_command.run({"file": tmp_path / "repro.json", "runs_max": "none"})


def test_progress_is_a_line_a_second(monkeypatch, capsys):
    now = [0.0]
    monkeypatch.setattr("clew.report.live.wall.seconds", lambda: now[0])
    plan = plan_of("abd", "reads-one", 0)
    with ShrinkProgress(50, sys.stdout) as progress:
        for runs in range(25):
            now[0] += 0.1
            progress.update(runs, plan)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("shrinking: ")
    assert lines[0].endswith(" of at most 50 runs, 589 operations, 5 faults, 5 nodes")


NODE = """
from clew import Node, on
import {beside}

class Echo(Node):
    workload = "echo"

    @on("echo")
    def echo(self, msg):
        self.reply(msg, {{"type": "echo_ok", "echo": {beside}.WRONG}})
"""


def test_replay_names_the_file_that_has_changed(tmp_path, capsys):
    (tmp_path / "node.py").write_text(NODE.format(beside="apart"))
    (tmp_path / "apart.py").write_text("WRONG = 1\n")
    given = {"model": str(tmp_path / "node.py"), "time_limit": 2, "recovery": 1}
    model = load_model(given["model"])
    plan = draw_plan(make_scenario(given), 0, model)
    repro = tmp_path / "repro.json"
    write_repro(judge(simulate(plan, model), model), repro)
    assert list(read_repro(repro).sources) == ["apart.py", "node.py"]
    assert replay_command.run({"file": repro}) == 1
    (tmp_path / "apart.py").write_text("WRONG = 22\n")
    with pytest.raises(ScenarioError, match=r"has changed .*: apart\.py\. Say --changed-model"):
        replay_command.run({"file": repro})
    capsys.readouterr()
    assert replay_command.run({"file": repro, "changed_model": True}) == 1
    assert "with a changed model (apart.py)" in capsys.readouterr().out


def test_an_older_repro_file_tells_only_that_something_changed(tmp_path):
    plan = plan_of("abd", "reads-one", 0, time_limit=3)
    repro = tmp_path / "repro.json"
    write_repro(outcome_of(replace(plan, model=replace(plan.model, digest="0" * 64))), repro)
    data = json.loads(repro.read_text())
    assert replay_command.run({"file": repro}) in {0, 1, 2}  # the files themselves are the same
    del data["sources"]
    repro.write_text(json.dumps(data))
    with pytest.raises(ScenarioError, match="the source of abd"):
        replay_command.run({"file": repro})


@pytest.mark.parametrize(("name", "value"), [("sources", [1]), ("shrunk_from", {"runs": "many"})])
def test_a_repro_file_with_a_bad_head_is_refused(tmp_path, name, value):
    repro = tmp_path / "repro.json"
    write_repro(outcome_of(plan_of("abd", "reads-one", 0, time_limit=3)), repro)
    repro.write_text(json.dumps({**json.loads(repro.read_text()), name: value}))
    with pytest.raises(ClewError, match=name):
        read_repro(repro)


def test_nodes_that_go_take_their_clients_along_or_not():
    plan = plan_of("abd", "reads-one", 0)
    kept = {"n1", "n3", "n5"}
    homes = {
        moved: [
            (small.node_ids[one.client % 3], one.at_ns)
            for small in [cuts.with_nodes(plan, kept, moved=moved)]
            for one in small.operations
        ]
        for moved in (False, True)
    }
    before = [(plan.node_ids[one.client % 5], one.at_ns) for one in plan.operations]
    assert homes[False] == [place for place in before if place[0] in kept]
    assert [ns for _, ns in homes[True]] == [ns for _, ns in before]
    assert [a for a, b in zip(before, homes[True], strict=True) if a[0] in kept and a != b] == []


@pytest.mark.parametrize(
    ("model", "bug", "seed"), [("abd", "reads-one", 0), ("raft", "reads-before-no-op", 4)]
)
def test_operations_where_they_were_asked_make_the_same_run(model, bug, seed):
    """A client that waits asks late; those never asked are gone."""
    plan = cuts.cut_at(plan_of(model, bug, seed), 4 * 10**9)
    before = outcome_of(plan).run
    fixed = cuts.asked_at(plan, before.history)
    after = outcome_of(fixed).run
    assert after.digest == before.digest
    assert len(fixed.operations) == len(before.history.operations)
    asked = sorted(one.start for one in after.history.operations)
    assert sorted(one.at_ns for one in fixed.operations) == asked


def test_figures_of_a_whole_run_are_not_made_small(tmp_path):
    model = load_model("echo")
    plan = draw_plan(make_scenario({"model": "echo", "time_limit": 2}), 0, model)
    outcome = outcome_of(replace(plan, asserts=("servers.msgs_per_op > 300",)))
    assert outcome.verdict is Verdict.INVALID
    with pytest.raises(FiguresError, match="can't be made small: assert judges figures"):
        shrink(outcome.run.plan)
    write_repro(outcome, tmp_path / "repro.json")
    with pytest.raises(UsageError, match="fewer operations"):
        shrink_command.run({"file": tmp_path / "repro.json"})
    assert not (tmp_path / "shrunk.json").exists()


def test_what_else_is_wrong_beside_figures_is_made_small():
    plan = replace(plan_of("abd", "reads-one", 0), asserts=("servers.msgs_per_op > 300",))
    shrunk = shrink(plan, runs_max=100)
    assert target_of(shrunk.outcome).check == "linearizable"
    assert len(shrunk.plan.operations) == 2


def test_automatic_shrinking_says_why_it_leaves_figures_alone(tmp_path):
    args = ["test", "echo", "--seed", "0", "--time-limit", "2", "--out", str(tmp_path)]
    args += ["--assert", "servers.msgs_per_op > 300"]
    done = subprocess.run(
        [sys.executable, "-m", "clew", *args], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1, done.stderr
    assert "Seed 0 is not made small: assert judges figures of the whole run" in done.stdout


def test_a_cut_keeps_final_reads_behind_the_recovery():
    plan = plan_of("gossip", "never-retries", 0)
    small = cuts.healed_at(plan, plan.time_limit_ns // 2)
    finals = [one for one in small.operations if one.phase == "final"]
    assert len(finals) == len(plan.node_ids)
    due_ns = small.time_limit_ns + small.recovery_ns
    assert all(due_ns <= one.at_ns < due_ns + 100_000_000 for one in finals)


GUIDE = Path(__file__).resolve().parent.parent.parent / "docs" / "guide" / "7-shrinking.md"


def test_the_guide_shows_what_the_command_prints(tmp_path, monkeypatch, capsys):
    page = GUIDE.read_text(encoding="utf-8")
    shown = re.search(r"\$ (clew shrink \S+)\n(.*?)\n```", page, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    repro = Path(shown[1].split()[-1])
    write_repro(outcome_of(plan_of("abd", "reads-one", 0)), repro)
    assert shrink_command.run({"file": repro}) == 0
    assert capsys.readouterr().out.strip() == shown[2]
