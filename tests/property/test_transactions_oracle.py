"""The transaction checkers against definitions by brute force: every order of commit is tried."""

from itertools import permutations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clew.checkers.transactions import ListAppend, RwRegister
from clew.checkers.transactions.consistency_models import MODELS
from clew.checkers.verdict import Budget, Verdict
from clew.history import Event, History

KEYS = ("x", "y", "z")
FEW = KEYS[:2]


def read_agrees(transaction, state):
    """Run a transaction on a state in place; whether its reads are what it would have read."""
    for f, key, value in transaction:
        current = state.get(key, ())
        if f == "append":
            state[key] = (*current, value)
        elif f == "w":
            state[key] = value
        elif f == "r" and value != (list(current) if isinstance(current, tuple) else current):
            return False
    return True


def writes(transaction):
    return {micro[1] for micro in transaction if micro[0] != "r"}


def serial(operations, order, empty):
    state = dict.fromkeys(KEYS, empty)
    return all(read_agrees(micros(operations[i]), state) for i in order)


def micros(operation):
    if operation.type == "ok":
        return operation.result
    # Nobody knows what it read.
    return [micro for micro in operation.argument if micro[0] != "r"]


def committed_choices(operations):
    """Every set of operations that may have committed."""
    sure = [o.number for o in operations if o.type == "ok"]
    maybe = [o.number for o in operations if o.type == "info"]
    for chosen in product([False, True], repeat=len(maybe)):
        yield sure + [n for n, yes in zip(maybe, chosen, strict=True) if yes]


def before(one, other):
    return one.type == "ok" and one.completed < other.invoked


def before_in_session(one, other):
    same = one.process == other.process and one.number < other.number
    return same and one.type == "ok"


def unordered(_, __):
    return False


def serializable(operations, empty, first):
    for numbers in committed_choices(operations):
        for order in permutations(numbers):
            if any(
                first(operations[later], operations[earlier])
                for i, earlier in enumerate(order)
                for later in order[i + 1 :]
            ):
                continue
            if serial(operations, order, empty):
                return True
    return False


def snapshot_isolated(operations, empty, first):
    return any(
        _snapshots(operations, numbers, empty, first) for numbers in committed_choices(operations)
    )


def _snapshots(operations, numbers, empty, first):
    """Search every interleaving of snapshots and commits."""

    def go(waiting, open_, state, committed):
        if not waiting and not open_:
            return True
        for number in waiting:
            if any(
                first(operations[other], operations[number])
                for other in numbers
                if other not in committed
            ):
                continue
            snapshot = dict(state)
            if read_agrees(micros(operations[number]), snapshot) and go(
                waiting - {number}, {**open_, number: (snapshot, frozenset())}, state, committed
            ):
                return True
        for number, (snapshot, overwritten) in open_.items():
            mine = writes(micros(operations[number]))
            if mine & overwritten:
                continue
            rest = {
                other: (view, lost | mine)
                for other, (view, lost) in open_.items()
                if other != number
            }
            after = {**state, **{key: snapshot[key] for key in mine}}
            if go(waiting, rest, after, committed | {number}):
                return True
        return False

    return go(frozenset(numbers), {}, dict.fromkeys(KEYS, empty), frozenset())


ORACLES = {
    "serializable": lambda o, e: serializable(o, e, unordered),
    "strong-session-serializable": lambda o, e: serializable(o, e, before_in_session),
    "strict-serializable": lambda o, e: serializable(o, e, before),
    "snapshot-isolation": lambda o, e: snapshot_isolated(o, e, unordered),
    "strong-session-snapshot-isolation": lambda o, e: snapshot_isolated(o, e, before_in_session),
    "strong-snapshot-isolation": lambda o, e: snapshot_isolated(o, e, before),
}


def interleave(transactions, outcomes, cuts, processes=None):
    """A history; ``cuts`` says after which invocations everything open is completed.

    A transaction gets a process of its own where its process is busy, where nobody knows how its
    last one ended, and where none are named.
    """
    events, open_ = [], []
    for number, transaction in enumerate(transactions):
        asked = [[f, k, None if f == "r" else v] for f, k, v in transaction]
        process = processes[number] if processes else number
        lost = {event.process for event in events if event.type == "info"}
        if process in lost | {event.process for event in open_}:
            process = 100 + number
        events.append(Event(process, "invoke", "txn", asked))
        open_.append(
            Event(
                process, outcomes[number], "txn", transaction if outcomes[number] == "ok" else asked
            )
        )
        if cuts >> number & 1:
            events += open_
            open_ = []
    return History(events + open_)


