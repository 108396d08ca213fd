"""Figures of load: utilisation, queues, offered load and goodput, as wholes and over time."""

import re

import pytest

import clew
from clew.checkers.verdict import Verdict
from clew.errors import UsageError
from clew.node.capacity import Capacity
from clew.node.node import Node, on
from clew.report.load import load_tables, spark
from clew.report.page.page import page
from clew.report.run import run_report
from clew.report.screen import Style
from clew.scenarios.judgement.load import WINDOWS_MAX
from clew.search.shrink.oracle import whole_figures
from tests.unit.pages import data_of

S = 1_000_000_000


class Single(Node):
    """Takes 30 ms for each request, of which some wait."""

    workload = "echo"

    @on("echo")
    async def echo(self, msg):
        await self.work(0.03)
        self.reply(msg, {"type": "echo_ok", "echo": msg.body["echo"]})


class Small(Single):
    capacity = Capacity(workers=2, queue=3)


BUSY = {"node_count": 1, "concurrency": 20, "rate": 40, "time_limit": 6, "recovery": 2}


@pytest.fixture(scope="module")
def overloaded():
    return clew.run(Single, nemesis="slow,kill", nemesis_interval=2, **BUSY)


def test_jobs_wait_as_lindleys_recursion_says():
    run = clew.run(Single, **BUSY).outcome.run
    works = list(run.timeline().events("work"))
    came = [e.time - e.fields["waited_ns"] - e.fields["took_ns"] for e in works]
    waited = 0
    for rank, event in enumerate(works):
        if rank:
            # Lindley, Proc. Cambridge Phil. Soc. 48, 1952: what was left when the next one came.
            waited = max(waited + 30_000_000 - (came[rank] - came[rank - 1]), 0)
        assert event.fields["waited_ns"] == waited
    assert len(works) > 200
    assert waited > 0


@pytest.mark.parametrize("node_class", [Single, Small])
def test_figures_are_what_the_jobs_say(node_class):
    result = clew.run(node_class, **BUSY)
    fields = [event.fields for event in result.outcome.run.timeline().events("work")]
    figures, run = result.statistics, result.outcome.run
    workers = node_class.capacity.workers
    (node,) = figures["nodes"].values()
    # Little, Operations Research 9(3), 1961: the mean queue is the rate of jobs times their wait.
    waited_ns = sum(each["waited_ns"] for each in fields)
    took_ns = sum(each["took_ns"] for each in fields)
    assert node["queue"]["mean"] == pytest.approx(waited_ns / run.virtual_ns, abs=1e-4)
    assert node["utilisation"] == pytest.approx(took_ns / run.virtual_ns / workers, abs=1e-4)
    failed = [event for event in run.history if event.type == "fail"]
    assert node["queue"]["refused"] == len(failed)
    assert figures["queue"] == node["queue"]
    assert figures["utilisation"] == {"mean": node["utilisation"], "max": node["utilisation"]}
    if node_class is Small:
        assert node["queue"]["max"] <= 3


def test_figures_over_time_add_up(overloaded):
    figures, run = overloaded.statistics, overloaded.outcome.run
    (node,) = figures["nodes"].values()
    over, load = node["over_time"], figures["load"]
    seconds = run.virtual_ns / S
    assert over["utilisation"][0] > 0.5
    assert sum(over["utilisation"]) / seconds == pytest.approx(node["utilisation"], abs=1e-3)
    assert sum(over["queue"]) / seconds == pytest.approx(node["queue"]["mean"], abs=1e-3)
    assert max(over["longest"]) == node["queue"]["max"]
    assert sum(over["refused"]) == node["queue"]["refused"] == 0
    assert load["over_time"]["seconds"] == 1
    assert sum(load["over_time"]["offered"]) == figures["operations"]["count"]
    assert sum(load["over_time"]["goodput"]) == figures["operations"]["ok"]
    parts = load["main"]["offered"] * 6 + load["recovery"]["offered"] * 2
    assert load["offered"] * 8 == pytest.approx(parts, abs=1e-2)
    assert load["goodput"] < load["offered"]


