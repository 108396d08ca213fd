"""Budgets: steps by default, so that a verdict depends on no clock; what UNKNOWN says."""

import inspect
import json

import pytest
from judging import judge_file

from clew import cli
from clew.checkers.keys import EachKey
from clew.checkers.registry import find, parse_model
from clew.checkers.table import CHECKERS
from clew.checkers.verdict import (
    STEPS,
    Anomaly,
    Budget,
    OutOfBudget,
    Result,
    Verdict,
    run_checker,
    standing,
)
from clew.history import Event, History
from clew.machine import wall


def clients(f, values, answers, begin=0):
    """Operations of as many clients, all at once."""
    asked = [Event(begin + at, "invoke", f, value) for at, value in enumerate(values)]
    return asked + [Event(begin + at, "ok", f, value) for at, value in enumerate(answers)]


def counter_at_an_impossible_sum(count):
    sizes = [1 << at for at in range(count)]
    return clients("add", sizes, sizes) + clients("read", [None], [1])


def registers_in_cycles(count):
    """Each session writes its own register and then reads the next one's old value."""
    events = []
    for at in range(count):
        for f, value in (("write", [at, f"v{at}"]), ("read", [(at + 1) % count, None])):
            events += [Event(at, "invoke", f, value), Event(at, "ok", f, value)]
    return events


def written_over(count):
    """Writes at once, two writes after them, and a read of the first."""
    values = [*range(count)]
    events = clients("write", values, values)
    for f, asked, value in (("write", 98, 98), ("write", 99, 99), ("read", None, 0)):
        events += clients(f, [asked], [value])
    return events


SLOW = {
    "counter": counter_at_an_impossible_sum(11),
    "stack": [*clients("push", [0, 1] * 7, [0, 1] * 7), *clients("pop", [None] * 3, [0, 1, 7])],
    "sequential": registers_in_cycles(6),
    "atomicity:k=2": written_over(7),
}


def made(model):
    name, options = parse_model(model)
    return find(name).make(options)


class Clock:
    """A clock on which every look takes an hour."""

    def __init__(self, step):
        self.now = 0.0
        self.step = step

    def __call__(self):
        self.now += self.step
        return self.now


@pytest.mark.parametrize("steps", [1, 100, 2_000, None])
@pytest.mark.parametrize("model", SLOW)
def test_a_slow_machine_gives_the_same_verdict(model, steps, monkeypatch):
    checker = made(model)
    budget = {} if steps is None else {"steps": steps}
    found = []
    for step in (0.0, 3600.0):
        monkeypatch.setattr(wall, "seconds", Clock(step))
        spent = Budget(**budget)
        result = run_checker(checker, History(SLOW[model]), spent)
        found.append((result.verdict, result.reason, result.anomalies, spent.spent))
    assert found[0] == found[1]


def test_no_clock_is_asked_where_no_seconds_are_given(monkeypatch):
    def refuse():
        raise AssertionError("a verdict must not depend on the clock")

    monkeypatch.setattr(wall, "seconds", refuse)
    Budget().spend(1)
    with pytest.raises(OutOfBudget, match="10 steps were taken"):
        Budget(steps=10).spend(11)


def test_seconds_are_a_bound_for_a_person(monkeypatch):
    monkeypatch.setattr(wall, "seconds", Clock(3600.0))
    result = run_checker(find("counter").make({}), History(SLOW["counter"]), Budget(10))
    assert result.verdict is Verdict.UNKNOWN
    assert "10 s passed without a decision. What would decide it: more time" in result.reason


def test_the_default_is_a_number_of_steps_everywhere():
    assert Budget().steps == STEPS
    assert Budget().deadline is None


@pytest.mark.parametrize("model", SLOW)
def test_unknown_says_which_bound_was_hit_and_what_would_decide_it(model):
    result = run_checker(made(model), History(SLOW[model]), Budget(steps=1))
    assert result.verdict is Verdict.UNKNOWN, result
    assert "1 steps were taken without a decision" in result.reason
    assert "What would decide it: more steps" in result.reason


def test_what_helps_is_told_of_the_history():
    events = [*clients("push", [0, 1] * 7, [0, 1] * 7), Event(50, "invoke", "pop", None)]
    events += clients("pop", [None] * 3, [0, 1, 0], begin=60)
    events += clients("pop", [None], [7], begin=80)
    reason = run_checker(find("stack").make({}), History(events), Budget(steps=3)).reason
    for each in (
        "more steps", "values that are each put in once", "fewer unanswered operations than 1",
        "fewer clients at once than 14", "fewer operations than 19",
    ):  # fmt: skip
        assert each in reason


@pytest.mark.parametrize("name", CHECKERS)
def test_every_checker_says_something_where_its_budget_is_spent(name):
    class Spent(Budget):
        def spend(self, steps):
            raise OutOfBudget("all is spent", "more steps")

    result = run_checker(CHECKERS[name].make({}), History([]), Spent())
    assert result.verdict is Verdict.UNKNOWN
    assert "all is spent. What would decide it: more steps" in result.reason


def test_what_was_found_stands_when_the_budget_is_spent():
    found = [Anomaly("lost", "1 was lost")]
    with standing(found):
        raise OutOfBudget("all is spent")
    with pytest.raises(OutOfBudget), standing([]):
        raise OutOfBudget("all is spent")


def test_a_key_over_the_budget_does_not_lose_what_the_others_gave():
    class OneKey:
        name = "one-key"

        def check(self, history, budget):
            if any(each.value == "long" for each in history):
                raise OutOfBudget("all is spent", "more steps")
            return Result(self.name, Verdict.INVALID, "wrong", (Anomaly("wrong", "wrong"),))

    events = [Event(1, "invoke", "add", [1, "long"]), Event(1, "ok", "add", [1, "long"])]
    events += [Event(1, "invoke", "add", [2, "short"]), Event(1, "ok", "add", [2, "short"])]
    result = run_checker(EachKey(OneKey()), History(events))
    assert result.verdict is Verdict.INVALID
    assert result.statistics["unknown_keys"] == 1


@pytest.fixture
def slow_file(tmp_path):
    path = tmp_path / "counter.jsonl"
    lines = [
        json.dumps({"process": each.process, "type": each.type, "f": each.f, "value": each.value})
        for each in SLOW["counter"]
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_a_file_is_judged_within_steps(slow_file):
    judgement = judge_file(slow_file, "counter", steps=100)
    assert judgement.result.verdict is Verdict.UNKNOWN
    assert "100 steps were taken" in judgement.result.reason
    assert judge_file(slow_file, "counter").result.verdict is Verdict.INVALID


def test_the_help_says_the_steps_of_the_code():
    assert f'"{STEPS}; no bound with --budget"' in inspect.getsource(cli)
