"""The command that runs a seed again brings the same run."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from clew.cli import main
from clew.commands.seed_command import rerun
from clew.scenarios.code.models import load_model
from clew.scenarios.plans.draw import draw_plan

COMMANDS = {
    # what was run: what runs seed 7 of it again
    "raft": "clew test raft --seed 7 --runs 1",
    "raft --bug forgets-vote --rate 20": (
        "clew test raft --bug forgets-vote --seed 7 --runs 1"  # the bug's own rate
    ),
    "raft --bug stale-reads --rate 5 --time-limit 2.5 --nemesis none --swarm": (
        "clew test raft --bug stale-reads --rate 5 --time-limit 2.5 --nemesis none --swarm "
        "--seed 7 --runs 1"
    ),
    "gossip --nemesis kill,loss --assert 'events > 1' --assert 'events < 9' --expect invalid": (
        "clew test gossip --nemesis kill,loss --assert 'events > 1' --assert 'events < 9' "
        "--seed 7 --runs 1"
    ),
    "one.toml": "clew test one.toml --seed 7 --runs 1",
    "one.toml --availability none --key-count 9": (
        "clew test one.toml --availability none --key-count 9 --seed 7 --runs 1"
    ),
    "abd-calm --rate 3": "clew test abd-calm --rate 3 --seed 7 --runs 1",
}


@pytest.mark.parametrize("command", COMMANDS)
def test_the_command_says_what_differs_from_what_it_names(command: str, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("one.toml").write_text('model = "abd"\navailability = "total"\nruns = 9\nrate = 2\n')
    case = _case_of(command)
    again = rerun(case.job.scenario, case.source, 7)
    assert again == COMMANDS[command]
    scenario = _case_of(again.removeprefix("clew test ")).job.scenario
    assert _plan(scenario) == _plan(case.job.scenario)


def _plan(scenario):
    return draw_plan(scenario, 7, load_model(scenario.model, scenario.bug))


def _case_of(command: str):
    """The case of a command line, as `main` makes it."""
    with pytest.MonkeyPatch.context() as patch:
        found = []
        patch.setattr("clew.commands.test.run_cases", lambda cases, _: found.extend(cases) or 0)
        patch.setattr("clew.commands.test.run_one", lambda case, _: found.append(case) or 0)
        assert main(["test", *shlex.split(command)]) == 0
    return found[0]
