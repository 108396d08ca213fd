"""The search of one partition, in stages.

1. The search as it is, up to a number of configurations that decides nearly every history.
2. If pending operations made it longer: the same with every pending operation free to happen
   any number of times. It has far fewer configurations. If even that finds no order there is
   none; if it finds one, nothing is decided.
3. The search as it is, to the end of the budget.

Many operations whose outcome is unknown are what other checkers give up on; the second stage
refutes most histories that are wrong for a reason that has nothing to do with them.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from itertools import chain
from operator import itemgetter
from sys import getsizeof
from typing import NamedTuple

from clew.checkers.linearizability.entries import Entry
from clew.checkers.linearizability.layout import Layout
from clew.checkers.linearizability.machine import Machine
from clew.checkers.linearizability.search import Search, SearchResult
from clew.checkers.linearizability.specification import Specification
from clew.checkers.verdict import Budget, OutOfBudget, Verdict

FIRST_STAGE_CONFIGURATIONS = 20_000
STATES_BYTES_MAX = 1 << 30
"""What the states of a search may take; a search that ends for lack of memory ends much more."""

FREED_STATES_MAX = 500
"""States beyond one for each call, from which on the second stage is given up."""


class Searched(NamedTuple):
    """A partition's search, with what an explanation needs.

    Attributes:
        entries: the partition's entries as the fitted specification sees them.
        machine: the machine that was searched; it holds the fitted specification.
        layout: the layout that was searched.
        outcome: what the search found.
        eager: whether reads were linearized as soon as they were legal.
        freed: whether pending operations were free to happen any number of times.
    """

    entries: Sequence[Entry]
    machine: Machine
    layout: Layout
    outcome: SearchResult
    eager: bool
    freed: bool

    @property
    def response(self) -> Entry:
        """The first response that no order explains; where the search failed."""
        return self.entries[self.layout.levels[self.outcome.level].slot[4]]


class PartitionResult(NamedTuple):
    """What was found of one partition.

    Attributes:
        engine: ``witness``, ``zones``, ``queue``, ``lazy-queue``, ``stack``, ``priority-queue``,
            ``lazy-priority-queue``, ``set``, ``lazy-set``, ``matching``,
            ``sources`` or ``search``.
        broken: entries that no order explains, if an engine other than a search found them.
        configurations: explored by a search; 0 for the others.
        failed: the search that failed, if one did.
        response: the first response that no order explains, if a quick search found no more.
        reason: why it is UNKNOWN; empty if it is not.
    """

    engine: str
    broken: tuple[Entry, ...] = ()
    configurations: int = 0
    failed: Searched | None = None
    response: Entry | None = None
    reason: str = ""

    @property
    def verdict(self) -> Verdict:
        """VALID if nothing was found that no order explains."""
        if self.reason:
            return Verdict.UNKNOWN
        return Verdict.INVALID if self.broken or self.failed or self.response else Verdict.VALID


def searched(
    specification: Specification,
    entries: Sequence[Entry],
    budget: Budget,
    *,
    bytes_max: int = STATES_BYTES_MAX,
) -> Searched:
    """Search a partition: whether it is linearizable, and what was seen on the way.

    Raises:
        OutOfBudget: it was not decided within the budget.
    """
    specification, entries = _fitted(specification, entries)
    run = partial(_run, specification, entries, bytes_max)
    if None not in map(_COMPLETED, entries):
        return run(budget, freed=False)
    first = FIRST_STAGE_CONFIGURATIONS + 4 * len(entries)
    with suppress(ShareSpentError):
        return run(Share(budget, first), freed=False)
    with suppress(ShareSpentError):
        found = run(Share(budget, 4 * first), freed=True)
        if not found.outcome.linearizable:
            return found
    return run(budget, freed=False)


_COMPLETED = itemgetter(1)


def _fitted(
    specification: Specification, entries: Sequence[Entry]
) -> tuple[Specification, Sequence[Entry]]:
    if type(specification).fitted is Specification.fitted:
        return specification, entries
    fitted, calls = specification.fitted(entries)
    if calls is entries:
        return fitted, entries
    return fitted, [
        entry
        if call is entry
        else Entry(entry[0], entry[1], call.f, call.argument, call.result, entry[5])
        for entry, call in zip(entries, calls, strict=True)
    ]


def _run(
    specification: Specification,
    entries: Sequence[Entry],
    bytes_max: int,
    budget: Budget,
    *,
    freed: bool,
) -> Searched:
    for eager in (True, False):
        machine = Machine(specification)
        levels = Layout(machine, entries, eager=eager, freed=freed)
        bounded = _Finite(budget, machine, bytes_max, freed=freed)
        machine.budget = bounded
        try:
            outcome = Search(machine, levels, bounded).run()
        finally:
            machine.budget = None  # which knows the machine: no cycle is left behind
        # A read may narrow what a specification that chose can be: then it is no mere read.
        if not (eager and machine.chose):
            break
    return Searched(entries, machine, levels, outcome, eager, freed)


class _Finite(Budget):
    """A budget that also ends if the states take too much memory, or free ones never end."""

    __slots__ = ("_bytes_max", "_counted", "_freed", "_machine", "_taken", "_whole")

    def __init__(self, whole: Budget, machine: Machine, bytes_max: int, *, freed: bool) -> None:
        super().__init__(steps=None)
        self._whole = whole
        self._machine = machine
        self._freed = freed
        self._bytes_max = bytes_max
        self._counted = self._taken = 0

    def spend(self, steps: int) -> None:
        self._whole.spend(steps)
        states = self._machine.states
        if self._freed and len(states) > len(self._machine.calls) + FREED_STATES_MAX:
            raise ShareSpentError("free operations make too many states")
        # Each state is measured once, when it is new.
        new = states[self._counted :]
        self._counted = len(states)
        self._taken += sum(map(getsizeof, chain.from_iterable(new)))
        if self._taken > self._bytes_max:
            raise ShareSpentError(f"the states take more than {self._bytes_max >> 20} MiB")


class ShareSpentError(OutOfBudget):
    """A stage spent its share; the whole budget may hold more."""


class Share(Budget):
    """A part of a budget: what it spends, the whole spends."""

    __slots__ = ("_whole",)

    def __init__(self, whole: Budget, steps: int) -> None:
        super().__init__(steps=steps)
        self._whole = whole

    def spend(self, steps: int) -> None:
        """Count work done, here and in the whole.

        Raises:
            OutOfBudget: a bound of the whole is passed.
            ShareSpentError: this share's is.
        """
        self._whole.spend(steps)
        try:
            super().spend(steps)
        except OutOfBudget as spent:
            raise ShareSpentError(str(spent), spent.more) from None
