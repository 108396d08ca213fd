"""Consistency models, what each forbids, and which of them a set of anomalies leaves standing.

Two tables, each row with its source. `ANOMALIES` says what each anomaly is and which others it is
a special case of: a history with a G0 also has a G1c in Adya's sense, where "cycle of ww and wr
edges" asks for no wr edge. `MODELS` says which anomalies each model forbids by its own definition
and which weaker models it implies; a model forbids all that they forbid.

Sources, by the short names used in the rows:

- Adya: Adya, "Weak Consistency: A Generalized Theory and Optimistic Implementations for
  Distributed Transactions", PhD thesis, MIT, 1999.
- ALO: Adya, Liskov, O'Neil, "Generalized Isolation Level Definitions", ICDE 2000.
- Bailis: Bailis, Davidson, Fekete, Ghodsi, Hellerstein, Stoica, "Highly Available Transactions",
  VLDB 2014.
- Berenson: Berenson et al., "A Critique of ANSI SQL Isolation Levels", SIGMOD 1995.
- Cerone: Cerone, Bernardi, Gotsman, "A Framework for Transactional Consistency Models with Atomic
  Visibility", CONCUR 2015.
- CG: Cerone, Gotsman, "Analysing Snapshot Isolation", PODC 2016.
- Daudjee: Daudjee, Salem, "Lazy Database Replication with Ordering Guarantees", ICDE 2004; "Lazy
  Database Replication with Snapshot Isolation", VLDB 2006.
- Elle: Kingsbury, Alvaro, "Elle", VLDB 2020.
- Sovran: Sovran, Power, Aguilera, Li, "Transactional Storage for Geo-Replicated Systems", SOSP
  2011.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from difflib import get_close_matches
from typing import NamedTuple

from clew.errors import UsageError


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


class ModelRow(NamedTuple):
    """One consistency model.

    Attributes:
        aliases: other names by which it is accepted.
        forbids: the anomalies that its own definition adds to those of the weaker models.
        implies: the models next weaker than it.
        source: where it is defined.
        decided: True where a history of these workloads that breaks the model always shows one of
            the forbidden anomalies; only such models are said to stand.
    """

    name: str
    aliases: tuple[str, ...]
    forbids: tuple[str, ...]
    implies: tuple[str, ...]
    source: str
    decided: bool = True


ANOMALIES: tuple[AnomalyRow, ...] = (
    AnomalyRow("G0", ("G1c", "G0-process"), "a cycle of writes that overwrite each other",
               "Adya, chapter 3"),
    AnomalyRow("G1a", (), "a committed read of a value whose writer aborted", "Adya, chapter 3"),
    AnomalyRow("G1b", (), "a read of a value that its writer overwrote before it committed",
               "Adya, chapter 3"),
    AnomalyRow("G1c", ("G-single", "G1c-process"),
               "a cycle of write and read dependencies: information flows in a circle",
               "Adya, chapter 3"),
    AnomalyRow("fractured-read", ("causality-violation", "G-single"),
               "a transaction saw one write of another but missed a second one", "Bailis"),
    AnomalyRow("causality-violation", ("prefix-violation", "G-single"),
               "a transaction missed a write that causally precedes something it saw",
               "Cerone, figure 1"),
    AnomalyRow("prefix-violation", ("G-nonadjacent",),
               "a cycle in which each anti-dependency follows a read dependency: no one order of "
               "commits has every snapshot as a prefix",
               "CG, characterisation of SI without its conflict rule"),
    AnomalyRow("G-single", ("G-nonadjacent", "G-single-process"),
               "a cycle with exactly one anti-dependency, as in read skew", "Adya, chapter 4"),
    AnomalyRow("G-nonadjacent", ("G2-item", "G-nonadjacent-process"),
               "a cycle in which no two anti-dependencies stand next to each other, as in a long "
               "fork", "CG, characterisation of SI"),
    AnomalyRow("G2-item", ("G2-item-process",),
               "a cycle with anti-dependencies on items, as in write skew", "Adya, chapter 3"),
    AnomalyRow("G0-process", ("G1c-process", "G0-realtime"),
               "G0 with the order of a session among its edges", "Elle"),
    AnomalyRow("G1c-process", ("G-single-process", "G1c-realtime"),
               "G1c with the order of a session among its edges", "Elle"),
    AnomalyRow("G-single-process", ("G-nonadjacent-process", "G-single-realtime"),
               "G-single with the order of a session among its edges", "Elle"),
    AnomalyRow("G-nonadjacent-process", ("G2-item-process", "G-nonadjacent-realtime"),
               "G-nonadjacent with the order of a session among its edges", "Elle"),
    AnomalyRow("G2-item-process", ("G2-item-realtime",),
               "G2-item with the order of a session among its edges", "Elle"),
    AnomalyRow("G0-realtime", ("G1c-realtime",),
               "G0 with real time among its edges", "Elle"),
    AnomalyRow("G1c-realtime", ("G-single-realtime",),
               "G1c with real time among its edges", "Elle"),
    AnomalyRow("G-single-realtime", ("G-nonadjacent-realtime",),
               "G-single with real time among its edges, as in a stale read", "Elle"),
    AnomalyRow("G-nonadjacent-realtime", ("G2-item-realtime",),
               "G-nonadjacent with real time among its edges", "Elle"),
    AnomalyRow("G2-item-realtime", (),
               "G2-item with real time among its edges", "Elle"),
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


_SESSION = "Daudjee, for serializability and snapshot isolation; here for its base"
_STRONG = "Elle: the base with real time"

MODELS: tuple[ModelRow, ...] = (
    ModelRow(
        "read-uncommitted",
        ("PL-1",),
        ("G0", "duplicate-elements", "garbage-read", "cyclic-versions", "mismatch"),
        (),
        "Adya, chapter 3",
    ),
    ModelRow(
        "read-committed", ("PL-2",), ("G1a", "G1b", "G1c"), ("read-uncommitted",), "Adya, chapter 3"
    ),
    ModelRow(
        "cursor-stability",
        ("PL-CS",),
        ("lost-update",),
        ("read-committed",),
        "Adya, chapter 4",
        decided=False,
    ),
    ModelRow(
        "monotonic-view", ("PL-2L",), (), ("read-committed",), "Adya, chapter 4", decided=False
    ),
    ModelRow("monotonic-atomic-view", ("MAV",), (), ("read-committed",), "Bailis", decided=False),
    ModelRow(
        "read-atomic",
        ("RA",),
        ("internal", "fractured-read"),
        ("monotonic-atomic-view",),
        "Cerone, figure 1",
    ),
    ModelRow(
        "causal",
        ("causal-cerone", "causal-consistency", "transactional-causal"),
        ("causality-violation",),
        ("read-atomic",),
        "Cerone, figure 1",
    ),
    ModelRow(
        "consistent-view",
        ("PL-2+",),
        ("internal", "G-single"),
        ("cursor-stability", "monotonic-view"),
        "Adya, chapter 4",
    ),
    ModelRow(
        "parallel-snapshot-isolation",
        ("PSI",),
        (),
        ("causal", "consistent-view"),
        "Sovran; CG, characterisation of parallel SI",
    ),
    ModelRow(
        "prefix",
        ("prefix-consistency", "consistent-prefix"),
        ("prefix-violation",),
        ("causal",),
        "Cerone, figure 1",
    ),
    ModelRow(
        "forward-consistent-view",
        ("PL-FCV",),
        (),
        ("consistent-view",),
        "Adya, chapter 4",
        decided=False,
    ),
    ModelRow(
        "monotonic-snapshot-read",
        ("PL-MSR",),
        (),
        ("read-committed",),
        "Adya, chapter 4",
        decided=False,
    ),
    ModelRow(
        "snapshot-isolation",
        ("PL-SI", "SI"),
        ("G-nonadjacent",),
        (
            "parallel-snapshot-isolation",
            "prefix",
            "forward-consistent-view",
            "monotonic-snapshot-read",
        ),
        "CG, characterisation of SI",
    ),
    ModelRow(
        "repeatable-read",
        ("PL-2.99",),
        ("internal", "G2-item"),
        ("cursor-stability", "monotonic-atomic-view"),
        "Adya, chapter 3",
    ),
    ModelRow(
        "update-serializable",
        ("PL-3U",),
        (),
        ("forward-consistent-view",),
        "Adya, chapter 4",
        decided=False,
    ),
    ModelRow(
        "serializable",
        ("PL-3", "conflict-serializable", "serializability"),
        ("G2-item",),
        ("snapshot-isolation", "repeatable-read", "update-serializable"),
        "Adya, chapter 3",
    ),
    ModelRow(
        "strong-session-read-uncommitted",
        ("strong-session-PL-1",),
        ("G0-process",),
        ("read-uncommitted",),
        _SESSION,
    ),
    ModelRow(
        "strong-session-read-committed",
        ("strong-session-PL-2",),
        ("G1c-process",),
        ("read-committed", "strong-session-read-uncommitted"),
        _SESSION,
    ),
    ModelRow(
        "strong-session-consistent-view",
        ("strong-session-PL-2+", "strong-session-parallel-snapshot-isolation"),
        ("G-single-process",),
        ("parallel-snapshot-isolation", "strong-session-read-committed"),
        _SESSION,
    ),
    ModelRow(
        "strong-session-snapshot-isolation",
        ("strong-session-SI", "strong-session-PL-SI"),
        ("G-nonadjacent-process",),
        ("snapshot-isolation", "strong-session-consistent-view"),
        _SESSION,
    ),
    ModelRow(
        "strong-session-serializable",
        ("strong-session-PL-3", "session-serializable"),
        ("G2-item-process",),
        ("serializable", "strong-session-snapshot-isolation"),
        _SESSION,
    ),
    ModelRow(
        "strong-read-uncommitted",
        ("strong-PL-1",),
        ("G0-realtime",),
        ("strong-session-read-uncommitted",),
        _STRONG,
    ),
    ModelRow(
        "strong-read-committed",
        ("strong-PL-2",),
        ("G1c-realtime",),
        ("strong-session-read-committed", "strong-read-uncommitted"),
        _STRONG,
    ),
    ModelRow(
        "strong-consistent-view",
        ("strong-PL-2+", "strong-parallel-snapshot-isolation"),
        ("G-single-realtime",),
        ("strong-session-consistent-view", "strong-read-committed"),
        _STRONG,
    ),
    ModelRow(
        "strong-snapshot-isolation",
        ("strong-SI", "strong-PL-SI"),
        ("G-nonadjacent-realtime",),
        ("strong-session-snapshot-isolation", "strong-consistent-view"),
        _STRONG,
    ),
    ModelRow(
        "strict-serializable",
        ("strong-serializable", "PL-SS", "strict-serializability", "strong-PL-3"),
        ("G2-item-realtime",),
        ("strong-session-serializable", "strong-snapshot-isolation"),
        "Adya, chapter 3; Herlihy and Wing, TOPLAS 1990",
    ),
)
"""Every consistency model, each after the models it implies."""

_ANOMALY = {row.name: row for row in ANOMALIES}
_NAMES = {name.lower(): row.name for row in MODELS for name in (row.name, *row.aliases)}
_WEAKER: dict[str, frozenset[str]] = {}
_FORBIDDEN: dict[str, frozenset[str]] = {}
for _row in MODELS:
    _WEAKER[_row.name] = frozenset({_row.name}).union(*(_WEAKER[name] for name in _row.implies))
    _FORBIDDEN[_row.name] = frozenset(_row.forbids).union(
        *(_FORBIDDEN[name] for name in _row.implies)
    )


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


def resolve_models(names: Sequence[str]) -> tuple[str, ...]:
    """The models' own names, in the order asked, each once.

    Names are read without regard to case, with ``_`` or spaces for ``-``, with or without a
    leading colon.

    Raises:
        UsageError: no such model, or none at all.
    """
    asked = [names] if isinstance(names, str) else list(names)
    if not asked:
        raise UsageError("no consistency model is named", expected=f"one of {_listed()}")
    return tuple(dict.fromkeys(_resolve(name) for name in asked))


def _resolve(name: str) -> str:
    plain = name.strip().lstrip(":").lower().replace("_", "-").replace(" ", "-")
    found = _NAMES.get(plain)
    if found is not None:
        return found
    near = get_close_matches(plain, list(_NAMES), n=1, cutoff=0.5)
    raise UsageError(
        "unknown consistency model",
        expected=f"one of {_listed()}",
        found=repr(name),
        fix=f"Perhaps {_NAMES[near[0]]} is meant" if near else None,
    )


def _listed() -> str:
    return ", ".join(row.name for row in MODELS)


def implied_anomalies(kinds: Iterable[str]) -> frozenset[str]:
    """The kinds and all that they are special cases of."""
    closed: dict[str, None] = {}
    waiting = list(kinds)
    while waiting:
        kind = waiting.pop()
        if kind not in closed:
            closed[kind] = None
            waiting.extend(_ANOMALY[kind].implies)
    return frozenset(closed)


def violates(kind: str, model: str) -> bool:
    """True where one anomaly of this kind rules the model out."""
    return not _FORBIDDEN[model].isdisjoint(implied_anomalies([kind]))


def weaker(model: str) -> frozenset[str]:
    """A model and all that it implies."""
    return _WEAKER[model]


def standing(
    kinds: Iterable[str], refuted: Sequence[str] = (), unsettled: Container[str] = ()
) -> Standing:
    """Which models these anomalies rule out and which still stand.

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
    silent = {*violated, *(row.name for row in MODELS if row.name in unsettled)}
    stands = [row.name for row in MODELS if row.decided and row.name not in silent]
    strongest = [
        name for name in stands
        if not any(other != name and name in _WEAKER[other] for other in stands)
    ]  # fmt: skip
    return Standing(tuple(violated), tuple(weakest), tuple(strongest))


def anomalies_markdown() -> str:
    """The two tables as Markdown, for the reference pages."""
    lines = ["# Anomalies and consistency models", "", "## Anomalies", ""]
    lines += ["| anomaly | what it is | is also | weakest models it rules out | source |"]
    lines += ["|---|---|---|---|---|"]
    for row in ANOMALIES:
        weakest = ", ".join(standing([row.name]).weakest)
        also = ", ".join(row.implies)
        lines.append(f"| {row.name} | {row.meaning} | {also} | {weakest} | {row.source} |")
    lines += ["", "## Consistency models", ""]
    lines += [
        (
            "A model forbids what it adds and what every model that it implies forbids. A model "
            "that is not decided is only known to be broken when a weaker one is; it is never said "
            "to stand."
        ),
        "",
        "| model | other names | forbids besides | implies | decided | source |",
        "|---|---|---|---|---|---|",
    ]
    for model in MODELS:
        cells = (
            model.name, ", ".join(model.aliases), ", ".join(model.forbids),
            ", ".join(model.implies), "yes" if model.decided else "no", model.source,
        )  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"
