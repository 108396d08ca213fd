"""The clients of a run: where each begins, where it may go, and how long it waits."""

from __future__ import annotations

from functools import partial

from clew.node.node import role_of_name
from clew.scenarios.code.workload_files import load_workload
from clew.scenarios.plans.homes import Station
from clew.scenarios.plans.plan import Plan
from clew.scenarios.runs.client import Client
from clew.scenarios.runs.recorder import Recorder
from clew.scenarios.runs.retries import Policy, RetryingClient
from clew.sim.cluster import Cluster
from clew.workloads.workload import Workload


def timeout_ns(plan: Plan) -> int:
    """Return after how long a client of the plan gives up a request, ns."""
    if plan.request_timeout_ns is not None:
        return plan.request_timeout_ns
    return load_workload(plan.workload).timeout_ns(plan.slowest_ns)


def patience_ns(plan: Plan) -> int:
    """Return after how long, at most, a client gives up an operation with its retries, ns."""
    return Policy.of(plan).patience_ns(timeout_ns(plan))


def clients_of(
    cluster: Cluster, plan: Plan, workload: Workload, recorder: Recorder
) -> dict[int, Client]:
    """Make the plan's clients by rank: client i begins at node i modulo the number of nodes.

    In a system these are the nodes of the role that serves it; it has a node of each such role.
    """
    ranks = {operation.client for operation in plan.operations} | set(range(plan.clients))
    stride = plan.stride
    homes = plan.homes
    station, *further = homes.stations
    nodes = homes.first
    others, core = _elsewhere(plan, workload, nodes)
    stations = {f: homes.station(f) for f in {**plan.asks, **plan.picks}}
    policy = Policy.of(plan)
    make = partial(RetryingClient, policy) if policy.asks_again else Client
    named = {
        one.client: one.node for one in plan.operations if one.node and not plan.drew_node(one)
    }
    of_first = {rank: node for rank, node in named.items() if _serves(plan, node, station)}
    travellers = {operation.client for operation in plan.operations if operation.phase == "main"}
    clients = {
        rank: make(
            cluster,
            recorder,
            workload,
            rank,
            stride,
            of_first.get(rank) or plan.home(rank),
            timeout_ns(plan),
            others=_near_first(plan, plan.home(rank), others),
            core=core,
            travels=rank in travellers,
            station=station,
            stations=stations,
        )
        for rank in sorted(ranks)
    }
    # Each client gets a post at a node of every further station, one near where it begins.
    for station in further:
        nodes = homes.of(station.role)
        others, core = _elsewhere(plan, workload, nodes)
        for rank, client in clients.items():
            home = homes.at(rank, station)
            if rank in named and _serves(plan, named[rank], station):
                home = named[rank]
            client.serve_at(station, home, _near_first(plan, home, others), core)
    return clients


def _serves(plan: Plan, node: str, station: Station) -> bool:
    """Return whether clients ask a node from a station."""
    return station.role in {None, role_of_name(node, plan.roles)}


def _elsewhere(
    plan: Plan, workload: Workload, nodes: tuple[str, ...]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return where clients of nodes may go, and which of those are up once a core has healed."""
    if workload.every_node:
        return (), ()
    return nodes, tuple(name for name in plan.core if name in nodes)


def _near_first(plan: Plan, home: str, others: tuple[str, ...]) -> tuple[str, ...]:
    """Return where a client may go, in order: own node, own region, then others."""
    if plan.regions is None or home not in others:
        return others
    start = others.index(home)
    around = (*others[start:], *others[:start])
    own = plan.regions.nodes[plan.regions.of_node(home)]
    return tuple(sorted(around, key=lambda node: node not in own))
