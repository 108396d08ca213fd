"""The table of checkers, a row each: what it promises, what it may find, what it costs, its source.

A new checker is one file and one row here; `clew.checkers.registry` looks rows up. A row says where
its class is and loads it only when one is made, so that listing them is quick.
"""

from __future__ import annotations

from collections.abc import Mapping

from clew.checkers.entry import (
    INITIAL,
    KEYED,
    MODELS,
    NIL_READS,
    NODES,
    CheckerEntry,
    Option,
    flag,
    recency,
    share,
    whole,
    words,
)

_KAFKA = (
    "send poll txn assign subscribe commit_offsets list_committed_offsets crash "
    "debug-topic-partitions"
)

_UNACKNOWLEDGED = "values whose sender was never answered: any replica may have and forget them"

_TRANSACTIONS = "clew.checkers.transactions.lattice:MEANINGS"
_DUPLICATE = "there twice, or given twice"
_MALFORMED = "an answer of the wrong shape"
_SHOWN = {
    "phantom": "shown, and never asked for",
    "duplicate": _DUPLICATE,
    "malformed": _MALFORMED,
}
_REPLICAS = {
    "lost": "acknowledged, and no replica has it",
    "stale": "acknowledged, and some replica does not show it",
    **_SHOWN,
    "disappeared": "shown, and later not shown any more",
}
_COUNTER = {
    "impossible-total": "a counter's total that no set of its additions gives",
    "diverged": "replicas never agreed",
    "out-of-bounds": "a counter showed what it could not have been",
    "malformed": _MALFORMED,
}
_QUEUE = {
    "lost": "acknowledged, and it never came out though the queue was emptied",
    **{kind: _SHOWN[kind] for kind in ("phantom", "duplicate")},
}
_UNWRITTEN = {
    "garbage-read": "a read of a value that nobody wrote",
    "G1a": "a committed read of a value whose writer aborted",
}
_THIN_AIR = {"thin-air-read": "a read of a value that nobody wrote"}

_LINEARIZABLE = (
    "O(n log n) for most histories of unique values, quick for most others; exponential at worst"
)
_HERLIHY = "Herlihy and Wing, TOPLAS 1990; Lowe, 2017; Gibbons and Korach, 1997"


def _linearizable(at: str, name: str, what: str, *options: Option) -> CheckerEntry:
    at = f"clew.checkers.linearizability.specifications.{at}"
    # The values of these say themselves whether they begin with a key.
    if name not in {"multi-register", "key-value", "id-generator"}:
        options = (*options, KEYED)
    kinds = {"nonlinearizable": "no order of the operations explains an answer"}
    return CheckerEntry(
        name, f"linearizable {what}", _LINEARIZABLE, _HERLIHY, at, options, kinds=kinds
    )


_OBJECTS = (
    _linearizable("registers:Register", "register", "register: read, write; with keys too",
                  INITIAL, NIL_READS),
    _linearizable("registers:CasRegister", "cas-register",
                  "register: read, write, cas; with keys too", INITIAL, NIL_READS),
    _linearizable("registers:MultiRegister", "multi-register",
                  "registers, several in one operation", INITIAL, NIL_READS),
    _linearizable("key_value:KeyValue", "key-value",
                  "store: get, put, append, cas, delete by key", INITIAL),
    _linearizable("counting:Counter", "counter", "counter: add, increment, decrement, read",
                  Option("initial", "the sum before the first operation; 0", whole)),
    _linearizable("collections:Set", "set", "set: add, remove, contains, read"),
    _linearizable("collections:FifoQueue", "fifo-queue",
                  "first-in first-out queue: enqueue, dequeue"),
    _linearizable("collections:Stack", "stack", "stack: push, pop"),
    _linearizable("collections:PriorityQueue", "priority-queue", "priority queue: insert, remove"),
    _linearizable("locks:Mutex", "mutex", "mutex: acquire, release"),
    _linearizable("locks:FencedLock", "fenced-lock", "lock whose acquire gives a growing token"),
    _linearizable("counting:AppendLog", "append-log", "log: append, read"),
    _linearizable("counting:IdGenerator", "id-generator",
                  "generator of ids that are never given twice",
                  Option("increasing", "whether each must be larger than all before; false", flag)),
)  # fmt: skip


