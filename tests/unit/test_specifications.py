"""Every shipped specification, step by step, from a table."""

import re
from itertools import permutations
from pathlib import Path

import pytest

from clew.checkers.linearizability import (
    SPECIFICATIONS,
    UNANSWERED,
    Linearizability,
    Map,
    Specification,
    Truth,
    truth_of,
)
from clew.checkers.linearizability.specification import LOOSE, Call, freeze, show
from clew.checkers.linearizability.specifications import (
    AppendLog,
    CasRegister,
    IdGenerator,
    KeyValue,
    Register,
)
from clew.checkers.verdict import Budget, Verdict
from clew.errors import HistoryError, UsageError
from clew.history import Event, History

UNKNOWN = UNANSWERED
FREE = ()

# name, state, f, argument, result, states after (empty: illegal)
STEPS = [
    ("register", None, "read", None, None, [None]),
    ("register", None, "read", None, 1, []),
    ("register", 1, "read", None, 1, [1]),
    ("register", 1, "read", None, None, []),
    ("register", 1, "read", None, UNKNOWN, [1]),
    ("register", 1, "write", 2, 2, [2]),
    ("register", 1, "write", 2, UNKNOWN, [2]),
    ("cas-register", 1, "cas", (1, 2), (1, 2), [2]),
    ("cas-register", 1, "cas", (2, 3), (2, 3), []),
    ("cas-register", 1, "cas", (2, 3), UNKNOWN, []),
    ("cas-register", 1, "write", 2, None, [2]),
    ("cas-register", None, "cas", (None, 3), None, [3]),
    ("multi-register", frozenset(), "txn", (("w", "x", 1), ("r", "x", None)),
     (("w", "x", 1), ("r", "x", 1)), [frozenset({("x", 1)})]),
    ("multi-register", frozenset({("x", 1)}), "read", (("r", "x", None),), (("r", "x", 2),), []),
    ("multi-register", frozenset({("x", 1)}), "read", (("r", "y", None),), (("r", "y", None),),
     [frozenset({("x", 1)})]),
    ("multi-register", frozenset({("x", 1)}), "read", (("r", "x", None),), UNKNOWN,
     [frozenset({("x", 1)})]),
    ("key-value", None, "get", None, "", [None]),
    ("key-value", None, "get", None, None, [None]),
    ("key-value", None, "read", None, "", []),
    ("key-value", "", "get", None, None, []),
    ("key-value", "a", "get", None, "a", ["a"]),
    ("key-value", "a", "get", None, "b", []),
    ("key-value", "a", "put", "b", "b", ["b"]),
    ("key-value", "a", "append", "b", "b", ["ab"]),
    ("key-value", None, "append", "b", "b", ["b"]),
    ("key-value", None, "append", 3, 3, [(3,)]),
    ("key-value", (3,), "append", 4, 4, [(3, 4)]),
    ("key-value", 3, "append", 4, 4, []),
    ("key-value", "a", "delete", None, None, [None]),
    ("key-value", "a", "cas", ("a", "b"), None, ["b"]),
    ("key-value", "a", "cas", ("b", "a"), None, []),
    ("counter", 0, "add", 3, 3, [3]),
    ("counter", 3, "add", -1, None, [2]),
    ("counter", 3, "increment", None, None, [4]),
    ("counter", 3, "decrement", None, None, [2]),
    ("counter", 3, "decrement", 2, None, [1]),
    ("counter", 3, "read", None, 3, [3]),
    ("counter", 3, "read", None, 2, []),
    ("set", frozenset(), "add", 1, 1, [frozenset({1})]),
    ("set", frozenset({1}), "add", 1, False, [frozenset({1})]),
    ("set", frozenset({1}), "add", 1, True, []),
    ("set", frozenset({1}), "remove", 1, None, [frozenset()]),
    ("set", frozenset(), "remove", 1, True, []),
    ("set", frozenset({1}), "contains", 1, True, [frozenset({1})]),
    ("set", frozenset({1}), "contains", 2, True, []),
    ("set", frozenset({1, 2}), "read", None, (2, 1), [frozenset({1, 2})]),
    ("set", frozenset({1, 2}), "read", None, (1,), []),
    ("set", frozenset(), "read", None, None, [frozenset()]),
    ("fifo-queue", (), "enqueue", 1, None, [(1,)]),
    ("fifo-queue", (1, 2), "dequeue", None, 1, [(2,)]),
    ("fifo-queue", (1, 2), "dequeue", None, 2, []),
    ("fifo-queue", (1, 2), "dequeue", None, None, []),
    ("fifo-queue", (), "dequeue", None, None, [()]),
    ("fifo-queue", (), "dequeue", None, 1, []),
    ("fifo-queue", (1, 2), "dequeue", None, UNKNOWN, [(2,)]),
    ("fifo-queue", (), "dequeue", None, UNKNOWN, [()]),
    ("stack", (1,), "push", 2, None, [(1, 2)]),
    ("stack", (1, 2), "pop", None, 2, [(1,)]),
    ("stack", (1, 2), "pop", None, 1, []),
    ("stack", (), "pop", None, None, [()]),
    ("stack", (1, 2), "pop", None, UNKNOWN, [(1,)]),
    ("priority-queue", (1, 3), "insert", 2, None, [(1, 2, 3)]),
    ("priority-queue", (1, 3), "remove", None, 1, [(3,)]),
    ("priority-queue", (1, 3), "dequeue", None, 3, []),
    ("priority-queue", (), "remove", None, None, [()]),
    ("mutex", FREE, "acquire", None, None, [(None,)]),
    ("mutex", (None,), "acquire", None, None, []),
    ("mutex", (None,), "release", None, None, [FREE]),
    ("mutex", FREE, "release", None, None, []),
    ("mutex", ("a",), "release", "b", None, []),
    ("mutex", ("a",), "release", "a", None, [FREE]),
    ("fenced-lock", (None, FREE), "acquire", "a", 1, [(1, ("a", 1))]),
    ("fenced-lock", (1, FREE), "acquire", "a", 1, []),
    ("fenced-lock", (1, ("a", 1)), "acquire", "b", 2, []),
    ("fenced-lock", (1, ("a", 1)), "release", "a", None, [(1, FREE)]),
    ("fenced-lock", (1, ("a", 1)), "release", 1, None, [(1, FREE)]),
    ("fenced-lock", (1, ("a", 1)), "release", 2, None, []),
    ("fenced-lock", (1, ("a", 1)), "release", "b", None, []),
    ("fenced-lock", (1, FREE), "acquire", None, UNKNOWN, [(1, (None, None))]),
    ("fenced-lock", (1, (None, None)), "release", 5, None, [(5, FREE)]),
    ("fenced-lock", (1, (None, None)), "release", 1, None, []),
    ("append-log", (), "append", 1, None, [(1,)]),
    ("append-log", (1,), "read", None, (1,), [(1,)]),
    ("append-log", (1,), "read", None, (), []),
    ("append-log", (), "read", None, None, [()]),
    ("id-generator", frozenset(), "generate", None, 1, [frozenset({1})]),
    ("id-generator", frozenset({1}), "generate", None, 1, []),
    ("id-generator", frozenset({1}), "generate", None, UNKNOWN, [frozenset({1})]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "state", "f", "argument", "result", "after"), STEPS)
