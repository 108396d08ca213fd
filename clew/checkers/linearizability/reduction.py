"""The smallest part of a history that is still not linearizable.

An operation is left out by freeing it: what it does may then happen at any moment and any number
of times, or never. So what remains cannot be explained whatever the others did; plain removal
would leave a lone read of a value that nobody wrote. Where the specification is data independent,
all operations on one value can also be left out together, and so can an
update whose values another one brings in.

The result is minimal where the budget was enough: freeing any one more operation would make it
linearizable. It is never wrong, only larger, where it was not.

Source: Zeller and Hildebrandt, "Simplifying and isolating failure-inducing input", IEEE TSE 2002.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from clew.checkers.linearizability.entries import Entry
from clew.checkers.linearizability.machine import Machine
from clew.checkers.linearizability.search import Search
from clew.checkers.linearizability.specification import UNANSWERED, Specification
from clew.checkers.linearizability.timeline import timeline
from clew.checkers.verdict import Budget, OutOfBudget

FREE_CALLS_MAX = 256
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
    ) -> None:
        self._specification = specification
        self._entries = entries
        self._budget = budget
        self._eager = eager
        self._freed = freed
        self._left = REDUCTION_CONFIGURATIONS + 4 * spent
        self._trial = TRIAL_CONFIGURATIONS + 2 * spent

    def run(self) -> list[Entry]:
        """The entries that remain, in order of invocation."""
        kept = list(range(len(self._entries)))
        dropped: frozenset[int] = frozenset()
        try:
            answered = [each for each in kept if self._entries[each].completed is not None]
            if self._freed or self._fails(answered, dropped):
                kept = answered
            if self._specification.data_independent:
                kept, dropped = self._without_values(kept)
            kept = self._suffix(kept, dropped)
            kept = self._shrunk(kept, lambda rest: self._fails(rest, dropped))
            if self._specification.data_independent:
                kept = self._without_repeats(kept)
        except OutOfBudget:
            pass
        return [self._entries[index] for index in kept]

    def _without_values(self, kept: list[int]) -> tuple[list[int], frozenset[int]]:
        """Leave out all operations on a value, value by value."""
        by_value: dict[Any, list[int]] = {}
        shared: set[Any] = set()
        for index in kept:
            values = list(dict.fromkeys(_values(self._entries[index])))
            for value in values:
                by_value.setdefault(value, []).append(index)
            if len(values) > 1:
                shared.update(values)
        alone = [group for value, group in by_value.items() if value not in shared]
        fixed = set(kept) - {index for group in alone for index in group}

        def members(groups: Sequence[int]) -> list[int]:
            return sorted(fixed.union(*(alone[each] for each in groups)))

        groups = self._shrunk(
            list(range(len(alone))), lambda some: self._fails(members(some), frozenset(kept))
        )
        rest = members(groups)
        return rest, frozenset(kept) - frozenset(rest)

    def _without_repeats(self, kept: list[int]) -> list[int]:
        """Leave out updates, the oldest first, whose values other updates that stay bring in."""
        everything = frozenset(range(len(self._entries)))
        for index in list(kept):
            if self._reads(self._entries[index]):
                continue
            rest = [each for each in kept if each != index]
            brought: set[Any] = set()
            mentioned: set[Any] = set()
            for each in rest:
                entry = self._entries[each]
                mentioned.update(_values(entry))
                if not self._reads(entry):
                    is_pair = entry.f in self._specification.pairs
                    brought.update(_leaves(entry.argument[1] if is_pair else entry.argument))
            lost = mentioned.intersection(_values(self._entries[index])) - brought
            if not lost and self._fails(rest, everything):
                kept = rest
        return kept

    def _suffix(self, kept: list[int], dropped: frozenset[int]) -> list[int]:
        """The shortest end, by doubling, that still fails when all before it is free."""
        length = 8
        while length < len(kept):
            if self._fails(kept[-length:], dropped):
                return kept[-length:]
            length *= 2
        return kept

    def _shrunk(self, items: list[int], fails: Callable[[list[int]], bool]) -> list[int]:
        """Leave out chunks of items while the rest fails; chunks halve down to single items."""
        size = max(1, len(items) // 2)
        while items:
            at = 0
            shrank = False
            while at < len(items):
                rest = items[:at] + items[at + size :]
                if fails(rest):
                    items, shrank = rest, True
                else:
                    at += size
            if size == 1 and not shrank:
                break
            size = max(1, size // 2)
        return items

    def _fails(self, kept: list[int], dropped: frozenset[int]) -> bool:
        """Whether these entries alone are not linearizable, all but the dropped being free.

        Raises:
            OutOfBudget: the reduction's or the user's budget is spent.
        """
        remaining = set(kept)
        free: dict[Any, Entry] = {}
        for index, entry in enumerate(self._entries):
            if index not in remaining and index not in dropped and not self._reads(entry):
                free.setdefault(entry[2:5], entry)
        if len(free) > FREE_CALLS_MAX:
            return False
        entries = [self._entries[index] for index in kept]
        machine = Machine(self._specification)
        calls = [machine.call_id(entry) for entry in free.values()]
        if self._left <= 0:
            raise OutOfBudget("the reduction's budget is spent")
        trial = Budget(seconds=None, configurations=min(self._trial, self._left))
        try:
            levels = timeline(machine, entries, eager=self._eager, free=calls)
            linearizable = Search(machine, levels, trial).run().linearizable
        except OutOfBudget:
            linearizable = True
        self._left -= trial.spent + len(entries)
        self._budget.spend(trial.spent)
        return not linearizable and not (self._eager and machine.chose)

    def _reads(self, entry: Entry) -> bool:
        return self._specification.is_readonly(entry.f, entry.argument)


def cut(entries: Sequence[Entry], response: int) -> list[Entry]:
    """The entries as they stand at a response: those that respond later are pending."""
    return [
        each._replace(completed=None) if each.completed and each.completed > response else each
        for each in entries
        if each.invoked < response
    ]


def _values(entry: Entry) -> Iterator[Any]:
    """The values that a call mentions."""
    return _leaves((entry.argument, entry.result))


def _leaves(value: Any) -> Iterator[Any]:
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
