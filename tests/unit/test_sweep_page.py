"""The web page of a sweep or a hunt: what it holds, and how it is used."""

import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from browsing import awaited, browsed
from pages import data_of
from sweeps import ECHO, raising, run

from clew.checkers.verdict import Verdict
from clew.search.course import VERDICTS, Course

pytestmark = pytest.mark.usefixtures("own_folder")

WRONG = "--assert 'operations.count < 5'"


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    """The folder of a sweep of a node that fails, with its page."""
    folder = tmp_path_factory.mktemp("swept")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        faults = "--nemesis kill,pause --nemesis-interval 0.3"
        assert run(f"{raising()} {faults} --runs 6 --jobs 1 --report pages/sweep.html") == 1
    return folder


@pytest.fixture
def page(swept):
    return (swept / "pages" / "sweep.html").read_text()


@pytest.fixture
def part(page):
    (part,) = data_of(page)["parts"]
    return part


def test_it_loads_nothing_and_is_small(page):
    assert page.startswith("<!doctype html>")
    assert not re.search(
        r"""(?:src|href)="|url\(|@import|https?:(?!//www\.w3\.org/2000/svg)""", page
    )
    assert "default-src 'none'" in page
    assert not re.search("@(?:TITLE|STYLE|KIND|BODY|DATA|PACKED|SCRIPT)@", page)
    assert len(page) < 60_000


def test_it_has_each_seed_with_its_verdict(part):
    seeds = part["seeds"]
    assert seeds["first"] == "0"
    assert seeds["steps"] == [1] * 5
    assert [VERDICTS[rank].value for rank in seeds["verdict"]].count("invalid") == part["counts"][
        "invalid"
    ]
    assert len(seeds["milliseconds"]) == 6
    assert len(part["slowest"]) == 6
    assert part["growth"][-1][1] >= part["growth"][0][1] > 0


def test_each_way_of_failing_has_its_story_and_a_link_to_its_page(swept, part):
    way = part["groups"][0]
    assert way["count"] == len(way["seeds"]) == part["counts"]["invalid"]
    assert way["account"]["story"][-1][2] == "wrong"
    assert "ValueError" in way["account"]["headline"]
    assert way["small"].startswith("clew replay out/")
    linked = (swept / "pages" / way["page"]).resolve()
    assert linked == next(swept.glob("out/*/report.html")).resolve()
    numbers = data_of(linked.read_text())["moments"]["number"]
    assert {step[0] for step in way["account"]["story"]} <= set(numbers)


def test_it_has_what_each_fault_did_and_what_brings_a_seed_back(part):
    planned = {kind: (count, bit) for kind, count, bit in part["faults"]}
    assert planned["kill"][0] >= planned["kill"][1] > 0
    before, after = part["again"]
    assert before + "7" + after == (
        "clew test s.py --node-count 1 --time-limit 1 --nemesis kill,pause --nemesis-interval 0.3 "
        "--recovery 0 --seed 7 --runs 1"
    )


def test_what_is_not_made_small_is_told_as_it_was_found():
    assert run(f"{ECHO} {WRONG} --runs 3 --jobs 1 --no-shrink --report sweep.html") == 1
    (part,) = data_of(Path("sweep.html").read_text())["parts"]
    (way,) = part["groups"]
    assert not way["small"]
    assert way["command"].startswith("clew replay out/")
    assert Path(way["page"]).name == "repro.html"
    assert Path(way["page"]).is_file()


def test_a_valid_sweep_and_an_expected_failure_say_so():
    assert run(f"{ECHO} --runs 2 --jobs 1 --report valid.html") == 0
    data = data_of(Path("valid.html").read_text())
    assert data["head"]["headline"] == "All 2 runs are valid."
    assert data["head"]["word"] == "valid"
    assert run(f"{ECHO} {WRONG} --expect invalid --runs 2 --jobs 1 --report wrong.html") == 0
    data = data_of(Path("wrong.html").read_text())
    assert data["head"]["word"] == "as expected"
    assert data["parts"][0]["met"][0] == "invalid"


