"""Reads by predicate: what each shape of history shows, how it is told, and what is refused."""

import pytest

from clew.checkers.infer import infer
from clew.checkers.registry import find
from clew.checkers.transactions import ClosedPredicate, to_dot
from clew.checkers.verdict import Budget, Verdict
from clew.errors import HistoryError
from clew.formats import read_history
from clew.history import Event, History

INIT = {"x": 0, "y": 0}


def recorded(*transactions, initial=None, outcome="ok"):
    """A history: the initial state, then the transactions, all at once."""
    events = []
    if initial is not None:
        events += [Event(9, "invoke", "init", initial), Event(9, outcome, "init", initial)]
    asked = [
        [[m[0], m[1], None] if m[0] in ("r", "rp") else m for m in micros]
        for micros in transactions
    ]
    events += [Event(n, "invoke", "txn", micros) for n, micros in enumerate(asked)]
    events += [Event(n, "ok", "txn", micros) for n, micros in enumerate(transactions)]
    return History(events)


def check(history, *models):
    return ClosedPredicate(models or ("strict-serializable",)).check(history, Budget(None))


SHAPES = {
    # what: transactions, initial state, kinds, weakest models violated, a model that stands
    "each sees the other's insert": (
        [[["insert", "x", 1], ["rp", "true", {"y": 2}]],
         [["insert", "y", 2], ["rp", "true", {"x": 1}]]],
        None, {"G1c", "internal"}, ["read-committed"], None,
    ),
    "each sees its own insert and not the other's": (
        [[["insert", "x", 1], ["rp", "true", {"x": 1}]],
         [["insert", "y", 2], ["rp", "true", {"y": 2}]]],
        None, {"G2"}, ["serializable"], "repeatable-read",
    ),
    "each deleted one key and found none": (
        [[["delete", "x"], ["rp", "true", {}]], [["delete", "y"], ["rp", "true", {}]]],
        INIT, {"G1c"}, ["read-committed"], None,
    ),
    "each saw that the other's key had left the predicate, and then left with its own": (
        [[["rp", ["=", 0], {"x": 0}], ["w", "x", 1]], [["rp", ["=", 0], {"y": 0}], ["w", "y", 1]]],
        INIT, {"G1c"}, ["read-committed"], None,
    ),
    "each looked whether the other had entered the predicate, and entered": (
        [[["rp", ["=", 1], {}], ["w", "x", 1]], [["rp", ["=", 1], {}], ["w", "y", 1]]],
        INIT, {"G2"}, ["serializable"], "strong-snapshot-isolation",
    ),
    "a phantom: the row by name, and not by predicate": (
        [[["insert", "x", 3], ["insert", "y", 5]], [["rp", "true", {}], ["r", "y", 5]]],
        None, {"G-single-predicate"}, ["consistent-view"], "repeatable-read",
    ),
    "a key that no state is without": (
        [[["rp", ["mod", 2, 1], {}]]],
        {"x": 3}, {"predicate-read-miss", "G-single-predicate"}, ["consistent-view"],
        "repeatable-read",
    ),
    "a read by name of a key that was there from the start": (
        [[["r", "x", None]]],
        INIT, {"G-single", "fractured-read"},
        ["read-atomic", "consistent-view", "repeatable-read"], "strong-read-committed",
    ),
    "a long fork by predicate": (
        [[["insert", "x", 1]], [["insert", "y", 1]],
         [["rp", "true", {"x": 1}]], [["rp", "true", {"y": 1}]]],
        None, {"G-nonadjacent-predicate"}, ["snapshot-isolation"], "repeatable-read",
    ),
    "a row that does not match": (
        [[["rp", ["=", 1], {"x": 0}]]], INIT, {"mismatch"}, ["read-uncommitted"], None,
    ),
    "a row that nobody wrote": (
        [[["rp", "true", {"x": 0, "y": 0, "z": 7}]]],
        INIT, {"garbage-read"}, ["read-uncommitted"], None,
    ),
    "a transaction without its own insert": (
        [[["insert", "x", 1], ["rp", "true", {}]]],
        None, {"internal"}, ["read-atomic", "consistent-view", "repeatable-read"],
        "strong-read-committed",
    ),
    "its own deletion before it made it": (
        [[["rp", ["=", 0], {"y": 0}], ["delete", "x"]]],
        INIT, {"predicate-read-miss", "G-single-predicate"}, ["consistent-view"],
        "repeatable-read",
    ),
    "an intermediate row": (
        [[["insert", "x", 1], ["w", "x", 2]], [["rp", "true", {"x": 1}]]],
        None, {"G1b"}, ["read-committed"], None,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", list(SHAPES))
def test_each_shape_shows_its_kinds(name):
    transactions, initial, kinds, weakest, stands = SHAPES[name]
    result = check(recorded(*transactions, initial=initial))
    assert result.verdict is Verdict.INVALID
    assert set(result.statistics["anomalies"]) - REALTIME == kinds
    assert result.statistics["weakest_violated"] == weakest
    for model in weakest:
        assert check(recorded(*transactions, initial=initial), model).verdict is Verdict.INVALID
    if stands:
        verdict = check(recorded(*transactions, initial=initial), stands).verdict
        assert verdict is Verdict.VALID


REALTIME = {"G-single-realtime", "G-single-predicate-realtime"}


def test_a_correct_history_is_valid():
    history = recorded(
        [["rp", ["=", 0], {"x": 0, "y": 0}], ["r", "z", None]],
        [["delete", "x"], ["insert", "z", 4], ["rp", "true", {"y": 0, "z": 4}]],
        [["rp", ["mod", 2, 0], {"y": 0, "z": 4}], ["r", "x", None], ["r", "z", 4]],
        initial=INIT,
    )
    result = check(history)
    assert result.verdict is Verdict.VALID
    assert result.statistics["anomalies"] == {}


def test_an_aborted_row_is_g1a_and_an_unknown_one_that_was_seen_has_committed():
    aborted = History(
        [
            Event(0, "invoke", "txn", [["insert", "x", 1]]),
            Event(0, "fail", "txn", [["insert", "x", 1]]),
            Event(1, "invoke", "txn", [["rp", "true", None]]),
            Event(1, "ok", "txn", [["rp", "true", {"x": 1}]]),
        ]
    )
    assert set(check(aborted).statistics["anomalies"]) == {"G1a"}
    unknown = History(event._replace(type=event.type.replace("fail", "info")) for event in aborted)
    assert check(unknown).verdict is Verdict.VALID


def test_the_models_between_are_not_claimed_where_only_predicates_show():
    transactions, initial, *_ = SHAPES["a phantom: the row by name, and not by predicate"]
    history = recorded(*transactions, initial=initial)
    for model in ("read-atomic", "causal", "prefix"):
        assert check(history, model).verdict is Verdict.UNKNOWN
    assert "read-atomic" not in check(history).statistics["strongest_standing"]


def test_keys_that_several_changed_are_left_open():
    history = recorded([["w", "x", 1]], [["w", "x", 2]], [["rp", "true", {"x": 2}]])
    result = check(history)
    assert result.verdict is Verdict.UNKNOWN
    assert "several transactions changed 1 key" in result.reason
    history = recorded([["w", "x", 1]], [["w", "x", 2]], [["rp", "true", {"x": 7}]])
    assert check(history).verdict is Verdict.INVALID


def test_the_story_names_the_predicate():
    transactions, initial, *_ = SHAPES["each deleted one key and found none"]
    anomaly = check(recorded(*transactions, initial=initial)).anomalies[0]
    assert "no other version of y escapes true" in anomaly.reason
    transactions, initial, *_ = SHAPES["a read by name of a key that was there from the start"]
    anomaly = check(recorded(*transactions, initial=initial)).anomalies[0]
    assert "is the state before" in anomaly.reason
    assert "rw x" in to_dot(anomaly)


def test_edn_has_numbers_as_keys_and_json_their_text(tmp_path):
    edn = tmp_path / "history.edn"
    edn.write_text(
        "{:type :invoke, :process 4, :f :init, :value {7 1}}\n"
        "{:type :ok, :process 4, :f :init, :value {7 1}}\n"
        "{:type :invoke, :process 7, :f :txn, :value [[:rp [:mod 2 1] nil] [:r 7 nil]]}\n"
        "{:type :ok, :process 7, :f :txn, :value [[:rp [:mod 2 1] {7 1}] [:r 7 1]]}\n"
    )
    jsonl = tmp_path / "history.jsonl"
    jsonl.write_text(
        '{"process": 4, "type": "invoke", "f": "init", "value": {"7": 1}}\n'
        '{"process": 4, "type": "ok", "f": "init", "value": {"7": 1}}\n'
        '{"process": 7, "type": "invoke", "f": "txn", "value": [["rp", true], ["r", 7]]}\n'
        '{"process": 7, "type": "ok", "f": "txn", "value": [["rp", true, {"7": 1}], ["r", 7, 1]]}\n'
    )
    for path in (edn, jsonl):
        history = read_history(path)
        assert infer(history).model == "closed-predicate"
        assert find("closed-predicate").make().check(history, Budget(None)).verdict is Verdict.VALID


@pytest.mark.parametrize(
    "micro",
    [
        ["rp", ["<", 3], {}], ["rp", ["mod", 0, 1], {}], ["rp", "true", [1]], ["insert", "x"],
        ["insert", "x", None], ["append", "x", 1], [], "r",
    ],
)  # fmt: skip
def test_what_is_no_micro_operation_is_refused(micro):
    events = [Event(0, "invoke", "txn", [micro]), Event(0, "ok", "txn", [micro])]
    with pytest.raises(HistoryError, match="malformed"):
        check(History(events))


@pytest.mark.parametrize(
    ("ask", "answer"),
    [
        (["delete", "x"], ["delete", "y"]),
        (["insert", "x", 1], ["insert", "x", 2]),
        (["rp", ["=", 1], None], ["rp", ["=", 2], {}]),
        (["r", "x", None], ["delete", "x"]),
    ],
)
def test_an_answer_to_something_else_is_a_mismatch(ask, answer):
    events = [Event(0, "invoke", "txn", [ask]), Event(0, "ok", "txn", [answer])]
    result = check(History(events), "read-uncommitted")
    assert result.verdict is Verdict.INVALID
    assert "mismatch" in result.statistics["anomalies"]


def test_an_initial_state_that_is_not_clear():
    events = [Event(0, "invoke", "init", {"x": 1}), Event(0, "ok", "init", {"x": 1})]
    with pytest.raises(HistoryError, match="initial state is not clear"):
        check(History([*events, *events]))
    with pytest.raises(HistoryError, match="initial state is not clear"):
        check(History([Event(0, "invoke", "init", 5), Event(0, "ok", "init", 5)]))
    history = recorded([["r", "x", None]], initial={"x": 1}, outcome="info")
    assert check(history).verdict is Verdict.UNKNOWN


def test_a_value_that_two_transactions_write_to_one_key_is_refused():
    with pytest.raises(HistoryError, match="more than once"):
        check(recorded([["w", "x", 1]], [["w", "x", 1]]))
    with pytest.raises(HistoryError, match="more than once"):
        check(recorded([["w", "x", 0]], initial=INIT))
