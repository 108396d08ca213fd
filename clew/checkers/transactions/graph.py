"""The dependency graph of a history, and a linear test that it has no cycle.

Nodes ``0 .. transactions - 1`` are the operations in order of invocation. Further nodes are hubs:
a hub stands between many readers and many writers, so that "each of these before each of those"
costs a sum of edges instead of a product. An edge into a hub carries the kind; the kind of edges
out of it means nothing, so a path through a hub is one edge.

Real-time order is never stored: it follows from the positions of invocations and completions.

Source: Adya, "Weak Consistency", 1999, section 3.1 (direct serialization graph); Kahn,
"Topological sorting of large networks", CACM 1962; Tarjan, "Depth-first search and linear graph
algorithms", SIAM J. Comput. 1972.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from clew.checkers.transactions.extraction import NEVER, completions
from clew.history import Operation

WW, WR, RW, OVERWRITE = 0, 1, 2, 3
"""The kinds of edge, as they are packed into the two low bits of an edge.

An OVERWRITE is a ww unless the history has a lost update: its source read a version, wrote the
next one, and its target wrote the key without being seen. It is no evidence for a G0 or a G1c, and
is as good as a ww for all that a lost update also violates.
"""

_HUB_THRESHOLD = 64


class DependencyGraph:
    """Which transaction must come before which, and why.

    An edge is packed into one int: ``target * 4 + kind``.

    Args:
        operations: the client operations in order of invocation; their ``number`` is their
            index.

    Attributes:
        successors: for each node its packed edges; the same edge may stand twice.
        invoked: for each operation the position of its invocation.
        completed: for each operation the position of its completion, `NEVER` unless ``ok``.
    """

    __slots__ = ("completed", "invoked", "operations", "successors")

    def __init__(self, operations: Sequence[Operation]) -> None:
        self.operations = operations
        self.successors: list[list[int]] = [[] for _ in operations]
        self.invoked = [operation.invoked for operation in operations]
        self.completed = completions(operations)

    def add(self, source: int, target: int, kind: int) -> None:
        """Add one edge; an edge from a node to itself says nothing and is left out."""
        if source != target:
            self.successors[source].append(target * 4 + kind)

    def add_all(self, sources: Sequence[int], targets: Sequence[int], kind: int) -> None:
        """Add an edge from each source to each target, through a hub where they are many.

        The two must have no member in common.
        """
        # With one member on a side the product is no larger than the sum; with few on both, a hub
        # would only lengthen every walk.
        if len(sources) * len(targets) <= _HUB_THRESHOLD or min(len(sources), len(targets)) == 1:
            for source in sources:
                self.successors[source].extend(target * 4 + kind for target in targets)
            return
        hub = len(self.successors)
        self.successors.append([target * 4 for target in targets])
        for source in sources:
            self.successors[source].append(hub * 4 + kind)

    def cyclic_core(self) -> list[int]:
        """Return the nodes left after trimming from both ends; empty if there is no cycle.

        All edges count, real time too (and with it process order, which it contains). O(n log n)
        for sorting completions, else linear.
        """
        count = len(self.operations)
        ended = [node for node in range(count) if self.completed[node] != NEVER]
        exits = sorted(ended, key=self.completed.__getitem__)
        # Operations are numbered by invocation, so that their numbers in order are the entries.
        gone = trim(self.successors, range(count), self.invoked, exits, self.completed)
        if gone is None:
            return []
        # What is left still holds nodes that lie behind every cycle: those go from the other end.
        return self._trim_back([node for node in range(len(gone)) if not gone[node]])

    def _trim_back(self, kept: list[int]) -> list[int]:
        """Trim what nothing in the core depends on: the same walk on the mirrored graph."""
        index = {node: place for place, node in enumerate(kept)}
        mirrored: list[list[int]] = [[] for _ in kept]
        for place, node in enumerate(kept):
            for packed in self.successors[node]:
                if packed >> 2 in index:
                    mirrored[index[packed >> 2]].append(place * 4)
        # In real time a node waits for whoever exits before it enters. Backwards it waits for
        # whoever enters after it exits: the same test on the negatives, with the two ends
        # exchanged.
        count = len(self.operations)
        real = [place for place, node in enumerate(kept) if node < count]
        entry_at = [-self.completed[node] if node < count else 0 for node in kept]
        exit_at = [-self.invoked[node] if node < count else 0 for node in kept]
        entries = sorted(real, key=entry_at.__getitem__)
        exits = sorted(real, key=exit_at.__getitem__)
        gone = trim(mirrored, entries, entry_at, exits, exit_at)
        if gone is None:
            return []
        return [node for place, node in enumerate(kept) if not gone[place]]


def trim(  # noqa: C901 - a call for each node would cost a quarter of the check
    successors: list[list[int]],
    entries: Sequence[int],
    entry_at: Sequence[int],
    exits: Sequence[int],
    exit_at: Sequence[int],
) -> bytearray | None:
    """Mark the nodes that lie before every cycle (1 each); None if there is no cycle at all.

    Kahn's algorithm with a gate: besides its edges, a node depends on every node whose exit is
    earlier than its entry. Those still waiting are known by their earliest exit alone, so this
    order needs no edges.

    Args:
        successors: packed edges for each node.
        entries: the nodes under the gate, by ``entry_at``; other nodes pass freely.
        entry_at: for each node when it enters.
        exits: the nodes that hold the gate, by ``exit_at``.
        exit_at: for each node when it exits.
    """
    total = len(successors)
    waiting = [0] * total  # edges from nodes that have not gone, and one for a closed gate
    for packed in chain.from_iterable(successors):
        waiting[packed >> 2] += 1
    for node in entries:
        waiting[node] += 1
    gone = bytearray(total)
    ready = [node for node in range(total) if not waiting[node]]
    left = total
    gate = first = 0
    gates, holders = len(entries), len(exits)
    # Invariant: on no cycle lies a node that has gone (Kahn): all edges into it, and all exits
    # before its entry, were of nodes that had gone.
    while True:
        while ready:
            node = ready.pop()
            gone[node] = 1
            left -= 1
            for packed in successors[node]:
                target = packed >> 2
                rest = waiting[target] - 1
                waiting[target] = rest
                if not rest:
                    ready.append(target)
        # The gate is held by the one with the earliest exit that has not gone. Exits are sorted and
        # nobody comes back, so the two whiles over the gate take O(n) steps in all.
        while first < holders and gone[exits[first]]:
            first += 1
        # Invariant: every node that has not gone exits at or after `limit`.
        limit = exit_at[exits[first]] if first < holders else NEVER
        # Entries are sorted, so behind a closed gate all others are closed too.
        while gate < gates:
            node = entries[gate]
            if entry_at[node] > limit:
                break
            gate += 1
            waiting[node] -= 1
            if not waiting[node]:
                ready.append(node)
        # Each node that is left waits for another that is left; they are finitely many, so there is
        # a cycle among them.
        if not ready:
            return gone if left else None
