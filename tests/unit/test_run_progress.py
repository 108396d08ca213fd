"""The lines that a single run shows while it lasts."""

import io

import pytest

from clew.machine import wall
from clew.report.progress import RunProgress
from clew.scenarios.code.models import load_model
from clew.scenarios.options.scenario import make_scenario
from clew.scenarios.plans.draw import draw_plan
from clew.scenarios.runs.run import simulate
from clew.search import verification
from clew.search.verification import verify


@pytest.fixture
def clock(monkeypatch):
    """The wall clock, which stands until it is set."""
    now = [0.0]
    monkeypatch.setattr(wall, "seconds", lambda: now[0])
    return now


def test_a_stage_of_two_seconds_is_shown_at_once_and_then_now_and_then(clock):
    stream = io.StringIO()
    progress = RunProgress(12_000_000_000, stream)
    shown = {}
    for tenth in range(250):
        clock[0] = tenth / 10
        what = "a second run" if tenth < 100 else "each node by itself"
        progress.stage(f"checking determinism: {what}")
        for line in stream.getvalue().splitlines():
            shown.setdefault(line, clock[0])
    assert shown == {
        "checking determinism: a second run, 2 s": 2.0,
        "checking determinism: each node by itself, 12 s": 12.0,
        "checking determinism: each node by itself, 22 s": 22.0,
    }


def test_a_short_run_shows_nothing(clock):
    stream = io.StringIO()
    progress = RunProgress(12_000_000_000, stream)
    for tenth in range(20):
        clock[0] = tenth / 10
        progress.update(tenth, tenth)
        progress.stage("checking determinism: a second run")
    assert stream.getvalue() == ""


def test_a_check_of_determinism_says_what_it_does(monkeypatch):
    monkeypatch.setattr(verification, "SHOW_SECONDS", 0.001)
    model = load_model("echo")
    plan = draw_plan(make_scenario({"model": "echo", "time_limit": 1}), 0, model)
    shown = []
    assert verify(simulate(plan, model), show=shown.append).same
    assert shown
    assert all(words.startswith("checking determinism: ") for words in shown)
