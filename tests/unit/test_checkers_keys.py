"""Histories of several objects told by keys, and histories that a checker must refuse."""

import json

import pytest
from judging import judge_file

from clew.checkers.keys import of_each_key, readings
from clew.checkers.linearizability import SPECIFICATIONS, Linearizability, Specification
from clew.checkers.linearizability.specifications import FencedLock
from clew.checkers.verdict import Budget, Result, Verdict
from clew.errors import HistoryError
from clew.history import Event, History


def keying(history, pairs=()):
    """The likelier reading."""
    return readings(history, pairs)[0]


def calls(*operations):
    """A history of completed operations one after another: (f, argument, result)."""
    return [
        Event(process, kind, f, value)
        for process, (f, argument, result) in enumerate(operations)
        for kind, value in (("invoke", argument), ("ok", result))
    ]


def put(tmp_path, *operations):
    lines = [
        {"process": each.process, "type": each.type, "f": each.f, "value": each.value}
        for each in calls(*operations)
    ]
    path = tmp_path / "keyed.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


SET = [("add", [1, 5], [1, 5]), ("add", [2, 6], [2, 6])]
SET_READ = [*SET, ("read", [1, None], [1, [5]]), ("read", [2, None], [2, [6]])]
BARE_SET = [*SET, ("read", [1, None], [5]), ("read", [2, None], [6])]
QUEUE = [
    ("enqueue", [1, 7], [1, 7]),
    ("enqueue", [2, 8], [2, 8]),
    ("dequeue", [2, None], [2, 8]),
    ("dequeue", [1, None], [1, 7]),
]
COUNTER = [
    ("add", ["a", 1], None),
    ("add", ["b", 5], None),
    ("read", ["a", None], ["a", 1]),
    ("read", ["b", None], ["b", 5]),
]
MUTEX = [("acquire", [1, None], [1, None]), ("acquire", [2, None], [2, None])]

RIGHT = [
    (None, SET_READ),
    (None, BARE_SET),
    ("set", SET_READ),
    ("set-full", SET_READ),
    ("set-full", BARE_SET),
    ("g-set", SET_READ),
    (None, [*QUEUE, ("drain", [1, None], [1, []])]),
    ("total-queue", QUEUE),
    ("fifo-intervals", QUEUE),
    ("mutex-intervals", MUTEX),
    ("interval-counter", COUNTER),
    ("broadcast", [("broadcast", ["k", 1], None), ("read", ["k", None], ["k", [1]])]),
    ("register", [("write", ["a", 1], None), ("read", ["a", None], 1)]),
    (None, [("write", ["a", 1], "done"), ("write", ["b", 2], "done"), ("read", ["a", None], 1)]),
]


@pytest.mark.parametrize(("model", "operations"), RIGHT)
def test_each_key_is_an_object(tmp_path, model, operations):
    assert judge_file(put(tmp_path, *operations), model).result.verdict is Verdict.VALID


WRONG = [
    ("set-full", [*SET_READ, ("read", [2, None], [2, []])], "lost"),
    ("g-set", [*SET_READ, ("read", [2, None], [2, [5]])], "stale"),
    ("total-queue", [*QUEUE, ("dequeue", [2, None], [2, 7])], "phantom"),
    ("fifo-intervals", [*QUEUE, ("dequeue", [2, None], [2, 7])], None),
    ("mutex-intervals", [*MUTEX, ("acquire", [2, None], [2, None])], "two-holders"),
    ("interval-counter", [*COUNTER, ("read", ["b", None], ["b", 1])], "out-of-bounds"),
]


