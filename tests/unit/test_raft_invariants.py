"""Raft's promises: each is silent on what is right and names what breaks it."""

from dataclasses import replace

import pytest

from clew.models.raft.consensus import Consensus
from clew.models.raft.invariants import (
    INVARIANTS,
    CommitMonotone,
    CommittedStays,
    CommitWithinLog,
    ElectionSafety,
    LeaderAppendOnly,
    LeaderCompleteness,
    LogMatching,
    RaftInvariant,
    StateMachineSafety,
)
from clew.models.raft.log import Log
from clew.models.raft.server import Raft
from clew.models.registry import bugs_of
from clew.node.disk import Disk
from clew.scenarios.code.models import load_model
from clew.scenarios.options.scenario import make_scenario
from clew.scenarios.plans.draw import draw_plan
from clew.scenarios.runs.run import simulate
from clew.sim.invariants import Invariant


def node(name, *terms, term=1, state="follower", commit=0):
    """A node whose log has entries of these terms, with a command that tells the index."""
    made = object.__new__(Consensus)
    made.id, made.term, made.state, made.commit = name, term, state, commit
    made.raft_log = Log(Disk())
    for index, each in enumerate(terms, 1):
        made.raft_log.append([each, "c1", index])
    return made


def told(check, *nodes):
    """The first violation that looking at nodes in turn gives."""
    for each in nodes:
        violation = check.after(each)
        if violation is not None:
            return violation
    return None


def leader(name, *terms, **more):
    return node(name, *terms, state="leader", **more)


@pytest.mark.parametrize("invariant", INVARIANTS)
def test_a_sound_history_is_silent(invariant):
    check = invariant({})
    old = leader("n1", 1, 1, term=1, commit=2)
    follower = node("n2", 1, commit=1)
    assert told(check, old, follower, old) is None
    follower.raft_log.append([1, "c1", 2])
    follower.commit = 2
    assert told(check, follower) is None
    follower.state, follower.term = "leader", 2
    follower.raft_log.append([2])
    assert told(check, follower, old) is None
    old.state, old.term = "follower", 2
    old.raft_log.append([2])
    old.raft_log.compact(2, {})
    assert told(check, old) is None
    old.commit = follower.commit = 3
    assert told(check, follower, old) is None


def test_two_leaders_of_a_term():
    check = ElectionSafety({})
    assert told(check, leader("n1", term=2), leader("n2", term=3)) is None
    violation = told(check, leader("n3", term=2))
    assert violation.reason == "n3 was elected leader of term 2, and so was n1"
    assert violation.nodes == ("n1", "n3")


def test_a_leader_that_cuts_its_log():
    check, one = LeaderAppendOnly({}), leader("n1", 1, 1)
    assert told(check, one) is None
    one.raft_log.truncate(2)
    assert told(check, one).reason == "n1 cut its log to 1 entries while it led term 1"


def test_a_log_cut_before_the_election_is_no_violation():
    check, one = LeaderAppendOnly({}), leader("n1", 1, 1)
    assert told(check, one) is None
    one.raft_log.truncate(2)
    one.term = 2
    assert told(check, one) is None


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        ((1, 2, 2), "n2 and n1 have different logs up to entry 3 of term 2"),
        ((1, 1, 2), None),
        ((1, 1, 3), None),
        ((1, 2), None),
    ],
)
def test_logs_that_differ_under_an_equal_entry(other, reason):
    violation = told(LogMatching({}), node("n1", 1, 1, 2), node("n2", *other))
    if reason is None:
        assert violation is None
    else:
        assert reason in violation.reason


def test_equal_terms_with_other_commands():
    one, other = node("n1", 1), node("n2")
    other.raft_log.append([1, "c9", 9])
    assert "different logs" in told(LogMatching({}), one, other).reason


def test_entries_that_replace_others_are_looked_at():
    check, one = LogMatching({}), node("n1", 1, 1)
    assert told(check, one) is None
    one.raft_log.truncate(2)
    one.raft_log.append([1, "c9", 9])
    assert "different logs" in told(check, one).reason


@pytest.mark.parametrize(
    ("terms", "term", "found"),
    [((1,), 2, "nothing"), ((1, 2), 2, "one of term 2"), ((1, 1), 2, None), ((1,), 1, None)],
)
def test_a_leader_without_a_committed_entry(terms, term, found):
    check = LeaderCompleteness({})
    assert told(check, leader("n1", 1, 1, commit=2)) is None
    violation = told(check, leader("n2", *terms, term=term))
    if found is None:
        assert violation is None
    else:
        assert violation.reason == (
            f"n2, leader of term 2, has {found} where n1 took entry 2 of term 1 for committed "
            "in term 1"
        )


def test_different_entries_applied():
    one, other = node("n1", 1, 1, commit=2), node("n2", 1, 2, commit=1)
    check = StateMachineSafety({})
    assert told(check, one, other) is None
    other.commit = 2
    violation = told(check, other)
    assert violation.reason == "n2 applied [2, 'c1', 2] as entry 2, n1 [1, 'c1', 2]"
    assert violation.values == {"index": 2, "terms": [1, 2]}


def test_a_snapshot_of_another_term():
    one, other = node("n1", 1, 1, commit=2), node("n2")
    other.raft_log.install(2, 7, {})
    other.commit = 2
    violation = told(StateMachineSafety({}), one, other)
    assert violation.reason == "n2 applied a snapshot of term 7 as entry 2, n1 [1, 'c1', 2]"


