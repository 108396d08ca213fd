"""Every checker by name: what it promises, what it costs, where it comes from.

One literal table. ``clew check --model NAME[:KEY=VALUE]`` makes a checker from a row,
``clew list checkers`` and the reference print the rows. A checker's module is loaded when one is
made, so that listing them is quick.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from importlib import import_module

from clew.checkers.entry import (
    KEYED,
    MODELS,
    Entry,
    Option,
    any_value,
    flag,
    nil_reads,
    recency,
    share,
    whole,
    words,
)
from clew.errors import UsageError

_INITIAL = Option("initial", "the value before the first write; nil", any_value)
_NIL_READS = Option(
    "nil-reads",
    "value: a read of nil read the initial value nil; any: its value was not recorded and it "
    "fits every state, as Knossos has it; value",
    nil_reads,
)
_NODES = Option("nodes", "the replicas, where the history does not name them all", words)
_KAFKA = (
    "send poll txn assign subscribe commit_offsets list_committed_offsets crash "
    "debug-topic-partitions"
)

_UNACKNOWLEDGED = (
    "values whose sender was never answered: any replica may have them, and forget them again"
)

_LINEARIZABLE = (
    "O(n log n) for most histories of unique values, quick for most others; exponential at worst"
)
_HERLIHY = "Herlihy and Wing, TOPLAS 1990; Lowe, 2017; Gibbons and Korach, 1997"


def _linearizable(name: str, what: str, *options: Option) -> Entry:
    if name not in _OWN_KEYS:
        options = (*options, KEYED)
    return Entry(name, f"linearizable {what}", _LINEARIZABLE, _HERLIHY, options=options)


_OWN_KEYS = frozenset({"multi-register", "key-value", "id-generator"})
"""The objects whose values say themselves whether they begin with a key."""


CHECKERS: Mapping[str, Entry] = {
    entry.name: entry
    for entry in (
        _linearizable("register", "register: read, write; with keys too", _INITIAL, _NIL_READS),
        _linearizable(
            "cas-register", "register: read, write, cas; with keys too", _INITIAL, _NIL_READS
        ),
        _linearizable(
            "multi-register", "registers, several in one operation", _INITIAL, _NIL_READS
        ),
        _linearizable("key-value", "store: get, put, append, cas, delete by key", _INITIAL),
        _linearizable(
            "counter",
            "counter: add, increment, decrement, read",
            Option("initial", "the sum before the first operation; 0", whole),
        ),
        _linearizable("set", "set: add, remove, contains, read"),
        _linearizable("fifo-queue", "first-in first-out queue: enqueue, dequeue"),
        _linearizable("stack", "stack: push, pop"),
        _linearizable("priority-queue", "priority queue: insert, remove"),
        _linearizable("mutex", "mutex: acquire, release"),
        _linearizable("fenced-lock", "lock whose acquire gives a growing token"),
        _linearizable("append-log", "log: append, read"),
        _linearizable(
            "id-generator",
            "generator of ids that are never given twice",
            Option("increasing", "whether each must be larger than all before; false", flag),
        ),
        Entry(
            "list-append",
            "transactions of r and append show no anomaly that the models forbid",
            "O(n log n) where nothing is wrong",
            "Kingsbury and Alvaro, Elle, VLDB 2020; Adya, 1999",
            "clew.checkers.transactions:ListAppend",
            (MODELS,),
            timeless=True,
        ),
        Entry(
            "rw-register",
            "transactions of r and w show no anomaly that the models forbid",
            "O(n log n) where the version order is known",
            "Kingsbury and Alvaro, Elle, VLDB 2020; Adya, 1999",
            "clew.checkers.transactions:RwRegister",
            (
                MODELS,
                Option(
                    "version-orders",
                    "what is assumed of the order of versions, of initial-state, "
                    "writes-follow-reads, sequential-keys, linearizable-keys, transaction-order, "
                    "parted by commas; from Python, version_orders={key: [value, ...]} gives the "
                    "orders themselves; the first two",
                    words,
                ),
                _INITIAL,
            ),
            timeless=True,
        ),
        Entry(
            "closed-predicate",
            "transactions that read by predicate show no anomaly that the models forbid",
            "O(n log n + predicate reads * keys) where nothing is wrong",
            "Adya, 1999; Elle's closed-predicate workload",
            "clew.checkers.transactions:ClosedPredicate",
            (MODELS,),
            functions="init txn",
        ),
        Entry(
            "bank",
            "every read shows the same total; no balance is negative or nil",
            "O(n)",
            "Jepsen's bank workload",
            "clew.checkers.transactions:Bank",
            (
                Option("negative-balances", "whether a balance may be negative; false", flag),
                Option("total", "what the balances add up to; that of the first read", whole),
            ),
            timeless=True,
            functions="read transfer",
        ),
        Entry(
            "long-fork",
            "no two reads see two writes in opposite orders",
            "O(n log n)",
            "Jepsen's long-fork workload; Sovran et al., SOSP 2011",
            "clew.checkers.transactions:LongFork",
            timeless=True,
            functions="read write txn",
        ),
        Entry(
            "adya-g2",
            "of two inserts that exclude each other at most one commits",
            "O(n)",
            "Adya, 1999; Jepsen's adya workload",
            "clew.checkers.transactions:AdyaG2",
            timeless=True,
            functions="insert read",
        ),
        Entry(
            "causal-reverse",
            "no read sees a write without one that was acknowledged before it began",
            "O(n log n)",
            "Jepsen's causal-reverse workload",
            "clew.checkers.transactions:CausalReverse",
            functions="read write",
        ),
        Entry(
            "sequential",
            "one order of all reads and writes keeps each session's order",
            "O(nk log n) for k sessions where that decides, then a search",
            "Lamport, 1979; Zennou et al., CAV 2019",
            "clew.checkers.registers.sequential:Sequential",
            (_INITIAL,),
        ),
        Entry(
            "causal",
            "reads of unique values are causally consistent",
            "O(nk log n) for k sessions; PRAM and CM that for each session",
            "Bouajjani et al., POPL 2017",
            "clew.checkers.registers.causal:Causal",
            (Option("model", "PRAM, CC, CCv or CM; CC", str), _INITIAL),
        ),
        Entry(
            "sessions",
            "each session reads what it may rely on",
            "O(n) where nothing is wrong",
            "Terry et al., PDIS 1994; Viotti and Vukolic, 2016",
            "clew.checkers.registers.sessions:Sessions",
            (
                Option(
                    "guarantees",
                    "of monotonic-reads, read-your-writes, monotonic-writes, "
                    "writes-follow-reads, parted by commas; all",
                    words,
                ),
                _INITIAL,
            ),
        ),
        Entry(
            "atomicity",
            "each read of unique values returns one of the last k written",
            "O(n log n) where it is atomic, else a search",
            "Golab, Hurwitz and Li, ICDCS 2013",
            "clew.checkers.registers.atomicity:Atomicity",
            (Option("k", "how many of the last values a read may return; 2", whole), _INITIAL),
        ),
        Entry(
            "staleness",
            "each read of unique values returns one that was current so long ago at most",
            "O(n log n log t) for t ns of history",
            "Golab, Li and Shah, PODC 2011",
            "clew.checkers.registers.staleness:Staleness",
            (Option("bound-ns", "how long ago, in ns; 0", whole), _INITIAL),
            {"bound_ns": 0},
        ),
        Entry(
            "kafka",
            "logs lose, repeat and reorder no message; polls skip none",
            "O(n log n)",
            "the Kafka workloads of Jepsen and Maelstrom",
            "clew.checkers.kafka:Kafka",
            (
                Option(
                    "recency",
                    "how soon what was acknowledged must show: eventual, at the end; session, a "
                    "list of committed offsets also shows the commits of its own client and node; "
                    "strong, in every poll and list; session",
                    recency,
                ),
            ),
            functions=_KAFKA,
            leaves_out="cycles with the order of writes (G0), as transactions interleave in a log; "
            "how soon a message or a commit shows, but for what `recency` asks; the order between "
            "two operations of a client that subscribed; aborted reads by transactions that did "
            "not commit. The verdict tells which of the last three the history holds",
        ),
        Entry(
            "total-queue",
            "what was enqueued is dequeued, nothing else, and once",
            "O(n)",
            "Jepsen's total-queue",
            "clew.checkers.collections.queues:TotalQueue",
            (Option("at-least-once", "whether it may come out more than once; false", flag),),
            functions="enqueue dequeue drain",
            one_object=True,
        ),
        Entry(
            "fifo-intervals",
            "no element is lost, invented, doubled, or surely out of order",
            "O(n log n)",
            "Henzinger, Sezgin and Vafeiadis, CONCUR 2013",
            "clew.checkers.collections.queues:FifoQueue",
            fixed={"name": "fifo-intervals"},
            leaves_out="the order of values that were enqueued more than once",
            functions="enqueue dequeue drain",
            one_object=True,
        ),
        Entry(
            "mutex-intervals",
            "no two clients surely held the lock at once; tokens grow",
            "O(n log n)",
            "Jepsen's mutex workloads; Gray and Cheriton, SOSP 1989",
            "clew.checkers.simple.mutex_intervals:MutexIntervals",
            (Option("leases", "whether a lock may expire; false", flag),),
            functions="acquire release",
            one_object=True,
        ),
        Entry(
            "set-full",
            "no element that was known to be in the set is lost",
            "O(n + size of the reads)",
            "Jepsen's set-full",
            "clew.checkers.collections.set_full:SetFull",
            (
                Option("linearizable", "whether stale reads are wrong too; false", flag),
                Option("by-replica", "whether each replica is judged alone; false", flag),
            ),
            functions="add read",
            one_object=True,
        ),
        Entry(
            "broadcast",
            "every acknowledged value reaches every node, nothing else shows",
            "O(n + size of the reads)",
            "Maelstrom's broadcast workload; Jepsen's set-full",
            "clew.checkers.replicated.convergence:Convergence",
            (_NODES, Option("monotonic", "whether a node may not forget; true", flag)),
            {"f_add": "broadcast", "name": "broadcast"},
            leaves_out=_UNACKNOWLEDGED,
            functions="broadcast read",
            one_object=True,
        ),
        Entry(
            "g-set",
            "every acknowledged element reaches every replica, nothing else shows",
            "O(n + size of the reads)",
            "Shapiro et al., SSS 2011; Jepsen's set-full",
            "clew.checkers.replicated.convergence:Convergence",
            (_NODES, Option("monotonic", "whether a replica may not forget; true", flag)),
            {"f_add": "add", "name": "g-set"},
            leaves_out=_UNACKNOWLEDGED,
            functions="add read",
            one_object=True,
        ),
        Entry(
            "g-counter",
            "final reads agree on a possible sum of the adds; no replica goes down",
            "O(n log n) and the sums of unknown adds",
            "Shapiro et al., SSS 2011",
            "clew.checkers.replicated.counters:Counter",
            (_NODES,),
            {"name": "g-counter"},
            functions="add read",
            one_object=True,
        ),
        Entry(
            "pn-counter",
            "final reads agree on a possible sum of the adds",
            "O(n log n) and the sums of unknown adds",
            "Shapiro et al., SSS 2011",
            "clew.checkers.replicated.counters:Counter",
            (_NODES,),
            {"name": "pn-counter", "monotonic": False},
            functions="add read",
            one_object=True,
        ),
        Entry(
            "interval-counter",
            "each read lies between the adds surely over and those that may have begun",
            "O(n log n)",
            "Jepsen's counter check",
            "clew.checkers.replicated.counters:IntervalCounter",
            functions="add read",
            one_object=True,
        ),
        Entry(
            "unique-ids",
            "no id is acknowledged twice",
            "O(n)",
            "Maelstrom's unique-ids workload",
            "clew.checkers.simple.unique_ids:UniqueIds",
            leaves_out="the ids of operations that failed or were never answered",
            timeless=True,
            functions="generate",
        ),
        Entry(
            "echo",
            "each reply carries its request's value",
            "O(n)",
            "Maelstrom's echo workload",
            "clew.checkers.simple.echo:Echo",
            functions="echo",
        ),
        Entry(
            "availability",
            "every operation, or a fraction of them, is answered",
            "O(n)",
            "Maelstrom's availability check; Gilbert and Lynch, 2002",
            "clew.checkers.simple.availability:Availability",
            (Option("required", "total, or the least fraction answered; total", share),),
        ),
        Entry(
            "statistics",
            "each function was acknowledged at least once",
            "O(n log n)",
            "Jepsen's stats check",
            "clew.checkers.simple.statistics:Statistics",
        ),
    )
}
"""Name -> row, in the order that they are listed."""


ALIASES: Mapping[str, str] = {
    # what others call it: its name here
    "kv": "key-value",
    "lin-kv": "cas-register",
    "cas": "cas-register",
    "queue": "fifo-queue",
    "lock": "mutex",
    "log": "append-log",
    "append": "list-append",
    "txn-list-append": "list-append",
    "elle-append": "list-append",
    "elle-list-append": "list-append",
    "wr": "rw-register",
    "txn-rw-register": "rw-register",
    "elle-wr": "rw-register",
    "elle-rw-register": "rw-register",
    "knossos-register": "register",
    "knossos-cas-register": "cas-register",
    "knossos-multi-register": "multi-register",
    "knossos-mutex": "mutex",
    "knossos-fifo-queue": "fifo-queue",
    "knossos-set": "set",
    "jepsen-bank": "bank",
    "jepsen-counter": "interval-counter",
    "jepsen-set": "set-full",
    "jepsen-set-full": "set-full",
    "jepsen-total-queue": "total-queue",
    "jepsen-unique-ids": "unique-ids",
    "jepsen-long-fork": "long-fork",
    "jepsen-sequential": "sequential",
    "jepsen-kafka": "kafka",
    "ids": "unique-ids",
    "g2": "adya-g2",
}
"""Names that other tools and papers use -> the checker of `CHECKERS`."""


def parse_model(text: str) -> tuple[str, dict[str, str]]:
    """The name and the options in ``NAME[:KEY=VALUE[:KEY=VALUE...]]``.

    Raises:
        UsageError: an option has no value, or stands twice.
    """
    name, *parts = text.split(":")
    options: dict[str, str] = {}
    for part in parts:
        key, equals, value = part.partition("=")
        if not equals or not key or key in options:
            raise UsageError(
                "an option of the model is wrong",
                where=f"--model {text}",
                expected="NAME or NAME:KEY=VALUE, each key once",
                found=repr(part),
                fix=None if equals else _as_an_option(part),
            )
        options[key] = value
    return name, options


def find(name: str) -> Entry:
    """The row of this name, or of the one that it is another word for.

    Raises:
        UsageError: there is none; the message names the nearest and all.
    """
    entry = CHECKERS.get(ALIASES.get(name, name))
    if entry is not None:
        return entry
    raise UsageError(
        "unknown checker",
        where=f"--model {name}",
        expected=", ".join(CHECKERS),
        found=repr(name),
        fix=_as_a_checker(name),
    )


def _as_a_checker(name: str) -> str:
    """What may be meant by a name that no checker has."""
    models = import_module(_CONSISTENCY_MODELS)
    near = difflib.get_close_matches(name, [*CHECKERS, *ALIASES], n=1)
    model = models.known_model(name) or (None if near else models.nearest_model(name))
    if model is not None:
        advice: str = models.advice(model)
        return advice
    return f"The nearest is {near[0]}" if near else "clew list checkers describes each"


def _as_an_option(part: str) -> str | None:
    """How to name a consistency model where an option is expected; None where it is none."""
    model = import_module(_CONSISTENCY_MODELS).known_model(part)
    return None if model is None else f"Say consistency-models={model}"


_CONSISTENCY_MODELS = "clew.checkers.transactions.consistency_models"
