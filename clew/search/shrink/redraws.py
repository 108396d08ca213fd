"""Plans under other seeds: for failures that depend on the luck of a thousand draws.

Taking one operation away leaves the draws of all others as they were, but not what they are used
for: the next message of a link takes the latency that was drawn for its rank. If a failure needs a
rare order of messages, delta debugging leaves far too much. Then sketches of the plan are tried
under other seeds: a few consecutive faults with the operations around them, the end of the plan, or
some of its faults and operations close together. A plan that fails often enough to have been found
at all is likely to have a sketch that does, and sketches run for milliseconds. The first that fails
is thinned.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from clew.scenarios.plans.plan import Plan, PlannedOperation
from clew.search.shrink import cuts, passes
from clew.search.shrink.oracle import Sight
from clew.search.shrink.passes import MS, Hunt, planned_evidence
from clew.search.shrink.random_cuts import (
    FAULTS_ENOUGH,
    LEAD_NS,
    OPERATIONS_ENOUGH,
    TAIL_NS,
    few_nodes,
    in_order,
    sample,
    short_enough,
    thin,
    weight,
    with_less,
)
from clew.sim.entropy import Entropy, Stream
from clew.sim.faults import Fault, joins
from clew.sim.faults.targets import aim_at

TURNS, SKETCHES = 20, 400
"""The number of rounds at most, and of sketches in each."""

SMALL_OPERATIONS, SMALL_FAULTS = 100, 6
"""A plan of at most this many is as good as a sketch of it."""

LAST_FAULTS, STRETCH_FAULTS = 6, 12
"""The number of last faults before the failure that are likely causes, and how many in a row
suffice."""


def search(hunt: Hunt, whole: Plan, sight: Sight) -> None:
    """Sketch the whole plan and thin the sketch, again and again, until the best is short.

    A plan that is small already is as good as a sketch. If the thinned plan is small but not short,
    other cuts of the same sketch are tried before the next one.
    """
    best, seen = hunt.best, hunt.sight
    small = len(best.operations) <= SMALL_OPERATIONS and len(best.faults) <= SMALL_FAULTS
    base = (best, seen) if small else None
    try:
        # Invariant: `best` is the lightest plan that failed; `base` is what is thinned next, the
        # small plan or a sketch that failed, and None where another sketch is to be drawn.
        for turn in range(TURNS):
            again = base is None
            if base is None:
                hunt.best, hunt.sight = whole, sight
                if not _sketched(hunt, turn):
                    continue
                passes.cut_the_end(hunt)
                base = hunt.best, hunt.sight
            hunt.best, hunt.sight = base
            thin(hunt, turn)
            if len(hunt.best.operations) <= passes.SINGLY:
                _finish(hunt, turn)
            if weight(hunt.best) < weight(best):
                best, seen = hunt.best, hunt.sight
            if short_enough(best):
                return
            if not again or len(hunt.best.operations) > passes.SINGLY:
                base = None
    finally:
        if weight(best) <= weight(hunt.best):
            hunt.best, hunt.sight = best, seen


def _finish(hunt: Hunt, turn: int) -> None:
    """Make a small plan short, if possible."""
    for each in passes.CUTS:
        if short_enough(hunt.best):
            return
        each(hunt)
    thin(hunt, turn)
    if nearly_short(hunt.best):
        with_less(hunt)


def nearly_short(plan: Plan) -> bool:
    """Return whether operations are few and faults hardly too many, or the other way round."""
    operations, faults = len(plan.operations), len(plan.faults)
    if faults <= FAULTS_ENOUGH:
        return operations <= 2 * OPERATIONS_ENOUGH
    return operations <= OPERATIONS_ENOUGH and faults <= 2 * FAULTS_ENOUGH


def _sketched(hunt: Hunt, turn: int) -> bool:
    """Try sketches of the best plan; False if none fails.

    Args:
        hunt: the state of the search.
        turn: another number draws others.
    """
    whole, shown = hunt.best, planned_evidence(hunt.best, hunt.sight)
    stream = Entropy(whole.seed).stream("shrink", "sketch", turn)
    ways = (_stretch, _ending, _stretch, _free, _stretch)
    return any(
        hunt.attempt(
            ways[rank % len(ways)](replace(whole, seed=turn * SKETCHES + rank + 1), shown, stream)
        )
        for rank in range(SKETCHES)
    )


def _ending(plan: Plan, shown: Sequence[PlannedOperation], stream: Stream) -> Plan:
    """Keep the end: up to three of the last faults, and some operations around them."""
    last = plan.faults[-LAST_FAULTS:][-stream.between(1, LAST_FAULTS) :]
    faults = sample(last, stream.between(1, FAULTS_ENOUGH), stream)
    end_ns = plan.time_limit_ns
    begins_ns = min((fault.at_ns for fault in faults), default=end_ns - LEAD_NS)
    plan = replace(plan, faults=tuple(faults))
    plan = _some_of(plan, begins_ns - LEAD_NS // 2, end_ns, stream.below(5), shown, stream)
    if plan.recovery_ns:
        return plan
    return replace(plan, time_limit_ns=plan.time_limit_ns + 2 * TAIL_NS)


def _stretch(plan: Plan, shown: Sequence[PlannedOperation], stream: Stream) -> Plan:
    """Keep many consecutive faults with some of the operations around them."""
    if not plan.faults:
        return _ending(plan, shown, stream)
    count = stream.between(1, min(len(plan.faults), STRETCH_FAULTS))
    first = stream.below(len(plan.faults) - count + 1)
    faults = plan.faults[first : first + count]
    end_ns = max(fault.until_ns for fault in faults) + 2 * LEAD_NS
    if not plan.recovery_ns:
        plan = replace(plan, time_limit_ns=min(plan.time_limit_ns, end_ns))
    plan = replace(plan, faults=faults)
    return _some_of(plan, faults[0].at_ns - LEAD_NS // 2, end_ns, stream.below(2), shown, stream)


def _some_of(
    plan: Plan,
    start_ns: int,
    end_ns: int,
    thinness: int,
    shown: Sequence[PlannedOperation],
    stream: Stream,
) -> Plan:
    """Keep some of the operations of a time; the plan begins a second before it."""
    around = [one for one in plan.operations if start_ns <= one.at_ns < end_ns]
    count = max(len(around) >> thinness, min(len(around), OPERATIONS_ENOUGH))
    last = [one for one in plan.operations if one.phase != "main" and one.at_ns >= end_ns]
    plan = cuts.with_operations(plan, sample(around, count, stream, shown) + last)
    plan = cuts.earlier(plan, start_ns, start_ns - LEAD_NS) if start_ns > LEAD_NS else plan
    return few_nodes(plan, stream)


def _free(plan: Plan, shown: Sequence[PlannedOperation], stream: Stream) -> Plan:
    """Put some faults and operations into two or three seconds."""
    end_ns = stream.between(1500, 3500) * MS
    faults = sample(plan.faults, stream.between(1, FAULTS_ENOUGH), stream)
    aims = _states(plan.faults)
    faults = sorted(
        (_placed(fault, aims, end_ns, stream) for fault in faults),
        key=lambda fault: fault.at_ns,
    )
    edges = [time for fault in faults for time in (fault.at_ns, fault.until_ns)] or [end_ns // 2]
    asked = [one for one in plan.operations if one.phase == "main"]
    count = OPERATIONS_ENOUGH << stream.below(4)
    kept = sample(asked, count, stream, shown if stream.chance(1, 2) else ())
    moved = [one._replace(at_ns=_moment(edges, end_ns, stream)) for one in kept]
    if plan.recovery_ns:
        end_ns = plan.time_limit_ns
        moved += [one for one in plan.operations if one.phase != "main"]
    plan = replace(plan, faults=tuple(faults), time_limit_ns=end_ns)
    return few_nodes(cuts.with_operations(plan, in_order(moved)), stream)


def _states(faults: Iterable[Fault]) -> list[str]:
    """List the server states that faults aim at."""
    aims = dict.fromkeys(aim for fault in faults if (aim := aim_at(fault.target)))
    return [str(aim) for aim in aims if aim.is_state]


def _placed(fault: Fault, aims: Sequence[str], end_ns: int, stream: Stream) -> Fault:
    """Move a fault to another time, short or not, perhaps aimed at a server state."""
    at_ns = stream.between(LEAD_NS // 2 // MS, end_ns // MS - 300) * MS
    length_ns = stream.between(20, 300 if stream.chance(1, 3) else 1500) * MS
    target = fault.target
    if aims and isinstance(target, str) and stream.chance(1, 2):
        target = stream.pick(aims)
    if fault.when is not None:  # it goes on waiting
        return replace(fault, at_ns=at_ns, until_ns=end_ns)
    until_ns = at_ns if joins(fault) else min(at_ns + length_ns, end_ns)
    return replace(fault, at_ns=at_ns, until_ns=until_ns, target=target)


def _moment(edges: Sequence[int], end_ns: int, stream: Stream) -> int:
    """Draw a time, mostly close to where a fault begins or ends."""
    if stream.chance(1, 4):
        return stream.between(MS, end_ns - MS)
    return min(max(stream.pick(edges) + stream.between(-300, 500) * MS, MS), end_ns - MS)