@pytest.mark.parametrize(("model", "operations", "kind"), WRONG)
def test_the_key_that_is_wrong_is_named(tmp_path, model, operations, kind):
    """What one key holds is never another's, and the evidence is as it was recorded."""
    result = judge_file(put(tmp_path, *operations), model).result
    assert result.verdict is Verdict.INVALID
    key = operations[-1][1][0]
    assert all(each.data["key"] == key for each in result.anomalies)
    assert result.anomalies[0].reason.startswith(f"Key {json.dumps(key)}: ")
    assert kind is None or kind in {each.kind for each in result.anomalies}
    assert result.statistics["invalid_keys"] == 1
    assert result.reason.startswith(f"Wrong: 1 of 2 keys. Key {json.dumps(key)}: ")
    shown = [each for anomaly in result.anomalies for each in anomaly.operations]
    assert len(operations) - 1 in {each.number for each in shown}
    assert all(each.argument == operations[each.number][1] for each in shown)
    json.dumps(dict(result.statistics))


def test_a_key_that_nobody_read_is_undecided(tmp_path):
    path = put(tmp_path, *SET, ("read", [1, None], [1, [5]]))
    result = judge_file(path, "set-full").result
    assert result.verdict is Verdict.UNKNOWN
    assert result.reason == (
        "Undecided: 1 of 2 keys. Key 2: No element was read, so nothing was checked."
    )


HALF = [
    (None, [("broadcast", 1, 1), ("read", ["k", None], ["k", [1]])]),
    ("set-full", [("add", 1, 1), ("read", ["k", None], ["k", [1]])]),
    ("register", [("write", 1, 1), ("read", ["k", None], ["k", 1])]),
    ("sessions", [("write", 1, 1), ("read", ["k", None], ["k", 1])]),
    (
        "register",
        [("write", ["k", 1], None), ("read", ["k", None], ["k", 1]), ("read", ["k", None], 1)],
    ),
]


@pytest.mark.parametrize(("model", "operations"), HALF)
def test_half_keyed_is_refused(tmp_path, model, operations):
    with pytest.raises(HistoryError, match="only some operations have a key"):
        judge_file(put(tmp_path, *operations), model)


@pytest.mark.parametrize(
    ("operations", "how"),
    [
        ([], "none"),
        ([("add", [1, 5], None), ("read", None, [[1, 5]])], "none"),
        ([("enqueue", [1, 5], True), ("dequeue", None, [1, 5])], "none"),
        ([("contains", [1, 5], True)], "none"),
        ([("write", [1, 5], None), ("read", [1, None], None)], "pairs"),
        ([("write", [1, 5], None), ("read", [True, None], [1, 5])], "bare"),
        ([("write", [1, 5], None), ("read", [1, None], [2, 5])], "bare"),
        ([("write", [1, 5, 6], None), ("read", [1, None], None)], "none"),
    ],
)
def test_what_counts_as_keyed(operations, how):
    assert keying(History(calls(*operations))) == how


def test_the_argument_of_a_function_may_be_a_pair():
    history = History(calls(("cas", [1, 2], [1, 2])))
    assert keying(history) == "pairs"
    assert keying(history, ("cas",)) == "none"
    assert keying(History(calls(("cas", [1, [1, 2]], None))), ("cas",)) == "pairs"


UNKNOWN_FUNCTIONS = [
    ("interval-counter", "increment"),
    ("pn-counter", "increment"),
    ("g-counter", "decrement"),
    ("set-full", "remove"),
    ("g-set", "remove"),
    ("broadcast", "add"),
    ("total-queue", "peek"),
    ("fifo-intervals", "push"),
    ("mutex-intervals", "renew"),
    ("unique-ids", "echo"),
    ("echo", "say"),
    ("bank", "deposit"),
    ("long-fork", "cas"),
    ("causal-reverse", "cas"),
    ("adya-g2", "delete"),
    ("kafka", "seek"),
]


@pytest.mark.parametrize(("model", "f"), UNKNOWN_FUNCTIONS)
def test_unknown_functions_are_refused(tmp_path, model, f):
    with pytest.raises(HistoryError) as caught:
        judge_file(put(tmp_path, (f, 5, 5)), model)
    assert f"keyed.jsonl:1: the checker {model} knows no operation {f}: expected one of " in str(
        caught.value
    )


