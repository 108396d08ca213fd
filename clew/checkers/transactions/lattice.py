"""Consistency models, what each forbids, and which of them a set of anomalies leaves standing.

Two tables, each row with its source. `ANOMALIES` says what each anomaly is and which others it is
a special case of: a history with a G0 also has a G1c in Adya's sense, where "cycle of ww and wr
edges" asks for no wr edge. `consistency_models.MODELS` says which anomalies each model forbids by
its own definition and which weaker models it implies; a model forbids all that they forbid.

Sources, by the short names used in the rows: those of `consistency_models`, and Berenson: Berenson
et al., "A Critique of ANSI SQL Isolation Levels", SIGMOD 1995.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence
from typing import NamedTuple

from clew.checkers.transactions.consistency_models import MODELS, OF_SESSIONS
from clew.checkers.transactions.cycles import SUFFIXES
from clew.checkers.transactions.walks import Level


class AnomalyRow(NamedTuple):
    """One kind of anomaly.

    Attributes:
        implies: the kinds that it is a special case of.
        meaning: one sentence without a full stop.
        source: where it is defined.
    """

    name: str
    implies: tuple[str, ...]
    meaning: str
    source: str


PHANTOMS = {
    "G-single": "G-single-predicate",
    "G-nonadjacent": "G-nonadjacent-predicate",
    "G2-item": "G2",
}
"""Kinds of cycles, and what each is with an anti-dependency by predicate."""

_NEXT = {
    "G0": "G1c", "G1c": "G-single", "G-single": "G-nonadjacent", "G-nonadjacent": "G2-item",
    "G-single-predicate": "G-nonadjacent-predicate", "G-nonadjacent-predicate": "G2",
}  # fmt: skip
"""Kinds of cycles, and which each is a special case of, whatever order counts."""

_AMONG = {Level.PROCESS: "the order of a session", Level.REALTIME: "real time"}


def _cycle(name: str, meaning: str, source: str, level: Level = Level.PLAIN) -> AnomalyRow:
    """Make the row of a kind of cycle; it implies its next kind, a wider order and predicates."""
    suffix = SUFFIXES[level]
    implies = [_NEXT[name] + suffix] if name in _NEXT else []
    if level < Level.REALTIME:
        implies.append(name + SUFFIXES[Level(level + 1)])
    if name in PHANTOMS:
        implies.append(PHANTOMS[name] + suffix)
    return AnomalyRow(name + suffix, tuple(implies), meaning, source)


def _ordered(level: Level, *names: str) -> Iterator[AnomalyRow]:
    """Yield the rows of cycles with an order of the history among their edges."""
    for name in names:
        stale = level is Level.REALTIME and name == "G-single"
        meaning = f"{name} with {_AMONG[level]} among its edges"
        yield _cycle(name, f"{meaning}, as in a stale read" if stale else meaning, "Elle", level)


_ITEMS = ("G-single", "G-nonadjacent", "G2-item")

ANOMALIES: tuple[AnomalyRow, ...] = (
    _cycle("G0", "a cycle of writes that overwrite each other", "Adya, chapter 3"),
    AnomalyRow("G1a", (), "a committed read of a value whose writer aborted", "Adya, chapter 3"),
    AnomalyRow("G1b", (), "a read of a value that its writer overwrote before it committed",
               "Adya, chapter 3"),
    _cycle("G1c", "a cycle of write and read dependencies: information flows in a circle",
           "Adya, chapter 3"),
    AnomalyRow("fractured-read",
               ("causality-violation", "G-single", "fractured-read-process"),
               "a transaction saw one write of another but missed a second one", "Bailis"),
    AnomalyRow("causality-violation",
               ("prefix-violation", "G-single", "causality-violation-process"),
               "a transaction missed a write that causally precedes something it saw",
               "Cerone, figure 1"),
    AnomalyRow("prefix-violation", ("G-nonadjacent", "prefix-violation-process"),
               "a cycle in which each anti-dependency follows a read dependency: no one order of "
               "commits has every snapshot as a prefix",
               "CG, characterisation of SI without its conflict rule"),
    _cycle("G-single", "a cycle with exactly one anti-dependency, as in read skew",
           "Adya, chapter 4"),
    _cycle("G-nonadjacent",
           "a cycle in which no two anti-dependencies stand next to each other, as in a long fork",
           "CG, characterisation of SI"),
    _cycle("G2-item", "a cycle with anti-dependencies on items, as in write skew",
           "Adya, chapter 3"),
    *_ordered(Level.PROCESS, "G0", "G1c"),
    AnomalyRow("fractured-read-process", ("causality-violation-process", "G-single-process"),
               "a transaction missed a write of an earlier transaction of its session, or saw one "
               "write of another and missed a second one", "Biswas, axiom Read Atomic"),
    AnomalyRow("causality-violation-process", ("prefix-violation-process", "G-single-process"),
               "a transaction missed a write that precedes it through reads and sessions",
               "Biswas, axiom Causal Consistency"),
    AnomalyRow("prefix-violation-process", ("G-nonadjacent-process",),
               "prefix-violation with the order of a session among its edges",
               "Biswas, axiom Prefix"),
    *_ordered(Level.PROCESS, *_ITEMS),
    *_ordered(Level.REALTIME, "G0", "G1c", *_ITEMS),
    _cycle("G-single-predicate",
           "a cycle with exactly one anti-dependency, which is one by predicate",
           "Adya, chapter 4"),
    _cycle("G-nonadjacent-predicate", "G-nonadjacent with anti-dependencies by predicate",
           "Adya, chapter 4"),
    _cycle("G2", "a cycle with anti-dependencies by predicate, as in a phantom",
           "Adya, chapter 3"),
    *_ordered(Level.PROCESS, *PHANTOMS.values()),
    *_ordered(Level.REALTIME, *PHANTOMS.values()),
    AnomalyRow("predicate-read-miss", ("G2",),
               "a read by predicate without a key that matches in every state that it ever had",
               "Elle"),
    AnomalyRow("internal", (),
               "a read that contradicts what the same transaction read or wrote before",
               "Cerone, axiom INT"),
    AnomalyRow("future-read", ("G1c",),
               "a transaction read what it only wrote later", "Adya, chapter 3"),
    AnomalyRow("dirty-update", ("G1a",),
               "a committed write on top of one that aborted", "Elle"),
    AnomalyRow("lost-update", ("G-single",),
               "a transaction read a version and overwrote it, and another wrote in between",
               "Berenson, P4"),
    AnomalyRow("incompatible-order", ("G1a",),
               "two committed reads that can't come from one order of versions",
               "Elle"),
    AnomalyRow("duplicate-elements", (),
               "one write that took effect more than once", "Elle"),
    AnomalyRow("garbage-read", (), "a read of a value that nobody wrote", "Elle"),
    AnomalyRow("mismatch", (),
               "an answer with other micro-operations than were asked for", "this project"),
    AnomalyRow("cyclic-versions", (),
               "the order of a key's versions, as far as it is known, is a circle",
               "Elle"),
    AnomalyRow("long-fork", ("prefix-violation",),
               "two readers saw two independent writes in opposite orders", "Sovran"),
    AnomalyRow("unexplained-reads", (),
               "no order of the versions explains the reads under the model", "Adya, chapter 3"),
)  # fmt: skip
"""Every kind of anomaly that the transaction checkers report."""


MEANINGS = {row.name: row.meaning for row in ANOMALIES}
"""What each kind of anomaly means."""

_ANOMALY = {row.name: row for row in ANOMALIES}
_WEAKER: dict[str, frozenset[str]] = {}
_FORBIDDEN: dict[str, frozenset[str]] = {}
for _row in MODELS:
    _WEAKER[_row.name] = frozenset({_row.name}).union(*(_WEAKER[name] for name in _row.implies))
    _FORBIDDEN[_row.name] = frozenset(_row.forbids).union(
        *(_FORBIDDEN[name] for name in _row.implies)
    )


def _closed(kind: str) -> frozenset[str]:
    """Return a kind and all that it is a special case of."""
    closed: set[str] = set()
    waiting = [kind]
    while waiting:  # what is closed has its implied kinds closed or waiting
        one = waiting.pop()
        if one not in closed:
            closed.add(one)
            waiting.extend(_ANOMALY[one].implies)
    return frozenset(closed)


_CLOSED = {kind: _closed(kind) for kind in _ANOMALY}


class Standing(NamedTuple):
    """What a set of anomalies says of the models.

    Attributes:
        violated: every model that is ruled out, weakest first.
        weakest: those of them that imply no other violated one.
        strongest: models that are decided, still stand, and are implied by no other such model.
    """

    violated: tuple[str, ...]
    weakest: tuple[str, ...]
    strongest: tuple[str, ...]


def implied_anomalies(kinds: Iterable[str]) -> frozenset[str]:
    """Return the kinds and all that they are special cases of."""
    return frozenset().union(*(_CLOSED[kind] for kind in kinds))


def is_kind(name: str) -> bool:
    """Return whether there is an anomaly of this name."""
    return name in _ANOMALY


def violates(kind: str, model: str) -> bool:
    """Return whether one anomaly of this kind rules the model out."""
    return not _FORBIDDEN[model].isdisjoint(_CLOSED[kind])


def weaker(model: str) -> frozenset[str]:
    """Return a model and all that it implies."""
    return _WEAKER[model]


def order_of(model: str) -> str:
    """Return what else a model keeps: ``real time``, ``sessions`` or, besides data, ``none``.

    A model that keeps real time keeps sessions too.
    """
    implied = _WEAKER[model]
    if "linearizable" in implied or any(kind.endswith("-realtime") for kind in _FORBIDDEN[model]):
        return "real time"
    sessions = any(kind.endswith("-process") for kind in _FORBIDDEN[model])
    return "sessions" if sessions or not implied.isdisjoint(OF_SESSIONS) else "none"


def standing(
    kinds: Iterable[str], refuted: Sequence[str] = (), unsettled: Container[str] = ()
) -> Standing:
    """Decide which models these anomalies rule out and which still stand.

    The models in ``refuted`` are ruled out besides, and with them all stronger ones. Of those in
    ``unsettled`` nothing is said that the others don't say.
    """
    found = implied_anomalies(kinds)
    violated = [
        row.name for row in MODELS
        if not _FORBIDDEN[row.name].isdisjoint(found) or not _WEAKER[row.name].isdisjoint(refuted)
    ]  # fmt: skip
    weakest = [
        name for name in violated
        if not any(other != name and other in _WEAKER[name] for other in violated)
    ]  # fmt: skip
    # The strongest that stand are sought among the models that are decided; one of which nothing is
    # known neither falls nor stands.
    silent = {*violated, *(row.name for row in MODELS if row.name in unsettled)}
    stands = [row.name for row in MODELS if row.decided and row.name not in silent]
    strongest = [
        name for name in stands
        if not any(other != name and name in _WEAKER[other] for other in stands)
    ]  # fmt: skip
    return Standing(tuple(violated), tuple(weakest), tuple(strongest))
