"""What stories say of disks, of late messages, and of the nearest run that passes."""

import re
from dataclasses import replace

import pytest

from clew.checkers.verdict import Anomaly, Verdict
from clew.models.registry import bugs_of
from clew.node.disk import Disk
from clew.report.screen import Style
from clew.report.shrink import difference, nearest, shrunk_report
from clew.report.story import story
from clew.scenarios.code.models import load_model
from clew.scenarios.judgement.outcome import judge
from clew.scenarios.options.scenario import make_scenario
from clew.scenarios.plans.draw import draw_plan
from clew.scenarios.plans.plan import PlannedOperation
from clew.scenarios.repros.repro import model_of
from clew.scenarios.runs.run import simulate
from clew.search.shrink.parting import causal_past
from clew.search.shrink.shrinker import shrink
from clew.sim.faults import Fault

pytestmark = pytest.mark.long

MS = 1_000_000

COUNTER = """
from clew import Node, on

TIMES = 1

class Counter(Node):
    workload = "g-counter"

    def start(self):
        self.total = self.disk.get("total", 0)

    def observe(self):
        return {"total": self.total}

    @on("add")
    def add(self, msg):
        self.total += msg.body["delta"]
        self.disk["total"] = self.total
        self.disk.append("log", b"added\\n")
        self.disk["big"] = "x" * 1000
        for peer in self.peers:
            self.send(peer, {"type": "inc", "delta": msg.body["delta"]})
        self.reply(msg, {"type": "add_ok"})

    @on("inc")
    def inc(self, msg):
        self.total += msg.body["delta"] * TIMES

    @on("read")
    def read(self, msg):
        self.reply(msg, {"type": "read_ok", "value": self.total})
"""


def counted(tmp_path, faults, operations, times=1, **options):
    """The outcome of a counter that syncs nothing and counts copies, or each inc several times."""
    path = tmp_path / "counter.py"
    path.write_text(COUNTER.replace("TIMES = 1", f"TIMES = {times}"))
    model = load_model(str(path))
    scenario = make_scenario({"model": str(path), "time_limit": 1, **options})
    plan = replace(
        draw_plan(scenario, 1, model), faults=faults, operations=operations,
        recovery_least_ns=None,  # final reads are made when the plan says
    )  # fmt: skip
    return judge(simulate(plan, model), model)


def flat(text):
    return re.sub(r"\s+", " ", text)


ADD = PlannedOperation(0, 0, 10 * MS, "add", 2, "main")
READ = PlannedOperation(0, 1, 500 * MS, "read", None, "final")


@pytest.mark.parametrize(
    ("unsynced", "told"),
    [
        (
            "lost",
            "n0's disk holds nothing; lost, because not synced: total = 2, 6 bytes of log, big = ",
        ),
        (
            "kept",
            'xxxxxxxxxxx"; kept, though not synced: total = 2, 6 bytes of log, ',
        ),
    ],
)
def test_a_story_says_what_a_crash_left_on_the_disk(unsynced, told, tmp_path):
    kill = Fault("kill-1", "kill", 100 * MS, 200 * MS, ("n0",), {"unsynced": unsynced})
    outcome = counted(tmp_path, (kill,), (ADD, READ), node_count=1)
    lines = flat(story(outcome))
    assert told in lines
    assert "Fault kill-1: killed n0. " in lines
    assert lines.index("killed n0") < lines.index("n0's disk") < lines.index("restarted n0")
    assert (outcome.verdict is Verdict.INVALID) == (unsynced == "lost")


def test_a_node_that_stays_down_needs_no_word_of_its_disk(tmp_path):
    kill = Fault("kill-1", "kill", 100 * MS, 2_000 * MS, ("n0",), {"unsynced": "lost"})
    outcome = counted(tmp_path, (kill,), (ADD, READ._replace(client=1)), 2, node_count=2)
    assert outcome.verdict is Verdict.INVALID
    assert "Fault kill-1: killed n0." in story(outcome)
    assert "n0's disk" not in story(outcome)