def test_what_named_processes_do_is_no_function(tmp_path):
    path = put(tmp_path, ("add", 5, 5), ("read", None, [5]))
    path.write_text('{"process": "nemesis", "type": "info", "f": "crash"}\n' + path.read_text())
    assert judge_file(path, "set-full").result.verdict is Verdict.VALID


UNEQUAL = [
    ("register", [("write", 1, 1), ("read", None, True)]),
    ("register", [("write", 0, 0), ("read", None, False)]),
    ("register", [("write", [1], None), ("read", None, [True])]),
    ("register", [("write", {"a": 1}, None), ("read", None, [["a", 1]])]),
    ("register", [("write", {}, None), ("read", None, [])]),
    ("cas-register", [("write", 1, 1), ("cas", [True, 2], [True, 2])]),
    (
        "multi-register",
        [("write", [["w", 1, 1]], None), ("read", [["r", 1, None]], [["r", 1, True]])],
    ),
    ("key-value", [("put", ["k", 1], None), ("get", ["k", None], ["k", True])]),
    ("counter", [("increment", None, None), ("read", None, True)]),
    ("fifo-queue", [("enqueue", 1, 1), ("dequeue", None, True)]),
    ("stack", [("push", 1, 1), ("pop", None, True)]),
    ("append-log", [("append", 1, 1), ("read", None, [True])]),
    ("set", [("add", 1, 1), ("read", None, [True])]),
    ("set", [("add", 1, None), ("contains", True, True)]),
    ("id-generator", [("generate", None, True), ("generate", None, True)]),
]


@pytest.mark.parametrize(("model", "operations"), UNEQUAL)
def test_values_that_json_tells_apart(tmp_path, model, operations):
    result = judge_file(put(tmp_path, *operations), model).result
    assert result.verdict is Verdict.INVALID
    json.dumps([dict(each.data) for each in result.anomalies])


EQUAL = [
    ("register", [("write", True, None), ("read", None, True)]),
    ("register", [("write", 1, None), ("read", None, 1.0)]),
    ("register", [("write", {"a": [True], "b": 2}, None), ("read", None, {"b": 2, "a": [True]})]),
    ("set", [("add", True, True), ("add", 1, True), ("contains", False, False)]),
    ("set", [("add", 1, True), ("add", True, None), ("read", None, [True, 1])]),
    ("id-generator", [("generate", None, 1), ("generate", None, True)]),
    (
        "register",
        [("write", [True, 5], None), ("write", [1, 6], None), ("read", [True, None], [True, 5])],
    ),
]


@pytest.mark.parametrize(("model", "operations"), EQUAL)
def test_values_that_are_the_same(tmp_path, model, operations):
    assert judge_file(put(tmp_path, *operations), model).result.verdict is Verdict.VALID


def test_a_map_and_a_truth_value_are_told_as_json(tmp_path):
    path = put(tmp_path, ("write", {"a": True}, None), ("read", None, False))
    (anomaly,) = judge_file(path, "register").result.anomalies
    assert "read -> false" in anomaly.reason
    assert 'the register holds {"a": true}' in anomaly.reason


def test_a_counter_adds_numbers(tmp_path):
    message = 'expected add with a number, or with nothing for 1, found "a"'
    with pytest.raises(HistoryError, match=message):
        judge_file(put(tmp_path, ("add", "a", "a"), ("read", None, 1)), "counter")


def test_maps_with_keys_that_have_no_order(tmp_path):
    path = tmp_path / "maps.edn"
    path.write_text(
        "{:process 0 :type :invoke :f :add :value {:a 1 2 3}}"
        "{:process 0 :type :ok :f :add :value {:a 1 2 3}}"
        "{:process 0 :type :invoke :f :read}"
        "{:process 0 :type :ok :f :read :value [{2 3 :a 1}]}"
    )
    assert judge_file(path, "set-full").result.verdict is Verdict.VALID
    path.write_text(path.read_text().replace("[{2 3 :a 1}]", "[{2 4 :a 1}]"))
    assert judge_file(path, "set-full").result.verdict is Verdict.INVALID


