"""Windowed just-in-time search: any specification, linear in the history at fixed concurrency.

A configuration is the next response to explain, the state, which operations in flight are
linearized, and which pending ones are. An operation is linearized only when a response forces
it, except that one which cannot change any state is linearized as soon as it is legal. Pending
operations are optional; of equal ones the one invoked first is tried, and one that would leave
the state as it is is not. A configuration that differs from one seen only by having used more
pending operations can do nothing that the one seen could not, and is dropped (dominance).

Sources: Wing and Gong, "Testing and verifying concurrent objects", JPDC 1993; Lowe, "Testing
for linearizability", 2017; Horn and Kroening, FORTE 2015.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any, NamedTuple, TypeAlias

from clew.checkers.linearizability.machine import ILLEGAL, Machine
from clew.checkers.linearizability.timeline import Timeline
from clew.checkers.verdict import Budget, OutOfBudget

Trail: TypeAlias = Any
"""The indices of the entries linearized so far, as linked pairs, the last one first."""

Configuration: TypeAlias = tuple[int, int, int, Trail]
"""State, window of linearized operations, pending operations used, and how it was reached."""


COMPARISONS_COUNTED_AS_ONE = 32


class Outcome(NamedTuple):
    """What a search found.

    Attributes:
        linearizable: the answer.
        configurations: how many were looked at.
        order: indices of entries in the order found; where the answer is no, of the longest
            prefix that can be explained.
        level: the first response that no configuration explains; the number of levels else.
        stuck: the configurations (state, window, pending used) that reached that response.
    """

    linearizable: bool
    configurations: int
    order: list[int]
    level: int
    stuck: list[tuple[int, int, int]]


class Search:
    """One search over a partition; `run` it once.

    Args:
        machine: the specification's machine, shared with the timeline.
        timeline: the partition.
        budget: what may be spent.
    """

    def __init__(self, machine: Machine, timeline: Timeline, budget: Budget) -> None:
        self._step = machine.step
        self._levels, self._spares, self._width = timeline
        self._budget = budget
        self._visited: dict[int, Any] = {}
        self._frames: list[_Frame] = []
        self._furthest = -1
        self._furthest_trail: Trail = None
        self._trail: Trail = None
        self._count = 0
        self._limit = Budget.STEP

    def run(self) -> Outcome:
        """Whether the partition is linearizable.

        Raises:
            OutOfBudget: it was not decided within the budget.
        """
        frames = self._frames
        done = self._descend(0, 0, 0, 0, None)
        while not done and frames:
            frame = frames[-1]
            if frame.ready:
                done = self._descend(frame.level + 1, *frame.ready.pop())
            elif frame.following < len(frame.waiting):
                self._expand(frame)
            else:
                frames.pop()
        with suppress(OutOfBudget):  # what is decided is decided
            self._budget.spend(self._count - self._limit + Budget.STEP)
        if done:
            return Outcome(
                linearizable=True,
                configurations=self._count,
                order=_order(self._trail),
                level=len(self._levels),
                stuck=[],
            )
        return Outcome(
            linearizable=False,
            configurations=self._count,
            order=_order(self._furthest_trail),
            level=self._furthest,
            stuck=self._stuck(),
        )

    def _descend(  # noqa: C901, PLR0912 - the hot loop: calls would double its cost
        self, level: int, state: int, window: int, used: int, trail: Trail
    ) -> bool:
        """Follow one configuration, each response linearized when it comes; True at the end.

        Where there are other choices at a response, a frame is left behind to come back to.
        """
        levels, visited, width = self._levels, self._visited, self._width
        base = len(levels)
        while level < base:
            slot, fresh, reads, updates, spares = levels[level]
            for _, bit, steps, call, index in fresh:
                after = steps.get(state)
                if after is None:
                    after = self._step(call, state)
                if after == state:
                    window |= bit
                    trail = (trail, index)
            _, bit, steps, call, index = slot
            if window & bit:
                window ^= bit
                level += 1
                continue
            key = ((state * base + level) << width) | window
            seen = visited.get(key)
            if seen is None:
                visited[key] = used
            elif self._dominated(key, seen, used):
                return False
            self._count += 1
            if self._count >= self._limit:
                self._spend()
            if spares or updates:
                self._frames.append(_Frame(level, (state, window, used, trail)))
            after = steps.get(state)
            if after is None:
                after = self._step(call, state)
            if level > self._furthest:
                self._furthest, self._furthest_trail = level, trail
            if after == ILLEGAL:
                return False
            trail = (trail, index)
            if after != state:
                state = after
                for _, bit, steps, call, index in reads:
                    if not window & bit:
                        after = steps.get(state)
                        if after is None:
                            after = self._step(call, state)
                        if after == state:
                            window |= bit
                            trail = (trail, index)
            level += 1
        self._trail = trail
        return True

    def _expand(self, frame: _Frame) -> None:
        """Linearize one more operation before the response, in every way."""
        state, window, used, trail = frame.waiting[frame.following]
        frame.following += 1
        level = self._levels[frame.level]
        tried: set[int] = set()
        for _, bit, steps, call, index in level.updates:
            if window & bit or call in tried:
                continue
            tried.add(call)
            after = steps.get(state)
            if after is None:
                after = self._step(call, state)
            if after != ILLEGAL:
                self._reach(frame, after, window | bit, used, (trail, index))
        for bit, before, steps, call, index in self._spares[: level.spares]:
            if used & bit or (before and not used & before):
                continue
            after = steps.get(state)
            if after is None:
                after = self._step(call, state)
            if after not in (ILLEGAL, state):
                self._reach(frame, after, window, used | bit, (trail, index))
        frame.ready.reverse()

    def _reach(self, frame: _Frame, state: int, window: int, used: int, trail: Trail) -> None:
        """Note a configuration that was reached before the response of the frame's level."""
        level = self._levels[frame.level]
        _, bit, _, call, index = level.slot
        window, trail = self._read(frame.level, state, window, trail)
        if window & bit:
            frame.ready.append((state, window ^ bit, used, trail))
            return
        key = ((state * len(self._levels) + frame.level) << self._width) | window
        seen = self._visited.get(key)
        if seen is None:
            self._visited[key] = used
        elif self._dominated(key, seen, used):
            return
        self._count += 1
        if self._count >= self._limit:
            self._spend()
        frame.waiting.append((state, window, used, trail))
        after = level.slot[2].get(state)
        if after is None:
            after = self._step(call, state)
        if after != ILLEGAL:
            window, trail = self._read(frame.level, after, window, (trail, index))
            frame.ready.append((after, window, used, trail))

    def _read(self, level: int, state: int, window: int, trail: Trail) -> tuple[int, Trail]:
        """Linearize the reads in flight that are legal in the state."""
        for _, bit, steps, call, index in self._levels[level].reads:
            if not window & bit:
                after = steps.get(state)
                if after is None:
                    after = self._step(call, state)
                if after == state:
                    window |= bit
                    trail = (trail, index)
        return window, trail

    def _dominated(self, key: int, seen: Any, used: int) -> bool:
        """Whether a configuration seen has used no other pending operations than this one."""
        if type(seen) is int:
            seen = (seen,)
        # Each comparison is a small part of a configuration's work, and many are much of it.
        self._count += len(seen) // COMPARISONS_COUNTED_AS_ONE
        if self._count >= self._limit:
            self._spend()
        for each in seen:
            if each & used == each:
                return True
        kept = tuple([each for each in seen if each & used != used])
        self._visited[key] = (*kept, used) if kept else used
        return False

    def _spend(self) -> None:
        spent = self._count - self._limit + Budget.STEP
        self._limit = self._count + Budget.STEP
        self._budget.spend(spent)

    def _stuck(self) -> list[tuple[int, int, int]]:
        """The configurations that reached the furthest response, in the order they did."""
        base, width = len(self._levels), self._width
        found = []
        for key, seen in self._visited.items():
            state, level = divmod(key >> width, base)
            if level == self._furthest:
                window = key & ((1 << width) - 1)
                every = seen if type(seen) is tuple else (seen,)
                found += [(state, window, used) for used in every]
        return found


class _Frame:
    """The choices left at a response.

    Attributes:
        level: the response.
        waiting: configurations that reached it, those that linearized least first.
        following: how many of them were expanded.
        ready: configurations past the response that are to be followed, the next one last.
    """

    __slots__ = ("following", "level", "ready", "waiting")

    def __init__(self, level: int, first: Configuration) -> None:
        self.level = level
        self.waiting = [first]
        self.following = 0
        self.ready: list[Configuration] = []


def _order(trail: Trail) -> list[int]:
    order = []
    while trail is not None:
        trail, index = trail
        order.append(index)
    order.reverse()
    return order
