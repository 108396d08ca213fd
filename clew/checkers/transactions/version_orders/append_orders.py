"""The version order of each list, the edges that follow from it, and what contradicts it.

Source: Kingsbury and Alvaro, "Elle", VLDB 2020 (anomalies of list reads, dependencies inferred from
them); Adya 1999, chapters 3 and 4; Berenson et al., "A Critique of ANSI SQL Isolation Levels",
SIGMOD 1995, section 4.1 (lost update, P4).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, pairwise
from typing import Any

from clew.checkers.transactions.extraction import told
from clew.checkers.transactions.graph import OVERWRITE, RW, WR, WW
from clew.checkers.transactions.version_orders.append_key import NOBODY, AppendKey
from clew.checkers.transactions.version_orders.written_key import KeyOrders
from clew.checkers.transactions.words import Link
from clew.checkers.values import key_of


class AppendOrders(KeyOrders[AppendKey]):
    """Draws the edges of each list and remembers why."""

    def settle(self, record: AppendKey) -> None:
        """Settle the order of one key's versions; O(elements of its longest read + its reads)."""
        self.keys[key_of(record.key)] = record
        if record.needs_keys():
            record.make_keys()
        known = self._agreed_length(record)
        record.whole = known == len(record.longest)
        record.order = record.longest if record.whole else record.longest[:known]
        writers = record.writers
        record.owners = owners = [writers.get(value, NOBODY) for value in record.order]
        if NOBODY in owners or record.failed:
            self._uncommitted(record)
        strange = (
            [] if record.whole else [(record.longest_by, record.longest), *record.disagreeing()]
        )
        if strange:
            self._uncommitted_beyond(record, strange)
        # Each read is a prefix of the longest or stands among the strange ones, so this goes over
        # all that was seen. What a committed transaction saw was committed.
        if record.unsure:
            for value in chain(record.longest, *(value for _, value in strange)):
                writer = writers.get(value, NOBODY)
                if writer in record.unsure:
                    self.committed[writer] = 1

    def draw(self, record: AppendKey) -> None:
        """Draw the edges that follow from one key, once every key is settled."""
        owners = record.owners
        self._link_writers(owners)
        # Only where all of the longest read is certain does an append that it lacks come after it.
        if record.whole and len(record.writers) > len(owners):
            seen = set(record.order)
            unseen = {
                writer: None
                for value, writer in record.writers.items()
                if value not in seen and self.committed[writer]
            }
            record.unseen = list(unseen)
        self._link_readers(record)
        if record.updates:
            self._judge_updates(record)
        if record.again:
            self._future_reads(record)
        if record.intermediate:
            self._intermediate_reads(record)
            self._own_order(record)

    def _link_writers(self, owners: list[int]) -> None:
        if NOBODY in owners:
            owners = [owner for owner in owners if owner != NOBODY]
        successors = self.graph.successors
        # Each to the next alone: the others follow.
        for before, owner in pairwise(owners):
            if before != owner:
                successors[before].append(owner * 4 + WW)

    def _link_readers(self, record: AppendKey) -> None:
        """Draw wr and rw edges."""
        order, owners, whole = record.order, record.owners, record.whole
        known = len(order)
        following = _following(owners) if NOBODY in owners else owners
        successors = self.graph.successors
        last: list[int] = []
        # A read of so many versions comes after the writer of the last of them and before that of
        # the next; its edges from and to all others follow by ww.
        for number, value in record.reads:
            length = len(value)
            if not whole and (length > known or order[:length] != value):
                self._read_beyond(record, number, value)
                continue
            if length and (owner := owners[length - 1]) not in (number, NOBODY):
                successors[owner].append(number * 4 + WR)
            if length < known:
                owner = following[length]
                if owner not in (number, NOBODY):
                    successors[number].append(owner * 4 + RW)
            elif whole:
                last.append(number)
        if record.unseen:
            self._link_unseen(record, last)

    def _future_reads(self, record: AppendKey) -> None:
        """Find reads of the future in transactions that contradict themselves."""
        found: dict[int, tuple[list[Any], Any]] = {}
        for number, value, own in record.again:
            # An element of its own that it had not appended yet when it read it.
            for element in value:
                if record.writers.get(element) == number and element not in own:
                    found.setdefault(number, (value, element))
        for number, (value, element) in found.items():
            self._future_read(record, number, value, element)

    def _judge_updates(self, record: AppendKey) -> None:
        """Find reads of the future and lost updates."""
        order, owners = record.order, record.owners
        # From the back, so that of several own appends the first place stays.
        first = dict(zip(reversed(owners), range(len(owners) - 1, -1, -1), strict=True))
        unseen = dict.fromkeys(record.unseen)
        for number, value in record.updates:
            length = len(value)
            if not record.whole and (length > len(order) or order[:length] != value):
                continue
            # An append right on top of what it saw stands at this place.
            own = first.get(number)
            if (own is not None and own != length) or number in unseen:
                self._own_write(record, number, length, own)

    def _link_unseen(self, record: AppendKey, last: list[int]) -> None:
        """Order what nobody saw after everything that was seen."""
        unseen = dict.fromkeys(record.unseen)
        owner = next((owner for owner in reversed(record.owners) if owner != NOBODY), None)
        if owner is not None:
            for writer in unseen:
                self.graph.add(owner, writer, WW)
        # Who read all that was seen missed each append that nobody saw: every one of them came
        # later.
        only_readers = [number for number in dict.fromkeys(last) if number not in unseen]
        self.graph.add_all(only_readers, record.unseen, RW)
        both = [number for number in dict.fromkeys(last) if number in unseen]
        if record.again:
            both = self._based(record, both)
        # Of those that read it all and appended, one can have come first. A second one lost its
        # update; if there is one alone, its append was the next or its update was lost (OVERWRITE).
        if len(both) > 1:
            self._lost_update(record, both[0], both[1], len(record.order))
            self._link_apart(both, record.unseen)
        elif both:
            for writer in unseen:
                self.graph.add(both[0], writer, OVERWRITE)

    def _based(self, record: AppendKey, both: list[int]) -> list[int]:
        """Return those that read the last version seen before they appended; link the rest."""
        based = {number for number, value in record.updates if len(value) == len(record.order)}
        self._link_apart([number for number in both if number not in based], record.unseen)
        return [number for number in both if number in based]

    def _own_write(self, record: AppendKey, number: int, length: int, own: int | None) -> None:
        """Judge a transaction that read ``length`` versions and wrote the key at ``own``."""
        if own is not None and own < length:
            early = record.order[own] not in record.made(number, length)
            if early and all(number != other for other, _, _ in record.again):
                self._future_read(record, number, record.order[:length], record.order[own])
            return
        # Whoever stands between what it read and its own append came in between (P4).
        others = record.owners[length : own if own is not None else None]
        between = [other for other in others if other not in (number, NOBODY)]
        if between:
            self._lost_update(record, number, between[0], length)

    def _future_read(self, record: AppendKey, number: int, value: list[Any], element: Any) -> None:
        self.recorder.add(
            "future-read",
            (number,),
            f"{{0}} read key {told(record.key)} as {told(value)} before it appended "
            f"{told(element)} itself: it saw its own future.",
            key=record.key,
            read=value,
            value=element,
        )

    def _lost_update(self, record: AppendKey, number: int, other: int, length: int) -> None:
        read = record.order[:length]
        self.recorder.add(
            "lost-update",
            (number, other),
            f"{{0}} read key {told(record.key)} as {told(read)} and appended to it; {{1}} "
            f"also appended to it after {told(read)}. {{0}}'s append is not based on {{1}}'s, so "
            "one of the updates is lost to the other.",
            key=record.key,
            read=read,
        )

    def _read_beyond(self, record: AppendKey, number: int, value: list[Any]) -> None:
        """Draw the edge of a read past what is certain, from the writer of its last element."""
        writer = record.writers.get(value[-1], NOBODY)
        if writer != NOBODY and self.operations[writer].type != "fail":
            self.graph.add(writer, number, WR)

    def _intermediate_reads(self, record: AppendKey) -> None:
        # G1b shows at the end of a read alone: an intermediate append further down has its later
        # one above it, or else `_own_order` reports it.
        for number, value in record.reads:
            writer, _ = record.intermediate.get(value[-1], _NONE) if value else _NONE
            if writer not in (number, NOBODY):
                shown = record.uncut(number, value)
                own = ", below its own appends" if len(shown) > len(value) else ""
                self.recorder.add(
                    "G1b",
                    (number, writer),
                    f"{{0}} read key {told(record.key)} as {told(shown)}, which ends in "
                    f"{told(value[-1])}{own}; {{1}} appended more to that key before it committed.",
                    key=record.key,
                    read=shown,
                    value=value[-1],
                )

    def _own_order(self, record: AppendKey) -> None:
        """Report a transaction whose later append was seen without, or before, its earlier one."""
        position = {value: place for place, value in enumerate(record.order)}
        # A transaction appends in its own order, so whoever shows its later append must show the
        # earlier one before it.
        for earlier, (writer, later) in record.intermediate.items():
            if self.operations[writer].type == "fail" or later not in position:
                continue
            if position.get(earlier, len(position)) > position[later]:
                self.recorder.add(
                    "incompatible-order",
                    (writer, record.longest_by),
                    f"{{0}} appended {told(earlier)} and then {told(later)} to key "
                    f"{told(record.key)}, but {{1}} read that key as {told(record.longest)}.",
                    key=record.key,
                    reads=[record.longest],
                )

    def _agreed_length(self, record: AppendKey) -> int:
        """Return how much of the longest read is certain: none disagrees, nothing is twice."""
        strange = record.disagreeing()
        if strange and not record.odd:
            record.make_keys()
            strange = record.disagreeing()
        longest = record.longest
        known = len(longest)
        # Invariant: up to `known` no read so far says otherwise than the longest.
        for number, value in strange:
            known = min(known, _common_length(longest, value))
            self._disagree(record, number, record.uncut(number, value))
            self._duplicate(record, number, value)
        # An element that stands twice leaves open which of the two is its append.
        if len(set(longest)) < len(longest):
            known = min(known, self._duplicate(record, record.longest_by, longest))
        return known

    def _disagree(self, record: AppendKey, number: int, value: list[Any]) -> None:
        self.recorder.add(
            "incompatible-order",
            (number, record.longest_by),
            f"{{0}} read key {told(record.key)} as {told(value)} and {{1}} read it as "
            f"{told(record.longest)}: neither is a prefix of the other, so there is no one order "
            "of its versions.",
            key=record.key,
            reads=[value, record.longest],
        )

    def _duplicate(self, record: AppendKey, number: int, value: list[Any]) -> int:
        """Report an element that stands twice in a read; where the second stands."""
        met: set[Any] = set()
        # Invariant: `met` has the elements before this position, each of which stands there once.
        for position, element in enumerate(value):
            if element in met:
                self.recorder.add(
                    "duplicate-elements",
                    (number,),
                    f"{{0}} read key {told(record.key)} as {told(value)}: {told(element)} stands "
                    "in it twice, though it was appended once.",
                    key=record.key,
                    read=value,
                    value=element,
                )
                return position
            met.add(element)
        return len(value)

    def _uncommitted(self, record: AppendKey) -> None:
        """Report elements that no committed transaction wrote, and forget their owners."""
        owners = record.owners
        # The graph's nodes are committed transactions alone (Adya, section 3.1), so an owner that
        # aborted is struck out, and no edge is drawn from or to it.
        for position, owner in enumerate(owners):
            if owner != NOBODY and self.operations[owner].type != "fail":
                continue
            element = record.order[position]
            self._odd_read(record, *self._reader_of(record, position), element, owner)
            if owner != NOBODY:
                self._dirty_update(record, position, owner)
                owners[position] = NOBODY

    def _uncommitted_beyond(
        self, record: AppendKey, reads: Sequence[tuple[int, list[Any]]]
    ) -> None:
        """Report such elements where the order is not certain."""
        met = set(record.order)
        for number, value in reads:
            # Each such element once, in the first read that shows it.
            for element in value:
                owner = record.writers.get(element, NOBODY)
                odd = owner == NOBODY or self.operations[owner].type == "fail"
                if odd and element not in met:
                    self._odd_read(record, number, value, element, owner)
                met.add(element)

    def _reader_of(self, record: AppendKey, position: int) -> tuple[int, list[Any]]:
        """Return the first committed read that saw an element."""
        for number, value in chain(record.reads, record.shown):
            if len(value) > position and value[position] == record.order[position]:
                return number, value
        raise AssertionError(position)

    def _odd_read(
        self, record: AppendKey, number: int, value: list[Any], element: Any, owner: int
    ) -> None:
        """Report an element that nobody appended, or somebody who aborted."""
        key, shown = told(record.key), told(element)
        value = record.uncut(number, value)
        start = f"{{0}} read key {key} as {told(value)},"
        if owner == NOBODY:
            reason = f"{start} but nobody ever appended {shown} to it."
        else:
            reason = f"{start} which holds {shown}; {{1}} appended that and aborted."
        kind, cast = ("garbage-read", (number,)) if owner == NOBODY else ("G1a", (number, owner))
        self.recorder.add(kind, cast, reason, key=record.key, read=value, value=element)

    def _dirty_update(self, record: AppendKey, position: int, owner: int) -> None:
        """Report the first committed append on top of one that aborted."""
        aborted = record.order[position]
        # The first that committed is enough: whatever was appended after it builds on it.
        for later in range(position + 1, len(record.owners)):
            writer = record.owners[later]
            if writer != NOBODY and self.operations[writer].type != "fail":
                self.recorder.add(
                    "dirty-update",
                    (writer, owner, record.longest_by),
                    f"{{0}} appended {told(record.order[later])} to key {told(record.key)} on top "
                    f"of {told(aborted)}, which {{1}} appended before it aborted ({{2}} "
                    f"saw {told(record.longest)}).",
                    key=record.key,
                    aborted=aborted,
                    value=record.order[later],
                )
                return

    def _later(self, record: AppendKey, number: int) -> list[int]:
        value = self._first_read(record, number)
        if value is None:
            return []
        later = [*record.owners[len(value) :], *record.unseen]
        return [writer for writer in later if writer not in (number, NOBODY)]

    def _first_read(self, record: AppendKey, number: int) -> list[Any] | None:
        """Return the earliest version in the order that a transaction read."""
        if record.read_by is None:
            record.read_by = {}
            # The shortest certain prefix: all later versions were installed after that read's.
            for reader, value in record.reads:
                known = record.read_by.get(reader)
                if record.order[: len(value)] == value and (
                    known is None or len(value) < len(known)
                ):
                    record.read_by[reader] = value
        return record.read_by.get(number)

    def _missed(self, record: AppendKey, source: int, target: int) -> Link:
        read = self._first_read(record, source)
        assert read is not None
        shown = record.uncut(source, read)
        if target in record.owners[len(read) :]:
            value = record.order[record.owners.index(target, len(read))]
            return Link(
                source, target, "rw", record.key, shown, value, record.longest_by, record.longest
            )
        unseen = record.unseen_value(target)
        return Link(source, target, "rw", record.key, shown, unseen, because=_UNSEEN)

    def _link(self, record: AppendKey, source: int, target: int, kind: int) -> Link | None:
        find = (self._ww, self._wr, self._rw, self._overwrite)[kind]
        return find(record, source, target)

    def _ww(self, record: AppendKey, source: int, target: int) -> Link | None:
        owners = record.owners
        before = NOBODY
        # Invariant: `before` is the last place so far with a committed owner, as in
        # `_link_writers`.
        for position, owner in enumerate(owners):
            if owner == NOBODY:
                continue
            if before != NOBODY and (owners[before], owner) == (source, target):
                return Link(
                    source, target, "ww", record.key, record.order[before],
                    record.order[position], record.longest_by, record.longest,
                )  # fmt: skip
            before = position
        if before != NOBODY and owners[before] == source and target in record.unseen:
            return Link(
                source, target, "ww", record.key, record.order[before],
                record.unseen_value(target), record.longest_by, record.longest, _UNSEEN,
            )  # fmt: skip
        return None

    def _wr(self, record: AppendKey, source: int, target: int) -> Link | None:
        for number, value in record.reads:
            if number == target and value and record.writers.get(value[-1]) == source:
                shown = record.uncut(number, value)
                return Link(source, target, "wr", record.key, value[-1], shown)
        return None

    def _rw(self, record: AppendKey, source: int, target: int) -> Link | None:
        following = _following(record.owners)
        # An anti-dependency goes to who installed the version after the one that was read; after
        # the last one seen, to every append that no read shows.
        for number, value in record.reads:
            if number != source or len(value) > len(record.order):
                continue
            shown = record.uncut(number, value)
            if len(value) < len(record.order):
                if following[len(value)] == target:
                    written = record.order[record.owners.index(target, len(value))]
                    return Link(
                        source, target, "rw", record.key, shown, written, record.longest_by,
                        record.longest,
                    )  # fmt: skip
            elif target in record.unseen:
                written = record.unseen_value(target)
                return Link(source, target, "rw", record.key, shown, written, None, None, _UNSEEN)
        return None

    def _overwrite(self, record: AppendKey, source: int, target: int) -> Link | None:
        if source not in record.unseen or target not in record.unseen:
            return None
        return Link(
            source, target, "ww", record.key, record.unseen_value(source),
            record.unseen_value(target), None, None, _ELSE_LOST,
        )  # fmt: skip


_ELSE_LOST = "its own append came next after what it had read, or else one of the two is lost"
_NONE = (NOBODY, None)
_UNSEEN = "it committed and no read ever saw it, so it was installed after all that were seen"


def _common_length(one: list[Any], other: list[Any]) -> int:
    for position, (first, second) in enumerate(zip(one, other, strict=False)):
        if first != second:
            return position
    return min(len(one), len(other))


def _following(owners: list[int]) -> list[int]:
    """List for each position the owner there, or the next one that committed."""
    following = owners[:]
    # Backwards: the next place already has its own answer.
    for position in range(len(owners) - 2, -1, -1):
        if following[position] == NOBODY:
            following[position] = following[position + 1]
    return following
