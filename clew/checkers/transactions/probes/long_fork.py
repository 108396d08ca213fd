"""Long fork: two readers that saw two independent writes in opposite orders.

Each key is written at most once. Operations: ``write`` with value ``[["w", key, value]]`` and
``read`` with value ``[["r", key, value], ...]``, null if nothing was written yet (``txn`` is
accepted for both). Of two reads that share keys, one must have seen everything there that the other
saw. Besides, every value that is read must have been written by a transaction that did not abort,
and no transaction may contradict itself.

Source: Sovran, Power, Aguilera, Li, "Transactional Storage for Geo-Replicated Systems", SOSP 2011,
section 3: parallel snapshot isolation allows a long fork, snapshot isolation does not.

Left out: every other anomaly, and the order of sessions and of real time; `RwRegister` judges the
same transactions against each model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations, pairwise
from typing import NamedTuple, TypeAlias

from clew.checkers.transactions.extraction import malformed, micro_operations, refuse_write, told
from clew.checkers.transactions.lattice import standing
from clew.checkers.transactions.requests import contradiction
from clew.checkers.values import Key, counted, key_of, listed
from clew.checkers.verdict import Anomaly, Budget, Result, Verdict
from clew.history import History, Operation

_ANOMALIES_MAX = 8
_EXPECTED = '["r", key, value] or ["w", key, value]'
_NIL = key_of(None)

_Read: TypeAlias = tuple[Operation, frozenset[Key]]
"""A read with the keys that it saw written."""


class LongFork:
    """Checks that reads that share keys can be put in a line. O(reads log reads * keys).

    Reads of one group of keys are sorted by how many writes they saw: they form a line exactly
    where each contains the one before. Where groups overlap, each two keys that they share are
    looked at by themselves.
    """

    name = "long-fork"

    def check(self, history: History, budget: Budget) -> Result:
        """Return INVALID if two reads each saw a write the other missed, or a read can't be.

        UNKNOWN if no two reads cover the same two keys.

        Raises:
            HistoryError: a value is no list of micro-operations, or a key is written twice.
        """
        groups, anomalies = _groups(history)
        forks, compared = _within(groups, budget)
        more, pairs = _across(groups, budget)
        anomalies += [*forks, *more]
        compared += pairs
        statistics = {
            "groups": len(groups),
            "compared": compared,
            "forks": len(forks) + len(more),
        }
        reason = f"{counted(compared, 'pair')} of reads can be put in one order."
        verdict = Verdict.VALID
        if anomalies:
            verdict, reason = Verdict.INVALID, _found(anomalies)
        elif not compared:
            verdict = Verdict.UNKNOWN
            reason = "No two reads cover the same two keys, so no fork could have shown."
        told_ = tuple(anomalies[:_ANOMALIES_MAX])
        return Result(self.name, verdict, reason, told_, "subset order", 0.0, statistics)


_FORK_KEYS = 2


def _found(anomalies: Sequence[Anomaly]) -> str:
    """Say what was found and what falls by it; what still stands is not looked at."""
    kinds = [anomaly.kind for anomaly in anomalies]
    counts = [counted(kinds.count(kind), kind.replace("-", " ")) for kind in dict.fromkeys(kinds)]
    weakest = standing(kinds).weakest
    noun = "model" if len(weakest) == 1 else "models"
    return (
        f"{listed(counts)}. Weakest {noun} violated: {listed(list(weakest))}; which still stand is "
        "not looked at."
    )


class _Writer(NamedTuple):
    """Who wrote a key, and what."""

    operation: Operation
    value: Key


def _groups(
    history: History,
) -> tuple[dict[frozenset[Key], list[_Read]], list[Anomaly]]:
    """Group the reads by the keys they cover, and list those that can't be, which are left out."""
    writers: dict[Key, _Writer] = {}
    reads: list[tuple[Operation, dict[Key, Key]]] = []
    anomalies: list[Anomaly] = []
    for operation in history.operations:
        seen: dict[Key, Key] = {}
        left: dict[Key, Key] = {}
        sound = operation.type == "ok"
        # Invariant: `left` has for each key what the transaction last read or wrote.
        for micro in micro_operations(history, operation):
            try:
                f, raw, value = micro
            except (TypeError, ValueError):
                malformed(history, operation, micro, _EXPECTED)
            key, token = key_of(raw), key_of(value)
            if f == "w":
                writer = writers.setdefault(key, _Writer(operation, token))
                if writer.operation.number != operation.number:
                    refuse_write(history, operation, raw, value)
                left[key] = token
            elif f == "r":
                if sound and left.setdefault(key, token) != token:
                    anomalies.append(_contradiction(operation, key, token, left[key]))
                    sound = False
                seen[key] = token
            else:
                malformed(history, operation, micro, _EXPECTED)
        if seen and sound:
            reads.append((operation, seen))
    groups: dict[frozenset[Key], list[_Read]] = {}
    for operation, seen in reads:
        anomalies += _unexplained(operation, seen, writers)
        written = frozenset(key for key, token in seen.items() if token != _NIL)
        groups.setdefault(frozenset(seen), []).append((operation, written))
    return groups, anomalies


