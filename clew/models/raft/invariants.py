"""Raft's five promises, and what they rest on, checked after every event.

Ongaro & Ousterhout, "In Search of an Understandable Consensus Algorithm (Extended Version)", 2014,
figure 3. Each check looks only at what changed at the node since its last event there.

A Raft of one's own has all of them by ``invariants = INVARIANTS``, if its nodes show what they look
at: ``state`` (``"leader"`` of a leader), ``term``, ``commit``, and ``raft_log``: a `Log`, or
anything with the same ``base``, ``last``, ``truncations``, ``cut_off``, ``term_at`` and ``entry``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from clew.models.raft.consensus import Consensus
from clew.models.raft.election import LEADER
from clew.models.raft.log import Log, LogEntry
from clew.node.node import Node
from clew.sim.invariants import Invariant, Violation


class RaftInvariant(Invariant):
    """One that looks at `facts_of` a node alone, and at entries that these show as new."""

    @staticmethod
    def facts_of(node: Any) -> tuple[Any, ...]:
        """Return its office, its log's length and cuts, and how much of it is committed."""
        log = node.raft_log
        return node.state, node.term, node.commit, log, log.last, log.truncations


class ElectionSafety(RaftInvariant):
    """At most one leader is elected in a term (section 5.2)."""

    name = "election-safety"

    def __init__(self, nodes: Mapping[str, Node]) -> None:
        super().__init__(nodes)
        self._leaders: dict[int, str] = {}

    def after(self, node: Any) -> Violation | None:
        """O(1)."""
        if node.state != LEADER:
            return None
        first = self._leaders.setdefault(node.term, node.id)
        if first == node.id:
            return None
        return Violation(
            f"{node.id} was elected leader of term {node.term}, and so was {first}",
            (first, node.id),
            {"term": node.term},
        )


class LeaderAppendOnly(RaftInvariant):
    """A leader never cuts off or replaces an entry of its log; it only appends (section 5.3)."""

    name = "leader-append-only"

    def __init__(self, nodes: Mapping[str, Node]) -> None:
        super().__init__(nodes)
        self._seen: dict[str, tuple[Log, int, int]] = {}

    def after(self, node: Any) -> Violation | None:
        """O(1)."""
        if node.state != LEADER:
            return None
        log = node.raft_log
        before = self._seen.get(node.id)
        self._seen[node.id] = (log, node.term, log.truncations)
        if before is None or before[0] is not log or before[1] != node.term:
            return None
        if before[2] == log.truncations:
            return None
        return Violation(
            f"{node.id} cut its log to {log.last} entries while it led term {node.term}",
            (node.id,),
            {"term": node.term, "last": log.last},
        )


NOTHING = range(0)


class _Growth:
    """Which entries of each node's log are new since the last look."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[Log, int, int]] = {}

    def of(self, node: Consensus) -> range:
        """Return the indexes behind the last look, or all after a cut or a restart."""
        log = node.raft_log
        last, truncations = log.last, log.truncations
        seen = self._seen.get(node.id)
        same = seen is not None and seen[0] is log and seen[2] == truncations
        if same and seen is not None and seen[1] == last:
            return NOTHING
        self._seen[node.id] = (log, last, truncations)
        # After a cut or a restart all entries may be others than before.
        start = max(seen[1], log.base) if same and seen is not None else log.base
        return range(start + 1, last + 1)


class _Committed:
    """Which entries each node has taken for committed, and applied, since the last look."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[Log, int]] = {}

    def by(self, node: Consensus) -> range:
        """Return their indexes; only those whose terms are still in the node's log."""
        log, commit = node.raft_log, node.commit
        seen = self._seen.get(node.id)
        same = seen is not None and seen[0] is log
        if same and seen is not None and seen[1] == commit:
            return NOTHING
        self._seen[node.id] = (log, commit)
        start = seen[1] + 1 if same and seen is not None else 1
        return range(max(start, log.base, 1), min(commit, log.last) + 1)


