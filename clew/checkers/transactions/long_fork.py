"""Long fork: two readers that saw two independent writes in opposite orders.

Each key is written at most once. Operations: ``write`` with value ``[["w", key, value]]`` and
``read`` with value ``[["r", key, value], ...]``, null where nothing was written yet (``txn`` is
accepted for both). Of two reads over the same keys, one must have seen everything that the other
saw.

Source: Sovran, Power, Aguilera, Li, "Transactional Storage for Geo-Replicated Systems", SOSP 2011,
section 3: parallel snapshot isolation allows a long fork, snapshot isolation does not.
"""

from __future__ import annotations

from itertools import pairwise

from clew.checkers.transactions.judgement import boundary
from clew.checkers.transactions.lattice import standing
from clew.checkers.transactions.reading import malformed, micro_operations, told, written_twice
from clew.checkers.values import Key, counted, key_of
from clew.checkers.verdict import Anomaly, Budget, Result, Verdict
from clew.history import History, Operation

_ANOMALIES_MAX = 8
_EXPECTED = '["r", key, value] or ["w", key, value]'


class LongFork:
    """Checks that reads of the same keys can be put in a line. O(reads log reads * keys).

    Reads of one group of keys are sorted by how many writes they saw: they form a line exactly
    where each contains the one before.
    """

    name = "long-fork"

    def check(self, history: History, budget: Budget) -> Result:
        """INVALID where two reads of the same keys each saw a write that the other missed.

        UNKNOWN where no two reads cover the same two keys.

        Raises:
            HistoryError: a value is no list of micro-operations, or a key is written twice.
        """
        groups = _reads(history)
        anomalies: list[Anomaly] = []
        compared = 0
        for keys, reads in groups.items():
            if len(keys) < _FORK_KEYS:
                continue
            reads.sort(key=lambda read: len(read[1]))
            compared += len(reads) - 1
            for (one, fewer), (other, more) in pairwise(reads):
                budget.spend(1)
                if not fewer <= more:
                    anomalies.append(_fork(one, fewer, other, more))
        statistics = {
            "groups": len(groups),
            "compared": compared,
            "forks": len(anomalies),
        }
        reason = f"{counted(compared, 'pair')} of reads can be put in one order."
        verdict = Verdict.VALID
        if anomalies:
            verdict = Verdict.INVALID
            stands = standing(["long-fork"])
            forks = counted(len(anomalies), "long fork")
            reason = f"{forks}. {boundary(stands.weakest, stands.strongest)}"
        elif not compared:
            verdict = Verdict.UNKNOWN
            reason = "No two reads cover the same two keys, so no fork could have shown."
        told_ = tuple(anomalies[:_ANOMALIES_MAX])
        return Result(self.name, verdict, reason, told_, "subset order", 0.0, statistics)


_FORK_KEYS = 2


def _reads(history: History) -> dict[frozenset[Key], list[tuple[Operation, frozenset[Key]]]]:
    """For each group of keys its reads, each with the keys that it saw written."""
    writers: dict[Key, int] = {}
    groups: dict[frozenset[Key], list[tuple[Operation, frozenset[Key]]]] = {}
    for operation in history.operations:
        asked: list[Key] = []
        seen: list[Key] = []
        for micro in micro_operations(history, operation):
            try:
                f, raw, value = micro
            except (TypeError, ValueError):
                malformed(history, operation, micro, _EXPECTED)
            key = key_of(raw)
            if f == "w":
                if writers.setdefault(key, operation.number) != operation.number:
                    written_twice(history, operation, raw, value)
            elif f == "r":
                asked.append(key)
                if value is not None:
                    seen.append(key)
            else:
                malformed(history, operation, micro, _EXPECTED)
        if asked and operation.type == "ok":
            groups.setdefault(frozenset(asked), []).append((operation, frozenset(seen)))
    return groups


def _fork(one: Operation, fewer: frozenset[Key], other: Operation, more: frozenset[Key]) -> Anomaly:
    """Two reads and the two writes that they saw in opposite orders."""
    ours = min(fewer - more, key=repr)
    theirs = min(more - fewer, key=repr)
    reason = (
        f"Operation {one.number} saw the write of key {told(ours)} but not that of {told(theirs)}; "
        f"operation {other.number} saw {told(theirs)} but not {told(ours)}. So the two writes came "
        "in opposite orders for the two readers: long fork."
    )
    data = {
        "reads": [one.number, other.number],
        "saw": {str(one.number): told(ours), str(other.number): told(theirs)},
    }
    return Anomaly("long-fork", reason, (one, other), data)
