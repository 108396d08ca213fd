"""Links with a bandwidth: messages leave one after the other, each as long as it takes."""

import json

import pytest

import clew
from clew.cli import main
from clew.errors import ScenarioError
from clew.machine.text import json_text
from clew.node.node import Node, on
from clew.runtimes.simulated import simulated
from clew.scenarios.plans.planfile import plan_from_json
from clew.sim.faults import Fault, Injector

S = 1_000_000_000
WIRE_NS = 200_000
"""The wire's own latency is below this."""

BODIES = [
    {"type": "a", "text": "x" * 978},  # 1,000 bytes with its quotes, commas and braces
    {"type": "b"},
    {"type": "c", "text": "\u00e9" * 10},
    {"type": "d", "deep": [1, [2.5, None], {"k": True}]},
]


class Sender(Node):
    def start(self):
        self.heard = []
        if self.id == "n1":
            for body in BODIES:
                self.send("n2", body)
            self.send("n3", BODIES[1])

    @on("a")
    def a(self, msg):
        self.note(msg)
        self.send("n1", {"type": "b"})

    @on("b")
    def b(self, msg):
        self.note(msg)

    @on("c")
    def c(self, msg):
        self.note(msg)

    @on("d")
    def d(self, msg):
        self.note(msg)

    def note(self, msg):
        self.heard.append((msg.body["type"], round(self.monotonic() * S)))


def heard(*faults, bandwidth=1000, **given):
    cluster = simulated(1, Sender, ["n1", "n2", "n3"], bandwidth=bandwidth, **given)
    Injector(cluster, faults)
    cluster.boot()
    cluster.world.advance(10 * S)
    return [node.heard for node in cluster.nodes.values()]


def lengths():
    return [len(json.dumps(body, separators=(",", ":"))) for body in BODIES]


def test_messages_of_a_link_leave_one_after_the_other():
    n1, n2, n3 = heard()
    assert lengths()[0] == 1000
    left_ns = 0
    for (kind, came_ns), body, length in zip(n2, BODIES, lengths(), strict=True):
        left_ns += length * S // 1000
        assert kind == body["type"]
        assert 0 < came_ns - left_ns < WIRE_NS
    # Other links, and the other direction, are free.
    assert 0 < n3[0][1] - lengths()[1] * S // 1000 < WIRE_NS
    assert 0 < n1[0][1] - n2[0][1] - lengths()[1] * S // 1000 < WIRE_NS


def test_what_a_cut_loses_has_left_as_well():
    cut = Fault("cut", "partition-groups", 0, S // 2, None, {"groups": [["n1"], ["n2", "n3"]]})

    class Later(Sender):
        def start(self):
            self.heard = []
            if self.id == "n1":
                self.after(0.1, self.send, "n2", BODIES[0])
                self.after(0.9, self.send, "n2", BODIES[1])

    cluster = simulated(1, Later, ["n1", "n2", "n3"], bandwidth=1000)
    Injector(cluster, [cut])
    cluster.boot()
    cluster.world.advance(10 * S)
    ((kind, came_ns),) = cluster.nodes["n2"].heard
    assert kind == "b"
    assert 0 < came_ns - 1_100_000_000 - lengths()[1] * S // 1000 < WIRE_NS


def test_latency_comes_on_top_and_draws_stay_as_they_are():
    slow = [ns for _, ns in heard(bandwidth=1000)[1]]
    fast = dict(heard(bandwidth=0)[1])
    left_ns = 0
    for body, came_ns, length in zip(BODIES, slow, lengths(), strict=True):
        left_ns += length * S // 1000
        assert came_ns - left_ns == fast[body["type"]]


def test_a_run_over_narrow_links_is_a_function_of_its_plan():
    options = {"bandwidth": 2000, "time_limit": 3, "recovery": 2, "rate": 50}
    result = clew.run("gossip", **options)
    again = clew.run("gossip", **options)
    plain = clew.run("gossip", **(options | {"bandwidth": 0}))
    digests = [one.outcome.run.digest for one in (result, again, plain)]
    assert digests[0] == digests[1] != digests[2]
    plan = plan_from_json(json.loads(json_text(result.plan.to_json())), "here")
    assert plan == result.plan
    assert plan.bandwidth == 2000


@pytest.mark.parametrize("value", ["-1", "fast", "1.5"])
def test_a_bandwidth_that_is_none_is_refused(value, capsys):
    assert main(["test", "echo", "--bandwidth", value]) == 64
    told = capsys.readouterr().err
    assert "--bandwidth can't be used: expected a whole number of bytes per second" in told
    assert told.count("\n") <= 2


def test_a_plan_with_a_negative_one_is_none():
    plain = clew.run("echo", time_limit=1, recovery=0).plan.to_json()
    with pytest.raises(ScenarioError, match="bandwidth"):
        plan_from_json({**plain, "bandwidth": -5}, "here")


def test_the_report_says_it(capsys):
    main(["test", "echo", "--bandwidth", "100000", "--time-limit", "1", "--recovery", "1"])
    assert "latency 0 ms constant, 100,000 bytes per second and link, " in capsys.readouterr().out
