"""A hunt: which themes it has, which plans seeds draw, and what its figures say."""

from __future__ import annotations

import pickle
from collections import Counter
from dataclasses import replace
from types import SimpleNamespace

import pytest

from clew import Node, Tolerates, on
from clew.checkers.verdict import Anomaly, Result, Verdict
from clew.models.registry import MODELS
from clew.scenarios.code.models import load_model
from clew.scenarios.options.scenario import make_scenario
from clew.scenarios.plans.capabilities import promised, withstands
from clew.scenarios.plans.plan import plan_text
from clew.scenarios.runs.run import simulate
from clew.search.coverage import reach_of
from clew.search.hunt.acquaintance import profile_seen
from clew.search.hunt.compounds import COMPOUNDS
from clew.search.hunt.portfolio import COUNTS, LENGTHS, RATES, drawn_scenario, portfolio_of
from clew.search.hunt.reach import Findings, Reach, failing_at_most
from clew.search.hunt.themes import FAMILIES, WAITING, Theme, idle, range_of, rota_of
from clew.search.seeds import SeedResult
from clew.search.shrink.oracle import Target, targets_of
from clew.search.summary import Summary
from clew.sim.faults import GROUPS, KINDS
from clew.trace.record import Trace

pytestmark = pytest.mark.long


class Careful(Node):
    """Withstands restarts and nothing else."""

    tolerates = Tolerates(nodes=(2, 4), latency=0.0, clock_error=0, faults=("kill",))

    @on("ping")
    def ping(self, msg):
        self.disk["n"] = self.now()
        self.send(self.peers[0], {"type": "ping"})


class Meek(Careful):
    """Withstands one kind of partition of its group."""

    tolerates = Tolerates(faults=("partition-one", "clock"), clock_error=0.01)


class Sworn(Careful):
    """Survives a restored disk as well."""

    tolerates = Tolerates(also=("disk-restored",))


def plans(name, seeds, **options):
    """The plans of some seeds of a hunt."""
    model = load_model(name, options.get("bug"))
    scenario = make_scenario({"model": name, **options})
    portfolio = portfolio_of(scenario, model)
    return [portfolio(scenario, seed, model) for seed in seeds]


def kinds_of(drawn):
    return {fault.kind for plan in drawn for fault in plan.faults}


def within(program, **options):
    return range_of(make_scenario({"model": "echo", **options}), program)


# Themes.


@pytest.mark.parametrize("name", MODELS)
def test_no_theme_is_outside_what_a_model_tolerates(name):
    promise = promised(load_model(name).program)
    drawn = plans(name, range(60), rate=10)
    assert kinds_of(drawn)
    assert all(withstands(promise, kind) for kind in kinds_of(drawn))
    assert all(promise.fewest <= len(plan.node_ids) for plan in drawn)
    assert all(plan.latency_ns <= promise.latency_ns for plan in drawn)


def test_a_class_that_withstands_one_kind_has_themes_of_that_kind_alone():
    assert within(Careful).kinds == {"kill"}
    assert rota_of(within(Careful)).themes["alone"] == (Theme("alone", ("kill",)),)
    assert "pair" not in rota_of(within(Careful)).themes
    assert {theme.names[0] for theme in rota_of(within(Careful)).themes["together"]} == {
        name for name, each in COMPOUNDS.items() if set(each.kinds) == {"kill"}
    }


def test_a_group_of_which_a_class_withstands_one_kind_stands_for_that_kind():
    own = within(Meek)
    assert own.names == ("partition", "clock")
    assert own.kinds & {*GROUPS["partition"]} == {"partition-one"}


@pytest.mark.parametrize(
    ("asked", "kinds"),
    [
        (("kill", "partition"), {"kill", *GROUPS["partition"]}),
        (("partition-one",), {"partition-one"}),
        ((), set()),
    ],
)
def test_faults_that_are_named_narrow_the_themes(asked, kinds):
    drawn = plans("raft", range(40), nemesis=asked)
    assert kinds_of(drawn) <= kinds
    assert bool(kinds_of(drawn)) is bool(asked)