def test_several_scenarios_stand_in_one_page():
    Path("one.toml").write_text('model = "echo"\nruns = 2\ntime_limit = 1\nrecovery = 0\n')
    Path("two.toml").write_text(
        'model = "echo"\nruns = 1\ntime_limit = 1\nrecovery = 0\nseed = 7\n'
    )
    assert run("test one.toml two.toml --jobs 1 --report all.html") == 0
    data = data_of(Path("all.html").read_text())
    assert [part["name"] for part in data["parts"]] == ["one.toml", "two.toml"]
    assert data["parts"][1]["seeds"]["first"] == "7"
    assert data["head"]["title"] == "Sweep of 2 scenarios"


def test_a_hunt_has_its_themes():
    assert run("hunt echo --time-limit 1 --recovery 0 --runs 6 --jobs 1 --report hunt.html") == 0
    (part,) = data_of(Path("hunt.html").read_text())["parts"]
    assert sum(runs for _, runs, *_ in part["hunt"]["tried"]) == 6
    assert part["hunt"]["words"][0].startswith("reached: ")
    assert part["again"][0].startswith("clew hunt echo ")


def test_where_there_is_nothing_to_run_the_page_says_so():
    assert run("test --failed --report none.html") == 0
    assert data_of(Path("none.html").read_text())["head"]["headline"] == "Nothing was run."


def test_a_course_keeps_what_is_shown_and_counts_the_rest(monkeypatch):
    monkeypatch.setattr("clew.search.course.SEEDS_MAX", 3)
    course = Course()
    for seed, (seconds, seen) in enumerate([(1.0, 2), (3.0, 2), (2.0, 5), (9.0, 5)]):
        result = SimpleNamespace(seed=seed, verdict=Verdict.VALID, json={"wall_seconds": seconds})
        course.add(result, seen)
    assert (course.runs, course.seeds) == (4, [0, 1, 2])
    assert course.growth == [(1, 2), (3, 5)]
    assert [one.seed for one in course.slowest(2)] == [1, 2]


@pytest.mark.parametrize(("width", "scheme"), [(1600, "light"), (390, "dark")])
def test_it_is_used_by_mouse_and_keys(browser, swept, width, scheme):
    with browsed(browser, swept / "pages" / "sweep.html", width, scheme) as tab:
        assert tab.locator("#verdict").inner_text().endswith("INVALID")
        assert not tab.locator("#parts").is_visible()
        assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert tab.evaluate("document.documentElement.dataset.theme") == scheme
        tab.keyboard.press("n")
        seed = tab.evaluate("clew.seeds.seeds[clew.seeds.at]")
        assert f"Seed {seed}: invalid" in tab.locator("#seed").inner_text()
        assert tab.url.endswith(f"#s{seed}")
        tab.keyboard.press("ArrowRight")
        assert tab.url.endswith(f"#s{int(seed) + 1}")
        tab.locator(".way[open] .chips button").last.click()
        last = tab.locator(".way[open] .chips button").last.inner_text()
        assert f"Seed {last}" in tab.locator("#seed").inner_text()
        tab.locator("#seeds").click(position={"x": 3, "y": 3})
        assert "Seed 0" in tab.locator("#seed").inner_text()


def test_a_step_leads_to_its_event_on_the_page_of_the_run(browser, swept, part):
    context = browser.new_context()
    tab = context.new_page()
    tab.goto((swept / "pages" / "sweep.html").as_uri())
    awaited(tab, "window.clew !== undefined")
    tab.locator(".way[open] .step").last.click()
    awaited(tab, "window.clew?.cursor >= 0")
    number = part["groups"][0]["account"]["story"][-1][0]
    assert "/report.html#e" in tab.url
    assert tab.evaluate("clew.model.number[clew.cursor]") == number
    context.close()
