"""The pytest plugin: how tests that run seeds pass and fail, and that others pay nothing."""

from __future__ import annotations

import json
import re
import sys

import pytest
from plugin_project import BAD, OURS, SMALL, run, shown

from clew.cli import main
from clew.testing.runs import folder_of


def test_a_marked_test_runs_its_seeds_and_then_its_body(project: pytest.Pytester):
    result = run(
        project,
        f"""
@pytest.mark.clew("good.py", runs=3, seed=5, {SMALL})
def test_it(clew):
    assert [run.seed for run in clew.result.runs] == [5, 6, 7]
    assert clew.result.statistics["operations"]["ok"] > 0
    assert clew.result.ok
""",
    )
    result.assert_outcomes(passed=1)
    assert not (project.path / "out").exists()


MARK = f'@pytest.mark.clew("bad.py", {SMALL})'
FAILING = f"""
import unittest

{MARK}
def test_marked(): print("in the body")

def test_fixture(clew):
    clew.run("bad.py", {SMALL})
    print("in the body")

{MARK}
class TestIt:
    def test_method(self): print("in the body")

{MARK}
class TestUnit(unittest.TestCase):
    def test_unit(self): print("in the body")
"""


def test_a_failure_is_told_as_a_story(project: pytest.Pytester):
    result = run(project, FAILING)
    result.assert_outcomes(failed=4)
    printed = shown(result)
    assert "traceback" not in printed.lower()
    assert not OURS.search(printed), printed
    assert len(re.findall("^bad.py, workload echo, seed 0: INVALID.$", printed, re.MULTILINE)) == 4
    assert "in the body" not in printed
    replayed = re.findall(r"^Replay: +clew replay (.+)$", printed, re.MULTILINE)
    assert len(set(replayed)) == 4, "each test has artefacts of its own"
    for file in replayed:
        assert len(json.loads((project.path / file).read_text())["plan"]["operations"]) == 1
    for folder in re.findall(r"^Artefacts: (.+)$", printed, re.MULTILINE):
        assert (project.path / folder / "repro.json").is_file()


def test_a_failure_may_be_told_as_it_was_found(project: pytest.Pytester):
    result = run(project, f'def test_it(clew): clew.run("bad.py", {SMALL})', "--clew-no-shrink")
    result.assert_outcomes(failed=1)
    assert "Evidence: echo" in shown(result)
    assert re.search(r"^Replay: +clew replay .*/repro\.json$", shown(result), re.MULTILINE)
    assert not list(project.path.rglob("shrunk.json"))


def test_it_stops_at_the_first_failure(project: pytest.Pytester):
    result = run(
        project,
        f"""
def test_it(clew):
    with pytest.raises(pytest.fail.Exception):
        clew.run("bad.py", runs=9, {SMALL})
    assert len(clew.result.runs) == 1
""",
    )
    result.assert_outcomes(passed=1)


SEEDS = {
    # options: the seeds of a test that asks for ten from seed 100 on
    "--clew-seed=7": list(range(7, 17)),
    "--clew-runs=2": [100, 101],
    "--clew-shard=3/4": [102, 106],
    "--clew-seed=0 --clew-runs=5 --clew-shard=2/2": [1, 3],
}


@pytest.mark.parametrize("options", SEEDS)
def test_the_command_line_chooses_the_seeds(project: pytest.Pytester, options: str):
    result = run(
        project,
        f"""
@pytest.mark.clew("good.py", runs=10, seed=100, {SMALL})
def test_it(clew):
    assert [run.seed for run in clew.result.runs] == {SEEDS[options]}
""",
        *options.split(),
    )
    result.assert_outcomes(passed=1)


def test_all_shards_together_run_every_seed_once(project: pytest.Pytester):
    marked = f"""
@pytest.mark.clew("good.py", runs=5, {SMALL})
def test_it(clew):
    print([run.seed for run in clew.result.runs])
"""
    seeds: list[int] = []
    for number in (1, 2, 3):
        told = shown(run(project, marked, "-s", f"--clew-shard={number}/3"))
        seeds += json.loads(re.findall(r"\[[\d, ]+\]", told)[0])
    assert sorted(seeds) == [0, 1, 2, 3, 4]


def test_a_shard_without_seeds_skips_the_test(project: pytest.Pytester):
    test = f'def test_it(clew): clew.run("good.py", {SMALL})'
    result = run(project, test, "--clew-shard=2/3", "-rs")
    result.assert_outcomes(skipped=1)
    assert "none of this test's seeds is in the shard 2/3" in shown(result)


