"""From a scenario and a seed to a plan: every choice is keyed, and then written down."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from operator import attrgetter

from clew.errors import UsageError, about
from clew.machine.hashing import hash_seed
from clew.node.node import ONLY_ROLE, role_of_name
from clew.node.system import tells_state
from clew.node.timer import bound_ns, to_ns
from clew.node.tolerates import Tolerates
from clew.scenarios.code.models import Model, reference_of
from clew.scenarios.code.workload_files import load_workload, mistakes_of
from clew.scenarios.options.scenario import Scenario
from clew.scenarios.plans.aims import struck
from clew.scenarios.plans.arrivals import Arrivals
from clew.scenarios.plans.capabilities import (
    abilities,
    capabilities,
    kinds_for,
    promised,
    unfelt,
)
from clew.scenarios.plans.ground import FaultDraw, Ground
from clew.scenarios.plans.homes import Homes
from clew.scenarios.plans.members import changes_members, check_core, check_members, settled
from clew.scenarios.plans.nemesis import Swarm, draw_faults, draw_size, standing_links
from clew.scenarios.plans.patience import asked_again
from clew.scenarios.plans.picks import picks_of, with_picks
from clew.scenarios.plans.placement import placed
from clew.scenarios.plans.plan import (
    ModelReference,
    Phase,
    Plan,
    PlannedOperation,
    recover_margin_ns,
    recovery_least_ns,
)
from clew.scenarios.plans.roles import asks_of, draw_roles
from clew.scenarios.plans.suitability import check_felt, check_sworn
from clew.scenarios.plans.triggers import profile_of
from clew.sim.entropy import Entropy
from clew.sim.faults import Fault, joiners_of
from clew.sim.faults.targets import Aim, asked_of
from clew.sim.latency import Latency
from clew.sim.topology import topology
from clew.sim.trigger import ASKED
from clew.workloads.workload import Draw, Request, Surroundings, Workload, finals

_NS_PER_MS = 1_000_000

QUORUM_OF = 3
"""The fewest nodes of which a quorum does not take all."""

_TRIES = 4
"""How often a node that joined is asked after healing."""

_FINAL_NS = 100 * _NS_PER_MS
"""The time within which all final reads begin."""


def draw_plan(scenario: Scenario, seed: int, model: Model, faults: FaultDraw | None = None) -> Plan:
    """Draw the plan of a seed from a scenario.

    Args:
        scenario: what may happen.
        seed: of which.
        model: what runs.
        faults: draws the plan's faults; None for those that the scenario names.

    Raises:
        UsageError: the model has no workload of its own and none is named, or a requested fault
            can't have an effect here.
    """
    entropy = Entropy(seed)
    workload_name = _workload_of(scenario, model)
    spoken = load_workload(workload_name)
    options = scenario.options_for(spoken)
    asks = asks_of(model.system, spoken)
    roles = draw_roles(scenario, entropy, model)
    shape = _shape(scenario, entropy, model, roles, faults)
    node_ids = shape.node_ids
    picks = picks_of(scenario, spoken)
    homes = Homes(node_ids, roles, asks, picks, shape.regions)
    joiners = joiners_of(shape.faults)
    clients = scenario.client_count(len(homes.all))
    core = _core(scenario, entropy, roles or {ONLY_ROLE: node_ids})
    time_limit_ns, recovery_ns = to_ns(scenario.time_limit), to_ns(scenario.recovery)
    with mistakes_of(workload_name):
        workload = spoken(options, Surroundings(functions=model.program.functions))
        operations = _operations(scenario, workload, entropy, clients, homes, joiners)
    regions = None if shape.regions is None else shape.regions.with_more(joiners)
    return Plan(
        seed=seed,
        model=ModelReference(scenario.model, scenario.bug, model.digest),
        workload=workload_name,
        node_ids=node_ids,
        clients=clients,
        latency_ns=shape.latency.mean_ns,
        latency_shape=shape.latency.shape,
        topology=scenario.topology,
        time_limit_ns=time_limit_ns,
        recovery_ns=recovery_ns,
        nemesis=() if _draws_kinds(scenario) else scenario.nemesis,
        liveness=scenario.liveness,
        core=core,
        availability=None if scenario.availability is None else str(scenario.availability),
        asserts=scenario.asserts,
        options=options,
        roles=roles,
        asks=asks,
        picks=picks,
        stop_on_finding=scenario.on_finding == "stop",
        events_max=scenario.events_max,
        schedule=scenario.schedule,
        hash_seed=hash_seed(),
        allow_inert=scenario.allow_inert,
        strict_replies=scenario.strict_replies,
        clock_error_ns=_clock_error_ns(scenario, model),
        swarm=scenario.swarm,
        regions=regions,
        bandwidth=scenario.bandwidth,
        **asked_again(scenario, workload, homes, _slowest_ns(shape)),
        recovery_least_ns=_recovery_least_ns(scenario, model, _slowest_ns(shape)),
        faults=(*shape.faults, *_standing(scenario, entropy, node_ids, core)),
        operations=with_picks(
            operations, picks, entropy=entropy, homes=homes, regions=regions, faults=shape.faults
        ),
    )


def _workload_of(scenario: Scenario, model: Model) -> str:
    """Name the workload that is asked for, or else the model's own.

    Raises:
        UsageError: there is neither.
    """
    name = reference_of(model, scenario.workload)
    if name is None:
        raise UsageError(
            f"no workload is named for {model.name}",
            expected="--workload NAME, or a 'workload' attribute of the class",
            fix="See 'clew list workloads'",
        )
    return name


def _recovery_least_ns(scenario: Scenario, model: Model, slowest_ns: int) -> int | None:
    """Return how long the recovery lasts at least; None if all of it is wanted, for its figures."""
    loaded = scenario.load is not None or "work" in capabilities(model.program)
    if loaded or scenario.availability is not None or scenario.asserts:
        return None
    return recovery_least_ns(to_ns(scenario.recovery), slowest_ns)


def _slowest_ns(shape: Swarm) -> int:
    return max(shape.latency.mean_ns, shape.regions.slowest_ns if shape.regions else 0)


def _core(
    scenario: Scenario, entropy: Entropy, roles: Mapping[str, tuple[str, ...]]
) -> tuple[str, ...]:
    """Draw a majority of the nodes of each role, in the nodes' order; empty for no core."""
    if scenario.liveness not in {"core", "partial"}:
        return ()
    return tuple(
        name
        for role, names in roles.items()
        for name in _majority(scenario, entropy, names, () if role == ONLY_ROLE else (role,))
    )


