"""The command line: what each command does, what it prints where, and its exit status."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sweeps import lines_of_json, run

import clew
from clew.checkers.transactions.consistency_models import MODELS as CONSISTENCY_MODELS
from clew.cli import main
from clew.models.registry import MODELS, bugs_of
from clew.report.catalogue import CATALOGUE
from clew.scenarios.options.scenario import scenario_class
from clew.scenarios.options.table import declared
from clew.workloads import workloads

pytestmark = pytest.mark.usefixtures("own_folder")

FORGETS = "test raft --bug forgets-vote --node-count 3 --time-limit 10"
"""A command whose first seeds hold a failure."""


def failing_seed(capsys: pytest.CaptureFixture[str], runs: int = 20) -> int:
    """A seed of `FORGETS` that fails."""
    assert run(f"{FORGETS} --runs {runs} --until-failure --jobs 1 --json --no-shrink") == 1
    return next(one["seed"] for one in lines_of_json(capsys) if one["verdict"] == "invalid")


# clew test


def test_a_valid_run_tells_its_seed_its_version_and_its_figures(capsys):
    assert run("test echo --seed 42 --time-limit 5 --node-count 2") == 0
    told = capsys.readouterr()
    assert told.err == ""
    assert f"Clew {clew.__version__}: echo, workload echo, seed 42" in told.out
    for wanted in ("nodes", "latency", "messages", "times real time", "digest", "Seed 42."):
        assert wanted in told.out
    assert not Path("out").exists()


def test_json_is_one_object_with_the_documented_names(capsys):
    assert run("test echo --time-limit 5 --nemesis kill --node-count 2 --json") == 0
    told = capsys.readouterr()
    one = json.loads(told.out)
    names = (
        "model workload seed verdict digest virtual_seconds wall_seconds events messages checks "
        "faults repro"
    )
    assert set(names.split()) <= set(one)
    assert one["verdict"] == "valid"
    assert all(set(check) == {"name", "verdict", "reason"} for check in one["checks"])
    assert one["faults"]


def test_the_same_command_is_the_same_run(capsys):
    digests = set()
    for _ in range(2):
        assert run("test g-counter --time-limit 5 --nemesis partition --json") == 0
        digests.add(json.loads(capsys.readouterr().out)["digest"])
    assert len(digests) == 1


def test_a_failure_is_told_and_replays(capsys):
    seed = failing_seed(capsys)

    assert run(f"{FORGETS} --seed {seed}") == 1
    told = capsys.readouterr().out
    assert "The run is INVALID." in told
    assert "election-safety" in told
    assert "kill-1" in told
    assert "the same run, event for event" in told
    replay = f"replay out/raft-forgets-vote-lin-kv-seed-{seed}/repro.json"
    assert f"clew {replay}" in told

    assert run(replay) == 1
    again = capsys.readouterr().out
    assert "The same run as the file's" in again
    assert told.split("Evidence")[1].split("Figures")[0] in again


def test_many_seeds_are_counted_and_the_first_failure_told(capsys):
    assert run(f"{FORGETS} --runs 6 --jobs 1 --no-shrink") == 1
    told = capsys.readouterr()
    assert "seeds 0 to 5" in told.out
    assert "6 runs: " in told.out
    assert "The first of them, seed " in told.out
    assert "clew replay out/raft-forgets-vote-lin-kv-seed-" in told.out
    # Off a terminal a failure is a line of its own.
    assert "invalid: nodes: invalid (invariant election-safety)\n" in told.err
    assert "\r" not in told.err


def test_the_number_of_workers_changes_nothing(capsys):
    found = []
    for jobs in (1, 2):
        run(f"test g-set --time-limit 3 --nemesis partition --runs 4 --jobs {jobs} --json")
        found.append([(one["seed"], one["digest"]) for one in lines_of_json(capsys)])
    assert found[0] == found[1]
    assert [seed for seed, _ in found[0]] == [0, 1, 2, 3]


def test_until_failure_stops_there(capsys):
    assert run(f"{FORGETS} --runs 50 --until-failure --jobs 1 --json --no-shrink") == 1
    verdicts = [one["verdict"] for one in lines_of_json(capsys)]
    assert verdicts[-1] == "invalid"
    assert "invalid" not in verdicts[:-1]


def test_a_false_assertion_makes_the_run_invalid(capsys):
    command = "test gossip --time-limit 5 --assert 'servers.msgs_per_op {} 0.001'"
    assert run(command.format(">")) == 0
    assert "All of servers.msgs_per_op > 0.001 hold." in capsys.readouterr().out
    assert run(command.format("<")) == 1
    assert "which is not < 0.001" in capsys.readouterr().out


READER = """from clew import Node, on

