"""Read atomic, causal and prefix consistency of registers against their axioms by brute force.

For every order of commits the least that each transaction must see is computed as the axioms have
it; seeing more only makes its reads harder to explain. The order of versions is open, so that an
order of commits is all there is to find.
"""

from itertools import permutations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clew.checkers.transactions import RwRegister
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


def explained(operations, chosen, initial, axioms):
    """Whether some order of the chosen transactions satisfies the axioms."""
    writers = {}
    for number in chosen:
        for f, key, value in operations[number].argument:
            if f == "w":
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
    )


def external_reads(operations, chosen, writers, initial):
    """Who read a key of whom, before writing it; None where a read contradicts its transaction."""
    reads = []
    for number in chosen:
        if operations[number].type != "ok":
            continue
        known = {}
        for f, key, value in operations[number].result:
            if f == "w":
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
    return [value for f, k, value in operation.argument if (f, k) == ("w", key)][-1]


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
                micro[:2] == ["w", key] for micro in operations[other].argument
            ):
                shown = other
        if shown != source:
            return False
    return True


def expected(operations, initial, axioms):
    sure = [one.number for one in operations if one.type == "ok"]
    maybe = [one.number for one in operations if one.type == "info"]
    return any(
        explained(
            operations,
            sorted(sure + [number for number, yes in zip(maybe, some, strict=True) if yes]),
            initial,
            axioms,
        )
        for some in product([False, True], repeat=len(maybe))
    )


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
    kinds = ["ok", "ok", "ok", "ok", "ok", "info", "fail"]
    events = []
    busy = {}
    for number, txn in enumerate(program):
        process = draw(st.integers(0, 2))
        if busy.get(process) == "info":
            process += 10 * (number + 1)
        kind = draw(st.sampled_from(kinds))
        busy[process] = kind
        asked = [[f, key, value if f == "w" else None] for f, key, value in txn]
        events.append(Event(process, "invoke", "txn", asked))
        events.append(Event(process, kind, "txn", txn if kind == "ok" else asked))
    return History(events)


def agree(model, history, checker, initial=None):
    operations = history.operations
    if not any(one.type == "ok" for one in operations):
        return
    verdict = checker.check(history, Budget(None)).verdict
    wanted = expected(operations, initial, AXIOMS[model])
    assert verdict is (Verdict.VALID if wanted else Verdict.INVALID), [*map(tuple, history)]


@pytest.mark.parametrize("model", list(AXIOMS))
@given(history=histories())
@settings(deadline=None)
def test_every_small_history_is_decided_as_the_axioms_have_it(model, history):
    agree(model, history, RwRegister((model,), version_orders=("initial-state",)))
