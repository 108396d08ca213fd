"""The systems of several kinds of node among the examples: they must do what models must."""

from pathlib import Path

import pytest
from swarms import swarm_verdicts

import clew
from clew.checkers.verdict import Verdict
from clew.scenarios.code.models import load_model
from clew.scenarios.judgement.outcome import judge
from clew.scenarios.options.scenario import make_scenario
from clew.scenarios.plans.draw import draw_plan
from clew.scenarios.runs.run import simulate
from clew.search.hunt.portfolio import portfolio_of
from clew.search.verification import verify

EXAMPLES = Path(__file__).parents[2] / "examples"
SYSTEMS = ["cache_store.py:careful", "sharded_counter.py:sharded"]
SEEDS = 6
DEEP_SEEDS = 300


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_right_system_raises_no_false_alarm_in_a_swarm(name):
    verdicts = swarm_verdicts(str(EXAMPLES / name), range(SEEDS), time_limit=10)
    assert verdicts[Verdict.VALID] >= SEEDS * 3 // 4


@pytest.mark.deep
@pytest.mark.parametrize("name", SYSTEMS)
def test_a_right_system_raises_no_false_alarm_in_hundreds_of_seeds(name):
    verdicts = swarm_verdicts(str(EXAMPLES / name), range(DEEP_SEEDS))
    assert verdicts[Verdict.VALID] >= DEEP_SEEDS * 3 // 4


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_right_system_raises_no_false_alarm_in_a_hunt(name):
    name = str(EXAMPLES / name)
    model, scenario = load_model(name), make_scenario({"model": name})
    portfolio = portfolio_of(scenario, model)
    aimed = set()
    for seed in range(SEEDS):
        outcome = judge(simulate(portfolio(scenario, seed, model), model), model)
        assert outcome.verdict is not Verdict.INVALID, (seed, outcome.signature)
    for theme in portfolio.rota.themes["alone"]:
        aimed |= {role for role in model.system.roles if theme.names[0].endswith(f":{role}")}
    assert aimed == {*model.system.roles}


@pytest.mark.parametrize("name", SYSTEMS)
def test_the_same_plan_gives_the_same_digest_also_in_a_fresh_process(name):
    name = str(EXAMPLES / name)
    model = load_model(name)
    scenario = make_scenario({"model": name, "swarm": True, "time_limit": 4, "recovery": 3})
    plan = draw_plan(scenario, 3, model)
    assert draw_plan(scenario, 3, model) == plan
    run = simulate(plan, model)
    assert simulate(plan, load_model(name)).digest == run.digest
    assert verify(run).same


@pytest.mark.deep
def test_workers_run_a_system_as_one_process_does(tmp_path):
    name = str(EXAMPLES / SYSTEMS[1])
    options = {"runs": 3, "time_limit": 3, "recovery": 2, "nemesis": ["kill:shard"]}
    alone = clew.run(name, out=tmp_path, **options)
    together = clew.run(name, out=tmp_path, jobs=2, **options)
    assert [run.digest for run in together.runs] == [run.digest for run in alone.runs]
