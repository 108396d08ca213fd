"""A likely order of the versions that are open: that of a store which runs one step at a time.

The steps of a `Polygraph`, beginnings and commits, are taken in an order that goes with its edges.
Of those that may come next the one goes first whose transaction ended first; a commit waits while
somebody who has not begun reads what it overwrites, and if two transactions that write one key
may not overlap, a beginning waits for the other's commit. If all are waiting, the first goes on.
The result may be wrong, because nothing implies it.

O((nodes + edges) log n).
"""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heappop, heappush

from clew.checkers.transactions.search.polygraph import Polygraph, Shape
from clew.checkers.transactions.version_orders.register_key import INITIAL, RegisterKey


class Scheduler:
    """What each transaction reads and writes, for one schedule after another.

    Args:
        records: the keys.
        end: for each transaction when it ended.
    """

    def __init__(self, records: Sequence[RegisterKey], end: Sequence[int]) -> None:
        self.end = end
        self.reads: dict[int, list[tuple[int, int]]] = {}
        self.writes: dict[int, list[int]] = {}
        self.needed: list[dict[int, int]] = []
        # `needed` counts for each version those who have still to read it.
        for index, record in enumerate(records):
            self.needed.append({version: len(who) for version, who in record.readers.items()})
            for version, readers in record.readers.items():
                for reader in readers:
                    self.reads.setdefault(reader, []).append((index, version))
            for writer in record.final:
                self.writes.setdefault(writer, []).append(index)

    def ranks(self, graph: Polygraph) -> list[int]:
        """Return for each node its place in the schedule."""
        return _Run(self, graph).run()


class _Run:
    """One schedule: the steps taken, and those that may be taken next."""

    def __init__(self, plan: Scheduler, graph: Polygraph) -> None:
        self.plan = plan
        self.graph = graph
        # What all methods share. `current`: for each key the version that a read would see.
        # `needed`: how many have still to read a version. `writing`: who has begun and will write a
        # key. `waiting`: how many edges lead to a node from those without a place. `asleep`: the
        # nodes that wait for a key.
        self.exclusive = graph.shape is Shape.NOT_ADJACENT
        self.current = [INITIAL] * len(plan.needed)
        self.needed = [dict(needed) for needed in plan.needed]
        self.writing: dict[int, int] = {}
        self.waiting = [0] * len(graph.targets)
        self.ready: list[tuple[int, int]] = []
        self.asleep: dict[int, list[int]] = {}
        for targets in graph.targets:
            for target in targets:
                self.waiting[target] += 1

    def run(self) -> list[int]:
        rank = [-1] * len(self.waiting)
        for node, count in enumerate(self.waiting):
            if not count:
                self._push(node)
        placed = 0
        held: list[tuple[int, int]] = []  # nodes that had to wait, by end
        # Invariant: the nodes with a rank were taken in an order that goes with all edges; those
        # that nothing unranked leads to are ready, asleep or held. If all are asleep the first to
        # end goes on: the result may be wrong, but is an order.
        while True:
            while self.ready:
                entry = heappop(self.ready)
                node = entry[1]
                if rank[node] >= 0:
                    continue
                key = self._obstacle(node)
                if key is not None:
                    self.asleep.setdefault(key, []).append(node)
                    heappush(held, entry)
                    continue
                rank[node] = placed
                placed += 1
                self._take(node)
            # Nodes that were woken since and went in their turn.
            while held and rank[held[0][1]] >= 0:
                heappop(held)
            if not held:
                return rank
            node = heappop(held)[1]
            rank[node] = placed
            placed += 1
            self._take(node)

    def _push(self, node: int) -> None:
        owner = self.graph.owner(node)
        # Orders cost nothing, and a transaction that only reads frees what others overwrite.
        end = self.plan.end[owner] if owner in self.plan.writes else -1
        heappush(self.ready, (end, node))

    def _obstacle(self, node: int) -> int | None:
        """Return a key because of which this step should wait; None if it need not."""
        owner = self.graph.owner(node)
        writes = self.plan.writes.get(owner)
        if not writes:
            return None
        split = self.graph.is_split
        if split and node == self.graph.beginning(owner):
            if not self.exclusive:
                return None
            return next((key for key in writes if key in self.writing), None)
        # Its own read of what it overwrites does not hold it back; if it has a node of its own,
        # the beginning has done that read already.
        own = dict(self.plan.reads.get(owner, ()))
        for key in writes:
            version = self.current[key]
            if self.needed[key].get(version, 0) > (not split and own.get(key) == version):
                return key
        return None

    def _take(self, node: int) -> None:
        owner = self.graph.owner(node)
        if owner >= 0:
            if node == self.graph.beginning(owner):
                self._begin(owner)
            if node == self.graph.commit(owner):
                self._commit(owner)
        # Kahn's step: a node is free once all that lead to it have a place.
        for target in self.graph.targets[node]:
            self.waiting[target] -= 1
            if not self.waiting[target]:
                self._push(target)

    def _begin(self, transaction: int) -> None:
        if self.exclusive:
            self.writing.update(dict.fromkeys(self.plan.writes.get(transaction, ()), transaction))
        for key, version in self.plan.reads.get(transaction, ()):
            self.needed[key][version] -= 1
            self._wake(key)

    def _commit(self, transaction: int) -> None:
        for key in self.plan.writes.get(transaction, ()):
            self.current[key] = transaction
            if self.writing.get(key) == transaction:
                del self.writing[key]
            self._wake(key)

    def _wake(self, key: int) -> None:
        for sleeper in self.asleep.pop(key, ()):
            self._push(sleeper)
