"""Whether a plan still fails the same way: for a shrinker's candidates, one run each.

What must stay the same is one check and one kind of what it found, such as the invariant that broke
first: everything else that went wrong in the run is a consequence or noise. Answers are remembered
by the plan's text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import NamedTuple

from clew.checkers.verdict import Anomaly, Result, Verdict
from clew.errors import ClewError, UsageError
from clew.history import Operation
from clew.scenarios.code.models import Model
from clew.scenarios.judgement.load import overload
from clew.scenarios.judgement.outcome import Outcome, judge
from clew.scenarios.judgement.signature import finding_kind, kind_of
from clew.scenarios.plans.plan import Plan, plan_text
from clew.scenarios.plans.roles import allows
from clew.scenarios.runs.run import Run, simulate
from clew.sim.faults import FaultReport

EVENTS_FACTOR = 2
EVENTS_LEAST = 20_000
"""A candidate is stopped after this many times the events of the failing run, and not before the
least number: a candidate that fails much later is no simpler."""


class Target(NamedTuple):
    """What must go wrong.

    Attributes:
        check: the name of the check that fails.
        kind: of its first anomaly, as `clew.scenarios.judgement.signature.kind_of` names it.
    """

    check: str
    kind: str


def target_of(outcome: Outcome) -> Target | None:
    """Find what went wrong first; None if nothing did.

    What went wrong inside a node comes before what clients saw of it, and figures come last. A
    broken invariant comes before an exception: a promise is easier to follow than a line of code,
    and an exception that caused it stays in the run anyway.
    """
    failed = [
        check for check in outcome.checks if check.verdict is Verdict.INVALID and check.anomalies
    ]
    if not failed:
        return None
    first = min(failed, key=lambda check: (check.name != "nodes", check.name in FIGURES))
    kinds = [kind_of(anomaly) for anomaly in first.anomalies]
    return Target(first.name, min(kinds, key=lambda kind: not kind.startswith("invariant ")))


def targets_of(outcome: Outcome) -> tuple[Target, ...]:
    """Find all that is told apart in a failing run: what went wrong first, and no progress.

    A cluster that answers wrongly and one that stands still have different mistakes mostly, so that
    one must not hide the other. Empty if nothing went wrong.
    """
    first = target_of(outcome)
    if first is None:
        return ()
    still = next((each for each in outcome.checks if each.name == "liveness"), None)
    if still is None or still.verdict is not Verdict.INVALID or not still.anomalies:
        return (first,)
    return tuple(dict.fromkeys((first, Target("liveness", kind_of(still.anomalies[0])))))


def failing(outcome: Outcome, target: Target) -> tuple[Result, Anomaly] | None:
    """Find the check and the anomaly that are the target; None in another outcome."""
    for check in outcome.checks:
        if check.name == target.check and check.verdict is Verdict.INVALID:
            for anomaly in check.anomalies:
                if kind_of(anomaly) == target.kind:
                    return check, anomaly
    return None


def failure_of(outcome: Outcome) -> tuple[Result, Anomaly] | None:
    """Find the check and the anomaly of what went wrong first; None if nothing did."""
    target = target_of(outcome)
    return None if target is None else failing(outcome, target)


class Sight(NamedTuple):
    """What a failing run showed, for the next cuts.

    Attributes:
        moment_ns: when it had failed; None if only the whole run shows it.
        faults: what each fault did.
        evidence: the operations that show it.
        events: how many there were.
    """

    moment_ns: int | None
    faults: tuple[FaultReport, ...]
    evidence: tuple[Operation, ...]
    events: int


FIGURES: tuple[str, ...] = ("availability", "assert")
"""Checks of figures that mean something only for a whole run."""

WHOLE_RUN: tuple[str, ...] = ("liveness", *FIGURES)
"""Checks of a whole run."""


class FiguresError(UsageError):
    """A run whose figures alone are wrong can't be made small."""


def whole_figures(outcome: Outcome, target: Target | None = None) -> str:
    """Return why what failed in a run can't be made small, as a clause; empty if it can.

    If only a figure is wrong, such as a share of operations or a latency, nothing that happened is
    wrong by itself, and with fewer operations the figure differs. So it is with progress that an
    overload prevents: it is all operations together that are too many.

    Args:
        outcome: of the run.
        target: what failed; None for what went wrong first.
    """
    target = target or target_of(outcome)
    if target is not None and target.check == "liveness" and overload(outcome.run):
        return "the nodes were overloaded, and fewer operations are less load"
    if target is None or target.check not in FIGURES:
        return ""
    return f"{target.check} judges figures of the whole run, and fewer operations change them"


