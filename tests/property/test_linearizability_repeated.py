"""What is known of values that repeat against the oracle: exhaustively when small, then at random.

The oracle is plain Wing and Gong, which test_linearizability.py compares with the definition.
"""

import random
from itertools import combinations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from orders import build, intervals

from clew.checkers.linearizability import SPECIFICATIONS, Linearizability
from clew.checkers.linearizability.collections.lazy_search import broken_lazily
from clew.checkers.linearizability.collections.matches import matched
from clew.checkers.linearizability.entries import Entry
from clew.checkers.linearizability.plain import plain
from clew.checkers.linearizability.sources import without_source
from clew.checkers.linearizability.specifications import CasRegister, FifoQueue, KeyValue, Register
from clew.checkers.verdict import Budget, OutOfBudget, Verdict
from clew.history import Event, History

QUEUE_CALLS = [
    ("enqueue", 1, None), ("enqueue", 2, None), ("dequeue", None, 1), ("dequeue", None, 2),
    ("dequeue", None, None),
]  # fmt: skip
PRIORITY_CALLS = [
    ("insert", 1, None), ("insert", 2, None), ("remove", None, 1), ("remove", None, 2),
    ("remove", None, None),
]  # fmt: skip
SET_CALLS = [
    ("add", 1, None), ("add", 2, None), ("add", 1, True), ("add", 1, False), ("remove", 1, None),
    ("remove", 1, True), ("contains", 1, True), ("contains", 1, False), ("read", None, ()),
    ("read", None, (1,)), ("read", None, (1, 2)), ("read", None, None),
]  # fmt: skip
LAZY = {
    "fifo-queue": QUEUE_CALLS,
    "priority-queue": PRIORITY_CALLS,
    "set": SET_CALLS,
}
REGISTER_CALLS = [
    ("write", 1, None), ("write", 2, None), ("cas", (1, 2), None), ("cas", (2, 2), None),
    ("read", None, 1), ("read", None, 2), ("read", None, None),
]  # fmt: skip
STORE_CALLS = [
    ("put", "", None), ("put", "a", None), ("delete", None, None), ("cas", ("a", ""), None),
    ("get", None, ""), ("get", None, None), ("read", None, ""), ("read", None, None),
    ("get", None, "a"),
]  # fmt: skip
OBSERVED = {
    "cas-register": (CasRegister(), REGISTER_CALLS),
    "cas-register from 1": (CasRegister(initial=1), REGISTER_CALLS),
    "register with nil of any value": (
        Register(nil_reads="any"),
        [each for each in REGISTER_CALLS if each[0] != "cas"],
    ),
    "key-value": (KeyValue(), STORE_CALLS),
}


def small(calls, count, pending_max):
    for chosen in product(calls, repeat=count):
        for shape in intervals(list(range(2 * count))):
            for size in range(pending_max + 1):
                for pending in combinations(range(count), size):
                    yield build(shape, chosen, pending)


