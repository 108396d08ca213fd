"""Registers whose order of versions is open: what the search decides, and that its reasons hold."""

from itertools import permutations, product
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clew.checkers.transactions import RwRegister, rw_register
from clew.checkers.transactions.consistency_models import MODELS
from clew.checkers.transactions.cycles import name_of
from clew.checkers.transactions.extraction import sessions
from clew.checkers.transactions.graph import OVERWRITE, RW, WW
from clew.checkers.transactions.lattice import violates
from clew.checkers.transactions.search.versions import Searcher
from clew.checkers.transactions.walks import PROCESS, REALTIME
from clew.checkers.verdict import Budget, Verdict
from clew.history import Event, History


class LaggingStore:
    """A store that shows old states: reads only, or, under snapshot isolation, to everyone."""

    def __init__(self, random, lag, *, serializable):
        self.random = random
        self.lag = lag
        self.serializable = serializable
        self.states = [{}]
        self.installed = {}

    def run(self, program):
        """The program with its reads filled in; None where it aborts."""
        writes = {key for f, key, _ in program if f == "w"}
        now = len(self.states) - 1
        begun = max(0, now - self.random.randint(0, self.lag))
        if writes and self.serializable:
            begun = now
        if any(self.installed.get(key, 0) > begun for key in writes):
            return None
        view, answer = dict(self.states[begun]), []
        for f, key, value in program:
            if f == "w":
                view[key] = value
            answer.append([f, key, view.get(key)])
        if writes:
            self.states.append({**self.states[-1], **{key: view[key] for key in writes}})
            self.installed.update(dict.fromkeys(writes, now + 1))
        return answer


def lagging(seed, count, *, serializable, clients=8, keys=6, lag=10, planted=()):
    """A run of a lagging store; at the end the planted transactions, each by its own process."""
    random = Random(seed)
    store = LaggingStore(random, lag, serializable=serializable)
    written = dict.fromkeys(range(keys), 0)
    events, open_ = [], {}
    while count or open_:
        client = random.randrange(clients)
        if client in open_:
            program, answer = open_.pop(client)
            events.append(Event(client, "ok" if answer else "fail", "txn", answer or program))
        elif count:
            count -= 1
            program = []
            reads_only = random.random() < 0.4
            for _ in range(random.randint(1, 4)):
                key = random.randrange(keys)
                f = "r" if reads_only or random.random() < 0.4 else "w"
                written[key] += f == "w"
                program.append([f, key, written[key] if f == "w" else None])
            events.append(Event(client, "invoke", "txn", program))
            open_[client] = (program, store.run(program))
    for process, program in enumerate(planted, start=clients):
        asked = [[f, key, None if f == "r" else value] for f, key, value in program]
        events.append(Event(process, "invoke", "txn", asked))
        events.append(Event(process, "ok", "txn", program))
    return History(events)


PLANTED = {
    "long fork": [
        [["w", "x", 1]], [["w", "y", 1]], [["r", "x", 1], ["r", "y", None]],
        [["r", "x", None], ["r", "y", 1]],
    ],
    "one case": [[["w", "x", 1], ["w", "y", 1]], [["w", "x", 2], ["w", "y", 2]],
                 [["r", "x", 1], ["r", "y", 2]]],
    "four cases": [
        *([["w", *write], ["w", mark, 1]] for mark, write in
          {"a": ("x", 1), "b": ("x", 2), "c": ("y", 1), "d": ("y", 2)}.items()),
        *([["r", "x", value], ["r", mark, 1]] for value, mark in product((1, 2), "cd")),
        *([["r", "y", value], ["r", mark, 1]] for value, mark in product((1, 2), "ab")),
    ],
}  # fmt: skip


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("serializable", [True, False])
def test_a_long_run_of_a_lagging_store_is_decided(seed, serializable):
    model = "serializable" if serializable else "snapshot-isolation"
    history = lagging(seed, 400, serializable=serializable)
    result = RwRegister((model,)).check(history, Budget(None, 500_000))
    assert result.verdict is Verdict.VALID, result.reason
    assert result.statistics["open_keys"]


