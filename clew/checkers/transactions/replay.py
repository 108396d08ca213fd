"""A serial order for transactions over registers, found greedily: a witness where it succeeds.

Transactions are run one by one against a store. One may run when everything that ended before it
began has run, the store shows what it read, and nobody who has still to run needs what it
overwrites; of those the one that ended first runs. Where none may, the one that ended first runs
all the same, and the order is no witness, only a good guess.

Source: the rule is that of Wing and Gong, "Testing and verifying concurrent objects", JPDC 1993,
without its backtracking.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from clew.checkers.transactions.graph import DependencyGraph
from clew.checkers.transactions.reading import NEVER
from clew.checkers.transactions.register_orders import ABSENT, INITIAL, RegisterKey


class Replay(NamedTuple):
    """The transactions in the order they were run; ``exact`` where every read was right."""

    order: list[int]
    exact: bool


class _Touch(NamedTuple):
    """One transaction on one key: the version it read, or None; whether it writes."""

    key: int
    read: int | None
    writes: bool


def replay(graph: DependencyGraph, records: Sequence[RegisterKey], committed: bytearray) -> Replay:
    """Run every committed transaction; O(n log n + n * concurrency)."""
    touches: list[list[_Touch]] = [[] for _ in graph.operations]
    needed: list[dict[int, int]] = []
    for index, record in enumerate(records):
        needed.append({version: len(readers) for version, readers in record.readers.items()})
        for number, read, wrote in record.touches:
            version = None if read is ABSENT else record.version(read)
            touches[number].append(_Touch(index, version, wrote is not ABSENT))
    return _Runner(graph, touches, needed).run(committed)


class _Runner:
    """The store, and who has still to run."""

    def __init__(
        self, graph: DependencyGraph, touches: list[list[_Touch]], needed: list[dict[int, int]]
    ) -> None:
        self.graph = graph
        self.touches = touches
        self.needed = needed
        self.current = [INITIAL] * len(needed)

    def run(self, committed: bytearray) -> Replay:
        graph = self.graph
        by_end = [number for number, sure in enumerate(committed) if sure]
        coming = by_end[::-1]
        by_end.sort(key=graph.completed.__getitem__)
        done = bytearray(len(committed))
        window: list[int] = []  # may run as far as real time goes, by end
        order: list[int] = []
        exact = True
        first = 0
        while len(order) < len(by_end):
            while done[by_end[first]]:
                first += 1
            limit = graph.completed[by_end[first]]
            added = False
            while coming and graph.invoked[coming[-1]] < limit:
                window.append(coming.pop())
                added = True
            if added:
                window.sort(key=lambda number: (graph.completed[number], number))
            place = next((i for i, number in enumerate(window) if self._may_run(number)), None)
            if place is None:
                exact = False
                place = 0
            number = window.pop(place)
            self._apply(number)
            done[number] = 1
            order.append(number)
        return Replay(order, exact)

    def _may_run(self, number: int) -> bool:
        for key, read, writes in self.touches[number]:
            current = self.current[key]
            if read is not None and read != current:
                return False
            if writes and self.needed[key].get(current, 0) > (read == current):
                return False
        return True

    def _apply(self, number: int) -> None:
        for key, read, writes in self.touches[number]:
            if read is not None and read in self.needed[key]:
                self.needed[key][read] -= 1
            if writes:
                self.current[key] = number


def positions(order: Sequence[int], size: int) -> list[int]:
    """For each number its place in an order; `NEVER` for one that is not in it."""
    place = [NEVER] * size
    for rank, number in enumerate(order):
        place[number] = rank
    return place
