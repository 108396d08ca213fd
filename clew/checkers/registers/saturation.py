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
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from typing import NamedTuple

from clew.checkers.order_graph import OrderGraph
from clew.checkers.registers.accesses import INITIAL, Access, Accesses
from clew.checkers.values import sentence
from clew.checkers.verdict import Anomaly, Budget, OutOfBudget

_CLOCK_ENTRIES_MAX = 20_000_000
_FEW = 64
"""With a new edge for more than one in this number of accesses, all clocks are made anew."""


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
    """A growing order on all accesses: each session's order, and writes before their reads.

    Args:
        found: all accesses.
        readers: the reads that count; None for all of them.
        graph: what is known already; None for the order of the sessions.
    """

    def __init__(
        self,
        found: Accesses,
        readers: Iterable[int] | None = None,
        graph: OrderGraph[Why] | None = None,
    ) -> None:
        # What all methods share. `graph` has every edge that is known. `clocks` has for each
        # access, by session, the rank of the session's last access that comes before it, and -1 for
        # none; they are behind the graph only inside `saturate`.
        self.found = found
        self.clocks: list[list[int]] = []
        self.graph = _sessions(found) if graph is None else graph
        self.reads = [*(found.reads if readers is None else readers)]
        for read in self.reads:
            source = found.all[read].source
            if source != INITIAL:
                self.graph.add(source, read, Why("reads-from"))

    def branch(self, session: list[int]) -> Order:
        """Copy the order, so that it grows on its own, saturated by one session's reads. O(n).

        The clocks must be known.
        """
        copy = Order(self.found, [], self.graph.branch())
        copy.reads = [index for index in session if not self.found.all[index].is_write]
        copy.clocks = self.clocks[:]
        return copy

    def read_in(self, session: list[int]) -> bool:
        """Let a session's reads count in an order of writes alone; False for a circle.

        A circle is all that can come of it where a session reads what it writes only later.
        """
        known = [-1] * len(self.found.sessions)
        for first, second in pairwise(session):
            self.graph.add(first, second, Why("session"))
        # Invariant: `known` is the clock of what comes next in this session. In an order of writes
        # alone a source brings with it only the earlier writes of its own session, which its rank
        # says.
        for index in session:
            one = self.found.all[index]
            if one.source != INITIAL:
                source = self.found.all[one.source]
                self.graph.add(one.source, index, Why("reads-from"))
                known[source.session] = max(known[source.session], source.rank)
            # Something that comes after it came before it: a circle.
            if known[one.session] >= one.rank:
                return False
            self.clocks[index] = known[:]
            known[one.session] = one.rank
        return True

    def close(self, budget: Budget) -> list[Edge] | None:
        """Compute the clocks; a shortest cycle where there is one. O(nk)."""
        count, width = len(self.found.all), len(self.found.sessions)
        if count * width > _CLOCK_ENTRIES_MAX:
            raise OutOfBudget(
                f"{count} accesses in {width} sessions need too much memory", "fewer sessions"
            )
        order = self.graph.order()
        if order is None:
            return next(self.graph.contradictions())
        budget.spend(count)
        nothing = [-1] * width
        clocks = [nothing] * count
        # Invariant: a node's clock is final once all its predecessors were passed on.
        for node in order:
            successors = self.graph.successors[node]
            if not successors:
                continue
            clock = self._passed_on(clocks[node], node)
            for second in successors:
                later = clocks[second]
                clocks[second] = clock if later is nothing else _later(clock, later)
        self.clocks = clocks
        return None

    def _passed_on(self, clock: list[int], node: int) -> list[int]:
        """Return what comes before whatever comes after a node: its past and itself."""
        one = self.found.all[node]
        passed = clock[:]
        passed[one.session] = max(passed[one.session], one.rank)
        return passed

    def before(self, first: int, second: int) -> bool:
        """Return whether one access comes before another; `close` must have been called."""
        one = self.found.all[first]
        return self.clocks[second][one.session] >= one.rank

    def latest_writes(self, read: int) -> Iterator[int]:
        """Yield per session its last write to the read's register that comes before the read."""
        clock = self.clocks[read]
        key = self.found.all[read].key
        ranks = self.found.ranks.get(key, {})
        for session, writes in self.found.writers.get(key, {}).items():
            position = bisect_right(ranks[session], clock[session]) - 1
            if position >= 0:
                yield writes[position]

    def earliest_overwrites(self, read: int) -> Iterator[int]:
        """Yield per session its first write to the register that comes after what was read."""
        source = self.found.all[read].source
        # Those that come after the source are the last of each session, since clocks only grow
        # along it.
        for writes in self.found.writers.get(self.found.all[read].key, {}).values():
            if source == INITIAL:
                yield writes[0]
                continue
            position = bisect_left(writes, 1, key=lambda write: self.before(source, write))
            if position < len(writes):
                yield writes[position]

    def saturate(self, budget: Budget, *, total: bool) -> Anomaly | None:
        """Add what the reads force until nothing changes; an anomaly where that is impossible.

        A read is looked at again only where something new comes before
        it, or with ``total`` after what it saw: O(nk log n) for the first look, then in proportion
        to what changes.

        Args:
            budget: one step per read and per clock that changes.
            total: True if reads are placed in the order of all accesses, and not only in
                their own session's.
        """
        if not self.clocks:
            circle = self.close(budget)
            if circle is not None:
                return cyclic(self.found, circle, "cyclic-order")
        watch = _Watch(self, total=total)
        waiting = self.reads
        # Invariant: the clocks are those of the graph, and a read that does not wait forces nothing
        # new. What is added holds in every order that explains the reads, so a circle means that
        # there is none. Each round but the last adds an edge: this ends.
        while waiting:
            fresh: list[tuple[int, int]] = []
            for read in waiting:
                budget.spend(1)
                write = self._hidden(read)
                if write is not None:
                    return initial_read(self, write, read)
                for first, second, why in self._forced(read, total=total):
                    if self.graph.add(first, second, why):
                        fresh.append((first, second))
            if not self._take_in(fresh, watch, budget):
                return cyclic(self.found, next(self.graph.contradictions()), "cyclic-order")
            waiting = watch.again()
        return None

    def _hidden(self, read: int) -> int | None:
        """Find a write that comes before a read of the initial value; None if all is well."""
        if self.found.all[read].source != INITIAL:
            return None
        return next(self.latest_writes(read), None)

    def _forced(self, read: int, *, total: bool) -> Iterator[Edge]:
        """Yield what a read's answer puts in order and was not known."""
        source = self.found.all[read].source
        # POPL 2017, section 3: a write in the read's past is no later than what the read saw. Of
        # each session the last is enough, since the older ones come before it.
        for write in self.latest_writes(read):
            if write != source and not self.before(write, source):
                yield write, source, Why("overwritten", read)
        # CAV 2019, section 4: in one order of all, what overwrites the source comes after its
        # readers.
        for write in self.earliest_overwrites(read) if total else ():
            if write != source and not self.before(read, write):
                yield read, write, Why("not-yet", read)

    def _take_in(self, fresh: list[tuple[int, int]], watch: _Watch, budget: Budget) -> bool:
        """Bring the clocks up to date with new edges; False if they close a circle."""
        if len(fresh) * _FEW < len(self.clocks):
            # Late edges first: what early ones change then soon meets what is known already.
            return all(self._move_on(*edge, watch, budget) for edge in reversed(fresh))
        before = self.clocks
        if self.close(budget) is not None:
            return False
        for index, (old, new) in enumerate(zip(before, self.clocks, strict=True)):
            if new != old:
                watch.changed(index, old, new)
        return True

    def _move_on(self, first: int, second: int, watch: _Watch, budget: Budget) -> bool:
        """Move on all clocks that an edge changes; False if it closes a circle."""
        queue = deque([(first, second)])
        # Invariant: a clock may be behind only at the end of an edge in the queue, or of a fresh
        # one whose turn comes.
        while queue:
            budget.spend(1)
            before, after = queue.popleft()
            old = self.clocks[after]
            new = _later(self._passed_on(self.clocks[before], before), old)
            if new == old:
                continue
            one = self.found.all[after]
            if new[one.session] >= one.rank:
                return False
            self.clocks[after] = new
            watch.changed(after, old, new)
            queue.extend((after, following) for following in self.graph.successors[after])
        return True