@pytest.mark.parametrize("model", ["serializable", "snapshot-isolation"])
@pytest.mark.parametrize("planted", PLANTED.values(), ids=PLANTED)
def test_an_anomaly_at_the_end_of_a_long_run_is_found(model, planted):
    history = lagging(1, 400, serializable=model == "serializable", planted=planted)
    result = RwRegister((model,)).check(history, Budget(None, 500_000))
    assert result.verdict is Verdict.INVALID, result.reason


class Proof(Searcher):
    """Checks the reasons of every refutation against their definition."""

    def _evidence(self, model, found):
        conflicts = list(found)
        for choices, cycle in conflicts:
            assert violates(cycle.name, model)
            assert cycle.name in {name_of(cycle.kinds), name_of(cycle.kinds, prefix=True)}
            self._is_circle(cycle, self._edges(choices))
        self._leave_no_order(conflicts)
        return super()._evidence(model, conflicts)

    def _edges(self, choices):
        size = len(self.graph.operations)
        edges = set()
        for node, packed in enumerate(self.graph.successors[:size]):
            for edge in packed:
                target, kind = edge >> 2, edge & 3
                beyond = [e >> 2 for e in self.graph.successors[target]] if target >= size else []
                edges.update((node, other, kind) for other in beyond or [target])
                if kind == OVERWRITE:  # a write dependency where no update is lost
                    edges.update((node, other, RW) for other in beyond or [target])
        for index, earlier, later in choices:
            edges.add((earlier, later, WW))
            readers = self.records[index].readers.get(earlier, ())
            edges.update((reader, later, RW) for reader in readers if reader != later)
        return edges

    def _is_circle(self, cycle, edges):
        graph, session = self.graph, sessions(self.graph.operations)
        assert len(set(cycle.nodes)) == len(cycle.nodes)
        for i, kind in enumerate(cycle.kinds):
            source, target = (
                cycle.nodes[i - len(cycle.nodes)],
                cycle.nodes[i + 1 - len(cycle.nodes)],
            )
            if kind == PROCESS:
                assert session[source] == session[target]
                assert source < target
            elif kind == REALTIME:
                assert graph.completed[source] < graph.invoked[target]
            else:
                assert (source, target, kind) in edges

    def _leave_no_order(self, conflicts):
        named = {}
        for choices, _ in conflicts:
            for index, *pair in choices:
                named.setdefault(index, {}).update(dict.fromkeys(pair))
        for orders in product(*(permutations(versions) for versions in named.values())):
            place = {
                (index, version): rank
                for index, order in zip(named, orders, strict=True)
                for rank, version in enumerate(order)
            }
            assert any(
                all(place[i, a] < place[i, b] for i, a, b in choices) for choices, _ in conflicts
            )


@st.composite
def entangled(draw):
    """Runs of a lagging store with a few reads replaced."""
    serializable = draw(st.booleans())
    history = lagging(
        draw(st.integers(0, 10**6)), draw(st.integers(3, 9)), serializable=serializable,
        clients=3, keys=draw(st.integers(1, 3)), lag=3,
    )  # fmt: skip
    events = list(history)
    written = {}
    for event in events:
        if event.type == "invoke":
            for f, key, value in event.value:
                written.setdefault(key, [None]).extend([value] if f == "w" else [])
    reads = [
        (place, at)
        for place, event in enumerate(events)
        if event.type == "ok"
        for at, micro in enumerate(event.value)
        if micro[0] == "r"
    ]
    for _ in range(draw(st.integers(0, 3)) if reads else 0):
        place, at = draw(st.sampled_from(reads))
        event = events[place]
        answer = [list(micro) for micro in event.value]
        answer[at][2] = draw(st.sampled_from(written[answer[at][1]]))
        events[place] = Event(event.process, "ok", "txn", answer)
    return History(events)


ORDERS = [("initial-state",), ("writes-follow-reads",), ("initial-state", "writes-follow-reads")]


@pytest.mark.parametrize("orders", ORDERS)
@given(history=entangled(), model=st.sampled_from([row.name for row in MODELS]))
@settings(deadline=None)
def test_where_no_order_is_left_the_reasons_prove_it(orders, history, model):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rw_register, "Searcher", Proof)
        RwRegister((model,), orders).check(history, Budget(None))
