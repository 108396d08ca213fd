"""Windowed just-in-time search: any specification, linear in the history at fixed concurrency.

A configuration is the next response to explain, the state, which operations in flight are
linearized, and which pending ones are. An operation is linearized only when a response forces
it, except that one which cannot change any state is linearized as soon as it is legal. Pending
operations are optional; of equal ones the one invoked first is tried, and one that would leave
the state as it is is not. A configuration that differs from one seen only by having used more
pending operations can do nothing that the one seen could not, and is dropped (dominance).

An operation that replaces the state, whatever it was, can stand unseen right before another one.
So once one is linearized, those in flight with it are optional: each may be linearized until it
responds, or have been replaced already. This is our own, and what makes many concurrent writes
of few values cheap.

Sources: Wing and Gong, "Testing and verifying concurrent objects", JPDC 1993; Lowe, "Testing
for linearizability", 2017; Horn and Kroening, FORTE 2015.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NamedTuple, TypeAlias

from clew.checkers.linearizability.layout import Layout, Level, Slot, Spare
from clew.checkers.linearizability.machine import ILLEGAL, Machine
from clew.checkers.verdict import Budget, OutOfBudget

Trail: TypeAlias = Any
"""The indices of the entries linearized so far, as linked pairs, the last one first.

An entry that is to stand before the last replacement so far stands as `REPLACED` less its index."""

REPLACED = -2

Configuration: TypeAlias = tuple[int, int, int, Trail]
"""State, window, what was used, and how it was reached.