def test_every_theme_has_its_turn():
    rota = rota_of(within(load_model("raft").program))
    cycle = len(rota.turns)
    assert cycle == sum(family.share for family in FAMILIES.values())
    long = max(-(-len(themes) // FAMILIES[name].share) for name, themes in rota.themes.items())
    seen = Counter(rota.theme(seed) for seed in range(cycle * long))
    assert {*seen} == {theme for themes in rota.themes.values() for theme in themes}
    for name, themes in rota.themes.items():
        counts = [seen[theme] for theme in themes]
        assert max(counts) - min(counts) <= 1, name
        assert sum(counts) == long * FAMILIES[name].share


def test_a_compound_strikes_one_node_at_one_time():
    portfolio = portfolio_of(
        make_scenario({"model": "unique-ids", "nemesis": ["clock", "kill"]}),
        load_model("unique-ids"),
    )
    wanted = [seed for seed in range(200) if str(portfolio.theme(seed)) == "clock back and killed"]
    drawn = plans("unique-ids", wanted, nemesis=["clock", "kill"])
    struck = [plan for plan in drawn if plan.faults]
    assert struck
    for plan in struck:
        by_time = {}
        for fault in plan.faults:
            by_time.setdefault((fault.at_ns, fault.target), []).append(fault.kind)
        assert all(sorted(kinds) == ["clock-jump", "kill"] for kinds in by_time.values())


def compound(name):
    model = load_model("raft")
    scenario = make_scenario({"model": "raft", "node_count": 3, "liveness": "all"})
    portfolio = portfolio_of(scenario, model)
    rota = replace(
        portfolio.rota, turns=(("together", 0),), themes={"together": (Theme("together", (name,)),)}
    )
    return [replace(portfolio, rota=rota)(scenario, seed, model) for seed in range(8)]


@pytest.mark.parametrize("name", COMPOUNDS)
def test_what_a_compound_draws_is_of_the_kinds_that_it_names(name):
    each = COMPOUNDS[name]
    assert {*each.kinds} <= {*KINDS}
    drawn = compound(name)
    assert kinds_of(drawn) == {*each.kinds}
    for plan in drawn:
        assert len({fault.id for fault in plan.faults}) == len(plan.faults)
        assert all(0 <= f.at_ns <= f.until_ns < plan.time_limit_ns for f in plan.faults)


def test_a_model_is_seen_to_send_and_to_elect():
    model, scenario = load_model("raft"), make_scenario({"model": "raft"})
    seen = profile_seen(scenario, model, ["kill"])
    assert {"request_vote", "vote", "read", "write"} <= {*seen.messages}
    assert seen.states == ("candidate", "follower", "leader", "pre-candidate")
    assert seen.timers
    assert seen.syncs
    assert profile_seen(scenario, model, ["kill"]) == seen


def three_of_raft():
    """The scenario of three nodes of Raft that heal whole, the model, and a hunt's portfolio."""
    scenario = make_scenario({"model": "raft", "node_count": 3, "liveness": "all"})
    model = load_model("raft")
    return scenario, model, portfolio_of(scenario, model)


def test_types_are_those_that_nodes_sent_each_other():
    scenario, model, portfolio = three_of_raft()
    themes = portfolio.rota.themes["type"]
    types = {theme.names[1] for theme in themes}
    assert types
    assert not types & {"read", "write", "cas", "error"}
    assert len(themes) == len(types) * len(COMPANY)
    for seed, theme in enumerate(themes):
        rota = replace(portfolio.rota, turns=(("type", 0),), themes={"type": (theme,)})
        plan = replace(portfolio, rota=rota)(scenario, seed, model)
        kind, name = theme.names
        assert {fault.kind for fault in plan.faults} == {kind, *COMPANY[kind]}
        assert {fault.params["type"] for fault in plan.faults if fault.kind == kind} == {name}


COMPANY = {"message-loss": (), "message-hold": (), "message-copy": (), "echo": ("kill",)}


def test_kinds_that_nothing_else_draws_have_themes():
    scenario, model, portfolio = three_of_raft()
    themes = portfolio.rota.themes["rare"]
    kinds = {"freeze", "restart-all", "restart-rolling", "flap-steady"}
    assert {theme.names[0] for theme in themes} == kinds
    paces = portfolio.within.profile.paces_ns
    assert paces == tuple(sorted(paces))
    for theme in themes:
        rota = replace(portfolio.rota, turns=(("rare", 0),), themes={"rare": (theme,)})
        plan = replace(portfolio, rota=rota)(scenario, 1, model)
        assert {fault.kind for fault in plan.faults} == {*theme.names}
        for fault in plan.faults:
            period_ns = fault.params.get("period_ns", paces[0])
            assert paces[0] // 2 <= period_ns <= 2 * paces[-1]


def test_restored_disks_are_hunted_with_where_the_class_withstands_them():
    names = {each.names for each in rota_of(within(Sworn)).themes["rare"]}
    assert ("disk-restored",) in names
    assert rota_of(within(load_model("raft").program, nemesis=("restart",))).themes["rare"] == (
        Theme("rare", ("restart-rolling",)), Theme("rare", ("restart-all",)),
    )  # fmt: skip


def test_a_node_dies_again_as_it_starts():
    drawn = compound("killed as it starts")
    boots = [fault for plan in drawn for fault in plan.faults if fault.when]
    assert {fault.when.event for fault in boots} == {"boot"}
    assert {fault.when.delay_ns > 0 for fault in boots} == {True, False}
    reports = [
        report
        for plan in drawn
        for report in simulate(plan, load_model("raft")).faults
        if report.fired and report.bit
    ]
    assert len(reports) > 4


def test_a_class_that_withstands_no_loss_has_no_type():
    assert "type" not in rota_of(within(Careful)).themes
    assert "type" not in rota_of(within(load_model("raft").program, nemesis=("kill",))).themes


def test_faults_that_wait_do_so_for_what_was_seen():
    scenario, model, portfolio = three_of_raft()
    known = {*portfolio.within.profile.messages, *portfolio.within.profile.states, "", "?"}
    themes = portfolio.rota.themes["waiting"]
    assert len(themes) > 20
    for seed, theme in enumerate(themes):
        rota = replace(portfolio.rota, turns=(("waiting", 0),), themes={"waiting": (theme,)})
        plan = replace(portfolio, rota=rota)(scenario, seed, model)
        field, act = WAITING[theme.names[0]]
        assert {fault.kind for fault in plan.faults} == {*act}, theme
        assert {fault.when.name for fault in plan.faults} <= known
        # Of each sort a boot can be waited for, and one fault waits for what is sure to come.
        events = {fault.when.event for fault in plan.faults} - {"boot", "deliver"}
        assert events <= EVENTS_OF[field], theme


EVENTS_OF = {
    "messages": {"send"},
    "states": {"state"},
    "fields": {"field"},
    "timers": {"timer"},
    "syncs": {"sync", "synced"},
}


@pytest.mark.parametrize(
    ("asked", "families", "acts"),
    [
        (["trigger"], {"calm", "waiting"}, 9),
        (["trigger", "kill"], {"calm", "alone", "together", "waiting"}, 9),
        (["kill"], {"calm", "alone", "together", "waiting"}, 1),
    ],
)
def test_what_waits_is_narrowed_as_well(asked, families, acts):
    within_asked = range_of(make_scenario({"model": "raft", "nemesis": asked}), RAFT)
    rota = rota_of(within_asked)
    assert {*rota.themes} == families
    assert len({WAITING[theme.names[0]][1] for theme in rota.themes["waiting"]}) <= acts


RAFT = load_model("raft").program


# Plans.


def test_a_plan_is_a_function_of_the_seed_also_in_a_worker():
    model, scenario = load_model("raft"), make_scenario({"model": "raft"})
    portfolio = portfolio_of(scenario, model)
    sent = pickle.loads(pickle.dumps(portfolio))
    first = [plan_text(portfolio(scenario, seed, model)) for seed in range(30)]
    assert [plan_text(sent(scenario, seed, model)) for seed in reversed(range(30))] == first[::-1]
    assert len({*first}) == 30


def test_seeds_draw_all_that_is_open():
    drawn = plans("raft", range(80))
    assert {len(plan.node_ids) for plan in drawn} == {*COUNTS}
    assert {plan.schedule for plan in drawn} == {"time", "pct"}
    assert {plan.time_limit_ns for plan in drawn[: LENGTHS[1][0]]} == {5_000_000_000}
    assert max(plan.time_limit_ns for plan in drawn) > 5_000_000_000
    assert all(plan.swarm and not plan.nemesis for plan in drawn)
    rates = {
        drawn_scenario(make_scenario({"model": "raft"}), seed, load_model("raft")).rate
        for seed in range(30)
    }
    assert rates == {*RATES}


def test_some_seeds_end_under_a_partial_partition():
    ends = Counter(plan.liveness for plan in plans("raft", range(60)))
    assert ends.keys() == {"all", "partial"}
    assert ends["partial"] < 20
    for options in ({"nemesis": ["kill"]}, {"liveness": "core"}, {"node_count": 2}):
        assert "partial" not in {plan.liveness for plan in plans("raft", range(30), **options)}
    hunted = portfolio_of(make_scenario({"model": "echo"}), replace(ECHO, node_class=Careful))
    scenario = make_scenario({"model": "echo", "node_count": 4})
    drawn = [hunted(scenario, seed, replace(ECHO, node_class=Careful)) for seed in range(30)]
    assert {plan.liveness for plan in drawn} == {"all"}


ECHO = load_model("echo")


def test_what_is_stated_is_not_drawn():
    stated = {
        "node_count": 7, "concurrency": "3", "rate": 3.0, "time_limit": 2.0, "latency": 9.0,
        "latency_dist": "uniform", "schedule": "pct:5",
    }  # fmt: skip
    for seed in range(30):
        scenario = drawn_scenario(
            make_scenario({"model": "raft", **stated}), seed, load_model("raft")
        )
        assert {name: getattr(scenario, name) for name in stated} == stated


def test_regions_state_where_nodes_stand_and_how_late_messages_are():
    for plan in plans("raft", range(20), regions=["eu", "us"]):
        assert plan.regions is not None
        assert plan.latency_ns == 0


# Figures.


def test_the_reach_of_a_run_is_what_a_hand_counts():
    trace = Trace()
    for record in [
        (0, "link", 1, "a", "b"),
        (0, "state", "b", {"role": "follower"}),
        (0, 0, 1, 1, {"type": "m", "x": 1}),
        (1, "deliver", 1),
        (2, 2, 2, 1, {"type": "m", "x": 2}),
        (3, "deliver", 2),
        (4, "fault", "f1", "kill", "killed b"),
        (5, "fault", "f2", "pause", "paused a"),
        (6, "state", "b", {"role": "leader"}),
        (7, "crash", "b", "kill", [0, 0, 0]),
    ]:
        trace.add(*record)
    assert {*reach_of(SimpleNamespace(trace=trace))} == {
        ("deliver", "m", "follower"),
        ("pair", None, "m", "follower"),
        ("pair", "m", "m", "follower"),
        ("role", None, "follower"),
        ("role", "follower", "leader"),
        ("crash", "leader"),
        ("fault", "kill", None),
        ("fault", "pause", None),
        ("fault", "pause", "kill"),
    }


def test_what_more_runs_would_show_is_as_chao_and_colwell_say():
    reach = Reach()
    shown = ["abcd", "ab", "ae", "ab", "ac"]  # a 5 times, b 3, c 2, d and e once
    for seed, run in enumerate(shown):
        reach.add(seed, [("deliver", what, None) for what in run])
    assert reach.newest == 2
    assert len(reach.of("deliver")) == 5
    assert reach.unseen == pytest.approx(4 / 5 * 2 * 2 / (2 * 1))
    assert reach.expected(1) == pytest.approx(1.6 * (1 - (1 - 2 / (5 * 1.6 + 2))))
    assert reach.expected(10**6) == pytest.approx(1.6)
    assert reach.expected(0) == 0


def test_nothing_more_is_expected_of_nothing():
    reach = Reach()
    assert reach.unseen == reach.expected(100) == 0
    for seed in range(3):
        reach.add(seed, [("deliver", "m", None)])
    assert reach.unseen == reach.expected(100) == 0


def test_faults_at_the_same_time_are_no_behaviour_of_the_nodes():
    reach = Reach()
    reach.add(0, [("fault", "kill", None), ("fault", "pause", "kill"), ("fault", "kill", "pause")])
    assert reach.overlaps == {("kill", "pause")}
    assert not reach.seen


def test_runs_are_counted_by_theme():
    findings = Findings()
    one, other = Theme("alone", ("kill",)), Theme("alone", ("pause",))
    for seed, (theme, invalid) in enumerate([(one, False), (other, True), (one, True)]):
        findings.add(seed, theme, [], invalid=invalid)
    assert findings.tried[one] == (2, 1)
    assert findings.of_family("alone") == (3, 2)
    assert findings.of_family("swarm") == (0, 0)
    assert findings.reach.runs == 3


def test_a_share_that_fails_is_bounded_by_the_rule_of_three():
    assert failing_at_most(300) == 0.01
    assert failing_at_most(3) is None


def test_faults_that_were_asked_for_and_never_took_effect_are_named():
    took = Counter({"kill": 2, "partition-one": 1})
    assert idle(("kill", "partition", "pause", "clock-jump", "all"), took) == (
        "pause",
        "clock-jump",
    )


# Ways of failing.


def checks(*told):
    return tuple(
        Result(name, Verdict.INVALID, "wrong", (Anomaly(kind, "wrong", ()),)) for name, kind in told
    )


def test_no_progress_is_told_apart_from_a_wrong_answer():
    both = SimpleNamespace(
        checks=checks(("linearizable", "nonlinearizable"), ("liveness", "no-progress"))
    )
    assert targets_of(both) == (
        Target("linearizable", "nonlinearizable"),
        Target("liveness", "no-progress"),
    )
    still = SimpleNamespace(checks=checks(("liveness", "no-progress")))
    assert targets_of(still) == (Target("liveness", "no-progress"),)
    assert targets_of(SimpleNamespace(checks=())) == ()


def failed(seed, *ways):
    signature = "; ".join(f"{way.check}: invalid" for way in ways)
    return SeedResult(seed, Verdict.INVALID, {}, signature, "wrong", None, None, (), ways)


def test_a_run_that_fails_both_ways_counts_for_both():
    wrong, still = Target("linearizable", "nonlinearizable"), Target("liveness", "no-progress")
    summary = Summary(apart=True)
    first = failed(1, wrong, still)
    assert summary.is_new(first)
    summary.add(first)
    assert not summary.is_new(failed(2, still))
    assert not summary.is_new(failed(2, wrong))
    summary.add(failed(2, still))
    assert [(key[1], group.seeds, group.target) for key, group in summary.groups.items()] == [
        ("linearizable: invalid (nonlinearizable)", [1], wrong),
        ("liveness: invalid (no-progress)", [1, 2], still),
    ]
    assert summary.counts[Verdict.INVALID] == 2


def test_a_sweep_tells_them_as_one():
    wrong, still = Target("linearizable", "nonlinearizable"), Target("liveness", "no-progress")
    summary = Summary()
    summary.add(failed(1, wrong, still))
    assert [key[1] for key in summary.groups] == ["linearizable: invalid; liveness: invalid"]