class _Watch:
    """The reads that must be looked at again since clocks changed."""

    def __init__(self, order: Order, *, total: bool) -> None:
        self.found = order.found
        self.reads = frozenset(order.reads)
        self.waiting: set[int] = set()
        self.total = total
        self.readers: dict[int, list[int]] = {}
        for read in order.reads if total else ():
            self.readers.setdefault(self.found.all[read].source, []).append(read)

    def changed(self, index: int, old: list[int], new: list[int]) -> None:
        """Note that more comes before an access than did."""
        if index in self.reads:
            self.waiting.add(index)
        if not self.total or not self.found.all[index].is_write:
            return
        # Whoever read a version that now comes before this write comes before it too.
        key = self.found.all[index].key
        ranks = self.found.ranks[key]
        for session, writes in self.found.writers[key].items():
            if new[session] > old[session]:
                low = bisect_right(ranks[session], old[session])
                high = bisect_right(ranks[session], new[session])
                for write in writes[low:high]:
                    self.waiting.update(self.readers.get(write, ()))

    def again(self) -> list[int]:
        """Return the reads to look at again, in order, and forget them."""
        waiting = sorted(self.waiting)
        self.waiting.clear()
        return waiting


def written(found: Accesses) -> OrderGraph[Why]:
    """Return the order of each session's writes alone."""
    return _sessions(found, lambda one: one.is_write)


