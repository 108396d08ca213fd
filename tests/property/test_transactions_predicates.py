"""Reads by predicate against Adya's definitions: every choice of version sets is tried."""

from itertools import pairwise, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clew.checkers.transactions import ClosedPredicate
from clew.checkers.transactions.lattice import weaker
from clew.checkers.verdict import Budget, Verdict
from clew.history import Event, History

KEYS = ("x", "y", "z")
PREDICATES = (["=", 0], ["=", 2], ["mod", 2, 1], "true")
UNBORN, DEAD = "unborn", "dead"
CHANGES = ("insert", "w", "delete")
BAD = {"G1a", "G1b", "garbage-read", "future-read"}
LEVELS = (
    "read-committed", "repeatable-read", "consistent-view", "snapshot-isolation", "serializable",
    "strong-session-serializable", "strict-serializable",
)  # fmt: skip


def shows(predicate, version):
    if version in (UNBORN, DEAD):
        return False
    match predicate:
        case "true":
            return True
        case ["=", value]:
            return version == value
        case [_, modulus, rest]:
            return version % modulus == rest


class Oracle:
    """A history where each key is changed once at most."""

    def __init__(self, history):
        self.operations = history.operations
        self.start = next((o.number for o in self.operations if o.f == "init"), None)
        self.versions = {key: [(UNBORN, None)] for key in KEYS}
        if self.start is not None:
            for key, value in self.operations[self.start].argument.items():
                self.versions[key] = [(value, self.start)]
        self.failed = {}
        for o in self.operations:
            for f, key, *rest in o.argument if o.f == "txn" else ():
                if f in CHANGES:
                    version = rest[0] if rest else DEAD
                    if o.type == "fail":
                        self.failed[key, version] = o.number
                    else:
                        self.versions[key].append((version, o.number))

    def committed_sets(self):
        """Those who may have committed: who was seen surely did, if by elimination alone."""
        every = list(self._committed_sets())
        missed = [sum(self._is_miss(*read) for read in self.reads(some)[1]) for some in every]
        fewest = min(missed)
        return [some for some, miss in zip(every, missed, strict=True) if miss == fewest]

    def _is_miss(self, _, key, how, choices):
        nothing = (UNBORN, None)
        return how != "item" and choices == [nothing] and nothing not in self.versions[key]

    def _committed_sets(self):
        sure = {o.number for o in self.operations if o.type == "ok"}
        maybe = [o.number for o in self.operations if o.type == "info"]
        for chosen in product([False, True], repeat=len(maybe)):
            yield sure | {n for n, yes in zip(maybe, chosen, strict=True) if yes}

    def reads(self, committed):
        """What is surely bad, and each read with the versions that it may have met."""
        bad, found = set(), []
        for o in self.operations:
            if o.type == "ok" and o.f == "txn":
                state, wrote = {}, {}
                for f, subject, *rest in o.result:
                    if f in CHANGES:
                        state[subject] = rest[0] if rest else DEAD
                        wrote.setdefault(subject, set()).add(state[subject])
                        continue
                    seen = {subject: rest[0]} if f == "r" else dict.fromkeys(KEYS) | rest[0]
                    for key, value in seen.items():
                        how = "item" if f == "r" or value is not None else subject
                        bad |= self._see(how, o.number, key, value, state, wrote.get(key, set()))
                        may = self._may(how, key, value, committed, o.number)
                        own = (DEAD if value is None else value) in wrote.get(key, ())
                        if own or (how != "item" and key in wrote):
                            continue
                        bad |= set() if may else self._why(how, o.number, key, value)
                        if value is None or may:
                            found.append((o.number, key, how, may or [(UNBORN, None)]))
        return bad, found

    def _see(self, how, number, key, value, state, wrote):
        """Whether a read contradicts what its transaction had left, by name or by predicate."""
        left = state.get(key)
        if how != "item":
            return {"internal"} if key in state and shows(how, left) else set()
        state[key] = DEAD if value is None else value
        return {"internal"} if left not in (None, state[key]) else set()

    def _may(self, how, key, value, committed, number):
        """The committed versions that go with what a read showed.

        What the reader only writes later is one only if its value was shown.
        """
        return [
            (version, writer) for version, writer in self.versions[key]
            if (writer is None or writer in committed)
            and (value is not None or writer != number)
            and (not shows(how, version) if how != "item" else
                 version in (UNBORN, DEAD) if value is None else version == value)
        ]  # fmt: skip

    def _why(self, how, number, key, value):
        """What is wrong with a read that no committed version explains."""
        if how != "item":
            return {"predicate-read-miss"}
        if value is None:
            return set()
        writers = [w for v, w in self.versions[key] if v == value] + [self.failed.get((key, value))]
        return {"garbage-read"} if writers == [None] else {"G1a"}

    def edges(self, committed, reads, chosen):
        if self.start is not None:
            yield from ((self.start, n, "dep") for n in committed if n != self.start)
        for key in KEYS:
            writers = [w for _, w in self.versions[key] if w in committed]
            yield from ((a, b, "dep") for a, b in pairwise(writers))
        for (number, key, how, _), (version, writer) in zip(reads, chosen, strict=True):
            if writer is not None:
                yield writer, number, "read"
            chain = self.versions[key]
            met = (version, writer)
            later = chain[chain.index(met) + 1 :] if met in chain else chain
            for after, other in later:
                if other not in committed:
                    continue
                if how == "item":
                    yield number, other, "item"
                elif shows(how, after) != shows(how, version):
                    yield number, other, "predicate"

    def holds(self, model):
        for committed in self.committed_sets():
            bad, reads = self.reads(committed)
            if bad & BAD or (model != "read-committed" and "internal" in bad):
                continue
            if "predicate-read-miss" in bad and "serializable" in model:
                continue
            for chosen in product(*(choices for *_, choices in reads)):
                edges = list(self.edges(committed, reads, chosen))
                own_future = any(a == b and kind == "read" for a, b, kind in edges)
                edges = [edge for edge in edges if edge[0] != edge[1]]
                edges += self._order(committed, model)
                if not own_future and allowed(edges, model):
                    return True
        return False

    def _order(self, committed, model):
        for one, other in product(self.operations, self.operations):
            if {one.number, other.number} <= committed and one.type == "ok":
                session = model.startswith("strong-session") and one.process == other.process
                if one.completed < other.invoked and (session or model.startswith("strict")):
                    yield one.number, other.number, "dep"


