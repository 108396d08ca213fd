"""Keys that come and go under predicates: who read which version, and the edges that follow.

A key is changed by at most one transaction, beside the one that makes the initial state. So it has
two versions at most, in an order that is certain; and where every version but one matches a
predicate, a read by that predicate which does not show the key must have met that one.

Source: Adya 1999, section 3.2 (version sets of predicate reads, predicate dependencies); Elle's
closed-predicate workload for the elimination.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from clew.checkers.transactions.extraction import told
from clew.checkers.transactions.graph import RW, WR, WW, DependencyGraph
from clew.checkers.transactions.version_orders.written_key import WrittenKey
from clew.checkers.transactions.words import Link, Phenomena
from clew.checkers.values import Key, key_of
from clew.history import Operation

UNBORN: Final = ("unborn",)
"""The version of a key that was not inserted yet; no JSON text, so no value is taken for it."""

DEAD: Final = ("dead",)
"""The version of a key that was deleted."""

NIL: Final = key_of(None)


class PredicateKey(WrittenKey):
    """All that a history says of one key.

    Attributes:
        initial: the version at the start.
        values: for each version its value.
        final: for each transaction that did not abort the last version that it wrote.
    """

    __slots__ = ("final", "initial", "values")

    overwrote = "changed again"

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.initial: Key = UNBORN
        self.values: dict[Key, Any] = {}
        self.final: dict[int, Key] = {}

    def told(self, version: Key) -> Any:
        """Return a version's value; nil where there is none."""
        return self.values.get(version)

    def matches(self, predicate: Any, version: Key) -> bool:
        """Return whether a version matches a predicate; what is not there matches none."""
        return version not in (UNBORN, DEAD, NIL) and matches(predicate, self.values.get(version))


def matches(predicate: Any, value: Any) -> bool:
    """Match a value against ``true``, ``["=", value]`` or ``["mod", modulus, remainder]``."""
    if not isinstance(predicate, list):
        return True
    if predicate[0] == "=":
        return key_of(predicate[1]) == key_of(value)
    return type(value) is int and value % predicate[1] == predicate[2]


class _Read(NamedTuple):
    """A transaction read a version; by a predicate that did not match it, if ``unseen``."""

    reader: int
    version: Key
    predicate: Any = None
    unseen: bool = False


