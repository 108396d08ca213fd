"""Transactions that read a key again and again, against Adya's definitions read word by word.

Every read is a read: it needs a writer that committed and a final version, and it depends. The
oracle tries every set of unknown transactions that may have committed and every order of versions,
draws every edge, and walks it.
"""

from itertools import permutations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clew.checkers.transactions import ListAppend, RwRegister
from clew.checkers.transactions.lattice import weaker
from clew.checkers.verdict import Budget, Verdict
from clew.history import Event, History

KEYS = ("x", "y")
INFINITE = 1000
NOBODY = 99
"""A value that nobody writes."""

ALL = {"ww", "wr", "rw"}
LEVELS = {
    # what is asked; kinds that are no cycle; edges; how many rw a cycle may not have; an order
    "read-uncommitted": (set(), {"ww"}, 0, None),
    "read-committed": ({"G1a", "G1b", "future-read"}, {"ww", "wr"}, 0, None),
    "consistent-view": ({"G1a", "G1b", "future-read", "internal"}, ALL, 1, None),
    "repeatable-read": ({"G1a", "G1b", "future-read", "internal"}, ALL, 9, None),
    "strong-session-read-committed": (
        {"G1a", "G1b", "future-read"}, {"ww", "wr"}, 0, "session",
    ),
    "strong-read-committed": ({"G1a", "G1b", "future-read"}, {"ww", "wr"}, 0, "time"),
    "strong-consistent-view": ({"G1a", "G1b", "future-read", "internal"}, ALL, 1, "time"),
}  # fmt: skip
UNDECIDED = ("cursor-stability", "monotonic-view", "monotonic-atomic-view")


def done(operation):
    """What an operation surely did: of one without an answer the writes alone."""
    if operation.type == "ok":
        return operation.result
    return [micro for micro in operation.argument if micro[0] != "r"]


def committed_sets(operations):
    """Every set of transactions that may have committed: those surely did that somebody saw."""
    shown = [m for o in operations if o.type == "ok" for m in o.result if m[0] == "r"]
    shown = [[k, v] for _, k, seen in shown for v in (seen if isinstance(seen, list) else [seen])]
    sure = {
        o.number for o in operations
        if o.type == "ok" or (o.type == "info" and any(m[1:] in shown for m in done(o)))
    }  # fmt: skip
    maybe = [o.number for o in operations if o.type == "info" and o.number not in sure]
    for chosen in product([False, True], repeat=len(maybe)):
        yield sure | {n for n, yes in zip(maybe, chosen, strict=True) if yes}


class Registers:
    """The oracle's view of a history of registers."""

    checker = staticmethod(lambda model: RwRegister((model,), version_orders=("initial-state",)))

    def __init__(self, operations):
        self.operations = operations
        self.writer, self.last = {}, {}
        for o in operations:
            for f, key, value in done(o):
                if f == "w":
                    self.writer[key, value] = o.number
                    self.last[o.number, key] = value

    def kinds(self, committed):
        """The anomalies that are no cycle."""
        found = set()
        for o in self.operations:
            left = {}
            written = set()
            for f, key, value in done(o):
                if f == "w":
                    written.add((key, value))
                elif value is not None and (key, value) not in written:
                    writer = self.writer.get((key, value))
                    if writer is None:
                        found.add("garbage-read")
                    elif writer == o.number:
                        found.add("future-read")
                    elif writer not in committed:
                        found.add("G1a")
                    elif self.last[writer, key] != value:
                        found.add("G1b")
                if f == "r" and left.get(key, value) != value:
                    found.add("internal")
                left[key] = value
        return found

    def orders(self, committed):
        """Every order of each key's versions, as writers."""
        writers = [[n for n in committed if (n, key) in self.last] for key in KEYS]
        for chosen in product(*map(permutations, writers)):
            yield dict(zip(KEYS, chosen, strict=True))

    def edges(self, committed, orders):
        for key in KEYS:
            order = orders[key]
            yield from ((a, b, "ww") for i, a in enumerate(order) for b in order[i + 1 :])
            for o in self.operations:
                for f, k, value in done(o):
                    if f == "r" and k == key:
                        yield from self._of_read(o.number, key, value, order)

    def _of_read(self, number, key, value, order):
        writer = self.writer.get((key, value))
        later = order
        if value is not None:
            if writer is not None:
                yield writer, number, "wr"
            if writer not in order or self.last[writer, key] != value:
                return
            later = order[order.index(writer) + 1 :]
        yield from ((number, other, "rw") for other in later)

    def lost_update(self, orders):
        """Whether a transaction read, then wrote, and another's version lies between."""
        for o in self.operations:
            base = {}
            own = set()
            for f, key, value in done(o):
                if f == "r" and key not in own:
                    base[key] = value
                own |= {key} if f == "w" else set()
            for key in own & set(base):
                order = orders[key]
                writer = self.writer.get((key, base[key]))
                if base[key] is None:
                    first = 0
                elif writer in order and self.last[writer, key] == base[key]:
                    first = order.index(writer) + 1
                else:
                    continue
                if o.number in order and order[first : order.index(o.number)]:
                    return True
        return False


