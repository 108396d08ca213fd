"""The progress of a sweep, a run and a shrinker."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TextIO

from clew.checkers.verdict import Verdict
from clew.node.timer import NS_PER_SECOND
from clew.report import layout
from clew.report.live import LiveLine
from clew.scenarios.plans.plan import Plan
from clew.search.hunt.reach import Reach
from clew.search.seeds import SeedResult

GROUPS_SHOWN = 3

_HOUR, _DAY, _YEAR = 3600.0, 86_400.0, 365.25 * 86_400.0

_LEAST = 0.05 * _HOUR
"""Less virtual time would be shown as 0.0 hours."""


class Progress(LiveLine):
    """Seeds done, their rate, what they found so far and the time left; a context.

    Args:
        total: how many seeds there will be at most; None if time ends the sweep.
        stream: where to show it.
        seconds: after how long time ends it, from now; None if it does not.
    """

    def __init__(self, total: int | None, stream: TextIO, seconds: float | None = None) -> None:
        super().__init__(stream)
        self._total = total
        self._end_seconds = seconds
        self._done = 0
        self._known = 0
        self._virtual = 0.0
        self._behaviours: set[int] = set()
        self._groups: dict[str, int] = {}

    def update(self, result: SeedResult, name: str = "", *, tell: bool = True) -> None:
        """Note that a seed is done.

        Args:
            result: of the seed.
            name: of its scenario, if there are several.
            tell: say so if it failed.
        """
        self._done += 1
        if result.json.get("resumed"):
            self._known += 1
        else:
            self._virtual += result.json.get("virtual_seconds", 0.0)
        self._behaviours.update(result.behaviours)
        if result.verdict is not Verdict.VALID:
            signature = result.signature.partition(";")[0]
            if result.verdict is Verdict.INVALID or not result.digest:
                self._groups[signature] = self._groups.get(signature, 0) + 1
            where = f"{name}: " if name else ""
            if tell:
                self.tell(f"{where}seed {result.seed}: {result.verdict.value}: {signature}")
        self.tick()

    def tick(self) -> None:
        """Show the progress, unless it was shown just now."""
        self.show(self.line)

    def line(self) -> str:
        """Describe the progress on one line, of which a narrow terminal shows the beginning."""
        seconds = max(self.seconds, 1e-9)
        rate = (self._done - self._known) / seconds
        done = f"{self._done:,}" if self._total is None else f"{self._done:,} of {self._total:,}"
        left = self._left(rate)
        soon = "" if left is None else f", about {_clock(left)} left"
        parts = [f"{done} seeds, {rate:.3g} per second{soon}", self._failures(), *self._buys()]
        return "; ".join(parts)

    def _buys(self) -> list[str]:
        """Describe what was seen, and what more time would buy."""
        parts = [f"{len(self._behaviours):,} behaviours"] if self._behaviours else []
        buys = self._virtual / max(self.seconds, 1e-9) * _HOUR
        return [*parts, f"an hour buys {_span(buys)}"] if buys >= _LEAST else parts

    def _failures(self) -> str:
        if not self._groups:
            return "none failed"
        by_count = sorted(self._groups.items(), key=lambda item: -item[1])
        told = [f"{count:,} {_brief(signature)}" for signature, count in by_count[:GROUPS_SHOWN]]
        more = ["..."] if len(by_count) > GROUPS_SHOWN else []
        return f"{sum(self._groups.values()):,} failed: " + ", ".join(told + more)

    def _left(self, rate: float) -> float | None:
        """Estimate the seconds until the end; None if nobody can know."""
        ends = []
        if self._total is not None and rate:
            ends.append((self._total - self._done) / rate)
        if self._end_seconds is not None:
            ends.append(max(0.0, self._end_seconds - self.seconds))
        return min(ends, default=None)


class HuntProgress(Progress):
    """The same of a hunt, with what its runs reached.

    Args:
        total: how many seeds there will be at most; None if time ends the hunt.
        stream: where to show it.
        seconds: after how long time ends it; None if it does not.
        reaches: what is reached, which others fill.
    """

    def __init__(
        self, total: int | None, stream: TextIO, seconds: float | None, reaches: Sequence[Reach]
    ) -> None:
        super().__init__(total, stream, seconds)
        self._reaches = reaches

    def _buys(self) -> list[str]:
        if not self._done:
            return []
        seen = sum(len(each.seen) for each in self._reaches)
        minute = self._done * 60 / max(self.seconds, 1e-9)
        more = sum(each.expected(round(minute / len(self._reaches))) for each in self._reaches)
        return [f"{seen:,} behaviours, a minute buys about {round(more)} more"]


class RunProgress(LiveLine):
    """The progress of a run: nothing if it is short, then a live line, or a line every 10 s.

    Args:
        limit_ns: the virtual time that it may take.
        stream: where to show it.
    """

    def __init__(self, limit_ns: int, stream: TextIO) -> None:
        super().__init__(stream, RUN_PLAIN_SECONDS)
        self._limit_ns = limit_ns
        self._stage, self._since, self._due = "", 0.0, False

    def stage(self, what: str) -> None:
        """Show which stage the run is in, in words; once it has lasted for a while, at once.

        The first words, up to a colon, say which stage it is.
        """
        stage = what.partition(":")[0]
        if stage != self._stage:
            self._stage, self._since = stage, self.seconds
            self._due = True
        if self._due and self.seconds - self._since >= RUN_QUIET_SECONDS:
            self._due = False
            self.show_now(lambda: f"{what}, {_clock(self.seconds)}")
        elif self.seconds >= RUN_QUIET_SECONDS:
            self.show(lambda: f"{what}, {_clock(self.seconds)}")

    def update(self, virtual_ns: int, events: int) -> None:
        """Show how far the simulation has come."""
        if self.seconds >= RUN_QUIET_SECONDS:
            self.show(
                lambda: (
                    f"{virtual_ns / NS_PER_SECOND:.3f} of {self._limit_ns / NS_PER_SECOND:g} "
                    f"virtual seconds, {events:,} events, {_clock(self.seconds)}"
                )
            )


RUN_QUIET_SECONDS, RUN_PLAIN_SECONDS = 2.0, 10.0


class ShrinkProgress(LiveLine):
    """Runs spent and the size of the smallest plan so far; a context.

    Args:
        runs_max: how many runs there may be.
        stream: where to show it.
    """

    def __init__(self, runs_max: int, stream: TextIO) -> None:
        super().__init__(stream)
        self._runs_max = runs_max

    def update(self, runs: int, plan: Plan) -> None:
        """Show how many runs are done, and the smallest plan so far."""
        self.show(lambda: self.line(runs, plan))

    def line(self, runs: int, plan: Plan) -> str:
        """Describe the progress on one line."""
        return (
            f"shrinking: {runs:,} of at most {layout.several(self._runs_max, 'run')}, "
            f"{layout.several(len(plan.operations), 'operation')}, "
            f"{layout.several(len(plan.faults), 'fault')}, "
            f"{layout.several(len(plan.node_ids), 'node')}"
        )


def _span(seconds: float) -> str:
    """Write a long time in the unit that fits."""
    for unit, name in ((_YEAR, "years"), (_DAY, "days")):
        if seconds >= 2 * unit:
            return f"{seconds / unit:,.1f} virtual {name}"
    return f"{seconds / _HOUR:,.1f} virtual hours"


def _clock(seconds: float) -> str:
    """Write a waiting time: ``45 s``, ``3:20 min`` or ``2:05 h``."""
    whole = round(seconds)
    if whole < 60:  # noqa: PLR2004 - a minute
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // 60}:{whole % 60:02} min"
    return f"{whole // 3600}:{whole % 3600 // 60:02} h"


def _brief(signature: str) -> str:
    """Cut a signature to a word or two: the first kind of what was found, or the check."""
    check, _, rest = signature.partition(": ")
    _, found, kinds = rest.partition("(")
    if not found:
        return check
    first, *others = kinds.rstrip(")").split(", ")
    return first.removeprefix("invariant ") + (f" +{len(others)}" if others else "")
