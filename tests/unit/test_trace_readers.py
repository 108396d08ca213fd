"""Every reader of a trace knows every kind of event, and copies of messages."""

import gzip
import json
from collections import Counter
from dataclasses import replace

import pytest

from clew.checkers.verdict import Verdict
from clew.report.lanes import lanes
from clew.report.page.page import page
from clew.report.run import node_logs, run_report
from clew.report.screen import Style
from clew.report.steps import Losses
from clew.report.story import story
from clew.scenarios.code.models import load_model
from clew.scenarios.judgement.outcome import judge
from clew.scenarios.options.scenario import make_scenario
from clew.scenarios.plans.draw import draw_plan
from clew.scenarios.runs.run import simulate
from clew.search.coverage import behaviours
from clew.search.onlooker import observed
from clew.search.shrink.parting import Failing, causal_past
from clew.search.shrink.simplifications import lost_to, reason_of
from clew.search.verification import _told as told_difference
from clew.trace.jsonl import EVERY, OF_A_MESSAGE, lines, write_trace
from clew.trace.kinds import KINDS, OF_MESSAGES
from clew.trace.record import Trace
from clew.trace.words import told, way

pytestmark = pytest.mark.long

NODE = """
from clew import Node, on
from clew.workloads.counter import GCounterWorkload

class Anywhere(GCounterWorkload):
    every_node = False

class N(Node):
    workload = "Anywhere"
    def start(self):
        self.asked = 0
        self.every(0.1, self.tick)
    def server_state(self):
        return "leader" if self.asked else "follower"
    def members_changed(self, members):
        pass
    def tick(self):
        self.log("tick")
        self.now()
        for peer in self.peers:
            self.send(peer, {"type": "hi"})
    @on("hi")
    async def hi(self, msg):
        await self.work(0.01)
    @on("read")
    def read(self, msg):
        self.reply(msg, {"type": "read_ok", "value": self.asked})
    @on("add")
    async def add(self, msg):
        self.asked += 1
        self.disk["asked"] = self.asked
        await self.disk.sync()
        self.effect(msg)
        if self.asked == 3:
            raise ValueError("the third")
        if self.asked % 2:
            raise __import__("clew").RPCError(11)
        self.reply(msg, {"type": "add_ok"})
"""

S = 1_000_000_000


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    path = tmp_path_factory.mktemp("node") / "node.py"
    path.write_text(NODE)
    model = load_model(str(path))
    scenario = make_scenario({
        "model": str(path), "time_limit": 12, "rate": 10, "node_count": 3,
        "nemesis": "partition,kill,pause,clock,duplicate,loss,flap,delay,slow,join,trigger",
        "nemesis_interval": 1,
        "retries": 1, "request_timeout": 1, "hedge": 0.001,
    })  # fmt: skip
    plan = draw_plan(scenario, 1, model)
    run = simulate(plan, model)
    return judge(run, model)


def test_the_run_has_every_kind_of_event_and_copies_that_arrive(outcome):
    kinds = Counter(event.kind for event in outcome.run.trace.events())
    assert set(kinds) == set(KINDS)
    copies = {e.fields["copy"] for e in outcome.run.trace.events() if e.kind == "duplicate"}
    fates = {
        e.kind
        for e in outcome.run.trace.events()
        if e.kind in {"deliver", "drop"} and e.fields["message"] in copies
    }
    assert fates == {"deliver", "drop"}
    assert outcome.verdict is Verdict.INVALID


def test_what_happens_to_a_message_or_a_copy_names_its_ends_and_its_body(outcome):
    sent = {}
    for event in outcome.run.trace.events():
        fields = event.fields
        if event.kind == "send":
            sent[fields["message"]] = fields["src"], fields["dest"], fields["body"]
        if event.kind == "duplicate":
            sent[fields["copy"]] = sent[fields["message"]]
        if event.kind in {"deliver", "drop", "duplicate"}:
            assert (fields["src"], fields["dest"], fields["body"]) == sent[fields["message"]]


