"""`clew.run`: one call, and a result that prints well in a terminal and in a notebook."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import clew
from clew.checkers.verdict import Verdict
from clew.cli import main
from clew.errors import ClewError, NodeError, UsageError
from clew.models.raft import Raft
from clew.scenarios.code.models import load_model

LAZY = "import sys, clew\nprint(sorted(name for name in sys.modules if name.startswith('clew.')))"


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Artefacts go to ``out`` in the folder where one stands."""
    monkeypatch.chdir(tmp_path)


class Echo(clew.Node):
    """Says back what it is told."""

    workload = "echo"
    said: object = None

    @clew.on("echo")
    def echo(self, msg: clew.Message) -> None:
        """Say it back, or what it always says."""
        self.reply(msg, {"type": "echo_ok", "echo": self.said or msg.body["echo"]})


class Parrot(Echo):
    """Always says the same."""

    said = "hello?"


def test_a_valid_run():
    result = clew.run("echo", time_limit=5, seed=7)
    assert result
    assert result.ok
    assert (result.verdict, result.seed, result.failures) == (Verdict.VALID, 7, ())
    assert result.findings == ()
    assert len(result.history) == 2 * result.statistics["operations"]["count"]
    assert repr(result).startswith("<clew valid: echo, workload echo, seed 7\n")
    assert "The run is valid." in result.report()
    assert not Path("out").exists()


DYING = """
import signal
from clew import Node, on
from clew.sim.guards import caller

class Dying(Node):
    workload = "echo"

    def start(self):
        self.dies = self.rng.random() < {share}

    @on("echo")
    def echo(self, msg):
        if self.dies:
            caller._stacks.clear()  # as code of C, which nobody guards
            signal.raise_signal(11)
        self.reply(msg, {{"type": "echo_ok", "echo": msg.body["echo"]}})
"""


def test_a_seed_that_ends_its_worker_is_told_and_not_run_here():
    Path("dying.py").write_text(DYING.format(share=0.5))
    result = clew.run("dying.py", runs=4, seed=1, jobs=2, time_limit=2, node_count=1)
    lost = [run.seed for run in result.runs if run.signature == "worker died (signal 11)"]
    assert 0 < len(lost) < 4
    assert (result.verdict, result.ok, result.failures) == (Verdict.UNKNOWN, False, ())
    assert result.outcome.verdict is Verdict.VALID
    assert result.seed not in lost
    told = f"gave no run, the first of them {lost[0]}: worker died (signal 11)."
    for text in (repr(result), result.report(), result.explain()):
        assert told in " ".join(text.split())
    Path("dying.py").write_text(DYING.format(share=2))
    with pytest.raises(NodeError, match=re.escape("dying.py: no seed gave a run: worker died")):
        clew.run("dying.py", runs=2, jobs=2, time_limit=2, node_count=1)