class Reader(Node):
    workload = "echo"

    @on("echo")
    def echo(self, msg):
        self.reply(msg, {"type": "echo_ok", "echo": self.disk.get("x", msg.body["echo"])})
"""


def test_a_fault_that_never_bites_makes_the_run_unknown(capsys):
    # It reads its disk and writes nothing to it, so no sync is there to die in.
    Path("reader.py").write_text(READER)
    assert run("test reader.py --nemesis disk-lost --time-limit 5") == 2
    assert "The run is unknown." in capsys.readouterr().out


def test_flags_override_a_scenario_file(capsys):
    Path("s.toml").write_text('model = "echo"\nnode_count = 2\ntime_limit = 3\nrate = 10\n')
    assert run("test s.toml") == 0
    assert "nodes     2: n0, n1" in capsys.readouterr().out
    assert run("test s.toml --node-count 4") == 0
    assert "nodes     4: n0, n1, n2, n3" in capsys.readouterr().out


def test_a_scenario_names_a_node_beside_it(capsys, tmp_path, monkeypatch):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "s.toml").write_text('model = "node.py"\ntime_limit = 2\n')
    (tmp_path / "sub" / "node.py").write_text(
        "from clew import Node, on\nclass Back(Node):\n    workload = 'echo'\n    @on('echo')\n"
        "    def echo(self, msg): self.reply(msg, {'type': 'echo_ok', 'echo': msg.body['echo']})\n"
    )
    assert run("test sub/s.toml") == 0


NOT_DETERMINISTIC = """
from clew import Node, on

class Leaky(Node):
    workload = "echo"
    count = [0]

    @on("echo")
    def echo(self, msg):
        self.count[0] += 1  # shared by all runs of this process
        self.log(f"request {self.count[0]}")
        self.reply(msg, {"type": "echo_ok", "echo": msg.body["echo"]})
"""


def test_a_run_that_is_not_deterministic_is_said_so_loudly(capsys):
    Path("leaky.py").write_text(NOT_DETERMINISTIC.replace("count = [0]", "count = COUNT"))
    Path("leaky.py").write_text(
        "import sys\n"
        + NOT_DETERMINISTIC.replace('f"request {self.count[0]}"', "str(sys.orig_argv)")
    )
    assert run("test leaky.py --time-limit 2 --verify") == 2
    told = capsys.readouterr().out
    assert "NOT DETERMINISTIC" in told
    assert "The first difference: event " in told


def test_logs_are_printed_with_virtual_times(capsys):
    quiet = NOT_DETERMINISTIC.replace('f"request {self.count[0]}"', "'hello'")
    Path("talks.py").write_text(quiet.replace("self.count[0] += 1", "pass"))
    assert run("test talks.py --time-limit 2 --log") == 0
    assert " s  n1  hello\n" in capsys.readouterr().out


def test_every_option_of_a_scenario_is_a_flag(capsys):
    assert run("test --help") == 0
    told = capsys.readouterr().out
    flags = {f"--{name.replace('_', '-')}" for name in declared(scenario_class())}
    shown = {flag for flag in flags if re.search(rf"{flag}[ ,]", told)}
    assert flags - shown == {"--model", "--description"}


# clew replay


def test_replay_says_what_differs(capsys):
    seed = failing_seed(capsys)
    path = Path(f"out/raft-forgets-vote-lin-kv-seed-{seed}/repro.json")
    changed = json.loads(path.read_text())
    changed["expect"]["digest"] = "0" * 64
    changed["versions"]["python"] = "3.11.0-other"
    path.write_text(json.dumps(changed))

    assert run(f"replay {path}") == 2
    told = capsys.readouterr().out
    assert "NOT THE RUN THAT THE FILE EXPECTS" in told
    assert f"the file says {'0' * 64}" in told
    assert "the file was written with 3.11.0-other" in told

    assert run(f"replay {path} --json") == 2
    one = json.loads(capsys.readouterr().out)
    assert one["same"] is False
    assert len(one["differences"]) == 2


RAISES = """from clew import Node, on
class A(Node):
    workload = "echo"
    @on("echo")
    def echo(self, msg):
        raise ValueError("no")
