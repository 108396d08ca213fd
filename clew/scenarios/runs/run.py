"""A run: what a plan did. Simulation is a function from a plan to a run, and nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from contextvars import Context, copy_context
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple, TypeAlias

from clew.history import History
from clew.machine import wall
from clew.machine.garbage import collected_rarely
from clew.machine.text import Unwinding
from clew.models.services import SERVICES
from clew.node.system import Program
from clew.runtimes.isolated import Isolation
from clew.runtimes.simulated import SimulatedProcess
from clew.runtimes.tripped import tripped
from clew.scenarios.code.models import Model
from clew.scenarios.code.userfiles import copy_of, importing_beside, is_own, loggers_of, own_names
from clew.scenarios.code.workload_files import check_ends, load_workload, mistakes_of
from clew.scenarios.plans.plan import Plan, PlannedOperation
from clew.scenarios.runs.clientele import clients_of
from clew.scenarios.runs.lives import Lives, Noted
from clew.scenarios.runs.recorder import Attempts, Recorder
from clew.scenarios.runs.recovery import Recovery, closing_ns
from clew.scenarios.sharing.sharing import Changes, Common, Sharing
from clew.sim.cluster import Cluster
from clew.sim.entropy import Entropy, Fork
from clew.sim.faults import FaultReport, Injector, injection_of
from clew.sim.finding import Finding, blamed
from clew.sim.guards import guarded
from clew.sim.guards.files import muted
from clew.sim.host import MakeProcess
from clew.sim.invariants import invariant_place
from clew.sim.latency import Latency
from clew.sim.load import Load
from clew.sim.orders.schedules import order_of
from clew.sim.topology import topology
from clew.sim.tripwires import Tripwires
from clew.sim.unawaited import unawaited
from clew.sim.watchdog import Tick, watched
from clew.trace.record import Trace, first_difference
from clew.trace.states import Change
from clew.trace.timeline import Timeline
from clew.workloads.workload import Surroundings, Workload, held

Replies: TypeAlias = tuple[tuple[str, tuple[str, ...], int], ...]
"""Replies by type: the type, the nodes that have to do with them, and how many there were."""


HANDLER_SECONDS = 5.0
"""Wall seconds after which a handler that does not end is stopped."""


@dataclass(frozen=True, slots=True)
class Run:
    """What happened in a run.

    Attributes:
        digest: of the trace; identifies the run.
        shared: names of what the run changed and all nodes shared.
        apart: names of what nodes would have shared, and each process had of its own; none if
            it was seen to make no difference, as with what only remembers what was computed.
        talked: True if a node sent something to another.
        unawaited: replies that nobody waited for: their type, the nodes, and how many.
        again: replies to what had been answered: their type, their senders, and how many.
        unsynced: the lines of syncs that nothing waited for.
        looked_at: what the nodes' own code read of the machine, by name.
        attempts: what clients did beside asking each thing once.
        effects: rank of an operation's effect mark, by operation number.
        alive: the nodes that were up at the end.
        members: the members at the end, in the order in which they came.
        unready: nodes that never acknowledged what comes before the first operation.
        loads: what the workers of each node that worked did, by its name.
        events: what happened in the world.
        messages: all that were sent.
        server_messages: those between nodes and services.
        recovered_ns: when the recovery was over, in virtual time.
        virtual_ns: how long it took in virtual time.
        wall_seconds: how long it took.
        lives: the notes on each life of a node, if requested.
        meddler: the invariant that was seen to change what nodes do, with its line; empty for none.
    """

    plan: Plan
    history: History
    trace: Trace
    digest: str
    findings: tuple[Finding, ...]
    faults: tuple[FaultReport, ...]
    talked: bool
    unawaited: Replies
    again: Replies
    unsynced: tuple[str, ...]
    looked_at: tuple[str, ...]
    shared: tuple[str, ...]
    apart: tuple[str, ...]
    attempts: Attempts
    effects: dict[int, int]
    alive: tuple[str, ...]
    members: tuple[str, ...]
    unready: tuple[str, ...]
    loads: dict[str, Load]
    events: int
    messages: int
    server_messages: int
    dropped: dict[str, int]
    recovered_ns: int
    virtual_ns: int
    wall_seconds: float
    lives: tuple[Noted, ...] = ()
    meddler: str = ""

    def timeline(self, changes: Sequence[Change] = ()) -> Timeline:
        """Relate the events of the run to each other; the run must have kept its trace.

        Args:
            changes: what nodes showed of their state, if an onlooker was there.
        """
        return Timeline(self.trace, self.history.operations, self.plan.stride, changes)


def make_workload(
    plan: Plan,
    model: Model,
    nodes: tuple[str, ...] | None = None,
    effects: Mapping[int, int] | None = None,
) -> Workload:
    """Make the workload of a plan, for one run or for judging it."""
    setting = Surroundings(model.program.functions, nodes, effects or {})
    return load_workload(plan.workload)(plan.options, setting)


class _How(NamedTuple):
    """How a plan is run; what `simulate` takes has its meaning.

    Attributes:
        program: what runs on the nodes.
        isolation: gives each process a memory of its own; None if all share one.
        invariants: the ranks of those of the class's that are watched; None for all.
        lives: True notes what nodes find and do.
    """

    program: Program
    keep_trace: bool = True
    handler_seconds: float = HANDLER_SECONDS
    isolation: Isolation | None = None
    invariants: tuple[int, ...] | None = None
    tick: Tick | None = None
    lives: bool = False
    fork: Fork | None = None


@blamed()
def simulate(
    plan: Plan,
    model: Model,
    *,
    keep_trace: bool = True,
    handler_seconds: float = HANDLER_SECONDS,
    tick: Tick | None = None,
    lives: bool = False,
    fork: Fork | None = None,
) -> Run:
    """Run a plan.

    Args:
        plan: what happens.
        model: the plan's model, loaded.
        keep_trace: False keeps only the trace's digest.
        handler_seconds: wall seconds after which a handler that does not end is stopped.
        tick: called several times per second, in another thread, with how far the run has come.
        lives: True notes what nodes find and do, for `clew.scenarios.runs.alone`.
        fork: where another future than the plan's begins; None for the plan's own.

    A node's mistakes are findings of the run; nothing that a node does is raised from here.

    Nodes share the memory of this process only as long as that can't be noticed: if a run changed
    something that all of them see, it is run again with separate memory for each process.
    """
    how = _How(model.program, keep_trace, handler_seconds, tick=tick, lives=lives, fork=fork)
    sharing = Sharing.of(model.node_class)
    if sharing is None:
        return _simulated(plan, model, how, copy_context())
    run = None
    if not sharing.changes and not sharing.asked:
        context = sharing.context()
        run = _simulated(plan, model, how, context)
        if not sharing.update(context):
            return run
    return _apart(plan, model, how, sharing, run)


@blamed()
def simulate_apart(plan: Plan, model: Model) -> Run | None:
    """Run with separate memory for each process, though nothing was seen to need it.

    What nodes share may be unchanged when a run ends, such as a lock that all have released. Then
    only a run in which they don't share it differs.

    Args:
        plan: what happens.
        model: the plan's model, loaded.

    Returns:
        The run; None if `simulate` gives each process its own anyway, or none can have one.
    """
    sharing = Sharing.of(model.node_class)
    if sharing is None or sharing.changes or sharing.asked:
        return None
    isolation = isolation_of(model, sharing.changes)
    # Invariants compare objects of several nodes.
    how = _How(model.program, isolation=isolation, invariants=())
    run = _simulated(plan, model, how, Context())
    sharing.update()
    return run


def _apart(plan: Plan, model: Model, how: _How, sharing: Sharing, together: Run | None) -> Run:
    """Run with separate memory for each process, if possible.

    Invariants compare objects of several nodes, and a class of one process is not that of another.
    So a class with invariants is run in one memory, and its run counts if it is the same with
    separate memories. ``together`` is that run, if there was one and the modules had run nothing
    before.
    """
    own = not model.program.invariants
    left: tuple[str, ...] = ()
    how_apart = how._replace(invariants=())
    # Each try gives every process its own of all that was seen to change so far. It is the last if
    # nothing is shared any more, or if another would know no more.
    for rank in range(_TRIES):  # more may change in a memory of its own
        known = sharing.changes
        common = _common(model, sharing)
        alone = how_apart._replace(isolation=isolation_of(model, known))
        with muted() if rank or together is not None else nullcontext():
            apart = _simulated(plan, model, alone, Context())
        found = sharing.update()
        left = common.changed() + found.kept + found._replace(own=()).names
        if not left or sharing.changes == known:
            break
    names = sharing.changes.names
    if own:
        if together is not None:
            sharing.noticed = together.digest != apart.digest
        return replace(apart, shared=left, apart=names if sharing.noticed else ())
    together = together or _together(plan, model, how, sharing)
    if together.digest == apart.digest:
        return replace(together, shared=left, apart=names)
    plain = _together(plan, model, how._replace(keep_trace=True, invariants=()), sharing)
    if plain.digest == apart.digest:  # only the invariants make the run differ
        meddler = _meddler(plan, model, how, sharing, plain)
        return replace(together, shared=left, apart=names, meddler=meddler)
    return replace(together, shared=tuple(sorted({*left, *names, *sharing.asked})))


_TRIES = 3


def _common(model: Model, sharing: Sharing) -> Common:
    """Return the objects that each process would find again if it executed the user's modules."""
    isolation = isolation_of(model, sharing.changes)
    with isolation.used():
        isolation.put(isolation.memory())
        try:
            copy = Context().run(isolation.executed)
        except (Unwinding, KeyboardInterrupt):
            raise
        except BaseException:  # noqa: BLE001 - each process will say so
            return Common()
        return sharing.common(copy.modules.values())


