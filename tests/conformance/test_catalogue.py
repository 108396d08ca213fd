"""Every scenario that ships shows what it says: valid ones are, known-bad ones fail as expected."""

import pytest

from clew.checkers.verdict import Verdict
from clew.models.registry import MODELS, bugs_of
from clew.scenarios.code.models import load_model
from clew.scenarios.judgement.outcome import judge
from clew.scenarios.options.expectation import Tally, parse_expect
from clew.scenarios.plans.draw import draw_plan
from clew.scenarios.runs.run import simulate
from clew.scenarios.suites.families import shipped
from clew.scenarios.suites.suite import options_of, scenario_from

VALID_RUNS = 2
FAMILIES = ("calm", "crashes", "swarm", "pct", "core")
FIRST = {"raft-bug-snapshot-without-sessions": 20, "raft-bug-commits-earlier-terms": 8}
"""The first of its seeds to try, where those before take long to show a bug."""

NETWORKED = [name for name, model in MODELS.items() if model.nature not in {"stateless", "alone"}]


def scenario_of(name):
    return scenario_from(options_of(name))


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
    first = FIRST.get(name, scenario.seed)
    met = shown(scenario, range(first, scenario.seed + runs))
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


SHIPPED_AS = {
    # a scenario: all of its options
    "abd-calm": {
        "description": "ABD's registers on a healthy network: every operation succeeds.",
        "model": "abd",
        "node_count": 3,
        "rate": 20,
        "time_limit": 10,
        "availability": "total",
        "expect": "valid",
        "runs": 3,
    },
    "g-set-messages": {
        "description": "A grow-only set while messages between nodes are lost, doubled and late.",
        "model": "g-set",
        "node_count": 5,
        "rate": 10,
        "time_limit": 40,
        "nemesis": ["loss", "duplicate", "delay"],
        "nemesis_interval": 5,
        "expect": "valid",
        "runs": 10,
    },
    "echo-pct": {
        "description": "Echo where random priorities decide which message comes first.",
        "model": "echo",
        "node_count": 3,
        "rate": 10,
        "time_limit": 10,
        "nemesis": ["kill"],
        "nemesis_interval": 2,
        "schedule": "pct:3",
        "expect": "valid",
        "runs": 10,
    },
    "raft-swarm": {
        "description": "Raft's key-value store under faults, latency and a number of nodes that "
        "each seed draws.",
        "model": "raft",
        "rate": 20,
        "time_limit": 10,
        "swarm": True,
        "expect": "valid",
        "runs": 10,
    },
    "raft-bug-obeys-old-leaders": {
        "description": "Known to be wrong: a follower accepts entries from a leader whose term is "
        "over.",
        "model": "raft",
        "bug": "obeys-old-leaders",
        "on_finding": "stop",
        "expect": "invalid:committed-stays,commit-within-log,leader-completeness",
        "runs": 30,
    },
}


@pytest.mark.parametrize("name", SHIPPED_AS)
def test_a_scenario_is_made_of_its_models_row_and_its_familys(name):
    assert options_of(name) == SHIPPED_AS[name]
    assert list(options_of(name)) == list(SHIPPED_AS[name])


def test_the_scenarios_that_ship_come_in_the_order_of_their_names():
    assert list(shipped()) == sorted(shipped())
