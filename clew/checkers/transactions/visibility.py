"""What a transaction should have seen: fractured reads, missed causes, and snapshots out of order.

These three kinds separate read atomic, causal and prefix consistency; with ``-process`` the
order of a session counts too. They are looked for only where the graver kinds (G0, G1) are absent
and a cycle of the kinds they are special cases of is there. The first that is found is reported;
the others are weaker.

- fractured-read: T2 read from T1, or comes after it in their session, and missed a write of T1.
- causality-violation: T2 depends on T1 through reads and sessions and missed a write of T1.
- prefix-violation: see `cycles`.

The causes of a transaction are those that it read from, those before it in its session, and their
causes. They are kept as bits, some transactions at a time, so that memory stays linear.

Sources: Cerone, Bernardi, Gotsman, CONCUR 2015, figure 1 (axioms EXT, TRANSVIS, PREFIX); Biswas and
Enea, OOPSLA 2019, section 2 (the relations wr and so) and figure 2, for the same as conditions on
the order of commits.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice, pairwise

from clew.checkers.order_graph import in_order, shortest_walk
from clew.checkers.transactions.cycles import MISSED, SUFFIXES, Cycle, find_prefix_violation
from clew.checkers.transactions.extraction import neighbours, sessions
from clew.checkers.transactions.graph import WR
from clew.checkers.transactions.walks import PROCESS, Level
from clew.checkers.transactions.words import Explainer
from clew.checkers.verdict import Budget


def find_missed(
    versions: Explainer, core: Sequence[int], level: Level, budget: Budget
) -> Cycle | None:
    """Find the gravest of the three kinds, with one witness; None if there is none.

    All that is missed closes a cycle, so that only the nodes of ``core`` need be looked at.
    """
    missed = _Missed(versions, core, level)
    found = missed.fractured(budget) or missed.cause(budget)
    return found or find_prefix_violation(versions.graph, level, budget)


class _Missed:
    """The transactions among which something was missed, with what each should have seen."""

    def __init__(self, versions: Explainer, core: Sequence[int], level: Level) -> None:
        graph = versions.graph
        self.versions = versions
        self.suffix = SUFFIXES[level]
        nodes = [node for node in core if node < len(graph.operations)]
        self.read_from: dict[int, list[int]] = {node: [] for node in nodes}
        # The wr edges turned round: whom each transaction read from. Those of the core are enough,
        # since what is missed closes a cycle.
        for node in nodes:
            for packed in graph.successors[node]:
                if packed & 3 == WR and packed >> 2 in self.read_from:
                    self.read_from[packed >> 2].append(node)
        session = sessions(graph.operations) if level is not Level.PLAIN else None
        self.causes = Causes(nodes, self.read_from, session)

    def fractured(self, budget: Budget) -> Cycle | None:
        """Find a transaction that missed a write of one that it read from, or of its session."""
        # Axiom EXT with atomic visibility: who sees one write of a transaction sees them all, so
        # the version that was read of any key is the writer's or a later one.
        for number, sources in self.read_from.items():
            budget.spend(1)
            for writer in self.versions.later_writers(number):
                if writer in sources or self.causes.in_session(writer, number):
                    kind = WR if writer in sources else PROCESS
                    return Cycle("fractured-read" + self.suffix, (writer, number), (kind, MISSED))
        return None

    def cause(self, budget: Budget) -> Cycle | None:
        """Find a transaction that missed a write of one of its causes, the nearest of a few."""
        # A chain costs a search of its own, so the shortest is sought among the first few alone.
        chains = [self.causes.chain(*pair) for pair in islice(self._missing(budget), _TRIED_MAX)]
        if not chains:
            return None
        chain = min(chains, key=len)
        kinds = [WR if a in self.read_from[b] else PROCESS for a, b in pairwise(chain)]
        return Cycle("causality-violation" + self.suffix, tuple(chain), (*kinds, MISSED))

    def _missing(self, budget: Budget) -> Iterator[tuple[int, int]]:
        order = self.causes.in_order()
        if len(order) < len(self.read_from):
            return  # a circle of reads and sessions: a graver kind
        for block in self.causes.closed(order, budget):
            # Axiom TRANSVIS: the causes of a cause are seen too. A writer that is a cause and
            # installed a later version than was read was missed.
            for number, mask in block.masks.items():
                for writer in self.versions.later_writers(number):
                    if mask & block.bits.get(writer, 0):
                        yield writer, number


_TRIED_MAX = 64


class Causes:
    """Which transactions directly precede each.

    Args:
        nodes: the transactions that count, in order of invocation.
        read_from: for a transaction those whose writes it read.
        session: for each transaction the number of its session; None if sessions don't count.

    Attributes:
        sources: for each transaction those that it read from, then the one before it in its
            session.
        session: as given.
    """

    def __init__(
        self,
        nodes: Sequence[int],
        read_from: Mapping[int, Iterable[int]],
        session: Sequence[int] | None,
    ) -> None:
        self.session = session
        self.sources = {node: [*dict.fromkeys(read_from.get(node, ()))] for node in nodes}
        for before, node in () if session is None else neighbours(nodes, session):
            if before not in self.sources[node]:
                self.sources[node].append(before)

    def in_session(self, first: int, last: int) -> bool:
        """Return whether one comes before the other in a session, where sessions count."""
        session = self.session
        return session is not None and first < last and session[first] == session[last]

    def in_order(self) -> list[int]:
        """Return the transactions, causes first; short of those on or behind circles."""
        following: dict[int, list[int]] = {node: [] for node in self.sources}
        # Mirrored: `sources` leads from an effect to its causes, the order wants causes first.
        for node, sources in self.sources.items():
            for source in sources:
                following[source].append(node)
        return in_order(following)

    def closed(self, order: Sequence[int], budget: Budget) -> Iterator[Block]:
        """Yield the transactions that a block of causes precedes. O(edges * n / 64) for all."""
        # A block's causes precede nothing that stands before them in the order, so each block looks
        # only at what follows its first member.
        for low in range(0, len(order), _WIDTH):
            members = order[low : low + _WIDTH]
            bits = {node: 1 << place for place, node in enumerate(members)}
            masks: dict[int, int] = {}
            # Invariant: a mask is whole when its transaction is met, since its sources were.
            for node in islice(order, low, None):
                mask = 0
                for source in self.sources[node]:
                    mask |= masks.get(source, 0) | bits.get(source, 0)
                if mask:
                    masks[node] = mask
            budget.spend(len(order) - low)
            yield Block(members, bits, masks)

    def chain(self, first: int, last: int) -> list[int]:
        """Find a shortest chain of transactions, each a source of the next; both ends included."""
        return shortest_walk(last, first, self.sources.__getitem__)[::-1]


class Block:
    """Some causes, and what they precede.

    Attributes:
        members: the causes, none before one of its own.
        bits: for each of them its bit.
        masks: for each transaction that some of them precede these, as bits.
    """

    __slots__ = ("bits", "masks", "members")

    def __init__(self, members: Sequence[int], bits: dict[int, int], masks: dict[int, int]) -> None:
        self.members = members
        self.bits = bits
        self.masks = masks


_WIDTH = 8192
