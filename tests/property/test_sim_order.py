"""Order policies: nothing is lost or made up, and everything happens in its time."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from clew.sim.entropy import Entropy
from clew.sim.entry import MESSAGE
from clew.sim.orders.pct import BOUND_DOUBLINGS, BOUND_LOW_NS, SCOPE_NS
from clew.sim.orders.schedules import order_of
from clew.sim.world import World

BOUND_NS = BOUND_LOW_NS << BOUND_DOUBLINGS
MS = 1_000_000

MESSAGES = st.lists(
    st.tuples(st.integers(0, 3000), st.integers(0, 5), st.sampled_from([0, 1, 20, 250, 300, 900])),
    max_size=60,
)
TIMERS = st.lists(st.integers(0, 4000), max_size=20)
STOPS = st.lists(st.integers(0, 4000), max_size=10)


class Lane:
    """A link with what happens at its end, of which an order policy sees the ends."""

    def __init__(self, stub: Stub, rank: int) -> None:
        self.link = self
        self.stub = stub
        self.ends = f"n{rank // 2}", f"n{rank}"

    def __call__(self, entry) -> None:
        self.stub.arrived.append((entry[2], self.stub.world.now))


class Stub:
    """A world with links and no nodes: what is sent is noted when it arrives."""

    def __init__(self, seed: int, schedule: str) -> None:
        self.order = order_of(schedule, Entropy(seed))
        self.world = World(self.order)
        self.arrived: list[tuple[int, int]] = []
        self.fired: list[tuple[int, int]] = []
        self._links = [Lane(self, rank) for rank in range(6)]

    def send(self, what) -> None:
        number, rank, latency_ns = what
        time_ns = self.world.now + latency_ns
        link = self._links[rank]
        self.world.push((time_ns, MESSAGE, number, link, {}, True, None))

    def run(self, messages, timers, stops) -> None:
        for number, (at, rank, latency) in enumerate(messages):
            self.world.call_at(at * MS, self.send, (number, rank, latency * MS + number))
        for at in timers:
            self.world.call_at(at * MS, lambda at: self.fired.append((at, self.world.now)), at)
        for stop in sorted(stops):
            self.world.advance(max(stop * MS, self.world.now))
        self.world.advance(10_000 * MS)


@settings(deadline=None, max_examples=150)
@given(st.integers(0, 10**6), st.sampled_from(["pct:1", "pct", "pct:20"]), MESSAGES, TIMERS, STOPS)
def test_all_arrive_once_within_the_bound_and_timers_are_exact(
    seed, schedule, messages, timers, stops
):
    stub = Stub(seed, schedule)
    stub.run(messages, timers, stops)
    assert not stub.order.pending
    assert sorted(number for number, _ in stub.arrived) == list(range(len(messages)))
    for number, now_ns in stub.arrived:
        at, _, latency = messages[number]
        due_ns = (at + latency) * MS + number
        bound_ns = BOUND_NS if latency * MS + number <= SCOPE_NS else 0
        assert due_ns <= now_ns <= due_ns + bound_ns
    assert sorted(at for at, _ in stub.fired) == sorted(timers)
    assert all(at * MS == now_ns for at, now_ns in stub.fired)
    times = [now_ns for _, now_ns in stub.arrived]
    assert times == sorted(times)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10**6), MESSAGES, TIMERS, STOPS)
def test_the_same_seed_gives_the_same_order(seed, messages, timers, stops):
    one, other = Stub(seed, "pct"), Stub(seed, "pct")
    one.run(messages, timers, stops)
    other.run(messages, timers, stops)
    assert one.arrived == other.arrived


@settings(deadline=None, max_examples=40)
@given(MESSAGES, TIMERS, STOPS)
def test_time_order_is_punctual(messages, timers, stops):
    stub = Stub(0, "time")
    assert stub.order.punctual
    stub.run(messages, timers, stops)
    for number, now_ns in stub.arrived:
        at, _, latency = messages[number]
        assert now_ns == (at + latency) * MS + number
