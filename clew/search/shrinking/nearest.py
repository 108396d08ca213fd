"""The nearest plan that passes, and where its run parts from the failing one.

What a failure hangs on is best seen beside a run in which it does not happen. Candidates are the
failing plan with one fault weakened or taken away, then with one operation taken away, then with
nothing changed but its luck; of those that pass, the one whose run agrees longest with the failing
run is the nearest.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from clew.checkers.verdict import Verdict
from clew.errors import ClewError
from clew.scenarios.outcome import judge
from clew.scenarios.plan import Plan
from clew.scenarios.run import Run, simulate
from clew.search.shrinking import cuts
from clew.search.shrinking.oracle import Spent
from clew.search.shrinking.passes import MS, Hunt
from clew.search.shrinking.telling import told
from clew.sim.trace import Trace

UNSEEN = frozenset(
    {
        "fault", "heal", "phase", "link", "invoke", "timer", "send", "crash", "start", "pause",
        "resume", "clock",
    }
)  # fmt: skip
"""What the change of a plan itself brings about, or says nothing."""


def nearest_passing(hunt: Hunt) -> tuple[Plan, str] | None:
    """The nearest plan that passes, with the first event where the runs part, in words.

    None where no candidate passes.
    """
    failing = simulate(hunt.best, hunt.oracle.model)
    for candidates in (_weakened(hunt.best), _bereft(hunt.best), _redrawn(hunt.best)):
        best: tuple[int, Plan, str] | None = None
        for plan in candidates:
            run = _passing(hunt, plan)
            if run is None:
                continue
            number, words = parting(failing, run)
            if best is None or number > best[0]:
                best = number, plan, words
        if best is not None:
            return best[1], best[2]
    return None


def _passing(hunt: Hunt, plan: Plan) -> Run | None:
    """The run of a plan where it does not fail at all, else None."""
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


def _weakened(plan: Plan) -> Iterator[Plan]:
    """The plan with one fault shorter, later or gone."""
    for rank, fault in enumerate(plan.faults):
        length_ns = fault.until_ns - fault.at_ns
        for part in (8, 4, 2):
            shorter_ns = length_ns * (part - 1) // part
            if length_ns - shorter_ns >= MS:
                sooner = replace(fault, until_ns=fault.at_ns + shorter_ns)
                yield cuts.with_fault(plan, rank, sooner)
                later = replace(fault, at_ns=fault.until_ns - shorter_ns)
                yield cuts.with_fault(plan, rank, later)
        yield replace(plan, faults=plan.faults[:rank] + plan.faults[rank + 1 :])


def _bereft(plan: Plan) -> Iterator[Plan]:
    """The plan without one operation."""
    for rank in range(len(plan.operations)):
        yield cuts.with_operations(plan, plan.operations[:rank] + plan.operations[rank + 1 :])


def _redrawn(plan: Plan) -> Iterator[Plan]:
    """The plan under some other seeds: what is left where a plan has nothing to take away."""
    for seed in range(plan.seed + 1, plan.seed + 1 + SEEDS):
        yield replace(plan, seed=seed)


SEEDS = 8


def parting(failing: Run, passing: Run) -> tuple[int, str]:
    """How many records of two runs agree, and the first that does not, in words.

    What the plans themselves say differently, such as a fault, does not count.
    """
    ours, theirs = _seen(failing.trace), _seen(passing.trace)
    agreed = 0
    while True:
        a, b = next(ours, None), next(theirs, None)
        if a != b:
            return agreed, f"In the failing run {_words(a)}; in the passing one {_words(b)}."
        if a is None:
            return agreed, "The two runs do the same; only what clients ask differs."
        agreed += 1


def _seen(trace: Trace) -> Iterator[tuple[int, str]]:
    """When and what, of what nodes and the network do."""
    for event in trace.events():
        if event.kind not in UNSEEN:
            yield event.time, told(event)


def _words(seen: tuple[int, str] | None) -> str:
    return "nothing more happens" if seen is None else f"at {seen[0] / 1e9:.6f} s {seen[1]}"
