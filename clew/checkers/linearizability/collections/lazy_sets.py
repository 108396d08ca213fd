"""Sets that are read whole, with elements that come and go: the order of the reads is searched.

Between two reads of the whole set the elements have nothing to do with each other. So each element
keeps, on its own, all that it may have come to: whether it is in the set, and which operations on
it are still to happen, for each way in which those in flight may have happened. An operation
happens when its response or a read of the whole set asks for it. What is left to choose is the
order of the reads that are in flight at once, and when they come between the responses of the
others.

A wrong choice is seen at once, for the search looks ahead: a read in flight must still be able to
see what it saw, by what each element may be, by operations on it in flight, or by those that are
invoked before the read responds.

Source: our own; that of each element is the subset construction, as in `Machine`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Hashable, Iterator, Sequence
from contextlib import suppress
from typing import Any, TypeAlias

from clew.checkers.linearizability.collections.passages import INSTANT, instant, spread
from clew.checkers.linearizability.collections.sets import as_test
from clew.checkers.linearizability.entries import NEVER, Entry, end
from clew.checkers.linearizability.specification import Specification, truth_of
from clew.checkers.linearizability.specifications.collections import Set
from clew.checkers.linearizability.stages import Share, ShareSpentError, searched
from clew.checkers.verdict import Budget

Member: TypeAlias = tuple[int, tuple[int, ...]]
"""What an element may have come to: whether it is in, and which operations in flight are left."""

ELEMENTS_MAX = 2_000
"""Each step costs in proportion to the elements; with more of them any set's search is tried."""

FIRST_CONFIGURATIONS = 5_000
"""What the search may cost, and eight for each entry, before each element is looked at alone."""


