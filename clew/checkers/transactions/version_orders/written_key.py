"""Who wrote what to a key, and why the edges of all keys were drawn, whatever the workload."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any, ClassVar, Generic, TypeVar

from clew.checkers.transactions.cycles import KIND_NAMES
from clew.checkers.transactions.extraction import NEVER, done_by, refuse_write
from clew.checkers.transactions.graph import RW, DependencyGraph
from clew.checkers.transactions.words import Link, Phenomena
from clew.checkers.values import Key, key_of
from clew.history import History, Operation

MANY = 64
"""How many edges are drawn for what something else that is reported says as well."""


class WrittenKey:
    """Who wrote each value of one key.

    Attributes:
        key: the key as the history writes it.
        writers: for each value (as `values.key_of`) the operation that wrote it.
        failed: the writers that aborted.
        intermediate: values that their own transaction overwrote; for each its writer.
    """

    __slots__ = ("failed", "intermediate", "key", "writers")

    overwrote: ClassVar[str] = "overwrote"
    """The word for what makes a value intermediate."""

    def __init__(self, key: Any) -> None:
        self.key = key
        self.writers: dict[Key, int] = {}
        self.failed: dict[int, None] = {}
        self.intermediate: dict[Key, Any] = {}

    def write(self, history: History, operation: Operation, token: Key, value: Any) -> bool:
        """Note who wrote a value; False for a failed attempt beside another one.

        A failed attempt gives way to a later one with the same value.

        Raises:
            HistoryError: the value is written twice.
        """
        other = self.writers.get(token)
        if other is not None and operation.type == "fail":
            return False
        if other is not None and other not in self.failed:
            refuse_write(history, operation, self.key, value)
        self.writers[token] = operation.number
        if operation.type == "fail":
            self.failed[operation.number] = None
        return True

    def wrong(self, number: int, token: Key) -> tuple[str, tuple[int, ...], str] | None:
        """Say what is wrong with a transaction's read of a value; None for nothing.

        The kind of anomaly, its cast, and the end of a sentence "{0} read ...".
        """
        writer = self.writers.get(token)
        if writer is None:
            return "garbage-read", (number,), ", but nobody ever wrote that."
        if writer in self.failed:
            return "G1a", (number, writer), ", which {1} wrote before it aborted."
        if writer == number:
            end = " before it wrote that value itself: it saw its own future."
            return "future-read", (number,), end
        if self.intermediate.get(token) == writer:
            return "G1b", (number, writer), f", which {{1}} {self.overwrote} before it committed."
        return None


_Record = TypeVar("_Record", bound=WrittenKey)


class KeyOrders(ABC, Generic[_Record]):
    """Draws the edges of each key and remembers why.

    Args:
        operations: the history's operations.

    Attributes:
        graph: all edges.
        recorder: the anomalies that are no cycles.
        keys: all that was read or written.
        committed: 1 for each operation that is known to have committed: it is ``ok``, or its
            outcome is unknown but one of its writes was seen.
    """

    def __init__(self, operations: Sequence[Operation]) -> None:
        self.operations = operations
        self.graph = DependencyGraph(operations)
        self.recorder = Phenomena()
        self.keys: dict[Key, _Record] = {}
        self.committed = bytearray(map(NEVER.__ne__, self.graph.completed))

    def later_writers(self, number: int) -> Iterator[int]:
        """Yield who installed a version after one that this transaction read, itself left out."""
        if self.operations[number].type == "ok":
            for record in self._keys_of(number):
                yield from self._later(record, number)

    def missed(self, source: int, target: int) -> Link:
        """Return the evidence that one transaction read a version older than the other's."""
        records = self._keys_of(source)
        record = next(each for each in records if target in self._later(each, source))
        return self._missed(record, source, target)

    def link(self, source: int, target: int, kind: int) -> Link:
        """Return the evidence for one edge of the graph: the first key that shows it."""
        for record in self._keys_of(source):
            found = self._link(record, source, target, kind)
            if found is not None:
                return found
        raise AssertionError((source, target, KIND_NAMES[kind]))

    def _keys_of(self, number: int) -> list[_Record]:
        micros = done_by(self.operations[number])
        return [self.keys[key] for key in dict.fromkeys(key_of(micro[1]) for micro in micros)]

    def _link_apart(self, apart: Sequence[int], writers: Sequence[int]) -> None:
        """Link those that read a version, but not last before they wrote the key, to its next.

        All that they violate, their own contradictions violate too, so many are left out.
        """
        # Drawn one by one, so only where they are few.
        if len(apart) * len(writers) <= MANY:
            for reader, writer in product(apart, writers):
                self.graph.add(reader, writer, RW)

    @abstractmethod
    def _later(self, record: _Record, number: int) -> Sequence[int]:
        """List who installed a later version of a key than one that a transaction read."""

    @abstractmethod
    def _missed(self, record: _Record, source: int, target: int) -> Link:
        """Return the evidence that one read a version of the key older than the other's."""

    @abstractmethod
    def _link(self, record: _Record, source: int, target: int, kind: int) -> Link | None:
        """Return the evidence for an edge, if the key shows it."""