def allowed(edges, model):
    """Whether no cycle is one that the model forbids."""
    size = 1 + max((max(e[:2]) for e in edges), default=0)
    dep = [[False] * size for _ in range(size)]
    anti = [[False] * size for _ in range(size)]
    for a, b, kind in edges:
        if kind in ("dep", "read"):
            dep[a][b] = True
        elif model != "read-committed" and (kind == "item" or model != "repeatable-read"):
            anti[a][b] = True
    every = range(size)
    if model == "snapshot-isolation":
        # Cerone and Gotsman: dependencies, each followed by an anti-dependency at most.
        step = [
            [dep[a][b] or any(dep[a][c] and anti[c][b] for c in every) for b in every]
            for a in every
        ]
        return not any(closure(step)[n][n] for n in every)
    if model == "consistent-view":
        path = closure(dep)
        back = any(anti[a][b] and (path[b][a] or a == b) for a in every for b in every)
        return not back and not any(path[n][n] for n in every)
    both = [[dep[a][b] or anti[a][b] for b in every] for a in every]
    return not any(closure(both)[n][n] for n in every)


def closure(step):
    path = [row[:] for row in step]
    size = range(len(path))
    for k, i, j in product(size, repeat=3):
        path[i][j] |= path[i][k] and path[k][j]
    return path


@st.composite
def histories(draw):
    """Transactions whose reads show each key in some version, as a store of any sort might."""
    initial = {key: draw(st.integers(0, 1)) for key in KEYS if draw(st.booleans())}
    changes = {}
    programs = [[] for _ in range(draw(st.integers(1, 4)))]
    for key in KEYS:
        if draw(st.integers(0, 3)):
            how = draw(st.sampled_from(["w", "delete"] if key in initial else ["insert"]))
            micro = [how, key] if how == "delete" else [how, key, 2 + KEYS.index(key)]
            changes[key] = DEAD if how == "delete" else micro[2]
            draw(st.sampled_from(programs)).append(micro)
    for micros in programs:
        for _ in range(draw(st.integers(0 if micros else 1, 2))):
            place = draw(st.integers(0, len(micros)))
            seen = {
                key: draw(st.sampled_from([initial.get(key, UNBORN), changes.get(key, UNBORN)]))
                for key in KEYS
            }
            if draw(st.booleans()):
                predicate = draw(st.sampled_from(PREDICATES))
                shown = {key: value for key, value in seen.items() if shows(predicate, value)}
                micros.insert(place, ["rp", predicate, shown])
            else:
                key = draw(st.sampled_from(KEYS))
                value = seen[key]
                micros.insert(place, ["r", key, None if value in (UNBORN, DEAD) else value])
    events = []
    if initial:
        events += [Event(9, "invoke", "init", initial), Event(9, "ok", "init", initial)]
    outcomes = [draw(st.sampled_from(["ok"] * 6 + ["info", "fail"])) for _ in programs]
    processes = [draw(st.integers(0, 1)) for _ in programs]
    return recorded(events, programs, outcomes, draw(st.integers(0, 15)), processes)


def recorded(events, programs, outcomes, cuts, processes):
    """The transactions of these programs; ``cuts`` says when everything open is completed."""
    events, open_ = list(events), []
    for number, micros in enumerate(programs):
        asked = [[m[0], m[1], None] if m[0] in ("r", "rp") else m for m in micros]
        outcome = outcomes[number]
        busy = {e.process for e in open_} | {e.process for e in events if e.type == "info"}
        process = 100 + number if processes[number] in busy else processes[number]
        events.append(Event(process, "invoke", "txn", asked))
        open_.append(Event(process, outcome, "txn", micros if outcome == "ok" else asked))
        if cuts >> number & 1:
            events += open_
            open_ = []
    return History(events + open_)


def compare(history):
    oracle = Oracle(history)
    if not any(o.type == "ok" and o.f == "txn" for o in history.operations):
        return
    results = {model: ClosedPredicate((model,)).check(history, Budget(None)) for model in LEVELS}
    expected = {model: oracle.holds(model) for model in LEVELS}
    events = [*map(tuple, history)]
    for model, result in results.items():
        assert result.verdict is (Verdict.VALID if expected[model] else Verdict.INVALID), (
            model, result.statistics["anomalies"], events,
        )  # fmt: skip
        stands = {m for s in result.statistics["strongest_standing"] for m in weaker(s)}
        for level in LEVELS:
            assert level not in stands or expected[level], (level, events)
            assert level not in result.statistics["weakest_violated"] or not expected[level]


@given(history=histories())
@settings(deadline=None, max_examples=200)
def test_reads_by_predicate_agree_with_the_definitions(history):
    compare(history)


@pytest.mark.deep
@given(history=histories())
@settings(deadline=None, max_examples=10_000)
def test_reads_by_predicate_agree_with_the_definitions_on_many(history):
    compare(history)
