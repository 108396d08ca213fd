"""The engines for unique values against the oracle: exhaustively when small, then at random.

The oracle is plain Wing and Gong, which test_linearizability.py compares with the definition.
"""

import random
from functools import partial
from itertools import combinations, permutations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from orders import build, intervals

from clew.checkers.linearizability import SPECIFICATIONS
from clew.checkers.linearizability.plain import plain
from clew.checkers.linearizability.shortcuts import shortcut
from clew.checkers.linearizability.zones import broken_zones
from clew.checkers.verdict import Budget


def broken_quickly(specification, entries):
    found = shortcut(specification, entries)
    return None if found is None else found.broken


# The engines: specification, engine, the function that brings a value in.
ENGINES = {
    "zones": ("register", broken_zones, "write"),
    "zones in numpy": ("register", partial(broken_zones, vectors=True), "write"),
    "zones without numpy": ("register", partial(broken_zones, vectors=False), "write"),
    "queue": ("fifo-queue", broken_quickly, "enqueue"),
    "stack": ("stack", broken_quickly, "push"),
    "priority queue": ("priority-queue", broken_quickly, "insert"),
    "set": ("set", broken_quickly, "add"),
    "set with reads": ("set", broken_quickly, "add"),
}
TAKES = {"queue": "dequeue", "stack": "pop", "priority queue": "remove"}
ELEMENT = [
    ("contains", 1, True), ("contains", 1, False), ("remove", 1, True), ("remove", 1, False),
    ("remove", 1, None),
]  # fmt: skip


def small_calls(engine):
    """The calls that small histories are made of."""
    put = ENGINES[engine][2]
    if engine == "set":
        return [(put, 1, None), (put, 1, False), *ELEMENT]
    puts = [(put, 1, None), (put, 2, None)]
    if engine == "set with reads":
        reads = [None, (), (1,), (2,), (1, 2), (2, 3)]
        return [*puts, *(("read", None, each) for each in reads)]
    return [*puts, *((TAKES.get(engine, "read"), None, value) for value in (None, 1, 2, 3))]


def answer(engine, entries):
    """The oracle's answer, which the engine's must be; None where the engine does not apply."""
    name, judge, _ = ENGINES[engine]
    specification = SPECIFICATIONS[name]()
    broken = judge(specification, entries)
    if broken is None:
        # However many are without an answer, small histories of unique values are decided.
        assert engine not in TAKES or not is_unique(engine, entries)
        return None
    expected, _ = plain(specification, entries, Budget(seconds=None))
    assert (broken == ()) == expected, entries
    if broken:
        # The evidence is part of the history, and fails alone.
        assert {*broken} <= {*parts(entries, broken)}
        assert list(broken) == sorted(broken, key=lambda each: each.invoked)
        assert not plain(specification, broken, Budget(seconds=None))[0]
    return expected


def is_unique(engine, entries):
    values = [each.argument for each in entries if each.f == ENGINES[engine][2]]
    return len({*values}) == len(values) and all(type(each) is int for each in values)


def parts(entries, broken):
    """The entries; reads of sets as they would be without the elements that broken leaves out."""
    shown = [each.result for each in broken if type(each.result) is tuple]
    elements = {element for each in shown for element in each}
    elements |= {each.argument for each in broken if each.f == "add"}
    for entry in entries:
        if type(entry.result) is tuple:
            yield entry._replace(result=tuple(e for e in entry.result if e in elements))
        elif entry.result is None and entry.f == "read":
            yield entry._replace(result=())
        yield entry


def subsets(count, most):
    return [some for size in range(most + 1) for some in combinations(range(count), size)]


def small_answers(engine, count, pending_max):
    pendings = subsets(count, pending_max)
    shapes = list(intervals(list(range(2 * count))))
    return [
        answer(engine, build(shape, calls, pending))
        for calls in product(small_calls(engine), repeat=count)
        for shape in shapes
        for pending in pendings
    ]


def needs_numpy(engine):
    if "in numpy" in engine:
        pytest.importorskip("numpy")


@pytest.mark.parametrize("engine", ENGINES)
def test_agrees_with_the_oracle_on_all_small_histories(engine):
    needs_numpy(engine)
    answers = small_answers(engine, 1, 1) + small_answers(engine, 2, 2)
    answers += small_answers(engine, 3, 1)
    assert answers.count(True) > 100
    assert answers.count(False) > 100


@pytest.mark.deep
@pytest.mark.parametrize("engine", ENGINES)
def test_agrees_with_the_oracle_on_all_histories_of_three_and_four(engine):
    needs_numpy(engine)
    small_answers(engine, 3, 3)
    small_answers(engine, 4, 1)


@pytest.mark.parametrize("third", [1, None])
@pytest.mark.parametrize("engine", TAKES)
def test_agrees_with_the_oracle_on_two_values_and_two_takes(engine, third):
    put, take = ENGINES[engine][2], TAKES[engine]
    calls = [(put, 1, None), (put, 2, None), (take, None, third), (take, None, 2)]
    answers = [
        answer(engine, build(shape, order))
        for order in permutations(calls)
        for shape in intervals(list(range(8)))
    ]
    assert {True, False} == set(answers)


