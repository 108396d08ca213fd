"""Stacks whose values repeat: which push did a pop take? A witness is looked for.

Once it is said which push each pop takes, the values are as good as unique, and `stacks` decides in
O(n log n). At first each pop takes the last push of its value, which is what a stack does but for
what overlaps. Where that leaves segments without a bottom value, two values that are alike change
their pops, one of them in such a segment, if that leaves fewer of these, and now and then if it
leaves as many.

What is found proves that the history is linearizable, however it was found. Where nothing is found,
nothing is said.

Source: our own; the search is that of Minton et al., "Minimizing conflicts", Artificial
Intelligence 1992.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

from clew.checkers.linearizability.entries import NEVER, Entry
from clew.checkers.linearizability.passages import Passage, Traffic, end
from clew.checkers.linearizability.specification import Specification
from clew.checkers.linearizability.specifications.collections import Stack
from clew.checkers.linearizability.stacks import disorderly, faults
from clew.checkers.linearizability.stages import Share, ShareSpentError
from clew.checkers.linearizability.unanswered import broken_traffic
from clew.checkers.verdict import Budget

STEPS_MAX = 2_500_000
"""After these the search of any specification has its turn."""

STEPS_EACH = 8
"""What it takes to find the faults of a matching, for each value, about."""

PARTNERS_MAX = 8
"""With how many values, the nearest first, one may change its pop."""

EQUAL_ONE_IN = 5
"""One in so many exchanges that change nothing may be made."""


def matched(specification: Specification, entries: Sequence[Entry], budget: Budget) -> bool:
    """Whether a matching was found that explains a stack; False says nothing.

    Args:
        specification: the specification.
        entries: one partition, in order of invocation.
        budget: what may be spent.

    Raises:
        OutOfBudget: the whole budget is spent.
    """
    if type(specification) is not Stack:
        return False
    first = _first_matching(entries)
    if first is None:
        return False
    with suppress(ShareSpentError):
        return _Matching(entries, first, Share(budget, STEPS_MAX)).explains()
    return False


def _first_matching(entries: Sequence[Entry]) -> dict[int, Entry] | None:
    """For each push that is popped its pop: the last that was invoked, answered ones first."""
    moments = [(each.invoked if each.f == "push" else end(each), each) for each in entries]
    left: dict[Any, tuple[list[Entry], list[Entry]]] = {}
    found: dict[int, Entry] = {}
    for _, each in sorted(moments):
        if each.f == "push":
            if each.argument is None or each.argument != each.argument:  # NaN
                return None
            left.setdefault(each.argument, ([], []))[each.completed is None].append(each)
        elif each.completed is not None and each.result is not None:
            answered, pending = left.get(each.result, ([], []))
            if not answered and not pending:
                return None
            found[(answered or pending).pop().number] = each
    return found


class _Matching:
    """The values, told apart by the number of their push, and their pops.

    Args:
        entries: one partition.
        pops: for each push that is popped its pop.
        budget: what may be spent.
    """

    def __init__(self, entries: Sequence[Entry], pops: dict[int, Entry], budget: Share) -> None:
        pushes = [each for each in entries if each.f == "push"]
        asked = [each for each in entries if each.f != "push"]
        self._empties = [each for each in asked if each.completed and each.result is None]
        self._pending = [each for each in asked if each.completed is None]
        self._passages = {each.number: _passage(each, pops.get(each.number)) for each in pushes}
        self._alike: dict[Any, list[int]] = {}
        for each in pushes:
            self._alike.setdefault(each.argument, []).append(each.number)
        self._budget = budget
        self._tried = 0

    def explains(self) -> bool:
        """Whether a matching is found that leaves no fault."""
        chains = self._faults()
        while chains:
            better = self._better(chains)
            if better is None:
                return False
            # Each fault has its turn.
            turn = self._tried % max(1, len(better))
            chains = better[turn:] + better[:turn]
        return broken_traffic(self._traffic(), disorderly, self._budget) == ()

    def _better(self, chains: list[list[Passage]]) -> list[list[Passage]] | None:
        """The faults after an exchange that leaves fewer, or as many; None where there is none."""
        level: tuple[tuple[Passage, Passage], list[list[Passage]]] | None = None
        for chain in chains:
            for number in [each.value for each in chain]:
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
        """True now and then: always the first may lead back to where the search came from."""
        return (self._tried * 0x9E3779B1 >> 16 & 0xFFFF) % EQUAL_ONE_IN == 0

    def _partners(self, number: int) -> Iterator[int]:
        """Values alike that may have each other's pop, the nearest first."""
        one = self._passages[number]
        found = []
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
            pop = passage.entries[1] if len(passage.entries) > 1 else None
            self._passages[each] = _passage(self._passages[each].entries[0], pop)

    def _traffic(self) -> Traffic:
        """The values that were surely pushed."""
        passages = [
            each
            for each in self._passages.values()
            if each.put_done != NEVER or each.taken != NEVER
        ]
        return Traffic(passages, self._empties, (), self._pending)

    def _faults(self) -> list[list[Passage]]:
        found = self._traffic()
        self._budget.spend(STEPS_EACH * (1 + len(found.passages)))
        if self._pending:
            # As if each value that is left may have been taken by the first unanswered pop.
            soonest = self._pending[0].invoked
            found.passages[:] = [
                each._replace(taken=soonest) if each.taken == NEVER else each
                for each in found.passages
            ]
        return faults(found)


def _passage(push: Entry, pop: Entry | None) -> Passage:
    if pop is None:
        return Passage(push.invoked, end(push), NEVER, NEVER, push.number, (push,))
    return Passage(push.invoked, end(push), pop.invoked, end(pop), push.number, (push, pop))
