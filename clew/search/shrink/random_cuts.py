"""Thinning: drawn parts of a failing plan are taken away, the others moved a little.

If a failure needs a rare order of messages, every single cut that delta debugging tries may lose
it. What nodes draw for themselves depends on the seed, so under the same seed a plan without some
drawn operations, the others a few milliseconds earlier or later, still fails as often as not,
though each of its messages takes another latency. The number that go at once depends on how often
it works, which keeps about one attempt in six successful.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

from clew.scenarios.plans.plan import Plan, PlannedOperation
from clew.search.shrink import cuts
from clew.search.shrink.passes import MS, SINGLY, Hunt, cut_the_end, planned_evidence
from clew.sim.entropy import Entropy, Stream
from clew.sim.faults import Fault, joins

T = TypeVar("T")

OPERATIONS_ENOUGH, FAULTS_ENOUGH, NODES_ENOUGH = 8, 3, 3
"""The sizes of a story that is short enough; of three nodes any two are a majority."""

LEAD_NS, TAIL_NS = 1_000_000_000, 250_000_000
"""Time for a cluster to settle before anything happens, and for the failure to come later."""

NEAR_NS = (5_000_000, 30_000_000, 100_000_000)
"""The amounts, to draw from, by which what stays may come earlier or later."""

WHOLE = 1 << 20
"""The whole of a plan, in the unit in which parts of it are given."""

SLOW = 90
"""This many attempts that together leave seven eighths or more are enough."""

SEEDS, SEEDS_FEW, SEEDS_SPARE = 120, 9, 25
"""The number of seeds under which a plan is tried with a little less, with a node less, and with
less than is short enough."""


def short_enough(plan: Plan) -> bool:
    """Return whether a plan needs no bold cuts."""
    return len(plan.operations) <= OPERATIONS_ENOUGH and len(plan.faults) <= FAULTS_ENOUGH


def weight(plan: Plan) -> int:
    """Measure how long the story is; a fault takes more words than an operation."""
    return len(plan.operations) + 3 * len(plan.faults)


def thin(hunt: Hunt, turn: int) -> None:
    """Take drawn operations and faults away and move the others a little, while it still fails.

    The seed mostly stays, and with it what nodes draw for themselves, so a plan with slightly fewer
    operations fails as often as not. The number that go at once depends on how often it works. If
    hardly one can go, the plan wanders among those that are no bigger.

    Args:
        hunt: the state of the search.
        turn: another number draws other cuts.
    """
    size = len(hunt.best.operations), len(hunt.best.faults)
    stream = Entropy(hunt.best.seed).stream("shrink", "thin", turn, *size)
    part, slow, mark = WHOLE // 2, 0, weight(hunt.best)
    # Invariant: `hunt.best` fails. `slow` counts the attempts since `mark`, the weight when an
    # eighth had gone. What goes at once doubles with a success and loses an eighth with a failure:
    # the two balance at about one success in six.
    while slow < SLOW:
        slow += 1
        plan = _ended(hunt)
        single = part * max(len(plan.operations), 1) < 2 * WHOLE
        if single and slow % 3 == 0:
            hunt.attempt(_moved(plan, stream))
            continue
        shown = planned_evidence(plan, hunt.sight)
        if slow % 6 == 1:
            anew = replace(plan, seed=turn * SLOW + slow)
            thinner = _thinner(anew, shown, max(part, WHOLE // 4), stream)
        else:
            thinner = _thinner(plan, shown, part, stream)
        if hunt.attempt(thinner):
            part = min(2 * part, WHOLE // 2)
            if weight(hunt.best) <= mark * 7 // 8:
                cut_the_end(hunt)
                slow, mark = 0, weight(hunt.best)
        else:
            part = max(part * 7 // 8, 1)


def _ended(hunt: Hunt) -> Plan:
    """Cut the best plan's end down to what another failure may need."""
    plan, moment_ns = hunt.best, hunt.sight.moment_ns
    if moment_ns is None or plan.recovery_ns:
        return plan
    return replace(plan, time_limit_ns=moment_ns + TAIL_NS)


def _thinner(plan: Plan, shown: Collection[PlannedOperation], part: int, stream: Stream) -> Plan:
    """Take some operations or faults away and move the others to slightly different times."""
    faults, operations = plan.faults, plan.operations
    if stream.chance(1, 8):
        plan = _later_part(plan, part, stream)
    elif faults and (not operations or stream.chance(*_fault_odds(plan))):
        plan = replace(plan, faults=tuple(_less(faults, part, (), stream)))
    elif operations:
        always = shown if stream.chance(1, 2) else ()
        plan = cuts.with_operations(plan, _less(operations, part, always, stream))
    if stream.chance(1, 16):
        plan = _calmer(plan, stream)
    if stream.chance(1, 6):
        plan = _hurried(plan, stream)
    if len(plan.node_ids) > NODES_ENOUGH and stream.chance(1, 16):
        plan = few_nodes(plan, stream)
    return _moved(plan, stream) if stream.chance(1, 2) else plan


def _fault_odds(plan: Plan) -> tuple[int, int]:
    """Choose how often faults go instead of operations, which serve many faults."""
    if len(plan.faults) <= FAULTS_ENOUGH:
        return 1, 6
    return (2, 3) if len(plan.operations) > SINGLY else (9, 10)


