"""Histories with values of every wrong type: no checker crashes, and none quotes an exception."""

import re

import pytest

from clew.checkers.registry import entries, find
from clew.checkers.verdict import Budget, Verdict, run_checker
from clew.errors import HistoryError
from clew.history import Event, History
from clew.sim.entropy import Entropy

ANY = (
    None, True, False, 0, 1, 1.5, -0.0, "", "a", [], [1], [1, 2], [1, None], ["a", [1]], {},
    {"a": 1}, {"1": [1]}, 10**30, [["r", 1, None]], [["append", 1, 2]], [["w", "x", 3]],
    [["r", 1, [1, "a"]]], [None], [{}], [[1, [2, 3]]], ["r", 1, 2], [["send", "k", [0, 1]]],
    {"k": [[0, 1]]}, [["poll", {"k": [[0, 1]]}]],
)  # fmt: skip
RAW = re.compile(
    r"(Type|Value|Key|Index|Attribute|Assertion|Recursion|Overflow)Error|crashed|supported between"
    r"|object is not|unhashable|has no attribute|unsupported operand|not subscriptable"
)
HISTORIES = 250
CHECKERS = {entry.name: entry for entry in entries()}


def functions_of(entry):
    """What its histories hold, as it is recognised by; for others what most are."""
    words = " ".join(f"{sign.needs} {sign.allows}" for sign in entry.signs)
    return list(dict.fromkeys(words.split())) or ["read", "write", "txn", "cas", "add"]


def history_of(draw, functions):
    """A few operations of two processes; most values are among a few."""
    few = [draw.pick(ANY) for _ in range(draw.between(1, 3))]
    events = []
    for place in range(draw.between(1, 5)):
        f, argument = draw.pick(functions), draw.pick(few)
        result = draw.pick([argument, draw.pick(few), draw.pick(ANY)])
        kind = draw.pick(["ok", "ok", "ok", "fail", "info"])
        events += [
            Event(place % 2, "invoke", f, argument, place * 10, node="n0"),
            Event(place % 2, kind, f, result, place * 10 + 5, node="n0"),
        ]
    return History(events, source="history")


@pytest.mark.parametrize("name", CHECKERS)
def test_no_reason_quotes_an_exception(name):
    entry = CHECKERS[name]
    draw = Entropy(1).stream("values", name)
    for _ in range(HISTORIES):
        history = history_of(draw, functions_of(entry))
        try:
            result = run_checker(entry.make({}), history, Budget(steps=2_000))
        except HistoryError as wrong:
            told = [str(wrong)]
        else:
            told = [result.reason, *(anomaly.reason for anomaly in result.anomalies)]
        for reason in told:
            assert not RAW.search(reason), (reason, list(history))


def anomaly_of(name: str, *operations: tuple[str, object, object]) -> str:
    events = []
    for process, (f, argument, result) in enumerate(operations):
        events += [Event(process, "invoke", f, argument), Event(process, "ok", f, result)]
    result = run_checker(find(name).make({}), History(events, source="history"))
    assert result.verdict is Verdict.INVALID
    return result.anomalies[0].reason


def test_an_answer_that_looks_like_a_key_and_a_value_is_shown_whole():
    told = anomaly_of("set", ("add", 1, None), ("contains", 1, [1, True]))
    assert "contains 1 -> [1, true] (expected true or false)" in told
    assert "read -> 7 (expected a list)" in anomaly_of("set", ("add", 1, None), ("read", None, 7))


def test_a_token_that_has_no_order_is_none_that_grows():
    told = anomaly_of(
        "fenced-lock", ("acquire", "a", 5), ("release", "a", None), ("acquire", "b", [6])
    )
    assert 'acquire "b" -> [6] (expected a number as its token)' in told
