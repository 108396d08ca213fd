"""Smaller plans from a plan: each function takes something away and leaves the rest alone.

All are pure. None checks whether what is left still fails; `clew.search.shrink.passes` does.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from clew.history import History
from clew.node.node import roles_among
from clew.scenarios.plans.homes import Homes
from clew.scenarios.plans.plan import Plan, PlannedOperation
from clew.sim.faults import KINDS, Fault, joiners_of
from clew.sim.faults.kinds import client_params, has_regions, params_among, region_params
from clew.sim.faults.targets import SYMBOLS, Aim, aim_at, aim_of
from clew.sim.latency import Latency
from clew.sim.regions import Regions
from clew.sim.trigger import Trigger


def cut_at(plan: Plan, moment_ns: int) -> Plan:
    """Cut the plan off at a moment: no healing phases, no progress required."""
    limit_ns = max(moment_ns + 1, 1)
    return replace(
        plan,
        time_limit_ns=limit_ns,
        recovery_ns=0,
        liveness="off",
        core=(),
        faults=tuple(
            replace(fault, until_ns=min(fault.until_ns, limit_ns))
            for fault in plan.faults
            if fault.at_ns < limit_ns
        ),
        operations=tuple(
            one._replace(phase="main")
            for one in plan.operations
            if one.phase in {"main", "recover"} and one.at_ns < limit_ns
        ),
    )


def asked_at(plan: Plan, history: History) -> Plan:
    """Move each operation to when it was invoked in a run; drop those never invoked.

    A client that waits for an answer sends late. Once its operations stand where they were invoked,
    one of them can go without the later ones moving forward.
    """
    stride = plan.stride
    starts: dict[int, deque[tuple[str, int]]] = {}
    for asked in history.operations:
        again = "attempt" in (history[asked.invoked].extra or {})  # a retry is not planned
        if isinstance(asked.process, int) and not again:
            starts.setdefault(asked.process % stride, deque()).append((asked.f, asked.start or 0))
    kept = []
    for one in plan.operations:
        if one.phase != "main":
            kept.append(one)
            continue
        # A client follows the plan's order, but may leave one out: the next is then of another
        # function.
        next_asked = starts.get(one.client)
        if next_asked and next_asked[0][0] == one.f:
            kept.append(one._replace(at_ns=next_asked.popleft()[1], think_ns=None))
    return with_operations(plan, kept)


def healed_at(plan: Plan, limit_ns: int) -> Plan:
    """Shorten the time of faults; recovery and final reads come that much earlier."""
    earlier_ns = plan.time_limit_ns - limit_ns
    return replace(
        plan,
        time_limit_ns=limit_ns,
        faults=tuple(
            replace(fault, until_ns=min(fault.until_ns, max(limit_ns - 1, fault.at_ns)))
            for fault in plan.faults
            if fault.at_ns < limit_ns
        ),
        operations=tuple(
            one if one.phase == "main" else one._replace(at_ns=one.at_ns - earlier_ns)
            for one in plan.operations
            if one.phase != "main" or one.at_ns < limit_ns
        ),
    )


def with_nodes(plan: Plan, kept: Collection[str], *, moved: bool) -> Plan | None:
    """Keep some of the nodes; None if a core would be no quorum, or a role without any.

    Clients stay with their nodes, which gives them other numbers. Final reads of a node go with
    it.

    Args:
        plan: the plan.
        kept: the nodes that stay.
        moved: give other operations of a removed node to one that stays; otherwise drop them.
    """
    node_ids = tuple(name for name in plan.node_ids if name in kept)
    core = tuple(name for name in plan.core if name in kept)
    roles = {role: tuple(n for n in names if n in kept) for role, names in plan.roles.items()}
    if not node_ids or (plan.core and 2 * len(core) <= len(node_ids)) or not all(roles.values()):
        return None
    before, after = plan.homes, Homes(node_ids, roles, plan.asks, plan.picks)
    there = (*node_ids, *joiners_of(plan.faults))
    clients: dict[int, int] = {}
    taken: set[int] = set()
    operations = []
    # Invariant: `clients` has for each client met its new number, which leads to its node as
    # before, or to another that has its role.
    for one in plan.operations:
        old, new = before.for_function(one.f), after.for_function(one.f)
        home, drawn = old[one.client % len(old)], one.node is not None and plan.drew_node(one)
        if not drawn:
            home = one.node or home
        asked = one.node if drawn else home
        leaves = asked not in there and (drawn or one.node is None or one.node in plan.node_ids)
        if leaves and (one.phase == "final" or not moved or (one.node and not drawn)):
            continue
        if drawn and leaves:
            one = one._replace(node=new[one.client % len(new)])  # noqa: PLW2901
        if one.client not in clients:
            home = home if home in new else new[one.client % len(new)]
            clients[one.client] = _free(taken, new.index(home), len(new))
        operations.append(one._replace(client=clients[one.client]))
    left = replace(
        plan,
        node_ids=node_ids,
        roles=roles,
        core=core,
        clients=_client_count(plan, len(after.first)),
        faults=tuple(
            _with_client(f, clients)
            for f in (_fault_among(f, there, plan) for f in plan.faults)
            if f
        ),
        operations=tuple(operations),
    )
    return left if plan.regions is None else with_regions(left, plan.regions.among(left.all_nodes))


def _with_client(fault: Fault, clients: Mapping[int, int]) -> Fault:
    """Name the client of a fault by its present number."""
    names = {f"c{before}": f"c{now}" for before, now in clients.items()}
    named = {name: names.get(each, each) for name, each in client_params(fault).items()}
    return replace(fault, params={**fault.params, **named}) if named else fault


def consistent(plan: Plan) -> Plan:
    """Leave out what is about nodes that do not join any more, or clients that are gone.

    These are their places in regions, what they were asked, and faults of such clients; none of
    these does anything.
    """
    there, workers = plan.all_nodes, plan.workers
    faults = tuple(f for f in plan.faults if {*client_params(f).values()} <= {*workers})
    if len(faults) < len(plan.faults):
        plan = replace(plan, faults=faults)
    if any(one.node and one.node not in there for one in plan.operations):
        kept = [one for one in plan.operations if plan.drew_node(one) or one.node in {None, *there}]
        plan = with_operations(plan, kept)
    if plan.regions is not None and not {*plan.regions.places()} <= {*there}:
        plan = with_regions(plan, plan.regions.among(there))
    return plan


def _free(taken: set[int], node: int, count: int) -> int:
    """Find the least number of a client of a node that no client has."""
    rank = node
    # Client c talks to node c modulo their number, so steps of that number keep the node.
    while rank in taken:
        rank += count
    taken.add(rank)
    return rank


def _client_count(plan: Plan, node_count: int) -> int:
    """Count the clients that it takes for nodes to be sent their neighbours as before."""
    told = len(plan.homes.first)
    return min(plan.clients, max(node_count, 1)) if plan.clients >= told else 1


def with_regions(
    plan: Plan, regions: Regions | None, renamed: Mapping[str, str] = MappingProxyType({})
) -> Plan:
    """Place the nodes in other regions; faults of regions that are not there any more go.

    Args:
        plan: the plan.
        regions: where the nodes stand now; None for one place.
        renamed: of regions that have another name now, that name.
    """
    names = () if regions is None else regions.names
    faults = [
        replace(
            fault,
            target=_renamed(fault.target, regions, renamed),
            when=_renamed_wait(fault.when, regions, renamed),
            params=_in_regions(fault, renamed),
        )
        for fault in plan.faults
    ]
    return replace(
        plan, regions=regions, faults=tuple(fault for fault in faults if has_regions(fault, names))
    )


def with_merged(plan: Plan, kept: str, gone: str) -> Plan:
    """Let the nodes of one region stand in another."""
    assert plan.regions is not None
    merged = plan.regions.merged(kept, gone, plan.all_nodes)
    return with_regions(plan, merged, {gone: kept})


def with_distances(plan: Plan, change: Callable[[Latency], Latency]) -> Plan:
    """Change every latency between regions."""
    assert plan.regions is not None
    latency = {key: change(each) for key, each in plan.regions.latency.items()}
    return replace(plan, regions=Regions(plan.regions.nodes, latency))


def in_one_place(plan: Plan) -> Plan:
    """Let all nodes stand in one place; faults of regions become those of their nodes."""
    assert plan.regions is not None
    faults = tuple(_of_nodes(fault, plan) for fault in plan.faults)
    return with_regions(replace(plan, faults=faults), None)


def _renamed(target: Any, regions: Regions | None, renamed: Mapping[str, str]) -> Any:
    """Aim at a region by its present name; at any place if there are no regions."""
    aim = aim_at(target)
    if aim is None or aim.region is None:
        return target
    region = None if regions is None else renamed.get(aim.region, aim.region)
    return str(aim._replace(region=region))


def _renamed_wait(
    when: Trigger | None, regions: Regions | None, renamed: Mapping[str, str]
) -> Trigger | None:
    """Wait at a region by its present name; anywhere if there are no regions."""
    if when is None or when.node is None:
        return when
    return replace(when, node=_renamed(when.node, regions, renamed) or None)


def _of_nodes(fault: Fault, plan: Plan) -> Fault:
    """Say a fault of a region with the region's nodes, if there is such a kind."""
    assert plan.regions is not None
    aim = aim_at(fault.target)
    if aim is not None and aim.region is not None and aim.word == "all" and KINDS[fault.kind].aims:
        return replace(fault, target=_meant(aim, plan.all_nodes, plan))
    nodes = plan.regions.nodes.get(fault.params.get("region", ""))
    if nodes is None:
        return fault
    match fault.kind:
        case "region-kill":
            nodes = nodes if aim is None else _meant(aim, nodes, plan)
            params = {name: each for name, each in fault.params.items() if name != "region"}
            return replace(fault, kind="kill", target=nodes, params=params)
        case "region-cut":
            groups = {"groups": [list(nodes)]}
            return replace(fault, kind="partition-groups", target=None, params=groups)
        case _:
            return fault