def _less(items: Sequence[T], part: int, always: Collection[object], stream: Stream) -> list[T]:
    """Take a part of a list away: consecutive elements, or drawn ones."""
    gone = max(len(items) * part // WHOLE, 1)
    if stream.chance(1, 2):
        return sample(items, len(items) - gone, stream, always)
    first = stream.below(len(items) - gone + 1)
    return [
        one for rank, one in enumerate(items) if not first <= rank < first + gone or one in always
    ]


def _later_part(plan: Plan, part: int, stream: Stream) -> Plan:
    """Take away what comes first; the rest perhaps moves earlier by as much."""
    starts = sorted([one.at_ns for one in plan.operations] + [one.at_ns for one in plan.faults])
    if not starts:
        return plan
    from_ns = starts[min(max(len(starts) * part // WHOLE, 1), len(starts) - 1)]
    plan = replace(
        plan,
        faults=tuple(one for one in plan.faults if one.at_ns >= from_ns),
        operations=tuple(one for one in plan.operations if one.at_ns >= from_ns),
    )
    if from_ns <= LEAD_NS or stream.chance(1, 2):
        return plan
    return cuts.earlier(plan, from_ns, from_ns - LEAD_NS)


def _hurried(plan: Plan, stream: Stream) -> Plan:
    """Halve one of the waits."""
    points = cuts.times(plan)
    rank = stream.below(len(points))
    gap = points[rank] - points[rank - 1] if rank else 0
    return cuts.earlier(plan, points[rank], gap // 2) if gap > 10 * MS else plan


def _moved(plan: Plan, stream: Stream) -> Plan:
    """Move the operations or the faults a little."""
    by_ns = stream.pick(NEAR_NS)
    if plan.faults and stream.chance(1, 3):
        faults = [_near_fault(fault, by_ns, stream) for fault in plan.faults]
        plan = replace(plan, faults=tuple(sorted(faults, key=lambda fault: fault.at_ns)))
    else:
        moved = [
            one._replace(at_ns=_near(one.at_ns, by_ns, stream)) if one.phase == "main" else one
            for one in plan.operations
        ]
        plan = cuts.with_operations(plan, in_order(moved))
    return plan


def _near_fault(fault: Fault, by_ns: int, stream: Stream) -> Fault:
    at_ns = _near(fault.at_ns, by_ns, stream)
    until_ns = max(_near(fault.until_ns, by_ns, stream), at_ns)
    return replace(fault, at_ns=at_ns, until_ns=at_ns if joins(fault) else until_ns)


def _near(time_ns: int, by_ns: int, stream: Stream) -> int:
    return max(time_ns + stream.between(-by_ns, by_ns), MS)


def _calmer(plan: Plan, stream: Stream) -> Plan:
    """Lower the latencies, or make them constant."""
    if not plan.latency_ns:
        return plan
    if stream.chance(1, 2):
        return replace(plan, latency_shape="constant")
    return replace(plan, latency_ns=plan.latency_ns // 2)


def few_nodes(plan: Plan, stream: Stream) -> Plan:
    """Keep as many nodes as are enough, or, as often, all."""
    if len(plan.node_ids) <= NODES_ENOUGH or stream.chance(1, 2):
        return plan
    groups = plan.roles.values() or (plan.node_ids,)
    kept = [n for names in groups for n in stream.sample(names, min(len(names), NODES_ENOUGH))]
    return cuts.with_nodes(plan, kept, moved=True) or plan


def in_order(operations: Iterable[PlannedOperation]) -> list[PlannedOperation]:
    """Sort operations by time."""
    return sorted(operations, key=lambda one: (one.at_ns, one.client))


def sample(
    items: Sequence[T], count: int, stream: Stream, always: Collection[object] = ()
) -> list[T]:
    """Draw some elements, in their order, with those that must stay."""
    ranks = {rank for rank, item in enumerate(items) if item in always}
    rest = [rank for rank in range(len(items)) if rank not in ranks]
    ranks.update(stream.sample(rest, max(count - len(ranks), 0)))
    return [item for rank, item in enumerate(items) if rank in ranks]


def with_less(hunt: Hunt) -> None:
    """Take one fault or operation away under another seed, again until it is short enough.

    Some faults, such as a restart of all nodes at once, only change the draws.
    """
    # Each round leaves one fault or operation less, so this ends.
    while not short_enough(hunt.best):
        plan = _ended(hunt)
        many = len(plan.faults) > FAULTS_ENOUGH
        bereft = cuts.without_a_fault(plan) if many else cuts.without_an_operation(plan)
        if not any(
            hunt.attempt(replace(each, seed=seed)) for seed in range(1, SEEDS) for each in bereft
        ):
            return
        cut_the_end(hunt)


def without_spare(hunt: Hunt) -> None:
    """Keep the evidence alone, then take one element away, under other seeds, and again.

    What no cut under the same seed could take away may matter only for its draws.
    """
    again = True
    # Each round leaves a lighter plan, or is the last.
    while again:
        plan = _ended(hunt)
        shown = planned_evidence(plan, hunt.sight)
        spared = [cuts.with_operations(plan, shown)] if shown else []
        spared += cuts.without_a_fault(plan) + cuts.without_an_operation(plan)
        spared = [each for each in spared if weight(each) < weight(plan)]
        again = any(
            hunt.attempt(replace(each, seed=seed))
            for seed in range(1, SEEDS_SPARE)
            for each in spared
        )
        if again:
            cut_the_end(hunt)


def with_fewer_nodes(hunt: Hunt) -> None:
    """Take one node away under another seed, and again."""
    # Each round leaves a node less, or is the last.
    while len(hunt.best.node_ids) > NODES_ENOUGH:
        whole = hunt.best
        if not any(
            hunt.attempt(replace(plan, seed=seed))
            for seed in range(1, SEEDS_FEW)
            for name in reversed(whole.node_ids)
            if (plan := cuts.with_nodes(whole, {*whole.node_ids} - {name}, moved=True)) is not None
        ):
            return