def test_a_script_needs_no_guard_for_worker_processes():
    Path("script.py").write_text(
        "import clew\nprint('begin')\nprint(clew.run('echo', runs=4, jobs=2, time_limit=2).ok)\n"
    )
    done = subprocess.run([sys.executable, "script.py"], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("begin\nTrue\n", "")


def test_a_shipped_scenario_goes_by_its_name():
    result = clew.run("echo-calm", runs=2, time_limit=2)
    assert result.scenario.description.startswith("Echo on a healthy network")
    assert len(result.runs) == 2


def test_an_invalid_run():
    result = clew.run("raft", bug="forgets-vote", seed=7)
    assert not result
    assert result.verdict is Verdict.INVALID
    assert result.findings[0].kind == "invariant"
    assert repr(result).startswith("<clew INVALID: raft with the bug forgets-vote, workload lin-kv")
    assert "election-safety" in repr(result)
    assert "Run twice more, here and in a fresh process" in result.report()
    assert result.repro is not None
    assert f"clew replay {result.repro}" in result.report()
    assert main(["replay", result.repro]) == 1


def test_a_planted_bug_brings_its_own_options():
    plan = clew.run("raft", bug="forgets-vote", time_limit=5, seed=7).plan
    assert plan.nemesis
    assert plan.time_limit_ns == 5_000_000_000


def test_a_failing_run_shrinks():
    result = clew.run("raft", bug="forgets-vote", seed=7)
    small = result.shrink()
    assert len(small.plan.operations) <= 8
    assert len(small.plan.faults) <= 3
    assert small.verdict is Verdict.INVALID
    assert small.repro is not None
    assert json.loads(Path(small.repro).read_text())["clew_repro"]
    assert result.shrink() is small, "it is shrunk once"
    assert small.story()
    assert small.story() in small.report()
    told = result.explain()
    assert f"Replay:    clew replay {small.repro}" in told
    assert f"As found:  clew replay {result.repro}" in told


def test_shrinking_what_holds_is_refused():
    with pytest.raises(UsageError, match="nothing to shrink: a run that is valid"):
        clew.run("echo", time_limit=2).shrink()


def test_many_seeds():
    result = clew.run("raft", bug="forgets-vote", runs=4, time_limit=10)
    assert [run.seed for run in result.runs] == [0, 1, 2, 3]
    assert 0 < len(result.failures) < 4
    assert result.seed == result.failures[0].seed, "the first that failed is told"
    assert f"{len(result.failures)} of 4 runs failed" in repr(result)
    assert "seeds 0 to 3" in result.report()


def test_the_number_of_workers_changes_nothing():
    one, two = (clew.run("gossip", bug="never-retries", runs=4, jobs=jobs) for jobs in (1, 2))
    assert one.failures
    assert [run.digest for run in one.runs] == [run.digest for run in two.runs]
    assert one.outcome.run.digest == two.outcome.run.digest
    assert repr(one) == repr(two)


def test_until_the_first_failure():
    result = clew.run(Parrot, runs=50, until_failure=True, time_limit=2)
    assert len(result.runs) == 1


def test_what_is_expected_is_right():
    bad = clew.run(Parrot, expect="invalid:mismatch", time_limit=2)
    assert bad
    assert bad.verdict is Verdict.INVALID
    assert not clew.run(Echo, expect="invalid", time_limit=2)
    assert (
        "A failure was expected and not found"
        in clew.run(Echo, expect="invalid", time_limit=2).explain()
    )


class Fickle(Echo):
    """Raises or answers wrong, as it is drawn when it starts."""

    def start(self) -> None:
        """Toss a coin."""
        self.raises = self.rng.random() < 0.5

    @clew.on("echo")
    def echo(self, msg: clew.Message) -> None:
        """Do it wrong."""
        if self.raises:
            raise KeyError("no")
        self.reply(msg, {"type": "echo_ok", "echo": "what?"})


@pytest.mark.parametrize(("expected", "told"), [("mismatch", "KeyError"), ("KeyError", "mismatch")])
def test_of_many_failures_the_unexpected_one_is_told(expected: str, told: str):
    options = {"time_limit": 2, "node_count": 1, "runs": 8}
    result = clew.run(Fickle, expect=f"invalid:{expected}", **options)
    seeds = [run.seed for run in result.runs if told in run.signature]
    assert 0 < len(seeds) < 8
    assert result.seed == seeds[0]
    assert not result


def test_a_scenario_file(tmp_path: Path):
    Path("nodes").mkdir()
    Path("nodes/it.toml").write_text('model = "echo"\ntime_limit = 3\nruns = 2\nseed = 5\n')
    result = clew.run(tmp_path / "nodes" / "it.toml", runs=3)
    assert [run.seed for run in result.runs] == [5, 6, 7]


@pytest.mark.parametrize(
    "nemesis", [["partition", "kill"], "partition,kill", ("partition", "kill")]
)
def test_lists_are_lists(nemesis):
    result = clew.run("raft", nemesis=nemesis, time_limit=5)
    assert result.plan.nemesis == ("partition", "kill")


@pytest.mark.parametrize("asserts", ["operations.ok > 100000", ["operations.ok > 100000"]])
def test_a_condition_on_the_figures(asserts):
    assert clew.run("echo", time_limit=2, asserts=asserts).verdict is Verdict.INVALID


def test_a_class_of_this_process():
    result = clew.run(Parrot, time_limit=3)
    assert result.verdict is Verdict.INVALID
    assert result.plan.model.digest, "its source is in a file, and known"
    assert result.repro is None
    assert "was given as a class" in result.report()
    assert "fresh process: the same" not in result.report()
    assert repr(result).startswith("<clew INVALID: Parrot, workload echo, seed 0")
    small = result.shrink()
    assert len(small.plan.operations) == 1
    assert not Path("out").exists()


def test_a_class_whose_text_nobody_has():
    names: dict[str, type] = {}
    text = (
        "class Said(clew.Node):\n workload = 'echo'\n @clew.on('echo')\n def echo(self, msg): 1 / 0"
    )
    exec(f"import clew\n{text}", names)
    result = clew.run(names["Said"], time_limit=3)
    assert result.plan.model.digest == ""
    assert result.verdict is Verdict.INVALID


def test_the_class_that_was_run_is_the_one_that_is_shrunk():
    one, two = (type("Said", (Echo,), {"said": said}) for said in ("one", "two"))
    first, second = clew.run(one, time_limit=2), clew.run(two, time_limit=2)
    assert "one" in first.shrink().history[-1].value
    assert "two" in second.shrink().history[-1].value


def test_a_class_that_ships_goes_by_its_name():
    assert clew.run(Raft, time_limit=3).plan.model.name == "raft"


def test_a_class_that_depends_on_the_process_is_found_out():
    class Counting(Echo):
        """Says how often any of its kind was asked."""

        asked: list[int] = []  # noqa: RUF012 - the mistake

        @clew.on("echo")
        def echo(self, msg: clew.Message) -> None:
            """Say the number."""
            self.asked.append(1)
            self.reply(msg, {"type": "echo_ok", "echo": len(self.asked)})

    result = clew.run(Counting, time_limit=2)
    assert "NOT DETERMINISTIC" in result.report()
    assert "NOT DETERMINISTIC" in result.explain(small=False)


def test_another_process_is_told_where_the_class_was():
    with pytest.raises(UsageError, match="was in the memory of another process"):
        load_model("Nobody:in-memory")


def test_in_a_notebook():
    result = clew.run("raft", bug="forgets-vote", seed=7)
    html = result._repr_html_()
    assert html.count("<tr>") == len(result.outcome.checks)
    assert "<pre>" in html
    assert "<script" not in html
    assert len(html) < 10_000
    assert clew.run("echo", time_limit=2)._repr_html_().count("<pre>") == 0


def test_what_is_shown_in_a_notebook_is_escaped():
    class Marked(Echo):
        said = "<script>"

    html = clew.run(Marked, time_limit=2)._repr_html_()
    assert "<script>" not in html


BAD = [
    ("rafd", {}, "Did you mean 'raft'"),
    ("raft", {"node_cuont": 3}, "Did you mean 'node_count'"),
    ("raft", {"rate": -1}, "--rate can't be used"),
    ("raft", {"runs": 0}, "--runs can't be used"),
    ("gone.py", {}, "gone.py: there is no such file"),
    ("gone.toml", {}, "gone.toml: there is no such file"),
    (
        3,
        {},
        "expected the name of a model, a class that derives from clew.Node, or a clew.Sys",
    ),
    (clew.Node, {}, "expected the name of a model, a class"),
    (int, {}, "expected the name of a model, a class"),
    (clew.Node.__class__("Bare", (clew.Node,), {}), {}, "no workload is named for Bare"),
    (Echo, {"jobs": 2}, "jobs can't be used with a class"),
]


@pytest.mark.parametrize(("model", "options", "message"), BAD)
def test_bad_input_is_one_message(model, options, message: str):
    with pytest.raises(ClewError, match=re.escape(message)):
        clew.run(model, **options)


def test_every_public_name_is_there_and_completes():
    assert {*clew.__all__} <= {*dir(clew)}
    assert all(getattr(clew, name) is not None for name in clew.__all__)


def test_importing_clew_imports_little():
    done = subprocess.run([sys.executable, "-c", LAZY], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


FRESH = """
import sys, clew
result = clew.run("echo", time_limit=2, out=sys.argv[1])
failed = clew.run("abd", bug="reads-one", runs=5, until_failure=True, out=sys.argv[1])
print(result.ok, failed.ok, len(failed.explain(runs_max=3)) > 0)
print(sorted(name for name in sys.modules if name == "typer" or name.startswith("clew.commands")))
"""


def test_a_run_from_python_loads_nothing_of_the_command_line(tmp_path: Path):
    call = [sys.executable, "-c", FRESH, str(tmp_path / "out")]
    done = subprocess.run(call, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["True False True", "[]"]