def _in_regions(fault: Fault, renamed: Mapping[str, str]) -> dict[str, Any]:
    named = {name: fault.params[name] for name in region_params(fault) if name in fault.params}
    return {**fault.params, **{name: renamed.get(each, each) for name, each in named.items()}}


def _meant(aim: Aim, node_ids: Iterable[str], plan: Plan) -> tuple[str, ...]:
    """Return those of some nodes of a plan that an aim is about."""
    places = {} if plan.regions is None else plan.regions.places()
    roles = roles_among(plan.all_nodes, plan.roles)
    counting = aim.among(node_ids, roles, places)
    one = aim.word not in SYMBOLS and not aim.is_state
    return tuple(name for name in counting if not one or name == aim.word)


def _fault_among(fault: Fault, node_ids: tuple[str, ...], plan: Plan) -> Fault | None:
    """Cut a fault of a plan down to some nodes; None if it does not concern them."""
    target = fault.target
    aim = aim_at(target)
    if aim is not None and not _meant(aim, node_ids, plan):
        return None
    if isinstance(target, tuple):
        target = tuple(name for name in target if name in node_ids)
        if not target:
            return None
    where = None if fault.when is None else fault.when.node
    if where is not None and not _meant(aim_of(where), node_ids, plan):
        return None  # what it waits for never happens
    return replace(fault, target=target, params=params_among(fault, node_ids))


