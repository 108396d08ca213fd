"""The pytest plugin: how tests that run seeds pass and fail, and that others pay nothing."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

import clew
import clew.testing.items
from clew.cli import main
from clew.testing.runs import folder_of
from clew.workloads import workloads

assert clew.testing.items, "imported here, else each run inside a test would import it anew"
assert workloads(), "their modules too: what a run inside a test imports is gone after it"

GOOD = """
from clew import Node, on

class Echo(Node):
    workload = "echo"

    @on("echo")
    def echo(self, msg):
        self.reply(msg, {"type": "echo_ok", "echo": msg.body["echo"]})
"""
BAD = GOOD.replace('msg.body["echo"]})', '"what?"})')
SMALL = "time_limit=2, node_count=2, rate=5"

# A traceback of ours would name a file of the package.
OURS = re.compile(r"clew/[\w/]+\.py:\d+|site-packages|Traceback")


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    """A folder with a right node and a wrong one."""
    pytester.makepyfile(good=GOOD, bad=BAD)
    return pytester


def run(project: pytest.Pytester, test: str, *options: str) -> pytest.RunResult:
    """A test file, run."""
    project.makepyfile(test_it=f"import pytest\n{test}")
    return project.runpytest("--strict-markers", "-q", "-p", "no:cacheprovider", *options)


def shown(result: pytest.RunResult) -> str:
    return result.stdout.str()


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
    "clew.run(3)": "expected the name of a model, or a class that derives from clew.Node",
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


# Files that are tests.


@pytest.fixture(scope="module")
def shrunk(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The repro file of the wrong node's shrunk plan."""
    folder = tmp_path_factory.mktemp("shrunk")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        Path("bad.py").write_text(BAD)
        small = clew.run("bad.py", time_limit=2).shrink()
        return json.loads(Path(str(small.repro)).read_text())


def keep(project: pytest.Pytester, name: str, content: dict[str, Any]) -> None:
    """A file in tests/clew/."""
    path = project.path / "tests" / "clew" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def test_a_regression_file_fails_until_the_bug_is_fixed(project: pytest.Pytester, shrunk):
    keep(project, "what.json", shrunk)
    result = project.runpytest("-q")
    result.assert_outcomes(failed=1)
    assert "tests/clew/what.json: the plan is INVALID: echo: invalid (mismatch)." in shown(result)
    assert "clew replay tests/clew/what.json" in shown(result)
    assert not OURS.search(shown(result)), shown(result)
    project.makepyfile(bad=GOOD)
    result = project.runpytest("-q")
    result.assert_outcomes(passed=1)
    assert "clew: 1 run in 1 call" in shown(result).splitlines()


def test_a_regression_file_may_hold_a_bug_that_stays(project: pytest.Pytester, shrunk):
    keep(project, "what.json", shrunk | {"regression": "reproduces"})
    project.runpytest("-q").assert_outcomes(passed=1)
    project.makepyfile(bad=GOOD)
    result = project.runpytest("-q")
    result.assert_outcomes(failed=1)
    assert "It was to be invalid: echo: invalid (mismatch)." in shown(result)


def test_a_regression_file_that_tells_nothing_any_more_is_skipped(project: pytest.Pytester, shrunk):
    keep(project, "what.json", shrunk | {"plan": shrunk["plan"] | {"operations": []}})
    result = project.runpytest("-q", "-rs")
    result.assert_outcomes(skipped=1)
    assert "echo is unknown: No echo was answered." in shown(result)


def test_a_regression_file_without_operations_passes_where_its_invariant_holds(
    project: pytest.Pytester,
):
    small = clew.run("raft", bug="forgets-vote", seed=7, out="found").shrink()
    content = json.loads(Path(str(small.repro)).read_text())
    content["plan"]["operations"] = []
    keep(project, "wrong.json", content)
    content["plan"]["model"]["bug"] = None
    keep(project, "right.json", content)
    project.runpytest("-q").assert_outcomes(passed=1, failed=1)


BAD_FILES = {
    # a file: what it is told
    "no.json": ("{", "no.json:1: this is not JSON"),
    "other.json": ("[]", "other.json: this is no repro file"),
    "bad.toml": ('model = "echo"\nrate = -1\n', "bad.toml:2: "),
    "gone.toml": ('model = "gone.py"\n', "gone.toml:1: option 'model' can't be used"),
}


