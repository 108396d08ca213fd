"""What generators draw: enough of what was asked for, nothing that can do nothing."""

from collections import Counter
from itertools import pairwise

import pytest
from wide import wide

from clew.errors import UsageError
from clew.models.raft import Raft
from clew.node.node import Node, on
from clew.node.tolerates import Tolerates
from clew.runtimes.simulated import simulated
from clew.scenarios.plans.capabilities import capabilities, kinds_for
from clew.scenarios.plans.members import changes_members
from clew.scenarios.plans.nemesis import (
    NODE_COUNTS,
    SURE_GROUPS,
    draw_faults,
    draw_swarm,
    magnitude,
)
from clew.sim.entropy import Entropy, Stream
from clew.sim.faults import GROUPS, KINDS, Injector, check_fault
from clew.sim.latency import Latency

pytestmark = pytest.mark.long

S = 1_000_000_000


def names(count):
    return [f"n{rank + 1}" for rank in range(count)]


def draw(kinds, seed=1, count=5, interval=10, limit=60, *, leads=True):
    return draw_faults(
        kinds, entropy=Entropy(seed), node_ids=names(count), interval_ns=int(interval * S),
        time_limit_ns=int(limit * S), leads=leads, regions=wide(names(count)),
    )  # fmt: skip


@pytest.mark.parametrize("asked", [*GROUPS, *KINDS])
@pytest.mark.parametrize(("interval", "limit"), [(10, 60), (10, 1), (0.001, 1), (1000, 5)])
def test_at_least_one_of_each_and_all_end_in_time(asked, interval, limit):
    for seed in range(5):
        faults = draw([asked], seed, interval=interval, limit=limit)
        assert faults
        assert len({fault.id for fault in faults}) == len(faults)
        for fault in faults:
            check_fault(fault)
            assert asked in {fault.kind, KINDS[fault.kind].group}
            assert fault.until_ns < limit * S


def test_gaps_and_lengths_are_those_of_the_interval():
    gaps, lengths = [], []
    for seed in range(300):
        faults = draw(["kill"], seed, limit=600)
        gaps += [b.at_ns - a.until_ns for a, b in pairwise(faults)]
        lengths += [fault.until_ns - fault.at_ns for fault in faults[:-1]]
    assert min(gaps) >= 0
    assert max(gaps) < 20 * S
    assert 9 * S < sum(gaps) / len(gaps) < 11 * S
    assert max(lengths) < 20 * S
    assert min(lengths) >= 10_000_000
    assert sum(length < S for length in lengths) > len(lengths) / 5


def test_asking_for_more_leaves_the_rest_alone():
    few = draw(["partition", "kill"])
    more = draw(["clock", "kill", "pause", "partition"])
    assert [fault for fault in more if fault in few] == few


@pytest.mark.parametrize(
    ("asked", "count", "message"),
    [
        (
            "partition-minority-third", 3,
            (
                "the fault 'partition-minority-third' can't do anything in so small a cluster: "
                "expected at least 4 nodes, found 3. Run more nodes or leave it out."
            ),
        ),
        (
            "partition", 1,
            (
                "the fault 'partition' can't do anything in so small a cluster: "
                "expected at least 2 nodes, found 1. Run more nodes or leave it out."
            ),
        ),
        (
            "loss", 1,
            (
                "the fault 'loss' can't do anything in so small a cluster: "
                "expected at least 2 nodes, found 1. Run more nodes or leave it out."
            ),
        ),
    ],
)  # fmt: skip
def test_what_can_do_nothing_is_refused(asked, count, message):
    with pytest.raises(UsageError) as caught:
        draw([asked], count=count)
    assert str(caught.value) == message


def test_unknown_fault():
    with pytest.raises(UsageError) as caught:
        draw(["earthquake"])
    assert str(caught.value).startswith("no such fault: expected one of partition, loss, ")
    assert str(caught.value).endswith(", found 'earthquake'. See 'clew list faults'.")


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_groups_draw_only_kinds_that_bite(count):
    for seed in range(30):
        for asked in GROUPS:
            able = [
                name
                for name in GROUPS[asked]
                if KINDS[name].least_nodes <= count and KINDS[name].least_regions <= count
            ]
            if able:
                assert {fault.kind for fault in draw([asked], seed, count)} <= set(able)