def _sessions(found: Accesses, counts: Callable[[Access], bool] | None = None) -> OrderGraph[Why]:
    """Return the order of each session, or of those of its accesses that count."""
    graph = OrderGraph[Why](len(found.all))
    for session in found.sessions:
        chain = [index for index in session if counts is None or counts(found.all[index])]
        for first, second in pairwise(chain):
            graph.add(first, second, Why("session"))
    return graph


def _later(one: list[int], other: list[int]) -> list[int]:
    return [*map(max, one, other)]


def cyclic(found: Accesses, cycle: list[Edge], kind: str) -> Anomaly:
    """Describe the anomaly of a cycle of accesses that would each come before the next."""
    cycle = _shortened(cycle)
    lines = [_line(found, *edge) for edge in cycle]
    reason = f"{'; '.join(lines)}. So each of these would have to come before itself."
    indices = [index for first, _, why in cycle for index in (first, why.by) if index != INITIAL]
    data = {
        "cycle": [found.all[first].operation.number for first, _, _ in cycle],
        "because": [why.rule for _, _, why in cycle],
    }
    return Anomaly(kind, sentence(reason), found.operations(indices), data)


def _shortened(cycle: list[Edge]) -> list[Edge]:
    """Return the cycle with one edge for each run of edges along a session."""
    turn = max((at + 1 for at, (_, _, why) in enumerate(cycle) if why.rule != "session"), default=0)
    # Turned first, so that no run of one session's edges is cut in two by the ends of the list.
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
    """Describe an anomaly: a read of the initial value comes after a write."""
    found = order.found
    one, other = found.all[read], found.all[write]
    reason = f"{one.text}, the initial value, though {other.text} and that comes before."
    data = {"read": one.operation.number, "write": other.operation.number}
    path = way(order, write, read)
    return Anomaly("initial-read", sentence(reason), found.operations([*path, read]), data)


def way(order: Order, first: int, second: int) -> list[int]:
    """Find a shortest chain of accesses from one to another after it; both are included."""
    came_from = {first: first}
    queue = [first]
    # Breadth first, so that the first way found to a node is a shortest.
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
