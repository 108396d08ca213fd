"""Outcomes of short runs, and what they show of progress."""

from clew.scenarios.code.models import load_model
from clew.scenarios.judgement.outcome import judge
from clew.scenarios.options.scenario import make_scenario
from clew.scenarios.plans.draw import draw_plan
from clew.scenarios.runs.run import simulate


def outcome_of(name, seed=0, **options):
    model = load_model(name)
    scenario = make_scenario({"model": name, "time_limit": 3, "rate": 10, **options})
    return judge(simulate(draw_plan(scenario, seed, model), model), model)


def liveness(outcome):
    [check] = [check for check in outcome.checks if check.name == "liveness"]
    return check
