"""The smallest part of a history that is still not linearizable.

An operation is left out by freeing it: what it does may then happen at any moment and any number
of times, or never. So what remains cannot be explained whatever the others did; plain removal
would leave a lone read of a value that nobody wrote. Where the specification is data independent,
all operations on one value can also be left out together; where updates also overwrite, so can
operations whose sources go with them.

The result is minimal where the budget was enough: freeing any one more operation would make it
linearizable. It is never wrong, only larger, where it was not.

Source: Zeller and Hildebrandt, "Simplifying and isolating failure-inducing input", IEEE TSE 2002.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from clew.checkers.linearizability.entries import NEVER, Entry
from clew.checkers.linearizability.machine import Machine
from clew.checkers.linearizability.search import Search
from clew.checkers.linearizability.specification import UNANSWERED, Specification
from clew.checkers.linearizability.timeline import timeline
from clew.checkers.verdict import Budget, OutOfBudget

FREE_CALLS_MAX = 256
FREE_CONFIGURATIONS = 500
"""A trial with free or pending calls may cost this, and eight more for each entry kept."""

ENDLESS_TRIALS_MAX = 4
"""Trials over that limit before the reduction ends: free calls may make endlessly many states."""

SOURCES_LOOKED_BACK = 32
"""Updates that ended too early, after which `Reduction` looks for no older source of a value."""

TRIAL_CONFIGURATIONS = 500
REDUCTION_CONFIGURATIONS = 20_000


class Reduction:
    """Tries subsets of the entries of a partition that is not linearizable.

    Args:
        specification: the specification that the partition breaks.
        entries: those of a partition that are not linearizable.
        spent: configurations that it took to find this out.
        budget: what may be spent; where it ends, so does the reduction.
        eager: as in `timeline`.
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
        self._mentioned = [dict.fromkeys(_values((each.argument, each.result))) for each in entries]
        self._brought = [self._values_brought(index) for index in range(len(entries))]
        self._endless = 0
        self._eager = eager
        self._freed = freed
        self._refit = refit
        self._left = REDUCTION_CONFIGURATIONS + 4 * spent
        self._trial = TRIAL_CONFIGURATIONS + 2 * spent

    def run(self) -> list[Entry]:
        """The entries that remain, in order of invocation."""
        kept = list(range(len(self._entries)))
        dropped: frozenset[int] = frozenset()
        try:
            answered = [each for each in kept if self._entries[each].completed is not None]
            if self._freed or (len(answered) < len(kept) and self._fails(answered, dropped)):
                kept = answered
            everything = frozenset(kept)
            told = [
                index for index in kept if index in self._updates or index == self._last_response
            ]
            if len(told) < len(kept) and self._fails(told, dropped):
                kept = told
            if self._specification.overwrites:
                kept = self._without_sources(kept)
            elif self._specification.data_independent:
                kept = self._without_values(kept)
            dropped = everything - frozenset(kept)
            kept = self._suffix(kept, dropped)
            kept = self._shrunk(kept, lambda rest: self._fails(rest, dropped))
        except OutOfBudget:
            pass
        return [self._entries[index] for index in kept]

    def _without_values(self, kept: list[int]) -> list[int]:
        """Leave out all operations on a value, value by value."""
        by_value: dict[Any, list[int]] = {}
        shared: set[Any] = set()
        for index in kept:
            values = self._mentioned[index]
            for value in values:
                by_value.setdefault(value, []).append(index)
            if len(values) > 1:
                shared.update(values)
        alone = [group for value, group in by_value.items() if value not in shared]
        fixed = set(kept) - {index for group in alone for index in group}

        def members(groups: Sequence[int]) -> list[int]:
            return sorted(fixed.union(*(alone[each] for each in groups)))

        groups = self._shrunk(
            list(range(len(alone))), lambda some: self._shows(members(some), frozenset(kept))
        )
        return members(groups)

    def _without_sources(self, kept: list[int]) -> list[int]:
        """Leave out operations together with those that took their values from them.

        The response that can't be explained stays, and so does every source of what stays: so
        nothing is read whose last writes were left out.
        """
        everything = frozenset(kept)
        sources = self._sources(kept)

        def closed(rest: list[int]) -> list[int]:
            left = set(rest)
            size = 0
            while size != len(left):
                size = len(left)
                left = {index for index in left if left.issuperset(sources[index])}
            return [index for index in rest if index in left]

        length = 8
        while length < len(kept):
            end = _with_sources(kept[-length:], sources)
            if self._shows(end, everything):
                kept = end
                break
            length *= 2
        return self._shrunk(kept, lambda rest: self._shows(rest, everything), closed)

    def _sources(self, kept: Sequence[int]) -> dict[int, dict[int, None]]:
        """For each operation the last updates that may have brought in what it observes."""
        by_value: dict[Any, list[int]] = {}
        for index in kept:
            for value in self._brought[index]:
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
        """Those of the updates that may be the last before the observer responds."""
        end = self._response(observer)
        latest = -1
        older = 0
        # From the last invoked on: an update counts unless a later one began after it ended.
        for index in reversed(updates):
            if self._entries[index].invoked > end or index == observer:
                continue
            if self._response(index) >= latest:
                latest = max(latest, self._entries[index].invoked)
                yield index
            else:
                older += 1
                if older == SOURCES_LOOKED_BACK:
                    return

    def _observed(self, index: int) -> list[Any]:
        """The values that an operation found in the object."""
        entry = self._entries[index]
        if index not in self._updates:
            return list(_values(entry.result))
        return list(_values(entry.argument[0])) if entry.f in self._specification.pairs else []

    def _response(self, index: int) -> int:
        completed = self._entries[index].completed
        return NEVER if completed is None else completed

    def _suffix(self, kept: list[int], dropped: frozenset[int]) -> list[int]:
        """The shortest end, by doubling, that still fails when all before it is free."""
        length = 8
        while length < len(kept):
            if self._fails(kept[-length:], dropped):
                return kept[-length:]
            length *= 2
        return kept

    def _shrunk(
        self,
        items: list[int],
        fails: Callable[[list[int]], bool],
        closed: Callable[[list[int]], list[int]] = list,
    ) -> list[int]:
        """Leave out chunks of items while the rest fails; chunks halve down to single items."""
        size = max(1, len(items) // 2)
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
        return items

    def _values_brought(self, index: int) -> dict[Any, None]:
        """The values that an update may put into the object."""
        if index not in self._updates:
            return {}
        entry = self._entries[index]
        is_pair = entry.f in self._specification.pairs
        return dict.fromkeys(_values(entry.argument[1] if is_pair else entry.argument))

    def _shows(self, kept: list[int], dropped: frozenset[int]) -> bool:
        """Whether these fail because of the last response, as the history does.

        What is left out altogether must not make a failure that was none.
        """
        rest = [index for index in kept if index != self._last_response]
        return (
            len(rest) < len(kept) and self._fails(kept, dropped) and not self._fails(rest, dropped)
        )

    def _fails(self, kept: list[int], dropped: frozenset[int]) -> bool:
        """Whether these entries alone are not linearizable, all but the dropped being free.

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
        limit = min(self._left, FREE_CONFIGURATIONS + 8 * len(kept) if is_open else self._trial)
        trial = Budget(seconds=None, configurations=limit)
        machine, calls = self._machine, list(free)
        if self._refit:
            spares = [self._entries[index] for index in free.values()]
            machine = Machine(self._specification.fitted([*entries, *spares])[0])
            calls = [machine.call_id(each) for each in spares]
        try:
            levels = timeline(machine, entries, eager=self._eager, free=calls)
            linearizable = Search(machine, levels, trial).run().linearizable
        except OutOfBudget:
            linearizable = True
            self._endless += is_open
        self._left -= trial.spent + len(entries)
        self._budget.spend(trial.spent)
        return not linearizable and not (self._eager and machine.chose)


def cut(entries: Sequence[Entry], response: int) -> list[Entry]:
    """The entries as they stand at a response: those that respond later are pending."""
    return [
        each._replace(completed=None) if each.completed and each.completed > response else each
        for each in entries
        if each.invoked < response
    ]


def _with_sources(some: Sequence[int], sources: Mapping[int, Iterable[int]]) -> list[int]:
    """These operations, their sources, the sources of those, and so on."""
    found = set(some)
    waiting = list(some)
    while waiting:
        new = [each for each in sources[waiting.pop()] if each not in found]
        found.update(new)
        waiting += new
    return sorted(found)


def _values(value: Any) -> Iterator[Any]:
    """What a value is made of, but for nil, truth values and unknown results."""
    waiting = [value]
    while waiting:
        value = waiting.pop()
        if type(value) is tuple:
            waiting.extend(value)
        elif type(value) is frozenset:
            waiting.extend(sorted(value, key=repr))
        elif value is not None and value is not UNANSWERED and type(value) is not bool:
            yield value