class PredicateOrders:
    """Draws the edges of all keys and remembers why.

    Args:
        operations: the history's operations.
        start: the number of the operation that made the initial state; None for an empty one.

    Attributes:
        graph: all edges.
        recorder: the anomalies that are no cycles.
        items: those edges alone that are no anti-dependencies by predicate.
        open_keys: how many keys several transactions changed, so that their order is not known.
    """

    def __init__(self, operations: Sequence[Operation], start: int | None) -> None:
        self.recorder = Phenomena()
        self.start = start
        self.graph = DependencyGraph(operations)
        self.items = DependencyGraph(operations)
        self.committed = bytearray(operation.type == "ok" for operation in operations)
        self.reads: dict[str, list[_Read]] = {}
        self.links: dict[tuple[int, int, int], Link] = {}
        self.by_predicate: set[tuple[int, int]] = set()
        self.later: dict[int, dict[int, None]] = {}
        self.open_keys = 0

    def read(self, number: int, key: PredicateKey, token: Key) -> None:
        """Explain what a transaction saw of a key, be it by name or by predicate."""
        if token == NIL:
            self._read_nothing(number, key)
            return
        wrong = key.wrong(number, token)
        if wrong is not None:
            kind, cast, end = wrong
            start = f"{{0}} read key {key.key} as {told(key.values.get(token, token))}"
            self._odd(kind, cast, start + end, key)
        if wrong is None or wrong[0] == "G1b":
            self._note(key, _Read(number, token))

    def _read_nothing(self, number: int, key: PredicateKey) -> None:
        dead = any(version == DEAD and who != number for who, version in key.final.items())
        if key.initial == UNBORN and dead:
            return  # before or after it was there: nobody knows
        self._note(key, _Read(number, DEAD if dead else UNBORN))

    def miss(self, number: int, key: PredicateKey, predicate: Any) -> None:
        """Find the version that a read by predicate met where it did not show the key."""
        if not key.final and key.initial == UNBORN:
            return
        if not key.final and not key.matches(predicate, key.initial):
            return  # nobody changed it, and it was there from the start without a match
        # A transaction that has not written the key yet can't have met its own version.
        others = [version for who, version in key.final.items() if who != number]
        # The versions that the read may have met: those that match are ruled out, since it did not
        # show the key. One that is left is the one that it read (elimination).
        versions = [key.initial, *others]
        left = [version for version in versions if not key.matches(predicate, version)]
        if not left:
            shown = ", ".join(told(key.told(version)) for version in versions)
            self._odd(
                "predicate-read-miss",
                (number,),
                f"{{0}} read by {told_predicate(predicate)} and did not see key {key.key}, which "
                f"matches in every state that it ever had: {shown}.",
                key,
            )
            left = [UNBORN]
        if len(left) == 1:
            self._note(key, _Read(number, left[0], predicate, unseen=True))

    def _note(self, key: PredicateKey, read: _Read) -> None:
        self.reads.setdefault(key.key, []).append(read)
        writer = key.writers.get(read.version)
        if writer is not None and writer not in key.failed:
            self.committed[writer] = 1

    def _odd(self, kind: str, cast: tuple[int, ...], reason: str, key: PredicateKey) -> None:
        self.recorder.add(kind, cast, reason, key=key.key)

    def draw(self, keys: Mapping[str, PredicateKey]) -> None:
        """Draw the edges of all keys, once all reads are noted."""
        if self.start is not None:
            # The initial state comes before everything else; the assumption of a closed universe.
            others = [n for n, sure in enumerate(self.committed) if sure and n != self.start]
            for graph in (self.graph, self.items):
                graph.add_all([self.start], others, WR)
        # With one change besides the initial state the order of a key's versions is certain; with
        # more it is open, and only edges from and to the initial version are drawn.
        for key in keys.values():
            changes = [writer for writer in key.final if self.committed[writer]]
            self.open_keys += len(changes) > 1
            if key.initial != UNBORN and self.start is not None:
                for writer in changes:
                    self._link(key, self.start, writer, WW, key.initial, key.final[writer])
            for read in self.reads.get(key.key, ()):
                self._draw_read(key, read, changes)

    def _draw_read(self, key: PredicateKey, read: _Read, changes: Sequence[int]) -> None:
        number, version, predicate, unseen = read
        writer = key.writers.get(version)
        if writer is not None and not (unseen and writer == self.start):
            why = f"no other version of {key.key} escapes {told_predicate(predicate)}"
            self._link(key, writer, number, WR, version, version, why if unseen else "")
        later = list(changes) if version == key.initial else []
        if version == UNBORN and key.initial != UNBORN:
            assert self.start is not None
            later = [self.start]
        # Adya, section 3.2: an anti-dependency by predicate leads to the change that makes the key
        # match.
        for other in later:
            after = key.initial if other == self.start else key.final[other]
            if unseen and not key.matches(predicate, after):
                continue  # it would not have matched either
            self._link(key, number, other, RW, version, after, predicate=unseen)

    def _link(
        self,
        key: PredicateKey,
        source: int,
        target: int,
        kind: int,
        version: Key,
        after: Key,
        because: str = "",
        *,
        predicate: bool = False,
    ) -> None:
        if source == target:
            return
        name = ("ww", "wr", "rw")[kind]
        value, following = key.told(version), key.told(after)
        link = Link(source, target, name, key.key, value, following, because=because)
        if predicate:
            self.by_predicate.add((source, target))
            link = link._replace(because="by a predicate that this changes")
        else:
            self.items.add(source, target, kind)
            if kind == RW:
                self.later.setdefault(source, {})[target] = None
        self.graph.add(source, target, kind)
        if predicate:
            self.links.setdefault((source, target, kind), link)
        else:
            self.links[source, target, kind] = link

    def is_by_predicate(self, source: int, target: int) -> bool:
        """Return whether an anti-dependency is one by predicate alone."""
        return (source, target) in self.by_predicate and target not in self.later.get(source, ())

    def link(self, source: int, target: int, kind: int) -> Link:
        """Return the evidence for one edge of the graph."""
        return self.links.get((source, target, kind)) or Link(source, target, "initial")

    def missed(self, source: int, target: int) -> Link:
        """Return the evidence that one transaction read a version older than the other's."""
        return self.links[source, target, RW]

    def later_writers(self, number: int) -> Iterator[int]:
        """Yield who installed a version after one that this transaction read as an item."""
        yield from self.later.get(number, ())


def told_predicate(predicate: Any) -> str:
    """Write a predicate as a person does: ``true``, ``[= 2]``, ``[mod 2 0]``."""
    return told(predicate)
