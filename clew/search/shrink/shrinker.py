"""The smallest plan that still fails the same way.

Delta debugging on the plan itself: its parts are lists of operations, faults, nodes and clients,
and because every draw of a run is keyed, taking one away leaves the draws of the others as they
were. Nothing here looks at a clock, so the same plan shrinks to the same plan everywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Self, TypeAlias

from clew.errors import UsageError
from clew.scenarios.code.models import Model
from clew.scenarios.code.workload_files import load_workload
from clew.scenarios.judgement.outcome import Outcome, judge
from clew.scenarios.plans.plan import Plan
from clew.scenarios.repros.repro import Repro, model_of, write_repro
from clew.scenarios.runs.run import Run, simulate
from clew.search.shrink import passes, random_cuts, redraws, simplifications
from clew.search.shrink.nearest import nearest_passing
from clew.search.shrink.oracle import (
    EVENTS_FACTOR,
    EVENTS_LEAST,
    WHOLE_RUN,
    FiguresError,
    Oracle,
    Sight,
    Spent,
    Target,
    failing,
    moment_of,
    target_of,
    whole_figures,
)
from clew.search.shrink.passes import Hunt
from clew.sim.guards.files import muted

RUNS_MAX = 3000


class Sizes(NamedTuple):
    """The size of a plan: what is in it, how many of its clients do anything, how long it runs.

    Attributes:
        regions: how many there are; 0 for one place.
    """

    operations: int
    faults: int
    nodes: int
    clients: int
    virtual_ns: int
    regions: int = 0

    @classmethod
    def of(cls, run: Run) -> Self:
        """Measure the plan of a run."""
        plan = run.plan
        clients = {one.client for one in plan.operations}
        return cls(
            len(plan.operations),
            len(plan.faults),
            len(plan.node_ids),
            len(clients),
            run.virtual_ns,
            0 if plan.regions is None else len(plan.regions.names),
        )


@dataclass(frozen=True, slots=True)
class Shrunk:
    """A plan made small.

    Attributes:
        outcome: of its run, whose trace is kept.
        runs: how many runs it took, including those for the nearest passing plan.
        seed: of the plan that it came from.
        before: the sizes of that plan.
        passing: the nearest plan that does not fail; None if none was found.
        parting: the first difference of the two runs, in words; None without `passing`.
        complete: False if it was interrupted or the runs were spent.
        interrupted: True if Ctrl-C ended it.
    """

    outcome: Outcome
    runs: int
    seed: int
    before: Sizes
    passing: Plan | None
    parting: str | None
    complete: bool
    interrupted: bool

    @property
    def plan(self) -> Plan:
        """The smallest that was found."""
        return self.outcome.run.plan

    @property
    def after(self) -> Sizes:
        """Its sizes."""
        return Sizes.of(self.outcome.run)


Progress: TypeAlias = Callable[[int, Plan], None]
"""Called before each run, with how many there were and the smallest plan so far."""


def shrink(
    plan: Plan,
    *,
    runs_max: int = RUNS_MAX,
    progress: Progress | None = None,
    target: Target | None = None,
) -> Shrunk:
    """Find the smallest plan that fails as this one does.

    It keeps one check and the kind of what it found. Ctrl-C ends the search with the best so far.

    Args:
        plan: one whose run is INVALID.
        runs_max: how many runs may be spent.
        progress: called before each run.
        target: what must go wrong; None for what the run shows to have gone wrong first.

    Raises:
        UsageError: the plan does not fail.
        FiguresError: only figures of the whole run are wrong.
        ClewError: its model can't be loaded.
    """
    with muted():  # there are hundreds of runs
        return _shrunk(plan, runs_max, progress, target)


def _shrunk(plan: Plan, runs_max: int, progress: Progress | None, target: Target | None) -> Shrunk:
    model = model_of(plan)
    outcome = judge(simulate(plan, model), model)
    hunt = _hunt(plan, model, outcome, runs_max, target or target_of(outcome))
    if progress is not None:
        hunt.oracle.told = lambda: progress(hunt.oracle.runs, hunt.best)
    ended: BaseException | None = None
    passing = parting = None
    try:
        _search(hunt)
        passing, parting = nearest_passing(hunt) or (None, None)
    except (Spent, KeyboardInterrupt) as stop:
        ended = stop
    small = outcome if hunt.best == plan else judge(simulate(hunt.best, model), model)
    return Shrunk(
        small,
        hunt.oracle.runs + 2,
        plan.seed,
        Sizes.of(outcome.run),
        passing,
        parting,
        complete=ended is None,
        interrupted=isinstance(ended, KeyboardInterrupt),
    )


def _hunt(plan: Plan, model: Model, outcome: Outcome, runs_max: int, target: Target | None) -> Hunt:
    found = None if target is None else failing(outcome, target)
    if target is None or found is None:
        raise UsageError(
            "there is nothing to shrink",
            expected="a plan whose run is invalid",
            found=f"one whose run is {outcome.verdict.value}",
        )
    figures = whole_figures(outcome, target)
    if figures:
        raise FiguresError(
            "the plan can't be made small",
            found=figures,
            fix="Use `clew replay` to see the run as it is",
        )
    anomaly, run = found[1], outcome.run
    whole = load_workload(plan.workload).final_reads or target.check in WHOLE_RUN
    events_max = max(EVENTS_FACTOR * run.events, EVENTS_LEAST)
    oracle = Oracle(model, target, runs_max, lambda: None, events_max, not whole)
    moment_ns = moment_of(anomaly, at_once=not whole)
    return Hunt(oracle, plan, Sight(moment_ns, run.faults, anomaly.operations, run.events))


def _search(hunt: Hunt) -> None:
    """Try all passes until none of them finds anything smaller."""
    # Invariant: `hunt.best` fails. A pass replaces it only by a plan that was run and failed as
    # well, so the order of the passes decides what the search costs and how far it gets, never
    # whether its result is right.
    passes.cut_the_end(hunt)
    whole, sight, runs_max = hunt.best, hunt.sight, hunt.oracle.runs_max
    effort = max(EFFORT * sight.events, EFFORT_LEAST)
    with hunt.oracle.bounded(effort, runs_max):
        _settle(hunt, (*passes.CUTS, passes.quiet_network))
    if not random_cuts.short_enough(hunt.best):
        with hunt.oracle.bounded(BOLD_EFFORT, runs_max * 5 // 6):
            redraws.search(hunt, whole, sight)
    simplifications.explicit_faults(hunt)
    simplifications.single_faults(hunt)
    random_cuts.with_fewer_nodes(hunt)
    with hunt.oracle.bounded(effort, (runs_max - hunt.oracle.runs) // 4):
        random_cuts.without_spare(hunt)
    for _ in range(2):
        with hunt.oracle.bounded(effort, runs_max):
            _settle(
                hunt,
                (
                    *passes.CUTS,
                    *passes.WORDS,
                    simplifications.plain_triggers,
                    simplifications.plain_faults,
                ),
            )
        if random_cuts.short_enough(hunt.best) or not redraws.nearly_short(hunt.best):
            break
        with hunt.oracle.bounded(effort, runs_max // 8):
            random_cuts.with_less(hunt)
    simplifications.named_messages(hunt)


EFFORT, EFFORT_LEAST = 5, 80_000
"""The events that a part of the search may take, as a multiple of those of the run that it shrinks,
and the least number: a plan that is not short by then needs luck to become so."""

BOLD_EFFORT = 2_000_000
"""Sketches, and the search from them, may take at most this many events."""


ROUNDS_MAX = 4


def _settle(hunt: Hunt, tried: tuple[Callable[[Hunt], None], ...]) -> None:
    """Try some passes, again and again while the plan gets smaller."""
    for _ in range(ROUNDS_MAX):
        before = hunt.best
        for each in tried:
            each(hunt)
        if hunt.best == before:
            return


SHRUNK, PASSING = "shrunk.json", "passing.json"
"""The files written beside the repro file: the smallest plan, and the nearest that passes."""


def write_shrunk(shrunk: Shrunk, out: Path, repro: Repro | None = None) -> None:
    """Write what was found as a repro file, and the nearest plan that passes beside it.

    Args:
        shrunk: what was found.
        out: the file.
        repro: the file that it came from, which may have been shrunk itself.
    """
    origin = dict(repro.shrunk_from) if repro is not None else {}
    origin = {
        "seed": shrunk.seed,
        "operations": shrunk.before.operations,
        "faults": shrunk.before.faults,
        "nodes": shrunk.before.nodes,
        **origin,
        "runs": origin.get("runs", 0) + shrunk.runs,
    }
    write_repro(shrunk.outcome, out, origin)
    if shrunk.passing is not None:
        model = model_of(shrunk.passing)
        write_repro(judge(simulate(shrunk.passing, model), model), out.with_name(PASSING))