def shapes(sizes):
    """Every program of transactions of these sizes over the keys, values counted up."""
    for kinds in product(product(("r", "append"), FEW), repeat=sum(sizes)):
        if kinds[0][1] != FEW[0]:
            continue  # the other half is the same with the keys' names exchanged
        written = dict.fromkeys(FEW, 0)
        flat = []
        for f, key in kinds:
            if f == "append":
                written[key] += 1
            flat.append([f, key, written[key] if f == "append" else None])
        yield [[flat.pop(0) for _ in range(size)] for size in sizes], written


def lists(count):
    """Every list that a read may show of a key with so many values: all arrangements."""
    for length in range(count + 1):
        yield from (list(p) for p in permutations(range(1, count + 1), length))


def read_variants(program, written):
    reads = [micro for txn in program for micro in txn if micro[0] == "r"]
    for values in product(*(list(lists(written[micro[1]])) for micro in reads)):
        chosen = iter(values)
        yield [[[f, k, next(chosen) if f == "r" else v] for f, k, v in txn] for txn in program]


def check_standing(result, history, empty):
    """The models that are said to stand do, and those that are said to be violated don't."""
    for said, expected in (("strongest_standing", True), ("weakest_violated", False)):
        for model in result.statistics[said]:
            if model in ORACLES:
                found = ORACLES[model](history.operations, empty)
                assert found == expected, (said, model, [*map(tuple, history)])
    if "nor any other" in result.reason:
        assert ORACLES["strict-serializable"](history.operations, empty), [*map(tuple, history)]


@pytest.mark.parametrize(
    ("sizes", "blind"),
    [
        ((2, 2), False),
        pytest.param((1, 1, 2), False, marks=pytest.mark.deep),
        pytest.param((2, 2), True, marks=pytest.mark.deep),
    ],
)
def test_list_append_agrees_with_brute_force_on_all_small_histories(sizes, blind):
    checked = {model: [0, 0] for model in ORACLES}
    for seen, written in shapes(sizes):
        program = seen
        if blind:  # every transaction also writes a key that nobody reads
            program = [[*txn, ["append", "z", n]] for n, txn in enumerate(seen, start=1)]
        for transactions in read_variants(program, written):
            for cuts in (0, 1):
                history = interleave(transactions, ["ok"] * len(sizes), cuts)
                for model, oracle in ORACLES.items():
                    expected = oracle(history.operations, ())
                    result = ListAppend((model,)).check(history, Budget(None))
                    assert (result.verdict is Verdict.VALID) == expected, (model, history.events)
                    checked[model][expected] += 1
                    if blind:
                        check_standing(result, history, ())
    assert all(min(counts) > 50 for counts in checked.values())


@st.composite
def list_histories(draw):
    count = draw(st.integers(2, 4))
    written = dict.fromkeys(KEYS, 0)
    program = []
    blind = draw(st.booleans())  # one key is written by many and read by nobody
    for _ in range(count):
        txn = []
        for _ in range(draw(st.integers(1, 3))):
            f = draw(st.sampled_from(["r", "append"]))
            key = draw(st.sampled_from(FEW if blind else KEYS))
            written[key] += f == "append"
            txn.append([f, key, written[key]])
        if blind and draw(st.booleans()):
            written["z"] += 1
            txn.insert(draw(st.integers(0, len(txn))), ["append", "z", written["z"]])
        program.append(txn)
    orders = {key: draw(st.permutations(range(1, written[key] + 1))) for key in KEYS}
    for txn in program:
        for micro in txn:
            if micro[0] == "r":
                order = orders[micro[1]]
                micro[2] = list(order[: draw(st.integers(0, len(order)))])
    outcome = st.sampled_from(["ok", "ok", "ok", "info", "fail"])
    processes = [draw(st.integers(0, 1)) for _ in program] if draw(st.booleans()) else None
    outcomes = [draw(outcome) for _ in program]
    return interleave(program, outcomes, draw(st.integers(0, 15)), processes)


@pytest.mark.parametrize("model", list(ORACLES))
@given(history=list_histories())
@settings(deadline=None)
def test_list_append_agrees_with_brute_force(model, history):
    result = ListAppend((model,)).check(history, Budget(None))
    if not any(operation.type == "ok" for operation in history.operations):
        assert result.verdict is Verdict.UNKNOWN
        return
    expected = ORACLES[model](history.operations, ())
    assert (result.verdict is Verdict.VALID) == expected, [*map(tuple, history)]
    check_standing(result, history, ())


