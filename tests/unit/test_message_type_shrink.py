"""What becomes of faults of single types of messages when a plan is made small."""

from dataclasses import replace

import pytest

from clew.scenarios.code.models import load_model
from clew.scenarios.options.scenario import make_scenario
from clew.scenarios.plans.draw import draw_plan
from clew.scenarios.runs.run import simulate
from clew.search.shrink.shrinker import shrink
from clew.sim.faults import KINDS, Fault

S = 1_000_000_000

FRAIL = '''
from clew import Node, on


class Base(Node):
    """n0 sends n1 numbered orders and the news."""

    workload = "echo"

    def start(self):
        self.number = self.last = 0
        if self.id == "n0":
            self.every(0.2, self.tick)

    def tick(self):
        self.number += 1
        self.send("n1", {"type": "news"})
        self.send("n1", {"type": "order", "number": self.number})

    @on("news")
    def news(self, msg):
        pass

    @on("order")
    def order(self, msg):
        self.last, before = msg.body["number"], self.last
        self.compare(before, self.last)

    @on("echo")
    def echo(self, msg):
        self.reply(msg, {"type": "echo_ok", "echo": msg.body["echo"]})


class Lossy(Base):
    def compare(self, before, number):
        if number > before + 1:
            raise RuntimeError("an order is missing")


class Late(Base):
    def compare(self, before, number):
        if number < before:
            raise RuntimeError("an order is late")


class Burst(Base):
    def compare(self, before, number):
        if self.monotonic() > 1 + 0.2 * number:
            raise RuntimeError("an order took a second")


class Twice(Base):
    def start(self):
        super().start()
        self.seen = set()

    def compare(self, before, number):
        if number in self.seen:
            raise RuntimeError("an order came twice")
        self.seen.add(number)
'''


@pytest.fixture
def shrunk(tmp_path):
    def faults_of(name, kind, **params):
        path = tmp_path / "frail.py"
        path.write_text(FRAIL)
        model = load_model(f"{path}:{name}")
        scenario = make_scenario(
            {"model": f"{path}:{name}", "time_limit": 8, "rate": 2, "node_count": 3}
        )
        fault = Fault("f", kind, S, 8 * S - 1, None if KINDS[kind].aims == () else "all", params)
        plan = replace(draw_plan(scenario, 1, model), faults=(fault,))
        assert any(each.kind == "exception" for each in simulate(plan, model).findings)
        return shrink(plan).plan.faults

    return faults_of


def test_a_loss_of_a_type_names_the_messages(shrunk):
    [fault] = shrunk("Lossy", "message-loss", type="order", per_thousand=400)
    assert fault.kind == "drop", fault
    [[src, dest, _]] = fault.params["messages"]
    assert (src, dest) == ("n0", "n1")


@pytest.mark.parametrize(
    ("name", "kind", "named"), [("Late", "message-hold", "hold"), ("Twice", "message-copy", "copy")]
)
def test_messages_that_come_late_are_named(shrunk, name, kind, named):
    [fault] = shrunk(name, kind, type="order", per_thousand=400)
    assert fault.kind == named
    [[src, dest, _, late_ns]] = fault.params["messages"]
    assert (src, dest) == ("n0", "n1")
    assert late_ns > 0


@pytest.mark.parametrize(
    ("name", "kind", "named", "params"),
    [
        ("Twice", "duplicate", "copy", {"per_thousand": 100}),
        ("Late", "reorder", "hold", {"per_thousand": 100, "window_ns": S}),
        ("Late", "delay-exponential", "hold", {"mean_ns": S // 5}),
    ],
)
def test_messages_of_a_link_that_come_late_are_named(shrunk, name, kind, named, params):
    [fault] = shrunk(name, kind, **params)
    assert fault.kind == named
    [[src, dest, _, late_ns]] = fault.params["messages"]
    assert (src, dest) == ("n0", "n1")
    assert late_ns > 0


def test_messages_that_come_late_on_a_slow_link_are_named(shrunk):
    [fault] = shrunk("Burst", "slow-link", mean_ns=S)
    assert fault.kind == "hold"
    [[src, dest, _, late_ns]] = fault.params["messages"]
    assert (src, dest) == ("n0", "n1")
    assert late_ns >= S