@pytest.mark.parametrize(("limit", "window"), [(1, 1), (50, 1), (63, 2), (120, 3)])
def test_there_are_few_windows_whatever_the_run(limit, window):
    whole = {"recovery": 9, "availability": 0.5}  # a recovery that does not end early
    result = clew.run("echo", time_limit=limit, rate=5, node_count=1, **whole)
    over = result.statistics["load"]["over_time"]
    assert over["seconds"] == window
    assert len(over["offered"]) <= WINDOWS_MAX
    asked = sum(over["offered"]) * window
    assert asked == pytest.approx(result.statistics["operations"]["count"], rel=0.05)


def test_a_run_without_recovery_has_no_figures_of_it():
    load = clew.run("echo", time_limit=2, recovery=0).statistics["load"]
    assert load["main"]["offered"] == load["offered"]
    assert "recovery" not in load


def test_conditions_speak_of_load():
    asserts = ("nodes.n0.utilisation < 0.9", "queue.max < 100", "load.recovery.goodput > 20")
    result = clew.run(Single, **BUSY, asserts=asserts)
    (check,) = (check for check in result.outcome.checks if check.name == "assert")
    assert check.verdict is Verdict.INVALID
    assert check.reason.startswith("nodes.n0.utilisation is 0.9")
    assert "queue" not in check.reason


def test_nodes_that_never_work_have_no_figures_of_work():
    result = clew.run("echo", time_limit=2, recovery=1, asserts=("queue.max < 100",))
    assert "nodes" not in result.statistics
    assert result.verdict is Verdict.UNKNOWN
    assert load_tables(result.statistics) == ""


@pytest.mark.parametrize("path", ["load.over_time.goodput", "nodes.n1.busy", "load.final.offered"])
def test_a_condition_on_what_is_no_figure_is_refused(path):
    with pytest.raises(UsageError, match="expected a figure of a run"):
        clew.run("echo", asserts=(f"{path} < 3",))


def test_a_report_shows_load_where_nodes_work(overloaded):
    told = run_report(overloaded.outcome, None, None, Style())
    assert "  node   busy  queue  at most  refused\n" in told
    assert (
        "  over time, a sign for a second: 9 is the highest value of the line, a dot is none"
        in told
    )
    lines = [line for line in told.splitlines() if line.startswith("    n0 queue")]
    assert len(lines) == 1
    assert "9" in lines[0]


def test_of_many_nodes_the_busiest_are_shown():
    result = clew.run(Single, node_count=8, rate=100, time_limit=2, recovery=0)
    assert "  and 3 nodes less busy" in load_tables(result.statistics)


def test_the_page_of_a_run_draws_load_on_the_lanes_of_nodes_that_work(overloaded):
    (drawn,) = _drawn(overloaded)
    over = overloaded.statistics["nodes"]["n0"]["over_time"]
    assert drawn[1:] == [S, over["queue"], over["utilisation"]]
    assert _drawn(clew.run("echo", time_limit=1, recovery=0)) == []


def _drawn(result):
    return data_of(page(result.outcome))["load"]


DROWNED = {"node_count": 1, "concurrency": 100, "rate": 100, "time_limit": 3, "recovery": 3,
           "request_timeout": 1}  # fmt: skip


def test_work_in_vain_is_remarked_and_not_made_small():
    result = clew.run(Single, **DROWNED)
    (remark,) = result.outcome.remarks
    assert re.match(r"After healing n0 \(with \d{3} jobs waiting on average\) worked all", remark)
    assert "0 of 100 operations per second were answered in time" in remark
    assert result.verdict is Verdict.INVALID
    assert whole_figures(result.outcome).startswith("the nodes were overloaded")
    assert not result.shrinkable


@pytest.mark.parametrize(
    ("node_class", "options"),
    [
        (Small, {}),  # it refuses what it can't do
        (Single, {"request_timeout": 20}),  # all are answered, though late
        (Single, {"concurrency": 10, "rate": 10}),
        (Single, {"recovery": 0}),
    ],
)
def test_no_work_in_vain_is_no_remark(node_class, options):
    result = clew.run(node_class, **(DROWNED | options))
    assert result.outcome.remarks == ()
    assert whole_figures(result.outcome) == ""


def test_a_line_over_time():
    assert spark([]) == ""
    assert spark([0, 0]) == ".."
    assert spark([0, 1, 50, 100, 0.001]) == ".1491"
