"""What every checker in the registry must do, whatever it checks."""

import pytest

from clew.checkers.registry import find
from clew.checkers.table import CHECKERS
from clew.checkers.verdict import Budget, Verdict, run_checker
from clew.history import Event, History

NEEDED = {"staleness": {"bound-ns": "1000"}}

SAMPLES = {
    # by the functions of a history: events that are right for every checker that reads them
    "register": [("write", 1, 1), ("read", None, 1), ("write", 2, 2), ("read", None, 2)],
    "adds": [("add", 1, 1), ("add", 2, 2), ("read", None, [1, 2])],
    "counter": [("add", 1, 1), ("add", 2, 2), ("read", None, 3)],
    "broadcast": [("broadcast", 1, 1), ("broadcast", 2, 2), ("read", None, [1, 2])],
    "queue": [("enqueue", 1, 1), ("enqueue", 2, 2), ("dequeue", None, 1), ("dequeue", None, 2)],
    "txn": [("txn", [["append", "x", 1]], [["append", "x", 1]]),
            ("txn", [["r", "x", None]], [["r", "x", [1]]])],
    "ids": [("generate", None, "a"), ("generate", None, "b")],
    "echo": [("echo", "hi", "hi")],
}  # fmt: skip


def made(name):
    return find(name).make(NEEDED.get(name, {}))


def history(operations, *, shift=0, rename=lambda process: process):
    events = []
    for rank, (f, argument, result) in enumerate(operations):
        process, start = rename(rank % 3), shift + 10 * rank
        events.append(Event(process, "invoke", f, argument, start, None, "n1"))
        events.append(Event(process, "ok", f, result, start + 5, None, "n1"))
    return History(events)


@pytest.mark.parametrize("name", CHECKERS)
def test_a_history_without_operations_is_never_invalid(name):
    for events in ([], [Event("nemesis", "info", "start", None, 1)]):
        result = run_checker(made(name), History(events))
        assert result.verdict is not Verdict.INVALID
        assert "crashed" not in result.reason


@pytest.mark.parametrize("name", CHECKERS)
def test_a_spent_budget_is_unknown(name):
    result = run_checker(made(name), history(SAMPLES["register"]), Budget(seconds=-1.0))
    assert result.verdict is Verdict.UNKNOWN


@pytest.mark.parametrize("name", CHECKERS)
@pytest.mark.parametrize("sample", SAMPLES)
def test_times_and_names_of_processes_do_not_matter(name, sample):
    """The same verdict for a shifted and renamed history, and twice for the same one."""
    operations = SAMPLES[sample]

    def verdict(**change):
        try:
            return run_checker(made(name), history(operations, **change)).verdict
        except Exception as refused:  # noqa: BLE001 - a history of other functions may be refused
            return type(refused)

    plain = verdict()
    assert plain is verdict()
    assert plain is verdict(shift=1_000_000_000_000)
    assert plain is verdict(rename=lambda process: 70 - process)


@pytest.mark.parametrize("name", CHECKERS)
def test_a_result_names_the_checker_and_gives_a_reason(name):
    checker = made(name)
    assert checker.name
    result = run_checker(checker, History([]))
    assert result.reason.endswith((".", "…"))
