"""The network keeps its word: nothing crosses a cut, nothing is lost or copied without a fault."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from clew.node.node import Node, on
from clew.runtimes.simulated import simulated
from clew.sim.faults import Fault, Injector
from clew.sim.latency import SHAPES, Latency

MS = 1_000_000
RUN_NS = 300 * MS

latencies = st.builds(
    Latency,
    st.sampled_from([0, MS, 10 * MS]),
    st.sampled_from(list(SHAPES)),
    st.sampled_from([0, 3 * MS]),
)  # fmt: skip


class Talker(Node):
    """Sends to everybody, itself too, each 7 ms for 250 ms."""

    def start(self):
        self.sent = []
        self.got = []
        self.count = 0
        self.timer = self.every(0.007, self.tick)

    def tick(self):
        for dest in self.node_ids:
            self.count += 1
            self.sent.append((self.id, dest, self.count, self.monotonic()))
            self.send(dest, {"type": "word", "count": self.count, "at": self.monotonic()})
        if self.monotonic() > 0.25:
            self.timer.cancel()

    @on("word")
    def word(self, msg):
        self.got.append((msg.src, self.id, msg.body["count"], msg.body["at"]))


def talk(seed, count, latency, faults):
    cluster = simulated(seed, Talker, [f"n{rank}" for rank in range(count)], latency=latency)
    injector = Injector(cluster, faults)
    cluster.boot()
    cluster.world.advance(RUN_NS)
    injector.heal()
    cluster.world.advance(RUN_NS + 100_000 * MS)
    assert cluster.findings == []
    sent = Counter(word for host in cluster.hosts.values() for word in host.node.sent)
    got = Counter(word for host in cluster.hosts.values() for word in host.node.got)
    return cluster, injector, sent, got


def windows(kinds, **params):
    """Faults of some kinds, anywhere in the run."""
    return st.lists(
        st.tuples(st.sampled_from(kinds), st.integers(0, 280), st.integers(0, 200)),
        min_size=1,
        max_size=3,
    ).map(
        lambda drawn: [
            Fault(f"f{rank}", kind, at * MS, (at + length) * MS, None, params)
            for rank, (kind, at, length) in enumerate(drawn)
        ]
    )


@given(st.integers(0, 2**32), st.integers(1, 5), latencies)
@settings(max_examples=25, deadline=None)
def test_without_faults_every_message_arrives_once(seed, count, latency):
    cluster, _, sent, got = talk(seed, count, latency, [])
    assert got == sent
    assert cluster.network.dropped == {}
    assert cluster.network.duplicated == 0


CUTS = ["partition-halves", "partition-random-halves", "partition-one", "partition-one-way"]


@given(st.integers(0, 2**32), st.integers(2, 5), latencies, windows(CUTS))
@settings(max_examples=25, deadline=None)
def test_nothing_crosses_a_cut_and_only_cuts_lose(seed, count, latency, faults):
    cluster = simulated(seed, Talker, [f"n{rank}" for rank in range(count)], latency=latency)
    Injector(cluster, faults)
    cluster.boot()
    crossed, doomed = [], []
    nodes = [host.node for host in cluster.hosts.values()]
    # Step by step: what has just arrived must not have come over a link that is cut.
    while cluster.world.now < 600 * MS:
        before = [(node, len(node.got), len(node.sent)) for node in nodes]
        cut_before = {link for link in cluster.network.links() if link.cut}
        cluster.world.advance(cluster.world.now + MS)
        cut_now = {link for link in cluster.network.links() if link.cut}
        silent = {(link.src.id, link.dest.id) for link in cut_before & cut_now}
        edges = {round(time / MS) for fault in faults for time in (fault.at_ns, fault.until_ns)}
        if round(cluster.world.now / MS) in edges or cluster.world.now // MS - 1 in edges:
            continue
        for node, heard, said in before:
            crossed += [word for word in node.got[heard:] if word[:2] in silent]
            doomed += [word for word in node.sent[said:] if word[:2] in silent]
    assert crossed == []
    cluster.world.advance(100_000 * MS)
    sent = Counter(word for node in nodes for word in node.sent)
    got = Counter(word for node in nodes for word in node.got)
    assert got <= sent
    assert not set(doomed) & set(got)
    assert sum((sent - got).values()) == cluster.network.dropped.get("partition", 0)
    assert set(cluster.network.dropped) <= {"partition"}


@given(
    st.integers(0, 2**32), st.integers(2, 4), latencies, windows(["duplicate"], per_thousand=400)
)
@settings(max_examples=20, deadline=None)
def test_duplicates_come_from_duplicate_faults_and_nothing_is_lost(seed, count, latency, faults):
    cluster, injector, sent, got = talk(seed, count, latency, faults)
    assert set(got) == set(sent)
    copies = sum((got - sent).values())
    assert copies == cluster.network.duplicated == sum(r.bit for r in injector.reports())
    for src, dest, _, at in got - sent:
        assert src != dest, "faults touch links between nodes only"
        assert any(f.at_ns <= round(at * 1e9) <= f.until_ns for f in faults)


HARMLESS = ["delay-constant", "delay-long-tailed", "delay-exponential", "reorder", "slow-link"]


@given(st.integers(0, 2**32), st.integers(2, 4), latencies, windows(HARMLESS))
@settings(max_examples=20, deadline=None)
def test_delays_and_reordering_lose_and_copy_nothing(seed, count, latency, faults):
    _, _, sent, got = talk(seed, count, latency, faults)
    assert got == sent


@given(st.integers(0, 2**32), st.integers(2, 4), windows(["loss"], per_thousand=500))
@settings(max_examples=20, deadline=None)
def test_what_is_lost_is_counted(seed, count, faults):
    cluster, injector, sent, got = talk(seed, count, Latency(), faults)
    assert got <= sent
    lost = sum((sent - got).values())
    assert lost == cluster.network.dropped.get("loss", 0) == sum(r.bit for r in injector.reports())
    assert all(word[0] != word[1] for word in sent - got)
