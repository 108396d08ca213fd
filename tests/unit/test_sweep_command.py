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
from sweeps import ECHO, lines_of_json, raising, run, seeds_of_json

from clew.report.progress import Progress

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("own_folder")]

WRONG = "--assert 'operations.count < 5'"
"""Which seeds it fails for depends on how many operations they draw."""


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
    Path("mine.py").write_text(
        "from clew import Node, on\nclass Mine(Node):\n    workload = 'echo'\n"
        "    @on('echo')\n    def echo(self, msg): pass\n"
    )
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
        "import ctypes\nfrom clew import Node, on\nfrom clew.sim.guards import caller\n"
        "class Dies(Node):\n    workload = 'echo'\n    @on('echo')\n    def echo(self, msg):\n"
        "        caller._stacks.clear(); ctypes.string_at(0)  # as code of C, unguarded\n"
    )
    command = [sys.executable, "-m", "clew", "test", "dies.py", "--time-limit", "2"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 2
    assert re.search(r'File ".*dies\.py", line 8 in echo', done.stderr)


@pytest.mark.parametrize("runs", [1, 2])
def test_a_crash_while_a_failure_is_made_small_leaves_the_reports(runs, tmp_path):
    Path("dies.py").write_text(
        "import signal\nfrom clew import Node, on\nfrom clew.sim.guards import caller\n"
        "class Dies(Node):\n    workload = 'echo'\n"
        "    @on('echo')\n    def echo(self, msg):\n        if len(self.node_ids) > 1: 1 / 0\n"
        "        caller._stacks.clear(); signal.raise_signal(11)\n"
    )
    quick = f"--node-count 2 --time-limit 2 --runs {runs} --junit j.xml"
    command = [sys.executable, "-m", "clew", "test", "dies.py", *quick.split()]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 2
    assert parse("j.xml").getroot().get("failures") == "1"


def test_one_shard_has_all_seeds_where_a_failure_is_expected(capsys):
    command = f"{ECHO} {WRONG} --runs 10 --json --jobs 1 --expect invalid --no-shrink"
    assert run(f"{command} --shard 1/3") == 0
    assert seeds_of_json(capsys) == list(range(10))
    assert run(f"{command} --shard 2/3") == 0
    assert capsys.readouterr().err == "clew: this shard has nothing to run\n"


def test_a_seed_that_ended_its_worker_is_run_in_one_again(capsys):
    Path("dies.py").write_text(
        "import signal\nfrom clew import Node, on\nfrom clew.sim.guards import caller\n"
        "class Dies(Node):\n    workload = 'echo'\n    @on('echo')\n    def echo(self, msg):\n"
        "        caller._stacks.clear(); signal.raise_signal(11)\n"
    )
    quick = "--time-limit 1 --recovery 0 --node-count 1"
    assert run(f"test dies.py {quick} --rate 40 --runs 2 --jobs 2") == 2
    told = capsys.readouterr().out
    again = re.search(r"^    (clew test dies.py .*--seed 0 --runs 1)$", told, re.MULTILINE)
    assert again is not None
    words = "--node-count 1 --rate 40 --time-limit 1 --recovery 0 --seed 0 --runs 1"
    assert again[1] == f"clew test dies.py {words}"
    for command in ("test --failed", f"test dies.py {quick} --rate 40 --runs 2"):
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
    assert re.search(r"\d+ runs?: .*INVALID", told)
    runs = int(re.search(r"([\d,]+) runs?:", told)[1].replace(",", ""))  # type: ignore[index]
    with sqlite3.connect(tmp_path / "out" / "clew.sqlite") as file:
        assert file.execute("SELECT count(*) FROM results").fetchone() == (runs,)
    file.close()


def test_what_was_shown_is_in_the_summary_whatever_ends_the_sweep(monkeypatch, capsys):
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Progress, "update", interrupted)
    assert run(f"{ECHO} {WRONG} --runs 5 --jobs 1") == 130
    assert re.search(r"1 run: .*1 INVALID", capsys.readouterr().out)


@pytest.mark.parametrize(("expect", "small"), [("", 1), ("invalid", 0), ("invalid:stale", 1)])
def test_what_is_as_expected_is_not_shrunk(capsys, expect, small):
    told = f" --expect {expect}" if expect else ""
    for runs in (1, 2):
        run(f"{raising()} --runs {runs} --jobs 1 --out {runs} {told}")
        assert len(list(Path(str(runs)).glob("*/shrunk.json"))) == small


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
