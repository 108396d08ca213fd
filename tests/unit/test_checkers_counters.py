"""Counters: each anomaly by the smallest history that shows it."""

import pytest

from clew.checkers.replicated.counters import Counter, IntervalCounter
from clew.checkers.verdict import Budget, Verdict, run_checker
from clew.errors import HistoryError
from clew.history import Event, History

PROCESSES = {"n1": 1, "n2": 2, "n3": 3}


def op(node, f, value=None, result=None, *, type="ok"):  # noqa: A002
    call = Event(PROCESSES[node], "invoke", f, value, node=node)
    return [call] if type is None else [call, Event(PROCESSES[node], type, f, result, node=node)]


def add(node, delta, type="ok"):  # noqa: A002
    return op(node, "add", delta, type=type)


def read(node, total, type="ok"):  # noqa: A002
    return op(node, "read", None, total, type=type)


def history(*parts):
    return History(event for part in parts for event in part)


INVALID = {
    "one add is missing": (
        [add("n1", 1), add("n2", 2), read("n1", 2), read("n2", 2)],
        "impossible-total",
    ),
    "one add counts twice": ([add("n1", 1), read("n1", 2)], "impossible-total"),
    "no subset of the unknown": (
        [add("n1", 5, "info"), add("n2", 3, None), read("n1", 4)],
        "impossible-total",
    ),
    "a failed add counts": ([add("n1", 5, "fail"), read("n1", 5)], "impossible-total"),
    "replicas differ": ([add("n1", 1, "info"), read("n1", 1), read("n2", 0)], "diverged"),
    "it goes down": ([add("n1", 2), read("n1", 2), read("n1", 1), read("n1", 2)], "decreasing"),
    "too much on the way": ([read("n1", 1), add("n1", 1), read("n1", 1)], "out-of-bounds"),
    "less than nothing": ([read("n1", -1), add("n1", 1), read("n1", 1)], "out-of-bounds"),
    "a word": ([add("n1", 1), read("n1", "1"), read("n1", 1)], "malformed"),
    "true is no number": ([add("n1", 1), read("n1", bool(1))], "malformed"),
}


@pytest.mark.parametrize("case", INVALID)
def test_each_anomaly_of_a_g_counter(case):
    parts, kind = INVALID[case]
    result = run_checker(Counter(monotonic=True), history(*parts))
    assert result.verdict is Verdict.INVALID
    assert kind in [one.kind for one in result.anomalies]
    assert all(one.operations and one.reason for one in result.anomalies)


VALID = {
    "all adds": [add("n1", 1), add("n2", 2), read("n1", 3), read("n2", 3)],
    "with one unknown": [add("n1", 5, "info"), add("n2", 3, None), read("n1", 5)],
    "with the other": [add("n1", 5, "info"), add("n2", 3, None), read("n1", 3)],
    "with both": [add("n1", 5, "info"), add("n2", 3, None), read("n1", 8)],
    "with neither": [add("n1", 5, "info"), add("n2", 3, None), read("n1", 0)],
    "a late replica": [add("n1", 1), read("n2", 0), read("n1", 1), read("n2", 1)],
    "a replica that misses its own add": [add("n1", 1), read("n1", 0), read("n1", 1)],
    "nothing happened": [read("n1", 0)],
    "one comma nought is one": [add("n1", 1), read("n1", 1.0)],
}


@pytest.mark.parametrize("case", VALID)
def test_no_false_alarm(case):
    parts = history(*VALID[case])
    nodes = sorted({event.node for event in parts if event.f == "read"})
    result = run_checker(Counter(monotonic=True, nodes=nodes), parts)
    assert result.verdict is Verdict.VALID, (result.reason, result.anomalies)


def test_a_pn_counter_goes_down_and_takes_any_subset():
    parts = [add("n1", 5), read("n1", 5), add("n1", -3), add("n2", -4, "info")]
    for total, verdict in [(2, Verdict.VALID), (-2, Verdict.VALID), (1, Verdict.INVALID)]:
        both = [read("n1", total), read("n2", total)]
        result = run_checker(Counter(monotonic=False), history(*parts, *both))
        assert result.verdict is verdict


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ([add("n1", 1), read("n1", 1, "info")], "There is no final read of n1"),
        ([add("n1", 1), read("n2", 1)], "There is no final read of n1 (it was never read)."),
        ([], "No replica was ever read"),
    ],
)
def test_a_missing_final_read_is_unknown(parts, reason):
    result = run_checker(Counter(), history(*parts))
    assert result.verdict is Verdict.UNKNOWN
    assert result.reason.startswith(reason)


def test_unknown_adds_too_large_to_list_give_unknown_inside_their_bounds():
    unknown = [add("n1", 10**9, "info"), add("n2", 10**9 + 1, "info")]
    for total, verdict in [(7, Verdict.UNKNOWN), (3 * 10**9, Verdict.INVALID)]:
        both = [read("n1", total), read("n2", total)]
        assert run_checker(Counter(), history(*unknown, *both)).verdict is verdict


def test_large_unknown_adds_with_a_common_factor_are_decided():
    unknown = [add("n1", 10**9, "info"), add("n2", 3 * 10**9, "info")]
    for total, verdict in [(3 * 10**9, Verdict.VALID), (2 * 10**9, Verdict.INVALID)]:
        both = [read("n1", total), read("n2", total)]
        assert run_checker(Counter(), history(*unknown, *both)).verdict is verdict


def test_an_add_without_a_number_is_the_inputs_fault():
    with pytest.raises(HistoryError) as caught:
        Counter().check(history(add("n1", "x"), read("n1", 0)), Budget())
    assert str(caught.value) == (
        "history: event 0: an add can't be counted: "
        'expected an integer delta as the value of the add, found "x".'
    )


INTERVALS = {
    "exact": ([add("n1", 1), read("n1", 1)], Verdict.VALID),
    "stale": ([add("n1", 1), read("n2", 0)], Verdict.INVALID),
    "ahead": ([read("n2", 1), add("n1", 1)], Verdict.INVALID),
    "unknown": ([add("n1", 1, "info"), read("n2", 0), read("n2", 1)], Verdict.VALID),
    "failed": ([add("n1", 1, "fail"), read("n2", 1)], Verdict.INVALID),
    "negative": ([add("n1", -1, "info"), read("n2", -1)], Verdict.VALID),
    "too negative": ([add("n1", -1), read("n2", 0)], Verdict.INVALID),
    "no reads": ([add("n1", 1)], Verdict.UNKNOWN),
    "malformed": ([read("n1", None)], Verdict.INVALID),
}


@pytest.mark.parametrize("case", INTERVALS)
def test_the_interval_counter(case):
    parts, verdict = INTERVALS[case]
    assert run_checker(IntervalCounter(), history(*parts)).verdict is verdict


def test_a_read_during_an_add_may_see_it_or_not():
    for total, verdict in [(0, Verdict.VALID), (1, Verdict.VALID), (2, Verdict.INVALID)]:
        parts = history(
            [Event(1, "invoke", "read", None)],
            [Event(2, "invoke", "add", 1), Event(2, "ok", "add", 1)],
            [Event(1, "ok", "read", total)],
            [Event(3, "invoke", "add", 1), Event(3, "ok", "add", 1)],
        )
        assert run_checker(IntervalCounter(), parts).verdict is verdict
