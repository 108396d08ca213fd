"""One list's appends and reads: all that a history says of one key."""

from __future__ import annotations

from itertools import chain
from typing import Any

from clew.checkers.transactions.version_orders.written_key import WrittenKey
from clew.checkers.values import Key, key_of

NOBODY = -1
"""In the place of a committed writer where there is none."""


class AppendKey(WrittenKey):
    """All that a history says of one key.

    Attributes:
        intermediate: of values that their own transaction appended to again the writer and the
            value that it appended next.
        reads: what each transaction saw of the key, its own appends at the end left out: its first
            read, and each further one that is not what it had left.
        cut: for each read that a transaction's own appends were left out of, the transaction and
            what is left in ``reads`` by its length, all that it read.
        shown: whole reads that end in the transaction's own appends.
        again: for each transaction that contradicts itself what it read, with what it had appended
            by then.
        longest: the longest list that was read, of ``length`` elements, by operation
            ``longest_by``.
        updates: the transactions that read the key before they first appended to it, with what they
            saw last.
        odd: some value is neither an int nor a str, or the lists hold keys in their place.
        unsure: the writers whose outcome is unknown.

    The rest is filled in by `AppendOrders`: ``whole`` says whether all of ``longest`` is certain;
    ``order`` is the part of ``longest`` that is
    certain, as tokens; ``owners`` who committed each element, `NOBODY` where it was no committed
    transaction; ``unseen`` who committed an append that nobody saw.
    """

    __slots__ = (
        "again", "cut", "length", "longest", "longest_by", "odd", "order",
        "owners", "read_by", "reads", "shown", "unseen", "unsure", "updates", "whole",
    )  # fmt: skip

    def __init__(self, key: Any) -> None:
        super().__init__(key)
        self.reads: list[tuple[int, list[Any]]] = []
        self.cut: dict[tuple[int, int], list[Any]] = {}
        self.shown: list[tuple[int, list[Any]]] = []
        self.again: list[tuple[int, list[Any], list[Any]]] = []
        self.updates: list[tuple[int, list[Any]]] = []
        self.longest: list[Any] = []
        self.length = 0
        self.longest_by = NOBODY
        self.odd = False
        self.read_by: dict[int, list[Any]] | None = None
        self.unsure: dict[int, None] = {}
        self.whole = True
        self.order: list[Any] = []
        self.owners: list[int] = []
        self.unseen: list[int] = []

    def needs_keys(self) -> bool:
        """Return whether the values that were read can't be compared as they are.

        A read that shows true for a 1, or false for a 0, is a prefix to Python and none in JSON.
        """
        if self.odd or not _PLAIN.issuperset(map(type, self.longest)):
            return True
        # To Python 1 == True, so only a read with a bool where the longest has 0 or 1 could pass
        # for a prefix wrongly; no other place need be looked at.
        places = [self.longest.index(each) for each in _LIKE_BOOLS if each in self.longest]
        return any(
            type(value[place]) is bool
            for place in places
            for _, value in chain(self.reads, self.shown)
            if len(value) > place
        )

    def make_keys(self) -> None:
        """Make the lists hashable and distinct as JSON values are."""
        self.odd = True
        self.longest = _keys(self.longest)
        self.reads, self.shown, self.updates = (
            [(number, _keys(value)) for number, value in reads]
            for reads in (self.reads, self.shown, self.updates)
        )
        self.again = [(number, _keys(value), _keys(own)) for number, value, own in self.again]
        self.cut = {at: _keys(value) for at, value in self.cut.items()}

    def uncut(self, number: int, value: list[Any]) -> list[Any]:
        """Return one of ``reads`` as the transaction had it, with its own appends at the end."""
        return self.cut.get((number, len(value)), value)

    def made(self, number: int, length: int) -> list[Any]:
        """Return the transaction's own appends that were left out of one of ``reads``."""
        return self.cut.get((number, length), [])[length:]

    def unseen_value(self, number: int) -> Key:
        """Return the first of a transaction's appends that no read shows for certain."""
        seen = set(self.order)
        return next(
            value
            for value, writer in self.writers.items()
            if writer == number and value not in seen
        )

    def disagreeing(self) -> list[tuple[int, list[Any]]]:
        """List the reads that are no prefix of the longest."""
        longest = self.longest
        return [
            (number, value)
            for number, value in chain(self.reads, self.shown)
            if longest[: len(value)] != value
        ]


def _keys(values: list[Any]) -> list[Any]:
    return [*map(key_of, values)]


_PLAIN = {int, str}
_LIKE_BOOLS = (0, 1)