def test_step(name, state, f, argument, result, after):
    specification = SPECIFICATIONS[name]()
    assert list(specification.step(state, f, argument, result) or ()) == after


@pytest.mark.parametrize("row", STEPS)
def test_a_readonly_operation_changes_no_state(row):
    name, state, f, argument, _, after = row
    if SPECIFICATIONS[name]().is_readonly(f, argument):
        assert after in ([], [state])


def test_every_specification_is_in_the_table_with_a_legal_and_an_illegal_step():
    legal = {name for name, *_, after in STEPS if after}
    illegal = {name for name, *_, after in STEPS if not after}
    assert legal == illegal == set(SPECIFICATIONS)


@pytest.mark.parametrize("name", SPECIFICATIONS)
def test_describes_its_initial_state_and_is_named(name):
    specification = SPECIFICATIONS[name]()
    assert specification.name == name
    words = specification.describe_state(specification.initial())
    assert words
    assert "object at" not in words


@pytest.mark.parametrize(
    ("name", "state", "words"),
    [
        ("register", 4, "the register holds 4"),
        ("multi-register", frozenset({("x", 1)}), 'the registers hold "x"=1'),
        ("key-value", "a", 'the key holds "a"'),
        ("counter", 4, "the counter is at 4"),
        ("set", frozenset({2, 1}), "the set holds [1, 2]"),
        ("fifo-queue", (1, 2), "the queue holds [1, 2], oldest first"),
        ("stack", (1,), "the stack holds [1], oldest first"),
        ("priority-queue", (1,), "the queue holds [1], smallest first"),
        ("mutex", ("a",), 'the lock is held by "a"'),
        ("mutex", (None,), "the lock is held"),
        ("fenced-lock", (3, ("a", 3)), 'the lock is held by "a" and its last token is 3'),
        ("append-log", (1, 2), "the log holds [1, 2]"),
        ("id-generator", frozenset({1}), "[1] were given"),
    ],
)
def test_describes_states(name, state, words):
    assert SPECIFICATIONS[name]().describe_state(state) == words