def with_clients_renamed(plan: Plan) -> Plan:
    """Give the clients the least numbers, each at its former node."""
    clients: dict[int, int] = {}
    taken: set[int] = set()
    homes = plan.homes
    # A client that only reads at the end may not be one that worked before.
    for one in sorted(plan.operations, key=lambda one: one.phase == "final"):
        if one.client not in clients:
            count = len(homes.for_function(one.f))
            clients[one.client] = _free(taken, one.client % count, count)
    renamed = tuple(one._replace(client=clients[one.client]) for one in plan.operations)
    return replace(
        plan,
        clients=_client_count(plan, len(homes.first)),
        operations=renamed,
        faults=tuple(_with_client(fault, clients) for fault in plan.faults),
    )


def with_own_nodes(plan: Plan) -> Plan:
    """Let each client ask its own node, however it picked one."""
    asked = [one._replace(node=None) if plan.drew_node(one) else one for one in plan.operations]
    return replace(with_operations(plan, asked), picks={})


def earlier(plan: Plan, after_ns: int, by_ns: int) -> Plan:
    """Move everything from a time on earlier by an amount."""

    def moved(time_ns: int) -> int:
        return time_ns - by_ns if time_ns >= after_ns else time_ns

    return retimed(plan, moved)


def retimed(plan: Plan, moved: Callable[[int], int]) -> Plan:
    """Change every time by a non-decreasing function."""
    return replace(
        plan,
        time_limit_ns=max(moved(plan.time_limit_ns), 1),
        faults=tuple(
            replace(fault, at_ns=moved(fault.at_ns), until_ns=moved(fault.until_ns))
            for fault in plan.faults
        ),
        operations=tuple(one._replace(at_ns=moved(one.at_ns)) for one in plan.operations),
    )


def times(plan: Plan) -> list[int]:
    """List when something begins or ends, up to healing; sorted, each once."""
    found = {0}
    found.update(one.at_ns for one in plan.operations if one.phase == "main")
    for fault in plan.faults:
        found.update((fault.at_ns, fault.until_ns))
    return sorted(found)


def with_fault(plan: Plan, rank: int, fault: Fault) -> Plan:
    """Replace one fault by another."""
    return replace(plan, faults=(*plan.faults[:rank], fault, *plan.faults[rank + 1 :]))


def with_operations(plan: Plan, kept: Iterable[PlannedOperation]) -> Plan:
    """Replace the operations."""
    return replace(plan, operations=tuple(kept))


def without_a_fault(plan: Plan) -> list[Plan]:
    """List the plans without one of the faults, for each of them."""
    faults = plan.faults
    return [replace(plan, faults=faults[:rank] + faults[rank + 1 :]) for rank in range(len(faults))]


def without_an_operation(plan: Plan) -> list[Plan]:
    """List the plans without one of the operations, for each of them."""
    asked = plan.operations
    return [with_operations(plan, asked[:n] + asked[n + 1 :]) for n in range(len(asked))]


def with_values(plan: Plan, change: Callable[[PlannedOperation], Any]) -> Plan:
    """Change the arguments."""
    return with_operations(plan, [one._replace(value=change(one)) for one in plan.operations])


def renumbered(values: Iterable[Any]) -> Mapping[Any, int]:
    """Number values from 1, in the order of their first appearance."""
    return {value: rank for rank, value in enumerate(dict.fromkeys(values), 1)}