def _together(plan: Plan, model: Model, how: _How, sharing: Sharing) -> Run:
    """Run in one memory, with modules that have run nothing before."""
    isolation = isolation_of(model, sharing.changes)
    with muted(), isolation.used():
        isolation.put(isolation.memory())
        context = Context()
        copy = context.run(isolation.executed)
        run = _simulated(plan, model, how._replace(program=copy.program), context)
    sharing.update()
    return run


def without_invariants(run: Run, model: Model) -> Run | None:
    """Run with none of the class's invariants; None if there are none of a user's."""
    sharing = Sharing.of(model.node_class)
    if sharing is None or not model.program.invariants:
        return None
    return _together(run.plan, model, _How(model.program, invariants=()), sharing)


def meddler(plain: Run, model: Model) -> str:
    """Name the invariant that changes what nodes do, with its line; empty if none does.

    Args:
        plain: a run without invariants.
        model: the plan's model, loaded.
    """
    sharing = Sharing.of(model.node_class)
    assert sharing is not None
    return _meddler(plain.plan, model, _How(model.program), sharing, plain)


def _meddler(plan: Plan, model: Model, how: _How, sharing: Sharing, plain: Run) -> str:
    declared = model.program.invariants
    # Each invariant alone, so that one can be named; then all together, where only several of them
    # do it.
    for ranks in [*((rank,) for rank in range(len(declared))), tuple(range(len(declared)))]:
        watched = how._replace(keep_trace=True, invariants=ranks)
        if is_another(_together(plan, model, watched, sharing), plain):
            return " and ".join(invariant_place(declared[rank]) for rank in ranks)
    return ""


