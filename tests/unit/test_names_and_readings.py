"""Models by others' names, values said to have keys or to begin somewhere, failed writes named."""

import pytest

from clew.checkers.registry import ALIASES, CHECKERS, find
from clew.checkers.transactions import RwRegister
from clew.checkers.verdict import Verdict, run_checker
from clew.cli import main
from clew.errors import UsageError
from clew.history import Event, History


def history(*operations):
    """Operations one after another: process, f, argument, result and type."""
    return History(
        event
        for process, f, argument, result, kind in operations
        for event in (
            Event(process, "invoke", f, argument),
            Event(process, kind, f, result),
        )
    )


@pytest.mark.parametrize("alias", ALIASES)
def test_an_alias_is_another_word_for_a_checker(alias):
    assert alias not in CHECKERS
    assert find(alias) is CHECKERS[ALIASES[alias]]


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        ("kv", "key-value"),
        ("cas", "cas-register"),
        ("queue", "fifo-queue"),
        ("append", "list-append"),
        ("wr", "rw-register"),
        ("rw", "rw-register"),
        ("la", "list-append"),
        ("fifo", "fifo-queue"),
        ("elle-list-append", "list-append"),
        ("elle-rw-register", "rw-register"),
        ("knossos-cas-register", "cas-register"),
        ("knossos-mutex", "mutex"),
    ],
)
def test_the_names_that_people_try(alias, name):
    assert find(alias).name == name
    assert type(find("wr").make()) is RwRegister


@pytest.mark.parametrize("model", ["snapshot-isolation", "serializable", "PL-3"])
def test_a_consistency_model_is_no_model_of_an_object(model):
    with pytest.raises(UsageError) as caught:
        find(model)
    named = "serializable" if model == "PL-3" else model
    assert f"consistency-models={named}" in str(caught.value)


FROM_ZERO = history(
    (0, "read", None, 0, "ok"), (0, "write", 1, 1, "ok"), (0, "read", None, 1, "ok")
)
BACK = history((0, "write", 1, 1, "ok"), (0, "read", None, 1, "ok"), (0, "read", None, 0, "ok"))


@pytest.mark.parametrize("name", ["sequential", "causal", "sessions", "atomicity"])
def test_registers_begin_where_it_is_said(name):
    entry = find(name)
    assert run_checker(entry.make(), FROM_ZERO).verdict is Verdict.INVALID
    assert run_checker(entry.make({"initial": "0"}), FROM_ZERO).verdict is Verdict.VALID
    wrong = run_checker(entry.make({"initial": "0"}), BACK)
    assert wrong.verdict is (Verdict.VALID if name == "atomicity" else Verdict.INVALID)


def test_a_write_of_the_initial_value_is_told_as_that():
    one = history((0, "write", 0, 0, "ok"), (1, "read", None, 0, "ok"))
    result = run_checker(find("causal").make({"initial": "0"}), one)
    assert result.verdict is Verdict.UNKNOWN
    assert result.reason.startswith("0 was there at first and was written, so")


PAIRS = """{"process": 0, "type": "invoke", "f": "cas", "value": [1, [2, 3]]}
{"process": 0, "type": "ok", "f": "cas", "value": [1, [2, 3]]}
"""
EITHER = """{"process": 0, "type": "invoke", "f": "write", "value": [1, 2]}
{"process": 0, "type": "ok", "f": "write", "value": [1, 2]}
{"process": 0, "type": "invoke", "f": "cas", "value": [1, [2, 3]]}
{"process": 0, "type": "ok", "f": "cas", "value": [1, [2, 3]]}
"""
ENQUEUED = """{"process": 0, "type": "invoke", "f": "enqueue", "value": [1, 2]}
{"process": 0, "type": "ok", "f": "enqueue", "value": [1, 2]}
"""
READINGS = [
    (EITHER, "cas-register", 2),
    (EITHER, "cas-register:keyed=true", 0),
    (EITHER, "cas-register:keyed=false", 1),
    (PAIRS, "cas-register:keyed=true", 1),
    (PAIRS, "cas-register:keyed=true:initial=2", 0),
    (PAIRS, "cas-register:keyed=perhaps", 64),
    (ENQUEUED, "total-queue:keyed=true", 2),
    (ENQUEUED, "total-queue:keyed=false", 2),
    (ENQUEUED.replace("[1, 2]", "1"), "total-queue:keyed=true", 64),
]


@pytest.mark.parametrize(("text", "model", "status"), READINGS)
def test_which_reading_is_meant_can_be_said(text, model, status, tmp_path, capsys):
    path = tmp_path / "history.jsonl"
    path.write_text(text)
    assert main(["check", str(path), "--model", model]) == status
    told = capsys.readouterr().out.replace("\n  ", " ")
    undecided = model == "cas-register"
    assert ("keyed=true or keyed=false says which is meant" in told) == undecided


