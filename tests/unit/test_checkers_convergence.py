"""Convergence: each anomaly by the smallest history that shows it."""

import pytest

from clew.checkers.replicated.convergence import Convergence
from clew.checkers.table import CHECKERS
from clew.checkers.verdict import Budget, Verdict, run_checker
from clew.history import Event, History
from clew.scenarios.code.workload_files import load_workload


def op(node, f, value=None, result=None, *, type="ok", process=None, **extra):  # noqa: A002
    process = {"n1": 1, "n2": 2, "n3": 3, None: 0}[node] if process is None else process
    call = Event(process, "invoke", f, value, node=node, extra=extra or None)
    if type is None:
        return [call]
    return [call, Event(process, type, f, result, node=node)]


def add(node, value, type="ok", process=None):  # noqa: A002
    return op(node, "broadcast", value, type=type, process=process)


def read(node, *values, **options):
    return op(node, "read", None, list(values), **options)


def history(*parts):
    events = [event for part in parts for event in part]
    return History(event._replace(time=1000 * at) for at, event in enumerate(events))


NEMESIS = [Event("nemesis", "info", "heal")]
FINALS_1 = [*read("n1", 1), *read("n2", 1)]

INVALID = {
    "lost": (
        [add("n1", 1), read("n1"), read("n2")],
        "lost",
        {"value": 1, "nodes": ["n1", "n2"], "held_by": []},
    ),
    "stale at one": (
        [add("n1", 1), read("n1", 1), read("n2")],
        "stale",
        {"value": 1, "nodes": ["n2"], "held_by": ["n1"]},
    ),
    "stale where another replica is silent": (
        [add("n1", 1), read("n1"), op("n2", "read", type="info")],
        "stale",
        {"value": 1, "nodes": ["n1"], "held_by": []},
    ),
    "phantom in a final read": (
        [add("n1", 1), read("n1", 1, 9), read("n2", 1)],
        "phantom",
        {"value": 9, "node": "n1"},
    ),
    "phantom on the way": (
        [read("n2", 9), add("n1", 1), FINALS_1],
        "phantom",
        {"value": 9, "node": "n2"},
    ),
    "phantom before it is sent": (
        [read("n2", 1), add("n1", 1), FINALS_1],
        "phantom",
        {"value": 1, "node": "n2"},
    ),
    "phantom of a failed send": (
        [add("n1", 1, "fail"), FINALS_1],
        "phantom",
        {"value": 1, "node": "n1"},
    ),
    "duplicate": (
        [add("n1", 1), read("n1", 1, 1), read("n2", 1)],
        "duplicate",
        {"value": 1, "node": "n1", "count": 2},
    ),
    "disappeared": (
        [add("n1", 1), read("n2", 1), read("n2"), FINALS_1],
        "disappeared",
        {"value": 1, "node": "n2"},
    ),
    "malformed": (
        [add("n1", 1), op("n1", "read", result=7), FINALS_1],
        "malformed",
        {"value": 7, "node": "n1"},
    ),
    "true is not 1": (
        [add("n1", 1), op("n1", "read", None, [True]), read("n2", 1)],
        "phantom",
        {"value": True, "node": "n1"},
    ),
}


@pytest.mark.parametrize("case", INVALID)
def test_each_anomaly_names_node_and_value(case):
    parts, kind, data = INVALID[case]
    result = run_checker(Convergence(), history(*parts))
    assert result.verdict is Verdict.INVALID
    found = [dict(one.data) for one in result.anomalies if one.kind == kind]
    assert data in found, result.anomalies
    assert all(one.operations and one.reason for one in result.anomalies)


VALID = {
    "all hold it": [add("n1", 1), FINALS_1],
    "an unknown send may be anywhere": [add("n1", 1, "info"), read("n1", 1), read("n2")],
    "an unanswered send may be anywhere": [
        add("n3", 1, None, 9),
        read("n1", 1),
        read("n2"),
        read("n3"),
    ],
    "a failed send is nowhere": [add("n1", 1, "fail"), read("n1"), read("n2")],
    "a failed send that was tried again": [add("n1", 1, "fail"), add("n2", 1), FINALS_1],
    "late news before the end": [add("n1", 1), read("n1", 1), read("n2"), FINALS_1],
    "forgetting what nobody acknowledged": [
        [Event(0, "invoke", "broadcast", 1, node="n1")],
        read("n2", 1),
        read("n2"),
        [Event(0, "ok", "broadcast", None, node="n1")],
        FINALS_1,
    ],
    "values that are no dictionary keys": [
        add("n1", {"a": [1]}),
        read("n1", {"a": [1]}),
        read("n2", {"a": [1]}),
    ],
    "sent twice and shown twice": [add("n1", 1), add("n2", 1), read("n1", 1, 1), read("n2", 1)],
    "only marked reads are final": [
        add("n1", 1),
        read("n2"),
        read("n1", 1, final=True),
        op("n2", "read", None, [1], **{"final?": True}),
        read("n2", 1),
    ],
    "a read before the heal is not final": [add("n1", 1), read("n2"), NEMESIS, FINALS_1],
}


