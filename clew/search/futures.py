"""How likely a failure was: from a moment on every draw is made anew, again and again.

Draws are keyed, so a run can be followed up to a moment and left there: what happened before is the
same, and what the network, clients, faults and nodes draw from then on is another seed's. The share
of such futures that fail the same way grows over the run, and from the event that made the failure
inevitable on it is all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from clew.scenarios.judgement.outcome import Outcome, judge
from clew.scenarios.runs.run import simulate
from clew.search.shrink.oracle import failing, target_of
from clew.sim.entropy import Fork
from clew.sim.guards.files import muted

FUTURES = 40

FIRST_SEED = 1_000
"""The seed of the first future; the next have those that follow."""

LEAST_EVENTS = 500
"""What a short run costs beside its events is worth this many."""


class Share(NamedTuple):
    """How many futures fail from a moment on.

    Attributes:
        at_ns: the moment, virtual ns.
        failed: how many of the futures that begin there fail the same way.
        futures: how many there are.
    """

    at_ns: int
    failed: int
    futures: int = FUTURES


def shares(outcome: Outcome, moments: Sequence[int], events_max: int) -> list[Share]:
    """Follow futures from some moments of a failing run; a function of its arguments.

    Args:
        outcome: of the run.
        moments: virtual ns, in order.
        events_max: how many events all futures may have together: fewer moments are looked at, as
            far apart as they may be, if there would be more.

    Returns:
        The shares, in order; empty if nothing failed, or not even one moment fits.
    """
    target = target_of(outcome)
    fitting = events_max // (max(outcome.run.events, LEAST_EVENTS) * FUTURES)
    if target is None or fitting < 1:
        return []
    found: list[Share] = []
    with muted():
        for at_ns in _spread(sorted({*moments}), fitting):
            failed = 0
            for seed in range(FIRST_SEED, FIRST_SEED + FUTURES):
                run = simulate(outcome.run.plan, outcome.model, fork=Fork(at_ns, seed))
                failed += failing(judge(run, outcome.model), target) is not None
            found.append(Share(at_ns, failed))
    return found


def _spread(moments: Sequence[int], most: int) -> list[int]:
    """Choose at most so many moments, the last among them, evenly by rank."""
    if len(moments) <= most:
        return [*moments]
    step = len(moments) / most
    return [moments[len(moments) - 1 - int(rank * step)] for rank in range(most)][::-1]
