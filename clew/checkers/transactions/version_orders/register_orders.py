"""The order of each register's versions, as far as it is known, and the edges that follow from it.

What is known of the order is a directed graph over versions; where that graph is a circle, nothing
of it is used.

Source: Kingsbury and Alvaro, "Elle", VLDB 2020 (version orders of registers); Adya 1999, chapter 3.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, pairwise, product

from clew.checkers.order_graph import components, in_order
from clew.checkers.transactions.extraction import sessions, told
from clew.checkers.transactions.graph import OVERWRITE, RW, WR, WW
from clew.checkers.transactions.version_orders.register_key import (
    ABSENT,
    INITIAL,
    Closure,
    RegisterKey,
)
from clew.checkers.transactions.version_orders.written_key import MANY, KeyOrders
from clew.checkers.transactions.words import Link
from clew.checkers.values import initial_hint, key_of
from clew.checkers.verdict import Budget
from clew.history import Operation


class RegisterOrders(KeyOrders[RegisterKey]):
    """Draws the edges of each register and remembers why.

    Args:
        operations: the history's operations.
        assumptions: names from `rw_register.VERSION_ORDERS`.
    """

    def __init__(self, operations: Sequence[Operation], assumptions: Sequence[str]) -> None:
        super().__init__(operations)
        self.assumptions = assumptions
        self.session = sessions(operations)

    def settle(self, record: RegisterKey) -> None:
        """Check what was read of a key against who wrote it."""
        self.keys[key_of(record.key)] = record
        # A value that was read shows that its writer committed, even one whose outcome is unknown;
        # not so a value that nobody wrote, that was aborted, or that its own writer read too soon.
        for number, read, _ in chain(record.touches, record.rereads):
            if read is ABSENT or read == record.start:
                continue
            wrong = record.wrong(number, read)
            if wrong is None or wrong[0] == "G1b":
                self.committed[record.writers[read]] = 1
            if wrong is not None:
                kind, cast, end = wrong
                value = record.raw(read)
                if kind == "garbage-read" and record.initial is None:
                    end += initial_hint(value)
                reason = f"{{0}} read key {told(record.key)} as {told(value)}{end}"
                self.recorder.add(kind, cast, reason, key=record.key, read=value)

    def order_all(self, records: Sequence[RegisterKey], budget: Budget) -> None:
        """Infer the version orders of all keys and draw the edges."""
        # The wr edges of all keys come first: "transaction-order" asks what follows from them, and
        # from no others.
        for record in records:
            self._versions(record)
            self._link_reads(record)
        for record in records:
            for earlier, later, why in self._constraints(record):
                if earlier != later:
                    record.after.setdefault(earlier, {}).setdefault(later, why)
        if "transaction-order" in self.assumptions:
            self._order_by_dependency(records, budget)
        for record in records:
            self._draw(record)

    def _versions(self, record: RegisterKey) -> None:
        for number, _, wrote in record.touches:
            if wrote is not ABSENT and self.committed[number]:
                record.final[number] = wrote
        # A version is named by its writer; what it shows to that writer itself is no dependency.
        for number, read, _ in record.touches:
            version = None if read is ABSENT else record.version(read)
            if version is not None and version != number:
                record.readers.setdefault(version, []).append(number)
        record.meet()
        for number, met in record.met.items():
            for version in dict.fromkeys(version for version, _ in met):
                readers = [] if version is None else record.readers.setdefault(version, [])
                if version != number and number not in readers:
                    readers.append(number)

    def _link_reads(self, record: RegisterKey) -> None:
        for number, read, _ in chain(record.touches, record.rereads):
            writer = record.writers.get(read)
            if writer is not None and writer not in record.failed:
                self.graph.add(writer, number, WR)

    def _constraints(self, record: RegisterKey) -> Iterator[tuple[int, int, str]]:
        """Yield pairs of versions that the assumptions put in order, each with its reason."""
        if record.explicit is not None:
            versions = [record.version(value) for value in record.explicit]
            listed = [version for version in versions if version is not None]
            for earlier, later in zip([INITIAL, *listed], listed, strict=False):
                yield earlier, later, "the order was given"
            return
        # Of a transaction that contradicts itself only the reads before its last write count.
        if "writes-follow-reads" in self.assumptions:
            for version, readers in record.readers.items():
                for reader in readers:
                    if reader in record.final and (
                        not record.met or record.is_overwritten(version, reader)
                    ):
                        yield version, reader, "its writer had read the one before"
        if "sequential-keys" in self.assumptions:
            yield from self._sequential(record)
        if "linearizable-keys" in self.assumptions:
            yield from self._linearizable(record)

    def _visits(self, record: RegisterKey) -> Iterator[tuple[int, list[int]]]:
        """Yield each committed transaction on a key with the versions that it met, in order."""
        for number, read, _ in record.touches:
            if not self.committed[number]:
                continue
            if number in record.met:
                path = record.path(number)
            else:
                version = None if read is ABSENT else record.version(read)
                path = [] if version is None or version == number else [version]
                if number in record.final:
                    path.append(number)
            if path:
                yield number, path

    def _sequential(self, record: RegisterKey) -> Iterator[tuple[int, int, str]]:
        last: dict[int, int] = {}
        # Invariant: `last` has for each session the version on which its last visit left the key.
        for number, path in self._visits(record):
            session = self.session[number]
            why = f"process {self.operations[number].process} met them in this order"
            for earlier, later in pairwise([last.get(session, path[0]), *path]):
                yield earlier, later, why
            last[session] = path[-1]

    def _linearizable(self, record: RegisterKey) -> Iterator[tuple[int, int, str]]:
        """Order each visit after those that ended before it began; what follows is left out."""
        frontier: list[tuple[int, int, int]] = []  # completion, invocation, version on leaving
        why = "they were met in this order in real time"
        # Invariant: whoever ended before this visit is in the frontier, or before one of those that
        # are in real time.
        for number, path in self._visits(record):
            for earlier, later in pairwise(path):
                yield earlier, later, why
            invoked = self.graph.invoked[number]
            over = [visit for visit in frontier if visit[0] < invoked]
            # Who ended before the latest of these began is behind that one already: an edge from it
            # would say nothing new.
            latest = max((visit[1] for visit in over), default=-1)
            for completed, _, version in over:
                if completed > latest:
                    yield version, path[0], why
            # Whoever ended before the latest of those began is behind that one.
            frontier = [visit for visit in frontier if visit[0] > latest]
            frontier.append((self.graph.completed[number], invoked, path[-1]))

    def _order_by_dependency(self, records: Sequence[RegisterKey], budget: Budget) -> None:
        """Order two versions of a key where one's writer reads from the other's, however far."""
        order = self._topological()  # empty for a circle of reads, which is reported as G1c
        writers = sorted({writer for record in records for writer in record.final})
        # One bit for each writer, some at a time, so that memory stays linear.
        for low in range(0, len(writers), _BLOCK):
            block = {writer: bit for bit, writer in enumerate(writers[low : low + _BLOCK])}
            reached = [0] * len(self.graph.successors)
            # Invariant: what a node leads to is known when its turn comes, for all of that had its
            # turn.
            for count, node in enumerate(reversed(order)):
                if count % Budget.STEP == 0:
                    budget.spend(Budget.STEP)
                for packed in self.graph.successors[node]:
                    reached[node] |= reached[packed >> 2]
                    if packed >> 2 in block:
                        reached[node] |= 1 << block[packed >> 2]
            for record in records:
                here = [writer for writer in record.final if writer in block]
                for earlier, later in product(record.final, here):
                    if reached[earlier] >> block[later] & 1:
                        why = "its writer depends on the other's through reads"
                        record.after.setdefault(earlier, {}).setdefault(later, why)

    def _topological(self) -> list[int]:
        """Return the nodes in an order that the edges so far allow; empty if there is none."""
        order = in_order([[packed >> 2 for packed in edges] for edges in self.graph.successors])
        return order if len(order) == len(self.graph.successors) else []

    def _draw(self, record: RegisterKey) -> None:
        """Draw a key's ww and rw edges from what is known of its versions' order."""
        # What contradicts itself is evidence of nothing: none of it is drawn.
        if self._cyclic(record):
            record.after = {}
            record.known = len(record.final) <= 1
            return
        # The initial state comes before every version. An edge to those that nothing else precedes
        # is enough; the others follow.
        preceded = {
            later
            for version, laters in record.after.items()
            if version != INITIAL
            for later in laters
        }
        first = [version for version in record.final if version not in preceded]
        initial = record.after.setdefault(INITIAL, {})
        for version in first:
            initial.setdefault(version, "nothing comes before the initial state")
        for version, laters in record.after.items():
            if version != INITIAL:
                for later in laters:
                    if later != INITIAL:
                        self.graph.add(version, later, WW)
        for version in dict.fromkeys([*record.after, *record.readers]):
            self._link_readers(record, version)
        record.known = _total(record)

    def _link_readers(self, record: RegisterKey, version: int) -> None:
        """Draw rw edges from those who read a version to those who wrote a later one."""
        readers = record.readers.get(version, [])
        later = [node for node in record.after.get(version, {}) if node != INITIAL]
        only = [reader for reader in readers if reader not in record.final]
        if only and later:
            self.graph.add_all(only, later, RW)
        both = [reader for reader in readers if reader in record.final]
        if record.met:
            self._link_apart([each for each in both if not record.is_base(version, each)], later)
            both = [each for each in both if record.is_base(version, each)]
        # Both read this version and overwrote it, and only one can have come next (P4).
        if len(both) > 1:
            self._lost_update(record, both[0], both[1], version)
        if len(both) * len(later) > MANY:
            return  # all that they violate, their lost updates violate too
        # `reader` overwrote this version and `writer` wrote a later one. If the reader's version is
        # known to be the later of the two, the writer came in between: a lost update. If the order
        # of the two is open, the reader's came next, or its update was lost.
        for reader in both:
            for writer in later:
                if reader in record.after.get(writer, {}):
                    self._lost_update(record, reader, writer, version)
                    self.graph.add(reader, writer, RW)
                elif writer not in record.after.get(reader, {}):
                    self.graph.add(reader, writer, RW if len(both) > 1 else OVERWRITE)

    def _lost_update(self, record: RegisterKey, number: int, other: int, version: int) -> None:
        if number == other:
            return
        read = record.told_version(version)
        self.recorder.add(
            "lost-update",
            (number, other),
            f"{{0}} read key {told(record.key)} as {read} and wrote it; {{1}} also wrote it on "
            f"top of {read}. Neither saw the other's write, so one update is lost.",
            key=record.key,
            read=record.shown(version),
        )

    def _cyclic(self, record: RegisterKey) -> bool:
        """Report a circle among a key's versions."""
        nodes = [INITIAL, *record.final]
        place = {node: index for index, node in enumerate(nodes)}
        edges = [[place[later] for later in record.after.get(node, {})] for node in nodes]
        # The initial state, node 0, is before all: an edge back to it closes a circle.
        edges[0] = [*range(1, len(nodes))]
        circles = components(edges)
        if circles:
            members = [nodes[index] for index in circles[0]]
            values = [record.told_version(member) for member in members]
            cast = tuple(member for member in members if member != INITIAL)
            self.recorder.add(
                "cyclic-versions",
                cast[:8],
                f"What is known of key {told(record.key)}'s versions puts each of "
                f"{', '.join(values[:8])} before itself.",
                key=record.key,
                versions=[record.shown(member) for member in members],
            )
        return bool(circles)

    def _later(self, record: RegisterKey, number: int) -> list[int]:
        if record.versions_read is None or record.closed is None:
            record.closed = Closure(record)
            record.versions_read = {}
            for version, readers in record.readers.items():
                for reader in readers:
                    record.versions_read.setdefault(reader, []).append(version)
        closed = record.closed
        read = record.versions_read.get(number, ())
        later = dict.fromkeys(chain.from_iterable(closed.after(version) for version in read))
        return [writer for writer in later if writer != number]

    def _missed(self, record: RegisterKey, source: int, target: int) -> Link:
        assert record.versions_read is not None
        assert record.closed is not None
        read = record.versions_read[source]
        version = next(v for v in read if target in record.closed.after(v))
        written = record.raw(record.final[target])
        return Link(source, target, "rw", record.key, record.shown(version), written)

    def _link(self, record: RegisterKey, source: int, target: int, kind: int) -> Link | None:
        if kind == WR:
            return self._wr(record, source, target)
        if kind == WW:
            return self._ww(record, source, target)
        return self._rw(record, source, target, kind)

    def _wr(self, record: RegisterKey, source: int, target: int) -> Link | None:
        for number, read, _ in chain(record.touches, record.rereads):
            if number == target and read is not ABSENT and record.writers.get(read) == source:
                return Link(source, target, "wr", record.key, record.raw(read), record.raw(read))
        return None

    def _ww(self, record: RegisterKey, source: int, target: int) -> Link | None:
        why = record.after.get(source, {}).get(target)
        if why is None:
            return None
        return Link(
            source, target, "ww", record.key, record.raw(record.final[source]),
            record.raw(record.final[target]), because=why,
        )  # fmt: skip

    def _rw(self, record: RegisterKey, source: int, target: int, kind: int) -> Link | None:
        for version, readers in record.readers.items():
            why = record.after.get(version, {}).get(target)
            if why is None or source not in readers:
                continue
            if kind == OVERWRITE and source not in record.final:
                return None  # it wrote another key that it read
            if kind == OVERWRITE:
                own = record.raw(record.final[source])
                other = record.raw(record.final[target])
                why = "else one of the two updates is lost"
                return Link(source, target, "ww", record.key, own, other, because=why)
            value = record.shown(version)
            return Link(
                source, target, "rw", record.key, value, record.raw(record.final[target]),
                because="" if version == INITIAL else why,
            )  # fmt: skip
        return None


_BLOCK = 4096


def _total(record: RegisterKey) -> bool:
    """Return whether each version but the last has its next one among those known to follow it."""
    if len(record.final) <= 1:
        return True
    after = {version: record.after.get(version, {}) for version in record.final}
    order = in_order(after)
    # An order is the only one exactly where each leads to the next by an edge of its own.
    only = all(later in after[earlier] for earlier, later in pairwise(order))
    return only and len(order) == len(record.final)