class Lists:
    """The oracle's view of a history of lists; versions are elements."""

    checker = staticmethod(lambda model: ListAppend((model,)))

    def __init__(self, operations):
        self.operations = operations
        self.writer, self.next_own = {}, {}
        for o in operations:
            before = {}
            for f, key, value in done(o):
                if f == "append":
                    self.writer[key, value] = o.number
                    if key in before:
                        self.next_own[key, before[key]] = value
                    before[key] = value

    def reads(self):
        """Each read: its transaction, its key, what it saw, and what of that is not its own."""
        for o in self.operations:
            own = set()
            for f, key, value in done(o):
                if f == "append":
                    own.add((key, value))
                    continue
                seen = list(value)
                while seen and (key, seen[-1]) in own:
                    seen.pop()
                yield o.number, key, value, seen, own

    def kinds(self, committed):
        found = set()
        for number, key, value, seen, own in self.reads():
            if len(set(value)) < len(value):
                found.add("duplicate-elements")
            for element in value:
                writer = self.writer.get((key, element))
                if writer is None:
                    found.add("garbage-read")
                elif writer == number and (key, element) not in own:
                    found.add("future-read")
                elif writer not in committed:
                    found.add("G1a")
            last = (key, seen[-1]) if seen else None
            if last in self.next_own and self.writer[last] != number:
                found.add("G1b")
        return found | self._internal()

    def _internal(self):
        for o in self.operations:
            left, own = {}, {}
            for f, key, value in done(o):
                if f == "append":
                    own.setdefault(key, []).append(value)
                    if key in left:
                        left[key] = [*left[key], value]
                    continue
                mine = own.get(key, [])
                if left.get(key, value) != value or (
                    key not in left and value[len(value) - len(mine) :] != mine
                ):
                    return {"internal"}
                left[key] = value
        return set()

    def orders(self, committed):
        """Every order of each key's elements that goes with all that was read."""
        choices = []
        for key in KEYS:
            shown = [value for _, k, value, _, _ in self.reads() if k == key]
            longest = max(shown, key=len, default=[])
            if any(longest[: len(value)] != value for value in shown):
                return
            rest = [
                value for (k, value), writer in self.writer.items()
                if k == key and writer in committed and value not in longest
            ]  # fmt: skip
            tails = [
                tail for tail in permutations(rest)
                if self._own_order(key, [*longest, *tail])
            ]  # fmt: skip
            choices.append([[*longest, *tail] for tail in tails])
        for chosen in product(*choices):
            yield dict(zip(KEYS, chosen, strict=True))

    def _own_order(self, key, order):
        place = {value: rank for rank, value in enumerate(order)}
        return all(
            place.get(value, -1) <= place.get(later, len(order))
            for (k, value), later in self.next_own.items()
            if k == key and value in place
        ) and all(
            value in place
            for (k, value), later in self.next_own.items()
            if k == key and later in place
        )

    def edges(self, committed, orders):
        for key in KEYS:
            owners = [self.writer.get((key, value)) for value in orders[key]]
            order = [n for n in owners if n in committed]
            yield from ((a, b, "ww") for i, a in enumerate(order) for b in order[i + 1 :])
            for number, k, _, seen, _ in self.reads():
                if k == key:
                    if seen and self.writer.get((key, seen[-1])) is not None:
                        yield self.writer[key, seen[-1]], number, "wr"
                    later = owners[len(seen) :]
                    yield from ((number, n, "rw") for n in later if n in committed)

    def lost_update(self, orders):
        for o in self.operations:
            base, own = {}, set()
            for f, key, value in done(o):
                if f == "append":
                    if key in base and key not in own:
                        rest = orders[key][len(base[key]) :]
                        if value in rest and [
                            v for v in rest[: rest.index(value)]
                            if self.writer[key, v] != o.number
                        ]:  # fmt: skip
                            return True
                    own.add(key)
                elif key not in own:
                    base[key] = value
        return False


