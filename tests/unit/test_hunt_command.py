"""``clew hunt``: what it reports, what it leaves, and how it ends."""

from __future__ import annotations

import json
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from clew.cli import main
from clew.commands.seed_command import rerun
from clew.report.progress import HuntProgress
from clew.scenarios.options.scenario import make_scenario

pytestmark = pytest.mark.long

ECHO = "hunt echo --time-limit 1 --recovery 0"
STUBBORN = """
from clew import Node, on

class Stubborn(Node):
    workload = "echo"

    @on("echo")
    def echo(self, msg):
        if self.monotonic() < 3:
            self.reply(msg, {"type": "echo_ok", "echo": "wrong"})
"""
"""Answers wrongly, and then not at all."""


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)


def run(command: str) -> int:
    return main(shlex.split(command))


def hunted(command: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, Any]]:
    status = run(f"{command} --json")
    return status, json.loads(capsys.readouterr().out)


def test_a_right_model_is_valid_and_the_report_says_what_was_tried(capsys):
    assert run(f"{ECHO} --runs 6 --jobs 1") == 0
    told = capsys.readouterr()
    assert "a hunt of echo, seeds 0 to 5" in told.out
    assert "6 runs: 6 valid" in told.out
    for part in ("runs by theme: ", "faults that bit: ", "reached: ", "another minute: "):
        assert part in told.out
    assert not list(Path("out").rglob("repro.json"))


def test_the_json_holds_the_same(capsys):
    status, told = hunted(f"{ECHO} --runs 6 --jobs 1", capsys)
    assert status == 0
    assert told["verdict"] == "valid"
    assert told["seeds"] == [0, 5]
    assert sum(one["runs"] for one in told["tried"]) == told["runs"]["valid"] == 6
    assert ["echo", None] in told["reached"]["deliveries"]
    assert told["minute"]["failing_at_most"] == 0.5
    assert told["failures"] == []


def test_a_failure_is_kept_made_small_and_told_with_its_command(capsys):
    status, told = hunted("hunt raft --bug forgets-vote --runs 4 --jobs 1", capsys)
    assert status == 1
    first = told["failures"][0]
    assert first["signature"] == "nodes: invalid (invariant election-safety)"
    assert first["command"] == f"clew replay {first['repro']}"
    assert run(f"replay {first['repro']}") == 1
    assert run(f"replay {first['shrunk']}") == 1
    assert len(json.loads(Path(first["shrunk"]).read_text())["plan"]["faults"]) <= 3


def test_which_seeds_fail_does_not_depend_on_the_number_of_workers(capsys):
    command = "hunt raft --bug forgets-vote --runs 8 --no-shrink --time-limit 5 --recovery 2"
    seeds = []
    for jobs in (1, 2):
        status, told = hunted(f"{command} --jobs {jobs} --out {jobs}", capsys)
        assert status == 1
        seeds.append([(one["signature"], one["seeds"]) for one in told["failures"]])
        seeds.append(told["tried"])
        seeds.append(told["reached"])
    assert seeds[:3] == seeds[3:]


def test_a_wrong_answer_does_not_hide_that_nothing_answers(capsys):
    Path("stubborn.py").write_text(STUBBORN)
    command = "hunt stubborn.py --runs 2 --time-limit 5 --recovery 12 --nemesis none --jobs 1 "
    command += "--rate 4 --node-count 1"
    status, told = hunted(command, capsys)
    assert status == 1
    assert [one["seeds"] for one in told["failures"]] == [[0, 1], [0, 1]]
    wrong, still = told["failures"]
    assert "liveness" in still["signature"]
    assert "liveness" not in wrong["signature"]
    assert Path(still["shrunk"]).name == "shrunk-liveness.json"
    assert run(f"replay {still['shrunk']}") == 1


def test_one_seed_comes_back_by_its_command(capsys):
    command = "hunt raft --bug forgets-vote --no-shrink --time-limit 5 --recovery 2 --jobs 1"
    _, told = hunted(f"{command} --runs 8", capsys)
    seeds = told["failures"][0]["seeds"]
    status, alone = hunted(f"{command} --seed {seeds[-1]} --runs 1", capsys)
    assert status == 1
    assert alone["failures"][0]["seeds"] == [seeds[-1]]


def test_the_command_of_a_seed_states_all_that_was_stated():
    scenario = make_scenario({"model": "raft", "bug": "forgets-vote", "rate": 20, "nemesis": []})
    command = rerun(scenario, None, 7, command="hunt")
    assert command == "clew hunt raft --bug forgets-vote --rate 20 --nemesis none --seed 7 --runs 1"


def test_a_fault_that_never_took_effect_makes_the_hunt_unknown(capsys):
    status, told = hunted(f"{ECHO} --nemesis partition --allow-inert --runs 3 --jobs 1", capsys)
    assert told["idle"] == ["partition"]
    assert told["runs"]["valid"] == 3
    assert (status, told["verdict"]) == (2, "unknown")


def test_a_planted_bug_brings_none_of_its_own_options(capsys):
    _, told = hunted("hunt unique-ids --bug trusts-clock --runs 3 --jobs 1 --no-shrink", capsys)
    assert {one["family"] for one in told["tried"]} - {"alone"}


@pytest.mark.parametrize(
    "command",
    [
        "hunt",
        "hunt no-such-model --runs 1",
        "hunt echo --runs 0",
        "hunt echo --for soon",
        "hunt echo --nemesis no-such-fault --runs 1",
        "hunt echo --nemesis partition --runs 1",
        "hunt echo --resume --runs 1",
    ],
)
def test_bad_input_is_one_message(command, capsys):
    assert run(command) == 64
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.count("clew: ") == 1


def test_the_time_ends_it_within_a_seed(capsys):
    status, told = hunted(f"{ECHO} --for 1ms --jobs 1", capsys)
    assert status == 0
    assert sum(told["runs"].values()) == 1


def test_several_scenarios_have_a_report_each(capsys):
    for name in ("one", "two"):
        Path(f"{name}.toml").write_text('model = "echo"\ntime_limit = 1\nrecovery = 0\n')
    assert run("hunt one.toml two.toml --runs 2 --jobs 1 --json") == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [sum(one["runs"].values()) for one in told] == [2, 2]


def test_an_interrupt_gives_the_report_so_far():
    command = [sys.executable, "-m", "clew", *shlex.split(f"{ECHO} --for 5m --jobs 1")]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "a minute buys" in line:
                break
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "a hunt of echo, seeds 0 to" in out


def test_what_was_shown_is_in_the_report_whatever_ends_the_hunt(monkeypatch, capsys):
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(HuntProgress, "update", interrupted)
    assert run(f"{ECHO} --runs 5 --jobs 1") == 130
    assert "a hunt of echo, seeds 0 to 0\n" in capsys.readouterr().out
