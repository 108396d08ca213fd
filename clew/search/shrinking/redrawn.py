"""Plans in which chance is dealt anew: for failures that hang on the luck of a thousand draws.

Taking one operation away leaves the draws of all others as they were, but not what they are spent
on: the next message of a link takes the latency that was drawn for its rank. Where a failure needs
a rare order of messages, every single cut may lose it though a tenth of the plan would do, and
delta debugging ends with far too much. Then the whole plan is taken again and cut in halves under
other seeds, whichever still fails: a plan that fails often enough to have been found at all is
likely to have a half that does.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

from clew.scenarios.plan import Plan, PlannedOperation
from clew.search.shrinking import cuts
from clew.search.shrinking.passes import Hunt, planned_evidence
from clew.sim.entropy import Entropy, Stream

T = TypeVar("T")

OPERATIONS_ENOUGH, FAULTS_ENOUGH, NODES_ENOUGH = 8, 3, 3
"""A story of so few is short enough; of three nodes any two are a majority."""

TRIES = 210
"""So many cuts of one plan without success are enough."""

CALM_OPERATIONS = 100

NEAR_NS = 200_000_000
"""By so much an operation may come later."""

FAULTS_MOST = 5
"""More faults in a row than this make no short story."""

LEAD_NS = 1_000_000_000
"""Time for a cluster to find itself before anything happens."""


def short_enough(plan: Plan) -> bool:
    """True for a plan that needs no bold cuts."""
    return len(plan.operations) <= OPERATIONS_ENOUGH and len(plan.faults) <= FAULTS_ENOUGH


def halved(hunt: Hunt, turn: int) -> bool:
    """Cut the best plan by much, under another seed; False where no such cut still fails.

    Args:
        hunt: where it stands.
        turn: another number draws other cuts.
    """
    return any(hunt.attempt(plan) for plan in _halves(hunt, turn))


def _halves(hunt: Hunt, turn: int) -> Iterator[Plan]:
    """The best plan without much of it, each time with a seed of its own."""
    whole = hunt.best
    shown = planned_evidence(whole, hunt.sight)
    stream = Entropy(whole.seed).stream("shrink", turn, len(whole.operations), len(whole.faults))
    ways = _ways(whole, shown, stream)
    for rank in range(TRIES):
        plan = ways[rank % len(ways)](replace(whole, seed=turn * TRIES + rank + 1))
        if replace(plan, seed=whole.seed) != whole:
            yield plan


def _ways(
    whole: Plan, shown: Sequence[PlannedOperation], stream: Stream
) -> tuple[Callable[[Plan], Plan], ...]:
    """How to cut a plan: with many faults some in a row first, for they are what costs time."""

    def window(plan: Plan) -> Plan:
        return _window(plan, stream)

    def operations(plan: Plan) -> Plan:
        return _few_operations(plan, shown, stream)

    if len(whole.faults) > FAULTS_MOST:
        return (window, window, window, lambda plan: _few_faults(plan, stream))
    ways: tuple[Callable[[Plan], Plan], ...] = (
        operations,
        lambda plan: _shown_alone(plan, shown, stream),
        lambda plan: operations(window(plan)),
        lambda plan: _few_nodes(plan, stream),
        lambda plan: _shown_alone(_few_nodes(plan, stream), shown, stream),
        lambda plan: operations(_few_nodes(plan, stream)),
    )
    if OPERATIONS_ENOUGH < len(whole.operations) <= CALM_OPERATIONS:
        ways += (lambda plan: _some_less(plan, stream),) * 2
    if len(whole.faults) > FAULTS_ENOUGH:
        ways += (window, lambda plan: _few_faults(plan, stream))
    # While there is much to cut, the latencies that make it fail often are welcome.
    if len(whole.operations) <= CALM_OPERATIONS:
        ways += (lambda plan: _calmer(plan, stream),)
    return ways


def _window(plan: Plan, stream: Stream) -> Plan:
    """Some faults in a row with what is asked around them; without faults, some time at the end."""
    if plan.faults:
        count = stream.between(1, min(len(plan.faults), 2 * FAULTS_MOST))
        first = stream.below(len(plan.faults) - count + 1)
        faults = plan.faults[first : first + count]
        start_ns = faults[0].at_ns - LEAD_NS // 2
        end_ns = max(fault.until_ns for fault in faults) + 2 * LEAD_NS
    else:
        faults, end_ns = (), plan.time_limit_ns
        start_ns = stream.below(end_ns)
    kept = [one for one in plan.operations if start_ns <= one.at_ns < end_ns]
    plan = cuts.with_operations(replace(plan, faults=faults), kept)
    return cuts.earlier(plan, start_ns, start_ns - LEAD_NS) if start_ns > LEAD_NS else plan


def _calmer(plan: Plan, stream: Stream) -> Plan:
    """The plan with lower latencies, or constant ones."""
    if not plan.latency_ns:
        return plan
    if stream.chance(1, 2):
        return replace(plan, latency_shape="constant")
    return replace(plan, latency_ns=plan.latency_ns // 2)


def _few_faults(plan: Plan, stream: Stream) -> Plan:
    """The plan with some of its faults: the last ones, or drawn ones."""
    faults = plan.faults
    if len(faults) <= 1:
        return plan
    few = max(_part(len(faults), stream), 1)
    kept = faults[-few:] if stream.chance(1, 2) else _sample(faults, few, stream)
    return replace(plan, faults=tuple(kept))


def _few_operations(plan: Plan, shown: Collection[T], stream: Stream) -> Plan:
    """The plan with some of its operations, those that showed the failure among them or not."""
    operations = plan.operations
    if len(operations) <= 1:
        return plan
    count = _part(len(operations), stream)
    if stream.chance(1, 2):
        # In a row: what overtakes what hangs on how close together things come.
        first = stream.below(len(operations) - count + 1)
        return cuts.with_operations(plan, operations[first : first + count])
    always = shown if stream.chance(1, 2) else ()
    return cuts.with_operations(plan, _sample(operations, count, stream, always))


def _some_less(plan: Plan, stream: Stream) -> Plan:
    """The plan without one to a third of its operations, the others at slightly other times."""
    count = len(plan.operations) - stream.between(1, max(len(plan.operations) // 3, 1))
    moved = [
        one._replace(at_ns=one.at_ns + stream.below(NEAR_NS))
        for one in _sample(plan.operations, count, stream)
    ]
    return cuts.with_operations(plan, sorted(moved, key=lambda one: (one.at_ns, one.client)))


def _shown_alone(plan: Plan, shown: Sequence[PlannedOperation], stream: Stream) -> Plan:
    """The plan with hardly more than what showed the failure, at slightly other times."""
    if not shown or len(plan.operations) <= OPERATIONS_ENOUGH:
        return plan
    asked = {(one.f, one.at_ns) for one in shown}
    always = [one for one in plan.operations if (one.f, one.at_ns) in asked]
    kept = _sample(plan.operations, stream.between(len(shown), OPERATIONS_ENOUGH), stream, always)
    moved = [one._replace(at_ns=one.at_ns + stream.below(NEAR_NS)) for one in kept]
    return cuts.with_operations(plan, sorted(moved, key=lambda one: (one.at_ns, one.client)))


def _few_nodes(plan: Plan, stream: Stream) -> Plan:
    """The plan with one node less."""
    if len(plan.node_ids) <= NODES_ENOUGH:
        return plan
    gone = stream.pick(plan.node_ids)
    return cuts.with_nodes(plan, {*plan.node_ids} - {gone}, moved=True) or plan


def _part(count: int, stream: Stream) -> int:
    """A quarter, a half or three quarters of so many."""
    return count * stream.between(1, 3) // 4


def _sample(
    items: Sequence[T], count: int, stream: Stream, always: Collection[object] = ()
) -> list[T]:
    """Some drawn elements, in their order, those that are always wanted among them."""
    ranks = {rank for rank, item in enumerate(items) if item in always}
    rest = [rank for rank in range(len(items)) if rank not in ranks]
    ranks.update(stream.sample(rest, max(count - len(ranks), 0)))
    return [item for rank, item in enumerate(items) if rank in ranks]


def with_fewer_nodes(hunt: Hunt) -> None:
    """One node less under another seed, and again."""
    while len(hunt.best.node_ids) > NODES_ENOUGH:
        whole = hunt.best
        if not any(
            hunt.attempt(replace(plan, seed=seed))
            for seed in range(1, 9)
            for name in reversed(whole.node_ids)
            if (plan := cuts.with_nodes(whole, {*whole.node_ids} - {name}, moved=True)) is not None
        ):
            return