def test_a_disk_tells_of_each_write_what_became_of_it():
    disk = Disk()
    disk["a"] = 1
    disk.make_durable(disk.mark())
    disk.update(b=2, c=3)
    disk.append("log", b"12345678")
    del disk["a"]
    disk.crash("torn", lambda bound: 1)
    after = disk.successor().aftermath
    assert after.left == {"a": 1, "b": 2, "c": 3, "log": b"1"}
    assert list(after.fates()) == [
        ("kept", "b", 2), ("kept", "c", 3), ("torn", "log", b"12345678"), ("lost", "a", None),
    ]  # fmt: skip
    disk = Disk()
    assert disk.aftermath is None
    disk.crash("lost", lambda bound: 0)
    assert disk.aftermath.left == {}


def test_a_copy_that_arrives_late_is_a_step(tmp_path):
    fault = Fault(
        "duplicate-1", "duplicate", 5 * MS, 50 * MS, ("n0", "n1"),
        {"per_thousand": 1000, "gap_ns": 30 * MS},
    )  # fmt: skip
    read = READ._replace(client=1)
    outcome = counted(tmp_path, (fault,), (ADD, read), node_count=2)
    assert outcome.verdict is Verdict.INVALID
    lines = flat(story(outcome))
    copy = re.search(r"A copy of inc from n0 to n1, sent at 0\.01\d+ s, arrives\.", lines)
    assert copy
    assert "copies messages on every link" in lines
    # The count is twice as high behind it.
    assert lines.index("n1 has total 2.") < copy.start() < lines.index("n1 has total 4.")


def test_a_copy_that_nobody_who_failed_heard_of_is_no_step(tmp_path):
    fault = Fault(
        "duplicate-1", "duplicate", 5 * MS, 50 * MS, ("n0", "n1"),
        {"per_thousand": 1000, "gap_ns": 30 * MS},
    )  # fmt: skip
    lost = Fault("kill-1", "kill", 100 * MS, 200 * MS, ("n0",), {"unsynced": "lost"})
    outcome = counted(tmp_path, (fault, lost), (ADD, READ), node_count=2)
    assert outcome.verdict is Verdict.INVALID
    assert "A copy" not in story(outcome)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ((), "arrives only now."),
        (
            (ADD._replace(number=2, at_ns=50 * MS),),
            "arrives only now: a later message overtook it.",
        ),
    ],
)
def test_a_message_that_was_held_back_is_a_step(more, told, tmp_path):
    mean = {"mean_ns": 300 * MS}
    slow = Fault("delay-1", "delay-constant", 5 * MS, 15 * MS, ("n0", "n1"), mean)
    operations = (ADD, *more, READ._replace(client=1))
    outcome = counted(tmp_path, (slow,), operations, 2, node_count=2)
    assert outcome.verdict is Verdict.INVALID
    lines = flat(story(outcome))
    assert "slows messages down on every link" in lines
    assert re.findall(r"inc from n0 to n1, sent at 0\.01\d+ s, (.*?\.) ", lines) == [told]


def test_a_message_of_a_node_that_went_down_is_a_step(tmp_path):
    mean = {"mean_ns": 60 * MS}
    slow = Fault("delay-1", "delay-constant", 5 * MS, 15 * MS, ("n0", "n1"), mean)
    kill = Fault("kill-1", "kill", 20 * MS, 30 * MS, ("n0",), {})
    read = READ._replace(client=1)
    outcome = counted(tmp_path, (slow, kill), (ADD, read), 2, node_count=2)
    told = re.findall(r"inc from n0 to n1, sent at 0\.01\d+ s, (.*?\.) ", flat(story(outcome)))
    assert told == ["arrives only now: n0 went down meanwhile."]


def test_what_is_mended_is_said_only_where_something_was_broken(tmp_path):
    read = READ._replace(client=1, at_ns=11_500 * MS)
    kill = Fault("kill-1", "kill", 20 * MS, 30 * MS, ("n0",), {})
    over = "The time of faults is over"
    for faults, told in (
        ((), ""),
        ((kill,), f"{over}."),
        ((replace(kill, until_ns=5_000 * MS),), f"{over}; what was broken is mended."),
    ):
        lines = flat(story(counted(tmp_path, faults, (ADD, read), 2, node_count=2)))
        assert told in lines
        assert (over in lines) == bool(told)


