"""How Raft's log and its snapshots are replicated, message by message."""

import pytest
from raft_bench import READ, append, lone_follower, terms, write


def test_a_gap_is_refused_with_where_to_retry():
    bench, node = lone_follower()
    answer = append(bench, node, 4, [[1]])
    assert (answer["match"], answer["retry"]) == (None, 1)
    assert node.raft_log.last == 0


def test_an_overtaken_append_takes_nothing_away():
    bench, node = lone_follower()
    append(bench, node, 0, [[1], [1], [1]])
    answer = append(bench, node, 0, [[1]])
    assert answer["match"] == 1  # what was verified, not the end of the log
    assert terms(node) == [1, 1, 1]


def test_a_conflict_is_replaced():
    bench, node = lone_follower()
    append(bench, node, 0, [[1], [1], [1]])
    append(bench, node, 1, [[2]], term=2)
    assert terms(node) == [1, 2]


def test_a_follower_commits_no_further_than_was_verified():
    bench, node = lone_follower()
    append(bench, node, 0, [[1], [1], [1]])
    append(bench, node, 1, [], commit=3)
    assert (node.commit, node.applied) == (1, 1)


def test_an_append_of_an_old_term_is_refused_with_the_new_one():
    bench, node = lone_follower()
    append(bench, node, 0, [[3]], term=3)
    answer = append(bench, node, 1, [[2]], term=2, src="n8")
    assert (answer["term"], answer["match"], answer["retry"]) == (3, None, None)
    assert (node.leader, terms(node)) == ("n9", [3])


def test_what_a_follower_acknowledged_survives_a_crash():
    bench, node = lone_follower()
    append(bench, node, 0, [[1], [1, "c1", 1, "write", "k", 5]])
    node = bench.restart("n0")
    assert (node.term, terms(node)) == (1, [1, 1])
    assert node.commit == 0
    append(bench, node, 2, [], commit=2)
    assert node.machine.values == {"k": 5}


def test_an_entry_of_an_earlier_term_is_not_committed_by_counting():
    """Figure 8 (d): the leader of term 4 has spread an entry of term 2 to a majority."""
    bench, node = lone_follower()
    append(bench, node, 0, [[1], [2]], term=2)
    node.term = 3
    node.stand()
    node.count_votes()
    bench.wire.clear()
    bench.deliver("n1", "n0", {"type": "vote", "term": 4, "granted": True})
    answer = {"type": "append_answer", "term": 4, "round": 1, "retry": None}
    bench.deliver("n1", "n0", {**answer, "match": 2})
    assert node.commit == 0
    bench.deliver("n1", "n0", {**answer, "match": 3})
    assert node.commit == 3


def test_an_answer_to_an_earlier_leadership_counts_for_nothing(bench):
    leader = bench.leader()
    answer = {"type": "append_answer", "term": 0, "round": 9, "match": 9, "retry": None}
    bench.deliver(leader.peers[0], leader.id, answer)
    assert leader.progress[leader.peers[0]].match == 1


def test_a_leader_counts_itself_only_as_far_as_it_synced(bench):
    leader = bench.leader()
    bench.ask(leader, "c1", 1, **write(5))
    assert leader.raft_log.last == 2
    assert leader.durable == 1
    bench.advance(0.1)
    assert leader.durable == 2


def test_a_follower_that_fell_behind_gets_the_snapshot(bench):
    leader = bench.leader()
    late = leader.peers[0]
    bench.isolate(late)
    for number in range(150):
        bench.ask(leader, "c1", number, **write(number))
        bench.advance(0.02)
    assert leader.raft_log.base > 64
    assert bench.nodes[late].raft_log.last == 1
    bench.cut = set()
    bench.advance(1)
    node = bench.nodes[late]
    assert node.machine.values == {"k": 149}
    assert node.raft_log.base == leader.raft_log.base
    node = bench.restart(late)
    assert node.commit == leader.raft_log.base
    assert node.machine.values["k"] == node.machine.sessions["c1"][0]


def test_a_snapshot_that_was_overtaken_changes_nothing(bench):
    leader = bench.leader()
    for number in range(5):
        bench.ask(leader, "c1", number, **write(number))
    bench.advance(0.5)
    follower = bench.nodes[leader.peers[0]]
    before = follower.observe()
    body = {
        "type": "install_snapshot", "term": leader.term, "round": 1, "last": 2, "last_term": 1,
        "state": {"values": [], "sessions": []},
    }  # fmt: skip
    bench.deliver(leader.id, follower.id, body)
    assert follower.observe() == before
    assert follower.machine.values == {"k": 4}
    assert bench.wire[-1][2]["match"] == 2


def test_a_snapshot_replaces_entries_that_conflict_with_it():
    bench, node = lone_follower()
    append(bench, node, 0, [[1], [1], [1], [1]])
    body = {
        "type": "install_snapshot", "term": 3, "round": 1, "last": 2, "last_term": 3,
        "state": {"values": [["k", 7]], "sessions": []},
    }  # fmt: skip
    bench.deliver("n9", "n0", body)
    assert (node.raft_log.base, node.raft_log.base_term, node.raft_log.last) == (2, 3, 2)
    assert (node.commit, node.machine.values) == (2, {"k": 7})


@pytest.mark.parametrize("unsynced", ["lost", "kept", "torn"])
def test_a_cluster_that_lost_all_power_comes_back(bench, unsynced):
    for number in range(100):
        bench.ask(bench.leader(), "c1", number, **write(number))
        bench.advance(0.02)
    for name in bench.names:
        bench.restart(name, unsynced)
    bench.advance(3)
    bench.ask(bench.leader(), "c1", 200, **READ)
    bench.advance(0.1)
    assert bench.replies["c1", 200] == {"type": "read_ok", "value": 99}
