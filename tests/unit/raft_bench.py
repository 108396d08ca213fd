"""Raft's nodes on a network that a test drives by hand, message by message."""

import heapq
from itertools import count
from random import Random

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


def write(value, key="k"):
    return {"type": "write", "key": key, "value": value}


READ = {"type": "read", "key": "k"}


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
