"""What is said of regions: figures, conditions on them, reports, stories and diagrams."""

import re
from functools import cache

import pytest

from clew.cli import main
from clew.report.page.page import page
from clew.report.regions import Places
from clew.report.run import run_report
from clew.report.screen import Style
from clew.report.story import story
from clew.scenarios.code.models import load_model
from clew.scenarios.judgement.outcome import judge
from clew.scenarios.options.scenario import make_scenario
from clew.scenarios.plans.draw import draw_plan
from clew.scenarios.runs.run import simulate
from tests.unit.pages import data_of


@cache
def outcome_of(model="raft", bug=None, seed=0, **options):
    loaded = load_model(model, bug)
    given = {"model": model, "bug": bug, "time_limit": 3, "recovery": 3, **options}
    plan = draw_plan(make_scenario(given), seed, loaded)
    return judge(simulate(plan, loaded), loaded)


def failing():
    """An election under faults of regions that a node with a bug gets wrong."""
    return outcome_of(
        bug="forgets-vote", seed=5, regions="eu,us,asia", region_latency=5, time_limit=8,
        recovery=10, nemesis="kill,region",
    )  # fmt: skip


def test_each_region_has_figures_of_its_own():
    figures = outcome_of(regions="eu,us,asia", nemesis="region-cut").statistics
    regions = figures["regions"]
    assert [*regions] == ["eu", "us", "asia"]
    for name in ("count", "ok", "fail", "info"):
        assert sum(each[name] for each in regions.values()) == figures["operations"][name]
    worst = max(each["latency_ms"]["1"] for each in regions.values())
    assert worst == figures["latency_ms"]["1"]
    assert all(0 < each["availability"] <= 1 for each in regions.values())
    assert "regions" not in outcome_of().statistics


def test_clients_count_for_the_region_where_their_node_is():
    outcome = outcome_of("echo", regions="eu,us", region_latency=50, node_count=2)
    near = outcome.statistics["regions"]
    assert near["eu"]["latency_ms"]["1"] < 1, "each asks the node of its own region"
    homes = [one.node for one in outcome.run.history.operations]
    assert near["eu"]["count"] == homes.count("n0")


CONDITIONS = {
    "regions.eu.latency_ms.0.99 < 2000": "valid",
    "regions.eu.latency_ms.0.99 < 10": "invalid",
    "regions.asia.availability > 0.5": "valid",
    "regions.us.ok > 1000": "invalid",
}


@pytest.mark.parametrize("condition", CONDITIONS)
def test_conditions_may_speak_of_a_region(condition):
    outcome = outcome_of(regions="eu,us,asia", **{"assert": (condition,)})
    [check] = [check for check in outcome.checks if check.name == "assert"]
    assert check.verdict.value == CONDITIONS[condition]


def test_no_other_figure_of_a_region_is_known(capsys):
    assert main(["test", "raft", "--assert", "regions.eu.okay > 1"]) == 64
    assert "found 'regions.eu.okay'. Did you mean 'regions.R.ok'" in capsys.readouterr().err


def test_the_report_shows_the_places_the_distances_and_the_figures():
    report = run_report(outcome_of(regions="eu,us,asia"), None, None, Style())
    assert "  regions       eu: n1, n4; us: n2, n5; asia: n3\n" in report
    assert "between them  eu - us 40.275 ms, eu - asia 106.2 ms, us - asia 72.65 ms\n" in report
    heads = r"\n  region  asked +ok  answered  median +99 % +most\n  eu +\d"
    assert re.search(heads, report)
    assert "region" not in run_report(outcome_of(), None, None, Style())


WORDS = [
    # what lies between two regions: how the report says it
    ({"a<->b": [30, 50]}, "a - b 30 to 50 ms"),
    ({"a<->b": {"mean": 8, "dist": "long-tailed"}}, "a - b 8 ms long-tailed"),
    ({"a->b": 10, "b->a": 20}, "a -> b 10 ms, b -> a 20 ms"),
]


@pytest.mark.parametrize(("latency", "told"), WORDS)
def test_the_distances_are_told_as_they_were_stated(latency, told):
    model = load_model("echo")
    options = {"model": "echo", "regions": "a,b", "region_latency": latency, "time_limit": 0.1}
    outcome = judge(simulate(draw_plan(make_scenario(options), 0, model), model), model)
    assert told in run_report(outcome, None, None, Style())


def test_of_many_regions_the_nearest_and_the_farthest_are_told():
    options = {"regions": "us-east-1,eu-west-1,eu-central-1,sa-east-1,ap-southeast-1"}
    told = run_report(outcome_of(time_limit=0.5, **options), None, None, Style())
    assert "from eu-west-1 - eu-central-1 9.78 ms to sa-east-1 - ap-southeast-1 164.05 ms" in told
    assert max(map(len, told.splitlines())) <= 100


def test_of_many_nodes_they_are_counted():
    told = run_report(
        outcome_of("echo", node_count=60, regions="eu,us,asia", time_limit=0.1), None, None, Style()
    )
    assert "  regions       eu: 20; us: 20; asia: 20\n" in told


def test_a_story_says_the_regions():
    told = story(failing())
    assert "Process 3 at n4 (eu): asks for" in told
    assert re.search(r"Fault region-\d: ", told)
    assert "(us)" not in story(outcome_of(bug="forgets-vote", seed=5, time_limit=8, nemesis="kill"))


def test_who_asks_from_afar_is_told_with_both_regions():
    places = Places(failing().run.plan)
    assert places.who(3, "n4") == "Process 3 at n4 (eu)"
    assert places.who(3, "n2") == "Process 3 of eu at n2 (us)"
    assert places.start(["n1", "n2", "n4"]) == "n1 and n4 in eu; n2 in us start."
    alone = Places(outcome_of().run.plan)
    assert alone.who(3, "n2") == "Process 3 at n2"
    assert alone.start(["n1"]) == "n1 starts."


def test_lanes_stand_by_region():
    report = run_report(failing(), None, None, Style()).splitlines()
    head = report.index("  What happened just before:") + 1
    assert report[head].split() == ["eu", "us", "asia"]
    assert report[head + 1].split() == ["clients", "n1", "n4", "n2", "n5", "n3"]


def test_the_lanes_of_the_page_are_labelled_with_their_region():
    lanes = {lane["name"]: lane["group"] for lane in data_of(page(failing()))["lanes"]}
    assert (lanes["n4"], lanes["c1"], lanes["n3"]) == ("eu", "us", "asia")
    assert [*lanes.values()] == sorted(lanes.values(), key=["eu", "us", "asia"].index)
    plain = data_of(page(outcome_of()))["lanes"]
    assert {lane["group"] for lane in plain} == {""}
