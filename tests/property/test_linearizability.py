"""All engines against the oracle: exhaustively on small histories, then at random.

The oracle is plain Wing and Gong; on the smallest histories it is itself compared with the
definition, every order of every subset of the pending operations.
"""

import random
from itertools import chain, combinations, islice, permutations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from orders import keeps_time, legal

from clew.checkers.linearizability import SPECIFICATIONS, UNANSWERED, Linearizability, Specification
from clew.checkers.linearizability.entries import Entry, partitions, sure_partitions, ways
from clew.checkers.linearizability.machine import Machine
from clew.checkers.linearizability.plain import plain
from clew.checkers.linearizability.quick_search import quick_search
from clew.checkers.linearizability.shortcuts import explains
from clew.checkers.linearizability.stages import searched
from clew.checkers.verdict import Budget, Verdict
from clew.history import Event, History


class Box(Specification):
    """A nondeterministic object: ``put x`` keeps x or drops it; ``look`` tells what is kept."""

    name = "box"

    def initial(self):
        return ()

    def step(self, state, f, argument, result):
        if f == "put":
            return (state, (*state, argument)) if argument not in state else (state,)
        return (state,) if result is UNANSWERED or result == state else None

    def is_readonly(self, f, argument):
        return f == "look"


SPECS = {**SPECIFICATIONS, "box": Box}

# For each specification the calls that small histories are made of: f, argument, result.
CALLS = {
    "register": [
        ("write", 1, 1), ("write", 2, 2), ("read", None, None), ("read", None, 1),
        ("read", None, 2),
    ],
    "cas-register": [
        ("write", 1, 1), ("cas", [1, 2], [1, 2]), ("cas", [None, 1], None), ("read", None, 1),
        ("read", None, 2),
    ],
    "multi-register": [
        ("txn", [["w", "x", 1], ["w", "y", 1]], None), ("txn", [["w", "x", 2]], None),
        ("txn", [["r", "x", None]], [["r", "x", 2]]),
        ("txn", [["r", "x", None], ["r", "y", None]], [["r", "x", 1], ["r", "y", 1]]),
        ("txn", [["r", "y", None], ["w", "x", 1]], [["r", "y", None], ["w", "x", 1]]),
    ],
    "key-value": [
        ("put", ["k", "a"], None), ("append", ["k", "b"], None), ("get", ["k", None], ["k", "ab"]),
        ("get", ["k", None], ["k", ""]), ("cas", ["k", ["a", "b"]], None),
        ("delete", ["k", None], None), ("put", ["j", "a"], None),
        ("get", ["j", None], ["j", "a"]),
    ],
    "counter": [
        ("add", 1, None), ("add", -1, None), ("read", None, 0), ("read", None, 1),
        ("read", None, 2),
    ],
    "set": [
        ("add", 1, None), ("add", 1, True), ("remove", 1, None), ("contains", 1, True),
        ("read", None, [1]), ("read", None, []),
    ],
    "fifo-queue": [
        ("enqueue", 1, None), ("enqueue", 2, None), ("dequeue", None, 1), ("dequeue", None, 2),
        ("dequeue", None, None),
    ],
    "stack": [
        ("push", 1, None), ("push", 2, None), ("pop", None, 1), ("pop", None, 2),
        ("pop", None, None),
    ],
    "priority-queue": [
        ("insert", 1, None), ("insert", 2, None), ("remove", None, 1), ("remove", None, 2),
        ("remove", None, None),
    ],
    "mutex": [
        ("acquire", "a", None), ("acquire", "b", None), ("release", "a", None),
        ("release", None, None),
    ],
    "fenced-lock": [
        ("acquire", None, 1), ("acquire", None, 2), ("release", 1, None), ("release", 2, None),
        ("release", None, None),
    ],
    "append-log": [
        ("append", 1, None), ("append", 2, None), ("read", None, []), ("read", None, [1]),
        ("read", None, [1, 2]), ("read", None, [2]),
    ],
    "id-generator": [("generate", None, 1), ("generate", None, 2)],
    "box": [
        ("put", 1, None), ("put", 2, None), ("look", None, []), ("look", None, [1]),
        ("look", None, [1, 2]),
    ],
}  # fmt: skip


def intervals(count):
    """Every way ``count`` intervals may lie, as (invoked, completed) in order of invocation."""
    shapes = [[]]
    for _ in range(count):
        grown = []
        for shape in shapes:
            end = 2 * len(shape)
            # A new interval begins after the last invocation, and ends anywhere after it begins.
            first = max((invoked for invoked, _ in shape), default=-1) + 1
            for begin in range(first, end + 1):
                for finish in range(begin + 1, end + 2):
                    moved = [
                        tuple(at + (at >= begin) + (at + (at >= begin) >= finish) for at in each)
                        for each in shape
                    ]
                    grown.append([*moved, (begin, finish)])
        shapes = grown
    return shapes


