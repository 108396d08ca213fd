"""Every shipped model, under everything: no false alarm, progress after healing, same digest."""

import pytest
from swarms import swarm_verdicts

from clew.checkers.verdict import Verdict
from clew.models.registry import MODELS
from clew.scenarios.code.models import load_model
from clew.scenarios.options.scenario import make_scenario
from clew.scenarios.plans.draw import draw_plan
from clew.scenarios.runs.run import simulate

SEEDS = 12
DEEP_SEEDS = 1000


@pytest.mark.parametrize("name", MODELS)
def test_a_correct_model_raises_no_false_alarm_in_a_swarm(name):
    verdicts = swarm_verdicts(name, range(SEEDS), time_limit=30)
    assert verdicts[Verdict.VALID] >= SEEDS * 3 // 4


@pytest.mark.deep
@pytest.mark.parametrize("name", MODELS)
def test_a_correct_model_raises_no_false_alarm_in_a_thousand_seeds(name):
    verdicts = swarm_verdicts(name, range(DEEP_SEEDS))
    assert verdicts[Verdict.VALID] >= DEEP_SEEDS * 3 // 4


@pytest.mark.parametrize("name", ["abd", "raft"])
def test_a_quorum_alone_makes_progress(name):
    verdicts = swarm_verdicts(name, range(6), liveness="core", node_count=5, time_limit=20)
    assert verdicts[Verdict.VALID] >= 5


@pytest.mark.parametrize("name", MODELS)
def test_the_same_plan_gives_the_same_digest(name):
    model = load_model(name)
    scenario = make_scenario({"model": name, "swarm": True, "time_limit": 10})
    plan = draw_plan(scenario, 3, model)
    assert draw_plan(scenario, 3, model) == plan
    first = simulate(plan, model)
    again = simulate(plan, load_model(name), keep_trace=False)
    assert first.digest == again.digest
    other = simulate(draw_plan(scenario, 4, model), model, keep_trace=False)
    assert other.digest != first.digest