class LazySet(Specification):
    """What each element may have come to, and which reads are in flight and left.

    A state has a frozen set of `Member` for each element, and a tuple of reads.

    Attributes:
        entries: what it is made from, one partition, asked anew for this specification.
    """

    name = Set.name
    keyed = False
    looks_ahead = True
    settling = ("begin", "ask")

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._reads = [each for each in entries if each.f == "read" and each.completed is not None]
        self._updates = [each for each in entries if each.f != "read"]
        elements = list(dict.fromkeys(each.argument for each in self._updates))
        place = {element: at for at, element in enumerate(elements)}
        self._places = [place[each.argument] for each in self._updates]
        shown = [frozenset(each.result or ()) for each in self._reads]
        self.strange = [
            each for each, seen in zip(self._reads, shown, strict=True) if not seen <= place.keys()
        ]
        self._shown = [tuple(int(each in seen) for each in elements) for seen in shown]
        # For each element, and for removals and adds apart, where they are invoked.
        self._invoked: list[tuple[list[int], list[int]]] = [([], []) for _ in elements]
        made = []
        for at, each in enumerate(self._updates):
            if each.f != "contains":
                self._invoked[self._places[at]][each.f == "add"].append(each.invoked)
            made.append(instant("begin", at, each.invoked))
            if each.completed is not None:
                made.append(instant("end", at, each.completed))
        for at, each in enumerate(self._reads):
            made.append(instant("ask", at, each.invoked))
            made.append(
                spread(each, "read", at)._replace(invoked=INSTANT * each.invoked + 2, result=None)
            )
        self.entries = sorted(made)
        self._steps: dict[Any, frozenset[Member]] = {}
        self.first = (*((frozenset({(0, ())}),) * len(elements)), ())

    def step(self, state: Any, f: str, argument: Any, result: Any) -> Sequence[Hashable] | None:  # noqa: ARG002
        """Return what is left after an invocation, the response of an operation, or a read."""
        if f == "ask":
            return ((*state[:-1], (*state[-1], argument)),)
        if f == "read":
            return self._read(state, argument)
        at = self._places[argument]
        key = (f, argument, state[at])
        members = self._steps.get(key)
        if members is None:
            members = self._begun(state[at], argument) if f == "begin" else self._ended(*key[1:])
            self._steps[key] = members
        if not members:
            return None
        if f == "end":
            moment = end(self._updates[argument])
            if not all(self._may_show(members, at, read, moment) for read in state[-1]):
                return None
        return ((*state[:at], members, *state[at + 1 :]),)

    def _begun(self, members: frozenset[Member], operation: int) -> frozenset[Member]:
        return frozenset((held, (*left, operation)) for held, left in members)

    def _ended(self, operation: int, members: frozenset[Member]) -> frozenset[Member]:
        """Return those in which the operation happened."""
        found = {each for each in members if operation not in each[1]}
        waiting = [each for each in members if operation in each[1]]
        seen = {*waiting}
        # Invariant: `seen` has what the members come to by operations in flight other than this
        # one; `found` what they come to right after it.
        while waiting:
            for done, after in self._next(waiting.pop()):
                if done == operation:
                    found.add(after)
                elif after not in seen:
                    seen.add(after)
                    waiting.append(after)
        return self._best(found)

    def _shows(self, members: frozenset[Member], held: int) -> frozenset[Member]:
        """Return those in which the element is in, or is not, by as few operations as it takes."""
        found = {each for each in members if each[0] == held}
        waiting = [each for each in members if each[0] != held]
        seen = {*waiting}
        # Invariant: `seen` has what is not yet as shown. What is as shown goes no further: whatever
        # else is in flight can as well happen later.
        while waiting:
            for _, after in self._next(waiting.pop()):
                if after[0] == held:
                    found.add(after)
                elif after not in seen:
                    seen.add(after)
                    waiting.append(after)
        return self._best(found)

    def _next(self, member: Member) -> Iterator[tuple[int, Member]]:
        """Yield what one more operation in flight leads to; of equal unanswered ones the first."""
        held, left = member
        tried = set()
        for place, operation in enumerate(left):
            entry = self._updates[operation]
            said = None if entry.completed is None else truth_of(entry.result)
            if entry.completed is None:
                if entry.f in tried or entry.f == "contains" or held == (entry.f == "add"):
                    continue
                tried.add(entry.f)
            after = held
            if entry.f == "contains":
                # No set answers a test with what is neither true nor false.
                if said is not bool(held):
                    continue
            # An update reports whether it changed the set, and must have done what it reports.
            elif said is not None and said is (held == (entry.f == "add")):
                continue
            else:
                after = int(entry.f == "add")
            yield operation, (after, left[:place] + left[place + 1 :])

    def _best(self, members: set[Member]) -> frozenset[Member]:
        """Return those that no other, with only more unanswered ones left, makes needless."""
        if len(members) < 2:  # noqa: PLR2004 - nothing to compare
            return frozenset(members)
        groups: dict[Any, list[tuple[int, ...]]] = {}
        # Only those with the same answered operations left compare: an unanswered one may be left
        # unused, so more of them left allow all that fewer do.
        for held, left in members:
            answered = tuple(each for each in left if self._updates[each].completed is not None)
            groups.setdefault((held, answered), []).append(left)
        return frozenset(
            (held, left)
            for (held, _), every in groups.items()
            for left in every
            if not any({*left} < {*other} for other in every)
        )

    def _read(self, state: Any, read: int) -> Sequence[Hashable] | None:
        members = []
        shown = self._shown[read]
        left = tuple(each for each in state[-1] if each != read)
        # A read shows every element at once: each is as the read shows it, or there is no such
        # moment.
        for at, (old, held) in enumerate(zip(state[:-1], shown, strict=True)):
            key = ("read", held, old, at)
            new = self._steps.get(key)
            if new is None:
                new = self._steps[key] = self._shows(old, held)
            if not new:
                return None
            members.append(new)
        moment = self._reads[read].invoked
        # Elements that may be fewer things than before may shut out a read that is left.
        for at, new in enumerate(members):
            if new is not state[at] and new != state[at]:
                for each in left:
                    since = max(moment, self._reads[each].invoked)
                    if not self._may_show(new, at, each, since):
                        return None
        return ((*members, left),)

    def _may_show(self, members: frozenset[Member], at: int, read: int, moment: int) -> bool:
        """Return whether a read that is left may find the element as it did.

        Args:
            members: what the element may have come to.
            at: its place.
            read: the read.
            moment: operations invoked before it happened or are in flight.
        """
        held = self._shown[read][at]
        wanted = "add" if held else "remove"
        # It is so now, or an operation in flight makes it so, or one that is still to be invoked.
        for now, left in members:
            if now == held or any(self._updates[each].f == wanted for each in left):
                return True
        invoked = self._invoked[at][held]
        following = bisect_right(invoked, moment)
        return following < len(invoked) and invoked[following] < end(self._reads[read])