def test_intervals_are_counted_right():
    assert [len(intervals(count)) for count in range(1, 5)] == [1, 3, 15, 105]
    assert all(
        sorted(chain(*shape)) == list(range(6)) and shape == sorted(shape) for shape in intervals(3)
    )


def build(shape, calls, pending):
    """A history of operations at the intervals; the pending ones get no completion."""
    events = {}
    for process, ((invoked, completed), (f, argument, result)) in enumerate(
        zip(shape, calls, strict=True)
    ):
        events[invoked] = Event(process, "invoke", f, argument)
        if process not in pending:
            events[completed] = Event(process, "ok", f, result)
    return History([events[at] for at in sorted(events)])


def small_histories(name, count, *, with_pending=True):
    everything = range(count)
    subsets = [
        frozenset(some)
        for size in (everything if with_pending else [0])
        for some in combinations(everything, size)
    ]
    for shape in intervals(count):
        for calls in product(CALLS[name], repeat=count):
            for pending in subsets:
                yield build(shape, calls, pending)


def oracle(specification, history):
    return all(
        plain(specification, part.entries, Budget(seconds=None, steps=200_000))[0]
        for part in partitions(specification, history)
    )


def by_definition(specification, entries):
    """Some order of the completed and some pending operations is legal and keeps real time."""
    completed = [entry for entry in entries if entry.completed is not None]
    pending = [entry for entry in entries if entry.completed is None]
    chosen = chain.from_iterable(combinations(pending, size) for size in range(len(pending) + 1))
    return any(
        keeps_time(order) and legal(specification, order)
        for some in chosen
        for order in permutations([*completed, *some])
    )


def verdict(specification, history, **options):
    budget = Budget(seconds=None, steps=200_000)
    checker = Linearizability(specification, explained=False, **options)
    return checker.check(history, budget).verdict


def agree(name, history):
    specification = SPECS[name]()
    expected = oracle(specification, history)
    found = verdict(specification, history)
    assert found is (Verdict.VALID if expected else Verdict.INVALID), history.events
    return expected


def searches_agree(name, history):
    """The search that gives up finds what the other finds, and the same response unexplained."""
    specification = SPECS[name]()
    for part in partitions(specification, history):
        found = searched(specification, part.entries, Budget())
        assert found.outcome.linearizable == plain(specification, part.entries, Budget())[0]
        quickly = quick_search(specification, part.entries, Budget())
        if quickly is None:
            assert found.machine.chose or len(part.entries) > 4
        elif found.outcome.linearizable:
            assert quickly.response is None
        elif not found.machine.specification.looks_ahead:
            assert quickly.response.number == found.response.number


@pytest.mark.parametrize("name", SPECS)
def test_oracle_is_the_definition(name):
    specification = SPECS[name]()
    answers = set()
    for history in chain(*(small_histories(name, count) for count in (1, 2))):
        for part in partitions(specification, history):
            entries = part.entries
            answer = by_definition(specification, entries)
            assert plain(specification, entries, Budget())[0] == answer
            answers.add(answer)
    assert answers == {True, False} or name == "id-generator"


@pytest.mark.parametrize("name", ["register", "box", "fifo-queue"])
def test_oracle_is_the_definition_on_three(name):
    specification = SPECS[name]()
    for history in small_histories(name, 3):
        for part in partitions(specification, history):
            expected = by_definition(specification, part.entries)
            assert plain(specification, part.entries, Budget())[0] == expected


@pytest.mark.parametrize("name", SPECS)
def test_engines_agree_on_all_small_histories(name):
    answers = {agree(name, history) for count in (1, 2) for history in small_histories(name, count)}
    answers |= {agree(name, each) for each in small_histories(name, 3, with_pending=False)}
    assert answers == {True, False}


@pytest.mark.parametrize("name", SPECS)
def test_searches_agree_on_small_histories(name):
    for count in (1, 2):
        for history in small_histories(name, count):
            searches_agree(name, history)
    for history in islice(small_histories(name, 3), 0, None, 101):
        searches_agree(name, history)


@pytest.mark.deep
@pytest.mark.parametrize("name", SPECS)
def test_engines_agree_on_all_histories_of_three(name):
    for history in small_histories(name, 3):
        agree(name, history)
        searches_agree(name, history)


