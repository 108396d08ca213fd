"""Which replicas a history names, and the final read of each.

Eventual promises ("every node holds every value in the end") are judged on final reads alone. A
read is final for its replica where

- it is ``ok`` and was invoked after every update was over: after its completion, or after its
  invocation where it was never answered;
- it was invoked after the last event of the nemesis, because before that a fault may still have
  stood in the way;
- no later read of the same replica went unanswered, and no other one that overlaps it was answered
  otherwise: then nobody knows what the replica held in the end.

Where the history marks reads as final (``final?`` in an event's extra fields, as Maelstrom
writes it), only marked reads are candidates; those of a run are always marked.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from clew.checkers.moments import completion
from clew.checkers.values import Key, key_of, listed
from clew.history import History, Operation


class FinalReads(NamedTuple):
    """The final read of each replica, and why there is none if there is none.

    Attributes:
        reads: replica to its final read, in order of replica names.
        missing: replica to the reason, in words, why it has no final read.
    """

    reads: dict[str, Operation]
    missing: dict[str, str]

    @property
    def absence(self) -> str:
        """One sentence on the replicas without a final read; empty if all have one."""
        if not self.reads and not self.missing:
            return "No replica was ever read, so nobody knows what any of them held in the end."
        if not self.missing:
            return ""
        reasons: dict[str, list[str]] = {}
        for replica, reason in self.missing.items():
            reasons.setdefault(reason, []).append(replica)
        parts = [f"{listed(replicas)} ({reason})" for reason, replicas in reasons.items()]
        return "There is no final read of " + ", nor of ".join(parts) + "."


class ReplicaNames:
    """Which replica answered an operation.

    Args:
        operations: all operations of the history.
        nodes: the replicas, where the caller knows them; else they are the nodes that any
            operation names; else, where no operation names a node, the processes that read.
    """

    def __init__(self, operations: Sequence[Operation], nodes: Sequence[str] | None) -> None:
        self.by_node = nodes is not None or any(one.node is not None for one in operations)
        if nodes is not None:
            names: Collection[str] = nodes
        elif self.by_node:
            names = {one.node for one in operations if one.node is not None}
        else:
            names = {f"process {one.process}" for one in operations if one.f == "read"}
        self.names = sorted(names, key=lambda name: (len(name), name))

    def of(self, operation: Operation) -> str:
        """Return the name of the replica that got the request; empty if unknown."""
        if self.by_node:
            return operation.node or ""
        return f"process {operation.process}"


def final_reads(history: History, update: str, replicas: ReplicaNames) -> FinalReads:
    """Find the final read of each replica, after all operations called ``update``. O(n).

    Reads are the operations called ``read``.
    """
    attempts: dict[str, list[Operation]] = {name: [] for name in replicas.names}
    for operation in history.operations:
        if operation.f == "read":
            attempts.get(replicas.of(operation), []).append(operation)
    marked = history.marks_final or any(
        _is_marked(history, read) for reads in attempts.values() for read in reads
    )
    quiet = _last_disturbance(history, update)
    found = FinalReads({}, {})
    for name, reads in attempts.items():
        candidates = [read for read in reads if not marked or _is_marked(history, read)]
        choice = _final_of(candidates, quiet)
        if isinstance(choice, str):
            found.missing[name] = choice
        else:
            found.reads[name] = choice
    return found


def _is_marked(history: History, read: Operation) -> bool:
    extra = history.events[read.invoked].extra
    return extra is not None and (extra.get("final?") is True or extra.get("final") is True)


def _last_disturbance(history: History, update: str) -> int:
    """Return the last position at which an update or fault was going on; -1 if there is none."""
    updates = (operation for operation in history.operations if operation.f == update)
    last = max(map(completion, updates), default=-1)
    # Backwards to the last event of a named process, such as the nemesis.
    for position in range(len(history.events) - 1, last, -1):
        if isinstance(history.events[position].process, str):
            return position
    return last


def _final_of(reads: Sequence[Operation], quiet: int) -> Operation | str:
    answered = [read for read in reads if read.type == "ok" and read.invoked > quiet]
    if not reads:
        return "it was never read"
    if not answered:
        late = any(read.invoked > quiet for read in reads)
        return "no late read was answered" if late else "no read came after the last update"
    # The last to be invoked. One that overlaps it and shows something else may have been answered
    # after it, so that nobody knows which came last.
    final = answered[-1]
    if any(read.type != "ok" and read.invoked > completion(final) for read in reads):
        return "its last read was not answered"
    since = [read for read in answered if completion(read) > final.invoked]
    if any(_content(read.result) != _content(final.result) for read in since):
        return "its last reads overlap and differ"
    return final


def _content(result: Any) -> Key:
    """Return what a read shows, a list in whatever order."""
    return frozenset(map(key_of, result)) if isinstance(result, list) else key_of(result)