@pytest.mark.parametrize("case", VALID)
def test_no_false_alarm(case):
    result = run_checker(Convergence(), history(*VALID[case]))
    assert result.verdict is Verdict.VALID, (result.reason, result.anomalies)


UNKNOWN = {
    "empty": ([], "No replica was ever read"),
    "no reads": ([add("n1", 1)], "There is no final read of n1 (it was never read)."),
    "one replica is silent": (
        [add("n3", 1), FINALS_1],
        "There is no final read of n3 (it was never read).",
    ),
    "reads only before the end": (
        [read("n1"), add("n1", 1), read("n2", 1)],
        "There is no final read of n1 (no read came after the last update).",
    ),
    "the last read failed": (
        [add("n1", 1), FINALS_1, op("n2", "read", type="info")],
        "There is no final read of n2 (its last read was not answered).",
    ),
    "a read before the heal": (
        [add("n1", 1), read("n2"), NEMESIS, read("n1", 1)],
        "There is no final read of n2 (no read came after the last update).",
    ),
    "unanswered late reads": (
        [add("n1", 1), read("n1", 1), op("n2", "read", type="fail")],
        "There is no final read of n2 (no late read was answered).",
    ),
}


@pytest.mark.parametrize("case", UNKNOWN)
def test_a_missing_final_read_is_unknown(case):
    parts, reason = UNKNOWN[case]
    result = run_checker(Convergence(), history(*parts))
    assert result.verdict is Verdict.UNKNOWN
    assert result.reason.startswith(reason)


def test_nodes_that_the_history_never_names_are_missed():
    result = Convergence(nodes=["n1", "n2", "n3"]).check(history(add("n1", 1), FINALS_1), Budget())
    assert result.verdict is Verdict.UNKNOWN
    assert "n3" in result.reason


def test_nodes_can_leave_a_removed_node_out():
    parts = history(add("n1", 1), FINALS_1, read("n3"))
    assert run_checker(Convergence(), parts).verdict is Verdict.INVALID
    assert run_checker(Convergence(nodes=["n1", "n2"]), parts).verdict is Verdict.VALID


def test_processes_stand_for_replicas_where_no_node_is_named():
    parts = history(
        op(None, "add", 1, process=0),
        op(None, "read", None, [1], process=1),
        op(None, "read", None, [], process=2),
    )
    result = run_checker(Convergence(f_add="add"), parts)
    assert result.anomalies[0].data == {
        "value": 1,
        "nodes": ["process 2"],
        "held_by": ["process 1"],
    }


def test_a_set_shows_each_element_once_however_often_it_was_added():
    parts = history(op("n1", "add", 1), op("n1", "add", 1), read("n1", 1, 1))
    result = run_checker(Convergence(f_add="add"), parts)
    assert [one.kind for one in result.anomalies] == ["duplicate"]


def test_a_replica_may_forget_where_that_is_allowed():
    parts = history(add("n1", 1), read("n2", 1), read("n2"), FINALS_1)
    assert run_checker(Convergence(monotonic=False), parts).verdict is Verdict.VALID


def test_the_time_to_converge_runs_from_acknowledgement_to_the_last_replica():
    parts = history(add("n1", 1), read("n1", 1), read("n2"), read("n2", 1))
    figures = run_checker(Convergence(), parts).statistics
    assert figures["convergence_ns"] == dict.fromkeys(["0", "0.5", "0.95", "0.99", "1"], 6000)
    assert figures["converged_after_last_send_ns"] == 6000


@pytest.mark.parametrize("name", ["broadcast", "g-set"])
def test_that_nothing_disappears_is_promised_where_it_is_judged(name):
    assert CHECKERS[name].kinds["disappeared"]
    for promise in load_workload(name).summary, CHECKERS[name].summary:
        assert "stays" in promise
