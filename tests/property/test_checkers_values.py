"""Verdicts do not change where values become others one by one, or objects get keys."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clew.checkers.keys import of_each_key
from clew.checkers.linearizability import Linearizability
from clew.checkers.linearizability.specifications import SPECIFICATIONS
from clew.checkers.registry import find
from clew.checkers.verdict import Budget, Verdict, run_checker
from clew.history import Event, History

VALUES = [0, 1, False, True, {}, [], [1], [True], {"a": 1}, [["a", 1]]]
WORDS = [f"word {each}" for each in range(len(VALUES))]
FUNCTIONS = {
    "register": (("write",), ("read",)),
    "fifo-queue": (("enqueue",), ("dequeue",)),
    "stack": (("push",), ("pop",)),
}
TAKES = st.integers(0, len(VALUES) - 1)


@st.composite
def operations(draw):
    """For each operation: whether it asks, its value, and how long it stays open."""
    return draw(st.lists(st.tuples(st.booleans(), TAKES, st.integers(0, 3)), max_size=8))


def events(operations, puts, asks, values, key=None):
    """Operations whose intervals overlap by what was drawn."""
    found, open_until = [], []
    for at, (is_ask, value, length) in enumerate(operations):
        f = asks if is_ask else puts
        argument = None if is_ask else values[value]
        result = values[value] if is_ask else None
        keyed = key is not None
        found.append(Event(at, "invoke", f, [key, argument] if keyed else argument))
        open_until.append((at + length, Event(at, "ok", f, [key, result] if keyed else result)))
        found += [event for end, event in open_until if end == at]
        open_until = [each for each in open_until if each[0] != at]
    return found + [event for _, event in open_until]


@pytest.mark.parametrize("name", FUNCTIONS)
@given(drawn=operations())
@settings(deadline=None, max_examples=150)
def test_values_that_differ_are_as_different_words(name, drawn):
    (puts,), (asks,) = FUNCTIONS[name]
    checker = Linearizability(SPECIFICATIONS[name]())
    verdicts = [
        checker.check(History(events(drawn, puts, asks, values)), Budget(10)).verdict
        for values in (VALUES, WORDS)
    ]
    assert verdicts[0] is verdicts[1]


OBJECTS = {
    "set-full": ("add", "read", [[0], [0, 1], [1], [1, 2], [2], [0, 1, 2]]),
    "total-queue": ("enqueue", "dequeue", list(range(6))),
    "fifo-intervals": ("enqueue", "dequeue", list(range(6))),
    "interval-counter": ("add", "read", list(range(6))),
    "g-set": ("add", "read", [[0], [0, 1], [1], [1, 2], [2], [0, 1, 2]]),
}
SMALL = st.lists(st.tuples(st.booleans(), st.integers(0, 5), st.integers(0, 3)), max_size=6)


@pytest.mark.parametrize("name", OBJECTS)
@given(drawn=st.lists(SMALL, min_size=1, max_size=3))
@settings(deadline=None, max_examples=80)
def test_a_keyed_history_is_as_its_keys_one_by_one(name, drawn):
    puts, asks, results = OBJECTS[name]
    checker = find(name).make()
    alone, together = [], []
    for key, part in enumerate(drawn):
        if part:
            alone.append(objects(part, puts, asks, results))
            together += objects(part, puts, asks, results, key)
    one_by_one = [run_checker(checker, History(one), Budget(10)) for one in alone]
    history = History(together)
    keyed = run_checker(of_each_key(checker, history), history, Budget(10))
    if alone:
        assert keyed.verdict is Verdict.merge(each.verdict for each in one_by_one)
        assert len(keyed.anomalies) == sum(len(each.anomalies) for each in one_by_one)


def objects(part, puts, asks, results, key=None):
    """As `events`, with answers of the object's kind, and processes of each key's own."""
    values = [*range(6)]
    told = events(part, puts, asks, values, key)
    found = []
    for each in told:
        value = each.value
        if each.f == asks and each.type == "ok":
            bare = value if key is None else value[1]
            value = results[bare] if key is None else [key, results[bare]]
        process = each.process + 100 * (key or 0)
        found.append(each._replace(process=process, value=value))
    return found
