"""What must come before what: causal order with clocks, and its saturation by reads.

The order is kept as a graph over the accesses and as one clock for each access: for each session,
how many of its accesses come before. With k sessions a question costs O(1), the clocks O(nk).

Saturation adds, until nothing changes, what a read's answer forces: when a write to the same
register comes before the read, it comes before the write that the read saw. Where an order over
all accesses is sought (sequential consistency), the write that comes after the one that was seen
comes after the read too.

Source: Bouajjani, Enea, Guerraoui and Hamza, "On Verifying Causal Consistency", POPL 2017,
section 3; Zennou et al., "Gradual Consistency Checking", CAV 2019, section 4.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import NamedTuple

from clew.checkers.accesses import INITIAL, Accesses
from clew.checkers.order_graph import OrderGraph
from clew.checkers.verdict import Anomaly, Budget, OutOfBudget

_CLOCK_ENTRIES_MAX = 20_000_000


class Why(NamedTuple):
    """Why one access comes before another.

    Attributes:
        rule: ``session``, ``reads-from``, ``overwritten`` (the first is a write that the read
            ``by`` must have seen before it saw the second) or ``not-yet`` (the first is a read
            that saw what the second overwrote).
        by: the read that called it up, or `INITIAL`.
    """

    rule: str
    by: int = INITIAL


Edge = tuple[int, int, Why]


class Order:
    """A growing order on some accesses.

    Args:
        found: all accesses.
        members: those that are ordered here.
        readers: the reads whose reads-from counts; None for all members.
    """

    def __init__(
        self, found: Accesses, members: Iterable[int], readers: Iterable[int] | None = None
    ) -> None:
        self.found = found
        self.members = frozenset(members)
        counted = self.members if readers is None else frozenset(readers)
        self.graph = OrderGraph[Why](len(found.all))
        self.clocks: list[list[int]] = []
        for session in found.sessions:
            inside = [index for index in session if index in self.members]
            for first, second in pairwise(inside):
                self.graph.add(first, second, Why("session"))
        for index in sorted(counted):
            one = found.all[index]
            if not one.is_write and one.source != INITIAL:
                self.graph.add(one.source, index, Why("reads-from"))
        self.reads = [index for index in sorted(counted) if not found.all[index].is_write]

    def close(self, budget: Budget) -> list[Edge] | None:
        """Computes the clocks; a shortest cycle where there is one. O(nk)."""
        count, width = len(self.found.all), len(self.found.sessions)
        if count * width > _CLOCK_ENTRIES_MAX:
            raise OutOfBudget(f"{count} accesses in {width} sessions need too much memory")
        order = self.graph.order()
        if order is None:
            return next(self.graph.contradictions())
        budget.spend(count)
        clocks = [[-1] * width for _ in range(count)]
        # Invariant: a node's clock is final once all its predecessors were passed on.
        for node in order:
            one = self.found.all[node]
            clock = clocks[node]
            for second in self.graph.successors[node]:
                later = clocks[second]
                clocks[second] = [max(pair) for pair in zip(clock, later, strict=True)]
                clocks[second][one.session] = max(clocks[second][one.session], one.rank)
        self.clocks = clocks
        return None

    def before(self, first: int, second: int) -> bool:
        """Whether one access comes before another; `close` must have been called."""
        one = self.found.all[first]
        return self.clocks[second][one.session] >= one.rank

    def latest_writes(self, read: int) -> Iterator[int]:
        """Per session its last write to the read's register that comes before the read."""
        clock = self.clocks[read]
        for session, writes in self.found.writers.get(self.found.all[read].key, {}).items():
            position = bisect_right(writes, clock[session], key=self._rank) - 1
            if position >= 0:
                yield writes[position]

    def earliest_overwrites(self, read: int) -> Iterator[int]:
        """Per session its first write to the read's register that comes after what it saw."""
        source = self.found.all[read].source
        for writes in self.found.writers.get(self.found.all[read].key, {}).values():
            if source == INITIAL:
                yield writes[0]
                continue
            position = bisect_left(writes, 1, key=lambda write: self.before(source, write))
            if position < len(writes):
                yield writes[position]

    def _rank(self, index: int) -> int:
        return self.found.all[index].rank

    def saturate(self, budget: Budget, *, total: bool) -> Anomaly | None:
        """Adds what the reads force until nothing changes; an anomaly where that is impossible.

        Each round costs O(nk log n) and adds at least one edge; there are few rounds in practice.

        Args:
            budget: asked once a round and once a read.
            total: True where reads are placed in the order of all accesses, and not only in
                their own session's.
        """
        while True:
            cycle = self.close(budget)
            if cycle is not None:
                return cyclic(self.found, cycle, "cyclic-order")
            grown = False
            for read in self.reads:
                budget.spend(0)
                source = self.found.all[read].source
                for write in self.latest_writes(read):
                    if source == INITIAL:
                        return initial_read(self, write, read)
                    if write not in {source, read} and not self.before(write, source):
                        grown |= self.graph.add(write, source, Why("overwritten", read))
                for write in self.earliest_overwrites(read) if total else ():
                    if write != source and not self.before(read, write):
                        grown |= self.graph.add(read, write, Why("not-yet", read))
            if not grown:
                return None


