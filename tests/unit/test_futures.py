"""How likely a failure was from a moment on."""

import pytest

import clew
from clew import Node, on
from clew.report.page.page import page
from clew.scenarios.runs.run import simulate
from clew.search.futures import FUTURES, Share, _spread, shares
from clew.sim.entropy import Entropy, Fork, ForkingEntropy
from tests.unit.pages import data_of


class Coin(Node):
    """Answers wrongly if a coin that it tosses when it is asked says so."""

    workload = "echo"

    @on("echo")
    def echo(self, msg):
        lies = self.rng.random() < 0.05
        self.reply(msg, {"type": "echo_ok", "echo": "a lie" if lies else msg.body["echo"]})


@pytest.fixture(scope="module")
def outcome():
    """Some answer is a lie; which one it is shows in the history."""
    for seed in range(50):
        result = clew.run(
            Coin, node_count=1, time_limit=2, recovery=0, rate=5, concurrency=1, seed=seed
        )
        if result.verdict.value == "invalid":
            return result.outcome
    raise AssertionError("no run fails")


def test_a_fork_that_never_comes_changes_nothing(outcome):
    run = simulate(outcome.run.plan, outcome.model, fork=Fork(10**15, 7))
    assert run.digest == outcome.run.digest


def test_what_happened_before_a_fork_stays(outcome):
    at_ns = outcome.run.virtual_ns // 2
    other = simulate(outcome.run.plan, outcome.model, fork=Fork(at_ns, 7))
    before = [event for event in outcome.run.trace.events() if event.time < at_ns]
    assert [*other.trace.events()][: len(before)] == before
    assert other.digest != outcome.run.digest


def test_after_the_lie_all_futures_fail_and_none_is_sure_before(outcome):
    lie = next(one for one in outcome.run.history.operations if "a lie" in str(one.result))
    found = shares(outcome, [lie.start - 1, lie.end], 10**7)
    assert [one.at_ns for one in found] == [lie.start - 1, lie.end]
    assert found[0].failed < FUTURES
    assert found[1] == Share(lie.end, FUTURES)
    assert shares(outcome, [lie.start - 1, lie.end], 10**7) == found
    assert data_of(page(outcome, futures=True))["futures"][-1][1:] == [FUTURES, FUTURES]


def test_nothing_is_followed_where_nothing_failed_or_there_is_no_room(outcome):
    valid = clew.run("echo", time_limit=1, recovery=0).outcome
    assert shares(valid, [1], 10**9) == []
    assert shares(outcome, [1], 10) == []
    assert data_of(page(outcome))["futures"] == []


def test_moments_are_chosen_evenly_and_the_last_is_one():
    assert _spread([1, 2, 3], 5) == [1, 2, 3]
    assert _spread([*range(10)], 3) == [3, 6, 9]


def test_streams_that_turn_are_those_of_the_other_seed():
    turning, other = ForkingEntropy(1), Entropy(2)
    stream, bits, random = turning.stream("a"), turning.bits("b"), turning.random("c")
    assert stream.bits64() == Entropy(1).stream("a").bits64()
    assert bits(32) == Entropy(1).bits("b")(32)
    turning.turn(2)
    assert stream.bits64() == other.stream("a").bits64()
    assert bits(32) == other.bits("b")(32)
    assert random.random() == other.random("c").random()
    assert turning.stream("d").bits64() == other.stream("d").bits64()
