"""What a hunt has reached, and what more runs would reach: behaviours counted as species are.

A behaviour that one run of many has shown is a sign that there are more that none has shown yet.
Chao's estimator for incidences says how many at least (Chao, "Estimating the population size for
capture-recapture data with unequal catchability", Biometrics 1987), and how many of them so many
more runs would find (Colwell and others, "Models and estimators linking individual-based and
sample-based rarefaction, extrapolation and comparison of assemblages", Journal of Plant Ecology
2012). Both rest on Good and Turing's count of what was seen once; Böhme ("STADS: software testing
as species discovery", TOSEM 2018) carried them over to tests. The seeds of a hunt differ more than
a sampler's draws do: its figures are a guide and no bound.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from clew.search.coverage import Behaviour
from clew.search.hunt.themes import Theme

_RULE_OF_THREE = 3
"""If none of n runs failed, then at 95 % confidence at most 3 in n do (Hanley and Lippman-Hand, "If
nothing goes wrong, is everything all right?", JAMA 1983)."""


class Reach:
    """The behaviours that runs have shown, and in how many runs each.

    Attributes:
        runs: how many were added.
        seen: the number of runs in which nodes did something.
        overlaps: the pairs of kinds of fault of which one began while the other stood, each once.
        newest: the last seed in which nodes did something new.
    """

    def __init__(self) -> None:
        self.runs = 0
        self.seen: Counter[Behaviour] = Counter()
        self.overlaps: set[tuple[str, str]] = set()
        self.newest = 0

    def add(self, seed: int, reached: Iterable[Behaviour]) -> None:
        """Add what a run reached, each behaviour once."""
        before = len(self.seen)
        for each in reached:
            if each[0] != "fault":
                self.seen[each] += 1
            elif each[2] is not None:
                first, second = sorted(each[1:])
                self.overlaps.add((first, second))
        self.runs += 1
        if len(self.seen) > before:
            self.newest = seed

    def of(self, kind: str) -> list[Behaviour]:
        """List what nodes did of a kind, a key of `clew.search.coverage.REACH`, sorted."""
        return sorted((each for each in self.seen if each[0] == kind), key=repr)

    @property
    def unseen(self) -> float:
        """How many more behaviours there are at least, as Chao estimates it."""
        once, twice = self._count(1), self._count(2)
        if not self.runs:
            return 0.0
        # Chao 1987, for n samples: (n - 1) / n * once² / (2 twice), and the bias-corrected form if
        # nothing was seen just twice.
        weight = (self.runs - 1) / self.runs
        if twice:
            return weight * once * once / (2 * twice)
        return weight * once * max(once - 1, 0) / 2

    def expected(self, runs: int) -> float:
        """Estimate how many behaviours that many more runs would show for the first time."""
        unseen, once = self.unseen, self._count(1)
        if not unseen:
            return 0.0
        # The chance that one more run still misses a behaviour that is unseen (Colwell and others
        # 2012).
        missed = 1 - once / (self.runs * unseen + once)
        return float(unseen * (1 - missed**runs))

    def _count(self, times: int) -> int:
        return sum(count == times for count in self.seen.values())


class Tried(NamedTuple):
    """The runs of a theme.

    Attributes:
        runs: how many.
        invalid: how many of them failed.
    """

    runs: int = 0
    invalid: int = 0


class Findings:
    """What the seeds of a hunt tried and reached, beside how they ended.

    Attributes:
        tried: by theme, in the order of their first runs.
        reach: of all runs.
    """

    def __init__(self) -> None:
        self.tried: dict[Theme, Tried] = {}
        self.reach = Reach()

    def add(self, seed: int, theme: Theme, reached: Iterable[Behaviour], *, invalid: bool) -> None:
        """Add the run of a seed."""
        runs, failed = self.tried.get(theme, Tried())
        self.tried[theme] = Tried(runs + 1, failed + invalid)
        self.reach.add(seed, reached)

    def of_family(self, family: str) -> Tried:
        """Return the runs of all themes of a family."""
        own = [tried for theme, tried in self.tried.items() if theme.family == family]
        return Tried(sum(each.runs for each in own), sum(each.invalid for each in own))


def failing_at_most(runs: int) -> float | None:
    """Return the share of runs that fail at most if none of so many did, at 95 % confidence.

    None for too few runs to say anything.
    """
    return _RULE_OF_THREE / runs if runs > _RULE_OF_THREE else None
