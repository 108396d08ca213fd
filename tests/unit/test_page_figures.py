"""Figures over time on the page of a run: by Bokeh, which is an extra."""

import sys

import pytest
from browsing import awaited, browsed
from pages import data_of

import clew
from clew import Node, on
from clew.report.page.figures import MISSING, WINDOWS, figures
from clew.report.page.page import page


class Busy(Node):
    """Works for each request, and loses some."""

    workload = "echo"

    @on("echo")
    async def echo(self, msg):
        await self.work(0.03)
        self.reply(msg, {"type": "echo_ok", "echo": msg.body["echo"]})


@pytest.fixture(scope="module")
def outcome():
    result = clew.run(
        Busy, nemesis="kill", nemesis_interval=1, node_count=2, time_limit=4, recovery=1
    )
    return result.outcome


@pytest.fixture(scope="module")
def drawn(outcome):
    pytest.importorskip("bokeh", reason="Bokeh is not installed: it is the extra report")
    return figures(outcome)


def models(item, kind):
    """All models of a kind in what Bokeh reads."""
    if isinstance(item, dict):
        if item.get("name") == kind and item.get("type") == "object":
            yield item["attributes"]
        for part in item.values():
            yield from models(part, kind)
    elif isinstance(item, list):
        for part in item:
            yield from models(part, kind)


def columns(data):
    """The columns of a source of data."""
    return dict(data["data"]["entries"]) if "entries" in data["data"] else data["data"]


def test_without_bokeh_the_page_says_how_to_get_it(outcome, monkeypatch):
    monkeypatch.setitem(sys.modules, "bokeh.embed", None)
    written = page(outcome, plots=True)
    assert data_of(written)["figures"] == {"missing": MISSING}
    assert "pip install" in MISSING
    assert '<script id="library" type="text/plain"></script>' in written


def test_the_page_beside_a_failure_has_none(outcome):
    assert "--report FILE" in data_of(page(outcome))["figures"]["missing"]


def test_each_figure_is_there_with_its_faults(outcome, drawn):
    titles = [one["text"] for one in models(drawn.data["item"], "Title")]
    assert titles == [
        "Latency of each operation", "Latency by quantile, of answered operations",
        "Operations that ended", "Availability: the share that was answered", "Messages by type",
        "Queues", "Utilisation",
    ]  # fmt: skip
    shades = list(models(drawn.data["item"], "BoxAnnotation"))
    assert len(shades) == len(titles) * len(outcome.run.faults) > 0


def test_what_is_drawn_is_the_run(outcome, drawn):
    sources = [columns(one) for one in models(drawn.data["item"], "ColumnDataSource")]
    points = sum(len(one["x"]) for one in sources if "who" in one)
    done = [one for one in outcome.run.timeline().operations if one.end is not None]
    assert points == len(done) > 20
    (sent,) = [one for one in sources if one.get("name", [""])[0] == "echo"]
    step = outcome.run.virtual_ns / 1e9 / WINDOWS
    messages = [one for one in outcome.run.timeline().messages.values() if one.type == "echo"]
    assert sum(sent["y"]) * step == pytest.approx(len(messages))


def test_they_are_drawn_offline_and_follow_the_cursor(browser, outcome, drawn, tmp_path):
    file = tmp_path / "figures.html"
    file.write_text(page(outcome, plots=True))
    with browsed(browser, file, 1600, "dark") as tab:
        assert tab.evaluate("typeof Bokeh") == "undefined"
        tab.click("[data-axis=figures]")
        awaited(tab, "clew.figures.models !== undefined")
        assert tab.locator("#bokeh canvas").count() > 0
        end = "clew.figures.of('Figure')[0].x_range.end"
        assert tab.evaluate(end) == pytest.approx(outcome.run.virtual_ns / 1e9)
        tab.keyboard.press("Home")
        before = tab.evaluate("clew.figures.of('Span')[0].location")
        tab.keyboard.press("End")
        assert tab.evaluate("clew.figures.of('Span')[0].location") > before
        box = tab.locator("#bokeh").bounding_box()
        tab.mouse.move(box["x"] + 300, box["y"] + 90)
        tab.mouse.wheel(0, -400)
        awaited(tab, f"{end} < {outcome.run.virtual_ns / 1e9 * 0.9}")
        tab.keyboard.press("t")
        tab.click("[data-axis=order]")
        assert tab.locator("#canvas").is_visible()
