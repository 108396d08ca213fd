"""The page of a run in a real browser: panes, keys, and that it asks nobody for anything."""

import pytest
from browsing import browsed

import clew
from clew.report.page.page import page


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A small page, and one whose data is packed."""
    folder = tmp_path_factory.mktemp("pages")
    result = clew.run("raft", bug="stale-reads", seed=66, time_limit=10, out=folder)
    written = {"whole": result.outcome, "small": result.shrink().outcome}
    lost = clew.run("gossip", bug="never-retries", seed=0, time_limit=2, recovery=1, out=folder)
    written["matrix"] = lost.outcome
    for name, outcome in written.items():
        (folder / f"{name}.html").write_text(page(outcome, "clew replay x.json"))
    return folder


@pytest.fixture
def opened(browser, files, request):
    """A page in the browser, with all that it said and asked for."""
    name, width, scheme = getattr(request, "param", ("small", 1600, "light"))
    with browsed(browser, files / f"{name}.html", width, scheme) as tab:
        yield tab


def cursor(tab):
    return tab.evaluate("clew.model.number[clew.cursor]")


def test_it_opens_at_the_failure(opened):
    assert opened.evaluate("clew.cursor === clew.model.data.failure")
    assert opened.locator("#verdict").inner_text().endswith("INVALID")
    assert "n2 receives read key 1 from c1" in opened.locator("#state").inner_text()
    assert opened.url.endswith(f"#e{cursor(opened)}")


def test_keys_move_the_one_cursor(opened):
    failed = cursor(opened)
    opened.keyboard.press("k")
    before = cursor(opened)
    assert before < failed
    opened.keyboard.press("j")
    assert cursor(opened) == failed
    opened.keyboard.press("[")
    assert opened.evaluate("clew.model.laneName(clew.model.lane[clew.cursor])") == "n2"
    opened.keyboard.press("Home")
    first = cursor(opened)
    opened.keyboard.press("End")
    assert first < failed < cursor(opened)
    opened.keyboard.press("p")
    assert opened.locator(".step.on").count() == 1
    opened.keyboard.press("f")
    assert cursor(opened) == failed


def test_a_click_on_a_step_shows_its_moment_everywhere(opened):
    step = opened.locator(".step").nth(3)
    step.click()
    assert "on" in step.get_attribute("class")
    told = opened.locator("#state h2").first.inner_text().lower()
    assert f"after event {cursor(opened)}" in told
    assert opened.url.endswith(f"#e{cursor(opened)}")


def test_states_are_before_and_after(opened):
    opened.evaluate(
        "clew.select([...Array(clew.model.count).keys()].find(one => "
        "clew.model.stateText[one] === 'leader' && clew.model.time[one] > 5e8))"
    )
    changed = opened.locator(".node.here dt.changed").all_inner_texts()
    assert "state" in changed
    assert "leader" in opened.locator(".node.here dd.changed").all_inner_texts()[0]
    opened.locator(".node.here dt", has_text="commit").first.click()
    opened.keyboard.press(".")
    assert "commit" in opened.locator(".node.here dt.changed").all_inner_texts()


def test_finding_following_and_measuring(opened):
    opened.keyboard.press("/")
    opened.keyboard.type("append_answer")
    opened.keyboard.press("Enter")
    assert "append_answer" in opened.evaluate("clew.model.words(clew.cursor)")
    opened.keyboard.press("Escape")
    opened.keyboard.press("m")
    assert opened.evaluate("clew.chain.messages.size") > 1
    opened.keyboard.press("b")
    opened.keyboard.press("j")
    assert "from the mark" in opened.locator("#where").inner_text()


@pytest.mark.parametrize("opened", [("whole", 1600, "dark")], indirect=True)
def test_a_long_run_is_unpacked_and_what_is_hidden_is_counted(opened):
    assert opened.evaluate("document.getElementById('data').textContent") == "null"
    assert opened.evaluate("document.documentElement.dataset.theme") == "dark"
    hidden, shown = opened.evaluate("[clew.picture.hidden, clew.shown.length]")
    assert sum(hidden.values()) + shown == opened.evaluate("clew.model.count")
    opened.click("[data-show=all]")
    assert opened.evaluate("clew.shown.length === clew.model.count")
    opened.click("[data-axis=time]")
    opened.evaluate("clew.large.zoom(0, clew.model.data.end)")
    opened.keyboard.press("t")
    assert opened.evaluate("document.documentElement.dataset.theme") == "light"


@pytest.mark.parametrize("opened", [("small", 390, "light")], indirect=True)
def test_a_narrow_screen_has_tabs(opened):
    assert opened.locator("#picture").is_visible()
    assert not opened.locator("#story").is_visible()
    opened.click("[data-tab=state]")
    assert opened.locator("#state").is_visible()
    assert not opened.locator("#picture").is_visible()
    opened.click("#before")
    assert opened.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("opened", [("matrix", 1600, "dark")], indirect=True)
def test_a_cell_of_the_matrix_leads_to_its_read(opened):
    missing = opened.locator("#story .matrix .missing")
    assert missing.first.inner_text() == "\u2717"
    opened.keyboard.press("Home")
    first = cursor(opened)
    missing.first.focus()
    opened.keyboard.press("Enter")
    assert cursor(opened) > first
    assert "read" in opened.evaluate("clew.model.words(clew.cursor)")