def _contradiction(operation: Operation, key: Key, read: Key, expected: Key) -> Anomaly:
    reason = contradiction(f"Operation {operation.number}", *map(told, (key, read, expected)))
    return Anomaly("internal", reason, (operation,), {"key": told(key), "read": told(read)})


def _unexplained(
    operation: Operation, seen: Mapping[Key, Key], writers: Mapping[Key, _Writer]
) -> list[Anomaly]:
    """List the values of a read that nobody wrote, or somebody who aborted."""
    found = []
    for key, token in seen.items():
        writer = writers.get(key)
        wrote = writer is not None and writer.value == token
        if token == _NIL or (writer is not None and wrote and writer.operation.type != "fail"):
            continue
        start = f"Operation {operation.number} read key {told(key)} as {told(token)},"
        data = {"key": told(key), "read": told(token)}
        if writer is None or not wrote:
            reason = f"{start} but nobody ever wrote that."
            found.append(Anomaly("garbage-read", reason, (operation,), data))
        else:
            reason = f"{start} which operation {writer.operation.number} wrote before it aborted."
            found.append(Anomaly("G1a", reason, (writer.operation, operation), data))
    return found


def _within(
    groups: Mapping[frozenset[Key], list[_Read]], budget: Budget
) -> tuple[list[Anomaly], int]:
    """Find forks between reads of the same keys, and count the pairs compared."""
    forks: list[Anomaly] = []
    compared = 0
    for keys, reads in groups.items():
        if len(keys) < _FORK_KEYS:
            continue
        line = sorted(reads, key=lambda read: len(read[1]))
        compared += len(line) - 1
        # Invariant: where each so far is contained in the next, all lie in one line; so neighbours
        # are enough.
        for (one, fewer), (other, more) in pairwise(line):
            budget.spend(1)
            if not fewer <= more:
                ours, theirs = fewer - more, more - fewer
                forks.append(_fork(one, min(ours, key=repr), other, min(theirs, key=repr)))
    return forks, compared


def _across(
    groups: Mapping[frozenset[Key], list[_Read]], budget: Budget
) -> tuple[list[Anomaly], int]:
    """Find forks between reads of different keys that share two, and count the pairs of groups.

    O(reads * pairs of keys that are in several groups).
    """
    forks: list[Anomaly] = []
    common: dict[tuple[Key, Key], list[frozenset[Key]]] = {}
    count: dict[Key, int] = {}
    # Only keys that stand in several groups can be a pair that two groups share.
    for keys in groups:
        for key in keys:
            count[key] = count.get(key, 0) + 1
    for keys in groups:
        shared = sorted((key for key in keys if count[key] > 1), key=repr)
        budget.spend(1 + len(shared) ** 2)
        for pair in combinations(shared, 2):
            common.setdefault(pair, []).append(keys)
    compared = 0
    for (one, other), members in common.items():
        compared += len(members) - 1
        # The first read of each group that saw the one alone, and that saw the other alone.
        alone: list[dict[frozenset[Key], Operation]] = [{}, {}]
        for keys in members if len(members) > 1 else ():
            budget.spend(len(groups[keys]))
            for operation, seen in groups[keys]:
                if (one in seen) != (other in seen):
                    alone[other in seen].setdefault(keys, operation)
        # Two reads of one group were compared in `_within`, so two groups are looked for.
        found = next(((a, b) for a in alone[0] for b in alone[1] if a != b), None)
        if found is not None:
            forks.append(_fork(alone[0][found[0]], one, alone[1][found[1]], other))
    return forks, compared


def _fork(one: Operation, ours: Key, other: Operation, theirs: Key) -> Anomaly:
    """Report two reads and the two writes that they saw in opposite orders."""
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