CHECKERS: Mapping[str, CheckerEntry] = {
    entry.name: entry
    for entry in (
        *_OBJECTS,
        CheckerEntry(
            "list-append",
            "transactions of r and append show no anomaly that the models forbid",
            "O(n log n) where nothing is wrong",
            "Kingsbury and Alvaro, Elle, VLDB 2020; Adya, 1999",
            "clew.checkers.transactions:ListAppend",
            (MODELS,),
            timeless=True,
            kinds=_TRANSACTIONS,
        ),
        CheckerEntry(
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
                INITIAL,
            ),
            timeless=True,
            kinds=_TRANSACTIONS,
        ),
        CheckerEntry(
            "closed-predicate",
            "transactions that read by predicate show no anomaly that the models forbid",
            "O(n log n + predicate reads * keys) where nothing is wrong",
            "Adya, 1999; Elle's closed-predicate workload",
            "clew.checkers.transactions:ClosedPredicate",
            (MODELS,),
            functions="init txn",
            kinds=_TRANSACTIONS,
        ),
        CheckerEntry(
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
            kinds={
                "wrong-total": "a read of balances that add up to another total",
                "negative-balance": "a read of a balance below nothing",
                "nil-balance": "a read without some account's balance",
                "wrong-accounts": "a read of other accounts than the first read had",
            },
        ),
        CheckerEntry(
            "long-fork",
            "no two reads see two writes in opposite orders",
            "O(n log n)",
            "Jepsen's long-fork workload; Sovran et al., SOSP 2011",
            "clew.checkers.transactions:LongFork",
            timeless=True,
            functions="read write txn",
            kinds={
                "long-fork": "two readers saw two independent writes in opposite orders",
                "internal": "a read that shows one key with two values",
                **_UNWRITTEN,
            },
        ),
        CheckerEntry(
            "adya-g2",
            "of two inserts that exclude each other at most one commits",
            "O(n)",
            "Adya, 1999; Jepsen's adya workload",
            "clew.checkers.transactions:AdyaG2",
            timeless=True,
            functions="insert read",
            kinds={
                "G2": "both inserts of a pair that exclude each other committed",
            },
        ),
        CheckerEntry(
            "causal-reverse",
            "no read sees a write without one that was acknowledged before it began",
            "O(n log n)",
            "Jepsen's causal-reverse workload",
            "clew.checkers.transactions:CausalReverse",
            functions="read write",
            kinds={
                "causal-reverse": "a read saw a write, and not one acknowledged before it began",
                "future-read": "a read of a value before its write began",
                "duplicate-elements": "a read that shows a value more than once",
                **_UNWRITTEN,
            },
        ),
        CheckerEntry(
            "sequential",
            "one order of all reads and writes keeps each session's order",
            "O(nk log n) for k sessions where that decides, then a search",
            "Lamport, 1979; Zennou et al., CAV 2019",
            "clew.checkers.registers.sequential:Sequential",
            (INITIAL,),
            kinds={
                "nonsequential": "no order of all sessions' operations explains the reads",
                "initial-read": "a read of the initial value after what must have replaced it",
                **_THIN_AIR,
            },
        ),
        CheckerEntry(
            "causal",
            "reads of unique values are causally consistent",
            "O(nk log n) for k sessions; PRAM and CM that for each session",
            "Bouajjani et al., POPL 2017",
            "clew.checkers.registers.causal:Causal",
            (Option("model", "PRAM, CC, CCv or CM; CC", str), INITIAL),
            kinds={
                "cyclic-co": "causal order is a circle",
                "write-co-read": "a read of a value that its causal past had overwritten",
                "write-co-init-read": "a read of the initial value with a write in its causal past",
                "cyclic-cf": "causal order and the order of conflicting writes make a circle",
                "cyclic-hb": "what a session must have seen happen before makes a circle",
                "write-hb-init-read": "a read of the initial value after another write",
                **_THIN_AIR,
            },
        ),
        CheckerEntry(
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
                INITIAL,
            ),
            kinds={
                "monotonic-reads": "a session read an older value than before",
                "read-your-writes": "a session read a value older than its own write",
                "monotonic-writes": "two writes of one session showed in the opposite order",
                "writes-follow-reads": "a write showed before one that its session had read",
                **_THIN_AIR,
            },
        ),
        CheckerEntry(
            "atomicity",
            "each read of unique values returns one of the last k written",
            "O(n log n) where it is atomic, else a search",
            "Golab, Hurwitz and Li, ICDCS 2013",
            "clew.checkers.registers.atomicity:Atomicity",
            (Option("k", "how many of the last values a read may return; 2", whole), INITIAL),
            kinds={
                "not-k-atomic": "a read of an older value than the last k",
                **_THIN_AIR,
            },
        ),
        CheckerEntry(
            "staleness",
            "each read of unique values returns one that was current so long ago at most",
            "O(n log n log t) for t ns of history",
            "Golab, Li and Shah, PODC 2011",
            "clew.checkers.registers.staleness:Staleness",
            (Option("bound-ns", "how long ago, in ns; 0", whole), INITIAL),
            {"bound_ns": 0},
            kinds={
                "stale-read": "a read of a value that had been replaced for too long",
                "future-read": "a read of a value before its write began",
                **_THIN_AIR,
            },
        ),
        CheckerEntry(
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
            "not commit. The verdict says which of the last three the history holds",
            kinds={
                "lost-write": "a sent message that polls passed by",
                "unseen": "a sent message that no poll reached",
                "stale-poll": "a poll that came back empty though the log surely held more",
                **_SHOWN,
                "inconsistent-offsets": "two messages at one offset of a log",
                "poll-skip": "a poll left out messages",
                "int-poll-skip": "the same inside one transaction",
                "nonmonotonic-poll": "a poll went back",
                "int-nonmonotonic-poll": "the same inside one transaction",
                "nonmonotonic-send": "a later send came before an earlier one in the log",
                "int-nonmonotonic-send": "the same inside one transaction",
                "G1a": "a committed read of a value whose writer aborted",
                "G1c": "a cycle of write and read dependencies: information flows in a circle",
                "G1c-realtime": "G1c with real time among its edges",
                "precommitted-read": "a poll showed what was not committed yet",
                "forgotten-commit": "a committed offset was acknowledged, and later not shown",
                "phantom-commit": "a committed offset was shown that nobody had committed",
            },
        ),
        CheckerEntry(
            "total-queue",
            "what was enqueued is dequeued, nothing else, and once",
            "O(n)",
            "Jepsen's total-queue",
            "clew.checkers.collections.queues:TotalQueue",
            (Option("at-least-once", "whether it may come out more than once; false", flag),),
            functions="enqueue dequeue drain",
            one_object=True,
            kinds=_QUEUE,
        ),
        CheckerEntry(
            "fifo-intervals",
            "no element is lost, invented, doubled, or surely out of order",
            "O(n log n)",
            "Henzinger, Sezgin and Vafeiadis, CONCUR 2013",
            "clew.checkers.collections.queues:FifoQueue",
            fixed={"name": "fifo-intervals"},
            leaves_out="the order of values that were enqueued more than once",
            functions="enqueue dequeue drain",
            one_object=True,
            kinds={
                **_QUEUE,
                "reordered": "put in before another value, and taken out after it",
                "false-empty": "a dequeue found nothing though a value was there all the time",
            },
        ),
        CheckerEntry(
            "mutex-intervals",
            "no two clients surely held the lock at once; tokens grow",
            "O(n log n)",
            "Jepsen's mutex workloads; Gray and Cheriton, SOSP 1989",
            "clew.checkers.simple.mutex_intervals:MutexIntervals",
            (Option("leases", "whether a lock may expire; false", flag),),
            leaves_out="a second release, and one by a client that does not hold the lock",
            functions="acquire release",
            one_object=True,
            kinds={
                "two-holders": "two clients surely held the lock at once",
                "stale-token": "a token no larger than one given before",
            },
        ),
        CheckerEntry(
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
            kinds={
                "lost": "known to be in the set, and no later read shows it",
                "stale": "known to be in the set, and missing from a read after that",
                **_SHOWN,
            },
        ),
        CheckerEntry(
            "broadcast",
            "every acknowledged value reaches every node and stays, nothing else shows",
            "O(n + size of the reads)",
            "Maelstrom's broadcast workload; Jepsen's set-full",
            "clew.checkers.replicated.convergence:Convergence",
            (NODES, Option("monotonic", "whether a node may not forget; true", flag)),
            {"f_add": "broadcast", "name": "broadcast"},
            leaves_out=_UNACKNOWLEDGED,
            functions="broadcast read",
            one_object=True,
            kinds=_REPLICAS,
        ),
        CheckerEntry(
            "g-set",
            "every acknowledged element reaches every replica and stays, nothing else shows",
            "O(n + size of the reads)",
            "Shapiro et al., SSS 2011; Jepsen's set-full",
            "clew.checkers.replicated.convergence:Convergence",
            (NODES, Option("monotonic", "whether a replica may not forget; true", flag)),
            {"f_add": "add", "name": "g-set"},
            leaves_out=_UNACKNOWLEDGED,
            functions="add read",
            one_object=True,
            kinds=_REPLICAS,
        ),
        CheckerEntry(
            "g-counter",
            "final reads agree on a possible sum of the adds; no replica goes down",
            "O(n log n) and the sums of unknown adds",
            "Shapiro et al., SSS 2011",
            "clew.checkers.replicated.counters:Counter",
            (NODES,),
            {"name": "g-counter"},
            functions="add read",
            one_object=True,
            kinds={
                **_COUNTER,
                "decreasing": "a counter that only grows went down",
            },
        ),
        CheckerEntry(
            "pn-counter",
            "final reads agree on a possible sum of the adds",
            "O(n log n) and the sums of unknown adds",
            "Shapiro et al., SSS 2011",
            "clew.checkers.replicated.counters:Counter",
            (NODES,),
            {"name": "pn-counter", "monotonic": False},
            functions="add read",
            one_object=True,
            kinds=_COUNTER,
        ),
        CheckerEntry(
            "interval-counter",
            "each read lies between the adds surely over and those that may have begun",
            "O(n log n)",
            "Jepsen's counter check",
            "clew.checkers.replicated.counters:IntervalCounter",
            functions="add read",
            one_object=True,
            kinds={
                "out-of-bounds": "a counter showed what it could not have been",
                "malformed": _MALFORMED,
            },
        ),
        CheckerEntry(
            "unique-ids",
            "no id is acknowledged twice",
            "O(n)",
            "Maelstrom's unique-ids workload",
            "clew.checkers.simple.unique_ids:UniqueIds",
            leaves_out="the ids of operations that failed or were never answered",
            timeless=True,
            functions="generate",
            kinds={
                "duplicate": _DUPLICATE,
                "malformed": _MALFORMED,
            },
        ),
        CheckerEntry(
            "echo",
            "each reply carries its request's value",
            "O(n)",
            "Maelstrom's echo workload",
            "clew.checkers.simple.echo:Echo",
            functions="echo",
            kinds={
                "mismatch": "an answer to something else than was asked",
            },
        ),
        CheckerEntry(
            "availability",
            "every operation, or a fraction of them, is answered",
            "O(n)",
            "Maelstrom's availability check; Gilbert and Lynch, 2002",
            "clew.checkers.simple.availability:Availability",
            (Option("required", "total, or the least fraction answered; total", share),),
            kinds={
                "unavailable": "too few operations were answered",
            },
        ),
        CheckerEntry(
            "statistics",
            "each function was acknowledged at least once",
            "O(n log n)",
            "Jepsen's stats check",
            "clew.checkers.simple.statistics:Statistics",
            kinds={},
        ),
    )
}
"""Name -> row, in the order that they are listed."""
