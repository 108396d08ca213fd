"""Every planted bug shrinks to a story of a few operations and faults that fails the same way."""

import pytest

from clew.checkers.verdict import Verdict
from clew.models.registry import bugs_of
from clew.report.story import STEPS_MAX, story
from clew.scenarios.draw import draw_plan
from clew.scenarios.load import load_model
from clew.scenarios.outcome import judge
from clew.scenarios.run import simulate
from clew.scenarios.scenario import make_scenario
from clew.search.shrinking.oracle import target_of
from clew.search.shrinking.shrink import shrink

OPERATIONS, FAULTS = 8, 3

QUICK = {
    "reads-one", "acknowledges-before-disk", "forgets-vote", "votes-twice", "replies-before-sync",
    "stale-reads",
}  # fmt: skip
"""Those that take a second or two; the others are looked at in the long run."""

PLANTED = [
    pytest.param(model, bug, marks=() if bug in QUICK else pytest.mark.deep, id=f"{model}-{bug}")
    for model in ("abd", "raft")
    for bug in bugs_of(model)
]


def first_failure(name, bug):
    model = load_model(name, bug)
    scenario = make_scenario({**model.bug.scenario, "model": name, "bug": bug})
    for seed in range(60):
        outcome = judge(simulate(draw_plan(scenario, seed, model), model), model)
        if outcome.verdict is Verdict.INVALID:
            return outcome
    raise AssertionError("no seed fails")


@pytest.mark.parametrize(("model", "bug"), PLANTED)
def test_a_planted_bug_has_a_short_story(model, bug):
    failing = first_failure(model, bug)
    shrunk = shrink(failing.run.plan)
    assert shrunk.after.operations <= OPERATIONS
    assert shrunk.after.faults <= FAULTS
    assert target_of(shrunk.outcome) == target_of(failing)
    told = story(shrunk.outcome)
    assert "WRONG: " in told
    assert sum(line[:3].strip().isdecimal() for line in told.splitlines()) <= STEPS_MAX + 1
