"""The search of one partition, in stages.

1. The search as it is, up to a number of configurations that decides nearly every history.
2. Where pending operations made it longer: the same with every pending operation free to happen
   any number of times. It has far fewer configurations. Where even that finds no order there is
   none; where it finds one, nothing is said.
3. The search as it is, to the end of the budget.

Many operations whose outcome is unknown are what other checkers give up on; the second stage
refutes most histories that are wrong for a reason that has nothing to do with them.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import NamedTuple

from clew.checkers.linearizability.entries import Entry
from clew.checkers.linearizability.machine import Machine
from clew.checkers.linearizability.search import Outcome, Search
from clew.checkers.linearizability.specification import Specification
from clew.checkers.linearizability.timeline import Timeline, timeline
from clew.checkers.verdict import Budget, OutOfBudget

FIRST_STAGE_CONFIGURATIONS = 20_000
FREED_STATES_MAX = 500
"""States beyond one for each call, from which on the second stage is given up."""


class Searched(NamedTuple):
    """A partition's search, with what an explanation needs.

    Attributes:
        key: the partition's key.
        entries: its entries as the fitted specification sees them.
        machine: the machine that was searched; it holds the fitted specification.
        timeline: the timeline that was searched.
        outcome: what the search found.
        eager: whether reads were linearized as soon as they were legal.
        freed: whether pending operations were free to happen any number of times.
    """

    key: Hashable
    entries: Sequence[Entry]
    machine: Machine
    timeline: Timeline
    outcome: Outcome
    eager: bool
    freed: bool


def searched(
    specification: Specification, key: Hashable, entries: Sequence[Entry], budget: Budget
) -> Searched:
    """Whether a partition is linearizable, and what was seen on the way.

    Raises:
        OutOfBudget: it was not decided within the budget.
    """
    specification, entries = _fitted(specification, entries)
    if all(entry.completed is not None for entry in entries):
        return _run(specification, key, entries, budget, freed=False)
    first = FIRST_STAGE_CONFIGURATIONS + 4 * len(entries)
    try:
        return _run(specification, key, entries, Share(budget, first), freed=False)
    except ShareSpentError:
        pass
    try:
        found = _run(specification, key, entries, Share(budget, 4 * first), freed=True)
    except ShareSpentError:
        found = None
    if found is not None and not found.outcome.linearizable:
        return found
    return _run(specification, key, entries, budget, freed=False)


def _fitted(
    specification: Specification, entries: Sequence[Entry]
) -> tuple[Specification, Sequence[Entry]]:
    if type(specification).fitted is Specification.fitted:
        return specification, entries
    fitted, calls = specification.fitted(entries)
    if calls is entries:
        return fitted, entries
    return fitted, [
        entry._replace(f=call.f, argument=call.argument, result=call.result)
        for entry, call in zip(entries, calls, strict=True)
    ]


def _run(
    specification: Specification,
    key: Hashable,
    entries: Sequence[Entry],
    budget: Budget,
    *,
    freed: bool,
) -> Searched:
    for eager in (True, False):
        machine = Machine(specification)
        levels = timeline(machine, entries, eager=eager, freed=freed)
        bounded = _Finite(budget, machine) if freed else budget
        outcome = Search(machine, levels, bounded).run()
        # A read may narrow what a specification that chose can be: then it is no mere read.
        if not (eager and machine.chose):
            break
    return Searched(key, entries, machine, levels, outcome, eager, freed)


class _Finite(Budget):
    """A budget that also ends where free operations make endlessly many states."""

    __slots__ = ("_machine", "_whole")

    def __init__(self, whole: Budget, machine: Machine) -> None:
        super().__init__(seconds=None)
        self._whole = whole
        self._machine = machine

    def spend(self, configurations: int) -> None:
        self._whole.spend(configurations)
        if len(self._machine.states) > len(self._machine.calls) + FREED_STATES_MAX:
            raise ShareSpentError("free operations make too many states")


class ShareSpentError(OutOfBudget):
    """A stage spent its share; the whole budget may hold more."""


class Share(Budget):
    """A part of a budget: what it spends, the whole spends."""

    __slots__ = ("_whole",)

    def __init__(self, whole: Budget, configurations: int) -> None:
        super().__init__(seconds=None, configurations=configurations)
        self._whole = whole

    def spend(self, configurations: int) -> None:
        """Count work done, here and in the whole.

        Raises:
            OutOfBudget: a bound of the whole is passed.
            ShareSpentError: this share's is.
        """
        self._whole.spend(configurations)
        try:
            super().spend(configurations)
        except OutOfBudget as spent:
            raise ShareSpentError(str(spent)) from None