def cyclic(found: Accesses, cycle: list[Edge], kind: str) -> Anomaly:
    """An anomaly told along a cycle of accesses that would each have to come before the next."""
    cycle = _shortened(cycle)
    lines = [_line(found, *edge) for edge in cycle]
    reason = f"{'; '.join(lines)}. So each of these would have to come before itself."
    indices = [index for first, _, why in cycle for index in (first, why.by) if index != INITIAL]
    data = {
        "cycle": [found.all[first].operation.number for first, _, _ in cycle],
        "because": [why.rule for _, _, why in cycle],
    }
    return Anomaly(kind, reason[:1].upper() + reason[1:], found.operations(indices), data)


def _shortened(cycle: list[Edge]) -> list[Edge]:
    """The cycle with one edge for each run of edges along a session."""
    turn = max((at + 1 for at, (_, _, why) in enumerate(cycle) if why.rule != "session"), default=0)
    shorter: list[Edge] = []
    for first, second, why in [*cycle[turn:], *cycle[:turn]]:
        if shorter and why.rule == shorter[-1][2].rule == "session":
            shorter[-1] = (shorter[-1][0], second, why)
        else:
            shorter.append((first, second, why))
    return shorter


def _line(found: Accesses, first: int, second: int, why: Why) -> str:
    one, other = found.all[first], found.all[second]
    if why.rule == "session":
        return f"{one.text}, and after that {'wrote' if other.is_write else 'read'} " + (
            other.shown_value
        )
    if why.rule == "reads-from":
        return f"{other.text}, which is what {one.text}"
    if why.rule == "not-yet":
        return f"{one.text}, so that {other.shown_value} was not yet written"
    return (
        f"{found.all[why.by].text} when {one.shown_value} was already there, so "
        f"{other.shown_value} was written after {one.shown_value}"
    )


def initial_read(order: Order, write: int, read: int) -> Anomaly:
    """An anomaly: a read of the initial value comes after a write."""
    found = order.found
    one, other = found.all[read], found.all[write]
    reason = f"{one.text}, the initial value, though {other.text} and that comes before."
    data = {"read": one.operation.number, "write": other.operation.number}
    path = way(order, write, read)
    return Anomaly(
        "initial-read", reason[:1].upper() + reason[1:], found.operations([*path, read]), data
    )


def way(order: Order, first: int, second: int) -> list[int]:
    """A shortest chain of accesses from one to another that it comes before; both included."""
    came_from = {first: first}
    queue = [first]
    for node in queue:
        if node == second:
            break
        for following in order.graph.successors[node]:
            if following not in came_from:
                came_from[following] = node
                queue.append(following)
    path = [second]
    while path[-1] != first:
        path.append(came_from[path[-1]])
    return path[::-1]