class Chatty(Node):
    """Does everything a fault can bite on, twenty times a second."""

    def start(self):
        self.every(0.05, self.tick)

    def tick(self):
        self.now()
        self.disk["now"] = self.monotonic()
        self.disk.fsync()
        for peer in self.peers:
            self.send(peer, {"type": "tick"})

    @on("tick")
    async def heard(self, msg):
        await self.work(0.0001)

    def members_changed(self, members):
        self.members = members

    def server_state(self):
        return "leader" if self.id == "n1" else None


@pytest.mark.parametrize("count", [2, 3, 5])
def test_what_is_drawn_bites(count):
    for name in KINDS:
        if KINDS[name].least_nodes > count or name == "region-move":  # which needs clients
            continue
        if name == "echo":  # which needs nodes that restart: see test_message_types.py
            continue
        if changes_members(name):  # whose nodes are named with the plan: see test_membership.py
            continue
        bites = []
        for seed in range(3):
            faults = draw([name], seed, count, interval=1, limit=3)
            cluster = simulated(
                seed, Chatty, names(count), keep_trace=False, regions=wide(names(count))
            )
            injector = Injector(cluster, faults)
            cluster.boot()
            cluster.world.advance(3 * S)
            bites.append(any(report.bit for report in injector.reports()))
        # A short fault at a low rate may well strike none of a few dozen messages.
        chancy = KINDS[name].group in {"loss", "duplicate", "reorder", "message"}
        assert any(bites) if chancy else all(bites), name


def test_leaders_are_aimed_at_only_where_there_are_any():
    aims = Counter(fault.target for seed in range(50) for fault in draw(["kill"], seed))
    assert aims["leader"] > 20
    assert aims["one"] > 20
    blind = Counter(
        fault.target for seed in range(50) for fault in draw(["kill"], seed, leads=False)
    )
    assert "leader" not in blind
    two = Counter(fault.target for seed in range(50) for fault in draw(["kill"], seed, count=2))
    assert "minority" not in two


def test_drawn_groups_cut_something():
    for seed in range(50):
        for fault in draw(["partition-groups"], seed, count=2 + seed % 5):
            groups = fault.params["groups"]
            assert len(groups) >= 2
            assert all(groups)


GOLDEN = [
    ("kill-1", "kill", 7925261570, 7959527114, "leader"),
    ("partition-1", "partition-one", 9444574498, 14319363409, "one"),
    ("disk-1", "disk-torn", 11507888902, 19535683368, "leader"),
    ("partition-2", "partition-bridge", 17011880837, 23753748073, None),
    ("kill-2", "kill", 26410432750, 29999999999, "one"),
]


def test_the_first_faults_of_a_seed():
    told = [
        (fault.id, fault.kind, fault.at_ns, fault.until_ns, fault.target)
        for fault in draw(["partition", "kill", "disk"], seed=42, limit=30)
    ]
    assert told == GOLDEN


def test_magnitudes_are_spread_over_the_doublings():
    drawn = [magnitude(Stream(seed), 10, 10_000) for seed in range(4000)]
    assert min(drawn) >= 10
    assert max(drawn) <= 10_000
    assert all(sum(low <= value < 10 * low for value in drawn) > 800 for low in (10, 100, 1000))
    assert magnitude(Stream(1), 5, 5) == 5


# What a node class can feel.


class Silent(Node):
    @on("echo")
    def echo(self, msg):
        self.reply(msg, {"type": "echo_ok"})


class Nested(Node):
    def start(self):
        def inner():
            return [lambda: 2 * self.now() for _ in "x"]

        self.get = inner

    @property
    def kept(self):
        return self.disk


class Derived(Nested):
    @staticmethod
    def tell(node):
        node.send("n1", {})


@pytest.mark.parametrize(
    ("node_class", "able"),
    [
        (Silent, set()),
        (Nested, {"clock", "disk"}),
        (Derived, {"clock", "disk", "peers"}),
        (Chatty, {"clock", "disk", "members", "peers", "timers", "work"}),
    ],
)
def test_capabilities(node_class, able):
    assert capabilities(node_class) == able


def test_pools():
    assert kinds_for(Silent) == ["kill", "pause", "region-kill", "region-move"]
    assert kinds_for(Chatty) == [name for name, kind in KINDS.items() if not kind.apart]
    assert {"kill", "disk-lost", "partition-one", "clock-drift"} <= set(kinds_for(Raft))


# Swarms.