"""


@pytest.mark.parametrize("model", ["s.py", "nodes/s.py:A"])
@pytest.mark.parametrize("there", [".", "elsewhere", "project/out", "project/nodes"])
def test_replay_and_shrink_work_from_any_folder(model, there, tmp_path, monkeypatch, capsys):
    project = tmp_path / "project"
    for folder in (project / "nodes", tmp_path / "elsewhere"):
        folder.mkdir(parents=True)
    source = project / model.removesuffix(":A")
    source.write_text(RAISES)
    monkeypatch.chdir(project)
    quick = "--time-limit 1 --recovery 0 --node-count 1 --no-shrink --json"
    assert run(f"test {model} {quick}") == 1
    repro = project / lines_of_json(capsys)[0]["repro"]
    monkeypatch.chdir(tmp_path / there)

    for name in (repro, os.path.relpath(repro)):
        assert run(f"replay {name} --verify") == 1
        assert "The same run as the file's" in capsys.readouterr().out
    assert run(f"shrink {repro}") == 0
    small = repro.with_name("shrunk.json")
    assert run(f"replay {small}") == 1
    monkeypatch.chdir(project)
    assert run(f"replay {small}") == 1
    capsys.readouterr()

    source.unlink()
    assert run(f"replay {repro}") == 64
    path = model.removesuffix(":A")
    assert capsys.readouterr().err == (
        f"clew: {repro}: the file of the model is not there: expected {path} in {project} or a "
        "folder above the repro file. Run it in the folder in which the test ran, or put the file "
        "back.\n"
    )


def test_shrink_says_that_the_model_has_changed(capsys):
    Path("s.py").write_text(RAISES)
    assert run("test s.py --time-limit 1 --recovery 0 --node-count 1 --no-shrink --json") == 1
    repro = lines_of_json(capsys)[0]["repro"]
    Path("s.py").write_text(RAISES.replace('raise ValueError("no")', "pass"))
    assert run(f"shrink {repro}") == 64
    told = capsys.readouterr().err
    assert f"{repro}: the model's source has changed since this file was written: s.py" in told
    assert run(f"shrink {repro} --changed-model") == 64
    told = capsys.readouterr().err
    assert f"{repro} names code, which is imported now: s.py (changed since: s.py)\n" in told
    assert "there is nothing to shrink" in told


def test_replay_consumes_the_plan_and_not_the_seed(capsys):
    seed = failing_seed(capsys)
    path = Path(f"out/raft-forgets-vote-lin-kv-seed-{seed}/repro.json")
    changed = json.loads(path.read_text())
    changed["plan"]["operations"] = changed["plan"]["operations"][:5]
    path.write_text(json.dumps(changed))
    run(f"replay {path} --json")
    one = json.loads(capsys.readouterr().out)
    assert one["statistics"]["operations"]["count"] <= 5


# clew check

HISTORY = """{"process": 0, "type": "invoke", "f": "write", "value": 1}
{"process": 0, "type": "ok", "f": "write", "value": 1}
{"process": 0, "type": "invoke", "f": "read", "value": null}
{"process": 0, "type": "ok", "f": "read", "value": %s}
"""


@pytest.fixture
def histories(own_folder: None) -> None:
    Path("good.jsonl").write_text(HISTORY % 1)
    Path("bad.jsonl").write_text(HISTORY % 2)


@pytest.mark.usefixtures("histories")
def test_check_gives_one_object_a_file(capsys):
    assert run("check good.jsonl bad.jsonl --model register --jobs 1 --json") == 1
    good, bad = lines_of_json(capsys)
    names = {"file", "model", "verdict", "engine", "seconds", "operations", "anomalies"}
    assert names <= set(good)
    assert names <= set(bad)
    assert (good["verdict"], bad["verdict"]) == ("valid", "invalid")
    assert {"kind", "reason", "operations"} <= set(bad["anomalies"][0])


@pytest.mark.usefixtures("histories")
def test_check_states_its_guess_and_tells_the_story(capsys):
    assert run("check bad.jsonl") == 1
    told = capsys.readouterr().out
    assert told.startswith("bad.jsonl: INVALID\n")
    assert "register, 2 operations" in told
    assert "read -> 2" in told


@pytest.mark.usefixtures("histories")
def test_check_goes_on_after_a_file_that_is_no_history(capsys):
    assert run("check gone.jsonl good.jsonl --model register --jobs 1") == 64
    told = capsys.readouterr()
    assert told.err.startswith("clew: gone.jsonl: ")
    assert "good.jsonl: valid" in told.out
    assert "2 files: 1 valid, 1 not read." in told.out


@pytest.mark.usefixtures("histories")
def test_check_draws_a_graph(capsys):
    assert run("check bad.jsonl --model register --dot bad.dot") == 1
    assert Path("bad.dot").read_text().startswith("digraph ")


# clew list, clew new, clew itself


@pytest.mark.parametrize("what", CATALOGUE)
def test_list_prints_a_table_and_json(what, capsys):
    assert run(f"list {what}") == 0
    table = capsys.readouterr().out.splitlines()
    assert run(f"list {what} --json") == 0
    rows = lines_of_json(capsys)
    assert len(table) == len(rows) + 1
    for line, row in zip(table[1:], rows, strict=True):
        assert next(iter(row.values())) in line


def test_consistency_models_are_listed_by_the_order_that_they_keep(capsys):
    assert run("list consistency-models --json") == 0
    rows = lines_of_json(capsys)
    assert {row["consistency_model"] for row in rows} == {row.name for row in CONSISTENCY_MODELS}
    orders = {row["consistency_model"]: row["order"] for row in rows}
    assert list(dict.fromkeys(orders.values())) == ["none", "sessions", "real time"]
    for name, order in orders.items():
        if name.startswith("strong-"):
            assert order == ("sessions" if "-session-" in name else "real time"), name
    assert (orders["serializable"], orders["causal"], orders["monotonic-reads"]) == (
        "none", "sessions", "sessions",
    )  # fmt: skip
    assert orders["linearizable"] == orders["strict-serializable"] == "real time"


def test_help_names_every_list(capsys):
    assert run("list --help") == 0
    told = capsys.readouterr().out
    assert all(re.search(rf"\b{name}\b", told) for name in CATALOGUE)


def test_all_bugs_are_listed(capsys):
    assert run("list bugs --json") == 0
    told = [(row["model"], row["bug"]) for row in lines_of_json(capsys)]
    assert told == [(model, bug) for model in MODELS for bug in bugs_of(model)]


@pytest.mark.parametrize("workload", workloads())
def test_what_new_writes_passes_its_own_test(workload, capsys):
    assert run(f"new my_own --workload {workload}") == 0
    assert "clew test my_own.toml" in capsys.readouterr().out
    source = Path("test_my_own.py").read_text()
    assert "class MyOwn(Node)" in Path("my_own.py").read_text()

    namespace: dict[str, Any] = {"__file__": str(Path("test_my_own.py").absolute())}
    exec(compile(source, "test_my_own.py", "exec"), namespace)
    results = []
    fixture = SimpleNamespace(run=lambda *a, **k: results.append(clew.run(*a, **k)))
    namespace["test_my_own"](fixture)
    assert [(result.ok, len(result.runs)) for result in results] == [(True, 10)]


def test_new_refuses_to_overwrite_and_writes_nothing(capsys):
    Path("test_my_own.py").write_text("mine")
    assert run("new my_own") == 64
    assert [path.name for path in Path().iterdir()] == ["test_my_own.py"]


def test_serve_node_speaks_the_protocol():
    lines = [
        {"src": "c0", "dest": "n1", "body": body}
        for body in (
            {"type": "init", "msg_id": 1, "node_id": "n1", "node_ids": ["n1"]},
            {"type": "echo", "msg_id": 2, "echo": "hello"},
        )
    ]
    done = subprocess.run(
        [sys.executable, "-m", "clew", "serve-node", "echo"],
        input="".join(json.dumps(line) + "\n" for line in lines),
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    answers = [json.loads(line)["body"] for line in done.stdout.splitlines()]
    assert [answer["type"] for answer in answers] == ["init_ok", "echo_ok"]
    assert answers[1]["echo"] == "hello"


@pytest.mark.parametrize("command", ["", "test", "replay", "check", "list", "new", "serve-node"])
def test_every_command_has_help_with_an_example(command, capsys):
    assert run(f"{command} --help") == 0
    told = capsys.readouterr().out
    assert f"clew {command}".strip() in told
    if command:
        assert "Examples:" in told


def test_nothing_said_is_help(capsys):
    assert main([]) == 0
    assert "Usage: clew" in capsys.readouterr().out


def test_version(capsys):
    assert run("--version") == 0
    assert capsys.readouterr().out == f"clew {clew.__version__}\n"


def test_help_imports_nothing_heavy():
    code = (
        "import sys; from clew.cli import main; main(['--help']);"
        "heavy = {'pydantic_core', 'simpy', 'networkx', 'numpy', 'rich'} & set(sys.modules);"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, timeout=30)


def test_an_interrupt_ends_cleanly():
    process = subprocess.Popen(
        [sys.executable, "-m", "clew", "test", "raft", "--runs", "100000", "--jobs", "1", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    process.stdout.readline()  # it is under way
    process.send_signal(signal.SIGINT)
    _, complaint = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in complaint
    assert "interrupted" in complaint


def test_a_closed_pipe_is_no_complaint():
    done = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m clew list faults | head -n 1"],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert done.stderr == ""
