"""Priority queues whose values repeat: the order of inserts is decided by the removals.

As in `LazyQueue` an insert is merely available from its invocation on; here it counts from its
response on, if no removal took it before:

- A later insert is never worse: a value that is present is in the way of greater ones, and is of no
  use but to a removal, which can as well take it right after it is put in. So an insert takes
  effect at its response, or right before the removal that takes it.
- A removal takes its value if it is present: the same moment without the insert that is still in
  flight has less in the way. Else it takes the insert of its value that responds first; in a
  solution that takes another one, the two can change places.
- It is legal if nothing smaller is present, and one that found the queue empty if nothing is.
- A removal without an answer is kept until something must go: right before a removal that what is
  present would forbid. What must go then was there before, or an answered removal has taken it,
  which leaves the more.

So only the order of removals is searched, and when they come between the responses of inserts.

Two things are looked for ahead, for a choice that is wrong shows late. Copies of a value that
removals without an answer take must be left over by the answered ones. And when an insert responds,
each answered removal in flight that is still to come needs removals of all that is smaller and
present: answered ones invoked before it responds, or else those without an answer.

The search is that of `Search`, of a history in which each insert is two instants, its invocation
and its response.

Source: our own.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Any

from clew.checkers.linearizability.collections.passages import instant, spread
from clew.checkers.linearizability.entries import NEVER, Entry, end
from clew.checkers.linearizability.specification import Specification
from clew.checkers.linearizability.specifications.collections import PriorityQueue


class LazyPriorityQueue(Specification):
    """What is present, and what is left of the inserts in flight.

    A state has four parts. The first is an integer, a field of bits for each value, which holds
    how often it is present; the second is a tuple of the inserts in flight by the rank of their
    response; the third is how many removals without an answer there are to use; the last an integer
    like the first, of how many copies of each value these may still take.

    Attributes:
        entries: what it is made from, one partition, asked anew for this specification.
    """

    name = PriorityQueue.name
    keyed = False
    looks_ahead = True
    settling = ("begin", "help")

    def __init__(self, entries: Sequence[Entry]) -> None:
        inserts = sorted((each for each in entries if each.f in PriorityQueue.puts), key=end)
        removals = [each for each in entries if each.f not in PriorityQueue.puts]
        values = sorted({each.argument for each in inserts})
        self._width = max(1, len(inserts).bit_length())
        self._field = {value: place for place, value in enumerate(values)}
        self._fields = [self._field[each.argument] for each in inserts]
        made = []
        for rank, each in enumerate(inserts):
            made.append(instant("begin", rank, each.invoked))
            if end(each) != NEVER:
                made.append(instant("end", rank, end(each)))
        for each in removals:
            if each.completed is None:
                made.append(instant("help", -1, each.invoked))
            else:
                made.append(spread(each, "empty" if each.result is None else "remove", None))
        helpers = [each.invoked for each in removals if each.completed is None]
        answered = [each for each in removals if each.result in self._field and each.completed]
        self._ahead = _Ahead(self._field, inserts, answered, helpers)
        self.entries = sorted(made)
        self.first = (0, (), 0, self._ahead.over)
        # A removal that found nothing changes nothing, unless others may have to go before it.
        self.asking = () if helpers else ("empty",)

    def step(self, state: Any, f: str, argument: Any, result: Any) -> Sequence[Hashable] | None:
        """Return what is left after the invocation or response of an insert, or a removal."""
        present, flying, helpers, over = state
        if f == "begin":
            left = list(flying)
            insort(left, argument)
            return ((present, tuple(left), helpers, over),)
        if f == "end":
            return self._ended(state, argument)
        if f == "help":
            return ((present, flying, helpers + 1, over),)
        if f == "empty":
            after = self._helped(state, len(self._field))
            return None if after is None else (after,)
        return self._removed(state, self._field.get(result))

    def _ended(self, state: Any, insert: int) -> Sequence[Hashable] | None:
        """Return the state with the value present, if no removal took it before it responded."""
        present, flying, helpers, over = state
        place = bisect_left(flying, insert)
        if place == len(flying) or flying[place] != insert:
            return (state,)
        present += 1 << self._fields[insert] * self._width
        flying = flying[:place] + flying[place + 1 :]
        left = [self._fields[rank] for rank in flying]
        if not self._ahead.is_possible(insert, present, left, helpers, over):
            return None
        return ((present, flying, helpers, over),)

    def _removed(self, state: Any, field: int | None) -> Sequence[Hashable] | None:
        """Take out a copy of a value: one that is present, else the first in flight to respond."""
        after = None if field is None else self._helped(state, field)
        if field is None or after is None:
            return None
        present, flying, helpers, over = after
        if self._ahead.count(present, field):
            return ((present - (1 << field * self._width), flying, helpers, over),)
        # In order of response, so that the first of its value is the one to take (see the module).
        for place, rank in enumerate(flying):
            if self._fields[rank] == field:
                return ((present, flying[:place] + flying[place + 1 :], helpers, over),)
        return None

    def _helped(self, state: Any, field: int) -> Any:
        """Return the state once all values below a field are gone; None if nothing helps."""
        present, flying, helpers, over = state
        low = present & ((1 << field * self._width) - 1)
        if not low:
            return state
        # Each copy that must go is taken by a removal without an answer, of which enough were
        # invoked, and is one that the answered removals leave over.
        for each, count in self._ahead.counts(low):
            helpers -= count
            if helpers < 0 or self._ahead.count(over, each) < count:
                return None
        return (present ^ low, flying, helpers, over - low)


class _Ahead:
    """What is known beforehand of the inserts and removals of each value.

    Args:
        field: from a value to its place among all values, in order.
        inserts: by response.
        removals: the answered ones that took a value that was inserted.
        helpers: where the removals without an answer were invoked.

    Attributes:
        helpers: these.
        over: how many copies of each value the answered removals leave over.
    """

    def __init__(
        self,
        field: Mapping[Any, int],
        inserts: Sequence[Entry],
        removals: Sequence[Entry],
        helpers: Sequence[int],
    ) -> None:
        self.helpers = helpers
        self.over = 0
        self._width = max(1, len(inserts).bit_length())
        self._mask = (1 << self._width) - 1
        self._ends = [end(each) for each in inserts]
        self._begun: list[list[int]] = [[] for _ in field]
        self._asked: list[list[int]] = [[] for _ in field]
        # By invocation, so that a bisection counts those invoked by a moment.
        for each in sorted(inserts):
            self._begun[field[each.argument]].append(each.invoked)
            self.over += 1 << field[each.argument] * self._width
        for each in sorted(removals):
            self._asked[field[each.result]].append(each.invoked)
        # For each response of an insert the removals in flight then: field and response.
        self._flying: list[list[tuple[int, int]]] = []
        by_start = sorted(removals)
        flying: list[tuple[int, int]] = []
        at = 0
        # Invariant: `flying` has the removals invoked before this response and not over by then, by
        # response.
        for moment in self._ends:
            if moment == NEVER:
                break
            while at < len(by_start) and by_start[at].invoked < moment:
                flying.append((end(by_start[at]), field[by_start[at].result]))
                at += 1
            flying = sorted(each for each in flying if each[0] > moment)
            self._flying.append(flying)
        for each in removals:
            one = 1 << field[each.result] * self._width
            # More were taken than put in: then no copy is left over, and no order explains that.
            self.over -= one if self.count(self.over, field[each.result]) else 0
        self._over = self.over

    def count(self, present: int, field: int) -> int:
        """Count the copies in a field."""
        return present >> field * self._width & self._mask

    def counts(self, present: int) -> Iterator[tuple[int, int]]:
        """Yield each field in which there is a copy, the smallest value first, and how many."""
        field = 0
        # Invariant: `field` is the field of the lowest bits of `present`.
        while present:
            skipped = ((present & -present).bit_length() - 1) // self._width
            present >>= skipped * self._width
            field += skipped
            yield field, present & self._mask
            present >>= self._width
            field += 1

    def is_possible(
        self, rank: int, present: int, flying: Sequence[int], helpers: int, over: int
    ) -> bool:
        """Return whether removals in flight that are still to come may find what is smaller gone.

        Args:
            rank: of the insert that responds.
            present: what is present then.
            flying: the fields of the inserts in flight.
            helpers: the removals without an answer to use.
            over: what they may take.
        """
        moment = self._ends[rank]
        done: dict[int, int] = {}
        to_come: dict[int, int] = {}
        least = next(self.counts(present))[0]
        # The last to respond first: of equal ones those to come are the last.
        # Invariant: `to_come` has per value how many of the removals that were invoked by now, and
        # that this loop has not met yet, are still to take it. What they need gone must be taken by
        # answered removals invoked before they respond, or by those without an answer.
        for response, field in reversed(self._flying[rank]):
            if field <= least:
                continue
            if field not in to_come:
                done[field] = self._done(field, moment, present, flying, over)
                to_come[field] = bisect_left(self._asked[field], moment) - done[field]
            if to_come[field] <= 0:
                continue
            to_come[field] -= 1
            needed = 0
            for smaller, copies in self.counts(present & ((1 << field * self._width) - 1)):
                if smaller not in done:
                    done[smaller] = self._done(smaller, moment, present, flying, over)
                some = bisect_left(self._asked[smaller], response) - done[smaller]
                needed += max(0, copies - some)
            if needed > helpers:
                helped = bisect_left(self.helpers, response) - bisect_left(self.helpers, moment)
                if needed > helpers + helped:
                    return False
        return True

    def _done(self, field: int, moment: int, present: int, flying: Sequence[int], over: int) -> int:
        """Count the answered removals of the value so far."""
        begun = bisect_left(self._begun[field], moment)
        helped = self.count(self._over, field) - self.count(over, field)
        left = self.count(present, field) + flying.count(field)
        return begun - left - helped