def has_cycle(edges, kinds, anti_max):
    """Whether a closed walk of these kinds has at most so many rw edges."""
    count = 1 + max((max(a, b) for a, b, _ in edges), default=0)
    cost = [[INFINITE] * count for _ in range(count)]
    for a, b, kind in edges:
        if a != b and kind in kinds:
            cost[a][b] = min(cost[a][b], int(kind == "rw"))
    for k, i, j in product(range(count), repeat=3):
        cost[i][j] = min(cost[i][j], cost[i][k] + cost[k][j])
    return any(cost[n][n] <= anti_max for n in range(count))


def time_edges(operations, committed, order):
    for one, other in product(operations, operations):
        if one.number in committed and other.number in committed and one.type == "ok":
            before = one.completed < other.invoked
            if before and (order == "time" or (order and one.process == other.process)):
                yield one.number, other.number, "order"


def holds(view, model):
    """Whether some choice of what is open satisfies a model."""
    bad, kinds, anti_max, order = LEVELS.get(model, LEVELS["read-committed"])
    for committed in committed_sets(view.operations):
        found = view.kinds(committed)
        if found & (bad | {"garbage-read", "duplicate-elements"}):
            continue
        for orders in view.orders(committed):
            if model == "cursor-stability" and view.lost_update(orders):
                continue
            edges = [
                edge for edge in view.edges(committed, orders)
                if {edge[0], edge[1]} <= committed
            ]  # fmt: skip
            edges += time_edges(view.operations, committed, order)
            if not has_cycle(edges, kinds | {"order"}, anti_max):
                return True
    return False


def history(program, outcomes, cuts, processes):
    """A history; ``cuts`` says after which invocations everything open is completed."""
    events, open_ = [], []
    for number, micros in enumerate(program):
        asked = [[f, k, None if f == "r" else v] for f, k, v in micros]
        outcome = outcomes[number]
        busy = {e.process for e in open_} | {e.process for e in events if e.type == "info"}
        process = 100 + number if processes[number] in busy else processes[number]
        events.append(Event(process, "invoke", "txn", asked))
        open_.append(Event(process, outcome, "txn", micros if outcome == "ok" else asked))
        if cuts >> number & 1:
            events += open_
            open_ = []
    return History(events + open_)


@st.composite
def histories(draw, write):
    """A few transactions on two keys whose reads show whatever there is, and more."""
    programs = []
    written = dict.fromkeys(KEYS, 0)
    keys = st.sampled_from(KEYS if draw(st.booleans()) else KEYS[:1])
    for _ in range(draw(st.integers(1, 4))):
        micros = []
        for _ in range(draw(st.integers(1, 4))):
            f, key = draw(st.sampled_from(["r", "r", write])), draw(keys)
            written[key] += f == write
            micros.append([f, key, written[key]])
        programs.append(micros)
    orders = {key: draw(st.permutations(range(1, written[key] + 1))) for key in KEYS}
    for micros in programs:
        for micro in micros:
            if micro[0] == "r":
                order = orders[micro[1]]
                if draw(st.integers(0, 15)) == 0:
                    order = draw(st.permutations([*order, NOBODY]))
                if write == "w":
                    micro[2] = draw(st.sampled_from([None, *order]))
                else:
                    micro[2] = list(order[: draw(st.integers(0, len(order)))])
    outcomes = [draw(st.sampled_from(["ok"] * 6 + ["info", "fail"])) for _ in programs]
    processes = [draw(st.integers(0, 1)) for _ in programs]
    return history(programs, outcomes, draw(st.integers(0, 15)), processes)


