"""Planted bugs are found by a hunt, which knows nothing of them and draws everything itself."""

import pytest

from clew.checkers.verdict import Verdict
from clew.scenarios.code.models import load_model
from clew.scenarios.judgement.outcome import judge
from clew.scenarios.options.scenario import make_scenario
from clew.scenarios.runs.run import simulate
from clew.search.hunt.portfolio import portfolio_of

BUDGET = 40

PLANTED = [
    ("unique-ids", "leaves-out-node"),
    ("gossip", "acknowledges-early"),
    ("g-counter", "forgets-on-restart"),
    ("abd", "acknowledges-before-disk"),
    ("raft", "forgets-vote"),
    ("raft", "commits-without-majority"),
]
"""One or two bugs of each model, which their own scenarios find as well."""


@pytest.mark.parametrize(("name", "bug"), PLANTED)
def test_a_hunt_finds_a_planted_bug(name, bug):
    model = load_model(name, bug)
    scenario = make_scenario({"model": name, "bug": bug, "on_finding": "stop"})
    portfolio = portfolio_of(scenario, model)
    found = (
        judge(simulate(portfolio(scenario, seed, model), model, keep_trace=False), model).verdict
        for seed in range(BUDGET)
    )
    assert Verdict.INVALID in found