class LogMatching(RaftInvariant):
    """Two logs with an entry of the same index and term are the same up to it (section 5.3).

    By induction it is enough that such entries are the same and follow entries of the same term.
    """

    name = "log-matching"

    def __init__(self, nodes: Mapping[str, Node]) -> None:
        super().__init__(nodes)
        self._growth = _Growth()
        self._entries: dict[tuple[int, int], tuple[int, LogEntry, str]] = {}

    def after(self, node: Any) -> Violation | None:
        """O(new entries)."""
        log = node.raft_log
        # Invariant: `_entries` has, for every index and term that any log held, the entry and the
        # term of the one before it.
        for index in self._growth.of(node):
            entry, before = log.entry(index), log.term_at(index - 1)
            first = self._entries.setdefault((index, entry[0]), (before, entry, node.id))
            if first[0] != before or first[1] != entry:
                return Violation(
                    f"{node.id} and {first[2]} have different logs up to entry {index} of term "
                    f"{entry[0]}: {entry} after term {before}, {first[1]} after term {first[0]}",
                    (first[2], node.id),
                    {"index": index, "entries": [first[1], entry]},
                )
        return None


class LeaderCompleteness(RaftInvariant):
    """An entry committed in one term is in the logs of the leaders of all later terms (5.4)."""

    name = "leader-completeness"

    def __init__(self, nodes: Mapping[str, Node]) -> None:
        super().__init__(nodes)
        self._committed = _Committed()
        self._last = 0
        self._known: dict[int, tuple[int, int, str]] = {}
        self._leaders: dict[str, tuple[Log, int]] = {}

    def after(self, node: Any) -> Violation | None:
        """O(entries committed); O(log) for a new leader."""
        for index in self._committed.by(node):
            if index not in self._known:
                self._known[index] = (node.raft_log.term_at(index), node.term, node.id)
                self._last = max(self._last, index)
        if node.state != LEADER:
            return None
        office = self._leaders.get(node.id)
        if office is not None and office[0] is node.raft_log and office[1] == node.term:
            return None
        self._leaders[node.id] = (node.raft_log, node.term)
        return self._missing(node)

    def _missing(self, node: Consensus) -> Violation | None:
        log = node.raft_log
        # Figure 3: whatever was taken for committed in an earlier term must be in this leader's
        # log; what a snapshot covers is committed, and not looked at.
        for index in range(max(log.base, 1), self._last + 1):
            term, in_term, teller = self._known.get(index, (0, node.term, ""))
            if in_term >= node.term:
                continue
            if index > log.last or log.term_at(index) != term:
                found = f"one of term {log.term_at(index)}" if index <= log.last else "nothing"
                return Violation(
                    f"{node.id}, leader of term {node.term}, has {found} where {teller} took "
                    f"entry {index} of term {term} for committed in term {in_term}",
                    (teller, node.id),
                    {"index": index, "term": term, "leader_term": node.term},
                )
        return None


class StateMachineSafety(RaftInvariant):
    """No two nodes apply different entries at the same index (5.4.3)."""

    name = "state-machine-safety"

    def __init__(self, nodes: Mapping[str, Node]) -> None:
        super().__init__(nodes)
        self._committed = _Committed()
        self._applied: dict[int, tuple[int, Any, str]] = {}

    def after(self, node: Any) -> Violation | None:
        """O(entries applied)."""
        log = node.raft_log
        for index in self._committed.by(node):
            term = log.term_at(index)
            entry = log.entry(index) if index > log.base else None
            first = self._applied.setdefault(index, (term, entry, node.id))
            if first[0] != term or (entry and first[1] and entry != first[1]):
                return Violation(
                    f"{node.id} applied {entry or f'a snapshot of term {term}'} as entry {index}, "
                    f"{first[2]} {first[1] or f'a snapshot of term {first[0]}'}",
                    (first[2], node.id),
                    {"index": index, "terms": [first[0], term]},
                )
        return None


