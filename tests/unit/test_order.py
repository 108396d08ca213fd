"""Which of several pending events happens next."""

from __future__ import annotations

from dataclasses import replace

import pytest

from clew.checkers.verdict import Verdict
from clew.models.registry import MODELS
from clew.node.node import Node, on
from clew.node.timer import NS_PER_SECOND, to_ns
from clew.runtimes.simulated import simulated
from clew.scenarios.code.models import load_model
from clew.scenarios.judgement.outcome import judge
from clew.scenarios.options.scenario import make_scenario
from clew.scenarios.plans.draw import draw_plan
from clew.scenarios.runs.run import simulate
from clew.search.verification import verify
from clew.sim.cluster import Cluster
from clew.sim.entropy import Entropy
from clew.sim.entry import MESSAGE
from clew.sim.orders.pct import (
    BOUND_DOUBLINGS,
    BOUND_LOW_NS,
    CHANGES_DEFAULT,
    FALLEN,
    ROUND_NS,
    PctOrder,
)
from clew.sim.orders.schedules import ORDERS, order_of
from clew.sim.orders.time import TimeOrder

BOUND_NS = BOUND_LOW_NS << BOUND_DOUBLINGS


@pytest.mark.parametrize(
    ("schedule", "changes"), [("pct", CHANGES_DEFAULT), ("pct:1", 1), ("pct:20", 20)]
)
def test_a_schedule_has_so_many_change_points(schedule: str, changes: int):
    order = order_of(schedule, Entropy(0))
    assert isinstance(order, PctOrder)
    order._begin(0)
    assert len(order._change_ns) == changes


@pytest.mark.parametrize(("name", "order"), ORDERS.items())
def test_a_row_is_found_by_the_name_its_form_has(name: str, order: type):
    assert order.forms[0] == name
    assert type(order_of(name, Entropy(0))) is order


@pytest.mark.parametrize(
    "schedule", ["", "pct:", "pct:0", "pct:21", "pct:-1", "pct:1.5", "pct:³", "PCT", "time:3", "x"]
)
def test_what_is_no_schedule_is_refused(schedule: str):
    with pytest.raises(ValueError, match="pct:D with D from 1 to 20"):
        order_of(schedule, Entropy(0))


def test_time_order_is_the_default():
    assert isinstance(order_of("time", Entropy(0)), TimeOrder)
    assert isinstance(order_of("pct", Entropy(0)), PctOrder)


class Chatter(Node):
    """Sends each peer a number every 10 ms, and keeps what it heard and when."""

    def start(self) -> None:
        self.heard: list[tuple[str, int, int]] = []
        self.ticks: list[float] = []
        self.sent = 0
        self.every(0.01, self.tick)

    def tick(self) -> None:
        self.ticks.append(self.monotonic())
        self.sent += 1
        for peer in self.peers:
            self.send(peer, {"type": "hear", "number": self.sent})

    @on("hear")
    def hear(self, msg) -> None:
        now_ns = to_ns(self.monotonic())
        self.heard.append((msg.src, msg.body["number"], now_ns))


def chat(seed: int, schedule: str, seconds: float = 2.0) -> Cluster:
    order = order_of(schedule, Entropy(seed))
    cluster = simulated(seed, Chatter, ["n1", "n2", "n3", "n4"], order=order)
    cluster.boot()
    cluster.world.advance(to_ns(seconds))
    return cluster


def sent_ns(number: int) -> int:
    return number * NS_PER_SECOND // 100