def blamed(anomaly: Anomaly) -> int | None:
    """Return the number of the operation whose answer is wrong; None if no evidence shows one."""
    response = anomaly.data.get("response")
    return response.get("number") if isinstance(response, dict) else None


def moment_of(anomaly: Anomaly, *, at_once: bool) -> int | None:
    """Find when an anomaly had happened, virtual ns: a finding's time, or a wrong answer's.

    Args:
        anomaly: what went wrong.
        at_once: whether an answer is wrong when it comes; otherwise the moment is None, because the
            answer is wrong only by what came, or never came, after it.
    """
    if "time_ns" in anomaly.data:
        return int(anomaly.data["time_ns"])
    if not at_once:
        return None
    number = blamed(anomaly)
    ends = [one.end for one in anomaly.operations if number is None or one.number == number]
    return max((end for end in ends if end is not None), default=None)


class Spent(Exception):  # noqa: N818 - not an error: the shrinker stops with the best so far
    """The budget of runs is spent."""


class Bounded(Exception):  # noqa: N818 - not an error: a part of the search ends
    """The budget of a part of the search is spent; `Oracle.bounded` ends with it."""


@dataclass(slots=True)
class Oracle:
    """Runs candidates and remembers what came of them.

    Attributes:
        model: what runs.
        target: what must go wrong.
        runs_max: how many runs there may be.
        told: called before each run.
        runs: how many there were.
        events_max: of a candidate.
        at_once: whether a wrong answer is wrong when it comes, see `moment_of`.
        known: the answers so far, by the plan's digest.
        events: how many there were in all runs.
        bounds: the numbers of events and of runs at which a part of the search ends; None for no
            bounds.
    """

    model: Model
    target: Target
    runs_max: int
    told: Callable[[], None]
    events_max: int
    at_once: bool
    runs: int = 0
    known: dict[bytes, Sight | None] = field(default_factory=dict)
    events: int = 0
    bounds: tuple[int, int] | None = None

    def ask(self, plan: Plan) -> Sight | None:
        """Run a plan, unless it is known; return what it shows if it fails the same way, or None.

        Raises:
            Spent: the answer is not known, and no run is left.
            Bounded: no run is left to this part of the search.
        """
        key = blake2b(plan_text(plan).encode(), digest_size=16).digest()
        if key not in self.known:
            if self.bounds and (self.events >= self.bounds[0] or self.runs >= self.bounds[1]):
                raise Bounded
            if self.runs >= self.runs_max:
                raise Spent
            self.told()
            self.runs += 1
            self.known[key] = self._sight(plan)
        return self.known[key]

    @contextmanager
    def bounded(self, events: int, runs: int) -> Iterator[None]:
        """Bound the events and runs of a part of the search, which ends by itself then."""
        self.bounds = self.events + events, self.runs + runs
        try:
            yield
        except Bounded:
            pass
        finally:
            self.bounds = None

    def _sight(self, plan: Plan) -> Sight | None:
        if not allows(self.model.system, plan):
            return None
        bounded = replace(plan, events_max=min(plan.events_max, self.events_max))
        try:
            run = simulate(bounded, self.model, keep_trace=False)
        except ClewError:
            return None  # what is left is not a plan, such as a fault without nodes to strike
        self.events += run.events
        return self._of_findings(run) if self.target.check == "nodes" else self._of_checks(run)

    def _of_findings(self, run: Run) -> Sight | None:
        """Check the findings alone: what nodes did wrong is known without the checkers."""
        for finding in run.findings:
            if finding_kind(finding) == self.target.kind:
                return Sight(finding.time_ns, run.faults, (), run.events)
        return None

    def _of_checks(self, run: Run) -> Sight | None:
        if any(finding.kind == "endless-loop" for finding in run.findings):
            return None
        found = failing(judge(run, self.model), self.target)
        if found is None:
            return None
        anomaly = found[1]
        moment_ns = moment_of(anomaly, at_once=self.at_once)
        return Sight(moment_ns, run.faults, anomaly.operations, run.events)
