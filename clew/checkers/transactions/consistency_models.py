"""Consistency models by name: what each forbids, what it implies, and where it is defined.

Names with ``strong-session-`` add the order of each session to their base, names with ``strong-``
real time. Two models have a session's order without saying so: ``causal``, which the literature
defines with it (Biswas; the sessionless definition is ``causal-cerone``), and what is written for
operations one by one (``linearizable`` and below).

Sources, by the short names used in the rows:

- Adya: Adya, "Weak Consistency: A Generalized Theory and Optimistic Implementations for
  Distributed Transactions", PhD thesis, MIT, 1999.
- Bailis: Bailis, Davidson, Fekete, Ghodsi, Hellerstein, Stoica, "Highly Available Transactions",
  VLDB 2014.
- Biswas: Biswas, Enea, "On the Complexity of Checking Transactional Consistency", OOPSLA 2019;
  so too in Plume (Liu et al., OOPSLA 2024) and AWDIT (Moeldrup, Pavlogiannis, PLDI 2025).
- Cerone: Cerone, Bernardi, Gotsman, "A Framework for Transactional Consistency Models with Atomic
  Visibility", CONCUR 2015.
- CG: Cerone, Gotsman, "Analysing Snapshot Isolation", PODC 2016.
- Daudjee: Daudjee, Salem, "Lazy Database Replication with Ordering Guarantees", ICDE 2004; "Lazy
  Database Replication with Snapshot Isolation", VLDB 2006.
- Elle: Kingsbury, Alvaro, "Elle", VLDB 2020, and the names that it accepts.
- ROLA: Liu et al., "ROLA: A New Distributed Transaction Protocol and Its Formal Analysis", FASE
  2018; as update atomic in Cerone, Gotsman, Yang, "Algebraic Laws for Weak Consistency", 2017.
- Sovran: Sovran, Power, Aguilera, Li, "Transactional Storage for Geo-Replicated Systems", SOSP
  2011.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from clew.checkers.table import CHECKERS
from clew.errors import UsageError
from clew.machine.text import nearest


class ModelRow(NamedTuple):
    """One consistency model.

    Attributes:
        aliases: other names by which it is accepted.
        forbids: the anomalies that its own definition adds to those of the weaker models.
        implies: the models next weaker than it.
        source: where it is defined.
        decided: True if a history of these workloads that breaks the model always shows one of
            the forbidden anomalies; only such models are said to stand.
    """

    name: str
    aliases: tuple[str, ...]
    forbids: tuple[str, ...]
    implies: tuple[str, ...]
    source: str
    decided: bool = True


_SESSION = "Daudjee, for serializability and snapshot isolation; here for its base"
_STRONG = "Elle: the base with real time"
_SESSION_BASE = "Biswas: the base with sessions"
_TERRY = "Bailis; Terry et al., PDIS 1994; see the checker sessions"

MODELS: tuple[ModelRow, ...] = (
    ModelRow("read-uncommitted", ("PL-1",),
             ("G0", "duplicate-elements", "garbage-read", "cyclic-versions", "mismatch"), (),
             "Adya, chapter 3"),
    ModelRow("read-committed", ("PL-2",), ("G1a", "G1b", "G1c"), ("read-uncommitted",),
             "Adya, chapter 3"),
    ModelRow("cursor-stability", ("PL-CS",), ("lost-update",), ("read-committed",),
             "Adya, chapter 4", decided=False),
    ModelRow("monotonic-view", ("PL-2L",), (), ("read-committed",), "Adya, chapter 4",
             decided=False),
    ModelRow("monotonic-atomic-view", ("MAV",), (), ("read-committed",), "Bailis", decided=False),
    ModelRow("read-atomic", ("RA",), ("internal", "fractured-read"), ("monotonic-atomic-view",),
             "Cerone, figure 1"),
    ModelRow("update-atomic", ("ROLA", "UA"), ("lost-update",),
             ("read-atomic", "cursor-stability"), "ROLA", decided=False),
    ModelRow("causal-cerone", ("sessionless-causal",), ("causality-violation",), ("read-atomic",),
             "Cerone, figure 1; no order of sessions"),
    ModelRow("consistent-view", ("PL-2+",), ("internal", "G-single", "G-single-predicate"),
             ("cursor-stability", "monotonic-view"), "Adya, chapter 4"),
    ModelRow("parallel-snapshot-isolation", ("PSI",), (),
             ("causal-cerone", "consistent-view", "update-atomic"),
             "Sovran; CG, characterisation of parallel SI"),
    ModelRow("prefix", ("prefix-consistency", "consistent-prefix", "PC"), ("prefix-violation",),
             ("causal-cerone",), "Cerone, figure 1; no order of sessions"),
    ModelRow("forward-consistent-view", ("PL-FCV",), (), ("consistent-view",), "Adya, chapter 4",
             decided=False),
    ModelRow("monotonic-snapshot-read", ("PL-MSR",), (), ("read-committed",), "Adya, chapter 4",
             decided=False),
    ModelRow("snapshot-isolation", ("PL-SI", "SI", "generalized-snapshot-isolation", "GSI"),
             ("G-nonadjacent", "G-nonadjacent-predicate"),
             ("parallel-snapshot-isolation", "prefix", "forward-consistent-view",
              "monotonic-snapshot-read"),
             "CG, characterisation of SI"),
    ModelRow("repeatable-read", ("PL-2.99",), ("internal", "G2-item"),
             ("cursor-stability", "monotonic-atomic-view"), "Adya, chapter 3"),
    ModelRow("update-serializable", ("PL-3U",), (), ("forward-consistent-view",),
             "Adya, chapter 4", decided=False),
    ModelRow("serializable",
             ("PL-3", "conflict-serializable", "view-serializable", "serializability", "1SR",
              "one-copy-serializable", "SER"),
             ("G2-item", "G2"), ("snapshot-isolation", "repeatable-read", "update-serializable"),
             "Adya, chapter 3"),
    ModelRow("monotonic-reads", ("MR",), (), (), _TERRY, decided=False),
    ModelRow("monotonic-writes", ("MW",), (), (), _TERRY, decided=False),
    ModelRow("read-your-writes", ("RYW", "read-my-writes"), (), (), _TERRY, decided=False),
    ModelRow("writes-follow-reads", ("WFR",), (), (), _TERRY, decided=False),
    ModelRow("PRAM", ("FIFO-consistency", "pipelined-RAM"), (),
             ("monotonic-reads", "monotonic-writes", "read-your-writes"), "Bailis",
             decided=False),
    ModelRow("strong-session-read-uncommitted", ("strong-session-PL-1",), ("G0-process",),
             ("read-uncommitted",), _SESSION),
    ModelRow("strong-session-read-committed", ("strong-session-PL-2",), ("G1c-process",),
             ("read-committed", "strong-session-read-uncommitted"), _SESSION),
    ModelRow("strong-session-read-atomic", ("strong-session-RA",), ("fractured-read-process",),
             ("read-atomic", "strong-session-read-committed"), _SESSION_BASE),
    ModelRow("causal",
             ("causal-consistency", "transactional-causal", "transactional-causal-consistency",
              "TCC", "strong-session-causal", "strong-session-causal-cerone"),
             ("causality-violation-process",),
             ("causal-cerone", "strong-session-read-atomic", "PRAM", "writes-follow-reads"),
             "Biswas: with sessions"),
    ModelRow("strong-session-prefix",
             ("strong-session-prefix-consistency", "strong-session-consistent-prefix"),
             ("prefix-violation-process",), ("prefix", "causal"), _SESSION_BASE),
    ModelRow("strong-session-consistent-view",
             ("strong-session-PL-2+", "strong-session-parallel-snapshot-isolation",
              "strong-session-PSI"),
             ("G-single-process", "G-single-predicate-process"),
             ("parallel-snapshot-isolation", "causal"), _SESSION),
    ModelRow("strong-session-snapshot-isolation", ("strong-session-SI", "strong-session-PL-SI"),
             ("G-nonadjacent-process", "G-nonadjacent-predicate-process"),
             ("snapshot-isolation", "strong-session-consistent-view", "strong-session-prefix"),
             _SESSION),
    ModelRow("sequential", ("sequential-consistency",), (), ("PRAM", "writes-follow-reads"),
             "Lamport, 1979, for operations one by one; see the checker sequential",
             decided=False),
    ModelRow("strong-session-serializable",
             ("strong-session-PL-3", "session-serializable", "strong-session-1SR"),
             ("G2-item-process", "G2-process"),
             ("serializable", "strong-session-snapshot-isolation", "sequential"), _SESSION),
    ModelRow("strong-read-uncommitted", ("strong-PL-1",), ("G0-realtime",),
             ("strong-session-read-uncommitted",), _STRONG),
    ModelRow("strong-read-committed", ("strong-PL-2",), ("G1c-realtime",),
             ("strong-session-read-committed", "strong-read-uncommitted"), _STRONG),
    ModelRow("strong-consistent-view",
             ("strong-PL-2+", "strong-parallel-snapshot-isolation", "strong-PSI"),
             ("G-single-realtime", "G-single-predicate-realtime"),
             ("strong-session-consistent-view", "strong-read-committed"), _STRONG),
    ModelRow("strong-snapshot-isolation", ("strong-SI", "strong-PL-SI"),
             ("G-nonadjacent-realtime", "G-nonadjacent-predicate-realtime"),
             ("strong-session-snapshot-isolation", "strong-consistent-view"), _STRONG),
    ModelRow("linearizable", ("linearizability", "atomic-consistency"), (), ("sequential",),
             "Herlihy and Wing, TOPLAS 1990, for operations one by one; see the checker register",
             decided=False),
    ModelRow("strict-serializable",
             ("strong-serializable", "PL-SS", "strict-serializability", "strong-PL-3",
              "strong-1SR"),
             ("G2-item-realtime", "G2-realtime"),
             ("strong-session-serializable", "strong-snapshot-isolation", "linearizable"),
             "Adya, chapter 3; Herlihy and Wing, TOPLAS 1990"),
)  # fmt: skip
"""Every consistency model, each after the models it implies."""

OF_SESSIONS = frozenset(
    {"monotonic-reads", "monotonic-writes", "read-your-writes", "writes-follow-reads"}
)
"""The least that some models promise of the order of sessions, though no anomaly shows it."""

_NAMES = {name.lower(): row.name for row in MODELS for name in (row.name, *row.aliases)}


def resolve_models(names: Sequence[str]) -> tuple[str, ...]:
    """Return the models' own names, in the order asked, each once.

    Names are read without regard to case, with ``_`` or spaces for ``-``, with or without a
    leading colon.

    Raises:
        UsageError: no such model, or none at all.
    """
    asked = [names] if isinstance(names, str) else list(names)
    if not asked:
        raise UsageError("no consistency model is named", expected=f"one of {_listed()}")
    return tuple(dict.fromkeys(_resolve(name) for name in asked))


def known_model(name: str) -> str | None:
    """Return the own name of the model that is called so; None if none is."""
    return _NAMES.get(plain_name(name))


def nearest_model(name: str) -> str | None:
    """Return the own name of a model that is called much like this; None if none is."""
    near = nearest(plain_name(name), _NAMES, cutoff=0.8)
    return _NAMES[near] if near else None


def advice(model: str) -> str:
    """Say how a history is held to a model, where its name alone won't do."""
    way = _OTHERWISE.get(model)
    if way is None:
        option = f"consistency-models={model}"
        way = f"--model list-append:{option} or, of registers, --model rw-register:{option}"
    return f"{model} is a consistency model: say {way}"


_OTHERWISE = {
    "linearizable": "--model register, cas-register, key-value or another specification",
    "PRAM": "--model causal:model=PRAM",
    **{name: f"--model sessions:guarantees={name}" for name in sorted(OF_SESSIONS)},
}
"""What judges operations one by one, where that is what a model is about."""


def _resolve(name: str) -> str:
    found = known_model(name)
    if found is not None:
        return found
    plain = plain_name(name)
    if plain in CHECKERS:
        fix = f"{plain} is a checker, no consistency model: say --model {plain}"
        raise no_such("consistency model", name, _listed(), fix)
    near = nearest(plain, _NAMES, cutoff=0.5)
    raise no_such("consistency model", name, _listed(), near and f"Perhaps {_NAMES[near]} is meant")


def no_such(what: str, name: str, known: str, fix: str | None) -> UsageError:
    """Make the error for a name that is none of those that are known."""
    return UsageError(f"unknown {what}", expected=f"one of {known}", found=repr(name), fix=fix)


def plain_name(name: str) -> str:
    """Return a name without the differences in writing that don't count."""
    return name.strip().lstrip(":").lower().replace("_", "-").replace(" ", "-")


def _listed() -> str:
    return ", ".join(row.name for row in MODELS)
