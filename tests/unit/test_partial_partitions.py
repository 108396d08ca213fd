"""Progress under a partition of some links that stands when all else has healed."""

from dataclasses import replace

import pytest
from hypothesis import Phase, find, settings

from clew import Tolerates
from clew.errors import UsageError
from clew.models.raft.server import Raft
from clew.scenarios.code.models import load_model
from clew.scenarios.judgement.outcome import judge
from clew.scenarios.options.scenario import make_scenario
from clew.scenarios.plans.draw import draw_plan
from clew.scenarios.plans.planfile import plan_from_json
from clew.scenarios.runs.run import simulate
from clew.search.shrink import cuts
from clew.search.shrink.shrinker import shrink
from clew.testing.strategies import plans

RAFT = load_model("raft")


def plan_of(seed, model=RAFT, **options):
    options = {"nemesis": ["kill"], "nemesis_interval": 1, "rate": 10, "time_limit": 4} | options
    return draw_plan(
        make_scenario({"model": model.name, "liveness": "partial", **options}), seed, model
    )


def standing(plan):
    [fault] = [each for each in plan.faults if each.kind == "partition-standing"]
    return fault


def liveness(outcome):
    return next((each for each in outcome.checks if each.name == "liveness"), None)


def test_the_quorum_is_whole_and_something_is_cut():
    shapes = set()
    for seed in range(60):
        plan = plan_of(seed)
        assert len(plan.core) == 3
        links = {(src, dest) for src, dest in standing(plan).params["links"]}
        assert links
        assert not any({src, dest} <= {*plan.core} for src, dest in links)
        for outer in {*plan.node_ids} - {*plan.core}:
            cut = sum(dest == outer for _, dest in links), sum(src == outer for src, _ in links)
            shapes.add(cut)
    assert {(4, 0), (0, 4), (3, 3)} <= shapes
    assert plan_of(3) == plan_of(3)
    assert plan_from_json(plan_of(3).to_json(), "a plan") == plan_of(3)


def test_it_stands_when_all_else_has_healed():
    plan = plan_of(1)
    run = simulate(plan, RAFT)
    links = {(src, dest) for src, dest in standing(plan).params["links"]}
    timeline = run.timeline()
    late = [each for each in timeline.events() if each.time > plan.time_limit_ns]
    ends = {
        (sent.src, sent.dest)
        for each in late
        if each.kind == "drop" and each.fields["why"] == "partition"
        for sent in [timeline.messages[each.fields["message"]]]
    }
    assert ends
    assert ends <= links
    assert "crash" not in {each.kind for each in late}
    report = next(each for each in run.faults if each.kind == "partition-standing")
    assert report.until_ns >= run.virtual_ns
    assert report.bit > len(ends)
    assert report.detail.endswith("also when all else heals")
    told = liveness(judge(run, RAFT)).reason
    assert "after all but a partial partition healed" in told
    assert all(name in plan.core for name in told.partition("succeeded at ")[2][:-1].split(", "))


class Stubborn(Raft):
    """Leads on though it hears no majority (no check of the quorum; thesis, 6.2)."""

    def hears_majority(self):
        super().hears_majority()
        return True


class Modest(Stubborn):
    """The same, and says that it may stand still where links stay cut."""

    tolerates = Tolerates()


def as_model(node_class):
    return replace(RAFT, node_class=node_class)


DEAF_LEADER = 2


def test_a_leader_that_hears_nobody_stops_the_quorum():
    model = as_model(Stubborn)
    plan = plan_of(DEAF_LEADER, nemesis=["kill", "partition"], time_limit=5)
    outcome = judge(simulate(plan, model), model)
    assert outcome.signature == "liveness: invalid (no-progress)"
    assert judge(simulate(plan, RAFT), RAFT).verdict.value == "valid"
    whole = replace(plan, faults=plan.faults[:-1], liveness="all", core=())
    assert judge(simulate(whole, model), model).verdict.value == "valid"


def test_a_class_that_does_not_promise_progress_there_is_not_judged_by_it():
    model = as_model(Modest)
    plan = plan_of(DEAF_LEADER, nemesis=["kill", "partition"], time_limit=5)
    outcome = judge(simulate(plan, model), model)
    assert liveness(outcome) is None
    assert any("the fault partition-standing" in each for each in outcome.remarks)


def test_a_swarm_has_room_for_it():
    counts = {len(plan_of(seed, swarm=True).node_ids) for seed in range(40)}
    assert min(counts) == 3


def test_plans_of_hypothesis_hold_it_too():
    found = find(
        plans("raft", nemesis="kill", liveness="partial", time_limit=4, swarm=True),
        lambda plan: len(plan.faults) > 1,
        settings=settings(max_examples=30, database=None, phases=[Phase.generate]),
    )
    assert standing(found).params["links"]
    with pytest.raises(UsageError, match="would break raft"):
        find(plans("raft", nemesis="disk-restored"), lambda _: True)


@pytest.mark.parametrize("seed", range(4))
def test_raft_goes_on(seed):
    plan = plan_of(seed, nemesis=["kill", "partition"], schedule="pct")
    assert judge(simulate(plan, RAFT), RAFT).verdict.value == "valid"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"node_count": 2}, "can't be used in so small a cluster"),
        ({"nemesis": ["join"]}, "--liveness partial can't be used if members change"),
    ],
)
def test_where_it_can_t_be(options, told):
    with pytest.raises(UsageError, match=told):
        plan_of(1, **{"allow_inert": True, **options})


def test_a_smaller_plan_keeps_a_quorum():
    plan = plan_of(1)
    inner, outer = plan.core[:2], next(each for each in plan.node_ids if each not in plan.core)
    less = cuts.with_nodes(plan, {*plan.node_ids} - {outer}, moved=True)
    assert less.core == plan.core
    assert all(outer not in link for link in standing(less).params["links"])
    assert cuts.with_nodes(less, {*less.node_ids} - {*inner}, moved=True) is None


STUBBORN = """
from clew.models.raft.server import Raft


class Stubborn(Raft):
    def hears_majority(self):
        super().hears_majority()
        return True
"""


def test_a_plan_that_is_made_small_cuts_only_what_matters(tmp_path):
    path = tmp_path / "stubborn.py"
    path.write_text(STUBBORN)
    model = load_model(str(path))
    plan = plan_of(DEAF_LEADER, model, nemesis=["kill", "partition"], time_limit=5)
    small = shrink(plan, runs_max=40).plan
    assert [fault.kind for fault in small.faults] == ["partition-standing"]
    assert len(standing(small).params["links"]) < len(standing(plan).params["links"])
    assert len(small.core) > len(small.node_ids) // 2
