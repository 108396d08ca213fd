"""Plans of the system in two_kinds.py, which tests copy as a user's file and so holds no tests."""

from pathlib import Path

from clew.scenarios.code.models import load_model
from clew.scenarios.options.scenario import make_scenario
from clew.scenarios.plans.draw import draw_plan

FILE = Path(__file__).parent / "two_kinds.py"
QUICK = {"time_limit": 3, "recovery": 2, "rate": 30}


def plan_of(seed=0, **options):
    scenario = make_scenario({"model": str(FILE), **QUICK, **options})
    model = load_model(str(FILE))
    return draw_plan(scenario, seed, model), model
