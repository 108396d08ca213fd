"""Read atomic, causal and prefix consistency against their axioms by brute force.

For every order of commits the least that each transaction must see is computed as the axioms have
it; seeing more only makes its reads harder to explain. Of registers the order of versions is open,
so that an order of commits is all there is to find; lists show an order that commits must keep.
"""

from itertools import permutations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clew.checkers.transactions import ListAppend, RwRegister
from clew.checkers.verdict import Budget, Verdict
from clew.history import Event, History

KEYS = ("x", "y")

# Whether a transaction sees what precedes its session, what those saw that it sees, and all that
# was committed before something that it sees.
AXIOMS = {
    "read-atomic": (False, False, False),
    "strong-session-read-atomic": (True, False, False),
    "causal-cerone": (False, True, False),
    "causal": (True, True, False),
    "prefix": (False, False, True),
    "strong-session-prefix": (True, False, True),
}


def explained(operations, chosen, initial, axioms, installed=()):
    """Whether some order of the chosen transactions satisfies the axioms.

    Each of ``installed`` are transactions that must stand in this order.
    """
    writers = {}
    for number in chosen:
        for f, key, value in operations[number].argument:
            if f != "r":
                writers[key, value] = number
    reads = external_reads(operations, chosen, writers, initial)
    if reads is None:
        return False
    sessions, causal, prefix = axioms
    sees = {(source, number) for number, _, source in reads if source is not None}
    if sessions:
        sees |= {
            (one, other)
            for one in chosen
            for other in chosen
            if one < other and operations[one].process == operations[other].process
        }
    return any(
        holds(order, closed(order, sees, causal=causal, prefix=prefix), reads, operations)
        for order in permutations(chosen)
        if all(order.index(one) < order.index(other) for one, other in sees)
        and all([*filter(row.count, order)] == [*row] for row in installed)
    )


def external_reads(operations, chosen, writers, initial):
    """Who read a key of whom, before writing it; None where a read contradicts its transaction."""
    reads = []
    for number in chosen:
        if operations[number].type != "ok":
            continue
        known = {}
        for f, key, value in operations[number].result:
            if f != "r":
                known[key] = value
            elif key in known:
                if known[key] != value:
                    return None
            else:
                known[key] = value
                source = writers.get((key, value))
                if value == initial:
                    source = None
                elif source in {None, number} or last_write(operations[source], key) != value:
                    return None
                reads.append((number, key, source))
    return reads


def last_write(operation, key):
    return [value for f, k, value in operation.argument if f != "r" and k == key][-1]


def closed(order, sees, *, causal, prefix):
    """The least that is seen, given an order of commits."""
    seen = {number: {one for one, other in sees if other == number} for number in order}
    for place, number in enumerate(order):
        if causal:
            seen[number] |= {one for source in seen[number] for one in seen[source]}
        if prefix and seen[number]:
            last = max(order.index(one) for one in seen[number])
            assert last < place
            seen[number] |= set(order[: last + 1])
    return seen


def holds(order, seen, reads, operations):
    for number, key, source in reads:
        shown = None
        for other in order:
            if other in seen[number] and any(
                f != "r" and k == key for f, k, _ in operations[other].argument
            ):
                shown = other
        if shown != source:
            return False
    return True


def expected(operations, initial, axioms, longest=None):
    sure = [one.number for one in operations if one.type == "ok"]
    maybe = [one.number for one in operations if one.type == "info"]
    for some in product([False, True], repeat=len(maybe)):
        chosen = sorted(sure + [number for number, yes in zip(maybe, some, strict=True) if yes])
        installed = [
            row for key, shown in (longest or {}).items()
            for row in shown_order(operations, chosen, key, shown)
        ]  # fmt: skip
        if not {number for row in installed for number in row} <= {*chosen}:
            continue
        if explained(operations, chosen, initial, axioms, installed):
            return True
    return False


def shown_order(operations, chosen, key, shown):
    """What a list shows of the order of its appends: those in it, and that others come later."""
    writers = {
        value: one.number for one in operations for f, k, value in one.argument
        if f != "r" and k == key
    }  # fmt: skip
    seen = [writers[value] for value in shown]
    yield seen
    yield from ([*seen, writer] for writer in writers.values() if writer in {*chosen} - {*seen})


def run(draw, program, kinds, processes):
    """The transactions one by one, each by one of so many processes."""
    events = []
    busy = {}
    for number, txn in enumerate(program):
        process = draw(st.integers(0, processes - 1))
        if busy.get(process) == "info":
            process += 10 * (number + 1)
        kind = draw(st.sampled_from(kinds))
        busy[process] = kind
        asked = [[f, key, None if f == "r" else value] for f, key, value in txn]
        events.append(Event(process, "invoke", "txn", asked))
        events.append(Event(process, kind, "txn", txn if kind == "ok" else asked))
    return History(events)