class CommitWithinLog(RaftInvariant):
    """A node holds every entry that it takes for committed, in its log or a snapshot (5.3, 5.4).

    No promise of figure 3, but what they rest on: whoever breaks it answers for entries that it
    never had, or no longer has.
    """

    name = "commit-within-log"

    def after(self, node: Any) -> Violation | None:
        """O(1)."""
        last = node.raft_log.last
        if node.commit <= last:
            return None
        return Violation(
            f"{node.id} takes {node.commit} entries for committed and holds {last} of them",
            (node.id,),
            {"commit": node.commit, "last": last},
        )


class CommitMonotone(RaftInvariant):
    """What a node takes for committed only grows while it runs (figure 2: commitIndex).

    Whoever goes back applies entries twice, or answers from a past that it had already left.
    """

    name = "commit-monotone"

    def __init__(self, nodes: Mapping[str, Node]) -> None:
        super().__init__(nodes)
        self._seen: dict[str, tuple[Consensus, int]] = {}

    def after(self, node: Any) -> Violation | None:
        """O(1)."""
        before = self._seen.get(node.id)
        self._seen[node.id] = (node, node.commit)
        if before is None or before[0] is not node or node.commit >= before[1]:
            return None
        return Violation(
            f"{node.id} took {before[1]} entries for committed, and now takes {node.commit}",
            (node.id,),
            {"before": before[1], "commit": node.commit},
        )


class CommittedStays(RaftInvariant):
    """No node that runs cuts off an entry that was committed in its term or before (5.3, 5.4).

    It breaks before a leader lacks the entry, mostly before a client could notice. Of an entry that
    was committed in a later term the promise does not hold: a node that has not heard of that term
    may still follow a leader of its own, whose log lacks the entry.
    """

    name = "committed-stays"

    def __init__(self, nodes: Mapping[str, Node]) -> None:
        super().__init__(nodes)
        self._last = 0
        self._known: dict[int, tuple[int, int, str]] = {}
        self._seen: dict[str, tuple[Log, int]] = {}

    def after(self, node: Any) -> Violation | None:
        """O(entries committed, and entries cut off)."""
        if node.commit > self._last:
            self._note_committed(node)
        log = node.raft_log
        if not log.cut_off:
            return None
        before = self._seen.get(node.id)
        self._seen[node.id] = (log, len(log.cut_off))
        start = before[1] if before is not None and before[0] is log else 0
        return self._missing(node, log.cut_off[start:])

    def _note_committed(self, node: Consensus) -> None:
        """Note the entries that nobody took for committed before; a leader is the first to."""
        log = node.raft_log
        last = min(node.commit, log.last)
        for index in range(max(self._last + 1, log.base, 1), last + 1):
            self._known[index] = (log.term_at(index), node.term, node.id)
        self._last = max(self._last, last)

    def _missing(self, node: Consensus, cut_off: Sequence[tuple[int, int]]) -> Violation | None:
        log = node.raft_log
        for index, term in cut_off:
            known, in_term, teller = self._known.get(index, (None, 0, ""))
            if known != term or in_term > node.term or index <= log.base:
                continue
            # What was put back at once, the same as before, is not gone.
            if index > log.last or log.term_at(index) != term:
                return Violation(
                    f"{node.id} cut off entry {index} of term {term}, which {teller} took for "
                    f"committed in term {in_term}",
                    (teller, node.id) if teller != node.id else (teller,),
                    {"index": index, "term": term, "last": log.last},
                )
        return None


INVARIANTS: tuple[type[Invariant], ...] = (
    ElectionSafety,
    LeaderAppendOnly,
    LogMatching,
    LeaderCompleteness,
    StateMachineSafety,
    CommitWithinLog,
    CommitMonotone,
    CommittedStays,
)
