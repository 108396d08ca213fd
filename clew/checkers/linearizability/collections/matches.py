"""Stacks and priority queues whose values repeat: which put did a take get? A witness is sought.

Once it is chosen which put each take gets, the values are as good as unique, and `stacks` or
`priority_queues` decide in O(n log n). At first each pop gets the last push of its value, which is
what a stack does but for what overlaps, and each removal the insert of its value that responded
first, those aside that a removal without an answer must have taken. If that leaves faults, two
values that are alike change their takes, one of them in such a fault, if that leaves fewer of
these, and now and then if it leaves as many.

What is found proves that the history is linearizable, however it was found. If nothing is found,
nothing is decided.

Source: our own; the search is that of Minton et al., "Minimizing conflicts", Artificial
Intelligence 1992.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from clew.checkers.linearizability.collections.kinds import KINDS, Kind
from clew.checkers.linearizability.collections.passages import Passage, Traffic
from clew.checkers.linearizability.collections.unanswered_takes import broken_traffic
from clew.checkers.linearizability.entries import NEVER, Entry, end
from clew.checkers.linearizability.specification import Specification
from clew.checkers.linearizability.stages import Share, ShareSpentError
from clew.checkers.verdict import Budget

STEPS_MAX = 1_500_000
"""After these the search of any specification has its turn."""

STEPS_EACH = 2
"""What it takes to find the faults of a matching, for each value, about."""

TRIALS = 20
TRIALS_EACH = 12
"""How many exchanges are tried at most, the second for each value."""

PARTNERS_MAX = 8
"""With how many values, the nearest first, one may change its take."""

EQUAL_ONE_IN = 5
"""Of the exchanges that change nothing one in this number may be made."""


def matched(specification: Specification, entries: Sequence[Entry], budget: Budget) -> bool:
    """Return whether a matching was found that explains the history; False decides nothing.

    Raises:
        OutOfBudget: the whole budget is spent.
    """
    kind = KINDS.get(type(specification))
    if kind is None or not kind.is_matched:
        return False
    first = _first_matching(kind, entries)
    if first is None:
        return False
    with suppress(ShareSpentError):
        return _Matching(kind, entries, first, Share(budget, STEPS_MAX)).explains()
    return False


def _first_matching(kind: Kind, entries: Sequence[Entry]) -> dict[int, Entry] | None:
    """Find a take for each put whose value is taken; None if there are too few puts."""
    moments = [(each.invoked, each) for each in entries]
    moments += [(end(each), each) for each in entries if each.f not in kind.puts]
    left: dict[Any, list[Entry]] = {}
    flying: Counter[Any] = Counter()
    found: dict[int, Entry] = {}
    helpers = 0
    # Invariant: `left` has per value the puts invoked by now that no take over by now has got,
    # `flying` how many answered takes of it are under way.
    for moment, each in sorted(moments):
        if each.f in kind.puts:
            if each.argument is None or each.argument != each.argument:  # NaN
                return None
            left.setdefault(each.argument, []).append(each)
        elif each.completed is None:
            helpers += moment == each.invoked
        elif moment == each.invoked:
            flying[each.result] += 1
        elif each.result is not None:
            flying[each.result] -= 1
            if not kind.takes_last and helpers:
                helpers -= _drop_smaller(left, flying, each, helpers)
            some = left.get(each.result)
            if not some:
                return None
            put = max(some, key=_answered) if kind.takes_last else min(some, key=end)
            some.remove(put)
            found[put.number] = each
    return found


def _answered(put: Entry) -> tuple[bool, int]:
    """Return the key that sorts answered ones first, and then the last that was invoked."""
    return put.completed is not None, put.invoked


def _drop_smaller(
    left: Mapping[Any, list[Entry]], flying: Mapping[Any, int], take: Entry, most: int
) -> int:
    """Leave out smaller values that were surely there, and that no answered removal can take."""
    dropped = 0
    # A smaller value that was surely there must be gone before this take, and answered takes in
    # flight can take `flying` copies of it: the rest went to takes without an answer.
    for value, puts in left.items():
        if value < take.result:
            there = sorted((each for each in puts if end(each) < take.invoked), key=end)
            count = min(len(there) - flying[value], most - dropped)
            for each in there[: max(0, count)]:
                puts.remove(each)
                dropped += 1
    return dropped


class _Matching:
    """The values, each named by the number of its put, and for those that are taken their takes."""

    def __init__(
        self, kind: Kind, entries: Sequence[Entry], takes: dict[int, Entry], budget: Share
    ) -> None:
        self._kind = kind
        puts = [each for each in entries if each.f in kind.puts]
        asked = [each for each in entries if each.f not in kind.puts]
        self._empties = [each for each in asked if each.completed and each.result is None]
        self._pending = [each for each in asked if each.completed is None]
        # What all methods share: `_passages` is the matching as it stands, by the number of the
        # put; `_alike` the puts of each value, which may exchange their takes; `_tried` counts the
        # exchanges tried.
        self._passages = {each.number: _passage(each, takes.get(each.number)) for each in puts}
        self._alike: dict[Any, list[int]] = {}
        for each in puts:
            self._alike.setdefault(each.argument, []).append(each.number)
        self._budget = budget
        self._tried = 0

    def explains(self) -> bool:
        """Return whether a matching is found that leaves no fault."""
        chains = self._faults()
        # Invariant: `chains` are the faults of the matching as it stands, and never more than
        # before.
        while chains and self._tried < TRIALS + TRIALS_EACH * len(self._passages):
            better = self._better(chains)
            if better is None:
                return False
            # Each fault has its turn.
            turn = self._tried % max(1, len(better))
            chains = better[turn:] + better[:turn]
        return not chains and broken_traffic(self._traffic(), self._kind.faults, self._budget) == ()

    def _better(self, chains: list[tuple[Entry, ...]]) -> list[tuple[Entry, ...]] | None:
        """Find the faults after an exchange that leaves fewer, or as many; None if none does."""
        level: tuple[tuple[Passage, Passage], list[tuple[Entry, ...]]] | None = None
        # Invariant: at each turn the matching is as it was; what is tried is taken back.
        for chain in chains:
            for number in [each.number for each in chain if each.number in self._passages]:
                for other in self._partners(number):
                    before = self._passages[number], self._passages[other]
                    self._exchange(number, other)
                    found = self._faults()
                    if len(found) < len(chains):
                        return found
                    self._tried += 1
                    if len(found) == len(chains) and (level is None or self._is_turn()):
                        level = (self._passages[number], self._passages[other]), found
                    self._passages[number], self._passages[other] = before
        if level is None:
            return None
        for each in level[0]:
            self._passages[each.value] = each
        return level[1]

    def _is_turn(self) -> bool:
        """Return True now and then: always the first may lead back where the search came from."""
        return (self._tried * 0x9E3779B1 >> 16 & 0xFFFF) % EQUAL_ONE_IN == 0

    def _partners(self, number: int) -> Iterator[int]:
        """Find values alike that may have each other's take, the nearest first."""
        one = self._passages[number]
        found = []
        # Each put must have been invoked before the other's take responded.
        for other in self._alike[one.entries[0].argument]:
            two = self._passages[other]
            fits = one.put < two.taken_done and two.put < one.taken_done
            if other != number and fits and one.taken != two.taken:
                found.append((min(abs(one.put - two.put), abs(one.taken - two.taken)), other))
        return (other for _, other in sorted(found)[:PARTNERS_MAX])

    def _exchange(self, number: int, other: int) -> None:
        for each, passage in (
            (number, self._passages[other]),
            (other, self._passages[number]),
        ):
            take = passage.entries[1] if len(passage.entries) > 1 else None
            self._passages[each] = _passage(self._passages[each].entries[0], take)

    def _traffic(self) -> Traffic:
        """Return the values that were surely put in."""
        passages = [
            each
            for each in self._passages.values()
            if each.put_done != NEVER or each.taken != NEVER
        ]
        return Traffic(passages, self._empties, (), self._pending)

    def _faults(self) -> list[tuple[Entry, ...]]:
        found = self._traffic()
        self._budget.spend(STEPS_EACH * (1 + len(found.passages)))
        if self._pending:
            # As if each value that is left may have been taken by the first unanswered take.
            soonest = self._pending[0].invoked
            found.passages[:] = [
                each._replace(taken=soonest) if each.taken == NEVER else each
                for each in found.passages
            ]
        return list(self._kind.faults(found))


def _passage(put: Entry, take: Entry | None) -> Passage:
    if take is None:
        return Passage(put.invoked, end(put), NEVER, NEVER, put.number, (put,))
    return Passage(put.invoked, end(put), take.invoked, end(take), put.number, (put, take))