@st.composite
def forks(draw, initial=None):
    """Single writes, and readers of both keys: what prefix consistency is about."""
    written = dict.fromkeys(KEYS, 0)
    program = []
    for _ in range(draw(st.integers(4, 6))):
        if draw(st.booleans()):
            key = draw(st.sampled_from(KEYS))
            written[key] += 1
            program.append([["w", key, written[key]]])
        else:
            program.append([["r", key, None] for key in KEYS])
    for txn in program:
        for micro in txn:
            if micro[0] == "r":
                micro[2] = draw(st.sampled_from([initial, *range(1, written[micro[1]] + 1)]))
    program = draw(st.permutations(program))
    return run(draw, program, ["ok"], draw(st.integers(1, 4)))


@st.composite
def histories(draw, initial=None):
    """Up to five transactions, repeated reads, own writes, several versions of a key in one."""
    count = draw(st.integers(2, 5))
    written = dict.fromkeys(KEYS, 0)
    program = []
    for _ in range(count):
        txn = []
        for _ in range(draw(st.integers(1, 4))):
            f, key = draw(st.sampled_from("rrw")), draw(st.sampled_from(KEYS))
            written[key] += f == "w"
            txn.append([f, key, written[key]])
        program.append(txn)
    tame = draw(st.booleans())  # its reads agree with the transaction itself
    for txn in program:
        known = {}
        for micro in txn:
            if micro[0] == "r":
                values = [initial, *range(1, written[micro[1]] + 1)]
                micro[2] = draw(st.sampled_from(values))
                if tame:
                    micro[2] = known.get(micro[1], micro[2])
            known[micro[1]] = micro[2]
    return run(draw, program, KINDS, 3)


KINDS = ["ok", "ok", "ok", "ok", "ok", "info", "fail"]


@st.composite
def lists(draw):
    """Lists, each read before it is appended to, with the order of the appends to each key.

    Of these appends as many as some read shows are known to stand in this order.
    """
    program = []
    for number in range(draw(st.integers(2, 5))):
        read = draw(st.lists(st.sampled_from(KEYS), max_size=2, unique=True))
        appended = draw(st.lists(st.sampled_from(KEYS), min_size=not read, max_size=2, unique=True))
        reads = [["r", key, []] for key in read]
        program.append(reads + [["append", key, number] for key in appended])
    for key in KEYS:
        numbers = [n for n, txn in enumerate(program) if ["append", key, n] in txn]
        order = draw(st.permutations(numbers))
        for txn in program:
            for micro in txn:
                if micro[:2] == ["r", key]:
                    micro[2] = order[: draw(st.integers(0, len(order)))]
    return run(draw, program, KINDS, 3)


def as_registers(history):
    """The same with the last element for each list; and the orders that the lists show."""
    longest = {}
    events = []
    for event in history:
        value = []
        for f, key, shown in event.value:
            if f == "r" and shown and len(shown) > len(longest.get(key, [])):
                longest[key] = shown
            value.append([f, key, (shown or [None])[-1] if f == "r" else shown])
        events.append(event._replace(value=value))
    return History(events), longest


def agree(model, history, verdict, initial=None, longest=None):
    if any(one.type == "ok" for one in history.operations):
        wanted = expected(history.operations, initial, AXIOMS[model], longest)
        assert verdict is (Verdict.VALID if wanted else Verdict.INVALID), [*map(tuple, history)]


@pytest.mark.parametrize("model", list(AXIOMS))
@given(history=st.one_of(histories(), forks()))
@settings(deadline=None)
def test_every_small_history_is_decided_as_the_axioms_have_it(model, history):
    checker = RwRegister((model,), version_orders=("initial-state",))
    agree(model, history, checker.check(history, Budget(None)).verdict)


@pytest.mark.parametrize("model", list(AXIOMS))
@given(history=lists())
@settings(deadline=None)
def test_lists_are_judged_as_the_axioms_have_it(model, history):
    verdict = ListAppend((model,)).check(history, Budget(None)).verdict
    registers, longest = as_registers(history)
    agree(model, registers, verdict, longest=longest)


@pytest.mark.parametrize("model", list(AXIOMS))
@given(history=st.one_of(histories(initial=0), forks(initial=0)))
@settings(deadline=None, max_examples=50)
def test_keys_that_begin_with_a_value_are_judged_as_the_axioms_have_it(model, history):
    checker = RwRegister((model,), version_orders=("initial-state",), initial=0)
    agree(model, history, checker.check(history, Budget(None)).verdict, initial=0)
