"""Clocks: the monotonic one never goes back, whatever faults do, and timers agree with it."""

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from clew.node.node import Node
from clew.runtimes.simulated import simulated
from clew.sim.clock import EPOCH_NS, Clock
from clew.sim.faults import Fault, Injector

MS = 1_000_000
steps = st.lists(
    st.tuples(
        st.integers(0, 10**12),
        st.integers(-900_000, 1_000_000),
        st.integers(-(10**15), 10**15),
    ),
    max_size=10,
)


@given(steps)
def test_monotonic_never_goes_back_and_never_jumps(changes):
    clock, now, last = Clock(), 0, 0
    for wait, drift, offset in changes:
        now += wait
        shown = clock.monotonic(now)
        assert shown >= last
        clock.set_drift(now, drift)
        assert clock.monotonic(now) == shown
        clock.offset_ns = offset
        assert clock.wall(now) == EPOCH_NS + offset + shown
        last = shown
        elapsed = clock.monotonic(now + 1000) - shown
        assert abs(elapsed - 1000 * (1_000_000 + drift) // 1_000_000) <= 1


@given(st.integers(0, 10**12), st.integers(-900_000, 1_000_000))
def test_a_timer_waits_for_its_clock(local_ns, drift):
    clock = Clock()
    clock.set_drift(0, drift)
    shown = clock.monotonic(clock.true_delay(local_ns))
    assert abs(shown - local_ns) <= 2


class Watcher(Node):
    def start(self):
        self.seen = []
        self.every(0.005, self.look)

    def look(self):
        self.seen.append(self.monotonic())


faults = st.lists(
    st.tuples(
        st.sampled_from(["clock-offset", "clock-drift", "clock-jump", "clock-strobe"]),
        st.integers(0, 400),
        st.integers(0, 300),
        st.sampled_from(["n1", "one", "all", "random"]),
    ),
    max_size=6,
)


@given(st.integers(0, 2**32), faults, st.integers(-200_000, 200_000))
@settings(max_examples=30, deadline=None)
def test_no_fault_turns_a_monotonic_clock_back_and_healing_sets_all_right(seed, drawn, ppm):
    plan = [
        Fault(
            f"f{rank}", kind, at * MS, (at + length) * MS, target,
            {"drift_ppm": ppm} if kind == "clock-drift" else {},
        )
        for rank, (kind, at, length, target) in enumerate(drawn)
    ]  # fmt: skip
    cluster = simulated(seed, Watcher, ["n1", "n2"])
    injector = Injector(cluster, plan)
    cluster.boot()
    cluster.world.advance(500 * MS)
    injector.heal()
    cluster.world.advance(600 * MS)
    for host in cluster.hosts.values():
        assert all(a < b for a, b in pairwise(host.node.seen))
        assert host.clock.wall(cluster.world.now) == EPOCH_NS + cluster.world.now
        assert host.clock.drift_ppm == 0