def test_the_end_tells_how_many_runs_there_were(project: pytest.Pytester):
    result = run(
        project,
        f"""
@pytest.mark.clew("good.py", runs=3, {SMALL})
@pytest.mark.clew("good.py", {SMALL})
def test_it(): ...

def test_that(clew): clew.run("bad.py", runs=3, expect="invalid", {SMALL})

def test_other(): ...
""",
        "--junitxml=report.xml",
    )
    result.assert_outcomes(passed=3)
    assert "clew: 7 runs in 3 calls" in shown(result).splitlines()
    assert (project.path / "report.xml").read_text().count('"clew_runs"') == 3
    assert "clew:" not in shown(run(project, "def test_it(): ..."))


def test_a_time_runs_seeds_until_it_is_over(project: pytest.Pytester):
    result = run(
        project,
        f"""
def test_it(clew):
    seeds = [run.seed for run in clew.run("good.py", seed=3, {SMALL}).runs]
    assert seeds == list(range(3, 3 + len(seeds)))
    assert len(seeds) > 1
""",
        "--clew-for=0.3s",
    )
    result.assert_outcomes(passed=1)


WRONG = {
    # what a test runs: what it is told
    'clew.run("good.py", node_cuont=3)': "Did you mean 'node_count'",
    "clew.run(3)": "a class that derives from clew.Node, or a clew.System, found 3",
    'clew.run("gone.py")': "gone.py: there is no such file",
    'clew.run("rafd")': "Did you mean 'raft'",
    'clew.run("gone.toml")': "gone.toml: there is no such file",
    'clew.run("good.py", expect="bad")': "--expect can't be used",
}


def test_bad_input_is_one_message(project: pytest.Pytester):
    tests = "\n".join(f"def test_{rank}(clew): {call}" for rank, call in enumerate(WRONG))
    result = run(project, tests)
    result.assert_outcomes(failed=len(WRONG))
    for message in WRONG.values():
        assert message in shown(result)
    assert not OURS.search(shown(result)), shown(result)


