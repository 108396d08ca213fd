"""Whether a serial order of transactions over registers is easily found.

Transactions are run one by one against a store. One may run when everything that ended before it
began has run, the store shows what it read, and nobody who has still to run needs what it
overwrites; those that ended first are tried first. If none may, the last step is taken back and
another tried, until too many steps were taken back: that decides nothing.

Source: Wing and Gong, "Testing and verifying concurrent objects", JPDC 1993.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from clew.checkers.transactions.graph import DependencyGraph
from clew.checkers.transactions.version_orders.register_key import ABSENT, INITIAL, RegisterKey
from clew.checkers.verdict import Budget


class _Touch(NamedTuple):
    """One transaction on one key: the version it read, or None; whether it writes."""

    key: int
    read: int | None
    writes: bool


def replay(
    graph: DependencyGraph, records: Sequence[RegisterKey], committed: bytearray, budget: Budget
) -> bool:
    """Return True if a serial order in real time explains every read; False decides nothing.

    O(n log n + n * concurrency), steps taken back included.
    """
    touches: list[list[_Touch]] = [[] for _ in graph.operations]
    needed: list[dict[int, int]] = []
    # `needed` has for each key how many readers of a version have still to run: it must not be
    # overwritten before.
    for index, record in enumerate(records):
        needed.append({version: len(readers) for version, readers in record.readers.items()})
        for number, read, wrote in record.touches:
            version = None if read is ABSENT else record.version(read)
            touches[number].append(_Touch(index, version, wrote is not ABSENT))
    return _Runner(graph, touches, needed).run(committed, budget)


class _Runner:
    """The store, and who has still to run."""

    def __init__(
        self, graph: DependencyGraph, touches: list[list[_Touch]], needed: list[dict[int, int]]
    ) -> None:
        self.graph = graph
        self.touches = touches
        self.needed = needed
        self.current = [INITIAL] * len(needed)
        # Who has run and what the store shows, mixed into one number. Two states that share it
        # are taken for one, which may lose a witness and can't make a false one.
        self.state = 0

    def run(self, committed: bytearray, budget: Budget) -> bool:
        graph = self.graph
        invoked = [number for number, sure in enumerate(committed) if sure]
        by_end = sorted(invoked, key=graph.completed.__getitem__)
        rank = {number: place for place, number in enumerate(by_end)}
        done = bytearray(len(committed))
        order: list[int] = []
        steps: list[_Step] = []
        step = _Step(0, 0, [])
        fresh = True
        taken_back = 0
        seen: set[int] = set()
        # Invariant: `order` is a serial order of what is done that goes with real time, in which
        # each read sees the last write; `steps` has for each step what else could have been run
        # there and was not tried.
        while len(order) < len(by_end):
            if fresh:
                if len(seen) % Budget.STEP == 0:
                    budget.spend(Budget.STEP)
                step = self._options(step.first, step.gate, step.waiting, by_end, invoked, done)
                step.waiting.sort(key=rank.__getitem__)
                # The same transactions ran and the store shows the same: what failed from here will
                # fail again.
                if self.state not in seen:
                    seen.add(self.state)
                    step.options = self._choices(step.waiting)
            # All that could be run here was tried: the step before was wrong (Wing and Gong).
            if not step.options:
                if not steps or taken_back > _TAKEN_BACK_PER_STEP * len(by_end):
                    return False
                taken_back += 1
                step = steps.pop()
                done[order[-1]] = 0
                self._take_back(order.pop(), step.overwritten)
                fresh = False
                continue
            number = step.options.pop()
            step.overwritten = self._apply(number)
            done[number] = 1
            order.append(number)
            steps.append(step)
            waiting = [n for n in step.waiting if n != number]
            step = _Step(step.first, step.gate, waiting)
            fresh = True
        return True

    def _options(
        self,
        first: int,
        gate: int,
        waiting: list[int],
        by_end: list[int],
        invoked: list[int],
        done: bytearray,
    ) -> _Step:
        """Let in what was invoked before the first of those still to run ended."""
        # Whoever is invoked after the first of these ended must run after it (real time).
        while done[by_end[first]]:
            first += 1
        limit = self.graph.completed[by_end[first]]
        # Both pointers only move forward along one branch, and a step keeps its own, so that taking
        # it back restores them.
        while gate < len(invoked) and self.graph.invoked[invoked[gate]] < limit:
            waiting.append(invoked[gate])
            gate += 1
        return _Step(first, gate, waiting)

    def _choices(self, waiting: list[int]) -> list[int]:
        """Find what may run, the best last; a reader alone, since running it costs nothing."""
        found = []
        # A reader that may run changes nothing but frees others: if some order exists from here,
        # one exists that runs it now.
        for number in waiting:
            if self._may_run(number):
                if not any(touch.writes for touch in self.touches[number]):
                    return [number]
                found.append(number)
        return found[::-1]

    def _may_run(self, number: int) -> bool:
        for key, read, writes in self.touches[number]:
            current = self.current[key]
            if read is not None and read != current:
                return False
            # Nobody else may still need the version that this overwrites; its own read of it
            # doesn't count.
            if writes and self.needed[key].get(current, 0) > (read == current):
                return False
        return True

    def _apply(self, number: int) -> list[int]:
        """Run a transaction; the versions that it overwrote, in the order of its writes."""
        overwritten = []
        # Invariant: `state` is the xor of who has run and what each key shows, so a step changes
        # only its own parts, and the same xor takes it back.
        self.state ^= _mixed(number, 0)
        for key, read, writes in self.touches[number]:
            if read is not None and read in self.needed[key]:
                self.needed[key][read] -= 1
            if writes:
                overwritten.append(self.current[key])
                self.state ^= _mixed(self.current[key], key + 1) ^ _mixed(number, key + 1)
                self.current[key] = number
        return overwritten

    def _take_back(self, number: int, overwritten: list[int]) -> None:
        versions = iter(overwritten)
        self.state ^= _mixed(number, 0)
        for key, read, writes in self.touches[number]:
            if read is not None and read in self.needed[key]:
                self.needed[key][read] += 1
            if writes:
                self.current[key] = next(versions)
                self.state ^= _mixed(self.current[key], key + 1) ^ _mixed(number, key + 1)


class _Step:
    """The state before a step, and what else could be run there.

    Attributes:
        first: everything before this place, by end, has run.
        gate: everything before this place, by invocation, was let in.
        waiting: what was let in and has not run, by end.
        options: what may run and was not tried, the best last.
        overwritten: what the transaction that was run overwrote.
    """

    __slots__ = ("first", "gate", "options", "overwritten", "waiting")

    def __init__(self, first: int, gate: int, waiting: list[int]) -> None:
        self.first = first
        self.gate = gate
        self.waiting = waiting
        self.options: list[int] = []
        self.overwritten: list[int] = []


_TAKEN_BACK_PER_STEP = 8


def _mixed(number: int, key: int) -> int:
    """Mix two numbers into 64 bits; multipliers from Steele and Vigna, 2021."""
    bits = ((number + 2) * 0xD1342543DE82EF95 + key * 0xAF251AF3B0F025B5) & _WORD
    bits ^= bits >> 32
    return bits * 0xF1357AEA2E62A9C5 & _WORD


_WORD = (1 << 64) - 1
