"""Several scenarios in one stream: in which order their seeds run, and which are known already."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import count, islice
from typing import TypeAlias

from clew.machine import wall
from clew.scenarios.suites.suite import Source
from clew.search.course import Course
from clew.search.seeds import Job, SeedResult, SeedTask
from clew.search.shards import Shard
from clew.search.summary import Summary

Runner: TypeAlias = Callable[[Iterable[SeedTask]], Generator[SeedResult, None, None]]
"""Gives the results of tasks, in their order."""


@dataclass(eq=False, slots=True)
class Case:
    """One scenario and its seeds.

    Attributes:
        name: its name in reports, such as the file's path.
        job: what to do with each seed.
        first: the first seed.
        runs: how many seeds; None for as many as there is time for.
        before: seeds that run before these; none runs twice.
        source: where the scenario comes from; None for flags.
        command: what runs its seeds: ``test``, or ``hunt``, which draws them in its own way.
        shard: which part of the seeds.
        perilous: True if a seed of the scenario has ended its worker before.
        known: a seed's result from before, or None.
        sweep: the number in the database.
        summary: the results so far.
        course: how its seeds went so far, one by one.
    """

    name: str
    job: Job
    first: int = 0
    runs: int | None = 1
    before: tuple[int, ...] = ()
    source: Source | None = None
    command: str = "test"
    shard: Shard = field(default_factory=Shard)
    perilous: bool = False
    known: Callable[[int], SeedResult | None] = lambda _: None
    sweep: int = 0
    summary: Summary = field(default_factory=Summary)
    course: Course = field(default_factory=Course)

    def seeds(self) -> Iterator[int]:
        """Give the seeds in the order in which they run.

        A seed's part does not depend on what failed before, which each part may remember
        differently.
        """
        yield from self._held()
        done = frozenset(self.before)
        numbers = count() if self.runs is None else range(self.runs)
        for index in numbers:
            if self.shard.holds(index) and self.first + index not in done:
                yield self.first + index

    @property
    def total(self) -> int | None:
        """The number of seeds; None if unknown."""
        if self.runs is None:
            return None
        own = len(range(self.shard.number - 1, self.runs, self.shard.of))
        held = list(self._held())
        twice = sum(0 <= seed - self.first < self.runs for seed in held)
        return own - twice + len(held)

    def _held(self) -> Iterator[int]:
        """Give the seeds of `before` that are in this part."""
        return (seed for seed in self.before if self.shard.holds(seed - self.first))


def stream(
    cases: Iterable[Case], run: Runner, seconds: float | None = None
) -> Generator[tuple[Case, SeedResult], None, None]:
    """Run all cases and give the results in an order that does not depend on who runs them.

    Case after case; if time ends the sweep, one seed of each in turn.

    Args:
        cases: what to run.
        run: runs the seeds that are not known.
        seconds: no seed begins after that many; None for no limit.
    """
    listed = tuple(cases)
    order = (
        ((case, seed) for case in listed for seed in case.seeds())
        if seconds is None
        else _in_turn(listed, seconds)
    )
    pending: deque[tuple[Case, int, bool]] = deque()

    # Invariant: `pending` has what was asked for and not given out, in order. Results of what had
    # to run come in that order too, so the next one belongs to the first that was not known.
    def tasks() -> Iterator[SeedTask]:
        for case, seed in order:
            known = case.known(seed) is not None
            pending.append((case, seed, known))
            if not known:
                yield SeedTask(case.job, seed)

    results = run(tasks())
    try:
        for result in results:
            yield from _stored(pending)
            case, _, _ = pending.popleft()
            yield case, result
        yield from _stored(pending)
    finally:
        results.close()


def _stored(pending: deque[tuple[Case, int, bool]]) -> Iterator[tuple[Case, SeedResult]]:
    while pending and pending[0][2]:
        case, seed, _ = pending.popleft()
        result = case.known(seed)
        assert result is not None
        yield case, result


def _in_turn(cases: Iterable[Case], seconds: float) -> Iterator[tuple[Case, int]]:
    end = wall.seconds() + seconds
    turns = deque((case, case.seeds()) for case in cases)
    # One seed of each in turn; a case whose seeds are spent drops out.
    while turns and wall.seconds() < end:
        case, seeds = turns.popleft()
        for seed in islice(seeds, 1):
            turns.append((case, seeds))
            yield case, seed
