"""Thinning on synthetic oracles: what decides stays, the rest goes, and always in the same way."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from clew.checkers.verdict import Anomaly, Result, Verdict
from clew.scenarios.code.models import load_model
from clew.scenarios.options.scenario import make_scenario
from clew.scenarios.plans.draw import draw_plan
from clew.scenarios.plans.plan import plan_text
from clew.search.shrink import random_cuts, redraws
from clew.search.shrink.oracle import Sight, Target, target_of
from clew.search.shrink.passes import Hunt
from clew.search.shrink.shrinker import shrink
from clew.sim.entropy import Entropy
from clew.sim.faults import Fault

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def whole():
    model = load_model("raft", "truncates-on-stale-append")
    given = {
        **model.bug.scenario,
        "model": "raft",
        "bug": "truncates-on-stale-append",
        "time_limit": 6,
    }
    plan = draw_plan(make_scenario(given), 0, model)
    assert len(plan.faults) > 5
    return replace(plan, recovery_ns=0, liveness="off", core=(), nemesis=())


class Oracle:
    """Fails plans that hold what is wanted; counts the questions."""

    target = Target("linearizable", "nonlinearizable")

    def __init__(self, fails):
        self.fails = fails
        self.asked = []

    def ask(self, plan):
        self.asked.append(plan_text(plan))
        moment_ns = plan.time_limit_ns - 1
        return Sight(moment_ns, (), (), len(plan.operations)) if self.fails(plan) else None


def hunted(whole, fails):
    oracle = Oracle(fails)
    return Hunt(oracle, whole, oracle.ask(whole)), oracle


def holding(operations, faults):
    """Whether a plan has these operations, by client and number, and these faults."""

    def fails(plan):
        asked = {(one.client, one.number) for one in plan.operations}
        return asked >= operations and {fault.id for fault in plan.faults} >= faults

    return fails


def test_thinning_leaves_what_decides(whole):
    few = whole.operations[100:400:100]
    wanted = {(one.client, one.number) for one in few}, {whole.faults[2].id}
    hunt, oracle = hunted(whole, holding(*wanted))
    random_cuts.thin(hunt, 0)
    assert random_cuts.short_enough(hunt.best)
    assert holding(*wanted)(hunt.best)
    assert len(oracle.asked) < 600


def test_thinning_twice_is_the_same(whole):
    told = []
    for _ in range(2):
        hunt, oracle = hunted(whole, lambda plan: len(plan.operations) % 3 != 1)
        random_cuts.thin(hunt, 0)
        told.append(oracle.asked)
    assert told[0] == told[1]


def test_thinning_ends_where_nothing_can_go(whole):
    hunt, oracle = hunted(whole, lambda plan: len(plan.operations) >= len(whole.operations))
    random_cuts.thin(hunt, 0)
    assert len(hunt.best.operations) == len(whole.operations)
    assert len(oracle.asked) < 200


def test_a_search_ends_where_no_sketch_fails(whole, monkeypatch):
    monkeypatch.setattr(redraws, "TURNS", 2)
    monkeypatch.setattr(redraws, "SKETCHES", 20)
    hunt, oracle = hunted(whole, lambda plan: plan.seed == whole.seed)
    redraws.search(hunt, whole, hunt.sight)
    assert hunt.best == whole
    assert 1 < len(oracle.asked) <= 41


def test_a_search_finds_a_sketch_and_thins_it(whole):
    def fails(plan):
        return len(plan.operations) >= 5 and any(fault.kind == "kill" for fault in plan.faults)

    hunt, _ = hunted(whole, fails)
    redraws.search(hunt, whole, hunt.sight)
    assert random_cuts.short_enough(hunt.best)
    assert fails(hunt.best)


def test_a_fault_that_only_deals_luck_goes_under_another_seed(whole):
    plan = replace(whole, faults=whole.faults[:5], operations=whole.operations[:4])
    hunt, _ = hunted(plan, lambda plan: plan.seed % 7 == len(plan.faults) % 7 or plan.seed == 0)
    random_cuts.with_less(hunt)
    assert len(hunt.best.faults) == random_cuts.FAULTS_ENOUGH


def test_a_broken_invariant_is_the_target_before_an_exception():
    kinds = ("IndexError at raft_log.py:72", "invariant leader-completeness", "invariant other")
    found = tuple(Anomaly("finding", "", (), {"signature": kind}) for kind in kinds)
    outcome = SimpleNamespace(checks=(Result("nodes", Verdict.INVALID, "", found),))
    assert target_of(outcome) == Target("nodes", "invariant leader-completeness")


def test_a_plan_with_nothing_to_take_away_has_a_passing_one_of_other_luck():
    model = load_model("raft", "votes-twice")
    scenario = make_scenario({**model.bug.scenario, "model": "raft", "bug": "votes-twice"})
    shrunk = shrink(draw_plan(scenario, 1, model))
    assert not shrunk.plan.operations
    assert not shrunk.plan.faults
    assert shrunk.passing is not None
    assert replace(shrunk.passing, seed=shrunk.plan.seed) == shrunk.plan
    assert shrunk.parting


@pytest.mark.parametrize("seed", range(20))
def test_a_node_that_joins_later_or_sooner_still_joins_at_an_instant(seed):
    join = Fault("join-1", "join", 10**9, 10**9, None, {"node": "n6"})
    stream = Entropy(seed).stream("test")
    near = random_cuts._near_fault(join, 10**8, stream)
    placed = redraws._placed(join, (), 2 * 10**9, stream)
    assert near.at_ns == near.until_ns
    assert placed.at_ns == placed.until_ns
    assert placed.at_ns != near.at_ns
