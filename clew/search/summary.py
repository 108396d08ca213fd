"""The results of many seeds, added up as they come: of all seeds only failing ones are kept."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field

from clew.checkers.verdict import Verdict
from clew.node.timer import NS_PER_SECOND
from clew.scenarios.options.expectation import Met, Tally
from clew.search.seeds import SeedResult
from clew.search.shrink.oracle import Target

_VARIES = re.compile(r"\bn?\d[\d,]*(, n\d+)*")
"""What differs between remarks that say the same: numbers, and lists of nodes."""


@dataclass(slots=True)
class Group:
    """The seeds that failed the same way.

    Attributes:
        first: the result that was reported first, whole.
        target: what they have in common, if a run may have failed in several ways.
        seeds: all of them, in the order they were reported.
    """

    first: SeedResult
    target: Target | None = None
    seeds: list[int] = field(default_factory=list)


class Summary:
    """The results of one scenario, added up.

    Args:
        expect: what the runs must show; None if the worst verdict is the verdict.
        apart: a run that fails in several ways counts for each of them, as `SeedResult.ways` has
            them; otherwise all that failed in it is one way of failing.

    Attributes:
        counts: how many runs had each verdict.
        groups: the ways of failing, in the order in which they were first seen.
        first: the lowest seed.
        last: the highest seed.
        virtual_ns: over all runs.
        wall_seconds: over all runs, added up.
        tally: counts the runs for what was expected of them.
        behaviours: those of all runs, if they were counted.
        newest: the last seed that showed a new one.
        planned: how often each kind of fault was planned.
        bit: how often each kind of fault really took effect.
        remarks: the first of those that say the same, and the number of runs with one of them.
    """

    def __init__(self, expect: str | None = None, *, apart: bool = False) -> None:
        self._apart = apart
        self.counts = dict.fromkeys(Verdict, 0)
        self.groups: dict[tuple[Verdict, str], Group] = {}
        self.first = self.last = 0
        self.virtual_ns = 0
        self.planned: Counter[str] = Counter()
        self.bit: Counter[str] = Counter()
        self.remarks: dict[str, tuple[str, int]] = {}
        self.wall_seconds = 0.0
        self.tally = Tally(expect)
        self.behaviours: set[int] = set()
        self.newest = 0

    @property
    def runs(self) -> int:
        """How many results were added."""
        return sum(self.counts.values())

    @property
    def verdict(self) -> Verdict:
        """The worst of all."""
        return Verdict.merge(verdict for verdict, count in self.counts.items() if count)

    @property
    def met(self) -> Met:
        """Whether the runs so far show what was expected of them."""
        return self.tally.met()

    def is_new(self, result: SeedResult) -> bool:
        """Return whether a seed is the first to fail in a way."""
        return any(
            (result.verdict, signature) not in self.groups for signature in self._ways(result)
        )

    def _ways(self, result: SeedResult) -> dict[str, Target | None]:
        """Find the ways in which a seed failed, by their signatures; none if it did not."""
        if result.verdict is Verdict.VALID:
            return {}
        if not self._apart or not result.ways:
            return {result.signature: None}
        verdict = result.verdict.value
        return {f"{each.check}: {verdict} ({each.kind})": each for each in result.ways}

    def add(self, result: SeedResult) -> None:
        """Add a result."""
        self.first = min(result.seed, self.first) if self.runs else result.seed
        self.last = max(result.seed, self.last)
        self.counts[result.verdict] += 1
        self.virtual_ns += round(result.json.get("virtual_seconds", 0.0) * NS_PER_SECOND)
        self.wall_seconds += result.json.get("wall_seconds", 0.0)
        self.tally.add(result)
        if not self.behaviours.issuperset(result.behaviours):
            self.behaviours.update(result.behaviours)
            self.newest = result.seed
        for remark in result.json.get("remarks", ()):
            alike = _VARIES.sub("#", remark)
            first, runs = self.remarks.get(alike, (remark, 0))
            self.remarks[alike] = first, runs + 1
        for fault in result.json.get("faults", ()):
            self.planned[fault["kind"]] += 1
            self.bit[fault["kind"]] += fault["bit"] > 0
        for signature, target in self._ways(result).items():
            key = result.verdict, signature
            self.groups.setdefault(key, Group(result, target)).seeds.append(result.seed)