@pytest.mark.parametrize("name", SPECS)
def test_what_replaces_the_state_or_only_reads_it_is_said_truly(name):
    specification = SPECS[name]()
    history = History(
        event
        for process, (f, argument, result) in enumerate(CALLS[name])
        for event in (Event(process, "invoke", f, argument), Event(process, "ok", f, result))
    )
    for part in partitions(specification, history):
        states = {specification.initial()}
        for _ in range(3):
            states |= {
                after
                for state in states
                for entry in part.entries
                for after in specification.step(state, *entry[2:5]) or ()
            }
        for entry in part.entries:
            reached = [specification.step(state, *entry[2:5]) for state in states]
            if specification.replaces(entry.f, entry.argument):
                assert len({tuple(each or ()) for each in reached}) == 1
                assert len(reached[0]) == 1
            if specification.is_readonly(entry.f, entry.argument):
                assert all(
                    after in (None, (), (state,), [state])
                    for state, after in zip(states, reached, strict=True)
                )


def random_history(draw, name, operations, clients):
    """A history of calls from the table; ``draw(n)`` is an int below n."""
    events, busy, idle, following = [], {}, list(range(clients)), clients
    calls, started = CALLS[name], 0
    while started < operations or busy:
        if idle and started < operations and (not busy or draw(5) < 3):
            process = idle.pop(draw(len(idle)))
            busy[process] = f, argument, _ = calls[draw(len(calls))]
            events.append(Event(process, "invoke", f, argument))
            started += 1
            continue
        process = sorted(busy)[draw(len(busy))]
        f, argument, result = busy.pop(process)
        kind = draw(20)
        if kind < 15:
            events.append(Event(process, "ok", f, result))
        elif kind < 16:
            events.append(Event(process, "fail", f, argument))
        elif kind < 19:
            events.append(Event(process, "info", f, argument))
        if kind < 16:
            idle.append(process)
        else:
            idle.append(following)
            following += 1
    return History(events)


@st.composite
def histories(draw, names=tuple(SPECS), operations=8):
    name = draw(st.sampled_from(names))
    count = draw(st.integers(1, operations))
    clients = draw(st.integers(1, 4))

    def pick(below):
        return draw(st.integers(0, below - 1))

    return name, random_history(pick, name, count, clients)


@given(histories())
def test_engines_agree_on_random_histories(case):
    agree(*case)
    searches_agree(*case)