def is_another(run: Run, plain: Run) -> bool:
    """Return whether a run without invariants parts from one with some before one is broken."""
    difference = first_difference(run.trace, plain.trace)
    return difference is not None and (difference[1] is None or difference[1][1] != "finding")


def isolation_of(model: Model, known: Changes) -> Isolation:
    """Separate memory for each process of a run, with its own copy of what runs may change."""
    return Isolation(
        partial(copy_of, model.program),
        own_names(model.node_class),
        is_own,
        known.spots,
        loggers_of(model.node_class),
    )


def _simulated(plan: Plan, model: Model, how: _How, context: Context) -> Run:
    """Run once in a context, in the way that is given."""
    load_workload(plan.workload)  # at once: what its file imports is not the model's
    started = wall.seconds()
    lives = Lives()
    cluster = _cluster_of(plan, how, lives)
    recorder = Recorder(cluster.world, cluster.trace)
    with surroundings(cluster, model, how.isolation, how.handler_seconds, how.tick):
        with mistakes_of(plan.workload):
            workload = make_workload(plan, model)
            judging = partial(make_workload, plan, model)
            acts = context.run(_act, cluster, plan, workload, recorder, judging)
        alive = tuple(host.id for host in cluster.live_hosts())
        virtual_ns = cluster.world.now
        digest = cluster.close()
    injector, recovered_ns = acts
    check_ends(plan.workload, cluster.findings)
    return Run(
        plan=plan,
        history=History(recorder.events, source="the run", marks_final=True),
        trace=cluster.trace,
        digest=digest,
        findings=tuple(cluster.findings),
        faults=tuple(injector.reports()),
        shared=(),
        apart=(),
        attempts=recorder.attempts,
        talked=cluster.talked,
        unawaited=_counted(cluster.findings.unawaited),
        again=_counted(cluster.findings.again),
        unsynced=tuple(cluster.findings.unsynced),
        looked_at=tuple(sorted(cluster.looked_at)),
        effects=_effects(cluster, recorder),
        alive=alive,
        members=tuple(cluster.members),
        unready=tuple(sorted(recorder.unready)),
        loads=cluster.loads(),
        events=cluster.world.events,
        messages=cluster.network.messages,
        server_messages=cluster.network.messages - recorder.client_messages,
        dropped=dict(cluster.network.dropped),
        recovered_ns=recovered_ns,
        virtual_ns=virtual_ns,
        wall_seconds=wall.seconds() - started,
        lives=tuple(lives.all),
    )