@st.composite
def register_histories(draw):
    count = draw(st.integers(2, 4))
    written = dict.fromkeys(KEYS, 0)
    program = []
    for _ in range(count):
        txn = []
        for _ in range(draw(st.integers(1, 3))):
            f, key = draw(st.sampled_from(["r", "w"])), draw(st.sampled_from(KEYS))
            written[key] += f == "w"
            txn.append([f, key, written[key]])
        program.append(txn)
    for txn in program:
        for micro in txn:
            if micro[0] == "r":
                micro[2] = draw(st.sampled_from([None, *range(1, written[micro[1]] + 1)]))
    outcome = st.sampled_from(["ok", "ok", "ok", "ok", "info", "fail"])
    processes = [draw(st.integers(0, 1)) for _ in program] if draw(st.booleans()) else None
    outcomes = [draw(outcome) for _ in program]
    return interleave(program, outcomes, draw(st.integers(0, 15)), processes)


@pytest.mark.parametrize("model", list(ORACLES))
@given(history=register_histories())
@settings(deadline=None)
def test_rw_register_agrees_with_brute_force(model, history):
    # Only what is always true is assumed of the order of versions: the search does the rest.
    checker = RwRegister((model,), version_orders=("initial-state",))
    result = checker.check(history, Budget(None))
    if not any(operation.type == "ok" for operation in history.operations):
        assert result.verdict is Verdict.UNKNOWN
        return
    expected = ORACLES[model](history.operations, None)
    assert (result.verdict is Verdict.VALID) == expected, [*map(tuple, history)]
    check_standing(result, history, None)


AXIOMS = {
    "read-atomic": (),
    "strong-session-read-atomic": ("session",),
    "causal-cerone": ("transvis",),
    "causal": ("session", "transvis"),
    "prefix": ("prefix",),
    "strong-session-prefix": ("session", "prefix"),
    "parallel-snapshot-isolation": ("transvis", "noconflict"),
    "strong-session-consistent-view": ("session", "transvis", "noconflict"),
    "snapshot-isolation": ("prefix", "noconflict"),
    "strong-session-snapshot-isolation": ("session", "prefix", "noconflict"),
    "serializable": ("total",),
}


def follows_axioms(operations, orders, axioms):
    """Cerone, Bernardi, Gotsman 2015: some visibility and arbitration explain every read."""
    done = [o.number for o in operations if o.type == "ok"]
    for order in permutations(done):
        if any([n for n in order if key in writes(operations[n].result)] != orders[key]
               for key in KEYS):  # fmt: skip
            continue
        pairs = [(a, b) for i, a in enumerate(order) for b in order[i + 1 :]]
        for chosen in product([False, True], repeat=len(pairs)):
            visible = {pair for pair, yes in zip(pairs, chosen, strict=True) if yes}
            if _axioms_hold(operations, pairs, visible, axioms) and all(
                _explained(operations, order, visible, n) for n in done
            ):
                return True
    return False


def _axioms_hold(operations, pairs, visible, axioms):
    steps = {"transvis": visible, "prefix": set(pairs)}
    for axiom, first in steps.items():
        if axiom in axioms and any(
            (a, d) not in visible for a, b in first for c, d in visible if b == c
        ):
            return False
    if "noconflict" in axioms and any(
        (a, b) not in visible and writes(operations[a].result) & writes(operations[b].result)
        for a, b in pairs
    ):
        return False
    if "session" in axioms and any(
        operations[a].process == operations[b].process and a < b and (a, b) not in visible
        for pair in pairs
        for a, b in (pair, pair[::-1])
    ):
        return False
    return "total" not in axioms or len(visible) == len(pairs)


def _explained(operations, order, visible, number):
    state = dict.fromkeys(KEYS)
    for other in order:
        if (other, number) in visible:
            read_agrees([m for m in operations[other].result if m[0] == "w"], state)
    return read_agrees(operations[number].result, state)


@pytest.mark.parametrize("model", list(AXIOMS))
@given(history=register_histories(), data=st.data())
@settings(deadline=None, max_examples=60)
def test_models_agree_with_their_axioms_where_the_order_is_given(model, history, data):
    operations = [o for o in history.operations if o.type != "info"]
    history = History([e for o in operations for e in (history[o.invoked], history[o.completed])])
    operations = history.operations
    if not any(o.type == "ok" for o in operations):
        return
    orders, given_order = {}, {}
    for key in KEYS:
        writers = [o for o in operations if o.type == "ok" and key in writes(o.result)]
        orders[key] = [o.number for o in data.draw(st.permutations(writers))]
        last = {o.number: [m[2] for m in o.result if m[:2] == ["w", key]][-1] for o in writers}
        given_order[key] = [last[number] for number in orders[key]]
    checker = RwRegister((model,), version_orders=given_order)
    result = checker.check(history, Budget(None))
    assert result.verdict is not Verdict.UNKNOWN
    expected = follows_axioms(operations, orders, AXIOMS[model])
    assert (result.verdict is Verdict.VALID) == expected, (given_order, [*map(tuple, history)])


