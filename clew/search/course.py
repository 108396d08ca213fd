"""How a sweep went, seed by seed: small, whatever the number of seeds."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from heapq import nlargest
from typing import NamedTuple

from clew.checkers.verdict import Verdict
from clew.search.seeds import SeedResult

SEEDS_MAX = 200_000
"""Of so many seeds, the first that came, each verdict and time is kept."""

VERDICTS = (Verdict.VALID, Verdict.UNKNOWN, Verdict.INVALID)
"""What a verdict's number in a course means."""


class Timed(NamedTuple):
    """A seed, how long it took, in wall seconds, and its verdict."""

    seed: int
    seconds: float
    verdict: Verdict


class Course:
    """The verdict and the time of each seed, and how many behaviours were seen by then.

    Attributes:
        runs: how many seeds there were.
        seeds: those that are kept, in the order in which they came.
        verdicts: theirs, as ranks in `VERDICTS`.
        seconds: theirs, wall seconds; 0 for a seed that has no run.
        growth: after how many runs so many behaviours were seen, whenever it became more.
    """

    def __init__(self) -> None:
        self.runs = 0
        self.seeds: list[int] = []
        self.verdicts = array("b")
        self.seconds = array("f")
        self.growth: list[tuple[int, int]] = []

    def add(self, result: SeedResult, seen: int) -> None:
        """Add a result, after which so many behaviours were seen."""
        self.runs += 1
        if seen > (self.growth[-1][1] if self.growth else 0):
            self.growth.append((self.runs, seen))
        if len(self.seeds) < SEEDS_MAX:
            self.seeds.append(result.seed)
            self.verdicts.append(VERDICTS.index(result.verdict))
            self.seconds.append(result.json.get("wall_seconds", 0.0))

    def slowest(self, most: int) -> list[Timed]:
        """Find the seeds that took longest, the slowest first."""
        return nlargest(most, self._timed(), key=lambda one: one.seconds)

    def _timed(self) -> Iterator[Timed]:
        for seed, seconds, verdict in zip(self.seeds, self.seconds, self.verdicts, strict=True):
            yield Timed(seed, seconds, VERDICTS[verdict])
