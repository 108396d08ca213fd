"""Sets, queues and locks: each anomaly by the smallest history that shows it."""

import pytest

from clew.checkers.collections.queues import FifoQueue, TotalQueue
from clew.checkers.collections.set_full import SetFull, elements
from clew.checkers.simple.mutex_intervals import MutexIntervals
from clew.checkers.table import CHECKERS
from clew.checkers.verdict import Verdict, run_checker
from clew.history import Event, History


def op(process, f, value=None, result=None, *, type="ok", error=None, node=None):  # noqa: A002
    call = Event(process, "invoke", f, value, node=node)
    if type is None:
        return [call]
    return [call, Event(process, type, f, result, error=error, node=node)]


def history(*parts):
    events = [event for part in parts for event in part]
    return History(event._replace(time=10 * at) for at, event in enumerate(events))


def add(value, type="ok"):  # noqa: A002
    return op(0, "add", value, type=type)


def read(*values, node=None):
    return op(1, "read", None, list(values), node=node)


SETS = {
    "stable": ([add(1), read(1)], [], Verdict.VALID),
    "stale and then there": ([add(1), read(), read(1)], [], Verdict.VALID),
    "lost": ([add(1), read()], ["lost"], Verdict.INVALID),
    "seen and lost": ([add(1), read(1), read()], ["lost"], Verdict.INVALID),
    "an unknown one seen and lost": ([add(1, "info"), read(1), read()], ["lost"], Verdict.INVALID),
    "an unknown one never seen": ([add(1, "info"), add(2), read(2)], [], Verdict.VALID),
    "never read": ([add(1)], [], Verdict.UNKNOWN),
    "failed and not there": ([add(1, "fail"), add(2), read(2)], [], Verdict.VALID),
    "failed and there": ([add(1, "fail"), read(1)], ["phantom"], Verdict.INVALID),
    "phantom": ([read(1)], ["phantom"], Verdict.INVALID),
    "from the future": ([read(1), add(1), read(1)], ["phantom"], Verdict.INVALID),
    "duplicate": ([add(1), read(1, 1)], ["duplicate"], Verdict.INVALID),
    "malformed": ([add(1), op(1, "read", None, 3), read(1)], ["malformed"], Verdict.INVALID),
}


@pytest.mark.parametrize("case", SETS)
def test_set_full(case):
    parts, kinds, verdict = SETS[case]
    result = run_checker(SetFull(), history(*parts))
    assert (result.verdict, [one.kind for one in result.anomalies]) == (verdict, kinds)
    assert "crashed" not in result.reason


@pytest.mark.parametrize("others", [[], [2]])
def test_a_stale_read_is_found_while_a_longer_one_shows_the_element(others):
    invoked, answered = Event(2, "invoke", "read"), Event(2, "ok", "read", [1, *others])
    added = [*add(1), *(event for one in others for event in add(one))]
    events = history(added, [invoked], read(*others), [answered], add(3))
    result = run_checker(SetFull(linearizable=True), events)
    assert [one.kind for one in result.anomalies] == ["stale"]
    assert result.anomalies[0].reason.endswith("does not show it; a read at the same time does.")
    assert run_checker(SetFull(), events).verdict is not Verdict.INVALID


def test_a_linearizable_set_has_no_stale_reads():
    result = run_checker(SetFull(linearizable=True), history(add(1), read(), read(1)))
    assert [one.kind for one in result.anomalies] == ["stale"]
    during = history(
        [Event(0, "invoke", "add", 1)], read(), [Event(0, "ok", "add")], read(1)
    )  # fmt: skip
    assert run_checker(SetFull(linearizable=True), during).verdict is Verdict.VALID


def test_each_replica_is_judged_on_its_own():
    parts = history(add(1), read(node="n2"), read(1, node="n1"))
    assert run_checker(SetFull(), parts).verdict is Verdict.VALID
    (anomaly,) = run_checker(SetFull(by_replica=True), parts).anomalies
    assert anomaly.data == {"value": 1, "node": "n2"}


def test_latencies_run_from_known_to_stable():
    operations = history(add(1), read()).operations
    (element,) = elements(operations[:1], operations[1:])
    assert (element.outcome, element.latency_ns) == ("lost", 0)
    result = run_checker(SetFull(), history(add(1), read(), read(1)))
    assert result.statistics["stable"] == result.statistics["stale"] == 1
    assert result.statistics["stable_latency_ns"]["1"] == 11


def put(value, type="ok"):  # noqa: A002
    return op(0, "enqueue", value, type=type)


def take(value, type="ok", error=None, process=1):  # noqa: A002
    return op(process, "dequeue", None, value, type=type, error=error)


EMPTY = take(None)
FAILED_EMPTY = take(None, "fail", ":empty")
TOTAL = {
    "in and out": ([put(1), take(1)], [], Verdict.VALID),
    "lost": ([put(1), EMPTY], ["lost"], Verdict.INVALID),
    "lost, and said so": ([put(1), FAILED_EMPTY], ["lost"], Verdict.INVALID),
    "lost in the drain": ([put(1), put(2), op(1, "drain", None, [2])], ["lost"], Verdict.INVALID),
    "drained": ([put(1), put(2), op(1, "drain", None, [2, 1])], [], Verdict.VALID),
    "left behind": ([put(1), put(2), take(1)], [], Verdict.UNKNOWN),
    "perhaps taken": ([put(1), take(None, "info"), take(None, process=2)], [], Verdict.VALID),
    "one of two perhaps taken": (
        [put(1), put(2), take(None, "info"), take(None, process=2)],
        ["lost", "lost"],
        Verdict.INVALID,
    ),
    "duplicate": ([put(1), take(1), take(1)], ["duplicate"], Verdict.INVALID),
    "put twice": ([put(1), put(1), take(1), take(1)], [], Verdict.VALID),
    "phantom": ([take(1)], ["phantom"], Verdict.INVALID),
    "from the future": ([take(1), put(1)], ["phantom"], Verdict.INVALID),
    "of a failed put": ([put(1, "fail"), take(1)], ["phantom"], Verdict.INVALID),
    "of an unknown put": ([put(1, "info"), take(1)], [], Verdict.VALID),
    "no evidence of emptiness": ([put(1), take(None, "fail", "timeout")], [], Verdict.UNKNOWN),
    "nothing": ([], [], Verdict.UNKNOWN),
}


