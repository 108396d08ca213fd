"""Convergence and counters: correct replicas never alarm, and verdicts follow the definitions."""

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from clew.checkers.replicated.convergence import Convergence
from clew.checkers.replicated.counters import Counter, IntervalCounter
from clew.checkers.verdict import Verdict, run_checker
from clew.history import Event, History

NODES = ["n1", "n2", "n3"]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["call", "apply", "answer", "lose", "refuse", "gossip", "read"]),
        st.integers(0, 2),
        st.integers(0, 2),
    ),
    max_size=40,
)


class Replicas:
    """Correct grow-only replicas that gossip; what clients see goes into `events`.

    Each replica holds the set of the updates it knows; an answer is given only after the update
    is applied, an unanswered update may be applied at any time, and a refused one never is.
    """

    def __init__(self, f, value_of, show):
        self.f, self.value_of, self.show = f, value_of, show
        self.events, self.held = [], {node: set() for node in NODES}
        self.open, self.lost, self.count, self.process = {}, [], 0, 10

    def step(self, action, index, other):
        node, peer = NODES[index], NODES[other]
        if action == "gossip":
            self.held[peer] |= self.held[node]
        elif action == "read":
            self.read(node)
        elif action == "call" and node not in self.open:
            self.open[node] = (self.process, self.count)
            self.event(self.process, "invoke", self.value_of(self.count), node)
            self.process, self.count = self.process + 1, self.count + 1
        elif action == "apply" and self.lost:
            where, update = self.lost[index % len(self.lost)]
            self.held[where].add(update)
        elif node in self.open:
            self.finish(action, node)

    def finish(self, action, node):
        process, update = self.open.pop(node)
        if action == "answer":
            self.held[node].add(update)
            self.event(process, "ok", None, node)
        elif action == "refuse":
            self.event(process, "fail", None, node)
        else:
            self.lost.append((node, update))
            self.event(process, "info", None, node)

    def event(self, process, kind, value, node):
        self.events.append(Event(process, kind, self.f, value, len(self.events), node=node))

    def read(self, node):
        self.process += 1
        self.events.append(Event(self.process, "invoke", "read", None, len(self.events), node=node))
        value = self.show([self.value_of(one) for one in sorted(self.held[node])])
        self.events.append(Event(self.process, "ok", "read", value, len(self.events), node=node))

    def run(self, steps):
        for step in steps:
            self.step(*step)
        for node in NODES:
            self.step("lose", NODES.index(node), 0)
        union = set().union(*self.held.values())
        for node in NODES:
            self.held[node] = set(union)
            self.read(node)
        return History(self.events)


@given(STEPS)
def test_a_correct_broadcast_is_valid(steps):
    history = Replicas("broadcast", lambda at: [at], list).run(steps)
    result = run_checker(Convergence(), history)
    assert result.verdict is Verdict.VALID, result.anomalies


@given(STEPS, st.sampled_from([[1, 2, 5], [3, -2, 0, 4]]))
def test_a_correct_counter_is_valid(steps, deltas):
    history = Replicas("add", lambda at: deltas[at % len(deltas)], sum).run(steps)
    result = run_checker(Counter(monotonic=min(deltas) > 0), history)
    assert result.verdict is Verdict.VALID, result.anomalies


@given(STEPS, st.integers(0, 2), st.integers(0, 100))
def test_a_value_taken_from_one_final_read_is_found(steps, index, which):
    history = Replicas("broadcast", lambda at: at, list).run(steps)
    acknowledged = [
        one.argument for one in history.operations if one.f == "broadcast" and one.type == "ok"
    ]
    if not acknowledged:
        return
    value = acknowledged[which % len(acknowledged)]
    at = len(history) - 2 * (3 - index) + 1
    final = history[at]
    kept = [one for one in final.value if one != value]
    events = [*history[:at], final._replace(value=kept), *history[at + 1 :]]
    result = run_checker(Convergence(), History(events))
    assert any(
        one.kind == "stale" and one.data["value"] == value and one.data["nodes"] == [NODES[index]]
        for one in result.anomalies
    )


@given(
    st.lists(st.tuples(st.integers(-6, 9), st.sampled_from(["ok", "info", "fail"])), max_size=7),
    st.integers(-10, 30),
)
def test_the_final_total_follows_the_definition(adds, total):
    events = []
    for process, (delta, kind) in enumerate(adds):
        events += [Event(process, "invoke", "add", delta), Event(process, kind, "add", None)]
    events += [Event(99, "invoke", "read"), Event(99, "ok", "read", total)]
    unknown = [delta for delta, kind in adds if kind == "info"]
    subsets = (
        sum(some) for size in range(len(unknown) + 1) for some in combinations(unknown, size)
    )
    certain = sum(delta for delta, kind in adds if kind == "ok")
    possible = total - certain in set(subsets)
    result = run_checker(Counter(monotonic=False), History(events))
    assert (result.verdict is Verdict.VALID) is possible


@given(STEPS, st.integers(0, 3), st.integers(0, 20))
def test_renaming_processes_and_shifting_time_change_nothing(steps, at, change):
    history = Replicas("add", lambda index: index + 1, sum).run(steps)
    events = list(history)
    events[-1] = events[-1]._replace(value=events[-1].value + at)
    moved = [one._replace(process=1000 - one.process, time=one.time + 10**18) for one in events]
    for checker in (Counter(), IntervalCounter()):
        first, second = (run_checker(checker, History(some)) for some in (events, moved))
        assert first.verdict is second.verdict
        assert [one.kind for one in first.anomalies] == [one.kind for one in second.anomalies]


@given(STEPS)
def test_one_atomic_replica_is_a_valid_interval_counter(steps):
    alone = [(action, index, 0) for action, index, _ in steps if action != "gossip"]
    replicas = Replicas("add", lambda at: at % 5 - 1, sum)
    shared = set()
    replicas.held = dict.fromkeys(NODES, shared)
    for step in alone:
        replicas.step(*step)
    result = run_checker(IntervalCounter(), History(replicas.events))
    assert result.verdict is not Verdict.INVALID, result.anomalies
