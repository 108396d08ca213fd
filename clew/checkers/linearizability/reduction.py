"""The smallest part of a history that is still not linearizable.

An operation is left out by freeing it: what it does may then happen at any moment and any number
of times, or never. So what remains cannot be explained whatever the others did; plain removal
would leave a lone read of a value that nobody wrote. If the specification is data independent,
all operations on one value can also be left out together; if updates also overwrite, so can
operations whose sources go with them.

The result is minimal if the budget was enough: freeing any one more operation would make it
linearizable. It is never wrong, only larger, if it was not.

Source: Zeller and Hildebrandt, "Simplifying and isolating failure-inducing input", IEEE TSE 2002.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from clew.checkers.linearizability.entries import Entry, end
from clew.checkers.linearizability.layout import Layout
from clew.checkers.linearizability.machine import Machine
from clew.checkers.linearizability.search import Search
from clew.checkers.linearizability.specification import UNANSWERED, Specification, truth_of
from clew.checkers.verdict import Budget, OutOfBudget

FREE_CALLS_MAX = 256
FREE_CONFIGURATIONS = 500
"""A trial with free or pending calls may cost this, and eight more for each entry kept."""

FREE_CALLS_COUNTED_AS_ONE = 4
"""Each configuration tries every free call: this number costs as much as the configuration."""

ENDLESS_TRIALS_MAX = 4
"""Trials over that limit before the reduction ends: free calls may make endlessly many states."""

SOURCES_LOOKED_BACK = 32
"""Updates that ended too early, after which `Reduction` looks for no older source of a value."""

GUESSED_LENGTH = 16
"""How many of the last operations may show the failure before anything else is looked at."""

TRIAL_CONFIGURATIONS = 500
REDUCTION_CONFIGURATIONS = 20_000


class Reduction:
    """Tries subsets of the entries of a partition that is not linearizable.

    Args:
        specification: the specification that the partition breaks.
        entries: those of a partition that are not linearizable.
        spent: configurations that it took to find this out.
        most: configurations that the reduction may take, the more of them the more it took.
        budget: what may be spent; if it ends, so does the reduction.
        eager: as in `Layout`.
        refit: whether to fit the specification anew to each part that is tried.
        freed: whether the pending ones among the entries are known to be no part of it.
    """

    def __init__(
        self,
        specification: Specification,
        entries: Sequence[Entry],
        spent: int,
        budget: Budget,
        *,
        most: int = REDUCTION_CONFIGURATIONS,
        eager: bool,
        freed: bool,
        refit: bool,
    ) -> None:
        self._specification = specification
        self._entries = entries
        self._budget = budget
        self._last_response = max(
            (each.completed, index)
            for index, each in enumerate(entries)
            if each.completed is not None
        )[1]
        self._machine = Machine(specification)
        self._calls = [self._machine.call_id(each) for each in entries]
        # A dict for its order: the updates are freed in the order they were invoked.
        self._updates = {
            index: None
            for index, each in enumerate(entries)
            if not specification.is_readonly(each.f, each.argument)
        }
        # What all methods share. `_kept`: the indices of the entries that are known to fail, fewer
        # and fewer. `_left`: the configurations that trials may still take; `_trial`: the most that
        # one may take if nothing is free. `_endless`: how many trials with free calls did not
        # end.
        self._kept = list(range(len(entries)))
        self._endless = 0
        self._eager = eager
        self._freed = freed
        self._refit = refit
        self._whole = self._left = most + spent
        self._trial = TRIAL_CONFIGURATIONS + 2 * spent

    def run(self) -> list[Entry]:
        """Reduce the entries; return what remains, in order of invocation."""
        with suppress(OutOfBudget):
            self._reduce()
        return [self._entries[index] for index in self._kept]

    @property
    def taken(self) -> int:
        """What it took, in configurations."""
        return self._whole - self._left

    def _reduce(self) -> None:
        """Leave out more and more of what is kept."""
        specification = self._specification
        answered = [each for each in self._kept if self._entries[each].completed is not None]
        everything = self._telling(answered)
        if not (specification.overwrites and self._without_sources(everything, GUESSED_LENGTH)):
            self._likely(answered)
            everything = self._kept
            if specification.overwrites:
                self._without_sources(everything, len(everything))
            elif specification.data_independent:
                self._without_values(everything)
        dropped = frozenset(everything).difference(self._kept)
        self._suffix(dropped)
        self._shrunk(self._kept, lambda rest: self._fails(rest, dropped))

    def _likely(self, answered: list[int]) -> None:
        """Leave out the pending operations and the reads but the last, or some of these."""
        if self._freed:
            self._kept = answered
        # The boldest cut first: the first that fails is enough.
        for some in (self._telling(answered), answered, self._telling(self._kept)):
            if len(some) < len(self._kept) and self._fails(some, frozenset()):
                return

    def _telling(self, some: Sequence[int]) -> list[int]:
        """Return the updates, and the response that can't be explained."""
        return [each for each in some if each in self._updates or each == self._last_response]

    def _without_values(self, everything: Sequence[int]) -> None:
        """Leave out all operations on a value, value by value."""
        by_value: dict[Any, list[int]] = {}
        shared: set[Any] = set()
        # An operation on several values ties them together: none of them can be left out alone.
        for index in everything:
            entry = self._entries[index]
            values = dict.fromkeys(_values((entry.argument, entry.result)))
            for value in values:
                by_value.setdefault(value, []).append(index)
            if len(values) > 1:
                shared.update(values)
        alone = [group for value, group in by_value.items() if value not in shared]
        fixed = set(everything) - {index for group in alone for index in group}
        remaining = frozenset(everything)

        def members(groups: Sequence[int]) -> list[int]:
            return sorted(fixed.union(*(alone[each] for each in groups)))

        self._shrunk(list(range(len(alone))), lambda some: self._shows(members(some), remaining))

    def _without_sources(self, everything: list[int], longest: int) -> bool:
        """Leave out operations together with those that took their values from them.

        The response that can't be explained stays, and so does every source of what stays: so
        nothing is read whose last writes were left out.

        Returns:
            Whether the last operations up to this many, and their sources, show the failure.
        """
        remaining = frozenset(everything)
        sources = self._sources(everything)

        def closed(rest: list[int]) -> list[int]:
            left = set(rest)
            size = 0
            # Invariant: whatever is not left was left out, or had a source that is not left.
            while size != len(left):
                size = len(left)
                left = {index for index in left if left.issuperset(sources[index])}
            return [index for index in rest if index in left]

        length = 2
        # The last operations, doubled each time: what shows the failure is usually near the
        # response.
        while length < min(len(everything), longest + 1):
            last = _with_sources({*everything[-length:], self._last_response}, sources)
            if self._shows(last, remaining):
                break
            length *= 2
        else:
            return False
        self._shrunk(self._kept, lambda rest: self._shows(rest, remaining), closed)
        return True

    def _sources(self, kept: Sequence[int]) -> dict[int, dict[int, None]]:
        """Return for each operation the last updates that may have brought in what it observes."""
        by_value: dict[Any, list[int]] = {}
        for index in kept:
            for value in self._values_brought(index):
                by_value.setdefault(value, []).append(index)
        return {
            index: {
                source: None
                for value in self._observed(index)
                for source in self._last(by_value.get(value, []), index)
            }
            for index in kept
        }

    def _last(self, updates: Sequence[int], observer: int) -> Iterator[int]:
        """Yield those of the updates that may be the last before the observer responds."""
        over = end(self._entries[observer])
        latest = -1
        older = 0
        # From the last invoked on: an update counts unless a later one began after it ended.
        for at in range(bisect_right(updates, over, key=self._invoked) - 1, -1, -1):
            index = updates[at]
            if index == observer:
                continue
            if end(self._entries[index]) >= latest:
                latest = max(latest, self._entries[index].invoked)
                yield index
            else:
                older += 1
                if older == SOURCES_LOOKED_BACK:
                    return

    def _invoked(self, index: int) -> int:
        return self._entries[index].invoked

    def _observed(self, index: int) -> list[Any]:
        """Return the values that an operation found in the object."""
        entry = self._entries[index]
        if index not in self._updates:
            return _whole(entry.result)
        return _whole(entry.argument[0]) if entry.f in self._specification.pairs else []

    def _suffix(self, dropped: frozenset[int]) -> None:
        """Find the shortest end, by doubling, that still fails when all before it is free."""
        length = 8
        # Invariant: no shorter end that was tried fails by itself.
        while length < len(self._kept):
            if self._fails(self._kept[-length:], dropped):
                return
            length *= 2

    def _shrunk(
        self,
        items: list[int],
        fails: Callable[[list[int]], bool],
        closed: Callable[[list[int]], list[int]] = list,
    ) -> None:
        """Leave out chunks of items while the rest fails; chunks halve down to single items."""
        size = max(1, len(items) // 2)
        # Invariant: `items` fail. At the end no single one can be left out (1-minimal, which is
        # what the ddmin of Zeller and Hildebrandt gives; as there, chunks are halved).
        while items:
            at = 0
            shrank = False
            while at < len(items):
                rest = closed(items[:at] + items[at + size :])
                if fails(rest):
                    items, shrank = rest, True
                else:
                    at += size
            if size == 1 and not shrank:
                break
            size = max(1, size // 2)

    def _values_brought(self, index: int) -> dict[Any, None]:
        """Return the values that an update may put into the object."""
        if index not in self._updates:
            return {}
        entry = self._entries[index]
        is_pair = entry.f in self._specification.pairs
        return dict.fromkeys(_whole(entry.argument[1] if is_pair else entry.argument))

    def _shows(self, kept: list[int], dropped: frozenset[int]) -> bool:
        """Return whether these fail because of the last response, as the history does.

        What is left out altogether must not make a failure that was none.
        """
        rest = [index for index in kept if index != self._last_response]
        if len(rest) == len(kept) or not self._is_wrong(kept, dropped):
            return False
        if self._is_wrong(rest, dropped):
            return False
        self._kept = kept
        return True

    def _fails(self, kept: list[int], dropped: frozenset[int]) -> bool:
        """Return whether these entries fail; if so, they are kept."""
        is_wrong = self._is_wrong(kept, dropped)
        if is_wrong:
            self._kept = kept
        return is_wrong

    def _is_wrong(self, kept: list[int], dropped: frozenset[int]) -> bool:
        """Return whether these entries alone are not linearizable, all but the dropped free.

        Raises:
            OutOfBudget: the reduction's or the user's budget is spent.
        """
        remaining = {*kept, *dropped}
        free = {self._calls[index]: index for index in self._updates if index not in remaining}
        if len(free) > FREE_CALLS_MAX:
            return False
        if self._left <= 0 or self._endless == ENDLESS_TRIALS_MAX:
            raise OutOfBudget("the reduction's budget is spent")
        entries = [self._entries[index] for index in kept]
        is_open = bool(free) or any(each.completed is None for each in entries)
        each = 1 + len(free) // FREE_CALLS_COUNTED_AS_ONE
        most = FREE_CONFIGURATIONS + 8 * len(kept) if is_open else self._trial
        limit = min(1 + self._left // each, most)
        trial = Budget(seconds=None, steps=limit)
        machine, calls = self._machine, list(free)
        if self._refit:
            spares = [self._entries[index] for index in free.values()]
            machine = Machine(self._specification.fitted([*entries, *spares])[0])
            calls = [machine.call_id(each) for each in spares]
        try:
            levels = Layout(machine, entries, eager=self._eager, free=calls)
            linearizable = Search(machine, levels, trial).run().linearizable
        # What a trial can't decide counts as linearizable: then more is kept than need be, and
        # nothing that is shown is wrong.
        except OutOfBudget:
            linearizable = True
            self._endless += is_open
        self._left -= trial.spent * each + len(entries)
        self._budget.spend(trial.spent)
        return not linearizable and not (self._eager and machine.chose)


def cut(entries: Sequence[Entry], response: Entry) -> list[Entry]:
    """Cut the entries off where one responds: those that respond later are pending."""
    now = response.completed
    assert now is not None
    return [
        each._replace(completed=None) if each.completed and each.completed > now else each
        for each in entries
        if each.invoked < now
    ]


def _with_sources(some: Iterable[int], sources: Mapping[int, Iterable[int]]) -> list[int]:
    """Return these operations, their sources, the sources of those, and so on."""
    found = set(some)
    waiting = list(some)
    # Invariant: the sources of all that was found and does not wait were found.
    while waiting:
        new = [each for each in sources[waiting.pop()] if each not in found]
        found.update(new)
        waiting += new
    return sorted(found)


def _whole(value: Any) -> list[Any]:
    """Return a value that replaces the whole state, as nil may, and its parts."""
    return [] if value is UNANSWERED else [value, *_values(value)]


def _values(value: Any) -> Iterator[Any]:
    """Yield what a value is made of, but for nil, truth values and unknown results.

    An empty list is a value; it is made of nothing else.
    """
    waiting = [value]
    # Invariant: what was taken apart was given out or waits in parts.
    while waiting:
        value = waiting.pop()
        if type(value) is tuple and value:
            waiting.extend(value)
        elif type(value) is frozenset and value:
            waiting.extend(sorted(value, key=repr))
        elif value is not None and value is not UNANSWERED and truth_of(value) is None:
            yield value
