"""Every planted bug is found within a budget of seeds, by the options that ship with it."""

from functools import cache

import pytest

from clew.checkers.verdict import Verdict
from clew.models.registry import MODELS, bugs_of
from clew.scenarios.code.models import load_model
from clew.scenarios.judgement.outcome import judge
from clew.scenarios.options.scenario import make_scenario
from clew.scenarios.plans.draw import draw_plan
from clew.scenarios.runs.run import simulate

BUDGET = 60
START = {"snapshot-without-sessions": 20, "commits-earlier-terms": 8}
"""The first seed to try, where the seeds from 0 take long to show a bug."""

PLANTED = [(model, bug) for model in MODELS for bug in bugs_of(model)]


@cache
def first_failure(name, bug):
    """The first seed whose run is INVALID, with its signature; None where there is none."""
    model = load_model(name, bug)
    options = {**model.bug.scenario, "model": name, "bug": bug, "on_finding": "stop"}
    scenario = make_scenario(options)
    start = START.get(bug, 0)
    for seed in range(start, start + BUDGET):
        run = simulate(draw_plan(scenario, seed, model), model, keep_trace=False)
        outcome = judge(run, model)
        if outcome.verdict is Verdict.INVALID:
            return seed, outcome.signature
    return None


@pytest.mark.parametrize(("name", "bug"), PLANTED)
def test_a_planted_bug_is_found_and_without_it_the_same_seed_is_not_invalid(name, bug):
    found = first_failure(name, bug)
    assert found is not None
    seed, signature = found
    assert signature
    options = {**load_model(name, bug).bug.scenario, "model": name}
    model = load_model(name)
    run = simulate(draw_plan(make_scenario(options), seed, model), model, keep_trace=False)
    assert judge(run, model).verdict is not Verdict.INVALID


def test_there_are_at_least_fourteen_planted_bugs():
    assert len(PLANTED) >= 14
