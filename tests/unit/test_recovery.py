"""A recovery ends when it is over, and a plan says so; nothing is judged sooner by that."""

from dataclasses import replace

import pytest

from clew.node.timer import NS_PER_SECOND
from clew.scenarios.code.models import load_model
from clew.scenarios.judgement.outcome import judge
from clew.scenarios.options.scenario import make_scenario
from clew.scenarios.plans.draw import draw_plan
from clew.scenarios.plans.plan import plan_text, recovery_least_ns
from clew.scenarios.runs.run import simulate

LIMIT_NS, BOUND_NS = 2 * NS_PER_SECOND, 10 * NS_PER_SECOND


def planned(name, **options):
    model = load_model(name)
    given = {"model": name, "time_limit": 2, "rate": 20, "node_count": 3, **options}
    return model, draw_plan(make_scenario(given), 0, model)


def judged(name, **options):
    model, plan = planned(name, **options)
    return judge(simulate(plan, model), model)


def recovery_ns(outcome):
    return outcome.run.recovered_ns - LIMIT_NS


def node(tmp_path, source):
    path = tmp_path / "node.py"
    path.write_text("from clew import Node, RPCError, on\n" + source)
    return str(path)


def test_it_ends_once_all_were_served_and_not_before_its_least():
    outcome = judged("raft", nemesis=("partition",))
    assert outcome.verdict.value == "valid"
    assert BOUND_NS // 5 <= recovery_ns(outcome) < BOUND_NS // 2
    since = [one for one in outcome.run.history.operations if one.start >= LIMIT_NS]
    assert {one.node for one in since} == {"n0", "n1", "n2"}  # each client began at its own node


@pytest.mark.parametrize("name", ["raft", "gossip", "abd"])
def test_a_plan_without_its_field_has_the_whole_recovery_and_says_nothing_of_it(name):
    model, plan = planned(name)
    whole = replace(plan, recovery_least_ns=None)
    assert "recovery_least_ns" in plan_text(plan)
    assert "recovery_least_ns" not in plan_text(whole)
    assert simulate(whole, model).recovered_ns == LIMIT_NS + BOUND_NS


@pytest.mark.parametrize(
    "wanted",
    [{"availability": 0.5}, {"assert": ("operations.ok>1",)}, {"load": "daily:5..50"}],
)
def test_all_of_it_is_run_where_its_figures_are_wanted(wanted):
    _, plan = planned("echo", **wanted)
    assert plan.recovery_least_ns is None


def test_its_least_is_a_part_of_what_is_allowed_and_holds_round_trips():
    assert recovery_least_ns(BOUND_NS, 0) == BOUND_NS // 5
    assert recovery_least_ns(BOUND_NS, BOUND_NS // 100) == BOUND_NS // 5
    assert recovery_least_ns(BOUND_NS, BOUND_NS // 40) == BOUND_NS // 2
    assert recovery_least_ns(BOUND_NS, BOUND_NS) == BOUND_NS
    assert recovery_least_ns(0, BOUND_NS) is None


SILENT_WRITES = """
class Stuck(Node):
    workload = "lin-kv"
    functions = ("read", "write")

    @on("read")
    def read(self, msg):
        raise RPCError(20)

    @on("write")
    def write(self, msg):
        if self.monotonic() < 1:
            self.reply(msg, {"type": "write_ok"})
"""


def test_a_function_that_is_stuck_is_seen_though_others_are_served(tmp_path):
    outcome = judged(node(tmp_path, SILENT_WRITES))
    [liveness] = [check for check in outcome.checks if check.name == "liveness"]
    assert liveness.verdict.value == "invalid"
    assert "requests to write" in liveness.reason
    assert recovery_ns(outcome) == BOUND_NS


SILENT_NODE = """
class Silent(Node):
    workload = "echo"

    @on("echo")
    def echo(self, msg):
        if self.id != "n1" or self.monotonic() < 1:
            self.reply(msg, {"type": "echo_ok", "echo": msg.body["echo"]})
"""


def test_a_node_that_answers_nobody_is_waited_for_to_the_end(tmp_path):
    outcome = judged(node(tmp_path, SILENT_NODE))
    assert outcome.signature.startswith("liveness")
    assert recovery_ns(outcome) == BOUND_NS


SLOW_GOSSIP = """
class Slow(Node):
    workload = "g-set"

    def start(self):
        self.seen = set()
        self.every(EVERY, self.gossip)

    def gossip(self):
        for peer in self.peers:
            self.send(peer, {"type": "gossip", "seen": sorted(self.seen)})

    @on("gossip")
    def gossiped(self, msg):
        self.seen |= set(msg.body["seen"])

    @on("add")
    def add(self, msg):
        self.seen.add(msg.body["element"])
        self.reply(msg, {"type": "add_ok"})

    @on("read")
    def read(self, msg):
        self.reply(msg, {"type": "read_ok", "value": sorted(self.seen)})
"""


@pytest.mark.parametrize(
    ("seconds", "verdict", "least", "most"),
    [(0.2, "valid", 2.0, 3.0), (5, "valid", 3.0, 9.5), (60, "invalid", 10, 10)],
)
def test_final_reads_are_made_until_they_agree_or_the_whole_time_is_over(
    tmp_path, seconds, verdict, least, most
):
    outcome = judged(node(tmp_path, SLOW_GOSSIP.replace("EVERY", str(seconds))))
    assert outcome.verdict.value == verdict
    run = outcome.run
    finals = [one for one in run.history.operations if (run.history[one.invoked].extra or {})]
    assert sorted(one.node for one in finals) == [
        "n0",
        "n1",
        "n2",
    ]  # those that count, and no others
    assert least * NS_PER_SECOND <= recovery_ns(outcome) <= most * NS_PER_SECOND


KAFKA = """
class Log(Node):
    workload = "kafka"

    def start(self):
        self.logs = {}

    @on("send")
    def send_(self, msg):
        log = self.logs.setdefault(msg.body["key"], [])
        log.append(msg.body["msg"])
        self.reply(msg, {"type": "send_ok", "offset": len(log) - 1})

    @on("poll")
    def poll(self, msg):
        found = {}
        for key, offset in msg.body["offsets"].items():
            found[key] = [[n, one] for n, one in enumerate(self.logs.get(key, ()))][offset:]
        self.reply(msg, {"type": "poll_ok", "msgs": found})
"""


def test_each_time_final_reads_begin_at_the_beginning(tmp_path):
    name = node(tmp_path, KAFKA.replace('"kafka"', '"kafka"\n    functions = ("send", "poll")'))
    outcome = judged(name)  # three logs that know nothing of each other
    run = outcome.run
    finals = [one for one in run.history.operations if (run.history[one.invoked].extra or {})]
    assert finals
    assert all(set(run.history[one.invoked].value.values()) == {0} for one in finals)
    assert recovery_ns(outcome) == BOUND_NS
