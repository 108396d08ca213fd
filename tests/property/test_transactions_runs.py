"""Runs of correct stores raise no alarm, planted faults do, and renaming changes nothing."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clew.checkers.order_graph import components
from clew.checkers.transactions import ListAppend, RwRegister
from clew.checkers.transactions.cycles import find_cycles
from clew.checkers.transactions.graph import RW, WR, WW, DependencyGraph
from clew.checkers.verdict import Budget, Verdict
from clew.history import Event, History, Operation

KEYS = range(4)


class Store:
    """A store with snapshots; serial where every transaction starts and commits at once."""

    def __init__(self):
        self.state = {}
        self.version = {}
        self.clock = 0

    def run(self, snapshot, program):
        view, result = dict(snapshot), []
        for f, key, value in program:
            if f == "append":
                view[key] = [*view.get(key, []), value]
            elif f == "w":
                view[key] = value
            result.append([f, key, view.get(key) if f == "r" else value])
        return view, result

    def commit(self, started, view, program):
        keys = {key for f, key, _ in program if f != "r"}
        if any(self.version.get(key, 0) > started for key in keys):
            return False
        self.clock += 1
        for key in keys:
            self.state[key] = view[key]
            self.version[key] = self.clock
        return True


@st.composite
def runs(draw, write, *, serial, count=30, clients=5, lost_answers=True):
    store = Store()
    events, open_, written = [], {}, dict.fromkeys(KEYS, 0)
    started = 0
    process = list(range(clients))
    while started < count or open_:
        slot = draw(st.integers(0, clients - 1))
        client = process[slot]
        if client not in open_:
            if started == count:
                break
            started += 1
            program = []
            for _ in range(draw(st.integers(1, 3))):
                f, key = draw(st.sampled_from(["r", write])), draw(st.sampled_from(KEYS))
                written[key] += f == write
                program.append([f, key, written[key] if f == write else None])
            events.append(Event(client, "invoke", "txn", program))
            open_[client] = (program, store.clock, dict(store.state))
            continue
        program, clock, snapshot = open_.pop(client)
        if serial:
            clock, snapshot = store.clock, store.state
        view, result = store.run(snapshot, program)
        committed = store.commit(clock, view, program)
        if lost_answers and draw(st.integers(0, 9)) == 0:
            events.append(Event(client, "info", "txn", program))
            process[slot] += clients
        else:
            answer = result if committed else program
            events.append(Event(client, "ok" if committed else "fail", "txn", answer))
    return History(events)


CHECKERS = {
    "append": lambda model: ListAppend((model,)),
    "w": lambda model: RwRegister((model,)),
}


def accepted(write, model, history):
    result = CHECKERS[write](model).check(history, Budget(None, 200_000))
    assert result.verdict is not Verdict.INVALID, result
    if write == "append" and result.statistics["committed"]:
        assert result.verdict is Verdict.VALID
    return result


@pytest.mark.parametrize("write", ["append", "w"])
@given(data=st.data())
@settings(deadline=None, max_examples=40)
def test_a_serial_store_raises_no_alarm(write, data):
    result = accepted(write, "strict-serializable", data.draw(runs(write, serial=True)))
    assert not result.statistics["anomalies"]


@pytest.mark.parametrize("write", ["append", "w"])
@given(data=st.data())
@settings(deadline=None, max_examples=40)
def test_a_snapshot_store_raises_no_alarm(write, data):
    history = data.draw(runs(write, serial=False))
    accepted(write, "strong-snapshot-isolation", history)


@pytest.mark.parametrize("write", ["append", "w"])
@given(data=st.data(), shift=st.integers(1, 10**12))
@settings(deadline=None, max_examples=40)
def test_renaming_and_shifting_time_change_nothing(write, data, shift):
    history = data.draw(runs(write, serial=False))

    def renamed(micros):
        return [
            [f, f"k{k}", [f"v{e}" for e in v] if isinstance(v, list) else v and f"v{v}"]
            for f, k, v in micros
        ]

    other = History(
        [
            e._replace(process=997 - e.process, value=renamed(e.value), time=shift + 7 * i)
            for i, e in enumerate(history)
        ]
    )
    check = CHECKERS[write]("strict-serializable").check
    one, two = (check(some, Budget(None, 200_000)) for some in (history, other))
    assert one.verdict is two.verdict
    assert one.statistics["anomalies"] == two.statistics["anomalies"]
    assert [a.data.get("length") for a in one.anomalies] == [
        a.data.get("length") for a in two.anomalies
    ]


@given(history=runs("append", serial=True, lost_answers=False), data=st.data())
@settings(deadline=None, max_examples=40)
def test_a_stale_read_planted_into_a_serial_run_is_found(history, data):
    appended = [
        (micro[1], operation)
        for operation in history.operations
        if operation.type == "ok"
        for micro in operation.result
        if micro[0] == "append"
    ]
    if not appended:
        return
    key, _ = data.draw(st.sampled_from(appended))
    events = [
        *history,
        Event(5000, "invoke", "txn", [["r", key, None]]),
        Event(5000, "ok", "txn", [["r", key, []]]),
    ]
    result = ListAppend().check(History(events), Budget(None))
    assert result.verdict is Verdict.INVALID
    assert min(a.data["length"] for a in result.anomalies) == 2


def operation(number, process, *, invoked, completed):
    return Operation(number, process, "txn", "ok", [], [], invoked, completed)


@st.composite
def graphs(draw):
    size = draw(st.integers(2, 7))
    places = draw(st.permutations(range(2 * size)))
    spans = sorted((min(pair), max(pair)) for pair in zip(places[::2], places[1::2], strict=True))
    over = {}  # process -> when its last operation was over
    operations = []
    for number, (invoked, completed) in enumerate(spans):
        free = [process for process, end in over.items() if end < invoked]
        process = draw(st.sampled_from([number, *free]))
        over[process] = completed
        operations.append(operation(number, process, invoked=invoked, completed=completed))
    graph = DependencyGraph(operations)
    node = st.integers(0, size - 1)
    for source, target, kind in draw(
        st.lists(st.tuples(node, node, st.sampled_from([WW, WR, RW])), max_size=12)
    ):
        graph.add(source, target, kind)
    return graph


def simple_cycles(graph, level):
    """Every simple cycle as a list of kinds, sessions as kind 4 and real time as kind 5.

    By exhaustive walks.
    """
    size = len(graph.operations)
    edges = {
        (source, packed >> 2, packed & 3)
        for source in range(size)
        for packed in graph.successors[source]
    }
    one_session = [operation.process for operation in graph.operations]
    edges |= {
        (a, b, 4 if level == "-process" else 5)
        for a in range(size)
        for b in range(size)
        if level and graph.completed[a] < graph.invoked[b]
        if level == "-realtime" or one_session[a] == one_session[b]
    }
    following = {}
    for source, target, kind in sorted(edges):
        following.setdefault(source, []).append((target, kind))

    def walk(first, node, kinds, met):
        for target, kind in following.get(node, ()):
            if target == first:
                yield [*kinds, kind]
            elif target > first and target not in met:
                yield from walk(first, target, [*kinds, kind], met | {target})

    for first in range(size):
        yield from walk(first, first, [], {first})


def kind_of(kinds):
    anti = [kind == RW for kind in kinds]
    if not any(kind <= RW for kind in kinds):
        return None
    match sum(anti):
        case 0:
            return "G1c" if WR in kinds else "G0"
        case 1:
            return "G-single"
        case _:
            around = pairwise([*anti, anti[0]])
            return "G2-item" if any(a and b for a, b in around) else "G-nonadjacent"


RANK = ["G0", "G1c", "G-single", "G-nonadjacent", "G2-item"]


@given(graph=graphs())
@settings(deadline=None, max_examples=300)
def test_cycles_agree_with_an_enumeration_of_all_cycles(graph):
    found = find_cycles(graph, Budget(None)).cycles
    levels = ["", "-process", "-realtime"]
    for level in levels:
        shortest = {}
        for kinds in simple_cycles(graph, level):
            name = kind_of(kinds)
            shortest[name] = min(len(kinds), shortest.get(name, 99))
        told = {}
        for cycle in found:
            base = cycle.name.removesuffix("-process").removesuffix("-realtime")
            if levels.index(cycle.name.removeprefix(base)) <= levels.index(level):
                told[base] = min(len(cycle.nodes), told.get(base, 99))
        # The gravest kind is always told, and by a shortest cycle.
        gravest = next((name for name in RANK if name in shortest), None)
        assert next((name for name in RANK if name in told), None) == gravest
        for name in ("G0", "G1c", "G-single"):
            assert told.get(name) == shortest.get(name), (level, name)
        if gravest is not None:
            assert told[gravest] == shortest[gravest]


@given(graph=graphs())
@settings(deadline=None, max_examples=200)
def test_every_told_cycle_is_a_cycle_of_its_kind(graph):
    for cycle in find_cycles(graph, Budget(None)).cycles:
        assert len(set(cycle.nodes)) == len(cycle.nodes) == len(cycle.kinds)
        assert kind_of(cycle.kinds) == cycle.name.split("-process")[0].split("-realtime")[0]
        for place, kind in enumerate(cycle.kinds):
            source, target = cycle.nodes[place], cycle.nodes[(place + 1) % len(cycle.nodes)]
            if kind <= RW:
                assert target * 4 + kind in graph.successors[source]
            else:
                assert graph.completed[source] < graph.invoked[target]


@given(edges=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=30))
@settings(deadline=None)
def test_components_agree_with_reachability(edges):
    successors = [[] for _ in range(10)]
    for source, target in edges:
        successors[source].append(target)
    reach = [{node} for node in range(10)]
    for _ in range(10):
        for source, target in edges:
            reach[source] |= reach[target]
    expected = {
        tuple(other for other in range(10) if other in reach[node] and node in reach[other])
        for node in range(10)
    }
    assert {tuple(c) for c in components(successors)} == {c for c in expected if len(c) > 1}