def test_a_log_that_is_cut_behind_what_was_committed():
    check, one = CommitWithinLog({}), node("n1", 1, 1, commit=2)
    assert told(check, one) is None
    one.raft_log.truncate(2)
    violation = told(check, one)
    assert violation.reason == "n1 takes 2 entries for committed and holds 1 of them"
    assert violation.values == {"commit": 2, "last": 1}


def test_what_is_committed_stays_so_while_the_node_runs():
    check, one = CommitMonotone({}), node("n1", 1, 1, 1, commit=2)
    assert told(check, one) is None
    one.commit = 3
    assert told(check, one, node("n2", 1, commit=1)) is None
    one.commit = 2
    assert told(check, one).reason == ("n1 took 3 entries for committed, and now takes 2")
    restarted = node("n1", 1, 1, 1, commit=0)
    assert told(check, restarted) is None


def test_a_committed_entry_that_a_node_cuts_off():
    check, one, other = CommittedStays({}), leader("n1", 1, 1, 1, commit=2), node("n2", 1, 1, 1)
    assert told(check, one, other) is None
    other.raft_log.truncate(3)
    assert told(check, other) is None  # the third was not committed
    other.raft_log.truncate(2)
    violation = told(check, other)
    assert violation.reason == (
        "n2 cut off entry 2 of term 1, which n1 took for committed in term 1"
    )
    assert violation.values == {"index": 2, "term": 1, "last": 1}


def test_what_is_put_back_at_once_or_was_never_committed_may_be_cut_off():
    check, one, other = CommittedStays({}), leader("n1", 1, 1, commit=2), node("n2", 1, 1)
    assert told(check, one) is None
    other.raft_log.truncate(2)
    other.raft_log.append([1, "c1", 2])
    assert told(check, other, node("n3", 1, 3)) is None
    restarted = node("n2", 1)
    assert told(check, restarted) is None


def test_a_node_of_an_earlier_term_may_cut_off_what_a_later_one_committed():
    check, late = CommittedStays({}), node("n4", 1, 2, term=3)
    assert told(check, leader("n1", 1, 2, 4, term=4, commit=3), late) is None
    late.raft_log.truncate(2)  # for the leader of term 3, which knows nothing of it
    late.raft_log.append([3])
    assert told(check, late) is None


class KeepsNothingBehindASnapshot(Raft):
    """Drops what is behind a snapshot that it installs, also where the logs agree."""

    snapshot_every = 4

    def take_snapshot(self, last, last_term, state):
        if self.raft_log.base < last < self.raft_log.last:
            self.raft_log.truncate(last + 1)
        super().take_snapshot(last, last_term, state)


def test_a_bug_that_no_other_invariant_shows_breaks_committed_stays():
    model = replace(load_model("raft"), node_class=KeepsNothingBehindASnapshot)
    options = {"swarm": True, "rate": 50, "time_limit": 10, "latency": 10}
    scenario = make_scenario({"model": "raft", "latency_dist": "exponential", **options})
    run = simulate(draw_plan(scenario, 4, model), model)
    assert [each.reason.partition(":")[0] for each in run.findings] == ["committed-stays"]


@pytest.mark.parametrize(("bug", "seed"), [("votes-twice", 1), ("obeys-old-leaders", 1)])
def test_an_invariant_that_is_not_asked_again_would_say_nothing(bug, seed, monkeypatch):
    model = load_model("raft", bug)
    options = {**bugs_of("raft")[bug].scenario, "time_limit": 20}
    scenario = make_scenario({"model": "raft", "bug": bug, **options})
    plan = draw_plan(scenario, seed, model)
    found = simulate(plan, model).findings
    assert len(found) > 1
    monkeypatch.setattr(RaftInvariant, "facts_of", Invariant.facts_of)
    assert simulate(plan, model).findings == found


LOUD = """
from clew.models.raft.server import Raft

class Loud(Raft):
    heard = 0

    def server_state(self):
        self.heard += 1
        return f"{self.state}, asked {self.heard} times"
"""


def test_a_state_that_clew_does_not_know_is_asked_for_after_each_event(tmp_path):
    path = tmp_path / "loud.py"
    path.write_text(LOUD)
    model = load_model(str(path))
    plan = draw_plan(make_scenario({"model": str(path), "time_limit": 1, "recovery": 0}), 0, model)
    events = simulate(plan, model).trace.events()
    [*told] = [
        event.fields for event in events if event.kind == "state" and event.fields["node"] == "n1"
    ]
    assert len(told) > 10
    ranks = [int(each["state"]["role"].split()[2]) for each in told]
    assert ranks == [*range(1, len(ranks) + 1)]


def test_a_state_is_shown_without_being_asked_for_where_nothing_changed(monkeypatch):
    model = load_model("raft")
    asked = []
    plain = Consensus.server_state

    def noted(node):
        asked.append(node.id)
        return plain(node)

    noted.__module__ = plain.__module__  # as Clew's own
    monkeypatch.setattr(Consensus, "server_state", noted)
    scenario = make_scenario({"model": "raft", "time_limit": 2, "recovery": 0})
    run = simulate(draw_plan(scenario, 0, model), model)
    assert {"follower", "leader"} <= {
        event.fields["state"]["role"] for event in run.trace.events() if event.kind == "state"
    }
    assert asked
    assert len(asked) < run.events / 2
