"""Which node each operation goes to, if that is drawn: data of the plan."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from clew.errors import UsageError
from clew.node.node import role_of_name
from clew.scenarios.options.scenario import Scenario
from clew.scenarios.plans.homes import Homes
from clew.scenarios.plans.plan import PlannedOperation
from clew.sim.entropy import Entropy
from clew.sim.faults import Fault, fault_param, joins
from clew.sim.regions import Regions, way
from clew.workloads.picks import DRAWN, STICKY, Pick
from clew.workloads.workload import Workload


def picks_of(scenario: Scenario, workload: type[Workload]) -> dict[str, Pick]:
    """Return how clients pick a node for each function; none if their own node always serves.

    Raises:
        UsageError: there are no regions to pick by, or nobody redirects.
    """
    asked = scenario.client_picks
    if asked == "redirected" and workload.every_node:
        raise UsageError(
            "--client-picks redirected does nothing here",
            expected="a node that may send a client to another",
            found=f"the workload {workload.name}, where each node serves clients of its own",
            fix="Leave it out, or say any",
        )
    if asked == "region" and not scenario.regions:
        raise UsageError(
            "--client-picks can't be region without regions",
            expected="--regions with at least two names, or another way to pick",
            found="one place",
            fix="Add --regions eu,us (regions in a file)",
        )
    picks = {f: asked or each.pick or STICKY for f, each in workload.operations.items()}
    return {} if {*picks.values()} == {STICKY} else picks


def with_picks(
    operations: Iterable[PlannedOperation],
    picks: Mapping[str, Pick],
    *,
    entropy: Entropy,
    homes: Homes,
    regions: Regions | None,
    faults: Sequence[Fault],
) -> tuple[PlannedOperation, ...]:
    """Return the operations, with the node that each goes to if it is drawn.

    Each draw is keyed by the client and its operation. It is made among the nodes of the beginning
    and those that have joined by then; one that has left by the time is found out in the run.

    Args:
        operations: of a plan.
        picks: how clients pick, by function.
        entropy: the run's seed.
        homes: which nodes are asked for what.
        regions: where all nodes stand; None for one place.
        faults: of which some may add nodes.
    """
    joined = [(fault.at_ns, fault_param(fault, "node")) for fault in faults if joins(fault)]

    def picked(one: PlannedOperation) -> PlannedOperation:
        pick = picks.get(one.f, STICKY)
        if one.phase != "main" or pick not in DRAWN:
            return one
        role = homes.asks.get(one.f)
        later = [
            name
            for at_ns, name in joined
            if at_ns < one.at_ns and role in {None, role_of_name(name, homes.roles)}
        ]
        among = [*homes.of(role), *later]
        if pick == "region" and regions is not None:
            own = regions.of_node(homes.first[one.client % len(homes.first)])
            among = nearest(among, own, regions)
        drawn = entropy.stream("pick", one.client, one.number).pick(among)
        return one._replace(node=drawn)

    return tuple(map(picked, operations))


def nearest(names: Sequence[str], region: str, regions: Regions) -> list[str]:
    """Return those of some nodes in a region, or in the nearest that has any of them."""
    places = regions.places()

    def distance(other: str) -> int:
        return -1 if other == region else regions.latency[way(region, other)].whole_mean_ns

    least = min((places[name] for name in names), key=distance)
    return [name for name in names if places[name] == least]
