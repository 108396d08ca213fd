"""Every scenario that ships shows what it says: valid ones are, known-bad ones fail as expected."""

import pytest

from clew.checkers.verdict import Verdict
from clew.models.registry import MODELS, bugs_of
from clew.scenarios.draw import draw_plan
from clew.scenarios.expect import Tally, parse_expect
from clew.scenarios.load import load_model
from clew.scenarios.outcome import judge
from clew.scenarios.run import simulate
from clew.scenarios.suite import file_options, scenario_from, shipped

VALID_RUNS = 2
FAMILIES = ("calm", "crashes", "swarm", "pct", "core")
NETWORKED = [model for model in MODELS if model not in {"echo", "unique-ids"}]


def scenario_of(name):
    return scenario_from(file_options(shipped()[name]))


def shown(scenario, seeds):
    """What the seeds show, up to the first that shows a failure that is expected."""
    wanted = parse_expect(scenario.expect or "valid").verdict
    model = load_model(scenario.model, scenario.bug)
    tally = Tally(scenario.expect)
    for seed in seeds:
        tally.add(_Ran(judge(simulate(draw_plan(scenario, seed, model), model), model)))
        if wanted is Verdict.INVALID and tally.met().verdict is Verdict.VALID:
            break
    return tally.met()


class _Ran:
    def __init__(self, outcome):
        self.seed = outcome.run.plan.seed
        self.verdict, self.signature = outcome.verdict, outcome.signature


@pytest.mark.parametrize("name", shipped())
def test_a_shipped_scenario_shows_what_it_says(name):
    scenario = scenario_of(name)
    bad = scenario.expect != "valid"
    runs = scenario.runs if bad else min(scenario.runs, VALID_RUNS)
    met = shown(scenario, range(scenario.seed, scenario.seed + runs))
    assert met.verdict is Verdict.VALID, met.reason


@pytest.mark.deep
@pytest.mark.parametrize("name", shipped())
def test_a_shipped_scenario_shows_what_it_says_in_all_its_runs(name):
    scenario = scenario_of(name)
    model = load_model(scenario.model, scenario.bug)
    tally = Tally(scenario.expect)
    for seed in range(scenario.seed, scenario.seed + scenario.runs):
        tally.add(_Ran(judge(simulate(draw_plan(scenario, seed, model), model), model)))
    assert tally.met().verdict is Verdict.VALID, tally.met().reason


def test_there_is_a_scenario_of_every_family_for_every_model():
    wanted = {f"{model}-{family}" for model in MODELS for family in FAMILIES}
    wanted |= {f"{m}-{f}" for m in NETWORKED for f in ("partitions", "messages", "disks", "clocks")}
    wanted |= {f"{model}-bug-{bug}" for model in MODELS for bug in bugs_of(model)}
    assert wanted <= set(shipped())


def test_every_shipped_scenario_says_what_it_is_for_and_what_is_expected():
    said = {name: scenario_of(name) for name in shipped()}
    assert [name for name, one in said.items() if not one.description.endswith(".")] == []
    assert [name for name, one in said.items() if one.expect is None] == []
    assert not set(said) & set(MODELS), "a scenario's name would hide a model"
