"""A search that is over soon or gives up: most partitions leave little choice.

It is the just-in-time search of `clew.checkers.linearizability.search` with nothing prepared:
states and operations stand for themselves, and a configuration is remembered only where another
choice led to it. An operation costs a fifth of what it costs there, and a choice that turns out
wrong costs more: after too many of them it gives up, and nothing is decided.

Sources: Wing and Gong, "Testing and verifying concurrent objects", JPDC 1993; Lowe, "Testing for
linearizability", 2017, section 4.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Sequence
from operator import itemgetter
from sys import getsizeof
from typing import Any, NamedTuple, TypeAlias

from clew.checkers.linearizability.entries import NEVER, Entry, end
from clew.checkers.linearizability.specification import Specification
from clew.checkers.verdict import Budget

TRIES = 450
TRIES_PENDING = 100
TRIES_EACH = 2
"""What it may take: so much, less if operations are pending, and so much per entry looked at."""

TRIES_AT_ONE = 1_000
"""What it may take where it gets no further."""

STATES_BYTES_MAX = 64 << 20
"""What the states may take that wait to be come back to, as far as a sample tells."""


class QuickResult(NamedTuple):
    """What the search found.

    Attributes:
        configurations: how many were looked at.
        response: the first response that no order explains; None if the partition is linearizable.
    """

    configurations: int
    response: Entry | None


def quick_search(
    specification: Specification, entries: Sequence[Entry], budget: Budget
) -> QuickResult | None:
    """Decide a partition if that takes little; None if nothing is decided.

    Operations that may lead to several states are left to the other search.

    Raises:
        OutOfBudget: it was not decided within the budget.
    """
    try:
        return _QuickSearch(specification, entries, budget).run()
    except _GivenUpError:
        return None


class _GivenUpError(Exception):
    """It takes more than little."""


_Left: TypeAlias = tuple[Any, list[Entry], int, frozenset[int]]
"""A response before which something else could have come first: the state then, what was in flight
without a place (the one that responds first), how many entries were looked at, and which pending
operations had their place, by the index of their entry."""

_Choice: TypeAlias = tuple[Any, Entry, int]
"""The state that an operation leads to, the operation, and its index if it is pending, or -1."""


class _Turn:
    """What is left where the search came back to.

    Attributes:
        left: how it was there.
        choices: what else may come first, the likeliest last.
        is_forced: whether one of them must, as the response did not fit, and none was tried.
    """

    __slots__ = ("choices", "is_forced", "left")

    def __init__(self, left: _Left, choices: list[_Choice], *, is_forced: bool) -> None:
        self.left = left
        self.choices = choices
        self.is_forced = is_forced


class _QuickSearch:
    """One search over a partition; `run` it once."""

    def __init__(
        self, specification: Specification, entries: Sequence[Entry], budget: Budget
    ) -> None:
        # What all methods share. `_turns`: where choices are left, the last the furthest. `_seen`:
        # the configurations that a choice led to. `_furthest`: the last response that a
        # configuration was stuck at. `_spares`: the pending operations looked at so far that may
        # change the state, with their indices. `_tries`: what choices took so far. `_mark`: what
        # all had taken when it last got further.
        self._step = specification.step
        self._asking = _asking(specification)
        self._initial = specification.initial()
        self._entries = entries
        self._budget = budget
        self._turns: list[_Left | _Turn] = []
        self._seen: set[Any] = set()
        self._furthest: Entry | None = None
        self._spares: list[tuple[int, Entry]] = []
        self._tries = 0
        self._responses = 0
        self._mark = 0

    def run(self) -> QuickResult:
        """Decide whether the partition is linearizable.

        Raises:
            _GivenUpError: it takes more than little.
        """
        done = self._descend(self._initial, [], 0, frozenset())
        # Invariant: if some order explains the history, one goes on from a choice that is left at a
        # turn.
        while not done and self._turns:
            turn = self._turns[-1]
            if not isinstance(turn, _Turn):
                turn = self._turns[-1] = self._turn(turn)
            if turn.choices:
                done = self._follow(turn, turn.choices.pop())
            else:
                self._turns.pop()
        self._budget.spend(self._responses % Budget.STEP)
        return QuickResult(self._responses, None if done else self._furthest)

    def _follow(self, turn: _Turn, choice: _Choice) -> bool:
        """Go on from a turn by one of its choices, if nothing else led to the same before."""
        _, in_flight, at, used = turn.left
        state, entry, index = choice
        if index >= 0:
            used = used | {index}
        else:
            in_flight = [each for each in in_flight if each is not entry]
        in_flight = self._unread(in_flight, state)
        reached = (state, at, used, tuple(map(_INVOKED, in_flight)))
        if reached in self._seen:
            return False
        self._seen.add(reached)
        if turn.is_forced:
            turn.is_forced = False
        elif self._is_spent(at):
            raise _GivenUpError
        self._tries += 1 + len(in_flight)
        return self._descend(state, in_flight, at, used)

    def _descend(  # noqa: C901, PLR0912 - the hot loop: calls would double its cost
        self, state: Any, in_flight: list[Entry], at: int, used: frozenset[int]
    ) -> bool:
        """Follow one configuration, each response linearized when it comes; True at the end."""
        entries, step, asking, spares = self._entries, self._step, self._asking, self._spares
        total, turns, responses = len(entries), self._turns, self._responses
        # Invariant: some legal order of all that has responded, and of nothing else that need not
        # be, leads to the state; `in_flight` has the rest of what was looked at, by response.
        while in_flight or at < total:
            first: int = in_flight[0][1] if in_flight else NEVER  # type: ignore[assignment]
            while at < total:
                entry = entries[at]
                invoked, completed, f, argument, result, _ = entry
                if invoked > first:
                    break
                at += 1
                if completed is None:
                    if f not in asking and (not spares or spares[-1][0] < at - 1):
                        spares.append((at - 1, entry))
                # A read that is legal now may stand here: it changes no state and so shuts out
                # nothing.
                elif f in asking and step(state, f, argument, result):
                    continue
                elif completed < first:
                    first = completed
                    in_flight.insert(0, entry)
                elif in_flight[-1][1] < completed:  # type: ignore[operator] # all have responded
                    in_flight.append(entry)
                else:
                    insort(in_flight, entry, key=_COMPLETED)
            if not in_flight:
                break
            responses += 1
            if not responses % Budget.STEP:
                self._spend(state)
            entry = in_flight[0]
            _, _, f, argument, result, _ = entry
            reached = step(state, f, argument, result)
            if spares or len(in_flight) > 1:
                turns.append((state, in_flight.copy(), at, used))
            if not reached:
                self._responses = responses
                if self._furthest is None or first > end(self._furthest):
                    self._furthest, self._mark = entry, self._tries + responses
                return False
            if len(reached) > 1:
                raise _GivenUpError
            after = reached[0]
            del in_flight[0]
            if after != state:
                state = after
                for _, _, f, argument, result, _ in in_flight:
                    if f in asking and step(state, f, argument, result):
                        in_flight = self._unread(in_flight, state)
                        break
        self._responses = responses
        return True

    def _unread(self, in_flight: Sequence[Entry], state: Any) -> list[Entry]:
        """Return what is in flight without the reads that are legal in the state."""
        asking, step = self._asking, self._step
        return [
            each
            for each in in_flight
            if not (each[2] in asking and step(state, each[2], each[3], each[4]))
        ]

    def _turn(self, left: _Left) -> _Turn:
        """Find what else may come before a response."""
        step = self._step
        state, in_flight, _, _ = left
        _, _, f, argument, result, _ = in_flight[0]
        is_forced = not step(state, f, argument, result)
        found: list[_Choice] = []
        likely: list[_Choice] = []
        for entry, index in self._others(left):
            reached = step(state, entry[2], entry[3], entry[4])
            if not reached:
                continue
            if len(reached) > 1:
                raise _GivenUpError
            after = reached[0]
            # A pending operation that changes nothing may as well never happen.
            if index < 0 or after != state:
                fits = is_forced and step(after, f, argument, result)
                (likely if fits else found).append((after, entry, index))
        self._tries += len(found) + len(likely)
        return _Turn(left, found + likely, is_forced=is_forced)

    def _others(self, left: _Left) -> list[tuple[Entry, int]]:
        """List what may change the state, the last first; of equal operations the first will do."""
        _, in_flight, at, used = left
        asking = self._asking
        others = [(each, -1) for each in in_flight[1:] if each[2] not in asking]
        others += [
            (each, index) for index, each in self._spares if index < at and index not in used
        ]
        if len(others) > 1:
            return list({entry[2:5]: (entry, index) for entry, index in reversed(others)}.values())
        return others

    def _is_spent(self, at: int) -> bool:
        """Return whether it took more than little."""
        taken = self._tries + self._responses
        most = (TRIES_PENDING if self._spares else TRIES) + TRIES_EACH * at
        return taken > most or taken - self._mark > TRIES_AT_ONE

    def _spend(self, state: Any) -> None:
        self._budget.spend(Budget.STEP)
        if getsizeof(state) * len(self._turns) > STATES_BYTES_MAX:
            raise _GivenUpError


def _asking(specification: Specification) -> frozenset[str]:
    """Return the functions known never to change a state."""
    if type(specification).is_readonly is not Specification.is_readonly:
        return frozenset()
    return frozenset(specification.asking)


_INVOKED, _COMPLETED = itemgetter(0), itemgetter(1)
