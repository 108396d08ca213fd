"""Raft's elections, message by message."""

import pytest
from raft_bench import Bench

from clew.node.message import Message


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 7])
def test_one_leader_is_elected(size):
    bench = Bench(size)
    bench.advance(5)
    leader = bench.leader()
    assert all(node.leader == leader.id for node in bench.nodes.values())
    assert all(node.term == leader.term for node in bench.nodes.values())
    assert leader.observe() == {
        "state": "leader", "term": leader.term, "leader": leader.id, "commit": 1, "last": 1,
    }  # fmt: skip


def test_a_minority_elects_nobody_and_raises_no_term(bench):
    old = bench.leader()
    follower = next(node for node in bench.nodes.values() if node is not old)
    bench.isolate(follower.id)
    bench.advance(10)
    assert follower.state == "pre-candidate"
    assert follower.term == old.term
    bench.cut = set()
    bench.advance(1)
    assert bench.leader() is old


def test_a_leader_that_hears_no_majority_steps_down(bench):
    old = bench.leader()
    bench.isolate(old.id)
    bench.advance(3)
    assert old.state != "leader"
    assert bench.leader().term > old.term


def test_a_leader_that_is_heard_but_hears_nobody_is_replaced(bench):
    old = bench.leader()
    bench.cut = {(peer, old.id) for peer in old.peers}
    bench.advance(5)
    assert old.state != "leader"
    assert bench.leader().id != old.id


def ask_vote(bench, voter, kind="request_vote", **changes):
    body = {"type": kind, "term": voter.term + 1, "last": 99, "last_term": voter.term, **changes}
    bench.wire.clear()
    bench.hosts[voter.id].handlers[kind](Message("n9", voter.id, body))
    return bench.wire[-1][2]["granted"]


@pytest.mark.parametrize(
    ("changes", "granted"),
    [
        ({}, True),
        ({"last": 1, "last_term": 1}, True),
        ({"last": 0, "last_term": 0}, False),
        ({"last": 50, "last_term": 0}, False),
        ({"last": 0, "last_term": 2}, True),
        ({"term": 0}, False),
    ],
)
def test_a_vote_needs_a_log_that_is_up_to_date(bench, changes, granted):
    voter = next(node for node in bench.nodes.values() if node.state == "follower")
    assert (voter.term, voter.raft_log.last) == (1, 1)
    assert ask_vote(bench, voter, **changes) is granted


def test_a_vote_is_given_once_a_term_even_across_a_restart(bench):
    voter = next(node for node in bench.nodes.values() if node.state == "follower")
    assert ask_vote(bench, voter, term=7) is True
    voter = bench.restart(voter.id)
    assert (voter.term, voter.voted_for) == (7, "n9")
    assert ask_vote(bench, voter, term=7) is True  # the same candidate may ask again
    body = {"type": "request_vote", "term": 7, "last": 99, "last_term": 7}
    bench.hosts[voter.id].handlers["request_vote"](Message("n8", voter.id, body))
    assert bench.wire[-1][2]["granted"] is False


def test_a_pre_vote_is_refused_while_a_leader_is_heard_and_changes_nothing(bench):
    voter = next(node for node in bench.nodes.values() if node.state == "follower")
    before = voter.observe()
    assert ask_vote(bench, voter, "pre_vote") is False
    bench.time += 1
    assert ask_vote(bench, voter, "pre_vote") is True
    assert voter.observe() == before