@pytest.mark.parametrize("seed", range(5))
def test_every_message_arrives_once_and_within_the_bound(seed: int):
    cluster = chat(seed, "pct")
    held = 0
    for node in cluster.nodes.values():
        heard = [(src, number) for src, number, _ in node.heard]
        due = int(200 - BOUND_NS // 10_000_000 - 1)
        assert len(set(heard)) == len(heard)
        assert {(src, n) for src in node.peers for n in range(1, due)} <= set(heard)
        for _, number, at_ns in node.heard:
            late_ns = at_ns - sent_ns(number)
            assert 20_000 <= late_ns <= BOUND_NS + 200_000
            held += late_ns > 200_000
    assert held
    assert held <= cluster.world.order.holds


@pytest.mark.parametrize("seed", range(5))
def test_timers_keep_their_instants(seed: int):
    plain, drawn = chat(seed, "time"), chat(seed, "pct:5")
    for name, node in plain.nodes.items():
        assert drawn.nodes[name].ticks == node.ticks


def test_messages_come_in_another_order():
    plain, drawn = chat(1, "time"), chat(1, "pct")
    assert plain.close() != drawn.close()
    assert any(
        [one[:2] for one in plain.nodes[name].heard] != [one[:2] for one in node.heard]
        for name, node in drawn.nodes.items()
    )


def test_time_never_goes_back():
    cluster = simulated(3, Chatter, ["n1", "n2", "n3"], order=order_of("pct:20", Entropy(3)))
    cluster.boot()
    for step in range(1, 300):
        cluster.world.advance(step * 7_000_001)
        assert cluster.world.now == step * 7_000_001
    seen = [event.time for event in cluster.trace.events()]
    assert seen == sorted(seen)


def test_advancing_in_steps_loses_nothing():
    cluster = simulated(3, Chatter, ["n1", "n2", "n3"], order=order_of("pct", Entropy(3)))
    cluster.boot()
    for step in range(1, 2000):
        cluster.world.advance(step * 1_000_003)
    heard = [(src, number) for src, number, _ in cluster.nodes["n1"].heard]
    assert len(set(heard)) == len(heard)
    assert {("n2", n) for n in range(1, 170)} <= set(heard)


def test_what_is_sent_after_everything_healed_is_not_held():
    cluster = chat(1, "pct:20")
    healed_ns = cluster.world.now
    cluster.world.order.settle()
    cluster.world.advance(2 * healed_ns)
    for node in cluster.nodes.values():
        late = [(n, at_ns) for _, n, at_ns in node.heard if sent_ns(n) > healed_ns]
        assert len(late) > 500
        assert all(at_ns - sent_ns(n) <= 200_000 for n, at_ns in late)


def test_a_slow_network_with_priorities_makes_progress_once_it_has_healed():
    # Six nodes, 100 ms from one to another: with holds after healing no leader lasted 5 s.
    model, plan = plan_of("raft", "pct", 88, swarm=True, time_limit=5)
    assert plan.latency_ns == 100_000_000
    assert judge(simulate(plan, model), model).verdict is Verdict.VALID


def test_rounds_do_not_depend_on_each_other():
    one, other = PctOrder(Entropy(5), 3), PctOrder(Entropy(5), 3)
    one._begin(1)
    one._begin(4)
    other._begin(4)
    assert (one._bound_ns, one._change_ns) == (other._bound_ns, other._change_ns)
    assert len(one._change_ns) == 3
    assert all(4 * NS_PER_SECOND <= ns < 5 * NS_PER_SECOND for ns in one._change_ns)


class Lane:
    """A link with what happens at its end, of which an order policy sees the ends."""

    def __init__(self, *ends: str) -> None:
        self.link = self
        self.ends = ends


def message(time_ns: int, number: int, link: Lane) -> tuple:
    return (time_ns, MESSAGE, number, link, {}, True, None)


def order_after(rounds, entropy: Entropy, lanes) -> PctOrder:
    """A policy that a message of each lane has gone through, in each of some rounds."""
    order = PctOrder(entropy, 3)
    order.attach(lambda: number * ROUND_NS)
    for number in rounds:
        for rank, lane in enumerate(lanes):
            order.push(message(number * ROUND_NS + rank, 100 * number + rank, lane))
        while order.pending:
            order.pop()
    return order


def test_no_priority_is_kept_from_round_to_round():
    lanes = [Lane("n1", "n2"), Lane("n2", "n1"), Lane("n1", "n3")]
    entropy = Entropy(5)
    later, alone = order_after((1, 2, 4), entropy, lanes), order_after((4,), entropy, lanes)
    assert [later._priority(lane) for lane in lanes] == [alone._priority(lane) for lane in lanes]
    one = order_after((1,), entropy, lanes)
    assert all(one._priority(lane) != alone._priority(lane) for lane in lanes)


def test_a_chain_that_fell_is_up_again_in_the_next_round():
    lane, order = Lane("n1", "n2"), PctOrder(Entropy(5), 3)
    order.attach(lambda: 3 * ROUND_NS)
    order.push(message(2 * ROUND_NS - 1, 1, lane))  # all change points of its round have passed
    assert order.pop()[0] > 2 * ROUND_NS  # it is held to the bound
    assert order._priority(lane) == FALLEN
    order.push(message(3 * ROUND_NS, 2, lane))
    assert order.pop()[0] == 3 * ROUND_NS
    assert order._priority(lane) != FALLEN


def plan_of(name: str, schedule: str, seed: int = 1, **more):
    options = {"model": name, "time_limit": 4, "rate": 20, "recovery": 5, **more}
    model = load_model(name)
    return model, replace(draw_plan(make_scenario(options), seed, model), schedule=schedule)


@pytest.mark.parametrize("name", MODELS)
def test_a_correct_model_stays_valid(name: str):
    for seed in range(3):
        for swarm in (False, True):
            model, plan = plan_of(name, "pct", seed, swarm=swarm)
            assert judge(simulate(plan, model), model).verdict is not Verdict.INVALID


def test_the_digest_is_a_function_of_the_plan():
    model, plan = plan_of("raft", "pct")
    first = simulate(plan, model).digest
    assert simulate(plan, model).digest == first
    assert simulate(replace(plan, schedule="time"), model).digest != first
    assert simulate(replace(plan, schedule="pct:20"), model).digest != first


def drawn_schedules(**options):
    scenario = make_scenario({"model": "echo", "time_limit": 1, **options})
    model = load_model("echo")
    return [draw_plan(scenario, seed, model).schedule for seed in range(60)]


@pytest.mark.parametrize("swarm", [False, True])
@pytest.mark.parametrize("schedule", ["time", "pct", "pct:7"])
def test_a_schedule_that_is_named_holds_in_every_seed(schedule, swarm):
    assert set(drawn_schedules(schedule=schedule, swarm=swarm)) == {schedule}


@pytest.mark.parametrize("swarm", [False, True])
def test_time_is_the_order_where_none_is_named(swarm):
    assert set(drawn_schedules(swarm=swarm)) == {"time"}


def test_a_run_with_priorities_comes_out_the_same_in_a_fresh_process():
    model, plan = plan_of("raft", "pct", swarm=True)
    assert verify(simulate(plan, model)).same
