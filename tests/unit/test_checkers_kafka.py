"""Kafka: each anomaly by the smallest history that shows it, in both forms of operations."""

import pytest

from clew.checkers.kafka import Kafka
from clew.checkers.verdict import Budget, Verdict, run_checker
from clew.errors import HistoryError
from clew.history import Event, History


def op(process, f, value=None, result=None, *, type="ok"):  # noqa: A002
    call = Event(process, "invoke", f, value)
    return [call] if type is None else [call, Event(process, type, f, result)]


def send(process, message, offset, key="k"):
    return op(process, "send", [key, message], [key, [offset, message]])


def unsure(process, message, type="info"):  # noqa: A002
    return op(process, "send", ["k", message], type=type)


def poll(process, *pairs, asked=None):
    argument = None if asked is None else {"k": asked}
    return op(process, "poll", argument, {"k": [list(pair) for pair in pairs]})


def txn(process, call, answer):
    return op(process, "txn", call, answer)


def history(*parts):
    return History(event for part in parts for event in part)


INVALID = {
    "lost-write": [
        send(0, "a", 0),
        send(0, "b", 1),
        send(0, "c", 2),
        poll(1, (0, "a")),
        poll(1, (2, "c")),
    ],
    "lost-write at the beginning": [send(0, "a", 0), send(0, "b", 1), poll(1, (1, "b"))],
    "lost-write below what was asked": [
        send(0, "a", 5),
        send(0, "b", 6),
        poll(1, (6, "b"), asked=5),
    ],
    "unseen": [send(0, "a", 0), poll(1, asked=0)],
    "unseen at the end": [send(0, "a", 0), send(0, "b", 1), poll(1, (0, "a")), poll(1)],
    "duplicate": [send(0, "a", 0), poll(1, (0, "a"), (1, "a"))],
    "duplicate of the acknowledged": [send(0, "a", 0), poll(1, (3, "a"))],
    "inconsistent-offsets": [send(0, "a", 0), send(2, "b", 0), poll(1, (0, "a"))],
    "inconsistent-offsets between polls": [
        unsure(0, "a"),
        unsure(2, "b"),
        poll(1, (0, "a")),
        poll(3, (0, "b")),
    ],
    "poll-skip": [
        send(0, "a", 0),
        send(0, "b", 1),
        send(0, "c", 2),
        poll(3, (1, "b")),
        poll(1, (0, "a")),
        poll(1, (2, "c")),
    ],
    "poll-skip from what was asked": [
        send(0, "a", 0),
        send(0, "b", 1),
        poll(3, (0, "a")),
        poll(1, (1, "b"), asked=0),
    ],
    "int-poll-skip": [
        send(0, "a", 0),
        send(0, "b", 1),
        send(0, "c", 2),
        poll(3, (1, "b")),
        poll(1, (0, "a"), (2, "c")),
    ],
    "nonmonotonic-poll": [
        send(0, "a", 0),
        send(0, "b", 1),
        poll(1, (0, "a"), (1, "b")),
        poll(1, (0, "a")),
    ],
    "nonmonotonic-poll of the same": [send(0, "a", 0), poll(1, (0, "a")), poll(1, (0, "a"))],
    "nonmonotonic-poll below what was asked": [
        send(0, "a", 0),
        send(0, "b", 1),
        poll(1, (0, "a"), (1, "b"), asked=1),
    ],
    "int-nonmonotonic-poll": [send(0, "a", 0), send(0, "b", 1), poll(1, (1, "b"), (0, "a"))],
    "nonmonotonic-send": [send(0, "a", 1), send(0, "b", 0), poll(1, (0, "b"), (1, "a"))],
    "G1a": [unsure(0, "a", "fail"), poll(1, (0, "a"))],
    "phantom": [poll(1, (0, "a"))],
    "phantom of the future": [poll(1, (0, "a")), send(0, "a", 0)],
    "precommitted-read": [
        txn(
            0,
            [["send", "k", "a"], ["poll"]],
            [["send", "k", [0, "a"]], ["poll", {"k": [[0, "a"]]}]],
        ),
    ],
    "int-nonmonotonic-send": [
        txn(
            0,
            [["send", "k", "a"], ["send", "k", "b"]],
            [["send", "k", [1, "a"]], ["send", "k", [0, "b"]]],
        ),
        poll(1, (0, "b"), (1, "a")),
    ],
    "poll-skip between transactions": [
        txn(
            0, [["send", "k", 7], ["send", "k", 8]], [["send", "k", [0, 7]], ["send", "k", [1, 8]]]
        ),
        send(0, 9, 2),
        txn(1, [["poll"]], [["poll", {"k": [[0, 7]]}]]),
        txn(1, [["poll"]], [["poll", {"k": [[2, 9]]}]]),
        poll(3, (0, 7), (1, 8), (2, 9)),
    ],
}


@pytest.mark.parametrize("case", INVALID)
def test_each_anomaly(case):
    result = run_checker(Kafka(), history(*INVALID[case]))
    assert result.verdict is Verdict.INVALID, result.reason
    assert case.split(" ", maxsplit=1)[0] in [one.kind for one in result.anomalies]
    assert all(one.operations and one.reason and one.data["key"] == "k" for one in result.anomalies)