# Holders that happen to be lists of two, and the readings that the values allow.
TWO_LOCKS = [("acquire", ["a", 1], None), ("acquire", ["b", 1], None)]
TOKENS = [("acquire", ["a", "c1"], 33), ("acquire", ["b", "c1"], 34)]
READINGS = [
    ("holders that repeat", TWO_LOCKS, ("pairs", "none"), "unknown"),
    ("holders that are answered", [("acquire", ["a", 1], ["a", 1]), ("acquire", ["b", 1],
     ["b", 1])], ("pairs", "none"), "unknown"),
    ("tokens without a key", TOKENS, ("none", "pairs"), "unknown"),
    ("tokens with their key", [("acquire", ["a", "c1"], ["a", 33]), ("acquire", ["b", "c1"],
     ["b", 34])], ("pairs",), "valid"),
    ("a key that asks", [("acquire", ["a", None], None), *TWO_LOCKS[1:]], ("pairs",), "valid"),
    ("one lock at a time", [("acquire", ["a", 1], None), ("release", ["a", 1], None),
     *TWO_LOCKS[1:]], ("pairs", "none"), "valid"),
    ("wrong in both", [*TWO_LOCKS, *TWO_LOCKS], ("pairs", "none"), "invalid"),
    ("no lists of two", [("acquire", ["a", 1, 1], None), ("acquire", ["b", 1, 1], None)],
     ("none",), "invalid"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("operations", "how", "verdict"),
    [row[1:] for row in READINGS],
    ids=[row[0] for row in READINGS],
)
def test_holders_that_are_lists_of_two_are_read_both_ways(operations, how, verdict):
    history = History(calls(*operations))
    assert readings(history) == how
    assert keying(history) == how[0]
    result = Linearizability(FencedLock()).check(history, Budget())
    assert result.verdict.value == verdict
    assert ("can't be told" in result.reason) == (verdict == "unknown")


def test_a_reading_that_the_object_refuses_is_none():
    """A counter adds no lists, so that only the reading with keys is left."""
    history = History(calls(("add", ["a", 1], 7), ("add", ["b", 2], 8)))
    assert readings(history) == ("none", "pairs")
    result = Linearizability(SPECIFICATIONS["counter"]()).check(history, Budget())
    assert (result.verdict, result.statistics["partitions"]) == (Verdict.VALID, 2)


def test_checkers_of_one_object_judge_both_readings():
    """A checker that takes a lock for one object, where there may be two of them."""

    class OneHolder:
        name = "one-holder"

        def check(self, history, budget):
            del budget
            alone = len(history.operations) < 2
            verdict = Verdict.VALID if alone else Verdict.INVALID
            return Result(self.name, verdict, f"{len(history.operations)} holders.")

    history = History(calls(*TWO_LOCKS))
    checker = of_each_key(OneHolder(), history)
    assert checker.name == "one-holder"
    result = checker.check(history, Budget())
    assert result.verdict is Verdict.UNKNOWN
    assert "an object for each key, the verdict is valid" in result.reason
    assert "one object, the verdict is invalid (2 holders.)" in result.reason


def test_true_and_one_are_two_keys_for_every_specification():
    class Loose(Specification):
        keyed = True

        def initial(self):
            return None

        def step(self, state, f, argument, result):
            del result
            return (argument,) if f == "write" or state == argument else None

    history = History(calls(("write", [1, 5], None), ("check", [True, None], None)))
    result = Linearizability(Loose()).check(history, Budget())
    assert (result.verdict, result.statistics["partitions"]) == (Verdict.VALID, 2)