def broken_reads(entries: Sequence[Entry], budget: Budget) -> tuple[tuple[Entry, ...], int] | None:
    """Return entries that no order explains, and steps; None if it does not apply.

    Reads in the evidence are cut to its elements.

    Raises:
        OutOfBudget: it was not decided within the budget.
    """
    if not _is_simple(entries):
        return None
    lazy = LazySet(entries)
    if lazy.strange:
        return _cut([lazy.strange[0]], lazy.strange[0].result), 0
    spent = budget.spent
    with suppress(ShareSpentError):
        share = Share(budget, FIRST_CONFIGURATIONS + 8 * len(entries))
        if searched(lazy, lazy.entries, share).outcome.linearizable:
            return (), budget.spent - spent
    elements = list(dict.fromkeys(each.argument for each in entries if each.f != "read"))
    # The operations on one element, with the reads cut to it, ask for less than the whole history
    # does: what no order explains here, none explains there.
    for element in elements:
        alone = _broken_element(entries, element, budget)
        if alone:
            return alone, budget.spent - spent
    if _holds(entries, budget):
        return (), budget.spent - spent
    return _fewest(entries, elements, budget), budget.spent - spent


def _is_simple(entries: Sequence[Entry]) -> bool:
    """Return whether the engine applies: reads of sets, elements that equal themselves."""
    elements = {each.argument for each in entries if each.f != "read"}
    if not 0 < len(elements) <= ELEMENTS_MAX or any(
        each != each  # noqa: PLR0124 - NaN
        for each in elements
    ):
        return False
    reads = [each.result for each in entries if each.f == "read" and each.completed is not None]
    shown = [each for each in reads if each is not None]
    return bool(reads) and all(
        type(each) in {tuple, frozenset} and len(each) == len(frozenset(each)) for each in shown
    )


def _holds(entries: Sequence[Entry], budget: Budget) -> bool:
    lazy = LazySet(entries)
    return searched(lazy, lazy.entries, budget).outcome.linearizable


def _broken_element(entries: Sequence[Entry], element: Any, budget: Budget) -> tuple[Entry, ...]:
    """Find the operations on an element and the reads that no order explains; or nothing."""
    alone = _cut(entries, [element])
    tests = [
        as_test(each, element, shown=bool(each.result)) if each.f == "read" else each
        for each in alone
    ]
    found = searched(Set(), tests, budget)
    if found.outcome.linearizable:
        return ()
    responded = end(found.response)
    return tuple(each for each in alone if each.invoked < responded)


def _cut(entries: Sequence[Entry], elements: Collection[Any]) -> tuple[Entry, ...]:
    """Return the operations on the elements, and the reads as if there were no others."""
    kept = []
    for each in entries:
        if each.f != "read":
            kept += [each] if each.argument in elements else []
        elif end(each) != NEVER:
            kept.append(each._replace(result=tuple(x for x in each.result or () if x in elements)))
    return tuple(kept)


def _fewest(entries: Sequence[Entry], elements: list[Any], budget: Budget) -> tuple[Entry, ...]:
    """Reduce the operations to those on few of the elements that no order explains."""
    share = Share(budget, 10 * FIRST_CONFIGURATIONS)
    with suppress(ShareSpentError):
        # Invariant: no order explains the operations on `elements`.
        for element in list(elements):
            rest = [each for each in elements if each is not element]
            if rest and not _holds(_cut(entries, rest), share):
                elements = rest
    return _cut(entries, elements)
