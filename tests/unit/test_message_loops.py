"""Nodes whose messages never end: a loop is named and stopped, a busy node is left alone."""

from pathlib import Path

import pytest
from bad_nodes import Echo, S

import clew
from clew.checkers.verdict import Verdict
from clew.node.node import on
from clew.runtimes.simulated import simulated

pytestmark = pytest.mark.long


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


class Acknowledging(Echo):
    """Acknowledges acknowledgements."""

    def bad(self, msg):
        for peer in self.peers:
            self.send(peer, {"type": "ping"})

    @on("ping")
    def ping(self, msg):
        self.send(msg.src, {"type": "pong"})

    @on("pong")
    def pong(self, msg):
        self.send(msg.src, {"type": "ping"})


class Token(Echo):
    """A correct node whose messages never end: a token goes round."""

    def bad(self, msg):
        pass

    def start(self):
        if self.id == self.node_ids[0]:
            self.pass_on(None)

    @on("token")
    def pass_on(self, msg):
        own = self.node_ids.index(self.id)
        self.send(self.node_ids[(own + 1) % len(self.node_ids)], {"type": "token"})


class Busy(Token):
    """A correct node that floods, many times a second, and acknowledges once."""

    def start(self):
        self.every(0.001, self.tick)

    def tick(self):
        for peer in self.peers:
            self.send(peer, {"type": "flood"})

    @on("flood")
    def flood(self, msg):
        self.send(msg.src, {"type": "flood_ok"})

    @on("flood_ok")
    def flood_ok(self, msg):
        pass


@pytest.mark.parametrize("latency", [0, 10])
@pytest.mark.parametrize("nodes", [2, 3, 5])
def test_a_message_loop_is_named_and_stopped(latency, nodes):
    result = clew.run(Acknowledging, node_count=nodes, latency=latency, rate=20, time_limit=60)
    [finding] = [one for one in result.findings if one.kind == "message-loop"]
    assert "ping (Acknowledging.ping) -> pong (Acknowledging.pong) -> ping" in finding.reason
    assert Path(__file__).name in finding.place
    assert result.outcome.run.events < 2_000_000


@pytest.mark.parametrize(("node_class", "nodes"), [(Token, 3), (Busy, 3), (Busy, 5)])
def test_many_messages_are_no_finding(node_class, nodes):
    """Thousands a second for each node are beyond what any cluster sends, and break nothing."""
    result = clew.run(node_class, node_count=nodes, time_limit=6, recovery=4)
    assert result.findings == ()
    assert result.verdict is Verdict.UNKNOWN
    doubts = [check.name for check in result.outcome.checks if check.verdict is not Verdict.VALID]
    assert doubts == ["message-loop"]
    assert result.outcome.run.messages > 20_000


def test_a_token_on_a_real_network_is_valid():
    result = clew.run(Token, node_count=3, latency=10, time_limit=6, recovery=4)
    assert result.verdict is Verdict.VALID


def test_the_storm_of_one_batch_does_not_hide_the_loop():
    cluster = simulated(1, Acknowledging, ["n1", "n2"])
    cluster.boot()
    for _ in range(200):
        cluster.hosts["n1"].process.send("n2", {"type": "ping"})
    cluster.world.advance(60 * S)
    assert [finding.kind for finding in cluster.findings] == ["message-loop"]


class Doubling(Echo):
    """Each message leads to two more: no chain of them is long."""

    def start(self):
        if self.id == self.node_ids[0]:
            self.send(self.peers[0], {"type": "more"})

    @on("more")
    def more(self, msg):
        self.send(msg.src, {"type": "more"})
        self.send(msg.src, {"type": "more"})


class DoublingLater(Doubling):
    def start(self):
        self.after(1.5, super().start)


class Fanning(Doubling):
    """Each of two types leads to the other at all peers."""

    @on("more")
    def more(self, msg):
        for peer in self.peers:
            self.send(peer, {"type": "still"})

    @on("still")
    def still(self, msg):
        for peer in self.peers:
            self.send(peer, {"type": "more"})


@pytest.mark.parametrize("node", [Doubling, DoublingLater, Fanning])
def test_messages_that_lead_to_several_are_found_early(node):
    cluster = simulated(1, node, ["n1", "n2", "n3"], keep_trace=False)
    cluster.boot()
    cluster.world.advance(5 * S)
    [finding] = cluster.findings
    assert finding.kind == "message-storm"
    assert f"({node.__name__}.more)" in finding.reason.replace("Doubling.", f"{node.__name__}.")
    assert finding.place.startswith(__file__)
    assert cluster.network.messages < 200_000