@pytest.mark.parametrize(
    ("f", "argument", "result", "words"),
    [
        ("read", None, 4, "read -> 4"),
        ("write", 3, 3, "write 3"),
        ("write", 3, None, "write 3"),
        ("cas", [1, 2], UNANSWERED, "cas [1, 2] -> ?"),
        ("read", None, UNANSWERED, "read -> ?"),
        ("read", None, None, "read -> null"),
    ],
)
def test_describes_operations(f, argument, result, words):
    assert CasRegister().describe_operation(f, argument, result) == words


def test_an_empty_queue_is_described():
    assert SPECIFICATIONS["stack"]().describe_operation("pop", None, None) == "pop -> null"
    assert SPECIFICATIONS["stack"]().describe_operation("push", 1, None) == "push 1"
    queue = SPECIFICATIONS["priority-queue"]()
    assert queue.describe_operation("remove", None, None) == "remove -> null"
    assert queue.describe_operation("remove", None, 3) == "remove -> 3"


def test_nil_reads():
    assert Register(nil_reads="any").step(4, "read", None, None) == (4,)
    assert Register(nil_reads="value").step(4, "read", None, None) is None
    with pytest.raises(UsageError, match="expected value or any, found 'maybe'"):
        Register(nil_reads="maybe")


def test_initial_values():
    assert Register(initial=0).initial() == 0
    assert KeyValue(initial=[1]).initial() == (1,)


def test_increasing_identifiers():
    generator = IdGenerator(increasing=True)
    assert generator.step(3, "generate", None, 4) == (4,)
    assert generator.step(3, "generate", None, 3) is None
    assert generator.partition("generate", None, 3) is None


def test_a_cas_without_a_pair_is_the_inputs_fault():
    for specification in (CasRegister(), KeyValue()):
        with pytest.raises(HistoryError, match=r"cas has no pair.*found 3"):
            specification.step(1, "cas", 3, None)


def test_elements_without_an_order_are_the_inputs_fault():
    with pytest.raises(HistoryError, match="compares with"):
        SPECIFICATIONS["priority-queue"]().step((1,), "insert", "a", None)


def test_transactions_need_parts():
    with pytest.raises(HistoryError, match="no list of parts"):
        SPECIFICATIONS["multi-register"]().step(frozenset(), "txn", 3, None)


def test_partitions():
    assert SPECIFICATIONS["set"]().partition("add", 1, None) == (1,)
    assert SPECIFICATIONS["set"]().partition("read", None, ()) is None
    transfer = (("w", "x", 1), ("w", "y", 2))
    assert SPECIFICATIONS["multi-register"]().partition("txn", transfer, transfer) is None
    assert SPECIFICATIONS["multi-register"]().partition("txn", transfer[:1], None) == ("x",)


def walk(specification, calls):
    states = [specification.initial()]
    for call in calls:
        states = [after for state in states for after in specification.step(state, *call) or ()]
    return bool(states)


@pytest.mark.parametrize(
    ("specification", "calls", "orders"),
    [
        (
            AppendLog(),
            [Call("append", 1, None), Call("append", 2, None), Call("read", None, (1, 2))],
            6,
        ),
        (
            KeyValue(),
            [Call("append", "a", None), Call("put", "b", None), Call("get", None, "ba")],
            6,
        ),
        (
            KeyValue(),
            [Call("put", "a", UNANSWERED), Call("put", "b", None), Call("get", None, "b")],
            6,
        ),
        (
            Register(),
            [Call("write", 1, UNANSWERED), Call("write", 2, None), Call("read", None, 2)],
            6,
        ),
        (
            CasRegister(),
            [Call("cas", (2, 1), UNANSWERED), Call("write", 2, None), Call("read", None, 2)],
            6,
        ),
    ],
)
def test_a_fitted_specification_decides_every_order_alike(specification, calls, orders):
    fitted, seen = specification.fitted(calls)
    found = 0
    for order in permutations(range(len(calls))):
        plain = walk(specification, [calls[at] for at in order])
        assert walk(fitted, [seen[at] for at in order]) == plain
        found += 1
    assert found == orders


