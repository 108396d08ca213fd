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


def txn(process, call, answer, type="ok"):  # noqa: A002
    return op(process, "txn", call, answer, type=type)


def commit(process, offset):
    return op(process, "commit_offsets", {"k": offset}, {"k": offset})


def final(events):
    return [event._replace(extra={"final": True}) for event in events]


READ = [send(0, "a", 0), poll(1, (0, "a"))]


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
    "duplicate in a failed transaction": [
        send(0, "a", 1),
        poll(1, (1, "a")),
        txn(1, [["poll"]], [["poll", {"k": [[11, "a"]]}]], type="fail"),
    ],
    "duplicate of one that was sent once, and once in vain": [
        send(0, "a", 0),
        unsure(0, "a", "fail"),
        poll(1, (0, "a"), (1, "a")),
    ],
    "inconsistent-offsets seen by an open transaction": [
        send(0, "a", 0),
        poll(1, (0, "a")),
        unsure(2, "b"),
        txn(3, [["poll"]], [["poll", {"k": [[0, "b"]]}]], type="info"),
    ],
    "int-nonmonotonic-poll in a failed transaction": [
        send(0, "a", 0),
        send(0, "b", 1),
        poll(1, (0, "a"), (1, "b")),
        txn(
            3,
            [["poll"], ["poll"]],
            [["poll", {"k": [[1, "b"]]}], ["poll", {"k": [[0, "a"]]}]],
            type="fail",
        ),
    ],
    "phantom in a failed transaction": [
        txn(1, [["poll"]], [["poll", {"k": [[0, "a"]]}]], type="fail")
    ],
    "precommitted-read in a failed transaction": [
        txn(
            0,
            [["send", "k", "a"], ["poll"]],
            [["send", "k", "a"], ["poll", {"k": [[0, "a"]]}]],
            type="fail",
        ),
    ],
    "poll-skip over what a failed transaction polled": [
        send(0, "a", 0),
        send(0, "b", 1),
        send(0, "c", 2),
        poll(1, (0, "a")),
        txn(1, [["poll"]], [["poll", {"k": [[1, "b"]]}]], type="fail"),
        poll(1, (2, "c")),
    ],
    "nonmonotonic-poll of what is still assigned": [
        send(0, "a", 0),
        op(1, "assign", ["k"], ["k"]),
        poll(1, (0, "a")),
        op(1, "assign", ["k", "j"], ["k", "j"]),
        poll(1, (0, "a")),
    ],
    "nonmonotonic-poll after an assign that failed": [
        send(0, "a", 0),
        poll(1, (0, "a")),
        op(1, "assign", ["j"], type="fail"),
        poll(1, (0, "a")),
    ],
    "nonmonotonic-poll after an assign that ends a subscription": [
        send(0, "a", 0),
        op(1, "subscribe", ["k"], ["k"]),
        op(1, "assign", ["k"], ["k"]),
        poll(1, (0, "a")),
        poll(1, (0, "a")),
    ],
    "inconsistent-offsets of two sends of one message": [
        send(0, "a", 0),
        send(2, "a", 0),
        poll(1, (0, "a")),
    ],
    "stale-poll at the end": [
        send(0, "a", 0),
        poll(1, (0, "a")),
        final(op(2, "poll", {"k": 0}, {"k": []})),
    ],
    "forgotten-commit": [*READ, commit(1, 0), op(1, "list_committed_offsets", ["k"], {})],
    "forgotten-commit for an older one": [
        *READ,
        commit(1, 1),
        commit(1, 2),
        op(1, "list_committed_offsets", ["k"], {"k": 1}),
    ],
    "forgotten-commit of another client at the end": [
        *READ,
        commit(1, 0),
        final(op(2, "list_committed_offsets", ["k"], {})),
    ],
    "forgotten-commit that a list had shown": [
        *READ,
        op(1, "commit_offsets", {"k": 3}, type="info"),
        op(2, "list_committed_offsets", ["k"], {"k": 3}),
        op(2, "list_committed_offsets", ["k"], {"offsets": {}}),
    ],
    "phantom-commit": [*READ, commit(1, 0), op(2, "list_committed_offsets", ["k"], {"k": 4})],
    "phantom-commit that had failed": [
        *READ,
        op(1, "commit_offsets", {"k": 4}, type="fail"),
        op(2, "list_committed_offsets", ["k"], {"k": 4}),
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
    "an assign that drops the key": [
        send(0, "a", 0),
        poll(1, (0, "a")),
        op(1, "assign", ["j"], ["j"]),
        poll(1, (0, "a")),
    ],
    "an assign that seeks to the beginning": [
        send(0, "a", 0),
        poll(1, (0, "a")),
        [e._replace(extra={"seek-to-beginning?": True}) for e in op(1, "assign", ["k"], ["k"])],
        poll(1, (0, "a")),
    ],
    "a client that subscribed is moved": [
        send(0, "a", 0),
        op(1, "subscribe", ["k"], ["k"]),
        poll(1, (0, "a")),
        poll(1, (0, "a")),
    ],
    "a key is moved during a transaction": [
        send(0, "a", 0),
        [
            e._replace(extra={"rebalance-log": [{"keys": ["k"]}]})
            for e in txn(1, [["poll"], ["poll"]], [["poll", {"k": [[0, "a"]]}]] * 2)
        ],
    ],
    "a failed transaction polls again": [
        send(0, "a", 0),
        txn(1, [["poll"]], [["poll", {"k": [[0, "a"]]}]], type="fail"),
        poll(1, (0, "a")),
    ],
    "an aborted read by a transaction that failed": [
        *READ,
        unsure(2, "b", "fail"),
        txn(1, [["poll"]], [["poll", {"k": [[1, "b"]]}]], "fail"),
    ],
    "a failed poll that only says what it asked": [
        *READ,
        op(1, "poll", {"k": 3}, {"k": 3}, type="fail"),
    ],
    "an empty poll in the middle": [*READ, poll(2, asked=0)],
    "a commit not seen by another client yet": [
        *READ,
        commit(1, 0),
        op(2, "list_committed_offsets", ["k"], {}),
    ],
    "the highest commit counts": [
        *READ,
        commit(1, 5),
        commit(1, 2),
        op(1, "list_committed_offsets", ["k"], {"k": 5}),
    ],
    "the last commit counts": [
        *READ,
        commit(1, 5),
        commit(1, 2),
        op(1, "list_committed_offsets", ["k"], {"k": 2}),
    ],
    "nothing committed is 0": [*READ, op(1, "list_committed_offsets", ["k"], {"k": 0})],
    "commits that do not say of what": [
        *READ,
        op(1, "commit_offsets"),
        op(1, "list_committed_offsets", ["k"], {"k": 7}),
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


def crossing(process, key, other):
    """A transaction that sends to one key and polls the other's message."""
    asked = [["send", key, key], ["poll"]]
    return txn(process, asked, [["send", key, [0, key]], ["poll", {other: [[0, other]]}]])


def test_transactions_that_polled_each_other_are_a_cycle():
    (call, done), (other_call, other_done) = crossing(0, "k", "j"), crossing(1, "j", "k")
    (found,) = run_checker(Kafka(), History([call, other_call, done, other_done])).anomalies
    assert found.kind == "G1c"
    assert found.reason == (
        'Transactions polled each other\'s messages in a circle: operation 0 sent "k" to key k, '
        'which operation 1 polled; operation 1 sent "j" to key j, which operation 0 polled.'
    )


def test_real_time_closes_a_cycle():
    call, done = crossing(0, "j", "k")
    early = txn(1, [["poll"]], [["poll", {"j": [[0, "j"]]}]])
    found = run_checker(Kafka(), history([call], early, send(2, "k", 0), [done])).anomalies
    assert [one.kind for one in found] == ["G1c-realtime"]
    assert "operation 1 was over before operation 2 began" in found[0].reason


TOLD = {
    "recency=strong forbids it": [*READ, poll(2, asked=0)],
    "1 committed offset did not show yet": VALID["a commit not seen by another client yet"],
    "the order between their operations was not judged": VALID["a client that subscribed is moved"],
    "1 aborted read by transactions that did not commit": VALID[
        "an aborted read by a transaction that failed"
    ],
    "Commits do not say their offsets": VALID["commits that do not say of what"],
}


@pytest.mark.parametrize("said", TOLD)
def test_what_is_left_out_is_told(said):
    assert said in run_checker(Kafka(), history(*TOLD[said])).reason


@pytest.mark.parametrize(
    "case", ["an empty poll in the middle", "a commit not seen by another client yet"]
)
def test_recency_is_asked_for(case):
    assert run_checker(Kafka(recency="strong"), history(*VALID[case])).verdict is Verdict.INVALID


def test_no_session_where_none_is_asked_for():
    parts = INVALID["forgotten-commit"]
    assert run_checker(Kafka(recency="eventual"), history(*parts)).verdict is Verdict.VALID


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


def listed(process, offset, *, after=2):
    """Two messages, then a commit of process 1 unless ``after`` is None, then a list."""
    done = [] if after is None else commit(1, after)
    answer = op(process, "list_committed_offsets", ["k"], {"k": offset})
    return run_checker(Kafka(), history(*READ, done, answer))


UNSET = "1 list shows a committed offset of 0 or less that nobody committed"


@pytest.mark.parametrize("offset", [0, -1, None])
def test_nothing_committed_may_be_said_before_any_commit_was_acknowledged(offset):
    result = listed(2, offset, after=None)
    assert result.verdict is Verdict.VALID
    assert "committed" not in result.reason


@pytest.mark.parametrize("offset", [0, -1, None])
def test_nothing_committed_is_wrong_for_the_client_whose_commit_was_acknowledged(offset):
    assert [one.kind for one in listed(1, offset).anomalies] == ["forgotten-commit"]


@pytest.mark.parametrize("offset", [0, -1])
def test_an_offset_of_0_that_nobody_committed_is_told_where_another_was_acknowledged(offset):
    result = listed(2, offset)
    assert result.verdict is Verdict.VALID
    assert UNSET in result.reason
    assert "did not show yet" not in result.reason


@pytest.mark.parametrize(("offset", "committed"), [(None, 2), (0, 0)])
def test_a_list_without_an_offset_and_a_committed_0_are_not_taken_for_it(offset, committed):
    result = listed(2, offset, after=committed)
    assert result.verdict is Verdict.VALID
    assert "nobody committed" not in result.reason
