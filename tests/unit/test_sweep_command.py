"""``clew test`` with many seeds: what is told, what is recorded, and when it ends."""

from __future__ import annotations

import json
import re
import shlex
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import parse

import pytest

from clew.cli import main
from clew.commands.asked import asked_of
from clew.commands.numbers import seconds_of
from clew.errors import UsageError
from clew.search.cases import Shard

ECHO = "test echo --time-limit 1 --recovery 0 --node-count 1"
WRONG = "--assert 'operations.count < 5'"
"""Which seeds it fails for depends on how many operations they draw."""


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)


def run(command: str) -> int:
    return main(shlex.split(command))


def raising() -> str:
    """A command whose runs fail in one way, with the node file that it needs."""
    Path("s.py").write_text(
        "from clew import Node, on\nclass A(Node):\n    workload = 'echo'\n"
        "    @on('echo')\n    def echo(self, msg):\n        raise ValueError\n"
    )
    return ECHO.replace("echo", "s.py")


def lines_of_json(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def seeds_of_json(capsys: pytest.CaptureFixture[str]) -> list[int]:
    return [one["seed"] for one in lines_of_json(capsys) if "seed" in one]


def timeless(line: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in line.items() if name != "wall_seconds"}


def dump(folder: str = "out") -> list[str]:
    """The database's content but for wall times."""
    with sqlite3.connect(f"{folder}/clew.sqlite") as file:
        file.row_factory = sqlite3.Row
        tables = [
            [dict(row) for row in file.execute(f"SELECT * FROM {table} ORDER BY 1, 2")]
            for table in ("sweeps", "results")
        ]
    file.close()
    for row in tables[1]:
        del row["wall_seconds"]
    return [json.dumps(row) for table in tables for row in table]


def test_the_number_of_workers_and_kills_change_nothing(capsys):
    found = []
    for jobs in (1, 2):
        assert run(f"{ECHO} {WRONG} --runs 30 --jobs {jobs} --json --out out{jobs}") == 1
        lines = [timeless(line) for line in lines_of_json(capsys)]
        for line in lines:
            line["repro"] = line["repro"] and line["repro"].replace(f"out{jobs}", "out")
        found.append(lines)
    assert found[0] == found[1]
    assert dump("out1") == dump("out2")
    assert len(dump("out1")) == 31


def test_of_each_way_of_failing_the_first_is_kept_whole_and_the_rest_counted(capsys):
    assert run(f"{ECHO} {WRONG} --runs 30 --jobs 1 --json") == 1
    failing = [line for line in lines_of_json(capsys) if line["verdict"] == "invalid"]
    assert len(failing) > 2
    assert Path(failing[0]["repro"]).is_file()
    assert [line["repro"] for line in failing[1:]] == [None] * (len(failing) - 1)
    assert all(line["deterministic"] for line in failing)
    assert len(list(Path("out").iterdir())) == 2  # the first, and the database
    assert run(f"replay {failing[0]['repro']}") == 1

    assert run(f"{ECHO} {WRONG} --runs 30 --jobs 1 --no-shrink") == 1
    told = capsys.readouterr().out
    assert f"INVALID {len(failing)} times: assert: invalid (assertion)" in told


@pytest.mark.parametrize(
    ("options", "status", "told"),
    [
        ("--expect valid", 0, "Expected valid, found valid: as expected."),
        (
            "--expect invalid --runs 3",
            1,
            "Expected invalid, found valid: A failure was expected and not found: 3 valid.",
        ),
        (
            "--expect invalid",
            1,
            "Expected invalid, found valid: A failure was expected and not found: 1 valid.",
        ),
        (
            "--expect invalid:assert --assert 'events < 0' --runs 2",
            0,
            "Expected invalid:assert, found invalid: as expected.",
        ),
        (
            "--expect invalid:KeyError --assert 'events < 0'",
            1,
            "Expected invalid:KeyError, found invalid: KeyError was expected, and seed 0 fails",
        ),
        (
            "--expect invalid --assert 'latency_ms.0.9 < 5'",
            2,
            "Expected invalid, found unknown: A failure was expected and not found: 1 unknown",
        ),
        ("", 0, None),
    ],
)
def test_whether_it_is_as_expected_is_told(options, status, told, capsys):
    assert run(f"{ECHO} --no-shrink {options}") == status
    out = " ".join(capsys.readouterr().out.split())
    assert told in out if told else "xpected" not in out


def test_a_figure_that_a_run_lacks_leaves_it_unknown_with_what_is_near(capsys):
    assert run(f"{ECHO} --assert 'latency_ms.0.9 < 5'") == 2
    told = capsys.readouterr().out
    assert "this run has no figure 'latency_ms.0.9'; near 'latency_ms.0.99'" in told


def test_behaviours_are_counted_whoever_counts(capsys):
    told = []
    for jobs in (1, 2):
        assert run(f"{ECHO} --runs 40 --jobs {jobs} --coverage") == 0
        told.append(
            re.search(r"\d+ behaviours, the last new one at seed \d+", capsys.readouterr().out)
        )
    assert told[0] is not None
    assert told[1] is not None
    assert told[0][0] == told[1][0]


def test_a_sweep_goes_on_where_it_was_ended(capsys):
    assert run(f"{ECHO} {WRONG} --runs 30 --jobs 1 --json --out whole") == 1
    whole = lines_of_json(capsys)
    assert run(f"{ECHO} {WRONG} --runs 12 --jobs 1 --json") == 1
    capsys.readouterr()
    assert run(f"{ECHO} {WRONG} --runs 30 --jobs 2 --json --resume") == 1
    resumed = lines_of_json(capsys)
    assert [one["seed"] for one in resumed] == list(range(30))
    assert [one.get("resumed", False) for one in resumed] == [True] * 12 + [False] * 18
    for one, other in zip(whole, resumed, strict=True):
        for name in ("verdict", "digest", "events", "messages", "virtual_seconds"):
            assert one[name] == other[name]
    assert dump("whole") == dump()
    # Another scenario's seeds are its own.
    assert run(f"{ECHO} --rate 3 --runs 3 --json --resume") == 0
    assert not any("resumed" in one for one in lines_of_json(capsys))


def test_a_sweep_does_not_go_on_with_another_source(capsys):
    Path("what.py").write_text("ANSWER = 'echo'\n")
    Path("s.py").write_text(
        "import what\nfrom clew import Node, on\nclass A(Node):\n    workload = 'echo'\n"
        "    @on('echo')\n    def echo(self, msg):\n"
        "        self.reply(msg, {'type': 'echo_ok', 'echo': msg.body[what.ANSWER]})\n"
    )
    command = f"{ECHO.replace('echo', 's.py')} --runs 2 --jobs 1 --json --resume"
    assert run(command) == 0
    assert run(command) == 0
    assert [one.get("resumed", False) for one in lines_of_json(capsys)] == [False] * 2 + [True] * 2
    Path("what.py").write_text("ANSWER = 'type'\n")
    assert run(command) == 1
    assert [one.get("resumed", False) for one in lines_of_json(capsys)] == [False] * 2


def test_a_resumed_sweep_tells_its_own_failure_where_another_has_written_there(capsys):
    one, other = (f"{ECHO} --assert 'events < {bound}' --runs 2 --jobs 1" for bound in (1, 2))
    for command in (one, other, f"{one} --resume"):
        assert run(f"{command} --no-shrink") == 1
        told = capsys.readouterr().out
        bound = 2 if command == other else 1
        assert f"which is not < {bound}" in told
        assert f"which is not < {3 - bound}" not in told
        file = re.search(r"^  clew replay (.*)$", told, re.MULTILINE)
        assert file is not None
        assert json.loads(Path(file[1]).read_text())["plan"]["asserts"] == [f"events < {bound}"]


def test_the_summary_of_a_resumed_sweep_is_that_of_a_whole_one(capsys):
    told = []
    for command in ("--runs 20", "--runs 20 --resume"):
        run(f"{ECHO} --nemesis kill --nemesis-interval 1 {WRONG} --jobs 1 --no-shrink {command}")
        told.append(re.sub(r"simulated in .*", "", capsys.readouterr().out))
    assert told[0] == told[1]


def test_failed_reruns_those_that_ever_failed_first(capsys):
    assert run(f"{ECHO} {WRONG} --runs 20 --jobs 1 --json") == 1
    failed = [one["seed"] for one in lines_of_json(capsys) if one["verdict"] == "invalid"]

    assert run(f"{ECHO} {WRONG} --failed --json") == 1
    assert [one["seed"] for one in lines_of_json(capsys)] == failed
    assert run("test --failed --json") == 1
    assert [one["seed"] for one in lines_of_json(capsys)] == failed
    assert run(f"{ECHO} {WRONG} --failed --runs 20 --json") == 1
    others = [seed for seed in range(20) if seed not in failed]
    assert [one["seed"] for one in lines_of_json(capsys)] == failed + others

    assert run(f"{ECHO} --failed") == 0
    assert capsys.readouterr().err == "clew: no seed of a sweep has failed so far\n"
    assert run("test --failed --out elsewhere") == 0
    assert capsys.readouterr().err == "clew: no seed of a sweep has failed so far\n"


def test_what_failed_and_is_no_more_is_left_out(capsys):
    Path("mine.py").write_text("from clew import Node\nclass Mine(Node):\n    workload = 'echo'\n")
    quick = "--time-limit 1 --recovery 0 --node-count 1 --runs 2 --json --assert 'events < 0'"
    assert run(f"test mine.py {quick}") == 1
    assert run(f"test echo {quick}") == 1
    Path("mine.py").unlink()
    capsys.readouterr()
    assert run("test --failed --json") == 1
    told = capsys.readouterr()
    assert [json.loads(line)["model"] for line in told.out.splitlines()] == ["echo", "echo"]
    assert told.err.startswith("clew: left out: mine.py: there is no such file. ")


@pytest.mark.parametrize("jobs", [1, 2])
def test_it_stops_at_so_many_failures(capsys, jobs):
    assert run(f"{ECHO} {WRONG} --runs 1000 --jobs {jobs} --max-failures 3 --json") == 1
    verdicts = [one["verdict"] for one in lines_of_json(capsys)]
    assert verdicts.count("invalid") == 3
    assert verdicts[-1] == "invalid"


def test_it_runs_for_so_long(capsys):
    started = time.monotonic()
    assert run(f"{ECHO} --for 1.5s --json --jobs 1") == 0
    assert time.monotonic() - started >= 1.5
    seeds = [one["seed"] for one in lines_of_json(capsys)]
    assert len(seeds) > 1
    assert seeds == list(range(len(seeds)))
    assert run(f"{ECHO} --for 1h --runs 3 --json --jobs 1") == 0
    assert [one["seed"] for one in lines_of_json(capsys)] == [0, 1, 2]


def test_the_shards_of_a_sweep_are_the_sweep(capsys):
    assert run(f"{ECHO} --runs 10 --seed 4 --json --jobs 1") == 0
    whole = [timeless(one) for one in lines_of_json(capsys)]
    parts = []
    for part in (1, 2, 3):
        assert run(f"{ECHO} --runs 10 --seed 4 --json --jobs 1 --shard {part}/3") == 0
        parts.append([timeless(one) for one in lines_of_json(capsys)])
    assert [len(part) for part in parts] == [4, 3, 3]
    assert sorted((one for part in parts for one in part), key=lambda one: one["seed"]) == whole


def test_a_node_that_takes_the_process_along_is_told_with_its_line(tmp_path):
    Path("dies.py").write_text(
        "import ctypes\nfrom clew import Node, on\nclass Dies(Node):\n    workload = 'echo'\n"
        "    @on('echo')\n    def echo(self, msg):\n        ctypes.string_at(0)\n"
    )
    command = [sys.executable, "-m", "clew", "test", "dies.py", "--time-limit", "2"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == -signal.SIGSEGV
    assert re.search(r'File ".*dies\.py", line 7 in echo', done.stderr)


@pytest.mark.parametrize("runs", [1, 2])
def test_a_crash_while_a_failure_is_made_small_leaves_the_reports(runs, tmp_path):
    Path("dies.py").write_text(
        "import signal\nfrom clew import Node, on\nclass Dies(Node):\n    workload = 'echo'\n"
        "    @on('echo')\n    def echo(self, msg):\n        if len(self.node_ids) > 1: 1 / 0\n"
        "        signal.raise_signal(11)\n"
    )
    quick = f"--node-count 2 --time-limit 2 --runs {runs} --junit j.xml"
    command = [sys.executable, "-m", "clew", "test", "dies.py", *quick.split()]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == -signal.SIGSEGV
    assert parse("j.xml").getroot().get("failures") == "1"


def test_one_shard_has_all_seeds_where_a_failure_is_expected(capsys):
    command = f"{ECHO} {WRONG} --runs 10 --json --jobs 1 --expect invalid --no-shrink"
    assert run(f"{command} --shard 1/3") == 0
    assert seeds_of_json(capsys) == list(range(10))
    assert run(f"{command} --shard 2/3") == 0
    assert capsys.readouterr().err == "clew: this shard has nothing to run\n"


def test_a_seed_that_ended_its_worker_is_run_in_one_again(capsys):
    Path("dies.py").write_text(
        "import signal\nfrom clew import Node, on\nclass Dies(Node):\n    workload = 'echo'\n"
        "    @on('echo')\n    def echo(self, msg):\n        signal.raise_signal(11)\n"
    )
    quick = "--time-limit 1 --recovery 0 --node-count 1"
    assert run(f"test dies.py {quick} --rate 20 --runs 2 --jobs 2") == 2
    told = capsys.readouterr().out
    again = re.search(r"^    (clew test dies.py .*--seed 0 --runs 1)$", told, re.MULTILINE)
    assert again is not None
    words = "--node-count 1 --rate 20 --time-limit 1 --recovery 0 --seed 0 --runs 1"
    assert again[1] == f"clew test dies.py {words}"
    for command in ("test --failed", f"test dies.py {quick} --rate 20 --runs 2"):
        assert run(f"{command} --junit j.xml") == 2
        assert "worker died (signal 11)" in capsys.readouterr().out
        assert again[1] in Path("j.xml").read_text()


def test_ctrl_c_tells_what_was_found(tmp_path):
    command = shlex.split(f"{ECHO} {WRONG} --runs 100000 --jobs 2")
    process = subprocess.Popen(
        [sys.executable, "-m", "clew", *command],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path,
    )  # fmt: skip
    assert process.stderr is not None
    while "invalid" not in process.stderr.readline():
        pass
    process.send_signal(signal.SIGINT)
    told, complaint = process.communicate(timeout=30)
    assert process.returncode == 130
    assert complaint.endswith("clew: interrupted\n")
    assert "Traceback" not in complaint
    assert re.search(r"\d+ runs: .*INVALID", told)
    runs = int(re.search(r"([\d,]+) runs?:", told)[1].replace(",", ""))  # type: ignore[index]
    with sqlite3.connect(tmp_path / "out" / "clew.sqlite") as file:
        assert file.execute("SELECT count(*) FROM results").fetchone() == (runs,)
    file.close()


# Several scenarios

SUITE = {
    "good.toml": 'model = "echo"\nruns = 3\ntime_limit = 1\nrecovery = 0\n',
    "sub/known.toml": (
        'model = "echo"\ntime_limit = 1\nruns = 4\nseed = 7\nrecovery = 0\n'
        'assert = ["events < 0"]\nexpect = "invalid:assertion"\n'
    ),
    "sub/wrong.toml": 'model = "echo"\ntime_limit = 1\nrecovery = 0\nassert = ["events < 0"]\n',
    "sub/silent.toml": 'model = "echo"\ntime_limit = 1\nrecovery = 0\nexpect = "invalid"\n',
    "sub/idle.toml": (
        'model = "echo"\ntime_limit = 1\nrecovery = 0\nassert = ["latency_ms.2 < 1"]\n'
    ),
}


def write_suite(*names: str) -> None:
    for name in names:
        path = Path("suite") / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(SUITE[name])


@pytest.mark.parametrize(
    ("names", "status"),
    [
        (["good.toml", "sub/known.toml"], 0),
        (["good.toml", "sub/wrong.toml"], 1),
        (["good.toml", "sub/silent.toml"], 1),
        (["good.toml", "sub/idle.toml"], 2),
        (["sub/idle.toml", "sub/wrong.toml"], 1),
    ],
)
def test_the_status_of_a_suite_is_whether_all_is_as_expected(names, status):
    write_suite(*names)
    assert run("test suite --no-shrink") == status


def test_a_suite_tells_a_line_a_scenario_and_what_is_not_as_expected(capsys):
    write_suite(*SUITE)
    assert run("test suite/ --no-shrink --junit report.xml") == 1
    told = capsys.readouterr().out
    assert "as expected  suite/good.toml: 3 runs, 3 valid\n" in told
    assert "as expected  suite/sub/known.toml: 4 runs, 4 INVALID\n" in told
    assert "NOT as expected  suite/sub/wrong.toml: 1 run, 1 INVALID\n" in told
    assert "NOT as expected  suite/sub/silent.toml: 1 run, 1 valid\n" in told
    assert "not decided  suite/sub/idle.toml: 1 run, 1 unknown\n" in told
    assert "5 scenarios: 2 as expected.\n" in told
    headings = re.findall(r"\n\n(suite/.*)\n", told)
    assert headings == ["suite/sub/idle.toml", "suite/sub/wrong.toml"], "those with failures"
    suites = {suite.get("name"): suite for suite in parse("report.xml").getroot()}
    assert suites["good"].get("failures") == "0"
    assert suites["wrong"].get("failures") == "1"


def test_a_suite_gives_one_object_a_run(capsys):
    write_suite("good.toml", "sub/known.toml")
    assert run("test suite/good.toml suite/sub --json --jobs 2") == 0
    assert seeds_of_json(capsys) == [0, 1, 2, 7, 8, 9, 10]
    assert run("test suite --json --runs 2 --seed 3 --no-shrink") == 0
    *runs, met = lines_of_json(capsys)
    assert [one["seed"] for one in runs] == [3, 4, 3, 4]
    names = ["suite/good.toml"] * 2 + ["suite/sub/known.toml"] * 2
    assert [one["scenario"] for one in runs] == names
    ways = {one["scenario"]: one["signature"] for one in runs}
    assert ways == {"suite/good.toml": "", "suite/sub/known.toml": "assert: invalid (assertion)"}
    assert met == {
        "scenario": "suite/sub/known.toml",
        "model": "echo",
        "bug": None,
        "runs": 2,
        "expect": "invalid:assertion",
        "met": "valid",
        "reason": "assertion was expected and found: 2 of 2 runs, first at seed 3.",
    }


@pytest.mark.parametrize("runs", [1, 2])
def test_an_expectation_that_is_not_met_is_an_object_too(runs, capsys):
    assert run(f"{ECHO} --json --expect invalid --runs {runs}") == 1
    met = lines_of_json(capsys)[-1]
    assert (met["scenario"], met["model"], met["runs"]) == (None, "echo", runs)
    assert met["expect"] == "invalid"
    assert met["met"] == "invalid"
    assert met["reason"] == f"A failure was expected and not found: {runs} valid."


def test_scenarios_of_one_model_keep_their_failures_apart(capsys):
    for name, bound in (("a.toml", 1), ("x/a.toml", 2)):
        Path(f"suite/{name}").parent.mkdir(parents=True, exist_ok=True)
        Path(f"suite/{name}").write_text(
            f'model = "echo"\ntime_limit = 1\nrecovery = 0\nassert = ["events < {bound}"]\n'
        )
    assert run("test suite --json") == 1
    kept = [one["repro"] for one in lines_of_json(capsys)]
    assert kept == ["out/suite-a-seed-0/repro.json", "out/suite-x-a-seed-0/repro.json"]
    asserts = [json.loads(Path(file).read_text())["plan"]["asserts"] for file in kept]
    assert asserts == [["events < 1"], ["events < 2"]]
    assert run("test --failed --json") == 1
    again = [one["repro"] for one in lines_of_json(capsys)]
    assert [json.loads(Path(file).read_text())["plan"]["asserts"] for file in again] == asserts


@pytest.mark.parametrize("runs", [1, 2])
def test_every_command_that_is_told_is_one_that_a_shell_takes(runs, capsys):
    assert run(f"{raising()} --out 'o ut' --runs {runs} --junit j.xml") == 1
    told = capsys.readouterr().out + Path("j.xml").read_text()
    commands = re.findall(r"^ *clew (replay .*json'?)", told, re.MULTILINE)
    assert {shlex.split(command)[1] for command in commands} == {
        "o ut/s-echo-seed-0/repro.json",
        "o ut/s-echo-seed-0/shrunk.json",
    }
    assert all(Path(shlex.split(command)[1]).is_file() for command in commands)


def test_what_is_made_small_in_a_suite_has_its_scenario_s_name(capsys):
    raising()
    options = 'workload = "echo"\ntime_limit = 1\nrecovery = 0\nnode_count = 1\n'
    for name in ("a.toml", "b.toml"):
        Path(name).write_text(f'model = "s.py"\n{options}')
    assert run("test a.toml b.toml") == 1
    told = capsys.readouterr().out
    assert re.findall(r"^(.*), made small$", told, re.MULTILINE) == [
        "a.toml, seed 0",
        "b.toml, seed 0",
    ]


def test_shipped_scenarios_go_by_their_names(capsys):
    assert run("test echo-calm g-set-calm --runs 2 --time-limit 2") == 0
    told = capsys.readouterr().out
    assert "as expected  echo-calm: 2 runs, 2 valid\n" in told
    assert "as expected  g-set-calm: 2 runs, 2 valid\n" in told


def test_the_shards_of_a_suite_are_whole_scenarios(capsys):
    write_suite("good.toml", "sub/known.toml")
    told = []
    for part in (1, 2, 3):
        run(f"test suite --json --shard {part}/3")
        told.append(seeds_of_json(capsys))
    assert told == [[0, 1, 2], [7, 8, 9, 10], []]
    assert run("test suite --shard 3/3 --junit report.xml") == 0
    assert capsys.readouterr().err == "clew: this shard has nothing to run\n"
    assert parse("report.xml").getroot().get("tests") == "0"


@pytest.mark.parametrize(("expect", "small"), [("", 1), ("invalid", 0), ("invalid:stale", 1)])
def test_what_is_as_expected_is_not_shrunk(capsys, expect, small):
    told = f" --expect {expect}" if expect else ""
    for runs in (1, 2):
        run(f"{raising()} --runs {runs} --jobs 1 --out {runs} {told}")
        assert len(list(Path(str(runs)).glob("*/shrunk.json"))) == small


def test_github_is_told(capsys, monkeypatch):
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    write_suite("good.toml", "sub/wrong.toml")
    assert run("test suite --no-shrink") == 1
    assert "::error file=suite/sub/wrong.toml," in capsys.readouterr().err


def test_a_failure_is_shrunk_at_once(capsys):
    assert run(f"{raising()} --runs 12 --jobs 1") == 1
    told = capsys.readouterr().out
    assert "made small" in told
    (small,) = Path("out").glob("*/shrunk.json")
    assert f"clew replay {small}" in told
    assert run(f"shrink {small.with_name('repro.json')} --json --out again.json") == 0
    assert (
        json.loads(Path("again.json").read_text())["plan"] == json.loads(small.read_text())["plan"]
    )


# What is asked for


@pytest.mark.parametrize(
    ("text", "seconds"), [("30s", 30), ("5m", 300), ("1h", 3600), ("1.5m", 90)]
)
def test_times(text, seconds):
    assert seconds_of("for", text) == seconds


@pytest.mark.parametrize("text", ["", "5", "0s", "-1s", "5 m", "1d", "m", "1e3s", "9" * 10 + "s"])
def test_what_is_no_time(text):
    with pytest.raises(UsageError) as refused:
        seconds_of("for", text)
    assert str(refused.value) == (
        f"--for can't be used: expected a time such as 500ms, 30s, 5m or 1h, found {text!r}."
    )


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (
            f"{ECHO} --shard 0/3",
            (
                "--shard can't be used: expected a part and the number of parts, from 1/N to N/N, "
                "such as 3/10, found '0/3'."
            ),
        ),
        (
            f"{ECHO} --shard 4/3",
            (
                "--shard can't be used: expected a part and the number of parts, from 1/N to N/N, "
                "such as 3/10, found '4/3'."
            ),
        ),
        (
            f"{ECHO} --max-failures 0",
            "--max-failures can't be used: expected a whole number from 1, found '0'.",
        ),
        (
            f"{ECHO} --max-failures 2 --until-failure",
            "--until-failure and --max-failures can't be used together. Name one of them.",
        ),
        (
            f"{ECHO} --dask local --jobs 2",
            "--dask and --jobs can't be used together. Name one of them.",
        ),
        (
            f"{ECHO} --dask local --seed-timeout 2s",
            "--dask and --seed-timeout can't be used together. Name one of them.",
        ),
        (
            f"{ECHO} --seed-timeout 2",
            (
                "--seed-timeout can't be used: expected a time such as 500ms, 30s, 5m or 1h, "
                "found '2'."
            ),
        ),
        (
            f"{ECHO} --junit .",
            "--junit can't be used: expected a file, found the folder .. Name a file in it.",
        ),
        (
            f"{ECHO} --junit empty.txt/report.xml",
            (
                "--junit can't be used: expected a file that can be written, found "
                "empty.txt/report.xml. Name another file."
            ),
        ),
        ("test nowhere/", "nowhere: there is no such file. Check the path."),
        (f"{ECHO} --schedule pct:0", "--schedule can't be used: expected time, pct, or pct:D"),
        (f"{ECHO} --expect good", "--expect can't be used: expected valid, invalid"),
        (
            "test --failed --rate 2",
            (
                "--failed without MODEL takes no options of a scenario. Name the model, or leave "
                "the options out."
            ),
        ),
        ("test nothing/x.toml", "nothing/x.toml: there is no such file. Check the path."),
        (
            "test empty",
            (
                "empty: there is no scenario in this folder: expected files that end in .toml. "
                "Check the path."
            ),
        ),
    ],
)
def test_what_can_not_be_asked_is_told_in_one_line(capsys, command, message):
    Path("empty").mkdir()
    Path("empty.txt").touch()
    assert run(command) == 64
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith(f"clew: {message}")
    assert told.err.count("\n") == 1
    assert not Path("out").exists()


def test_the_number_of_workers_by_default(monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 8)
    few, given = asked_of({}), asked_of({"jobs": "3"})
    assert [few.jobs_for(runs) for runs in (1, 19, 20, None)] == [1, 1, 8, 8]
    assert [given.jobs_for(runs) for runs in (1, 2, 20, None)] == [1, 2, 3, 3]


def test_shards_part_what_there_is():
    shards = [Shard(number, 3) for number in (1, 2, 3)]
    for index in range(30):
        assert sum(shard.holds(index) for shard in shards) == 1