The window has the operations that no longer need a place in the order. Used are those pending
operations that were linearized; and of the window those replacements in flight that were, the
others being optional.
"""

COMPARISONS_COUNTED_AS_ONE = 32


class SearchResult(NamedTuple):
    """What a search found.

    Attributes:
        linearizable: the answer.
        configurations: how many were looked at.
        order: indices of entries in the order found; if the answer is no, of the longest
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
    """One search over a partition; `run` it once. The machine is that of the layout."""

    def __init__(self, machine: Machine, layout: Layout, budget: Budget) -> None:
        # What all methods share. `_visited`: for each state, level and window the costs with which
        # it was reached, of which none is a part of another. `_frames`: the responses at which
        # choices are left, the last the furthest. `_furthest` and its trail: how far any
        # configuration came, which is what an explanation shows. `_count` runs up to `_limit`,
        # where the budget is asked.
        self._step = machine.step
        self._replaces = machine.replaces
        self._layout = layout
        self._levels = layout.levels
        self._spares = layout.spares
        self._width = layout.width
        self._budget = budget
        self._visited: dict[int, Any] = {}
        self._frames: list[_Frame] = []
        self._furthest = -1
        self._furthest_trail: Trail = None
        self._trail: Trail = None
        self._count = 0
        self._limit = Budget.STEP

    def run(self) -> SearchResult:
        """Decide whether the partition is linearizable.

        Raises:
            OutOfBudget: it was not decided within the budget.
        """
        frames = self._frames
        done = self._descend(0, 0, 0, 0, None)
        # Invariant: if some order explains the history, one goes on from a configuration that waits
        # in a frame. The last frame is the furthest: depth first. No configuration is followed
        # twice (Wing and Gong's search with Lowe's memory), so the search ends.
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
            return SearchResult(
                linearizable=True,
                configurations=self._count,
                order=self._order(self._trail),
                level=self._layout.count,
                stuck=[],
            )
        return SearchResult(
            linearizable=False,
            configurations=self._count,
            order=self._order(self._furthest_trail),
            level=self._furthest,
            stuck=self._stuck(),
        )

    def _descend(  # noqa: C901, PLR0912, PLR0915 - the hot loop: calls would double its cost
        self, level: int, state: int, window: int, used: int, trail: Trail
    ) -> bool:
        """Follow one configuration, each response linearized when it comes; True at the end.

        If there are other choices at a response, a frame is left behind to come back to.
        """
        levels, visited, width = self._levels, self._visited, self._width
        base, laid_out = self._layout.count, len(levels)
        # Invariant: the operations of the trail lead to the state; they explain every response
        # before this level; the window has those in flight that need no place any more. An
        # operation is linearized when a response forces it and no sooner (just in time: Lowe 2017,
        # section 4), for until then nobody knows what else must stand before it.
        while level < base:
            if level == laid_out:
                self._layout.extend()
                laid_out = len(levels)
            slot, fresh, reads, updates, spares, replacing, ranked = levels[level]
            # A read that is legal now may stand here: it changes no state and so shuts out nothing.
            for _, bit, steps, call, index in fresh:
                after = steps.get(state)
                if after is None:
                    after = self._step(call, state)
                if after == state:
                    window |= bit
                    trail = (trail, index)
            _, bit, steps, call, index = slot
            is_optional = False
            # Placed already, or replaced unseen: there is nothing to force, and the bit is free
            # again.
            if window & bit:
                is_optional = bool(replacing & bit) and not used & bit << width
                if not is_optional:
                    window ^= bit
                    if replacing & bit:
                        used ^= bit << width
                    level += 1
                    continue
            # What goes on from here depends on nothing but this state and window; to have used and
            # to owe less is better.
            key = ((state * base + level) << width) | (window & ~ranked)
            cost = used | (ranked & ~window)
            seen = visited.get(key)
            if seen is None:
                visited[key] = cost
            elif self._dominated(key, seen, cost):
                return False
            self._count += 1
            if self._count >= self._limit:
                self._spend()
            after = steps.get(state)
            if after is None:
                after = self._step(call, state)
            window &= ~bit
            if spares or updates or is_optional:
                frame = _Frame(level, levels[level], (state, window, used, trail))
                self._frames.append(frame)
                if is_optional and after != state:
                    frame.ready.append((state, window, used, (trail, REPLACED - index)))
            if level > self._furthest:
                self._furthest, self._furthest_trail = level, trail
            if after == ILLEGAL:
                return False
            trail = (trail, index)
            if replacing & bit:
                window |= replacing ^ bit
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

    def _expand(self, frame: _Frame) -> None:  # noqa: C901, PLR0912 - a hot loop too
        """Linearize one more operation before the response, in every way."""
        state, window, used, trail = frame.waiting[frame.following]
        frame.following += 1
        level = frame.row
        replacing, width = level.replacing, self._width
        # Of those in flight, what has its place in the order.
        placed = window & ~(replacing & ~(used >> width))
        # Replacements in flight that become optional once another is linearized.
        owed = replacing & ~window
        others: list[Slot | Spare] | None = None
        tried: set[int] = set()
        # Any one in flight may stand before the response. Of equal calls the one that responds
        # first is enough: in an order that has another, the two can change places.
        for _, bit, steps, call, index in level.updates:
            if placed & bit or call in tried:
                continue
            tried.add(call)
            after = steps.get(state)
            if after is None:
                after = self._step(call, state)
            if not replacing & bit:
                if after != ILLEGAL:
                    self._reach(frame, (after, window | bit, used, (trail, index)))
            elif after != state or owed:
                if others is None:
                    others = self._others(level, placed, used)
                reached = (after, window | replacing, used | bit << width, (trail, index))
                self._reach(frame, reached, others)
        # So may a pending one. Equal ones are used in the order of their invocations, which shuts
        # out nothing: the first could stand wherever another does.
        for bit, before, steps, call, index in self._spares[: level.spares]:
            if used & bit or (before and not used & before):
                continue
            after = steps.get(state)
            if after is None:
                after = self._step(call, state)
            if after == ILLEGAL or (after == state and not (owed and self._replaces[call])):
                continue
            if self._replaces[call]:
                if others is None:
                    others = self._others(level, placed, used)
                reached = (after, window | replacing, used | bit, (trail, index))
                self._reach(frame, reached, others)
            else:
                self._reach(frame, (after, window, used | bit, (trail, index)))
        frame.ready.reverse()

    def _reach(  # noqa: C901 - a hot loop's body
        self, frame: _Frame, reached: Configuration, others: Sequence[Slot | Spare] | None = None
    ) -> None:
        """Note a configuration that was reached before the response of the frame's level.

        If the state was replaced, ``others`` are the operations that may come next and do not
        replace it. If none of them, and no read, is legal, then the replacement is of no use yet:
        it can as well come later, or not at all.
        """
        level = frame.row
        _, bit, steps, call, index = level.slot
        state, before, used, trail = reached
        window = before
        if level.reads:
            window, trail = self._read(level.reads, state, before, trail)
        if others is not None and window == before and not self._any_legal(others, state):
            return
        # The response is explained already. One that replaces the state may have been replaced
        # unseen, which needs no place of its own; or it is linearized here, as the configuration
        # that waits below.
        if window & bit:
            window ^= bit
            if not level.replacing & bit:
                frame.ready.append((state, window, used, trail))
                return
            frame.ready.append((state, window, used, (trail, REPLACED - index)))
        key = (state * self._layout.count + frame.level) << self._width
        key |= window & ~level.ranked
        cost = used | (level.ranked & ~window)
        seen = self._visited.get(key)
        if seen is None:
            self._visited[key] = cost
        elif self._dominated(key, seen, cost):
            return
        self._count += 1
        if self._count >= self._limit:
            self._spend()
        frame.waiting.append((state, window, used, trail))
        after = steps.get(state)
        if after is None:
            after = self._step(call, state)
        if after != ILLEGAL:
            if level.replacing & bit:
                window |= level.replacing ^ bit
            window, trail = self._read(level.reads, after, window, (trail, index))
            frame.ready.append((after, window, used, trail))

    def _others(self, level: Level, placed: int, used: int) -> list[Slot | Spare]:
        """Return the operations that may come next, and do not replace the state."""
        others: list[Slot | Spare] = [
            each for each in level.updates if not (placed | level.replacing) & each[1]
        ]
        if not level.replacing & level.slot[1]:
            others.append(level.slot)
        for each in self._spares[: level.spares]:
            bit, before, _, call, _ = each
            if not (self._replaces[call] or used & bit or (before and not used & before)):
                others.append(each)
        return others

    def _any_legal(self, operations: Sequence[Slot | Spare], state: int) -> bool:
        # One that may follow is enough to make the replacement worth a configuration.
        for _, _, steps, call, _ in operations:
            after = steps.get(state)
            if after is None:
                after = self._step(call, state)
            if after != ILLEGAL:
                return True
        return False

    def _read(
        self, reads: Sequence[Slot], state: int, window: int, trail: Trail
    ) -> tuple[int, Trail]:
        """Linearize the reads in flight that are legal in the state."""
        for _, bit, steps, call, index in reads:
            if not window & bit:
                after = steps.get(state)
                if after is None:
                    after = self._step(call, state)
                if after == state:
                    window |= bit
                    trail = (trail, index)
        return window, trail

    def _dominated(self, key: int, seen: Any, cost: int) -> bool:
        """Return whether a configuration seen has used and owes nothing that this one has not."""
        if type(seen) is int:
            seen = (seen,)
        # Each comparison is a small part of a configuration's work, and many are much of it.
        self._count += len(seen) // COMPARISONS_COUNTED_AS_ONE
        if self._count >= self._limit:
            self._spend()
        # Invariant: of the costs that are kept for a key none is a part of another.
        for each in seen:
            if each & cost == each:
                return True
        kept = tuple([each for each in seen if each & cost != cost])
        self._visited[key] = (*kept, cost) if kept else cost
        return False

    def _order(self, trail: Trail) -> list[int]:
        """Return the trail's entries, first to last."""
        reached = []
        while trail is not None:
            trail, index = trail
            reached.append(index)
        order: list[int] = []
        # Invariant: `order` is legal. One that was replaced unseen stands right before a
        # replacement, so that no other operation finds its value.
        for index in reversed(reached):
            if index > REPLACED:
                order.append(index)
                continue
            at = len(order) - 1
            while at > 0 and order[at] not in self._layout.replacing:
                at -= 1
            order.insert(max(at, 0), REPLACED - index)
        return order

    def _spend(self) -> None:
        spent = self._count - self._limit + Budget.STEP
        self._limit = self._count + Budget.STEP
        self._budget.spend(spent)

    def _stuck(self) -> list[tuple[int, int, int]]:
        """Return the configurations that reached the furthest response, in the order they did."""
        base, width = self._layout.count, self._width
        bits = (1 << width) - 1
        found = []
        for key, seen in self._visited.items():
            state, level = divmod(key >> width, base)
            if level == self._furthest:
                every = seen if type(seen) is tuple else (seen,)
                for cost in every:
                    window = (key | (self._levels[level].ranked & ~cost)) & bits
                    found.append((state, window, cost & ~bits))
        return found


class _Frame:
    """The choices left at a response.

    Attributes:
        level: the response.
        row: what is in flight then.
        waiting: configurations that reached it, those that linearized least first.
        following: how many of them were expanded.
        ready: configurations past the response that are to be followed, the next one last.
    """

    __slots__ = ("following", "level", "ready", "row", "waiting")

    def __init__(self, level: int, row: Level, first: Configuration) -> None:
        self.level = level
        self.row = row
        self.waiting = [first]
        self.following = 0
        self.ready: list[Configuration] = []