# What is told of a planted bug's smallest story beside the run that passes.
NEAREST = [
    ("abd", "reads-one", 0, "when the fault partition-2 loses 1 message, not 2.",
     r"put \{.*\} from n4 to n1 is lost; in the passing one at \S+ s n1 receives put"),
    ("abd", "acknowledges-before-disk", 2, "what was not synced survives the fault kill-2",
     r"what n4 had not synced is lost; in the passing one it is on the disk"),
    ("raft", "replies-before-sync", 2, "what was not synced survives the fault kill-2",
     r"what n1 had not synced is lost; in the passing one it is on the disk"),
    ("raft", "forgets-vote", 1, "without the fault kill-2",
     r"n1 receives pre_vote .* from n4; in the passing one at \S+ s n1 receives append_answer"),
    ("g-counter", "forgets-on-restart", 0, "without the fault kill-1",
     r"read_ok \{\"value\": 0\} from n1; in the passing one .* read_ok \{\"value\": 1\} from n1"),
    ("gossip", "never-retries", 0, "partition-1",
     r"gossip .* from n\d to n\d is lost; in the passing one at \S+ s n\d receives gossip"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "bug", "seed", "change", "parting"), NEAREST)
def test_the_nearest_passing_run_parts_at_the_cause(name, bug, seed, change, parting):
    model = load_model(name, bug)
    scenario = make_scenario({**bugs_of(name)[bug].scenario, "model": name, "bug": bug})
    shrunk = shrink(draw_plan(scenario, seed, model))
    told = flat(nearest(shrunk))
    assert change in told
    assert re.search(parting, told)
    assert judge(simulate(shrunk.passing, model), model).verdict is not Verdict.INVALID
    # Only where final reads are what is wrong is healing part of the story.
    assert ("what was broken is mended" in story(shrunk.outcome)) == (name == "g-counter")
    assert "0 unsynced" not in shrunk_report(shrunk, None, Style())


def test_the_operation_whose_answer_is_wrong_is_not_what_is_taken_away():
    model = load_model("abd", "ties-not-broken")
    scenario = make_scenario(
        {**bugs_of("abd")["ties-not-broken"].scenario, "model": "abd", "bug": "ties-not-broken"}
    )
    shrunk = shrink(draw_plan(scenario, 0, model))
    told = difference(shrunk.plan, shrunk.passing)
    assert re.fullmatch(
        r"when client \d asks for write key 1 := \d at \S+ s instead of \S+ s, so that it overlaps "
        r"no earlier operation",
        told,
    )


def where(event, clients):
    fields = event.fields
    if event.kind in {"send", "deliver"}:
        return fields["src" if event.kind == "send" else "dest"]
    return f"c{fields['process'] % clients}" if "process" in fields else fields.get("node")


def test_the_causal_past_is_what_was_heard_and_what_was_missed():
    """Against its definition: reachability over all pairs of events."""
    model = load_model("abd", "reads-one")
    scenario = make_scenario({"model": "abd", "bug": "reads-one", "time_limit": 2, "rate": 20,
                              "nemesis": "loss,duplicate", "nemesis_interval": 1})  # fmt: skip
    run = simulate(draw_plan(scenario, 3, model), model_of(draw_plan(scenario, 3, model)))
    events = list(run.trace.events())
    end_ns = events[-1].time // 2
    anomaly = Anomaly("invariant", "", (), {"time_ns": end_ns, "node": "n1", "nodes": []})
    past = causal_past(run.timeline(), anomaly)

    copies = [event.fields for event in events if event.kind == "duplicate"]
    origin = {fields["copy"]: fields["message"] for fields in copies}
    known, expected, wanted = {"n1"}, set(), set()
    for event in reversed(events):
        if event.kind == "send" and event.fields["message"] in wanted:
            known.add(event.fields["src"])
        if where(event, run.plan.clients) in known and (
            event.time <= end_ns or event.number < max(expected, default=0)
        ):
            expected.add(event.number)
            if event.kind == "deliver":
                message = event.fields["message"]
                wanted.add(origin.get(message, message))
        elif event.kind == "drop" and event.fields["dest"] in known and expected:
            expected.add(event.number)
    assert past == expected
    assert 0 < len(past) < len(events)
