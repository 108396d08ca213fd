"""When clients ask: load that changes, and closed loops."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

import clew
from clew.cli import main
from clew.errors import ScenarioError
from clew.scenarios.code.models import load_model
from clew.scenarios.options.load import DAY, Piece, pieces_of
from clew.scenarios.options.scenario import make_scenario
from clew.scenarios.plans.draw import draw_plan
from clew.scenarios.plans.plan import plan_text, trusted_plan
from clew.scenarios.plans.planfile import plan_from_json
from clew.scenarios.runs.run import simulate
from clew.search.shrink import cuts

NODES = Path(__file__).parent / "retried_nodes.py"
S = 1_000_000_000
HZ = 1_000_000


def plan_of(model="echo", seed=0, **options):
    scenario = make_scenario({"model": model, "time_limit": 12, **options})
    return draw_plan(scenario, seed, load_model(model))


def asked_between(plan, from_s, until_s):
    return sum(
        one.phase == "main" and from_s * S <= one.at_ns < until_s * S for one in plan.operations
    )


# Load that changes.


def test_steps_are_rates_over_equal_parts():
    assert pieces_of("steps:10,0,2.5", 9 * S, HZ) == [
        Piece(0, 3 * S, 10 * HZ), Piece(3 * S, 6 * S, 0), Piece(6 * S, 9 * S, 2_500_000),
    ]  # fmt: skip


def test_a_surge_is_the_usual_rate_before_and_behind_it():
    usual = 7 * HZ
    assert pieces_of("surge:100@5+2.5", 20 * S, usual) == [
        Piece(0, 5 * S, usual), Piece(5 * S, 7_500_000_000, 100 * HZ),
        Piece(7_500_000_000, 20 * S, usual),
    ]  # fmt: skip
    assert pieces_of("surge:100@0+50", 20 * S, usual) == [Piece(0, 20 * S, 100 * HZ)]


def test_a_day_rises_to_its_middle_and_falls_again():
    pieces = pieces_of("daily:10..110", 24 * S, HZ)
    rates = [piece.rate for piece in pieces]
    assert [piece.from_ns for piece in pieces] == [hour * S for hour in range(24)]
    assert rates == rates[::-1]
    assert rates[:12] == sorted(rates[:12])
    assert (rates[0], rates[11]) == (10_400_000, 109_600_000)
    assert sum(rates) / 24 == 60 * HZ
    assert len(DAY) == 24


@pytest.mark.parametrize("clients", ["1n", "20"])
def test_as_much_is_asked_as_the_load_says(clients):
    plan = plan_of(load="steps:20,0,100", concurrency=clients)
    assert 50 <= asked_between(plan, 0, 4) <= 110
    assert asked_between(plan, 4, 8) == 0
    assert 320 <= asked_between(plan, 8, 12) <= 480
    times = [one.at_ns for one in plan.operations]
    assert times == sorted(times)


def test_a_surge_adds_to_the_rate():
    plan = plan_of(load="surge:200@3+3", rate=10)
    assert 15 <= asked_between(plan, 0, 3) <= 45
    assert 500 <= asked_between(plan, 3, 6) <= 700
    assert 30 <= asked_between(plan, 6, 12) <= 90


def test_a_load_that_stays_the_same_is_about_the_rate():
    steady, shaped = plan_of(rate=50), plan_of(load="steps:50")
    assert abs(asked_between(steady, 0, 12) - asked_between(shaped, 0, 12)) < 60


# Closed loops.


def test_in_a_closed_loop_a_client_asks_some_time_after_the_last_answer():
    plan = plan_of(think=0.2, concurrency=3)
    run = simulate(plan, load_model("echo"))
    by_client = {}
    for one in run.history.operations:
        if one.start < plan.time_limit_ns:
            by_client.setdefault(one.process, []).append(one)
    assert len(by_client) == 3
    waits = []
    for asked in by_client.values():
        between = [after.start - before.end for before, after in pairwise(asked)]
        own = [one.think_ns for one in plan.operations if one.client == asked[0].process]
        assert between == own[1 : len(asked)]
        waits += between
    assert 0.1 * S < sum(waits) / len(waits) < 0.3 * S


def test_a_slow_system_is_asked_less_in_a_closed_loop_and_not_in_an_open_one():
    options = {"time_limit": 4, "recovery": 1, "node_count": 1, "workload": f"{NODES}:Blind"}

    def offered(node, **more):
        made = clew.run(f"{NODES}:{node}", **options, **more)
        return made.outcome.statistics["load"]["main"]["offered"]

    assert offered("Late", think=0.02) < offered("Busy", think=0.02) / 2
    assert offered("Late", rate=5) == pytest.approx(offered("Busy", rate=5), rel=0.3)


def test_what_can_not_be_asked_any_more_holds_nobody_up():
    made = clew.run(
        f"{NODES}:Late", workload=f"{NODES}:Blind", time_limit=2, recovery=4, node_count=1,
        think=0.05,
    )  # fmt: skip
    plan = made.outcome.run.plan
    late = [one for one in made.outcome.run.history.operations if one.start >= plan.time_limit_ns]
    assert any(one.start < plan.time_limit_ns + S for one in late)
    assert made.outcome.verdict.value == "valid"


def test_a_think_time_stands_in_a_plan_only_where_there_is_one():
    opened, closed = plan_of(), plan_of(think=0.5)
    assert {len(one) for one in opened.to_json()["operations"]} == {6}
    assert {len(one) for one in closed.to_json()["operations"]} == {7}
    assert trusted_plan(closed.to_json()) == closed
    assert plan_from_json(closed.to_json(), "x.json") == closed
    assert "retries" not in plan_text(opened)
    bad = closed.to_json()
    bad["operations"][0][6] = -1
    with pytest.raises(ScenarioError, match=r"operations\.0\.think_ns can't be used"):
        plan_from_json(bad, "x.json")


def test_operations_of_a_closed_loop_come_at_fixed_times_once_they_are_asked_as_they_were():
    plan = plan_of(think=0.3, concurrency=2, recovery=0)
    run = simulate(plan, load_model("echo"))
    fixed = cuts.asked_at(plan, run.history)
    assert all(one.think_ns is None for one in fixed.operations)
    again = simulate(fixed, load_model("echo"))
    starts = [one.start for one in run.history.operations]
    assert [one.start for one in again.history.operations] == starts
    fewer = replace(plan, operations=plan.operations[::2])
    assert len(simulate(fewer, load_model("echo")).history.operations) < len(starts)


# Bad input.

BAD = {
    # what can't be used: what is said of it
    ("--think", "-1"): "a number of seconds from 0.001",
    ("--think", "0"): "a number of seconds from 0.001",
    ("--think", "soon"): "a number",
    ("--load", "hourly:5..50"): "steps:RATE,RATE,..., surge:RATE@FROM+SECONDS or daily:LOW..HIGH",
    ("--load", "steps:"): "steps:RATE,RATE,...",
    ("--load", "steps:10,,20"): "steps:RATE,RATE,...",
    ("--load", "steps:-1"): "steps:RATE,RATE,...",
    ("--load", "steps:1e9"): "with numbers such as 0.5 or 20, rates up to 1,000,000, found",
    ("--load", "steps:0,0"): "a rate above 0",
    ("--load", "surge:100"): "surge:RATE@FROM+SECONDS",
    ("--load", "surge:100@5+0"): "a surge of more than 0 s",
    ("--load", "surge:100@60+5"): "a surge that begins before the time limit of 20 s",
    ("--load", "daily:50..5"): "the lower rate first",
    ("--load", "steps:10000000"): "rates up to 1,000,000",
    ("--load", "steps:5", "--think", "1"): "one of them",
    ("--clients", "0"): "a number",
}


@pytest.mark.parametrize("args", BAD, ids=" ".join)
def test_bad_input_is_one_clear_message(args, capsys):
    assert main(["test", "echo", *args]) == 64
    said = capsys.readouterr().err
    assert BAD[args] in said
    assert len(said.splitlines()) <= 3


def test_in_a_file_it_has_its_own_name(tmp_path, capsys):
    path = tmp_path / "x.toml"
    path.write_text('model = "echo"\nclients = 3\n')
    assert main(["test", str(path)]) == 64
    assert "Did you mean 'concurrency'" in capsys.readouterr().err


def test_clients_is_a_name_for_concurrency(capsys):
    assert main(["test", "echo", "--clients", "3", "--time-limit", "1", "--json"]) == 0
    three = capsys.readouterr().out
    assert main(["test", "echo", "--concurrency", "3", "--time-limit", "1", "--json"]) == 0
    assert three.split('"digest"')[1][:70] == capsys.readouterr().out.split('"digest"')[1][:70]
