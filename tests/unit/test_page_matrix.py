"""The verdict's picture for sets, queues, broadcast and counters: who shows which value."""

import pytest

from clew.checkers.registry import find
from clew.checkers.verdict import run_checker
from clew.history import Event, History
from clew.report.page.evidence import evidence
from clew.report.page.matrix import MISSING, PHANTOM, THERE, TWICE, UNKNOWN, VALUES_MAX


def history(*lines):
    """A history of operations that follow each other: process, node, f, argument, result."""
    events = []
    for process, node, f, argument, result in lines:
        time = len(events) * 1000
        events += [
            Event(process, "invoke", f, argument, time, None, node),
            Event(process, "ok", f, result, time + 1000, None, node),
        ]
    return History(events)


def shown(checker, *lines):
    recorded = history(*lines)
    result = run_checker(find(checker).make({}), recorded)
    return evidence((result, result.anomalies[0]), recorded.operations)


def codes(row):
    return [code for code, _ in row[3]]


def test_values_that_some_replicas_lack_are_missing_there():
    told = shown(
        "broadcast",
        (0, "n1", "broadcast", 7, None),
        (1, "n2", "broadcast", 8, None),
        (0, "n1", "read", None, [7, 8, 8]),
        (1, "n2", "read", None, [8, 9]),
    )
    assert told["kind"] == "matrix"
    assert [label for label, _ in told["readers"]] == ["n1", "n2"]
    rows = {row[0]: codes(row) for row in told["rows"]}
    assert rows == {"7": [THERE, MISSING], "8": [TWICE, THERE], "9": [UNKNOWN, PHANTOM]}


def test_reads_of_one_node_are_told_apart_and_an_early_one_need_not_know():
    told = shown(
        "set-full",
        (0, "n1", "read", None, []),
        (0, "n1", "add", 1, None),
        (0, "n1", "read", None, [1]),
        (1, "n1", "read", None, []),
    )
    labels = [label for label, _ in told["readers"]]
    assert len(labels) == len(set(labels)) > 1
    (row,) = told["rows"]
    assert row[1] == "lost"
    assert codes(row)[-1] == MISSING
    assert "add 1" in row[2]


def test_a_queue_shows_how_often_each_node_gave_a_value_out():
    told = shown(
        "total-queue",
        (0, "n1", "enqueue", 5, None),
        (0, "n1", "dequeue", None, 5),
        (1, "n2", "dequeue", None, 5),
        (1, "n2", "dequeue", None, 5),
        (1, "n2", "dequeue", None, None),
    )
    assert told["readers"] == [["n1", None], ["n2", None]]
    assert [count for _, count in told["rows"][0][3]] == [1, 2]


def test_many_wrong_values_are_counted():
    count = VALUES_MAX + 5
    told = shown(
        "broadcast",
        *((0, "n1", "broadcast", value, None) for value in range(count)),
        (0, "n1", "read", None, []),
        (1, "n2", "read", None, []),
    )
    assert len(told["rows"]) == VALUES_MAX
    assert told["left"] == 5


@pytest.mark.parametrize("total", [3, 2**70])
def test_a_counter_shows_its_totals_beside_the_sum(total):
    told = shown(
        "g-counter",
        (0, "n1", "add", 2, None),
        (0, "n1", "read", None, 2),
        (1, "n2", "read", None, total),
    )
    assert told["kind"] == "totals"
    assert told["rows"][:2] == [["n1", "2", "final read"], ["n2", str(total), "final read"]]
    assert told["sum"] == "2"
