"""Checkers that judge operations one by one or by counting: ids, echo, availability, statistics."""

from fractions import Fraction

import pytest

from clew.checkers.simple.availability import Availability
from clew.checkers.simple.echo import Echo
from clew.checkers.simple.statistics import Statistics, quantiles, statistics
from clew.checkers.simple.unique_ids import UniqueIds
from clew.checkers.values import key_of, listed, shown
from clew.checkers.verdict import Verdict, run_checker
from clew.errors import UsageError
from clew.history import Event, History


def op(f, value=None, result=None, *, type="ok", error=None, node="n1"):  # noqa: A002
    call = Event(0, "invoke", f, value, node=node)
    return [call] if type is None else [call, Event(0, type, f, result, error=error, node=node)]


def history(*parts):
    events = [event for part in parts for event in part]
    return History(event._replace(time=10 * at * at) for at, event in enumerate(events))


@pytest.mark.parametrize(
    ("ids", "verdict"),
    [
        ([1, 2, 3], Verdict.VALID),
        ([1, 2, 1], Verdict.INVALID),
        ([1, "1", True, [1]], Verdict.VALID),
        ([[1, 2], [1, 2]], Verdict.INVALID),
        ([{"a": 1, "b": 2}, {"b": 2, "a": 1}], Verdict.INVALID),
        ([None], Verdict.INVALID),
        ([], Verdict.UNKNOWN),
    ],
)
def test_unique_ids(ids, verdict):
    result = run_checker(UniqueIds(), history(*(op("generate", None, one) for one in ids)))
    assert result.verdict is verdict


def test_a_repeated_id_names_everyone_who_got_it():
    parts = history(
        op("generate", None, 7), op("generate", None, 8), op("generate", None, 7, node="n2")
    )
    (anomaly,) = run_checker(UniqueIds(), parts).anomalies
    assert anomaly.reason == "The id 7 was given 2 times: to process 0 by n1 and process 0 by n2."
    assert [one.number for one in anomaly.operations] == [0, 2]
    assert anomaly.data == {"value": 7, "count": 2, "nodes": ["n1", "n2"]}


def test_ids_of_unanswered_requests_do_not_count():
    parts = history(op("generate", None, 7), op("generate", None, 7, type="info"))
    assert run_checker(UniqueIds(), parts).verdict is Verdict.VALID


@pytest.mark.parametrize(
    ("sent", "received", "verdict"),
    [
        ("a", "a", Verdict.VALID),
        ("a", "b", Verdict.INVALID),
        ([1, {"x": None}], [1, {"x": None}], Verdict.VALID),
        ("a", {"type": "echo_ok", "echo": "a"}, Verdict.VALID),
        ("a", {"type": "echo_ok", "echo": "b"}, Verdict.INVALID),
        ("a", {"type": "echo_ok"}, Verdict.INVALID),
        (1, True, Verdict.INVALID),
        ("1", 1, Verdict.INVALID),
    ],
)
def test_echo(sent, received, verdict):
    result = run_checker(Echo(), history(op("echo", sent, received)))
    assert result.verdict is verdict


def test_echo_without_answers_is_unknown():
    assert run_checker(Echo(), history(op("echo", 1, type="info"))).verdict is Verdict.UNKNOWN


OK = op("read")
TIMEOUT = op("read", type="info", error="timeout")
BUSY = op("read", type="fail", error={"code": 11, "text": "busy"})
OPEN = [Event(9, "invoke", "read")]


@pytest.mark.parametrize(
    ("parts", "required", "verdict"),
    [
        ([OK, OK], "total", Verdict.VALID),
        ([OK, TIMEOUT], "total", Verdict.INVALID),
        ([OK, BUSY], "total", Verdict.INVALID),
        ([OK, OPEN], "total", Verdict.INVALID),
        ([OK, TIMEOUT], 0.5, Verdict.VALID),
        ([OK, OK, TIMEOUT], Fraction(2, 3), Verdict.VALID),
        ([OK, TIMEOUT, BUSY], 0.5, Verdict.INVALID),
        ([OK] * 9 + [BUSY], 0.9, Verdict.VALID),
        ([TIMEOUT], 0, Verdict.VALID),
        ([], "total", Verdict.UNKNOWN),
        *(
            ([OK, op("cas", type="fail", error=error)], "total", Verdict.VALID)
            for error in (
                22,
                {"code": 20},
                [21, "it is there"],
                ["precondition-failed", "no"],
                "key-does-not-exist: k",
                ":key-already-exists",
            )
        ),
    ],
)
def test_availability(parts, required, verdict):
    result = run_checker(Availability(required=required), history(*parts))
    assert result.verdict is verdict, result.reason


def test_unavailability_names_what_failed():
    parts = history(OK, TIMEOUT, op("write", type="info", error="timeout", node="n2"), OPEN)
    result = run_checker(Availability(), parts)
    assert result.reason == "1 of 4 operations were answered; all must be."
    assert [one.reason for one in result.anomalies] == [
        '2 operations did not succeed ("timeout"): read at n1 (1) and write at n2 (1).',
        "1 operation did not succeed (no answer): read (1).",
    ]


@pytest.mark.parametrize("required", [-0.1, 1.5, "most", True, None])
def test_availability_refuses_what_is_no_fraction(required):
    with pytest.raises(UsageError, match="expected total, or a fraction from 0 to 1, found"):
        Availability(required=required)


def test_quantiles_are_exact_members():
    assert quantiles([]) == {}
    assert quantiles([5]) == {"0": 5, "0.5": 5, "0.95": 5, "0.99": 5, "1": 5}
    assert quantiles(range(200, 0, -1)) == {"0": 1, "0.5": 101, "0.95": 191, "0.99": 199, "1": 200}


def test_statistics_count_by_type_and_name():
    parts = history(op("read"), op("write", type="fail"), op("write", type="info"), OPEN)
    figures = statistics(parts)
    assert figures["count"] == 4
    assert (figures["ok"], figures["fail"], figures["info"]) == (1, 1, 2)
    assert figures["latency_ns"]["0.5"] == 10
    assert figures["by_f"]["write"] == {"count": 2, "ok": 0, "fail": 1, "info": 1, "latency_ns": {}}
    assert list(figures["by_f"]) == ["read", "write"]
    assert figures["by_f"]["read"]["info"] == 1


def test_an_operation_that_never_succeeds_leaves_the_statistics_unknown():
    result = run_checker(Statistics(), history(op("read"), op("write", type="fail")))
    assert (result.verdict, result.reason) == (Verdict.UNKNOWN, "No write ever succeeded.")
    assert run_checker(Statistics(), history()).verdict is Verdict.UNKNOWN
    assert run_checker(Statistics(), history(op("read"))).verdict is Verdict.VALID


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (1, True, False),
        (1, 1.0, True),
        ("1", 1, False),
        ([1], "[1]", False),
        (None, "null", False),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
        ((1, 2), [1, 2], True),
        ({1, 2}, {2, 1}, True),
    ],
)
def test_keys_are_equal_where_the_json_is(one, other, same):
    assert (key_of(one) == key_of(other)) is same
    assert len({key_of(one), key_of(other)}) == 2 - same


def test_values_and_names_in_words():
    assert shown({"a": "é"}) == '{"a": "é"}'
    assert shown("x" * 100) == '"' + "x" * 56 + "..."
    assert listed([]) == ""
    assert listed(["a"]) == "a"
    assert listed(["a", "b", "c"]) == "a, b and c"
    assert listed(list("abcd"), most=2) == "a, b and 2 more"
