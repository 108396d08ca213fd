"""``clew test`` with several scenarios: files, folders, and those that ship."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from xml.etree.ElementTree import parse

import pytest
from sweeps import ECHO, lines_of_json, raising, run, seeds_of_json

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("own_folder")]

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


def test_github_is_told(capsys, monkeypatch):
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    write_suite("good.toml", "sub/wrong.toml")
    assert run("test suite --no-shrink") == 1
    assert "::error file=suite/sub/wrong.toml," in capsys.readouterr().err