@pytest.mark.parametrize("case", TOTAL)
def test_total_queue(case):
    parts, kinds, verdict = TOTAL[case]
    result = run_checker(TotalQueue(), history(*parts))
    assert (result.verdict, [one.kind for one in result.anomalies]) == (verdict, kinds)
    assert "crashed" not in result.reason


def test_a_total_queue_may_deliver_at_least_once():
    parts = history(put(1), take(1), take(1))
    assert run_checker(TotalQueue(at_least_once=True), parts).verdict is Verdict.VALID


FIFO = {
    "in order": ([put(1), put(2), take(1), take(2)], [], Verdict.VALID),
    "reordered": ([put(1), put(2), take(2), take(1)], ["reordered"], Verdict.INVALID),
    "the first never comes out": ([put(1), put(2), take(2)], ["reordered"], Verdict.INVALID),
    "the first perhaps taken": ([take(None, "info"), put(1), put(2), take(2)], [], Verdict.VALID),
    "false-empty": ([put(1), EMPTY, take(1)], ["false-empty"], Verdict.INVALID),
    "empty after": ([put(1), take(1), EMPTY], [], Verdict.VALID),
    "duplicate": ([put(1), take(1), take(1)], ["duplicate"], Verdict.INVALID),
    "phantom": ([take(1)], ["phantom"], Verdict.INVALID),
    "concurrent puts": (
        [
            [Event(0, "invoke", "enqueue", 1), Event(2, "invoke", "enqueue", 2)],
            [Event(0, "ok", "enqueue", 1), Event(2, "ok", "enqueue", 2)],
            take(2),
            take(1),
        ],
        [],
        Verdict.VALID,
    ),
}


@pytest.mark.parametrize("case", FIFO)
def test_fifo_queue(case):
    parts, kinds, verdict = FIFO[case]
    result = run_checker(FifoQueue(), history(*parts))
    assert (result.verdict, [one.kind for one in result.anomalies]) == (verdict, kinds)
    assert "crashed" not in result.reason


def acquire(process, token=None, type="ok"):  # noqa: A002
    return op(process, "acquire", None, token, type=type)


def release(process, type="ok"):  # noqa: A002
    return op(process, "release", type=type)


LOCKS = {
    "one after the other": ([acquire(1), release(1), acquire(2)], [], Verdict.VALID),
    "two at once": ([acquire(1), acquire(2)], ["two-holders"], Verdict.INVALID),
    "released too late": ([acquire(1), acquire(2), release(1)], ["two-holders"], Verdict.INVALID),
    "twice by one": ([acquire(1), acquire(1)], ["two-holders"], Verdict.INVALID),
    "perhaps released": ([acquire(1), release(1, "info"), acquire(2)], [], Verdict.VALID),
    "refused release": (
        [acquire(1), release(1, "fail"), acquire(2)],
        ["two-holders"],
        Verdict.INVALID,
    ),
    "perhaps acquired": ([acquire(1, type="info"), acquire(2)], [], Verdict.VALID),
    "tokens grow": ([acquire(1, 5), release(1), acquire(2, 6)], [], Verdict.VALID),
    "a token comes back": (
        [acquire(1, 5), release(1), acquire(2, 5)],
        ["stale-token"],
        Verdict.INVALID,
    ),
    "a token falls": ([acquire(1, 5), release(1), acquire(2, 4)], ["stale-token"], Verdict.INVALID),
    "nobody": ([], [], Verdict.UNKNOWN),
}


@pytest.mark.parametrize("case", LOCKS)
def test_locks(case):
    parts, kinds, verdict = LOCKS[case]
    result = run_checker(MutexIntervals(), history(*parts))
    assert (result.verdict, [one.kind for one in result.anomalies]) == (verdict, kinds)
    assert "crashed" not in result.reason


def test_what_mutex_intervals_does_not_judge_stands_in_the_reference():
    """A second release, and another's, are valid; so the table says that they are."""
    second = [acquire(1), release(1), release(1)]
    anothers = [acquire(1), release(2), release(1)]
    for parts in second, anothers:
        assert run_checker(MutexIntervals(), history(*parts)).verdict is Verdict.VALID
    left = "a second release, and one by a client that does not hold the lock"
    assert CHECKERS["mutex-intervals"].leaves_out == left


def test_a_lease_expires_and_its_token_protects():
    assert (
        run_checker(MutexIntervals(leases=True), history(acquire(1, 5), acquire(2, 6))).verdict
        is Verdict.VALID
    )
    stale = history(acquire(1, 5), acquire(2, 5))
    assert [one.kind for one in run_checker(MutexIntervals(leases=True), stale).anomalies] == [
        "stale-token"
    ]


def test_two_acquisitions_at_once_may_not_share_a_token():
    parts = history(
        [Event(1, "invoke", "acquire"), Event(2, "invoke", "acquire")],
        [Event(1, "ok", "acquire", 5), Event(2, "ok", "acquire", 5)],
    )
    assert [one.kind for one in run_checker(MutexIntervals(leases=True), parts).anomalies] == [
        "stale-token"
    ]
