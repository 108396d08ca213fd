"""The linearizability checker: budgets, specifications that raise, and what it refuses."""

import gc

import pytest
from event_lines import check, told

from clew.checkers.linearizability import Linearizability
from clew.checkers.linearizability.entries import partitions
from clew.checkers.linearizability.specifications import (
    CasRegister,
    Counter,
    FifoQueue,
    KeyValue,
    Register,
    Stack,
)
from clew.checkers.linearizability.stages import searched
from clew.checkers.verdict import Budget, OutOfBudget, Verdict, run_checker
from clew.errors import HistoryError


def hard(copies):
    """A counter that many concurrent additions of different size leave at an impossible sum."""
    lines = [f"{process} invoke add {1 << process}" for process in range(copies)]
    lines += [f"{process} ok add {1 << process}" for process in range(copies)]
    lines += ["99 invoke read", "99 ok read 1"]
    return told("\n".join(lines))


def test_a_spent_budget_is_unknown():
    result = run_checker(Linearizability(Counter()), hard(16), Budget(seconds=None, steps=2_000))
    assert result.verdict is Verdict.UNKNOWN
    assert "2,000 steps were taken without a decision." in result.reason
    assert result.statistics["unknown_partitions"][0]["reason"].startswith("the budget is spent")


def test_the_budget_holds_inside_one_response():
    budget = Budget(seconds=None, steps=2_000)
    Linearizability(Counter()).check(hard(30), budget)
    assert 2_000 < budget.spent < 2_000 + 2 * Budget.STEP


def test_a_partition_over_the_budget_does_not_lose_the_others():
    lines = [f'{at} invoke add ["hard", {1 << at}]' for at in range(16)]
    lines += [f'{at} ok add ["hard", {1 << at}]' for at in range(16)]
    lines += ['99 invoke read ["hard", null]', '99 ok read ["hard", 1]']
    lines += ['99 invoke read ["easy", null]', '99 ok read ["easy", 1]']
    budget = Budget(seconds=None, steps=2_000)
    result = Linearizability(Counter()).check(told("\n".join(lines)), budget)
    assert result.verdict is Verdict.INVALID
    assert [each.data["key"] for each in result.anomalies] == ["easy"]
    assert [each["key"] for each in result.statistics["unknown_partitions"]] == ['"hard"']


@pytest.mark.parametrize("specification", [Register(), FifoQueue(), Stack()])
def test_a_failure_found_without_a_search_needs_no_budget_to_stand(specification):
    update, look = specification.functions[-1], specification.functions[0]
    if isinstance(specification, FifoQueue):
        update, look = look, update
    lines = [f"{value} invoke {update} {value}" for value in range(12)]
    lines += [f"{value} ok {update} {value}" for value in range(12)]
    lines += [f"0 invoke {look}", f"0 ok {look} 77"]
    budget = Budget(seconds=None, steps=0)
    result = Linearizability(specification).check(told("\n".join(lines)), budget)
    assert result.verdict is Verdict.INVALID
    assert [each.result for each in result.anomalies[0].operations] == [77]


def test_states_that_take_too_much_memory_end_the_search():
    lines = [line for at in range(600) for line in (f"0 invoke add {at}", f"0 ok add {at}")]
    (part,) = partitions(Counter(), told("\n".join(lines)))
    with pytest.raises(OutOfBudget, match="the states take more than"):
        searched(Counter(), part.entries, Budget(), bytes_max=4_000)
    assert searched(Counter(), part.entries, Budget()).outcome.linearizable


def test_an_explanation_does_not_spend_what_a_verdict_needs():
    """The wrong key is the smaller one and judged first; its explanation waits."""
    lines = ['99 invoke read ["wrong", null]', '99 ok read ["wrong", 7]']
    for at in range(300):
        lines += [f'0 invoke add ["right", {at}]', f'0 ok add ["right", {at}]']
    budget = Budget(seconds=None, steps=301)
    result = Linearizability(Counter()).check(told("\n".join(lines)), budget)
    assert result.statistics["unknown_partitions"] == []
    assert [anomaly.data["key"] for anomaly in result.anomalies] == ["wrong"]


class Raises(Counter):
    def step(self, state, f, argument, result):
        if argument == 13:
            raise ZeroDivisionError("thirteen")
        return super().step(state, f, argument, result)


def test_a_specification_that_raises_is_unknown():
    history = told("0 invoke add 13\n0 ok add 13")
    result = check(Raises(), history)
    assert result.verdict is Verdict.UNKNOWN
    assert "ZeroDivisionError: thirteen" in result.reason


class Wordless(Counter):
    def describe_state(self, state):
        raise ZeroDivisionError("no words")


def test_words_that_raise_do_not_lose_the_verdict():
    result = check(Wordless(), told("0 invoke read\n0 ok read 3"))
    assert result.verdict is Verdict.INVALID
    assert "ZeroDivisionError: no words" in result.anomalies[0].reason


@pytest.mark.parametrize(
    ("specification", "text", "message"),
    [
        (Register(), "0 invoke cas [1, 2]", "register knows no operation cas.*read, write"),
        (KeyValue(), "0 invoke get", "get has no key"),
        (CasRegister(), "0 invoke cas 3\n0 ok cas 3", "cas has no pair"),
        (Register(), "0 ok read 3", "has no invocation"),
    ],
)
def test_a_history_that_does_not_fit_is_the_inputs_fault(specification, text, message):
    with pytest.raises(HistoryError, match=message):
        check(specification, told(text))


@pytest.mark.parametrize("enabled", [True, False])
def test_the_collector_is_as_it_was(enabled):
    seen = []

    class Looks(Counter):
        def step(self, state, f, argument, result):
            seen.append(gc.isenabled())
            return super().step(state, f, argument, result)

    try:
        (gc.enable if enabled else gc.disable)()
        check(Looks(), told("0 invoke read\n0 ok read 0"))
        assert gc.isenabled() is enabled
    finally:
        gc.enable()
    assert not any(seen)