def test_a_bad_file_is_one_message(project: pytest.Pytester, shrunk):
    keep(project, "perhaps.json", shrunk | {"regression": "perhaps"})
    for name, (text, _) in BAD_FILES.items():
        (project.path / "tests" / "clew" / name).write_text(text)
    result = project.runpytest("-q")
    result.assert_outcomes(failed=1 + len(BAD_FILES))
    for _, message in BAD_FILES.values():
        assert message in shown(result)
    assert "expected fixed or reproduces, found 'perhaps'" in shown(result)
    assert str(project.path) not in shown(result), "a path that can be pasted"
    assert not OURS.search(shown(result)), shown(result)


EXPECTED = {
    # a scenario's lines: whether its test passes
    'model = "../../good.py"\nruns = 3': True,
    'model = "../../bad.py"\nruns = 3': False,
    'model = "../../bad.py"\nexpect = "invalid"': True,
    'model = "../../bad.py"\nexpect = "invalid:mismatch"': True,
    'model = "../../bad.py"\nexpect = "invalid:lost"': False,
    'model = "../../good.py"\nexpect = "invalid"': False,
}


def test_a_scenario_is_a_test(project: pytest.Pytester):
    folder = project.path / "tests" / "clew"
    folder.mkdir(parents=True)
    for rank, lines in enumerate(EXPECTED):
        (folder / f"{rank}.toml").write_text(f"{lines}\ntime_limit = 2\n")
    result = project.runpytest("-v", "--clew-no-shrink")
    assert not OURS.search(shown(result)), shown(result)
    ends = re.findall(r"^tests/clew/\d\.toml::scenario (\w+)", shown(result), re.MULTILINE)
    assert [end == "PASSED" for end in ends] == list(EXPECTED.values())
    assert "lost was expected, and seed 0 fails otherwise: echo: invalid (mismatch)" in shown(
        result
    )
    assert "A failure was expected and not found: 1 valid" in shown(result)


def test_only_files_in_the_paths_or_named_are_collected(project: pytest.Pytester):
    for folder in ("elsewhere", "suite"):
        (project.path / folder).mkdir()
        (project.path / folder / "it.toml").write_text('model = "echo"\ntime_limit = 2\n')
    (project.path / "data.json").write_text("[]")
    assert project.runpytest("-q").ret == pytest.ExitCode.NO_TESTS_COLLECTED
    project.runpytest("-q", "elsewhere/it.toml").assert_outcomes(passed=1)
    project.makeini("[pytest]\nclew_paths = suite")
    project.runpytest("-q").assert_outcomes(passed=1)


# Beside others.


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
    assert loaded == ["clew", "clew.testing", "clew.testing.plugin"], loaded
"""
    )
    project.makepyfile(test_it="def test_it(): pass")
    result = project.run(sys.executable, "-m", "pytest", "-q")
    assert result.ret == 0, result.stdout.str()


def test_what_clew_new_makes_passes(project: pytest.Pytester):
    assert main(["new", "my_node", "--directory", str(project.path)]) == 0
    project.runpytest("-q", "test_my_node.py").assert_outcomes(passed=1)


ROOT = Path(__file__).parents[2]
CHAPTER = ROOT / "docs" / "guide" / "9-pytest.md"
SUMS = """
def test_sums(clew):
    clew.run("summing_counter.py", node_count=3, nemesis="partition")
"""


_LINES = re.MULTILINE | re.DOTALL


def failure(folder: Path) -> str:
    """What a failing test prints, as the guide shows it."""
    source = (ROOT / "examples" / "summing_counter.py").read_text()
    (folder / "summing_counter.py").write_text(source)
    (folder / "test_sums.py").write_text(SUMS)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    told = re.search(r"^summing_counter\.py, workload.*?^Keep it:.*?\n", done.stdout, _LINES)
    assert told is not None, done.stdout
    return told[0]


def test_the_guide_shows_what_is_printed(tmp_path: Path):
    again = f"python {Path(__file__).relative_to(ROOT)} makes it anew"
    assert f"```text\n{failure(tmp_path)}```" in CHAPTER.read_text(), again


if __name__ == "__main__":
    with TemporaryDirectory() as temporary:
        block = f"```text\n{failure(Path(temporary))}```"
    CHAPTER.write_text(
        re.sub(r"```text\n.*?```", lambda _: block, CHAPTER.read_text(), flags=re.DOTALL)
    )