def _cluster_of(plan: Plan, how: _How, lives: Lives) -> Cluster:
    """Build the cluster of a plan, before time begins, with notes of its lives if requested."""
    make: MakeProcess = SimulatedProcess if how.isolation is None else how.isolation.process
    triggers = [fault.when for fault in plan.faults if fault.when is not None]
    heard = [event for fault in plan.faults for event in injection_of(fault.kind).hears]
    wires = Tripwires(triggers, heard) if triggers or heard else None
    if wires is not None:
        make = tripped(make, wires)
    return Cluster(
        plan.seed,
        how.program,
        plan.node_ids,
        latency=Latency(plan.latency_ns, plan.latency_shape),
        services=SERVICES,
        order=order_of(plan.schedule, Entropy(plan.seed)),
        keep_trace=how.keep_trace,
        stop_on_finding=plan.stop_on_finding,
        events_max=plan.events_max,
        make_process=lives.noting(make) if how.lives else make,
        invariants=how.invariants,
        strict_replies=plan.strict_replies,
        clock_error_ns=plan.clock_error_ns,
        regions=plan.regions,
        bandwidth=plan.bandwidth,
        roles=plan.roles,
        tripwires=wires,
        fork=how.fork,
    )


def _counted(replies: Mapping[str, Counter[str]]) -> Replies:
    return tuple((kind, tuple(sorted(counts)), counts.total()) for kind, counts in replies.items())


@contextmanager
def surroundings(
    cluster: Cluster,
    model: Model,
    isolation: Isolation | None,
    handler_seconds: float = HANDLER_SECONDS,
    tick: Tick | None = None,
) -> Iterator[None]:
    """Put guards and watchers around a cluster while its nodes' code runs, as for `simulate`."""
    with (
        collected_rarely(),
        importing_beside(model.node_class),
        guarded(cluster),
        nullcontext() if isolation is None else isolation.used(),
        unawaited(cluster),
        watched(cluster, handler_seconds, tick),
    ):
        yield


def _act(
    cluster: Cluster,
    plan: Plan,
    workload: Workload,
    recorder: Recorder,
    judging: Callable[[tuple[str, ...]], Workload],
) -> tuple[Injector, int]:
    """Act out a run: boot, faults and operations, healing, recovery, final reads.

    Returns:
        What injected the faults, and when the recovery was over, ns.
    """
    world, closing = cluster.world, closing_ns(plan)
    clients = clients_of(cluster, plan, workload, recorder)
    cluster.boot()
    neighbours = topology(plan.topology, list(plan.homes.first), Entropy(plan.seed))
    by_client: dict[int, list[PlannedOperation]] = {}
    for operation in plan.operations:
        if operation.phase != "final" or plan.recovery_least_ns is None:
            by_client.setdefault(operation.client, []).append(operation)
    told: set[str] = set()
    # The first client that begins at a node sets it up; the others only work there.
    for rank, client in clients.items():
        here = client.node in plan.node_ids and client.node not in told
        first = None if not here else workload.setup(client.node, neighbours)
        held(workload, "setup", first, dict | None, "the body of a message, or None")
        told.add(client.node)
        world.process(client.work(first, by_client.get(rank, []), closing))
    injector = Injector(cluster, plan.faults)
    world.advance(plan.time_limit_ns)
    injector.heal(plan.core if plan.liveness == "core" else None)
    world.order.settle()
    recovery = Recovery(cluster, plan, recorder, clients, closing, judging)
    recovery.go()
    return injector, recovery.ended_ns


def _effects(cluster: Cluster, recorder: Recorder) -> dict[int, int]:
    """Return effect marks by operation number."""
    marks = cluster.effects
    return {
        number: marks[request]
        for number, request in enumerate(recorder.requests)
        if request in marks
    }
