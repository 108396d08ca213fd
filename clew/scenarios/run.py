"""A run: what a plan did. Simulation is a function from a plan to a run, and nothing else."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from clew import wall
from clew.history import History
from clew.models.services import SERVICES
from clew.scenarios.client import Client, Recorder
from clew.scenarios.load import Model
from clew.scenarios.plan import Phase, Plan, PlannedOperation
from clew.scenarios.shared import changed, shared_state
from clew.scenarios.workload import Options, Workload
from clew.scenarios.workloads import workload_class
from clew.sim.cluster import Cluster
from clew.sim.entropy import Entropy
from clew.sim.faults import FaultReport, Injector
from clew.sim.finding import Finding
from clew.sim.guards import guarded
from clew.sim.latency import Latency
from clew.sim.order import order_of
from clew.sim.topology import topology
from clew.sim.trace import Trace
from clew.sim.watchdog import watched
from clew.sim.world import NS_PER_SECOND

SETTLE_NS = 6 * NS_PER_SECOND
"""After the recovery, and when final reads are asked for, so long is waited for last answers."""

RPC_TIMEOUT_NS = 5 * NS_PER_SECOND
"""When a client gives up; for lin-kv ten mean latencies, at least a second."""


@dataclass(frozen=True, slots=True)
class Run:
    """What happened.

    Attributes:
        digest: of the trace; identifies the run.
        shared: names of a user's globals and class attributes that the run changed.
        effects: rank of an operation's effect mark, by operation number.
        alive: the nodes that were up at the end.
        events: what happened in the world.
        messages: all that were sent.
        server_messages: those between nodes and services.
        virtual_ns: how long it took in virtual time.
        wall_seconds: how long it took.
    """

    plan: Plan
    history: History
    trace: Trace
    digest: str
    findings: tuple[Finding, ...]
    faults: tuple[FaultReport, ...]
    shared: tuple[str, ...]
    effects: dict[int, int]
    alive: tuple[str, ...]
    events: int
    messages: int
    server_messages: int
    dropped: dict[str, int]
    virtual_ns: int
    wall_seconds: float


def make_workload(
    plan: Plan,
    model: Model,
    nodes: tuple[str, ...] | None = None,
    effects: Mapping[int, int] | None = None,
) -> Workload:
    """The workload of a plan, for one run or for judging it."""
    return workload_class(plan.workload)(
        Options(
            key_count=plan.key_count,
            functions=model.node_class.functions,
            max_txn_length=plan.max_txn_length,
            max_writes_per_key=plan.max_writes_per_key,
            consistency_models=plan.consistency_models,
            nodes=nodes,
            effects=effects or {},
        )
    )


def simulate(
    plan: Plan, model: Model, *, keep_trace: bool = True, handler_seconds: float = 5.0
) -> Run:
    """Run a plan.

    Args:
        plan: what happens.
        model: the plan's model, loaded.
        keep_trace: False keeps only the trace's digest.
        handler_seconds: wall seconds after which a handler that does not end is stopped.

    A node's mistakes are findings of the run; nothing that a node does is raised from here.
    """
    started = wall.seconds()
    before = shared_state(model.node_class)
    cluster = Cluster(
        plan.seed,
        model.node_class,
        plan.node_ids,
        latency=Latency(plan.latency_ns, plan.latency_shape),
        services=SERVICES,
        order=order_of(plan.schedule, Entropy(plan.seed)),
        keep_trace=keep_trace,
        stop_on_finding=plan.stop_on_finding,
        events_max=plan.events_max,
    )
    recorder = Recorder(cluster)
    with collected_rarely(), guarded(cluster), watched(cluster, handler_seconds):
        injector = _act(cluster, plan, make_workload(plan, model), recorder)
        alive = tuple(host.id for host in cluster.live_hosts())
        virtual_ns = cluster.world.now
        digest = cluster.close()
    return Run(
        plan=plan,
        history=History(recorder.events, source="the run"),
        trace=cluster.trace,
        digest=digest,
        findings=tuple(cluster.findings),
        faults=tuple(injector.reports()),
        shared=tuple(changed(before, shared_state(model.node_class))),
        effects=_effects(cluster, recorder),
        alive=alive,
        events=cluster.world.events,
        messages=cluster.network.messages,
        server_messages=cluster.network.messages - recorder.client_messages,
        dropped=dict(cluster.network.dropped),
        virtual_ns=virtual_ns,
        wall_seconds=wall.seconds() - started,
    )


@contextmanager
def collected_rarely() -> Iterator[None]:
    """Let the cycle collector run seldom: a run makes millions of short-lived objects, no cycles.

    It is as before afterwards.
    """
    before = gc.get_threshold()
    gc.set_threshold(200_000, 20, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _act(cluster: Cluster, plan: Plan, workload: Workload, recorder: Recorder) -> Injector:
    """The acts of a run: boot, faults and operations, healing, recovery, final reads."""
    world = cluster.world
    clients = _clients(cluster, plan, workload, recorder)
    cluster.boot()
    neighbours = topology(plan.topology, list(plan.node_ids), Entropy(plan.seed))
    by_client: dict[int, list[PlannedOperation]] = {}
    for operation in plan.operations:
        by_client.setdefault(operation.client, []).append(operation)
    told: set[str] = set()
    for rank, client in clients.items():
        first = None if client.node in told else workload.setup(client.node, neighbours)
        told.add(client.node)
        world.process(client.work(first, by_client.get(rank, []), _closing_ns(plan)))
    injector = Injector(cluster, plan.faults)
    world.advance(plan.time_limit_ns)
    injector.heal(plan.core or None)
    world.order.settle()
    cluster.trace.add(world.now, "phase", "recover")
    world.advance(plan.time_limit_ns + plan.recovery_ns)
    cluster.trace.add(world.now, "phase", "final")
    for _ in range(max(SETTLE_NS, 2 * timeout_ns(plan)) // NS_PER_SECOND):
        if not any(client.waiting for client in clients.values()):
            break
        world.advance(world.now + NS_PER_SECOND)
    return injector


def _closing_ns(plan: Plan) -> dict[Phase, int]:
    """When it is too late to begin an operation of each phase."""
    healed_ns = plan.time_limit_ns + plan.recovery_ns
    converging_ns = 0
    if workload_class(plan.workload).final_reads:
        converging_ns = recover_margin_ns(plan.recovery_ns)
    return {
        "main": plan.time_limit_ns,
        "recover": healed_ns - converging_ns,
        "final": healed_ns + SETTLE_NS,
    }


def recover_margin_ns(recovery_ns: int) -> int:
    """How long before final reads the last other operation begins, ns.

    It is the time for replicas to converge, and for the last answers.
    """
    return min(RPC_TIMEOUT_NS, recovery_ns // 2)


def timeout_ns(plan: Plan) -> int:
    """When a client of the plan gives up, ns."""
    if plan.workload == "lin-kv":
        return max(10 * plan.latency_ns, NS_PER_SECOND)
    return RPC_TIMEOUT_NS


def _clients(
    cluster: Cluster, plan: Plan, workload: Workload, recorder: Recorder
) -> dict[int, Client]:
    """The plan's clients by rank: client i talks to node i modulo the number of nodes."""
    ranks = {operation.client for operation in plan.operations} | set(range(plan.clients))
    stride = max(ranks) + 1
    nodes = plan.node_ids
    return {
        rank: Client(
            cluster, recorder, workload, rank, stride, nodes[rank % len(nodes)], timeout_ns(plan)
        )
        for rank in sorted(ranks)
    }


def _effects(cluster: Cluster, recorder: Recorder) -> dict[int, int]:
    """Effect marks by operation number."""
    marks = cluster.effects
    return {
        number: marks[request]
        for number, request in enumerate(recorder.requests)
        if request in marks
    }