def _causes(outcome):
    timeline = outcome.run.timeline()
    return [way(timeline.cause(event)) for event in timeline.events("ok", "state")]


def _losses(outcome):
    losses = Losses()
    for event in outcome.run.trace.events():
        if event.kind == "drop":
            fields = event.fields
            losses.add(event.time, fields["why"], fields["src"], fields["dest"], "hi")
    return list(losses.steps())


def _lost(outcome):
    plan, timeline = outcome.run.plan, outcome.run.timeline()
    faults = [fault for fault in plan.faults if reason_of(fault)]
    return [lost for one in faults for lost in lost_to(timeline, plan, one, reason_of(one))]


def _anomaly(outcome):
    return next(one for check in outcome.checks for one in check.anomalies)


def _other(outcome):
    plan = replace(outcome.run.plan, faults=outcome.run.plan.faults[1:])
    return simulate(plan, outcome.model)


READERS = {
    "story": story,
    "page": page,
    "lanes": lambda o: [lanes(o.run, one) for check in o.checks for one in check.anomalies],
    "report": lambda o: run_report(o, None, None, Style()),
    "logs": lambda o: node_logs(o.run),
    "losses": _losses,
    "causes": _causes,
    "coverage": lambda o: list(behaviours(o.run)),
    "observed": lambda o: observed(o.run, o.model).changes,
    "lost": _lost,
    "telling": lambda o: [told(event) for event in o.run.trace.events()],
    "nearest": lambda o: Failing(o.run, _anomaly(o)).parting(_other(o)),
    "past": lambda o: causal_past(o.run.timeline(), _anomaly(o)),
    "verify": lambda o: told_difference(o.run.trace, _other(o).trace, "another run"),
}


@pytest.mark.parametrize("name", READERS)
def test_every_reader_knows_every_kind(name, outcome):
    assert READERS[name](outcome)


@pytest.mark.parametrize("kind", KINDS)
def test_an_event_of_each_kind_is_told(kind, outcome):
    """Each by itself, as the first that differs between two runs."""
    event = next(event for event in outcome.run.trace.events() if event.kind == kind)
    assert told(event)
    shorter, longer = Trace(), Trace()
    for time, what, *fields in outcome.run.trace.records():
        stored = (time, 0, *fields) if what == "send" else (time, what, *fields)
        longer.add(*stored)
        if what == kind:
            break
        shorter.add(*stored)
    told_of = told_difference(shorter, longer, "another").difference
    assert told_of.startswith(f"event {event.number}: nothing more, then {kind} at ")


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_of_every_kind_is_documented(kind, outcome):
    events = (event for event in outcome.run.trace.records() if event[1] == kind)
    _, _, *values = next(events)
    row = KINDS[kind]
    missing = [name for name, meaning in row.fields.items() if not meaning]
    assert not missing
    assert row.meaning
    assert len(row.fields) == len(values)


def test_every_field_of_every_line_of_the_file_is_documented(outcome):
    missing = set()
    for line in lines(outcome.run.trace):
        event = json.loads(line)
        known = {**EVERY, **KINDS[event["kind"]].fields}
        if event["kind"] in {"send", *OF_MESSAGES}:
            known |= OF_A_MESSAGE
        missing |= {(event["kind"], name) for name in set(known) ^ set(event)}
        assert line.isascii()
        assert line.count("\n") == 1
    assert missing == set()


def test_the_file_holds_every_event_in_order(outcome):
    events = [json.loads(line) for line in lines(outcome.run.trace)]
    records = list(outcome.run.trace.records())
    assert [(event["number"], event["time"], event["kind"]) for event in events] == [
        (number, record[0], record[1]) for number, record in enumerate(records)
    ]


def test_a_packed_file_holds_the_same_and_no_time(outcome, tmp_path):
    plain, packed, again = (tmp_path / name for name in ("t.jsonl", "t.jsonl.gz", "other.gz"))
    for path in (plain, packed, again):
        write_trace(outcome.run.trace, path)
    assert gzip.decompress(packed.read_bytes()) == plain.read_bytes()
    assert packed.read_bytes() == again.read_bytes()
