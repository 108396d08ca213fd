"""Registers whose values repeat: a read that no write can be the source of, found in O(n).

What observes a value (a read of it, a compare-and-set from it) comes after an operation that
brought it, its source, or after the beginning if it is the initial value; and between the two
the register held it all the time. So an update is no source if some operation lies between the
two in real time, begun when the update had responded and over before the observer began, that
showed another value. If this leaves no source, no order explains the observer. If the rule
finds nothing, nothing is decided.

It is applied if a search is long: a search explores what all the operations in flight may have
done before it sees that none of it matters.

Source: our own; for unique values it is a part of the rule of zones, Gibbons and Korach, "Testing
shared memories", SIAM J. Comput. 1997, section 4.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from clew.checkers.linearizability.entries import NEVER, Entry, end
from clew.checkers.linearizability.specification import Specification
from clew.checkers.linearizability.specifications.key_value import KeyValue
from clew.checkers.linearizability.specifications.registers import Register, pair
from clew.checkers.linearizability.zones import ZONED

_READS = frozenset({"read", "get"})
_WRITES = frozenset({"write", "put"})
_KNOWN = _READS | _WRITES | {"cas", "delete"}
_NOTHING = object()
"""Stands for no value."""


class _Does(NamedTuple):
    """What an operation observes and brings; `_NOTHING` for neither.

    A compare-and-set from a value to itself brings nothing.
    """

    entry: Entry
    observes: Any
    brings: Any


def without_source(specification: Specification, entries: Sequence[Entry]) -> tuple[Entry, ...]:
    """Find an observer without a source, what may have been one, and what came between."""
    if type(specification) not in ZONED:
        return ()
    assert isinstance(specification, Register | KeyValue)
    if not {each.f for each in entries} <= _KNOWN:
        return ()
    all_done = [_does(specification, each) for each in entries]
    return _Sweep(all_done, specification.first).find()


def _does(specification: Register | KeyValue, entry: Entry) -> _Does:
    if entry.f in _READS:
        return _Does(entry, _seen(specification, entry), _NOTHING)
    if entry.f == "cas":
        before, after = pair(entry.argument)
        return _Does(entry, before, _NOTHING if before == after else after)
    return _Does(entry, _NOTHING, None if entry.f == "delete" else entry.argument)


def _seen(specification: Register | KeyValue, read: Entry) -> Any:
    """Return the value that a read surely saw."""
    if read.completed is None:
        return _NOTHING
    if isinstance(specification, Register):
        unknown = read.result is None and specification.nil_reads == "any"
    else:
        unknown = read.result == "" and read.f == "get"
    return _NOTHING if unknown else read.result


class _Sweep:
    """What is known at a position of the history, from its begin to its end."""

    def __init__(self, all_done: Sequence[_Does], first: Any) -> None:
        self._all_done = all_done
        # For each value the last response of those that brought it and were invoked by now.
        self._ends: dict[Any, int] = {first: -1}
        # Of the operations over by now, the last invoked one that showed two values; and of those
        # that showed one the last invoked one, and the last invoked one that showed another.
        self._changed: Entry | None = None
        self._shown: tuple[Any, Entry | None] = (_NOTHING, None)
        self._other: tuple[Any, Entry | None] = (_NOTHING, None)

    def find(self) -> tuple[Entry, ...]:
        """Return the evidence; empty if there is none."""
        between: dict[int, Entry | None] = {}
        moments = [(each.entry.invoked, index) for index, each in enumerate(self._all_done)]
        moments += [(end(each.entry), index) for index, each in enumerate(self._all_done)]
        # Invariant: `_ends` speaks of all operations invoked before this position, `_shown`,
        # `_other` and `_changed` of all that were over; `between` has for each observer that is
        # open the last invoked operation that was over before it began and showed another value. A
        # source must respond after that one was invoked.
        for position, index in sorted(moments):
            if position == NEVER:
                break
            done = self._all_done[index]
            if position == done.entry.invoked:
                between[index] = self._last_but(done.observes)
                if done.brings is not _NOTHING:
                    latest = self._ends.get(done.brings, -1)
                    self._ends[done.brings] = max(latest, end(done.entry))
                continue
            if done.observes is not _NOTHING and not self._has_source(done, between[index]):
                return self._evidence(done, between[index])
            self._over(done)
        return ()

    def _has_source(self, done: _Does, between: Entry | None) -> bool:
        latest = self._ends.get(done.observes)
        return latest is not None and (between is None or latest > between.invoked)

    def _last_but(self, value: Any) -> Entry | None:
        """Return the last invoked operation over by now that showed another value."""
        one = self._shown[1] if self._shown[0] != value else self._other[1]
        return max((each for each in (one, self._changed) if each), default=None)

    def _over(self, done: _Does) -> None:
        """Take in what a completed operation showed."""
        entry = done.entry
        if done.observes is not _NOTHING and done.brings is not _NOTHING:
            self._changed = max(self._changed or entry, entry)
            return
        value = done.brings if done.observes is _NOTHING else done.observes
        if value is _NOTHING:
            return
        # Invariant: `_shown` is the last invoked of all, `_other` of those that show another value
        # than it. So one of the two is the last that showed another value than a given one.
        shown, last = self._shown
        if last is None or shown == value or entry > last:
            if shown != value:
                self._other = self._shown
            self._shown = (value, entry if last is None else max(entry, last))
        elif self._other[1] is None or entry > self._other[1]:
            self._other = (value, entry)

    def _evidence(self, observer: _Does, between: Entry | None) -> tuple[Entry, ...]:
        found = [observer.entry, *([] if between is None else [between])]
        # Whatever could have brought the value belongs to the story: it shows why none of these
        # did.
        for each in self._all_done:
            is_early = each.entry.invoked < end(observer.entry)
            if is_early and each.brings is not _NOTHING and each.brings == observer.observes:
                found.append(each.entry)
        return tuple(sorted(set(found)))