VIEWS = {"w": Registers, "append": Lists}
ALONE = {"garbage-read", "G1a", "G1b", "future-read", "internal", "duplicate-elements"}


def compare(write, made):
    """Each level's verdict, and the kinds that are no cycle, against the oracle."""
    view = VIEWS[write](made.operations)
    if not any(o.type == "ok" for o in made.operations):
        return
    results = {
        model: view.checker(model).check(made, Budget(None)) for model in (*LEVELS, *UNDECIDED)
    }
    if write == "w" or any(
        True for some in committed_sets(made.operations) for _ in view.orders(some)
    ):
        compare_consistent(view, made, results)
        return
    # Of lists that disagree only what they share is ordered; at least the rest must be right.
    broken = view.kinds(set()) & {"garbage-read", "duplicate-elements"}
    for model, result in results.items():
        expected = Verdict.INVALID if broken or model != "read-uncommitted" else result.verdict
        assert result.verdict is expected, (model, [*map(tuple, made)])


def compare_consistent(view, made, results):
    events = [*map(tuple, made)]
    for model in LEVELS:
        expected = Verdict.VALID if holds(view, model) else Verdict.INVALID
        assert results[model].verdict is expected, (model, events)
    for model in UNDECIDED:
        # Of these nothing is said unless a stronger one holds, or a weaker one falls.
        wrong = Verdict.INVALID if holds(view, model) else Verdict.VALID
        assert results[model].verdict is not wrong, (model, events)
    for model, result in results.items():
        stands = {m for s in result.statistics["strongest_standing"] for m in weaker(s)}
        falls = {*result.statistics["weakest_violated"]}
        for level in LEVELS:
            assert level not in stands or holds(view, level), (model, level, events)
            assert level not in falls or not holds(view, level), (model, level, events)
    shown = ALONE & set(results["read-committed"].statistics["anomalies"])
    assert shown in [view.kinds(c) & ALONE for c in committed_sets(made.operations)], events


@pytest.mark.parametrize("write", list(VIEWS))
@given(data=st.data())
@settings(deadline=None, max_examples=150)
def test_repeated_reads_agree_with_the_definitions(write, data):
    compare(write, data.draw(histories(write)))


@pytest.mark.deep
@pytest.mark.parametrize("write", list(VIEWS))
@given(data=st.data())
@settings(deadline=None, max_examples=10_000)
def test_repeated_reads_agree_with_the_definitions_on_many(write, data):
    compare(write, data.draw(histories(write)))


def programs(write, sizes):
    """Every program of these sizes on one key with every value that a read might show."""
    for kinds in product(("r", write), repeat=sum(sizes)):
        count = kinds.count(write)
        values = [None, *range(1, count + 1)]
        if write == "append":
            values = [list(p) for n in range(count + 1) for p in permutations(values[1:], n)]
        for shown in product(values, repeat=kinds.count("r")):
            reads, counter = iter(shown), iter(range(1, count + 1))
            flat = [[f, "x", next(reads if f == "r" else counter)] for f in kinds]
            yield [[flat.pop(0) for _ in range(size)] for size in sizes]


@pytest.mark.parametrize("write", list(VIEWS))
@pytest.mark.parametrize(
    ("sizes", "cuts"),
    [
        ((3,), 0),
        ((2, 2), 0),
        pytest.param((3, 1), 1, marks=pytest.mark.deep),
        pytest.param((1, 3), 0, marks=pytest.mark.deep),
    ],
)
def test_all_small_histories_agree_with_the_definitions(write, sizes, cuts):
    checked = 0
    for program in programs(write, sizes):
        compare(write, history(program, ["ok"] * len(sizes), cuts, range(len(sizes))))
        checked += 1
    assert checked > 20
