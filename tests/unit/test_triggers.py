"""Faults that wait for something: when exactly they strike, what is left undone, what is told."""

from dataclasses import replace
from pathlib import Path

import pytest

from clew.errors import ScenarioError
from clew.node.node import Node, on
from clew.runtimes.simulated import SimulatedProcess, simulated
from clew.runtimes.tripped import tripped
from clew.scenarios.code.models import load_model
from clew.scenarios.judgement.outcome import judge
from clew.scenarios.options.scenario import make_scenario
from clew.scenarios.plans.draw import draw_plan
from clew.scenarios.plans.plan import plan_text, trusted_plan
from clew.scenarios.plans.planfile import plan_from_json
from clew.scenarios.runs.run import simulate
from clew.sim.cluster import Cluster
from clew.sim.faults import Fault, Injector, fault_from_json
from clew.sim.trigger import DRAWN, EVENTS, Trigger
from clew.sim.tripwires import Tripwires

S = 1_000_000_000
MS = 1_000_000


class Talker(Node):
    """Each 100 ms n1 asks all others; they write, sync, and answer."""

    def start(self):
        self.asked = self.answered = 0
        if self.id == "n1":
            self.every(0.1, self.ask)

    def ask(self):
        self.asked += 1
        self.disk["asked"] = self.asked
        for peer in self.peers:
            self.send(peer, {"type": "ask", "number": self.asked})

    @on("ask")
    async def hear(self, msg):
        self.disk["heard"] = msg.body["number"]
        await self.disk.sync()
        self.disk["after"] = msg.body["number"]
        self.send(msg.src, {"type": "heard", "number": msg.body["number"]})

    @on("heard")
    def count(self, msg):
        self.answered += 1
        self.now()

    def server_state(self):
        return "busy" if self.asked >= 3 else "idle"

    def observe(self):
        return {"tens": self.asked // 10, "list": [self.answered > 4]}


class Blunt(Talker):
    """Syncs without waiting."""

    @on("ask")
    def hear(self, msg):
        self.disk["heard"] = msg.body["number"]
        self.disk.fsync()
        self.send(msg.src, {"type": "heard", "number": msg.body["number"]})


def waiting(when, kind="kill", target=None, at=0.05, until=8.0, name="f", **params):
    return Fault(name, kind, int(at * S), int(until * S), target, params, when)


def run(*faults, node_class=Talker, seconds=2.0, seed=1):
    wires = Tripwires([each.when for each in faults if each.when])
    make = tripped(SimulatedProcess, wires)
    names = ["n1", "n2", "n3"]
    cluster = Cluster(seed, node_class, names, make_process=make, tripwires=wires)
    injector = Injector(cluster, faults)
    cluster.boot()
    cluster.world.advance(int(seconds * S))
    assert cluster.findings == []
    return cluster, injector.reports()


def events(cluster, *kinds):
    return [one for one in cluster.trace.events() if one.kind in kinds]


def sent(cluster, kind, until_ns=None):
    return [
        (one.fields["src"], one.fields["dest"])
        for one in events(cluster, "send")
        if one.fields["body"]["type"] == kind and (until_ns is None or one.time <= until_ns)
    ]


def test_a_kill_strikes_between_two_messages_of_a_handler():
    cluster, [report] = run(waiting(Trigger("send", "ask", lasts_ns=S), until=1))
    assert (report.at_ns, report.target, report.bit) == (100 * MS, ("n1",), 1)
    assert sent(cluster, "ask", S) == [("n1", "n2")]
    assert report.fired == Trigger("send", "ask", "n1", 1, S)
    assert report.told.startswith("when n1 sends ask: killed n1; 1 unsynced write lost")


def test_events_are_counted_over_all_nodes_from_when_it_is_armed():
    when = Trigger("send", "heard", count=3, lasts_ns=S)
    _, [report] = run(waiting(when, at=0.15))
    assert report.fired.count in {1, 2}  # of the two that answer, one answers for the second time
    assert report.at_ns > 200 * MS
    _, [of_one] = run(waiting(replace(when, node="n3"), at=0.15))
    assert of_one.target == ("n3",)
    assert of_one.at_ns > 400 * MS


def test_what_was_found_exactly_strikes_again_at_the_same_moment():
    _, [report] = run(waiting(Trigger("deliver", count=5, lasts_ns=S), "pause"))
    _, [again] = run(waiting(report.fired, "pause"))
    assert again == report


def test_a_message_that_a_killed_node_gets_is_not_handled():
    cluster, [report] = run(waiting(Trigger("deliver", "ask", "n2", lasts_ns=5 * S)), seconds=1)
    assert report.target == ("n2",)
    assert ("n2", "n1") not in sent(cluster, "heard")
    assert len(sent(cluster, "heard")) == 9
    assert cluster.hosts["n2"].disk.get("heard", 0) == 0


def test_a_message_that_comes_to_a_node_as_it_is_paused_is_handled_once_it_goes_on():
    when = Trigger("deliver", "ask", "n2", lasts_ns=50 * MS)
    cluster, [report] = run(waiting(when, "pause"))
    paused, resumed = (events(cluster, kind)[0].time for kind in ("pause", "resume"))
    assert resumed - paused == 50 * MS
    assert report.bit == 1
    first = next(one for one in events(cluster, "send") if one.fields["src"] == "n2")
    assert resumed < first.time < resumed + 2 * MS
    assert cluster.nodes["n1"].answered == 2 * 19  # those of the last round are under way


@pytest.mark.parametrize(
    ("event", "heard", "answers"), [("sync", 0, 0), ("synced", 1, 0), ("send", 1, 1)]
)
@pytest.mark.parametrize("node_class", [Talker, Blunt])
def test_a_kill_strikes_before_a_sync_after_it_or_after_what_follows(
    event, heard, answers, node_class
):
    when = Trigger(event, "heard" if event == "send" else "", "n2", lasts_ns=5 * S)
    cluster, [report] = run(waiting(when), node_class=node_class, seconds=1)
    assert report.bit == 1
    assert cluster.hosts["n2"].disk.get("heard", 0) == heard
    assert sent(cluster, "heard").count(("n2", "n1")) == answers


def test_a_paused_node_goes_on_after_its_sync_only_once_it_is_let_go():
    when = Trigger("synced", node="n2", lasts_ns=300 * MS)
    cluster, [report] = run(waiting(when, "pause"), seconds=1)
    resumed = events(cluster, "resume")[0].time
    assert min(
        one.time for one in events(cluster, "send") if one.fields["src"] == "n2"
    ) >= resumed == report.at_ns + 300 * MS  # fmt: skip
    assert sent(cluster, "heard").count(("n2", "n1")) == 9


def test_a_fault_strikes_when_a_server_state_is_reached():
    cluster, [report] = run(waiting(Trigger("state", "busy", lasts_ns=S), "partition-one"))
    assert (report.at_ns, report.target) == (300 * MS, ("n1",))
    assert sent(cluster, "ask").count(("n1", "n2")) == 20  # its code was done by then
    assert report.bit > 0


def test_a_fault_strikes_when_a_field_of_what_a_node_shows_changes():
    _, [report] = run(waiting(Trigger("field", "tens", lasts_ns=S)))
    assert (report.at_ns, report.target) == (S, ("n1",))
    _, [other] = run(waiting(Trigger("field", "list", lasts_ns=S)))
    assert 300 * MS < other.at_ns < 320 * MS


def test_a_fault_strikes_when_a_timer_is_due_and_before_its_callback():
    cluster, [report] = run(waiting(Trigger("timer", "ask", count=2, lasts_ns=3 * S)))
    assert report.at_ns == 200 * MS
    assert len(sent(cluster, "ask")) == 2


def test_a_paused_nodes_timer_fires_once_it_is_let_go():
    cluster, _ = run(waiting(Trigger("timer", "ask", lasts_ns=50 * MS), "pause"), seconds=0.18)
    assert next(one.time for one in events(cluster, "send")) == 150 * MS


def test_a_fault_strikes_when_a_node_has_started_again():
    killed = Fault("k", "kill", S // 2, S, "n2")
    cluster, reports = run(killed, waiting(Trigger("boot", lasts_ns=100 * MS)))
    assert (reports[1].at_ns, reports[1].target) == (S, ("n2",))
    assert [one.time for one in events(cluster, "crash")] == [S // 2, S]


def test_faults_that_wait_for_the_same_strike_the_same_node_at_once():
    when = Trigger("deliver", "heard", count=2, lasts_ns=200 * MS)
    jump, cut = waiting(when, "clock-jump", name="a"), waiting(when, "partition-one", name="b")
    _, reports = run(jump, cut)
    assert [one.target for one in reports] == [("n1",), ("n1",)]
    assert len({one.at_ns for one in reports}) == 1
    assert all(one.bit for one in reports)
    # One that kills it does not keep the other from it.
    _, reports = run(waiting(when, name="a"), cut)
    assert [one.target for one in reports] == [("n1",), ("n1",)]
    assert [one.at_ns for one in reports] == [reports[0].at_ns] * 2


def test_a_fault_may_strike_another_node_and_later():
    when = Trigger("send", "ask", lasts_ns=S, delay_ns=7 * MS)
    cluster, [report] = run(waiting(when, target="n3"))
    assert (report.at_ns, report.target) == (107 * MS, ("n3",))
    assert sent(cluster, "ask", 150 * MS) == [("n1", "n2"), ("n1", "n3")]
    assert "when n1 sends ask, 7 ms later: killed n3" in report.told


def test_what_never_happens_is_reported_as_such():
    cluster, [report] = run(waiting(Trigger("send", "vote")))
    assert (report.bit, report.fired, report.target) == (0, None, ())
    expected = "never bit: it waited in vain for the moment when a node sends vote"
    assert report.told == expected
    assert events(cluster, "fault", "trigger") == []
    _, [rare] = run(waiting(Trigger("send", "ask", count=1000)), seconds=1)
    assert rare.detail.endswith("which came about 20 of 1000 times")


def test_what_is_waited_for_is_told_in_words():
    told = {name: Trigger("timer", name).told for name in ("", DRAWN, "beat")}
    assert told[""] == "when a node has any timer"
    assert told[DRAWN] == "when a node has a drawn timer"
    assert told["beat"] == "when a node has the timer beat"
    assert Trigger("send", "vote", "n2", 3).told == "when n2 sends vote for the 3rd time"


def test_it_waits_no_longer_than_until_its_end():
    _, [report] = run(waiting(Trigger("send", "ask"), at=0.01, until=0.05))
    assert report.fired is None


def test_a_drawn_name_is_one_that_the_run_has_had():
    found = {
        run(waiting(Trigger("deliver", DRAWN, lasts_ns=MS), at=0.5 + rank / 100))[1][0].fired
        for rank in range(12)
    }
    assert {one.name for one in found} == {"ask", "heard"}
    _, [first] = run(waiting(Trigger("send", DRAWN, lasts_ns=MS), at=0.0))
    assert first.fired.name == "ask"


def test_faults_that_strike_together_wait_for_the_same_drawn_name():
    names = set()
    for at in range(4, 12):
        when = Trigger("deliver", DRAWN, lasts_ns=20 * MS)
        kill = waiting(when, at=at / 10, name="a")
        cut = waiting(when, "partition-one", at=at / 10, name="b")
        _, reports = run(kill, replace(cut, when=replace(when, lasts_ns=S)))
        assert len({(one.at_ns, one.target, one.fired.name) for one in reports}) == 1
        names.add(reports[0].fired.name)
    assert names == {"ask", "heard"}


def test_each_event_is_waited_for_by_some_test():
    source = Path(__file__).read_text(encoding="utf-8")
    assert [event for event in EVENTS if f'"{event}"' not in source] == []


class Failing(Talker):
    """Has nothing but answers of Clew's own to send."""

    @on("ask")
    def hear(self, msg):
        raise ValueError("no")


def test_a_node_that_is_killed_as_it_answers_an_error_ends_there():
    wires = Tripwires([Trigger("send", "error")])
    cluster = Cluster(
        1, Failing, ["n1", "n2"], make_process=tripped(SimulatedProcess, wires), tripwires=wires
    )
    injector = Injector(cluster, [waiting(Trigger("send", "error", lasts_ns=S))])
    cluster.boot()
    client = cluster.add_client("c1")
    client.process = None
    cluster.world.advance(60 * MS)
    cluster.link("c1", "n2").emit({"type": "ask", "msg_id": 1}, True)
    cluster.link("c1", "n1").emit({"type": "nonsense", "msg_id": 1}, True)
    cluster.world.advance(500 * MS)
    assert injector.reports()[0].bit == 1


# Plans.


def test_a_plan_says_nothing_of_triggers_unless_it_has_some():
    plain = Fault("f", "kill", 0, S, "n1")
    assert "when" not in plain.to_json()
    waits = waiting(Trigger("send", "ask", "n1", 2, S, MS))
    assert fault_from_json(waits.to_json()) == waits
    assert fault_from_json({**plain.to_json(), "when": None}) == plain


BASE = {"event": "send", "name": "ask"}


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ("send", "an object with an event"),
        ({}, "one of send, deliver"),
        ({"event": "tiemr"}, "Did you mean 'timer'?"),
        ({**BASE, "often": 2}, "one of event, name, node, count"),
        ({**BASE, "name": 3}, "a text"),
        ({"event": "sync", "name": "x"}, "a sync has no name"),
        ({**BASE, "node": ""}, "null, a node's id"),
        ({**BASE, "node": ":"}, "null, a node's id"),
        ({**BASE, "node": 1}, "null, a node's id"),
        ({**BASE, "count": 0}, "an integer from 1"),
        ({**BASE, "count": True}, "an integer from 1"),
        ({**BASE, "lasts_ns": -1}, "an integer from 0"),
        ({**BASE, "delay_ns": 1.5}, "an integer from 0"),
        ({**BASE, "node": "n99"}, "some of node_ids"),
        ({**BASE, "node": ":shard"}, "expected no role"),
    ],
)
def test_a_wrong_trigger_in_a_plan_is_one_message(when, expected):
    plan = draw_plan(make_scenario({"model": "echo", "time_limit": 2}), 1, load_model("echo"))
    data = plan.to_json()
    data["faults"] = [{**Fault("f", "kill", 0, S).to_json(), "when": when}]
    with pytest.raises(ScenarioError) as bad:
        plan_from_json(data, "plan.json")
    assert expected in str(bad.value)
    assert "plan.json" in str(bad.value)


def test_the_target_it_needs_something_that_it_waits_for():
    with pytest.raises(ScenarioError, match="a 'when', or another target"):
        fault_from_json(Fault("f", "kill", 0, S, "it").to_json())


def drawn(model="raft", seed=1, **options):
    options = {"model": model, "time_limit": 8, "nemesis_interval": 1, **options}
    loaded = load_model(model)
    return draw_plan(make_scenario(options), seed, loaded), loaded


def test_trigger_draws_from_a_stream_of_its_own():
    alone, _ = drawn(nemesis="trigger")
    kills, _ = drawn(nemesis="kill")
    both, _ = drawn(nemesis="kill,trigger")
    drawn_apart = [*alone.faults, *kills.faults]
    assert sorted(map(repr, both.faults)) == sorted(map(repr, drawn_apart))
    assert all(fault.when is not None for fault in alone.faults)


def test_triggers_may_be_added_to_all_kinds():
    every, _ = drawn(nemesis="all")
    more, _ = drawn(nemesis="all,trigger")
    assert [fault for fault in more.faults if fault.when is None] == [*every.faults]
    assert any(fault.when for fault in more.faults)
    assert not any(fault.when for fault in every.faults)


def test_drawn_triggers_wait_for_all_kinds_of_events_and_do_many_things():
    plans = [drawn(seed=seed, nemesis="trigger")[0] for seed in range(40)]
    triggers = [fault.when for plan in plans for fault in plan.faults]
    assert {each.event for each in triggers} == {*EVENTS}
    assert {fault.kind for plan in plans for fault in plan.faults} >= {"kill", "pause", "slow-link"}
    counts = [each.count for each in triggers]
    assert 0.4 < counts.count(1) / len(counts) < 0.8
    assert max(counts) > 12


@pytest.mark.parametrize("model", ["echo", "unique-ids", "raft"])
def test_drawn_triggers_take_effect(model):
    for seed in range(1, 5):
        plan, loaded = drawn(model, seed, nemesis="trigger")
        outcome = judge(simulate(plan, loaded, keep_trace=False), loaded)
        assert outcome.verdict.value == "valid", outcome.checks


def test_a_run_whose_triggers_never_fired_is_unknown():
    plan, loaded = drawn("echo", nemesis="trigger")
    never = Trigger("send", "nothing")
    faults = tuple(replace(fault, when=never) for fault in plan.faults)
    outcome = judge(simulate(replace(plan, faults=faults), loaded), loaded)
    assert outcome.verdict.value == "unknown"
    assert "when a node sends nothing" in str([each.reason for each in outcome.checks])


def test_taking_one_away_leaves_the_others_draws_alone():
    plan, loaded = drawn("gossip", nemesis="trigger", nemesis_interval=2)
    whole = simulate(plan, loaded)
    last = max(whole.faults, key=lambda report: report.at_ns if report.fired else -1)
    less = replace(plan, faults=tuple(one for one in plan.faults if one.id != last.id))
    again = {report.id: report for report in simulate(less, loaded).faults}
    before = [one for one in whole.faults if one.fired and one.at_ns < last.at_ns]
    assert before
    assert all(again[one.id].fired == one.fired for one in before)
    assert all(again[one.id].at_ns == one.at_ns for one in before)


def test_the_same_plan_gives_the_same_run():
    plan, loaded = drawn(nemesis="trigger")
    again = trusted_plan(plan.to_json())
    assert plan_text(again) == plan_text(plan)
    assert simulate(again, loaded).digest == simulate(plan, loaded).digest


def test_a_plan_without_triggers_binds_nothing():
    cluster = simulated(1, Talker, ["n1", "n2"])
    cluster.boot()
    process = cluster.hosts["n1"].process
    assert cluster.tripwires is None
    assert not {"receive", "fire", "boot", "_connect", "at_sync"} & {*vars(process)}