def drawn(source, calls, count, pending):
    """Short intervals, so that real time matters, around calls in an order drawn."""
    ends = [at // 2 for at in range(2 * count)]
    for _ in range(source.randint(0, 5 * count)):
        at = source.randint(0, len(ends) - 2)
        ends[at], ends[at + 1] = ends[at + 1], ends[at]
    places = [[at for at, each in enumerate(ends) if each == index] for index in range(count)]
    unanswered = [at for at in range(count) if source.random() < pending]
    return build(sorted(places), [source.choice(calls) for _ in range(count)], unanswered)


def expected(specification, entries):
    return plain(specification, entries, Budget(seconds=None))[0]


def lazily(name, entries):
    """The oracle's answer, which the engine's must be; and its evidence fails alone.

    None where the engine does not apply.
    """
    specification = SPECIFICATIONS[name]()
    found = broken_lazily(specification, entries, Budget(seconds=None))
    if found is None:
        return None
    linearizable = expected(specification, entries)
    assert (found.broken == ()) == linearizable, entries
    if found.broken:
        numbers = {each.number for each in entries}
        assert {each.number for each in found.broken} <= numbers
        # Reads of sets are cut to the elements that are told of.
        assert name == "set" or set(found.broken) <= set(entries)
        assert not expected(specification, found.broken)
    return linearizable


@pytest.mark.parametrize("name", LAZY)
def test_lazy_searches_agree_with_the_oracle_on_all_small_histories(name):
    calls = LAZY[name]
    answers = [lazily(name, entries) for count in (1, 2) for entries in small(calls, count, count)]
    some = calls if name != "set" else calls[4:11]
    answers += [lazily(name, entries) for entries in small(some, 3, 1)]
    assert answers.count(True) > 500
    assert answers.count(False) > 500


@pytest.mark.deep
@pytest.mark.parametrize("name", LAZY)
def test_lazy_searches_agree_with_the_oracle_on_all_histories_of_three_and_four(name):
    for count, pending in ((3, 3), (4, 1)) if name != "set" else ((3, 3),):
        for entries in small(LAZY[name], count, pending):
            lazily(name, entries)


def lazily_at_random(name, source, count):
    answers = [
        lazily(
            name, drawn(source, LAZY[name], source.randint(3, 9), source.choice([0, 0.1, 0.3, 0.5]))
        )
        for _ in range(count)
    ]
    assert answers.count(True) > count // 20
    assert answers.count(False) > count // 20


@pytest.mark.parametrize("name", LAZY)
def test_lazy_searches_agree_with_the_oracle_at_random(name):
    lazily_at_random(name, random.Random(f"lazy {name}"), 2_000)


@pytest.mark.deep
@pytest.mark.parametrize("name", LAZY)
def test_lazy_searches_agree_with_the_oracle_often(name):
    lazily_at_random(name, random.Random(f"lazy {name} often"), 50_000)


@pytest.mark.parametrize("name", LAZY)
@given(source=st.randoms(use_true_random=False))
def test_lazy_searches_agree_with_the_oracle(name, source):
    lazily(name, drawn(source, LAZY[name], source.randint(1, 8), 0.1))


def observed(name, entries):
    """Whether an observer without a source was found, which the oracle must refute."""
    specification, _ = OBSERVED[name]
    broken = without_source(specification, entries)
    linearizable = expected(specification, entries)
    if broken:
        assert not linearizable, entries
        assert set(broken) <= set(entries)
        assert not expected(specification, broken)
    return linearizable, bool(broken)


def few_are_missed(answers):
    """The rule is never wrong, and finds most of what is wrong in small histories."""
    assert (True, True) not in answers
    assert answers.count((False, True)) > 3 * answers.count((False, False))
    assert answers.count((False, True)) > 0
    assert answers.count((True, False)) > 0


@pytest.mark.parametrize("name", OBSERVED)
def test_sources_agree_with_the_oracle_on_all_small_histories(name):
    calls = OBSERVED[name][1]
    answers = [observed(name, each) for count in (1, 2) for each in small(calls, count, count)]
    answers += [observed(name, each) for each in small(calls, 3, 0)]
    few_are_missed(answers)


@pytest.mark.deep
@pytest.mark.parametrize("name", OBSERVED)
def test_sources_agree_with_the_oracle_on_all_histories_of_three(name):
    for entries in small(OBSERVED[name][1], 3, 3):
        observed(name, entries)


@pytest.mark.parametrize("name", OBSERVED)
@given(source=st.randoms(use_true_random=False))
def test_sources_agree_with_the_oracle(name, source):
    observed(name, drawn(source, OBSERVED[name][1], source.randint(1, 8), 0.1))


@pytest.mark.deep
@pytest.mark.parametrize("name", OBSERVED)
def test_sources_agree_with_the_oracle_often(name):
    source = random.Random(name)
    few_are_missed(
        [observed(name, drawn(source, OBSERVED[name][1], 7, 0.1)) for _ in range(20_000)]
    )


class Clients:
    """Clients of one object that does what they ask at a moment inside each interval."""

    def __init__(self, name, ask, *, clients, seed):
        self.specification = SPECIFICATIONS[name]()
        self.ask = ask
        self.source = random.Random(seed)
        self.idle = list(range(clients))
        self.state = self.specification.initial()

    def history(self, count):
        events, busy, source = [], [], self.source
        while count or busy:
            if self.idle and count and (not busy or source.random() < 0.5):
                process = self.idle.pop(source.randrange(len(self.idle)))
                f, argument, results = self.ask(source)
                events.append(Event(process, "invoke", f, argument))
                busy.append([process, f, argument, results])
                count -= 1
                continue
            at = source.randrange(len(busy))
            process, f, argument, results = busy[at]
            if results is not None:
                busy[at][2:] = self.done(f, argument, results), None
                continue
            del busy[at]
            self.idle.append(process)
            kind, value = argument
            events.append(Event(process, kind, f, value))
        return events

    def done(self, f, argument, results):
        """The type and the value of the completion."""
        frozen = tuple(argument) if type(argument) is list else argument
        for result in results:
            states = self.specification.step(self.state, f, frozen, result)
            if states:
                (self.state,) = states
                return "ok", result
        return "fail", argument


def ask_queue(source):
    if source.random() < 0.5:
        return "enqueue", source.randrange(5), [None]
    return "dequeue", None, [None, *range(5)]


def ask_register(source):
    f = source.choice(["read", "write", "cas"])
    if f == "read":
        return f, None, [None, *range(5)]
    return f, source.randrange(5) if f == "write" else source.choices(range(5), k=2), [None]


def ended(history, **options):
    budget = Budget(seconds=None, steps=200_000)
    checker = Linearizability(options.pop("specification"), explained=False)
    result = checker.check(History(history), budget)
    return result.verdict, result.engine


@pytest.mark.parametrize("seed", range(3))
def test_long_queues_whose_values_repeat_are_decided(seed):
    events = Clients("fifo-queue", ask_queue, clients=10, seed=seed).history(1_000)
    assert ended(events, specification=FifoQueue()) == (Verdict.VALID, "lazy-queue")
    taken = [at for at, each in enumerate(events) if each.type == "ok" and each.value is not None]
    wrong = taken[len(taken) // 2]
    events[wrong] = events[wrong]._replace(value=7)
    assert ended(events, specification=FifoQueue()) == (Verdict.INVALID, "lazy-queue")


@pytest.mark.parametrize("seed", range(3))
def test_a_stale_read_among_fifty_clients_is_found(seed):
    events = Clients("cas-register", ask_register, clients=50, seed=seed).history(2_000)
    assert ended(events, specification=CasRegister())[0] is Verdict.VALID
    for process, (f, value, answer) in enumerate(
        [("write", "old", None), ("write", "new", None), ("read", None, "old")], start=1_000
    ):
        events += [Event(process, "invoke", f, value), Event(process, "ok", f, answer)]
    assert ended(events, specification=CasRegister()) == (Verdict.INVALID, "sources")


def test_the_queue_engine_keeps_its_budget():
    events = Clients("fifo-queue", ask_queue, clients=10, seed=1).history(600)
    history = History(events)
    entries = [
        Entry(each.invoked, each.completed, each.f, each.argument, each.result, each.number)
        for each in history.operations
    ]
    with pytest.raises(OutOfBudget):
        broken_lazily(FifoQueue(), entries, Budget(seconds=None, steps=100))


def test_a_value_dequeued_too_often_needs_no_search():
    calls = [("enqueue", 1, None), ("dequeue", None, 1), ("enqueue", 2, None), ("dequeue", None, 1)]
    entries = build([(0, 1), (2, 3), (4, 5), (6, 7)], calls)
    found = broken_lazily(FifoQueue(), entries, Budget())
    assert [each.number for each in found.broken] == [0, 1, 3]
    assert found.configurations == 0


def test_the_queue_engine_keeps_its_budget_inside_a_step():
    """Dequeues that nobody answered: what each of them took stays open."""
    events = [Event(at, "invoke", "enqueue", at % 7) for at in range(60)]
    events += [Event(at, "ok", "enqueue", None) for at in range(60)]
    events += [Event(at, "invoke", "dequeue", None) for at in range(100, 130)]
    for value in (*range(7), None):
        events += [Event(200, "invoke", "dequeue"), Event(200, "ok", "dequeue", value)]
    budget = Budget(seconds=None, steps=5_000)
    result = Linearizability(FifoQueue(), explained=False).check(History(events), budget)
    assert result.verdict is Verdict.UNKNOWN
    assert budget.spent < 10_000


def test_values_that_differ_from_themselves_are_left_to_the_search():
    entries = build([(0, 1), (2, 3)], [("enqueue", float("nan"), None), ("dequeue", None, 1)])
    assert broken_lazily(FifoQueue(), entries, Budget()) is None
    assert not expected(FifoQueue(), entries)


STACK_CALLS = [
    ("push", 1, None), ("push", 2, None), ("pop", None, 1), ("pop", None, 2), ("pop", None, None),
]  # fmt: skip
MATCHED = {"stack": STACK_CALLS, "priority-queue": PRIORITY_CALLS}


def matchings(name, source, count):
    """How many histories are linearizable, and how many of these a matching shows to be."""
    specification, proved, linearizable = SPECIFICATIONS[name](), 0, 0
    for _ in range(count):
        pending = source.choice([0, 0.1, 0.3])
        entries = drawn(source, MATCHED[name], source.randint(3, 9), pending)
        if expected(specification, entries):
            linearizable += 1
            proved += matched(specification, entries, Budget())
        else:
            assert not matched(specification, entries, Budget()), entries
    return proved, linearizable


@pytest.mark.parametrize("name", MATCHED)
def test_a_matching_is_a_witness(name):
    proved, linearizable = matchings(name, random.Random(f"matching {name}"), 2_000)
    assert linearizable > 200
    assert proved > 0.9 * linearizable


@pytest.mark.deep
@pytest.mark.parametrize("name", MATCHED)
def test_a_matching_is_a_witness_often(name):
    matchings(name, random.Random(f"matching {name} often"), 50_000)


class Objects(Clients):
    """Clients some of whom never hear of what they asked; half of that was done."""

    def __init__(self, name, ask, *, clients, seed, unanswered):
        super().__init__(name, ask, clients=clients, seed=seed)
        self.unanswered = unanswered

    def done(self, f, argument, results):
        if f in {"dequeue", "pop", "remove"} and argument is None:
            results = [None, *dict.fromkeys(self.state)]
        if self.source.random() >= self.unanswered:
            return super().done(f, argument, results)
        if self.source.random() < 0.5:
            super().done(f, argument, results)
        return "info", argument


def asks(put, take, values):
    """Puts of so many values, or of a new one each time; takes of anything."""
    fresh = iter(range(10**6))

    def ask(source):
        if source.random() < 0.5:
            return put, source.randrange(values) if values else next(fresh), [None]
        return take, None, [None]

    return ask


def ask_set(source):
    f = source.choice(["add", "remove", "contains", "read"])
    if f == "read":
        return f, None, []
    return f, source.randrange(20), [True, False]


class Sets(Objects):
    def done(self, f, argument, results):
        if f == "read" and self.source.random() >= self.unanswered:
            return "ok", sorted(self.state)
        return ("info", None) if f == "read" else super().done(f, argument, results)


# What took more than ten seconds, or all memory: kind, values, unanswered, length, engines.
DECIDED = {
    "queue, distinct, unanswered": ("fifo-queue", 0, 0.05, 600, {"queue"}),
    "stack, distinct, unanswered": ("stack", 0, 0.05, 300, {"stack"}),
    "priority queue, distinct, unanswered": ("priority-queue", 0, 0.05, 300, {"priority-queue"}),
    "stack, repeated": ("stack", 20, 0, 150, {"matching"}),
    "priority queue, repeated": ("priority-queue", 10, 0, 500, {"lazy-priority-queue"}),
    "priority queue, repeated, unanswered": (
        "priority-queue", 10, 0.05, 500, {"lazy-priority-queue", "matching"}
    ),
    "set, repeated": ("set", 20, 0, 500, {"lazy-set"}),
    "set, repeated, unanswered": ("set", 20, 0.05, 500, {"lazy-set"}),
}  # fmt: skip
NAMES = {"stack": ("push", "pop"), "priority-queue": ("insert", "remove")}


@pytest.mark.parametrize("row", DECIDED)
@pytest.mark.parametrize("seed", range(2))
def test_long_histories_are_decided(row, seed):
    name, values, unanswered, length, engines = DECIDED[row]
    ask = asks(*NAMES.get(name, ("enqueue", "dequeue")), values) if name != "set" else ask_set
    made = Sets if name == "set" else Objects
    clients = made(name, ask, clients=20, seed=seed, unanswered=unanswered)
    checker = Linearizability(SPECIFICATIONS[name](), explained=False)
    result = checker.check(History(clients.history(length)), Budget(steps=2_000_000))
    assert (result.verdict, result.engine in engines) == (Verdict.VALID, True), result