@pytest.mark.deep
@pytest.mark.parametrize("name", SPECS)
def test_engines_agree_on_a_hundred_thousand_random_histories(name):
    source = random.Random(f"agree {name}")
    for _ in range(100_000 // len(SPECS) + 1):
        agree(
            name, random_history(source.randrange, name, source.randint(1, 9), source.randint(1, 4))
        )


def keyed_history(source):
    """Operations of a cas-register, of which all or most have keys, some of them alike."""
    events = []
    for process in range(source.randint(1, 6)):
        key = source.choice([1, 1, 2, "1", source.choice([True, 1.0, None, [1]])])
        f = source.choice(["read", "read", "write", "cas"])
        argument = {"read": None, "write": 3, "cas": [3, 4]}[f]
        asked = [key, argument] if source.random() < 0.97 else argument
        answer = 3 if f == "read" else argument
        own = key if source.random() < 0.9 else source.choice([1, 2, True])
        answer = source.choices([[own, answer], answer, None], [8, 1, 1])[0]
        kind = source.choices(["ok", "fail", "info"], [8, 1, 1])[0]
        events += [Event(process, "invoke", f, asked), Event(process, kind, f, answer)]
    return History(events)


def test_a_history_that_surely_has_keys_is_read_as_any_is():
    source, sure = random.Random("keys"), 0
    for _ in range(3_000):
        history = keyed_history(source)
        found = sure_partitions(SPECS["cas-register"](), history)
        if found is not None:
            assert ways(SPECS["cas-register"](), history) == ("pairs",), history.events
            expected = partitions(SPECS["cas-register"](), history)
            assert repr(found) == repr(expected), history.events
            sure += 1
    assert 500 < sure < 2_500


@given(histories(), st.integers(0, 2**32))
def test_names_of_processes_and_times_change_nothing(case, seed):
    name, history = case
    shift = random.Random(seed).randrange(10**9)
    names = {event.process: 7 * event.process + shift for event in history}
    renamed = History(
        event._replace(process=names[event.process], time=shift + 3 * at)
        for at, event in enumerate(history)
    )
    specification = SPECS[name]()
    assert verdict(specification, renamed) is verdict(specification, history)


def renamed_values(value):
    if isinstance(value, list):
        return [renamed_values(each) for each in value]
    return f"value {value}" if isinstance(value, int) and value is not None else value


@given(histories(names=("register", "cas-register", "fifo-queue", "stack", "append-log")))
def test_names_of_values_change_nothing(case):
    name, history = case
    renamed = History(event._replace(value=renamed_values(event.value)) for event in history)
    specification = SPECS[name]()
    assert verdict(specification, renamed) is verdict(specification, history)


@given(histories(), st.data())
def test_one_more_pending_operation_never_turns_valid_into_invalid(case, data):
    name, history = case
    f, argument, _ = data.draw(st.sampled_from(CALLS[name]))
    at = data.draw(st.integers(0, len(history)))
    events = list(history)
    events.insert(at, Event(1_000, "invoke", f, argument))
    specification = SPECS[name]()
    if verdict(specification, history) is Verdict.VALID:
        assert verdict(specification, History(events)) is Verdict.VALID


def widened(entries, index, before, after):
    """The entry begins ``before`` earlier and ends ``after`` later, in units between events."""
    moved = [
        each._replace(
            invoked=each.invoked * 1_000 + at,
            completed=None if each.completed is None else each.completed * 1_000 + at,
        )
        for at, each in enumerate(entries)
    ]
    each = moved[index]
    moved[index] = each._replace(
        invoked=each.invoked - before * 1_000 - 500,
        completed=None if each.completed is None else each.completed + after * 1_000 + 500,
    )
    return sorted(moved)


@given(histories(names=[each for each in SPECS if each != "key-value"], operations=6), st.data())
def test_a_wider_interval_never_turns_valid_into_invalid(case, data):
    name, history = case
    specification = SPECS[name]()
    for part in partitions(specification, history):
        if not part.entries:
            continue
        index = data.draw(st.integers(0, len(part.entries) - 1))
        before, after = data.draw(st.integers(0, 9)), data.draw(st.integers(0, 9))
        wider = widened(part.entries, index, before, after)
        if plain(specification, part.entries, Budget())[0]:
            assert verdict(specification, as_history(wider)) is Verdict.VALID


def as_history(entries):
    """Unkeyed entries as a history; a process for each."""
    events = []
    for process, entry in enumerate(entries):
        call = (entry.f, thawed(entry.argument))
        events.append((entry.invoked, Event(process, "invoke", *call)))
        if entry.completed is not None:
            done = Event(process, "ok", entry.f, thawed(entry.result))
            events.append((entry.completed, done))
    return History(event for _, event in sorted(events, key=lambda each: each[0]))


def thawed(value):
    if isinstance(value, tuple):
        return [thawed(each) for each in value]
    return value


@given(histories(names=[each for each in SPECS if each != "key-value"]))
def test_the_evidence_alone_is_not_linearizable(case):
    name, history = case
    specification = SPECS[name]()
    result = Linearizability(specification).check(history, Budget(seconds=None))
    for anomaly in result.anomalies:
        failed = set(anomaly.data.get("failed", ()))  # named beside the evidence, and no part of it
        assert all(history.operations[number].type == "fail" for number in failed)
        numbers = {operation.number for operation in anomaly.operations} - failed
        part = next(
            each
            for each in partitions(specification, history)
            if numbers <= {entry.number for entry in each.entries}
        )
        kept = [entry for entry in part.entries if entry.number in numbers]
        assert kept
        assert not plain(specification, kept, Budget())[0]
        assert set(anomaly.data["minimal"]) == numbers
        assert anomaly.reason


@given(histories(names=[each for each in SPECS if each != "box"]), st.randoms())
def test_a_witness_that_explains_the_history_is_right(case, source):
    name, history = case
    specification = SPECS[name]()
    for part in partitions(specification, history):
        points = {entry.number: source.random() for entry in part.entries}
        if explains(Machine(specification), part.entries, points):
            assert plain(specification, part.entries, Budget())[0]


def test_a_witness_is_found_for_every_valid_small_register_history():
    specification = SPECIFICATIONS["register"]()
    for history in small_histories("register", 2):
        (part,) = partitions(specification, history)
        orders = [
            {number: at for at, number in enumerate(order)}
            for size in range(len(part.entries) + 1)
            for order in permutations([entry.number for entry in part.entries], size)
        ]
        witnessed = any(explains(Machine(specification), part.entries, each) for each in orders)
        assert witnessed == by_definition(specification, part.entries)


def test_entries_are_what_the_oracle_reads():
    assert Entry._fields == ("invoked", "completed", "f", "argument", "result", "number")
