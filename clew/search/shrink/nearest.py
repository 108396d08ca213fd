"""The nearest plan that passes, and where its run parts from the failing one.

What a failure depends on is best seen beside a run in which it does not happen. Candidates are the
failing plan with one fault weakened or taken away, one crash that loses nothing, or one message
that arrives; then with two operations that do not overlap, with one operation taken away, and with
only its seed changed. Of those that pass, the one whose run agrees longest with the failing run in
the failure's causal past is the nearest.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import replace
from itertools import chain
from typing import NamedTuple

from clew.checkers.verdict import Anomaly, Verdict
from clew.errors import ClewError
from clew.history import Operation
from clew.scenarios.judgement.outcome import judge
from clew.scenarios.plans.plan import Plan, PlannedOperation
from clew.scenarios.runs.run import Run, simulate
from clew.search.shrink import cuts
from clew.search.shrink.oracle import Sight, Spent, blamed, failing
from clew.search.shrink.parting import Failing, Parting
from clew.search.shrink.passes import MS, Hunt, planned_evidence
from clew.search.shrink.simplifications import as_struck, lost_to, reason_of
from clew.sim.faults import Fault
from clew.trace.words import time


def nearest_passing(hunt: Hunt) -> tuple[Plan, str] | None:
    """Find the nearest plan that passes, and the first event where the runs part, in words.

    One whose run parts in the causal past of the failure is nearer than any other. None if no
    candidate passes.
    """
    run = simulate(hunt.best, hunt.oracle.model)
    found = failing(judge(run, hunt.oracle.model), hunt.oracle.target)
    if found is None:
        return None  # the model is not deterministic, which is reported elsewhere
    compared, wrong = Failing(run, found[1]), _wrong(hunt.best, found[1])
    groups = (
        chain(_weakened(hunt.best), _kept(hunt), _arriving(hunt, run)),
        _apart(hunt.best, run, wrong),
        _bereft(hunt.best, wrong),
        _redrawn(hunt.best),
        _bereft(hunt.best, []),
    )
    # What changes least comes first: the first group of which one passes decides.
    for candidates in groups:
        best: tuple[Parting, Plan] | None = None
        done: str | None = None
        for candidate in candidates:
            if done is not None and candidate.family == done:
                continue
            passing = _passing(hunt, candidate.plan)
            if passing is None:
                continue
            done = candidate.family
            part = candidate.parting or compared.parting(passing)
            # A difference in the failure's past counts above any other, then the longest agreement.
            if best is None or part[:2] > best[0][:2]:
                best = part, candidate.plan
        if best is not None:
            return best[1], best[0].text
    return None


class Candidate(NamedTuple):
    """A plan that may pass.

    Attributes:
        plan: a failing one with a change.
        family: once one of a family passes, the others need not be tried; None for no family.
        parting: where its run parts from the failing one, if that is known beforehand.
    """

    plan: Plan
    family: str | None = None
    parting: Parting | None = None


def _passing(hunt: Hunt, plan: Plan) -> Run | None:
    """Run a plan; None if it fails in any way."""
    oracle = hunt.oracle
    if oracle.runs >= oracle.runs_max:
        raise Spent
    oracle.told()
    oracle.runs += 1
    try:
        run = simulate(replace(plan, events_max=oracle.events_max), oracle.model)
    except ClewError:
        return None
    outcome = judge(run, oracle.model)
    return None if outcome.verdict is Verdict.INVALID else run


def _weakened(plan: Plan) -> Iterator[Candidate]:
    """Make one fault shorter or later, or take it away."""
    for rank, fault in enumerate(plan.faults):
        if fault.when is not None:
            for part in (8, 4, 2):
                shorter_ns = fault.when.lasts_ns * (part - 1) // part
                if fault.when.lasts_ns - shorter_ns >= MS:
                    shorter = replace(fault, when=replace(fault.when, lasts_ns=shorter_ns))
                    yield Candidate(cuts.with_fault(plan, rank, shorter))
            yield Candidate(cuts.without_a_fault(plan)[rank])
            continue
        length_ns = fault.until_ns - fault.at_ns
        # By little first: an eighth of the fault gone says more than half of it.
        for part in (8, 4, 2):
            shorter_ns = length_ns * (part - 1) // part
            if length_ns - shorter_ns >= MS:
                sooner = replace(fault, until_ns=fault.at_ns + shorter_ns)
                yield Candidate(cuts.with_fault(plan, rank, sooner))
                later = replace(fault, at_ns=fault.until_ns - shorter_ns)
                yield Candidate(cuts.with_fault(plan, rank, later))
        yield Candidate(cuts.without_a_fault(plan)[rank])


def _kept(hunt: Hunt) -> Iterator[Candidate]:
    """Let one crash lose no unsynced writes."""
    for rank, fault in enumerate(hunt.best.faults):
        report = next((one for one in hunt.sight.faults if one.id == fault.id), None)
        if fault.kind != "kill" or report is None or not _LOST.search(report.detail):
            continue
        kept = replace(fault, params={**fault.params, "unsynced": "kept"})
        nodes = report.detail.partition("; ")[0].removeprefix("killed ")
        text = (
            f"In the failing run at {time(report.at_ns)} what {nodes} had not "
            "synced is lost; in the passing one it is on the disk."
        )
        # Up to the crash everything agrees: nothing nearer can pass.
        yield Candidate(
            cuts.with_fault(hunt.best, rank, kept),
            parting=Parting(causal=True, agreed=hunt.sight.events, text=text),
        )


_LOST = re.compile(r"; [1-9]\d* unsynced writes? lost|[1-9]\d* torn")


def _arriving(hunt: Hunt, run: Run) -> Iterator[Candidate]:
    """Let one lost message arrive, the last one first."""
    timeline = run.timeline()
    for rank, fault in enumerate(hunt.best.faults):
        why = reason_of(fault)
        fault = as_struck(fault, run.faults)  # noqa: PLW2901 - the same, with the times it had
        lost = lost_to(timeline, run.plan, fault, why) if why else []
        for message in reversed(lost[-ARRIVING_MAX:]):
            others = [one for one in lost if one != message]
            named = Fault(fault.id, "drop", fault.at_ns, fault.until_ns, None, {"messages": others})
            yield Candidate(cuts.with_fault(hunt.best, rank, named), f"arriving {rank}")


ARRIVING_MAX = 8
"""At most this many messages of one fault are tried."""


def _apart(plan: Plan, run: Run, kept: Collection[PlannedOperation]) -> Iterator[Candidate]:
    """Invoke one of two overlapping operations only when the other is answered."""
    timeline = run.timeline()
    asked: dict[str, list[Operation]] = {}
    for one in timeline.operations:
        asked.setdefault(timeline.client_of(one.process), []).append(one)
    pairs: list[tuple[int, Operation]] = []
    # A client's operations are invoked in the order of the plan, so they pair up one by one.
    for rank, planned in enumerate(plan.operations):
        if asked.get(f"c{planned.client}"):
            pairs.append((rank, asked[f"c{planned.client}"].pop(0)))
    for rank, later in pairs:
        ends = [
            one.end
            for _, one in pairs
            if one.process != later.process and one.end is not None
            and (one.start or 0) <= (later.start or 0) < one.end
        ]  # fmt: skip
        planned = plan.operations[rank]
        at_ns = (max(ends, default=0) // MS + 1) * MS
        if ends and planned.phase == "main" and planned not in kept and at_ns < plan.time_limit_ns:
            operations = [*plan.operations]
            operations[rank] = planned._replace(at_ns=at_ns)
            yield Candidate(cuts.with_operations(plan, operations))


def _wrong(plan: Plan, anomaly: Anomaly) -> list[PlannedOperation]:
    """Find the operation whose answer is wrong: it shows the failure, so it must stay."""
    number = blamed(anomaly)
    ended = [one for one in anomaly.operations if one.end is not None]
    wrong = [one for one in ended if one.number == number] or sorted(
        ended, key=lambda one: one.end or 0
    )
    return planned_evidence(plan, Sight(None, (), (*wrong[-1:],), 0))


def _bereft(plan: Plan, kept: Collection[PlannedOperation]) -> Iterator[Candidate]:
    """Take away one operation that need not be kept."""
    for one, rest in zip(plan.operations, cuts.without_an_operation(plan), strict=True):
        if one not in kept:
            yield Candidate(rest)


def _redrawn(plan: Plan) -> Iterator[Candidate]:
    """Change the seed: the last resort if a plan has nothing to take away."""
    for seed in range(plan.seed + 1, plan.seed + 1 + SEEDS):
        yield Candidate(replace(plan, seed=seed))


SEEDS = 8