@pytest.mark.parametrize("model", [*AXIOMS])
@given(history=register_histories())
@settings(deadline=None, max_examples=40)
def test_an_open_order_is_decided_as_the_axioms_have_it(model, history):
    operations = [o for o in history.operations if o.type != "info"]
    history = History([e for o in operations for e in (history[o.invoked], history[o.completed])])
    operations = history.operations
    checker = RwRegister((model,), version_orders=("initial-state",))
    verdict = checker.check(history, Budget(None)).verdict
    if not any(o.type == "ok" for o in operations):
        return
    assert verdict is not Verdict.UNKNOWN
    writers = {
        key: [o.number for o in operations if o.type == "ok" and key in writes(o.result)]
        for key in KEYS
    }
    expected = any(
        follows_axioms(operations, dict(zip(KEYS, orders, strict=True)), AXIOMS[model])
        for orders in product(*(map(list, permutations(writers[key])) for key in KEYS))
    )
    assert (verdict is Verdict.VALID) == expected, [*map(tuple, history)]


@given(history=st.one_of(list_histories(), register_histories()))
@settings(deadline=None, max_examples=60)
def test_a_weaker_model_a_wider_interval_or_a_pending_operation_never_invalidates(history):
    registers = any(m[0] == "w" for o in history.operations for m in o.argument)
    lists = any(m[0] == "append" for o in history.operations for m in o.argument)
    if registers == lists:
        return
    checker = RwRegister if registers else ListAppend
    pending = Event(99, "invoke", "txn", [["w" if registers else "append", "x", 77]])
    # With all of them open at once, each needs a process of its own.
    wider = [Event(o.number, "invoke", o.f, o.argument) for o in history.operations]
    wider += [
        Event(o.number, o.type, o.f, o.result if o.type == "ok" else o.argument)
        for o in history.operations
    ]
    variants = [History([pending, *history]), History(wider)]
    verdicts = {
        row.name: checker((row.name,)).check(history, Budget(None)).verdict for row in MODELS
    }
    for row in MODELS:
        if verdicts[row.name] is Verdict.VALID:
            for weaker in row.implies:
                assert verdicts[weaker] is not Verdict.INVALID, (row.name, weaker)
            for variant in variants:
                verdict = checker((row.name,)).check(variant, Budget(None)).verdict
                assert verdict is not Verdict.INVALID, (row.name, [*map(tuple, variant)])


# Each is another value in JSON, however alike some of them look to Python.
ODD = (
    *(1, True, 0, False, "1", "{0}", "", 2.5, 10**30, "true"),
    *([1], [True], [], [[None]], {}, {"a": 1}, "{"),
)


@given(
    history=st.one_of(list_histories(), register_histories()),
    values=st.permutations(ODD),
    keys=st.permutations(ODD),
)
@settings(deadline=None, max_examples=150)
def test_what_keys_and_values_are_called_changes_nothing(history, values, keys):
    def renamed(micros):
        return [
            [f, keys[KEYS.index(k)], [values[e] for e in v] if isinstance(v, list) else
             None if v is None else values[v]]
            for f, k, v in micros
        ]  # fmt: skip

    other = History(event._replace(value=renamed(event.value)) for event in history)
    lists = any(m[0] == "append" for o in history.operations for m in o.argument)
    registers = any(m[0] == "w" for o in history.operations for m in o.argument)
    if lists == registers:
        return
    checker = ListAppend() if lists else RwRegister()
    one, two = checker.check(history, Budget(None)), checker.check(other, Budget(None))
    assert one.verdict is two.verdict
    assert one.statistics["anomalies"] == two.statistics["anomalies"]
    assert [anomaly.kind for anomaly in one.anomalies] == [a.kind for a in two.anomalies]


@pytest.mark.deep
@pytest.mark.parametrize("model", list(ORACLES))
@given(history=st.one_of(list_histories(), register_histories()))
@settings(deadline=None, max_examples=25_000)
def test_both_agree_with_brute_force_on_many(model, history):
    if not any(operation.type == "ok" for operation in history.operations):
        return
    lists = any(m[0] == "append" for o in history.operations for m in o.argument)
    registers = any(m[0] == "w" for o in history.operations for m in o.argument)
    if lists == registers:
        return
    checker = (
        ListAppend((model,)) if lists else RwRegister((model,), version_orders=("initial-state",))
    )
    result = checker.check(history, Budget(None))
    empty = () if lists else None
    assert (result.verdict is Verdict.VALID) == ORACLES[model](history.operations, empty)
