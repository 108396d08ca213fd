"""What precedes each transaction: those that it read from, those of its session, and their causes.

Source: Biswas, Enea, OOPSLA 2019, section 2 (the relations wr and so); the sets of causes are
kept as bits, some transactions at a time, so that memory stays linear.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice

from clew.checkers.transactions.version_orders.register_key import in_order
from clew.checkers.verdict import Budget


class Causes:
    """Which transactions directly precede each.

    Args:
        nodes: the transactions that count, in order of invocation.
        read_from: for a transaction those whose writes it read.
        session: for each transaction the number of its session; None where sessions don't count.

    Attributes:
        sources: for each transaction those that it read from, then the one before it in its
            session.
        sessions: True where sessions count.
    """

    def __init__(
        self,
        nodes: Iterable[int],
        read_from: Mapping[int, Iterable[int]],
        session: Sequence[int] | None,
    ) -> None:
        self.sessions = session is not None
        self.sources: dict[int, list[int]] = {}
        last: dict[int, int] = {}
        for node in nodes:
            sources = dict.fromkeys(read_from.get(node, ()))
            if session is not None:
                if session[node] in last:
                    sources[last[session[node]]] = None
                last[session[node]] = node
            self.sources[node] = [*sources]

    def in_order(self) -> list[int]:
        """The transactions, causes first; short of those on or behind circles."""
        following: dict[int, list[int]] = {node: [] for node in self.sources}
        for node, sources in self.sources.items():
            for source in sources:
                following[source].append(node)
        return in_order(following)

    def closed(self, order: Sequence[int], budget: Budget) -> Iterator[Block]:
        """For some of the causes at a time, which transactions they precede. O(edges * n / 64)."""
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
        """A shortest chain of transactions, each a direct source of the next; both included."""
        following = {last: last}
        queue = [last]
        for node in queue:
            if node == first:
                break
            for source in self.sources[node]:
                if source not in following:
                    following[source] = node
                    queue.append(source)
        path = [first]
        while path[-1] != last:
            path.append(following[path[-1]])
        return path


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
