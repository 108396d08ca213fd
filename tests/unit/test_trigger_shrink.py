"""What becomes of faults that wait for something when a plan is made small."""

from dataclasses import replace

import pytest

from clew.report.story import story
from clew.scenarios.code.models import load_model
from clew.scenarios.judgement.outcome import judge
from clew.scenarios.options.scenario import make_scenario
from clew.scenarios.plans.draw import draw_plan
from clew.scenarios.runs.run import simulate
from clew.search.shrink import cuts
from clew.search.shrink.shrinker import shrink
from clew.sim.faults import Fault
from clew.sim.trigger import Trigger

S = 1_000_000_000
MS = 1_000_000

HALVES = '''
from clew import Node, on


class Halves(Node):
    """Writes two entries one after the other, and does not expect to find only one."""

    workload = "echo"

    def start(self):
        if self.disk.get("first", 0) != self.disk.get("second", 0):
            raise RuntimeError("half written")

    @on("echo")
    def echo(self, msg):
        for name in ("first", "second"):
            self.disk[name] = self.disk.get(name, 0) + 1
            self.disk.fsync()
        self.reply(msg, {"type": "echo_ok", "echo": msg.body["echo"]})


class Once(Halves):
    """Does not start a second time."""

    def start(self):
        if self.disk.get("first", 0):
            raise RuntimeError("started twice")
'''


@pytest.fixture
def failing(tmp_path):
    def plan_of(name, *faults):
        path = tmp_path / "halves.py"
        path.write_text(HALVES)
        model = load_model(f"{path}:{name}")
        scenario = make_scenario(
            {"model": f"{path}:{name}", "time_limit": 4, "rate": 10, "node_count": 3}
        )
        plan = replace(draw_plan(scenario, 1, model), faults=faults)
        assert any(each.kind == "exception" for each in simulate(plan, model).findings)
        return plan

    return plan_of


def waiting(when, kind="kill", name="f"):
    return Fault(name, kind, S // 2, 4 * S - 1, "it", {}, when)


def test_a_moment_that_matters_is_still_waited_for_at_the_node_by_name(failing):
    noise = [waiting(Trigger("deliver", count=rank, lasts_ns=S), "pause", f"p{rank}")
             for rank in (2, 5)]  # fmt: skip
    plan = failing("Halves", waiting(Trigger("synced", count=5, lasts_ns=333 * MS)), *noise)
    [fault] = shrink(plan).plan.faults
    assert fault.when is not None
    assert fault.when.event == "synced"
    assert fault.when.node in plan.node_ids
    assert fault.target == (fault.when.node,)
    assert fault.when.count == 1


def test_a_fault_for_which_any_moment_would_do_strikes_at_a_time(failing):
    plan = failing("Once", waiting(Trigger("deliver", "echo", count=3, lasts_ns=333 * MS)))
    shrunk = shrink(plan)
    [fault] = shrunk.plan.faults
    assert fault.when is None
    assert fault.at_ns % MS == 0
    assert isinstance(fault.target, tuple)


def test_the_report_of_a_failing_run_says_what_it_waited_for(failing):
    plan = failing("Halves", waiting(Trigger("synced", lasts_ns=333 * MS)))
    report = simulate(plan, load_model(plan.model.name)).faults[0]
    assert report.to_json()["fired"]["node"] in plan.node_ids
    assert report.told.startswith(f"when {report.target[0]} has synced: killed ")


def test_what_waits_at_a_node_that_goes_goes_with_it():
    model = load_model("raft")
    plan = draw_plan(make_scenario({"model": "raft", "node_count": 3, "time_limit": 5}), 1, model)
    faults = [waiting(Trigger("state", "leader", node=f"n{rank}"), name=f"f{rank}")
              for rank in range(3)]  # fmt: skip
    faults.append(waiting(Trigger("state", "leader"), name="any"))
    less = cuts.with_nodes(replace(plan, faults=tuple(faults)), ["n0", "n1"], moved=True)
    assert [fault.id for fault in less.faults] == ["f0", "f1", "any"]


def test_a_story_tells_what_a_fault_waited_for(failing):
    plan = failing("Halves", waiting(Trigger("synced", node="n1", lasts_ns=333 * MS)))
    model = load_model(plan.model.name)
    told = " ".join(story(judge(simulate(plan, model), model)).split())
    assert "Fault f: when n1 has synced: killed n1" in told