def test_fitting_collapses_what_nobody_sees():
    calls = [Call("write", each, UNANSWERED) for each in range(5)] + [Call("read", None, 3)]
    _, seen = Register().fitted(calls)
    assert len(set(seen)) == 3


def test_freeze_and_show():
    frozen = freeze({"b": [1, {"c": {2}}], "a": 1})
    assert hash(frozen) == hash(freeze({"a": 1, "b": [1, {"c": {2}}]}))
    assert frozen == freeze({"a": 1, "b": [1, {"c": {2}}]})
    assert show(frozenset({2, 1})) == "[1, 2]"
    assert show(frozen) == '{"a": 1, "b": [1, {"c": [2]}]}'
    assert freeze({}) != freeze([])
    assert freeze([{"a": True}]) != freeze([{"a": 1}])
    assert freeze([True, 1.0]) == freeze((True, 1))
    assert show(freeze([True, {"a": False}])) == '[true, {"a": false}]'
    assert freeze([True], LOOSE) == (1,)
    assert len(show("x" * 1000)) == 80


class Flag(Specification):
    """A specification of a user: its truth values are Python's."""

    def initial(self):
        return False

    def step(self, state, f, argument, result):
        if f == "set":
            return (argument,) if argument in {True, False} else None
        return (state,) if result is state else None


@pytest.mark.parametrize(("strict", "verdict"), [(False, Verdict.VALID), (True, Verdict.INVALID)])
def test_truth_values_are_pythons_unless_a_specification_is_strict(strict, verdict):
    specification = Flag()
    specification.strict_truth = strict
    told = [
        ("invoke", "set", True),
        ("ok", "set", None),
        ("invoke", "get", None),
        ("ok", "get", True),
    ]
    history = History(Event(0, kind, f, value) for kind, f, value in told)
    assert Linearizability(specification).check(history, Budget()).verdict is verdict


def test_a_specification_must_say_what_it_does():
    with pytest.raises(NotImplementedError):
        Specification().initial()
    with pytest.raises(NotImplementedError):
        Specification().step(None, "f", None, None)
    assert Specification().is_readonly("f", None) is False


def classes_of_the_guide():
    """The specifications that the guide defines in blocks of their own."""
    page = Path(__file__).parent.parent.parent / "docs" / "guide" / "own-specification.md"
    names = {}
    for block in re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL):
        if "class " in block:
            exec(block, names)
    return names


def asked(*calls):
    """The verdict's reason for calls one after another, by the guide's flag."""
    events = [
        Event(0, kind, f, value)
        for f, result in calls
        for kind, value in (("invoke", None), ("ok", result))
    ]
    checker = Linearizability(classes_of_the_guide()["Flag"]())
    return checker.check(History(events), Budget()).verdict


def test_the_flag_of_the_guide_tells_truth_from_numbers():
    assert asked(("is_raised", False), ("raise", None), ("is_raised", True)) is Verdict.VALID
    assert asked(("raise", None), ("is_raised", False)) is Verdict.INVALID
    assert asked(("raise", None), ("is_raised", 1)) is Verdict.INVALID


@pytest.mark.parametrize("strict", [True, False])
def test_values_arrive_as_the_guide_says(strict):
    seen = []

    class Recorder(Specification):
        strict_truth = strict

        def initial(self):
            return 0

        def step(self, state, f, argument, result):
            del f, result
            seen.append(argument)
            return (state,)

    value = {"b": [1, True], "a": None}
    events = [Event(0, "invoke", "tell", value), Event(0, "ok", "tell")]
    Linearizability(Recorder()).check(History(events), Budget())
    truth = Truth.TRUE if strict else True
    assert type(seen[0]) is Map
    assert dict(seen[0]) == {"a": None, "b": (1, truth)}
    assert seen[0] != tuple(seen[0])
    assert (dict(seen[0])["b"][1] == 1) is not strict
    assert truth_of(dict(seen[0])["b"][1]) is True
    assert truth_of(1) is None
