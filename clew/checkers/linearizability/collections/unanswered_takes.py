"""Takes that were never answered, where values are unique: which values may they have taken?

Only a value that no answered operation took. One that a take got which was invoked at ``p`` is like
one taken from ``p`` to the end of time, and one that nobody took like one taken at the end of time:
whatever order explains the history goes on with takes of all that is left. So the engines for
unique values apply once it is chosen from where on each such value may be taken, and the sooner the
better: every order that was possible stays so.

So the values begin at the end of time. If an engine finds operations that no order explains, one
of the values among them must be taken sooner than was chosen: each in turn, at the latest take with
which these operations alone can be explained, the other values among them being taken as soon as
any. There must be a take for each value: of those that are to be taken by one of the first m takes
there may be m at most. This finds an order if there is one, and else that there is none.

A value that was put in by an operation without an answer and never taken out is as if it never was:
an order stays one without its put and its take.

Source: our own. The order of trials is that of Harvey and Ginsberg, "Limited discrepancy search",
IJCAI 1995.
"""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heappop, heappush
from operator import itemgetter
from typing import Any, TypeAlias

from clew.checkers.linearizability.collections.passages import Faults, Traffic
from clew.checkers.linearizability.entries import NEVER, Entry, in_order
from clew.checkers.linearizability.stages import Share, ShareSpentError
from clew.checkers.verdict import Budget

STEPS_MAX = 1_500_000
"""After these the search of any specification has its turn."""

STEPS_EACH = 1
"""What an engine takes for each value, about."""


def broken_traffic(
    found: Traffic, faults: Faults, budget: Budget | None = None
) -> tuple[Entry, ...] | None:
    """Find entries that no order explains; empty if one does, None if the share is spent.

    Raises:
        OutOfBudget: the whole budget is spent.
    """
    whole = budget or Budget(steps=None)
    broken = found.unfounded or next(faults(found), ())
    if not broken or not found.pending or found.unfounded:
        return broken
    return _Choice(found, faults, Share(whole, STEPS_MAX)).broken()


Levels: TypeAlias = dict[Any, int]
"""For each open value the rank of the take from which on it may be taken; their number for none."""


class _Choice:
    """Which of the open values are taken by which of the pending takes."""

    def __init__(self, found: Traffic, faults: Faults, budget: Share) -> None:
        self._found = found
        self._faults = faults
        self._budget = budget
        self._takes = sorted(found.pending)
        # One more take than there are: the end of time.
        self._begins = [*(each.invoked for each in self._takes), NEVER]
        self._never = len(self._takes)
        self._open = [each.value for each in found.passages if each.taken == NEVER]

    def broken(self) -> tuple[Entry, ...] | None:
        """Find the entries that no choice explains; empty if one does, None if that stays open."""
        try:
            soonest = self._judge(self._found, dict.fromkeys(self._open, 0))
            return self._with_takes(soonest) if soonest else self._search()
        except ShareSpentError:
            return None

    def _search(self) -> tuple[Entry, ...]:
        blamed: dict[int, Entry] = {}
        first = (self._never,) * len(self._open)
        # How often another than the likeliest way was taken, and how many came before: if the
        # likeliest ways lead nowhere, few of them were wrong (limited discrepancy search).
        waiting = [(0, 0, first)]
        seen = {first}
        while waiting:
            strayed, _, levels = heappop(waiting)
            chosen = dict(zip(self._open, levels, strict=True))
            broken = self._judge(self._found, chosen)
            if not broken:
                return ()
            blamed.update((each.number, each) for each in broken)
            # Invariant: a choice that explains the history is below one of those that wait.
            lowered = [each for each in self._lowered(chosen, broken) if self._is_enough(each)]
            for rank, lower in enumerate(lowered):
                if lower not in seen:
                    seen.add(lower)
                    heappush(waiting, (strayed + rank, -len(seen), lower))
        return in_order([*blamed.values(), *self._takes])

    def _lowered(self, chosen: Levels, broken: Sequence[Entry]) -> list[tuple[int, ...]]:
        """List the choices with one value sooner, which the broken entries need; likeliest first.

        A value that needs to be taken but little sooner is likelier than one that needs much.
        """
        part = self._part(broken)
        values = [each.value for each in part.passages if each.value in chosen]
        soonest = {**chosen, **dict.fromkeys(values, 0)}
        ways = []
        # Of the other values all are taken as soon as can be, so a lower bound for this one alone
        # holds whatever is chosen for them.
        for value in values:
            low, high = 0, chosen[value]
            # Invariant: with the value at low the entries can be explained, with it at high not.
            while high - low > 1:
                middle = (low + high) // 2
                if self._judge(part, {**soonest, value: middle}):
                    high = middle
                else:
                    low = middle
            if high:
                ways.append((chosen[value] - low, value, low))
        ways.sort(key=itemgetter(0))
        return [tuple(({**chosen, value: low}).values()) for _, value, low in ways]

    def _part(self, broken: Sequence[Entry]) -> Traffic:
        """Return what these entries alone show."""
        numbers = {each.number for each in broken}
        return self._found._replace(
            passages=[each for each in self._found.passages if each.entries[0].number in numbers],
            empties=[each for each in self._found.empties if each.number in numbers],
        )

    def _judge(self, part: Traffic, chosen: Levels) -> tuple[Entry, ...]:
        self._budget.spend(STEPS_EACH * (1 + len(part.passages)))
        begins = self._begins
        passages = [
            each if each.taken != NEVER else each._replace(taken=begins[chosen[each.value]])
            for each in part.passages
        ]
        return next(self._faults(part._replace(passages=passages)), ())

    def _is_enough(self, levels: Sequence[int]) -> bool:
        """Return whether each value has a take (Hall's condition; the choices are nested)."""
        # In order of their levels: takes 0 to r serve the values of ranks 0 to r, so each needs a
        # level of at least its rank.
        ranked = enumerate(sorted(level for level in levels if level != self._never))
        return all(level >= rank for rank, level in ranked)

    def _with_takes(self, broken: Sequence[Entry]) -> tuple[Entry, ...]:
        """Add to the entries as many pending takes as there are values that one may have taken."""
        numbers = {each.number for each in broken}
        values = sum(
            each.taken == NEVER and each.entries[0].number in numbers
            for each in self._found.passages
        )
        return in_order([*broken, *self._takes[:values]])
