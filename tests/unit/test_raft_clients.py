"""What Raft's nodes answer to clients, message by message."""

import pytest
from raft_bench import READ, Bench, lone_follower, write


@pytest.mark.parametrize("at", ["leader", "follower"])
def test_any_node_serves_a_client(bench, at):
    node = next(node for node in bench.nodes.values() if node.state == at)
    bench.ask(node, "c1", 1, **write(5))
    bench.advance(0.1)
    bench.ask(node, "c1", 2, type="cas", key="k", **{"from": 5, "to": 6})
    bench.advance(0.1)
    bench.ask(node, "c1", 3, **READ)
    bench.advance(0.1)
    assert bench.replies["c1", 1] == {"type": "write_ok"}
    assert bench.replies["c1", 2] == {"type": "cas_ok"}
    assert bench.replies["c1", 3] == {"type": "read_ok", "value": 6}
    assert bench.effects == [("c1", 1), ("c1", 2), ("c1", 3)]


def test_a_read_without_a_majority_is_not_answered(bench):
    leader = bench.leader()
    bench.isolate(leader.id)
    bench.ask(leader, "c1", 1, **READ)
    bench.advance(0.1)
    assert bench.replies == {}
    assert leader.state == "leader"


def test_a_read_waits_for_a_round_that_began_after_it():
    bench = Bench(3)
    bench.advance(2)
    leader = bench.leader()
    leader.begin_round()
    earlier = list(bench.wire)
    bench.ask(leader, "c1", 1, **READ)
    bench.carry()
    assert earlier
    assert bench.replies == {}
    bench.advance(0.1)
    assert bench.replies["c1", 1]["code"] == 20


def test_a_new_leader_reads_nothing_before_its_no_op_is_committed():
    bench, node = lone_follower()
    node.stand()
    bench.deliver("n1", "n0", {"type": "vote", "term": 1, "granted": True})
    bench.ask(node, "c1", 1, **READ)
    answer = {"type": "append_answer", "term": 1, "round": 5, "retry": None}
    bench.deliver("n1", "n0", {**answer, "match": 0})
    node.begin_round()
    assert bench.replies == {}
    bench.deliver("n1", "n0", {**answer, "match": 1})
    assert bench.replies["c1", 1]["code"] == 20


def test_a_write_retried_at_a_new_leader_takes_effect_once(bench):
    old = bench.leader()
    asked, other = (bench.nodes[peer] for peer in old.peers)
    bench.cut = {(old.id, asked.id)}  # the answer is lost, the entries are not: `other` has them
    bench.ask(asked, "c1", 1, **write(5))
    bench.carry()
    bench.ask(old, "c2", 1, **write(6))
    bench.advance(0.05)
    assert other.raft_log.last == 3
    bench.isolate(old.id)
    bench.advance(3)
    new = bench.leader()
    commands = [new.raft_log.entry(index)[1:3] for index in range(1, new.raft_log.last + 1)]
    assert commands == [[], ["c1", 1], ["c2", 1], [], ["c1", 1]]
    assert bench.replies["c1", 1] == {"type": "write_ok"}
    assert new.machine.values == {"k": 6}


def test_a_retry_while_the_first_is_on_its_way_adds_no_entry(bench):
    leader = bench.leader()
    command = ["c1", 1, "write", "k", 5]
    for _ in range(3):
        bench.deliver(leader.peers[0], leader.id, {"type": "pass_on", "command": command})
    assert leader.raft_log.last == 2
    bench.advance(0.1)
    bench.deliver(leader.peers[0], leader.id, {"type": "pass_on", "command": command})
    assert leader.raft_log.last == 2


@pytest.mark.parametrize("body", [READ, write(5)])
def test_without_a_leader_a_request_is_refused(body):
    bench = Bench(3)
    node = bench.nodes["n0"]
    bench.isolate("n0")
    bench.ask(node, "c1", 1, **body)
    bench.advance(0.7)
    assert bench.replies == {}
    bench.advance(0.5)
    assert bench.replies["c1", 1]["code"] == 11


def test_a_write_that_may_take_effect_is_never_refused(bench):
    leader = bench.leader()
    bench.isolate(leader.id)
    bench.ask(leader, "c1", 1, **write(5))
    bench.advance(20)
    assert bench.replies == {}
    assert leader.waiting == {}