def _standing(
    scenario: Scenario, entropy: Entropy, node_ids: tuple[str, ...], core: tuple[str, ...]
) -> Iterator[Fault]:
    """Yield the partition that stands when all else heals, if one is to.

    Raises:
        UsageError: every node belongs to the quorum, so that there is nothing to cut.
    """
    if scenario.liveness != "partial":
        return
    if len(core) == len(node_ids):
        raise UsageError(
            "--liveness partial can't be used in so small a cluster",
            expected=f"at least {QUORUM_OF} nodes, so that a quorum is connected without one",
            found=str(len(node_ids)),
        )
    limit_ns, stream = to_ns(scenario.time_limit), entropy.stream("partial")
    at_ns = limit_ns - 1 - stream.below(max(limit_ns // 4, 1))
    links = standing_links(stream, node_ids, core)
    yield Fault(
        "partition-standing-1", "partition-standing", max(at_ns, 0), max(limit_ns - 1, 0),
        None, {"links": links},
    )  # fmt: skip


def _majority(
    scenario: Scenario, entropy: Entropy, node_ids: tuple[str, ...], key: tuple[str, ...]
) -> tuple[str, ...]:
    """Draw a majority whose nodes reach each other, in the nodes' order.

    They reach each other through the topology, without nodes in between that stay broken for good.
    """
    neighbours = topology(scenario.topology, list(node_ids), entropy)
    stream = entropy.stream("core", *key)
    chosen = [stream.pick(node_ids)]
    # Invariant: the chosen reach each other through the topology, as long as it has any edge to go
    # on.
    while len(chosen) < len(node_ids) // 2 + 1:
        edge = [name for name in node_ids if name not in chosen and {*neighbours[name]} & {*chosen}]
        rest = [name for name in node_ids if name not in chosen]
        chosen.append(stream.pick(edge or rest))
    return tuple(name for name in node_ids if name in chosen)


def _operations(
    scenario: Scenario,
    workload: Workload,
    entropy: Entropy,
    clients: int,
    homes: Homes,
    joiners: Sequence[str],
) -> tuple[PlannedOperation, ...]:
    """Draw all clients' operations, by time; each is drawn from a stream of its own."""
    healed_ns = to_ns(scenario.time_limit)
    recovery_ns = to_ns(scenario.recovery)
    arrivals = Arrivals(scenario, entropy, clients)
    drawn: list[PlannedOperation] = []
    window_ns = recovery_ns
    if workload.final_reads:
        window_ns -= recover_margin_ns(recovery_ns)
    for client in range(clients):
        number = 0
        for at_ns, think_ns in arrivals.times(client):
            drawn.append(_one(workload, entropy, client, number, at_ns, "main", think_ns))
            number += 1
        # At least four per client, so that one lost answer does not look like no progress.
        step_ns = max(min(arrivals.gap_ns, window_ns // 4), 1)
        late = range(healed_ns, healed_ns + window_ns, step_ns) if recovery_ns else ()
        for rank, late_ns in enumerate(late):
            # Clients that all began at one instant would stay in step.
            jitter_ns = entropy.stream("recover", client, rank).below(step_ns)
            at_ns = min(late_ns + jitter_ns, healed_ns + window_ns - 1)
            think_ns = arrivals.think_ns(client, number + rank)
            drawn.append(_one(workload, entropy, client, number + rank, at_ns, "recover", think_ns))
    if workload.final_reads:
        drawn += _final_reads(workload, entropy, clients, homes, joiners, healed_ns + recovery_ns)
    drawn += _newcomers(
        workload, entropy, homes, (*joiners, *_unvisited(homes, clients)),
        max((one.client for one in drawn), default=0) + 1,
        range(healed_ns, healed_ns + window_ns, max(window_ns // _TRIES, 1)),
    ) if window_ns else ()  # fmt: skip
    return tuple(sorted(drawn, key=lambda one: (one.at_ns, one.client, one.number)))


def _unvisited(homes: Homes, clients: int) -> list[str]:
    """Return the nodes that no client begins at, as none begins in their region."""
    if homes.regions is None:
        return []
    begun = {homes.at(client, one) for client in range(clients) for one in homes.stations}
    without = {name for role in homes.asked for name in homes.of(role)[:clients]}
    return [name for name in homes.all if name in without - begun]


def _newcomers(
    workload: Workload,
    entropy: Entropy,
    homes: Homes,
    names: Sequence[str],
    first: int,
    times_ns: range,
) -> Iterator[PlannedOperation]:
    """Yield what nodes that join, or that no client begins at, are asked after healing.

    Each is asked by a client of its own, from `first`.
    """
    for client, name in enumerate(names, first):
        role = role_of_name(name, homes.roles)
        for number, time_ns in enumerate(times_ns):
            at_ns = time_ns + entropy.stream("recover", client, number).below(times_ns.step)
            one = _one(workload, entropy, client, number, at_ns, "recover", None)
            if homes.asks.get(one.f) in {None, role}:
                yield one._replace(node=name)


def _final_reads(
    workload: Workload,
    entropy: Entropy,
    clients: int,
    homes: Homes,
    joiners: Sequence[str],
    from_ns: int,
) -> Iterator[PlannedOperation]:
    """Yield what each node is asked at the end, of those that are asked it.

    Each has a client of its own, none of those that worked before. A client talks to the node of
    its rank modulo the number of nodes that it asks; one of a node that joins names it, and so do
    those that would begin near where they stand.
    """
    groups: dict[str | None, list[Request]] = {}
    for request in finals(workload):
        groups.setdefault(homes.asks.get(request.f), []).append(request)
    taken = clients
    # Each group of clients begins at a multiple of the number of nodes, so that rank modulo that
    # number is the node.
    for place, (role, requests) in enumerate(groups.items()):
        count = len(homes.of(role))
        own = [name for name in joiners if role in {None, role_of_name(name, homes.roles)}]
        first = -(-taken // count) * count
        taken = first + count + len(own)
        by_rank = all(homes.is_first(request.f) for request in requests)
        there = [None] * count if by_rank else homes.of(role)
        for at_node, named in enumerate([*there, *own]):
            key = (at_node,) if not place else (at_node, place)
            at_ns = from_ns + entropy.stream("final", *key).below(_FINAL_NS)
            for rank, request in enumerate(requests):
                yield PlannedOperation(
                    first + at_node, at_node + rank * (count + len(own)), at_ns, request.f,
                    request.value, "final", None, named,
                )  # fmt: skip


def _one(
    workload: Workload,
    entropy: Entropy,
    client: int,
    number: int,
    at_ns: int,
    phase: Phase,
    think_ns: int | None,
) -> PlannedOperation:
    draw = Draw(entropy.stream("operation", client, number), client, number)
    request = workload.drawn(draw)
    return PlannedOperation(client, number, at_ns, request.f, request.value, phase, think_ns)


def _draws_kinds(scenario: Scenario) -> bool:
    """Return whether kinds are drawn, not requested by name: then none has to take effect."""
    return scenario.swarm or "all" in scenario.nemesis


def _shape(
    scenario: Scenario,
    entropy: Entropy,
    model: Model,
    roles: Mapping[str, tuple[str, ...]],
    draw: FaultDraw | None,
) -> Swarm:
    """Return the nodes, network and faults that a swarm draws and a plain scenario states."""
    latency = Latency(round(scenario.latency * _NS_PER_MS), scenario.latency_dist)
    promise = promised(model.program)
    names = tuple(name for each in roles.values() for name in each)
    names = names or _node_names(scenario.node_count, promise)
    time_limit_ns = to_ns(scenario.time_limit)
    if not scenario.allow_inert:
        check_felt(scenario, model)
    check_sworn(scenario, model)
    stated = scenario.model_fields_set
    sized = bool(roles) or "node_count" in stated or isinstance(scenario.regions, dict)
    if scenario.swarm and not sized:
        least = QUORUM_OF if scenario.liveness == "partial" else 0
        names = draw_size(entropy, promise, max(len(scenario.regions), least))
    with about("regions"):
        regions = placed(scenario, names, entropy, promise, roles)
    ground = Ground(
        entropy, names, model.program, time_limit_ns, tells_state(model.program),
        _clock_error_ns(scenario, model), latency, regions, roles,
    )  # fmt: skip
    if draw is not None:
        swarm = Swarm(names, latency, (), tuple(sorted(draw(ground), key=attrgetter("at_ns"))))
    elif _draws_kinds(scenario):
        swarm = _swarm(scenario, ground)
    else:
        swarm = Swarm(names, latency, scenario.nemesis, tuple(_named(scenario, ground)))
    faults = swarm.faults if draw is not None else _with_triggers(swarm.faults, scenario, ground)
    members = settled(faults, names, model.program, roles)
    if draw is None and not _draws_kinds(scenario):
        check_members(scenario.nemesis, members, len(names), model.program)
    return replace(swarm, faults=members, regions=regions)


def _named(scenario: Scenario, ground: Ground) -> list[Fault]:
    """Draw the faults that a scenario names."""
    check_core(scenario.nemesis, scenario.liveness)
    return draw_faults(
        [name for name in scenario.nemesis if asked_of(name).kind != ASKED],
        entropy=ground.entropy,
        node_ids=ground.node_ids,
        regions=ground.regions,
        interval_ns=to_ns(scenario.nemesis_interval),
        time_limit_ns=ground.time_limit_ns,
        leads=ground.leads,
        unfelt=frozenset() if scenario.allow_inert else unfelt(ground.program),
        clock_error_ns=ground.clock_error_ns,
        roles=ground.roles,
        abilities=abilities(ground.program),
    )


def _swarm(scenario: Scenario, ground: Ground) -> Swarm:
    """Draw a seed's swarm of the kinds that a scenario names, or that the nodes notice."""
    pool = tuple(name for name in scenario.nemesis if asked_of(name).kind != ASKED)
    if not scenario.nemesis or "all" in pool:
        pool = tuple(kinds_for(ground.program))
    if scenario.liveness in {"core", "partial"}:
        pool = tuple(name for name in pool if not changes_members(name))
    fixed_latency = "latency" in scenario.model_fields_set or not scenario.swarm
    return ground.swarm(pool, ground.latency if fixed_latency else None)


def _with_triggers(faults: Sequence[Fault], scenario: Scenario, ground: Ground) -> Sequence[Fault]:
    """Add what waits for something, if that is requested; each request has a stream of its own."""
    found = [*faults]
    for asked in dict.fromkeys(scenario.nemesis):
        request = asked_of(asked)
        if request.kind != ASKED:
            continue
        with about("nemesis", asked):
            if request.word is not None:
                raise UsageError(
                    f"the fault {asked!r} can't be used",
                    expected="a role or a region, as in trigger:shard@eu",
                    found=repr(request.word),
                    fix=f"Say {str(request._replace(word=None))!r}",
                )
            here = struck(request, ground.field) and request[2:] != (None, None)
            found += ground.triggers(
                ground.entropy.stream("nemesis", asked),
                profile_of(ground.program),
                kinds_for(ground.program),
                to_ns(scenario.nemesis_interval),
                Aim("", request.role, request.region) if here else None,
            )
    return sorted(found, key=attrgetter("at_ns"))


def _node_names(count: int | None, promise: Tolerates) -> tuple[str, ...]:
    """Name nodes ``n1`` to ``n5``, or ``n0`` to ``n(k-1)`` for a given count, like Maelstrom.

    If a class states that five are too many or too few, the number is the nearest that it allows.
    """
    if count is not None:
        return tuple(f"n{rank}" for rank in range(count))
    most = max(min(_NODES, promise.most or _NODES), promise.fewest)
    return tuple(f"n{rank}" for rank in range(1, most + 1))


_NODES = 5


def _clock_error_ns(scenario: Scenario, model: Model) -> int | None:
    """Return how far clocks may be off: as the user says, else as far as the class tolerates.

    A class that tolerates nothing gets clock faults only if the user requests them by name; those
    are not bounded.
    """
    if scenario.clock_error is not None:
        return bound_ns(scenario.clock_error)
    return promised(model.program).clock_error_ns or None