@pytest.mark.deep
@pytest.mark.parametrize("engine", TAKES)
def test_agrees_with_the_oracle_on_three_values(engine):
    put, take = ENGINES[engine][2], TAKES[engine]
    puts = [(put, value, None) for value in (1, 2, 3)]
    for taken in ((1, 2), (1, 3), (2, 3), (2, None)):
        for order in permutations([*puts, *((take, None, value) for value in taken)]):
            for shape in intervals(list(range(10))):
                answer(engine, build(shape, order))


def drawn_calls(source, engine):
    """Calls of up to four values, each brought in once."""
    put, values = ENGINES[engine][2], list(range(1, source.randint(1, 4) + 1))
    if engine == "set":
        return [(put, 1, True), *(source.choice(ELEMENT) for _ in range(source.randint(0, 6)))]
    calls = [(put, value, None) for value in values]
    if engine == "set with reads":
        shown = [tuple(values[: source.randint(0, len(values))]) for _ in range(3)]
        if source.random() < 0.2:
            shown.append(tuple(source.sample([*values, 9], source.randint(0, len(values)))))
        return calls + [("read", None, each) for each in shown]
    seen = source.sample([*values, None, None], source.randint(0, len(values) + 1))
    if engine not in TAKES:
        seen += source.choices(values, k=2)
    return calls + [(TAKES.get(engine, "read"), None, value) for value in seen]


def nearly_legal(source, specification, calls):
    """The calls in an order in which the object allows each, as far as it goes."""
    state, order, left = specification.initial(), [], list(calls)
    source.shuffle(left)
    while left:
        legal = [each for each in left if specification.step(state, *each)]
        call = legal[0] if legal else left[0]
        left.remove(call)
        order.append(call)
        if legal:
            (state,) = specification.step(state, *call)
    return order


def drawn_history(source, engine):
    calls = drawn_calls(source, engine)
    if source.random() < 0.9:
        calls = nearly_legal(source, SPECIFICATIONS[ENGINES[engine][0]](), calls)
    # Short intervals, so that real time matters: neighbouring ends swap a few times.
    ends = [at // 2 for at in range(2 * len(calls))]
    for _ in range(source.randint(0, 5 * len(calls))):
        at = source.randint(0, len(ends) - 2)
        ends[at], ends[at + 1] = ends[at + 1], ends[at]
    places = [[at for at, each in enumerate(ends) if each == index] for index in range(len(calls))]
    ordered = sorted(zip(places, calls, strict=True), key=lambda each: each[0])
    # What nobody answered may have taken any value that is left.
    often = source.choice([0.05, 0.3, 0.5]) if engine in TAKES else 0.05
    pending = [at for at in range(len(calls)) if source.random() < often]
    return build([each for each, _ in ordered], [call for _, call in ordered], pending)


@pytest.mark.parametrize("engine", ENGINES)
@given(source=st.randoms(use_true_random=False))
def test_agrees_with_the_oracle(engine, source):
    needs_numpy(engine)
    answer(engine, drawn_history(source, engine))


def agrees_at_random(engine, count):
    needs_numpy(engine)
    source = random.Random(f"unique {engine}")
    answers = [answer(engine, drawn_history(source, engine)) for _ in range(count)]
    assert answers.count(True) > count // 10
    assert answers.count(False) > count // 10


@pytest.mark.parametrize("engine", ENGINES)
def test_agrees_with_the_oracle_at_random(engine):
    agrees_at_random(engine, 1_000)


@pytest.mark.deep
@pytest.mark.parametrize("engine", ENGINES)
def test_agrees_with_the_oracle_often(engine):
    agrees_at_random(engine, 30_000)


# What the engines leave to the search.
DECLINED = {
    "a value put in twice": ("stack", [("push", 1, None), ("push", 1, None)]),
    "a value that is nil": ("priority queue", [("insert", None, None)]),
    "values without an order": ("priority queue", [("insert", 1, None), ("insert", "a", None)]),
    "a value unequal to itself": ("priority queue", [("insert", float("nan"), None)]),
    "an element added twice": ("set", [("add", 1, None), ("add", 1, None)]),
    "a truth value as element": ("set", [("add", True, None)]),
    "a read among removals": ("set", [("remove", 1, None), ("read", None, ())]),
    "a read of what is no set": ("set", [("read", None, 7)]),
    "a test without an answer": ("set", [("contains", 1, None)]),
}


@pytest.mark.parametrize("reason", DECLINED)
def test_does_not_apply_to(reason):
    engine, calls = DECLINED[reason]
    assert answer(engine, build([(2 * at, 2 * at + 1) for at in range(len(calls))], calls)) is None


@pytest.mark.parametrize(
    ("engine", "calls"),
    [
        ("priority queue", [("insert", (1, "a"), 1), ("insert", (0, "b"), 1)]),
        ("priority queue", [("insert", 1.5, 1), ("insert", 1, 1)]),
        ("priority queue", [("enqueue", "a", 1), ("dequeue", None, "a")]),
        ("set", [("add", (1, 2), True), ("contains", (1, 2), True)]),
    ],
)
def test_applies_to(engine, calls):
    assert answer(engine, build([(2 * at, 2 * at + 1) for at in range(len(calls))], calls))