@pytest.mark.parametrize("option", ["shard=4/3", "for=soon", "runs=0", "seed=x"])
def test_a_bad_option_is_one_message(project: pytest.Pytester, option: str):
    result = run(project, 'def test_it(clew): clew.run("good.py")', f"--clew-{option}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    printed = shown(result) + result.stderr.str()
    assert f"ERROR: --clew-{option.partition('=')[0]} can't be used: expected" in printed
    assert not OURS.search(printed), printed


def test_a_test_that_expects_a_failure_is_in_one_shard_whole(project: pytest.Pytester):
    test = f"""
@pytest.mark.parametrize("number", range(6))
def test_it(clew, number):
    clew.run("good.py", runs=3, expect="invalid", {SMALL})
"""
    outcomes = [run(project, test, f"--clew-shard={n}/2").parseoutcomes() for n in (1, 2)]
    assert sum(each["failed"] for each in outcomes) == 6
    assert sum(each["skipped"] for each in outcomes) == 6
    assert all(each["failed"] for each in outcomes), "one shard alone has all"


def test_a_marker_without_a_model_fails(project: pytest.Pytester):
    result = run(project, "@pytest.mark.clew(runs=3)\ndef test_it(): pass")
    result.assert_outcomes(failed=1)
    assert "takes a model" in shown(result)


def test_every_marker_counts(project: pytest.Pytester):
    result = run(
        project,
        f"""
@pytest.mark.clew("good.py", {SMALL})
@pytest.mark.clew("good.py", seed=9, {SMALL})
def test_it(clew):
    assert [result.seed for result in clew.results] == [0, 9]
""",
    )
    result.assert_outcomes(passed=1)


def test_unknown_is_no_pass(project: pytest.Pytester):
    # Nobody asks anything before the end, so nothing is shown.
    result = run(project, 'def test_it(clew): clew.run("good.py", rate=0.001, recovery=0)')
    result.assert_outcomes(failed=1)
    assert "unknown" in shown(result)


def test_a_node_that_depends_on_the_process_is_told_so(project: pytest.Pytester):
    leaking = BAD.replace('"what?"', "str(hash(msg.body['echo']))")
    project.makepyfile(leaking=leaking)
    result = run(project, f'def test_it(clew): clew.run("leaking.py", {SMALL})')
    result.assert_outcomes(failed=1)
    assert "NOT DETERMINISTIC" in shown(result)
    assert not list(project.path.rglob("shrunk.json"))


def test_ctrl_c_while_a_failure_is_shrunk_ends_the_session(project: pytest.Pytester):
    project.makepyfile(slow=BAD)
    result = run(
        project,
        f"""
import signal
from clew.search.shrink import oracle
asked = []
def simulate(*arguments, really=oracle.simulate, **named):
    asked.append(1)
    if len(asked) == 2: signal.raise_signal(signal.SIGINT)
    return really(*arguments, **named)
def test_it(clew, monkeypatch):
    monkeypatch.setattr(oracle, "simulate", simulate)
    clew.run("slow.py", {SMALL})
def test_next(): pass
""",
    )
    result.assert_outcomes(failed=1)
    assert "the search was cut short" in shown(result)
    assert "interrupted while a failure was made small" in shown(result)


def test_different_tests_have_different_folders():
    ids = ["t.py::t", "t.py::C::t", "t.py::t[a-b]", "t.py::t[a/b]", "t.py::t[a b]", "é/t.py::t"]
    ids += [f"t.py::{'x' * 300}", f"t.py::y{'x' * 299}"]
    folders = {folder_of(nodeid) for nodeid in ids}
    assert len(folders) == len(ids)
    assert all(re.fullmatch(r"[\w.-]{1,130}", folder) for folder in folders)
    assert folder_of("tests/t.py::C::t") == "tests-t.py-C-t"


def test_workers_of_xdist_do_not_meet(project: pytest.Pytester):
    pytest.importorskip("xdist")
    result = run(
        project,
        f"""
@pytest.mark.parametrize("rank", range(2))
@pytest.mark.clew("bad.py", {SMALL})
def test_it(rank): ...

@pytest.mark.clew("good.py", runs=3, {SMALL})
def test_good(clew): assert len(clew.result.runs) == 3
""",
        "-n2",
    )
    result.assert_outcomes(failed=2, passed=1)
    assert not OURS.search(shown(result)), shown(result)
    assert len(list(project.path.rglob("shrunk.json"))) == 2
    assert len(set(re.findall(r"^Replay: +(.+)$", shown(result), re.MULTILINE))) == 2


def test_pytest_loads_little_of_clew_where_nothing_needs_it(project: pytest.Pytester):
    project.makeconftest(
        """
import sys

def pytest_sessionfinish():
    loaded = sorted(name for name in sys.modules if name.partition(".")[0] == "clew")
    rooms = ["search", "search.valid_runs", "testing", "testing.plugin"]
    assert loaded == ["clew", *(f"clew.{each}" for each in rooms)], loaded
"""
    )
    project.makepyfile(test_it="def test_it(): pass")
    result = project.run(sys.executable, "-m", "pytest", "-q")
    assert result.ret == 0, result.stdout.str()


def test_what_clew_new_makes_passes(project: pytest.Pytester):
    assert main(["new", "my_node", "--directory", str(project.path)]) == 0
    project.runpytest("-q", "test_my_node.py").assert_outcomes(passed=1)


# Valid runs are repeated.

SHARING = """
import csv
from clew import Node, on

class N(Node):
    workload = "echo"

    def start(self):
        csv.register_dialect(f"plugin-{self.id}")

    @on("echo")
    def echo(self, msg):
        others = [each for each in csv.list_dialects() if each.startswith("plugin-")]
        self.log(str(len(others)))
        self.reply(msg, {"type": "echo_ok", "echo": msg.body["echo"]})
"""
ASSERTING = """
from clew import assert_valid
from clew.scenarios.code.models import load_model
from clew.scenarios.options.scenario import make_scenario
from clew.scenarios.plans.draw import draw_plan

def test_it():
    model = load_model("MODEL")
    for limit in (1, 2, 1):
        given = {"model": "MODEL", "time_limit": limit, "recovery": 1, "node_count": 2}
        assert_valid(draw_plan(make_scenario(given), 0, model))
"""


def test_the_largest_valid_run_of_a_test_is_repeated(project: pytest.Pytester):
    project.makepyfile(sharing=SHARING)
    test = ASSERTING.replace("MODEL", "sharing.py")
    result = run(project, test)
    result.assert_outcomes(failed=1)
    assert "sharing.py, workload echo: a valid run does not repeat." in shown(result)
    assert "SHARED MEMORY: The nodes share memory outside of themselves" in shown(result)
    assert not OURS.search(shown(result)), shown(result)
    run(project, test, "--clew-no-verify").assert_outcomes(passed=1)
    run(project, ASSERTING.replace("MODEL", "good.py")).assert_outcomes(passed=1)


def test_a_run_of_the_fixture_is_not_repeated_where_that_is_asked(project: pytest.Pytester):
    project.makepyfile(sharing=SHARING)
    test = f"def test_it(clew): clew.run('sharing.py', {SMALL})"
    run(project, test).assert_outcomes(failed=1)
    run(project, test, "--clew-no-verify").assert_outcomes(passed=1)
