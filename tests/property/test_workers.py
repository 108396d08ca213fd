"""Workers against the recursion of Kiefer and Wolfowitz, also on machines that change their speed.

A machine of which all workers get slower alike has a time of its own, in which it never does. So
what workers must do follows from the recursion in the machine's own time.
"""

from heapq import heappop, heappush

from hypothesis import given
from hypothesis import strategies as st

from clew.node.capacity import Capacity
from clew.node.workers import Workers
from clew.sim.world import World

jobs = st.lists(st.tuples(st.integers(0, 500), st.integers(0, 300)), max_size=40)
"""When each comes after the one before it, and how long it takes."""

speeds = st.lists(st.tuples(st.integers(1, 400), st.sampled_from([0, 1, 1, 2, 3, 10])), max_size=8)
"""How long each lasts, and how many times as long work takes then; 0 while it stands still."""

UNIT = 1_000_000
ROUNDING = 1000
"""Where speed changes a job may lose less than its slowness in ns."""


def simulated(capacity, jobs, speeds):
    """When each job is over, by its rank, and the ranks of those that were refused."""
    world = World()
    workers = Workers(
        capacity,
        lambda: world.now,
        lambda ns, call, what: world.call_at(world.now + ns, call, what),
    )
    over, refused = {}, []

    def come(job):
        rank, length = job
        if not workers.take(length * UNIT, lambda _: over.__setitem__(rank, world.now)):
            refused.append(rank)

    def change(slowness):
        if slowness == 0:
            workers.halt()
        else:
            workers.go_on()
            workers.pace(slowness)

    at = 0
    for length, slowness in speeds:
        world.call_at(at * UNIT, change, slowness)
        at += length
    world.call_at(at * UNIT, change, 1)
    at = 0
    for rank, (gap, length) in enumerate(jobs):
        at += gap
        world.call_at(at * UNIT + rank, come, (rank, length))  # nothing ends at that very moment
    world.advance(10**15)
    return over, refused


def own_time(at, speeds):
    """The machine's own time at a moment: how much work one worker could have done."""
    done = 0.0
    for length, slowness in speeds:
        spent = min(length, at)
        done += spent / slowness if slowness else 0
        at -= spent
    return done + at


@given(jobs, speeds, st.integers(1, 4))
def test_workers_serve_in_order_whatever_their_speed(jobs, speeds, count):
    over, refused = simulated(Capacity(workers=count), jobs, speeds)
    assert not refused
    free, came, expected = [0.0] * count, 0, {}
    for rank, (gap, length) in enumerate(jobs):
        came += gap
        # Kiefer, Wolfowitz, Trans. AMS 78, 1955: each goes to the worker that is free first.
        begins = max(heappop(free), own_time(came + rank / UNIT, speeds))
        heappush(free, begins + length)
        expected[rank] = begins + length
    assert over.keys() == expected.keys()
    for rank, ends in over.items():
        assert abs(own_time(ends / UNIT, speeds) - expected[rank]) * UNIT < ROUNDING


@given(jobs, st.integers(1, 3), st.integers(0, 4))
def test_a_bounded_queue_refuses_what_would_wait_behind_too_many(jobs, count, bound):
    over, refused = simulated(Capacity(count, bound), jobs, [])
    came, under_way, expected, free = 0, [], [], [0] * count
    for rank, (gap, length) in enumerate(jobs):
        came += gap * UNIT
        now = came + rank
        under_way = [job for job in under_way if job[1] > now]
        waiting = sum(begins > now for begins, _ in under_way)
        if len(under_way) >= count and waiting >= bound:
            expected.append(rank)
            continue
        begins = max(heappop(free), now)
        ends = begins + length * UNIT
        heappush(free, ends)
        under_way.append((begins, ends))
        assert over[rank] == ends
    assert refused == expected