FAILED = {
    "register": ([(1, "write", 6, 6, "fail"), (0, "read", None, 6, "ok")], "6", "write"),
    "cas-register": ([(1, "cas", [None, 6], None, "fail"), (0, "read", None, 6, "ok")], "6", "cas"),
    "set": ([(1, "add", 6, 6, "fail"), (0, "read", None, [6], "ok")], "6", "add"),
    "fifo-queue": ([(1, "enqueue", 6, 6, "fail"), (0, "dequeue", None, 6, "ok")], "6", "enqueue"),
    "stack": ([(1, "push", 6, 6, "fail"), (0, "pop", None, 6, "ok")], "6", "push"),
    "append-log": ([(1, "append", 6, 6, "fail"), (0, "read", None, [6], "ok")], "6", "append"),
    "key-value": (
        [(1, "put", ["k", "a"], None, "fail"), (0, "get", ["k", None], ["k", "a"], "ok")],
        '"a"',
        "put",
    ),
    "multi-register": (
        [
            (1, "txn", [["w", "k", 6]], None, "fail"),
            (0, "txn", [["r", "k", None]], [["r", "k", 6]], "ok"),
        ],
        "6",
        "txn",
    ),
}


@pytest.mark.parametrize("name", FAILED)
def test_a_failed_write_that_was_read_is_named(name):
    operations, value, f = FAILED[name]
    result = run_checker(find(name).make(), history(*operations))
    (found,) = result.anomalies
    assert f"{value} is the value of a {f} that failed (operation 0 of process 1)" in found.reason
    assert [one.number for one in found.operations] == [0, 1]
    assert found.data["failed"] == [0]


def test_a_value_that_was_written_after_all_is_no_failed_ones():
    operations = [
        (1, "write", 6, 6, "fail"),
        (0, "read", None, 6, "ok"),
        (1, "write", 6, 6, "ok"),
    ]
    (found,) = run_checker(find("register").make(), history(*operations)).anomalies
    assert "failed" not in found.reason


TWICE = {
    "set": [("add", 1, 1), ("read", None, [1, 1])],
    "set-full": [("add", 1, 1), ("read", None, [1, 1])],
    "g-set": [("add", 1, 1), ("read", None, [1, 1])],
    "broadcast": [("broadcast", 1, None), ("read", None, [1, 1])],
    "append-log": [("append", 1, 1), ("read", None, [1, 1])],
    "total-queue": [("enqueue", 1, 1), ("drain", None, [1, 1])],
    "fifo-intervals": [("enqueue", 1, 1), ("drain", None, [1, 1])],
    "kafka": [("send", ["k", 1], ["k", [0, 1]]), ("poll", None, {"k": [[0, 1], [0, 1]]})],
    "unique-ids": [("generate", None, 1), ("generate", None, 1)],
    "id-generator": [("generate", None, 1), ("generate", None, 1)],
    "list-append": [
        ("txn", [["append", "k", 1]], [["append", "k", 1]]),
        ("txn", [["r", "k", None]], [["r", "k", [1, 1]]]),
    ],
}


@pytest.mark.parametrize("tried", ["once", "once more in vain"])
@pytest.mark.parametrize("name", TWICE)
def test_what_was_put_in_once_is_not_seen_twice(name, tried):
    operations = [(0, f, argument, result, "ok") for f, argument, result in TWICE[name]]
    if tried != "once" and name not in {"unique-ids", "id-generator", "list-append"}:
        _, f, argument, _, _ = operations[0]
        operations.insert(0, (1, f, argument, None, "fail"))
    result = run_checker(find(name).make(), history(*operations))
    assert result.verdict is Verdict.INVALID, result.reason


READ_ELEMENTS = {
    "The one element that was read is there to stay.": [(0, "add", 1), (0, "read", [1])],
    "All 2 elements that were read are there to stay.": [
        (0, "add", 1), (0, "add", 2), (0, "read", [1, 2])
    ],
}  # fmt: skip


@pytest.mark.parametrize("reason", READ_ELEMENTS)
def test_a_set_says_how_many_elements_were_read(reason):
    operations = [
        (p, f, value if f == "add" else None, value, "ok") for p, f, value in READ_ELEMENTS[reason]
    ]
    assert run_checker(find("set-full").make(), history(*operations)).reason == reason


def test_an_element_that_was_read_and_may_be_lost_is_counted():
    events = [
        *history((0, "add", 1, 1, "ok"), (0, "add", 2, None, "info")),
        Event(1, "invoke", "read"),
        Event(2, "invoke", "read"),
        Event(1, "ok", "read", [1, 2]),
        Event(2, "ok", "read", [1]),
    ]
    result = run_checker(find("set-full").make(), History(events))
    assert result.reason == "1 of the 2 elements that were read is there to stay."
    assert result.statistics["unsettled"] == 1
    assert result.statistics["never-read"] == 0
