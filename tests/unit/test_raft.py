"""Raft, message by message, on a network that the test drives by hand."""

import heapq
from itertools import count
from random import Random

import pytest

from clew.models.raft import Raft
from clew.node.disk import Disk
from clew.node.message import Message, thawed
from clew.node.node import handlers_of


class Timer:
    cancelled = False

    def cancel(self):
        self.cancelled = True


class Host:
    """One node's runtime."""

    def __init__(self, bench, name):
        self.bench, self.name, self.disk = bench, name, Disk()
        self.alive = True
        self.random = Random(name)

    def send(self, dest, body):
        self.bench.wire.append((self.name, dest, thawed(dict(body))))

    def reply(self, msg, body):
        self.bench.replies[msg.src, msg.body["msg_id"]] = dict(body)

    def after(self, seconds, callback, *args, period=None):
        timer = Timer()

        def fire():
            if not timer.cancelled and self.node is node:
                if period:
                    push(period)
                callback(*args)

        def push(delay):
            entry = (self.bench.time + delay, next(self.bench.sequence), fire)
            heapq.heappush(self.bench.timers, entry)

        node = self.node
        push(seconds)
        return timer

    def every(self, seconds, callback, *args):
        return self.after(seconds, callback, *args, period=seconds)

    def monotonic(self):
        return self.bench.time

    def rng(self):
        return self.random

    def effect(self, msg):
        self.bench.effects.append((msg.src, msg.body["msg_id"]))

    def boot(self, node_class):
        self.node = node = object.__new__(node_class)
        node._runtime = self
        node.id = self.name
        node.node_ids = list(self.bench.names)
        node.peers = [name for name in self.bench.names if name != self.name]
        node.start()
        self.handlers = {kind: getattr(node, name) for kind, name in handlers_of(Raft).items()}
        return node


class Bench:
    """A cluster without faults of its own: messages go where `carry` lets them."""

    def __init__(self, size, node_class=Raft):
        self.names = [f"n{rank}" for rank in range(size)]
        self.node_class = node_class
        self.time, self.sequence = 0.0, count()
        self.timers, self.wire, self.effects, self.replies = [], [], [], {}
        self.cut = set()
        self.hosts = {name: Host(self, name) for name in self.names}
        self.nodes = {name: host.boot(node_class) for name, host in self.hosts.items()}
        self.checks = [check(self.nodes) for check in Raft.invariants]

    def isolate(self, *names):
        self.cut = {(a, b) for a in self.names for b in self.names if (a in names) != (b in names)}

    def deliver(self, src, dest, body):
        self.hosts[dest].handlers[body["type"]](Message(src, dest, thawed(body)))
        self.check(dest)

    def check(self, name):
        for check in self.checks:
            assert check.after(self.nodes[name]) is None

    def carry(self):
        while self.wire:
            src, dest, body = self.wire.pop(0)
            if (src, dest) not in self.cut:
                self.deliver(src, dest, body)

    def advance(self, seconds):
        end = self.time + seconds
        self.carry()
        while self.timers and self.timers[0][0] <= end:
            self.time, _, fire = heapq.heappop(self.timers)
            fire()
            self.carry()
        self.time = end

    def restart(self, name, unsynced="lost"):
        self.hosts[name].disk.crash(unsynced, lambda bound: 0)
        self.nodes[name] = self.hosts[name].boot(self.node_class)
        return self.nodes[name]

    def leaders(self):
        return [node for node in self.nodes.values() if node.state == "leader"]

    def leader(self):
        (leader,) = self.leaders()
        return leader

    def ask(self, node, client, number, **body):
        handlers = self.hosts[node.id].handlers
        handlers[body["type"]](Message(client, node.id, {**body, "msg_id": number}))
        self.check(node.id)


@pytest.fixture
def bench():
    bench = Bench(3)
    bench.advance(2)
    return bench


def write(value, key="k"):
    return {"type": "write", "key": key, "value": value}


READ = {"type": "read", "key": "k"}

# Elections.


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 7])
def test_one_leader_is_elected(size):
    bench = Bench(size)
    bench.advance(5)
    leader = bench.leader()
    assert all(node.leader == leader.id for node in bench.nodes.values())
    assert all(node.term == leader.term for node in bench.nodes.values())
    assert leader.observe() == {
        "role": "leader", "term": leader.term, "leader": leader.id, "commit": 1, "last": 1,
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


# Replication.


def append(bench, node, previous, entries, *, term=1, commit=0, src="n9"):
    """What a node answers to an AppendEntries."""
    previous_term = node.raft_log.term_at(previous) if previous <= node.raft_log.last else 1
    body = {
        "type": "append_entries", "term": term, "round": 1, "previous": previous,
        "previous_term": previous_term, "commit": commit, "entries": entries,
    }  # fmt: skip
    bench.wire.clear()
    bench.deliver(src, node.id, body)
    return bench.wire[-1][2]


def lone_follower():
    bench = Bench(3)
    return bench, bench.nodes["n0"]


def terms(node):
    log = node.raft_log
    return [log.term_at(index) for index in range(log.base + 1, log.last + 1)]


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


# Clients.


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


# Snapshots.


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