VALID = {
    "read in order": [
        send(0, "a", 0),
        send(0, "b", 1),
        poll(1, (0, "a")),
        poll(1, (1, "b")),
        poll(1),
    ],
    "holes that nobody filled": [send(0, "a", 0), send(0, "b", 5), poll(1, (0, "a"), (5, "b"))],
    "an unknown send that is there": [unsure(0, "a"), poll(1, (0, "a"))],
    "an unknown send that is not": [unsure(2, "a"), send(0, "b", 1), poll(1, (1, "b"))],
    "asked to read again": [send(0, "a", 0), poll(1, (0, "a")), poll(1, (0, "a"), asked=0)],
    "asked to start later": [
        send(0, "a", 0),
        send(0, "b", 1),
        poll(2, (0, "a")),
        poll(1, (1, "b"), asked=1),
    ],
    "moved back": [
        send(0, "a", 0),
        poll(1, (0, "a")),
        op(1, "list_committed_offsets", ["k"], {"k": 0}),
        poll(1, (0, "a")),
    ],
    "the same message sent twice": [send(0, "a", 0), send(0, "a", 1), poll(1, (0, "a"), (1, "a"))],
    "empty before the send": [poll(1, asked=0), send(0, "a", 0), poll(1, (0, "a"), asked=0)],
    "empty while it was sent": [
        send(0, "a", 0),
        poll(1),
        send(0, "b", 1),
        poll(1, (0, "a"), (1, "b")),
    ],
    "numbers as keys": [
        op(0, "send", [7, "a"], {"offset": 0}),
        op(1, "poll", {7: 0}, {"7": [[0, "a"]]}),
    ],
    "whole bodies": [
        op(0, "send", {"key": "k", "msg": "a"}, {"offset": 0}),
        op(1, "poll", {"offsets": {"k": 0}}, {"msgs": {"k": [[0, "a"]]}}),
    ],
    "a transaction's own": [
        txn(0, [["send", "k", [1, 2]], ["poll"]], [["send", "k", [0, [1, 2]]], ["poll", {}]]),
        poll(1, (0, [1, 2])),
    ],
}


@pytest.mark.parametrize("case", VALID)
def test_no_false_alarm(case):
    result = run_checker(Kafka(), history(*VALID[case]))
    assert result.verdict is Verdict.VALID, (result.reason, result.anomalies)


@pytest.mark.parametrize(
    "parts",
    [
        [],
        [send(0, "a", 0)],
        [send(0, "a", 0), send(0, "b", 1), poll(1, (0, "a"))],
        [send(0, "a", 0), send(0, "b", 1), poll(1, (1, "b"), asked=1)],
        [op(0, "send", ["k", "a"], None), op(1, "poll", None, {})],
    ],
)
def test_what_nobody_read_is_unknown(parts):
    result = run_checker(Kafka(), history(*parts))
    assert result.verdict is Verdict.UNKNOWN
    assert "crashed" not in result.reason


def test_a_skip_says_what_was_passed_over():
    parts = INVALID["poll-skip"]
    (anomaly,) = run_checker(Kafka(), history(*parts)).anomalies
    assert anomaly.reason == (
        "Process 1 polled key k after offset 0 and got offset 2 next, over 1 message in between "
        '(the first: "b" at offset 1).'
    )
    assert anomaly.data == {"key": "k", "from": 0, "to": 2, "skipped": [1], "count": 1}


BAD_ANSWERS = {
    "a pair too short": (op(0, "poll", None, {"k": [[1]]}), "[1]"),
    "a number": (op(0, "poll", None, 3), "3"),
    "an offset that is none": (op(0, "send", ["k", "a"], {"offset": "0"}), '"0"'),
    "a key without list": (op(0, "poll", None, {"k": 7}), "7"),
    "a strange transaction": (op(0, "txn", [["poll"]], [["read"]]), '["read"]'),
}


@pytest.mark.parametrize("case", BAD_ANSWERS)
def test_an_answer_that_is_none_is_an_anomaly(case):
    part, found = BAD_ANSWERS[case]
    (anomaly,) = run_checker(Kafka(), history(part)).anomalies
    assert anomaly.kind == "malformed"
    assert f"was answered {found} to a {part[0].f}; that should be " in anomaly.reason


@pytest.mark.parametrize(
    ("part", "message"),
    [
        (op(0, "send", "a"), 'expected [key, message], found "a".'),
        (
            op(0, "txn", [["read"]], type="info"),
            'expected ["send", key, message] or ["poll"], found ["read"].',
        ),
        (op(0, "txn", 5, type="fail"), "expected a list of sends and polls, found 5."),
    ],
)
def test_a_request_that_is_none_is_the_inputs_fault(part, message):
    with pytest.raises(HistoryError) as caught:
        Kafka().check(history(part), Budget())
    assert str(caught.value) == f"history: event 0: a {part[0].f} can't be read: {message}"
