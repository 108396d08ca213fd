"""Rows of the checkers that judge logs, queues, sets, counters and single operations."""

from __future__ import annotations

from clew.checkers.entry import NODES, CheckerEntry, CheckerOption, Sign, flag, one_of, share

_KAFKA = (
    "send poll txn assign subscribe commit_offsets list_committed_offsets crash "
    "debug-topic-partitions"
)
_UNACKNOWLEDGED = "values whose sender was never answered: any replica may have and forget them"
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

ELEMENTS: tuple[CheckerEntry, ...] = (
    CheckerEntry(
        "kafka",
        "logs lose, repeat and reorder no message; polls skip none",
        "O(n log n)",
        "the Kafka workloads of Jepsen and Maelstrom",
        "clew.checkers.kafka:Kafka",
        (
            CheckerOption(
                "recency",
                "how soon what was acknowledged must show: eventual, at the end; session, a "
                "list of committed offsets also shows the commits of its own client and node; "
                "strong, in every poll and list; session",
                one_of("eventual", "session", "strong"),
            ),
        ),
        functions=_KAFKA,
        leaves_out="cycles with the order of writes (G0), as transactions interleave in a log; "
        "how soon a message or a commit shows, but for what `recency` asks; a committed offset of "
        "0 or less that nobody committed, where another was acknowledged, which counts as "
        "nothing committed yet; the order between two operations of a client that subscribed; "
        "aborted reads by transactions that did not commit. The verdict says which of the last "
        "four the history holds",
        signs=(
            Sign("send poll", _KAFKA, "send and poll"),
            Sign("txn", _KAFKA, "transactions of send and poll", "sends_and_polls"),
        ),
        also="jepsen-kafka",
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
        (CheckerOption("at-least-once", "whether it may come out more than once; false", flag),),
        functions="enqueue dequeue drain",
        one_object=True,
        signs=(Sign("drain", "enqueue dequeue", "drains of a queue"),),
        also="jepsen-total-queue",
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
        (CheckerOption("leases", "whether a lock may expire; false", flag),),
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
            CheckerOption("linearizable", "whether stale reads are wrong too; false", flag),
            CheckerOption("by-replica", "whether each replica is judged alone; false", flag),
        ),
        functions="add read",
        one_object=True,
        signs=(Sign("add", "read", "add and reads of lists", "sets"),),
        also="jepsen-set jepsen-set-full",
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
        (NODES, CheckerOption("monotonic", "whether a node may not forget; true", flag)),
        {"f_add": "broadcast", "name": "broadcast"},
        leaves_out=_UNACKNOWLEDGED,
        functions="broadcast read",
        one_object=True,
        signs=(Sign("broadcast", "read", "broadcasts"),),
        kinds=_REPLICAS,
    ),
    CheckerEntry(
        "g-set",
        "every acknowledged element reaches every replica and stays, nothing else shows",
        "O(n + size of the reads)",
        "Shapiro et al., SSS 2011; Jepsen's set-full",
        "clew.checkers.replicated.convergence:Convergence",
        (NODES, CheckerOption("monotonic", "whether a replica may not forget; true", flag)),
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
        also="jepsen-counter",
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
        signs=(Sign("generate", "", "the generation of ids"),),
        also="jepsen-unique-ids ids",
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
        signs=(Sign("echo", "", "echoes"),),
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
        (CheckerOption("required", "total, or the least fraction answered; total", share),),
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