def swarms(count=400, **named):
    return [
        draw_swarm(
            tuple(KINDS), entropy=Entropy(seed), time_limit_ns=20 * S, leads=True,
            **{"promise": Tolerates(nodes=1, latency=0.1), **named},
        )
        for seed in range(count)
    ]  # fmt: skip


def test_swarms_differ():
    drawn = swarms()
    sizes = Counter(len(swarm.node_ids) for swarm in drawn)
    assert set(sizes) == set(NODE_COUNTS)
    assert sizes[3] + sizes[5] + sizes[7] > 250
    assert sizes[1] + sizes[2] < 100
    assert {swarm.latency.shape for swarm in drawn} == {
        "constant", "uniform", "exponential", "long-tailed",
    }  # fmt: skip
    on = Counter(name for swarm in drawn for name in swarm.kinds)
    assert set(on) == {name for name, kind in KINDS.items() if not kind.least_regions}
    assert max(on.values()) < 250
    counts = [len(swarm.faults) for swarm in drawn]
    assert min(counts) < 5
    assert max(counts) > 100


def test_swarms_draw_faults_of_the_kinds_that_are_on():
    for swarm in swarms(100):
        assert any(KINDS[name].group in SURE_GROUPS for name in swarm.kinds)
        assert {fault.kind for fault in swarm.faults} == set(swarm.kinds)
        assert len({fault.id for fault in swarm.faults}) == len(swarm.faults)
        for fault in swarm.faults:
            check_fault(fault)
            assert KINDS[fault.kind].least_nodes <= len(swarm.node_ids)
            assert fault.until_ns < 20 * S


PROMISES = [
    # what is promised: the sizes and latencies, ms, of swarms
    (Tolerates(), {3, 4, 5, 6, 7}, {0, 1, 5, 20}),
    (Tolerates(nodes=1, latency=0.1), {1, 2, 3, 4, 5, 6, 7}, {0, 1, 5, 20, 100}),
    (Tolerates(nodes=(3, 3), latency=0.004), {3}, {0, 1}),
    (Tolerates(nodes=(2, 4)), {2, 3, 4}, {0, 1, 5, 20}),
    (Tolerates(nodes=(9, 11), latency=0), {9, 10, 11}, {0}),
    (Tolerates(nodes=12), {12}, {0, 1, 5, 20}),
]


@pytest.mark.parametrize(("promise", "sizes", "latencies_ms"), PROMISES)
def test_swarms_stay_within_what_is_promised(promise, sizes, latencies_ms):
    drawn = swarms(150, promise=promise)
    assert {len(swarm.node_ids) for swarm in drawn} == sizes
    assert {swarm.latency.mean_ns // 1_000_000 for swarm in drawn} == latencies_ms


@pytest.mark.parametrize("error_ns", [1, 1000, 10_000_000, 100_000_000_000])
def test_drawn_clock_errors_stay_within_their_bound(error_ns):
    for seed in range(30):
        drawn = draw_faults(
            ["clock"], entropy=Entropy(seed), node_ids=names(3), interval_ns=S,
            time_limit_ns=20 * S, leads=False, clock_error_ns=error_ns,
        )  # fmt: skip
        for fault in drawn:
            check_fault(fault)
            errors = {name: fault.params.get(name, 0) for name in ("offset_ns", "jump_ns")}
            assert all(abs(error) <= error_ns for error in errors.values())
            assert fault.params.get("amplitude_ns", 0) <= error_ns


def test_a_group_means_the_kinds_that_are_felt():
    felt = draw_faults(
        ["clock"], entropy=Entropy(1), node_ids=names(3), interval_ns=S, time_limit_ns=20 * S,
        leads=False, unfelt=frozenset({"clock-offset", "clock-jump", "clock-strobe"}),
    )  # fmt: skip
    assert {fault.kind for fault in felt} == {"clock-drift"}


def test_swarms_keep_what_is_fixed():
    for swarm in swarms(20, node_ids=names(4), latency=Latency(7, "uniform")):
        assert swarm.node_ids == ("n1", "n2", "n3", "n4")
        assert swarm.latency == Latency(7, "uniform")


def test_a_swarm_without_any_kind_that_fits_has_no_faults():
    swarm = draw_swarm(
        ["loss"], entropy=Entropy(1), time_limit_ns=S, leads=False, node_ids=["n0"]
    )  # fmt: skip
    assert swarm.faults == ()
