"""Transactions that are malformed, and answers that don't belong to their requests."""

import pytest

from clew.checkers.transactions import ListAppend, RwRegister
from clew.checkers.verdict import Budget, Verdict
from clew.errors import HistoryError
from clew.history import Event, History


def txn(*micros):
    return [list(micro) for micro in micros]


def history(*pairs):
    events = []
    for process, (asked, answered) in enumerate(pairs):
        events.append(Event(process, "invoke", "txn", asked))
        events.append(Event(process, "ok", "txn", answered))
    return History(events, source="h.jsonl", lines=range(1, 1 + len(events)))


@pytest.mark.parametrize(
    ("pair", "place", "words"),
    [
        ((None, None), "h.jsonl:2", "no transaction"),
        (([["r", 1, None]], [["r", 1, 5]]), "h.jsonl:2", "malformed"),
        (([["r", 1]], [["r", 1]]), "h.jsonl:2", "malformed"),
        (([7], [7]), "h.jsonl:2", "malformed"),
        (([{"r": 1}], [["r", 1, []]]), "h.jsonl:1", "malformed"),
        (([["cas", 1, 2]], [["cas", 1, 2]]), "h.jsonl:2", "malformed"),
        (
            ([["append", 1, 2], ["append", 1, 2]], [["append", 1, 2], ["append", 1, 2]]),
            "h.jsonl:1",
            "more than once",
        ),
    ],
)
def test_a_malformed_transaction_is_an_error_with_its_place(pair, place, words):
    with pytest.raises(HistoryError, match=words) as caught:
        ListAppend().check(history(pair), Budget(None))
    assert str(caught.value).startswith(place)


APPEND = ["append", "x", 1]


@pytest.mark.parametrize(
    ("asked", "answered", "words"),
    [
        ([APPEND], [], "was asked for 1 micro-operation, [[append x 1]], and answered with 0, []"),
        ([APPEND], [["append", "x", 2]], "was asked for [append x 1] and answered with [append x"),
        ([APPEND], [["append", "y", 1]], "and answered with [append y 1]"),
        ([APPEND], [["r", "x", []]], "and answered with [r x []]"),
        (
            [["r", "x", None]],
            [["r", "y", []]],
            "was asked for [r x nil] and answered with [r y []]",
        ),
        ([7], [APPEND], "was asked for 7"),
    ],
)
def test_an_answer_to_something_else_is_a_mismatch(asked, answered, words):
    for model in ("strict-serializable", "read-uncommitted"):
        result = ListAppend((model,)).check(history((asked, answered)), Budget(None))
        assert result.verdict is Verdict.INVALID
        (anomaly,) = result.anomalies
        assert anomaly.kind == "mismatch"
        assert words in anomaly.reason
    assert result.statistics["strongest_standing"] == []


@pytest.mark.parametrize("key", [{"a": 1}, "{key}", "{", "{}", "{9}"])
def test_braces_in_keys_and_values_are_told_as_they_are(key):
    pair = ([["r", key, None]], [["r", key, [key]]])
    (anomaly,) = ListAppend().check(history(pair), Budget(None)).anomalies
    assert anomaly.kind == "garbage-read"
    assert f"T1 read key {key} as [{key}], but nobody ever appended {key}" in anomaly.reason
    assert anomaly.data["value"] == key


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        ([APPEND], [APPEND]),
        ([tuple(APPEND)], [APPEND]),
        ([["append", "x", 1.0]], [APPEND]),
        ([["r", "x"], APPEND], [["r", "x", []], APPEND]),
        ([["r", "x", [5]]], [["r", "x", []]]),
        (None, [APPEND]),
    ],
)
def test_an_answer_to_its_request_is_no_mismatch(asked, answered):
    result = ListAppend().check(history((asked, answered)), Budget(None))
    assert result.verdict is Verdict.VALID
    assert result.statistics["anomalies"] == {}


def test_what_an_unanswered_transaction_read_may_be_left_out():
    asked = [["r", "y"], ["append", "x", 1]]
    events = [Event(0, "invoke", "txn", asked), Event(0, "info", "txn", asked)]
    events += _pair(
        1, txn(["r", "x", None], ["r", "y", None]), txn(["r", "x", [1]], ["r", "y", []])
    )
    events += _pair(2, txn(["r", "x", None]), txn(["r", "x", []]))
    result = ListAppend().check(History(events), Budget(None))
    assert set(result.statistics["anomalies"]) == {"G-single-realtime"}
    assert "outcome unknown" in result.anomalies[0].reason
    assert "[r y, append x 1]" in result.anomalies[0].reason


def test_values_of_any_json_type_are_kept_apart():
    one = txn(["append", "k", 1], ["append", "k", True], ["append", "k", [1]], ["append", "k", "1"])
    read = txn(["r", "k", [1, True, [1], "1"]])
    good = History([*_pair(0, one, one), *_pair(1, txn(["r", "k", None]), read)])
    assert ListAppend().check(good, Budget(None)).verdict is Verdict.VALID
    swapped = txn(["r", "k", [True, 1, [1], "1"]])
    bad = History([*_pair(0, one, one), *_pair(1, txn(["r", "k", None]), swapped)])
    assert ListAppend().check(bad, Budget(None)).verdict is Verdict.INVALID


def test_values_of_any_json_type_are_told_as_they_are():
    one, other = txn(["append", "k", True], ["append", "j", [1]]), txn(["append", "k", [2, None]])
    read = txn(["r", "k", [True, [2, None]]], ["r", "j", []])
    pairs = [_pair(0, one, one), _pair(1, other, other), _pair(2, [m[:2] for m in read], read)]
    result = ListAppend().check(History([e for pair in pairs for e in pair]), Budget(None))
    (skew,) = [one for one in result.anomalies if one.kind == "G-single"]
    assert "appended true to k before T2 appended [2 nil]" in skew.reason
    assert [edge["value"] for edge in skew.data["edges"]] == [True, [2, None], []]
    assert [edge["next_value"] for edge in skew.data["edges"]][2] == [1]


@pytest.mark.parametrize(
    ("reads", "kind"),
    [
        ([[[1, 2]], [[True]]], "incompatible-order"),
        ([[[1, 2]], [[[7]]]], "incompatible-order"),
        ([[[1, 2]], [[{"a": 1}, {"a": 1}]]], "duplicate-elements"),
        ([[[1, 2]], [[1], [True]]], "internal"),
        ([[[0.0, 2]]], "garbage-read"),
    ],
)
def test_what_is_equal_in_python_alone_is_not_the_same(reads, kind):
    events = _pair(0, txn(["append", "k", 1]), txn(["append", "k", 1]))
    events += _pair(1, txn(["append", "k", 2]), txn(["append", "k", 2]))
    for process, values in enumerate(reads, start=2):
        read = txn(*(["r", "k", value] for value in values))
        events += _pair(process, [micro[:2] for micro in read], read)
    result = ListAppend().check(History(events), Budget(None))
    assert kind in result.statistics["anomalies"]


def test_true_is_no_answer_to_one():
    pair = ([["append", "x", 1]], [["append", "x", True]])
    (anomaly,) = ListAppend().check(history(pair), Budget(None)).anomalies
    assert anomaly.kind == "mismatch"
    pair = ([["w", 1, 5]], [["w", True, 5]])
    (anomaly,) = RwRegister().check(history(pair), Budget(None)).anomalies
    assert anomaly.kind == "mismatch"


def _pair(process, asked, answered):
    return [Event(process, "invoke", "txn", asked), Event(process, "ok", "txn", answered)]
