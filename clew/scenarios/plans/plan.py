"""A plan: everything that happens in a run, complete and plain.

A run is a function of the plan alone. Everything a shrinker may delete is an element of a list
here: faults and operations. A plan is JSON in and out; `clew.scenarios.plans.planfile` checks one
that comes from a file in full before anything runs.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, NamedTuple, TypeAlias

from clew.scenarios.plans.homes import Homes
from clew.sim.faults import Fault, fault_from_json, joiners_of
from clew.sim.latency import Shape
from clew.sim.regions import Regions, regions_from_json
from clew.workloads.picks import DRAWN, Pick
from clew.workloads.workload import TIMEOUT_NS

SCHEMA = 2
"""The format of plans. A plan of format 1 has its workload's options beside its own fields."""

Phase: TypeAlias = Literal["main", "recover", "final"]
Liveness: TypeAlias = Literal["all", "core", "partial", "off"]


_ALWAYS = 6
"""The number of parts of an operation that are always written."""


class PlannedOperation(NamedTuple):
    """One client operation: not before `at_ns`, and not before the client's last one is over.

    Attributes:
        client: the client's rank.
        number: its rank among all operations ever drawn for this client; the key of its draws.
        at_ns: when, virtual time.
        f: the function.
        value: its argument.
        phase: ``main`` while faults strike, ``recover`` after healing, ``final`` at the end.
        think_ns: in a closed loop, how long after the client's last one it comes at the earliest;
            None in an open loop.
        node: whom it asks, if that is not the client's own node: a node that joins, or one
            that was drawn (see `clew.scenarios.plans.picks`); None in most plans.
    """

    client: int
    number: int
    at_ns: int
    f: str
    value: Any
    phase: Phase = "main"
    think_ns: int | None = None
    node: str | None = None

    def to_json(self) -> list[Any]:
        """Return the parts in order, without those at the end that say nothing."""
        last = max(rank for rank, part in enumerate(self) if rank < _ALWAYS or part is not None)
        return [*self[: last + 1]]


@dataclass(frozen=True, slots=True)
class ModelReference:
    """Which node class runs.

    Attributes:
        name: a shipped model, or ``file.py`` or ``file.py:Class``.
        bug: a planted bug of it, or None.
        digest: SHA-256 of its source when the plan was drawn; empty if unknown.
    """

    name: str
    bug: str | None = None
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that decides a run.

    Times are virtual nanoseconds.

    Attributes:
        clients: client i begins at node i modulo the number of nodes, of those that it asks.
        roles: the nodes of each role of a system, which together are `node_ids`; empty if all
            are of one class.
        asks: by function the role that it goes to, None for any node; empty for one class.
        picks: by function how clients pick the node, see `clew.workloads.picks`; empty if all are
            sticky.
        nemesis: the fault kinds that were requested by name: each must take effect.
        options: what the workload declares, by name.
        core: the nodes that heal after the time limit and then must make progress; all of them if
            liveness is neither core nor partial. If it is partial, the others run, but some of
            their links stay cut.
        schedule: which pending event happens next, see `clew.sim.orders.schedules.order_of`.
        hash_seed: the ``PYTHONHASHSEED`` that it was drawn under, see `clew.machine.hashing`; None
            if nobody knows it.
        allow_inert: a kind that was requested by name need not take effect.
        strict_replies: a reply that nobody waits for is a finding.
        clock_error_ns: how far a node's clock may be off, whatever faults say; None for no bound.
        bandwidth: how many bytes per second each link carries; 0 for any number.
        retries: how often a client asks again for what was not answered, at most.
        backoff_ns: the longest wait before the first retry.
        request_timeout_ns: when a client gives a request up; None for when the workload says.
        retry_budget_ppm: for a million operations of a client, how many retries and hedges there
            may be; None for no bound.
        hedge_ns: after so long a read is asked of a second node too; None for never.
        swarm: the seed drew which kinds of fault there are: none of them has to take effect.
        recovery_least_ns: the recovery ends when it is over, but not sooner, see
            `clew.scenarios.runs.recovery`; None for one of `recovery_ns` in any case.
        regions: where the nodes stand; a client stands in the region of the node where it begins.
            None for one place; a plan's text says nothing of it then.
    """

    seed: int
    model: ModelReference
    workload: str
    node_ids: tuple[str, ...]
    clients: int
    latency_ns: int
    latency_shape: Shape
    topology: str
    time_limit_ns: int
    recovery_ns: int
    nemesis: tuple[str, ...] = ()
    liveness: Liveness = "all"
    core: tuple[str, ...] = ()
    availability: str | None = None
    asserts: tuple[str, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)
    stop_on_finding: bool = False
    events_max: int = 50_000_000
    schedule: str = "time"
    hash_seed: int | None = None
    allow_inert: bool = False
    strict_replies: bool = False
    clock_error_ns: int | None = None
    swarm: bool = False
    regions: Regions | None = None
    bandwidth: int = 0
    retries: int = 0
    backoff_ns: int = 0
    request_timeout_ns: int | None = None
    retry_budget_ppm: int | None = None
    hedge_ns: int | None = None
    recovery_least_ns: int | None = None
    roles: dict[str, tuple[str, ...]] = field(default_factory=dict)
    asks: dict[str, str | None] = field(default_factory=dict)
    picks: dict[str, Pick] = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()
    operations: tuple[PlannedOperation, ...] = ()
    schema: int = field(default=SCHEMA)

    @property
    def all_nodes(self) -> tuple[str, ...]:
        """The nodes at the beginning and those that join, in the order of the faults."""
        return (*self.node_ids, *joiners_of(self.faults))

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:  # noqa: FBT001 - IPython's protocol
        """Write one line, for hypothesis and notebooks; a plan's repr is pages long."""
        counts = [
            f"{len(listed)} {noun}{'' if len(listed) == 1 else 's'}"
            for listed, noun in ((self.operations, "operation"), (self.faults, "fault"))
        ]
        printer.text(f"<Plan of {self.model.name}, seed {self.seed}: {', '.join(counts)}>")

    @property
    def slowest_ns(self) -> int:
        """The greatest mean latency of a link, ns."""
        return max(self.latency_ns, self.regions.slowest_ns if self.regions else 0)

    @property
    def homes(self) -> Homes:
        """Which nodes clients ask for what."""
        return Homes(self.node_ids, self.roles, self.asks, self.picks, self.regions)

    def drew_node(self, one: PlannedOperation) -> bool:
        """Return whether an operation's node was drawn, not that of a client at one node."""
        return one.phase == "main" and self.picks.get(one.f) in DRAWN

    @property
    def stride(self) -> int:
        """How many clients there are: a process of one is its rank plus a multiple of that.

        O(operations).
        """
        return max([self.clients - 1, *(one.client for one in self.operations)]) + 1

    @property
    def workers(self) -> tuple[str, ...]:
        """The names of the clients that work before healing, in order. O(operations)."""
        ranks = {one.client for one in self.operations if one.phase == "main"}
        return tuple(f"c{rank}" for rank in sorted(ranks | {*range(self.clients)}))

    def home(self, client: int) -> str:
        """Return the node at which a client of this rank begins."""
        nodes = self.homes.first if self.roles else self.node_ids
        return nodes[client % len(nodes)]

    def to_json(self) -> dict[str, Any]:
        """Return the plan as JSON values; operations are lists, to keep a file short."""
        plain = asdict(self)
        for name in _UNSAID:
            if plain[name] == type(self).__dataclass_fields__[name].default:
                del plain[name]
        del plain["regions"]
        if self.regions is not None:
            plain["regions"] = self.regions.to_json()
        plain["faults"] = [fault.to_json() for fault in self.faults]
        plain["operations"] = [operation.to_json() for operation in self.operations]
        for name in ("roles", "asks", "picks"):
            if not plain[name]:  # a plan of one class says nothing of roles
                del plain[name]
        return {"schema": plain.pop("schema"), **plain}


_UNSAID = (
    "retries", "backoff_ns", "request_timeout_ns", "retry_budget_ppm", "hedge_ns",
    "recovery_least_ns",
)  # fmt: skip
"""What a plan's text says only if it is not as in every plan before there was such a thing."""


def trusted_plan(data: dict[str, Any]) -> Plan:
    """Make the plan of what `Plan.to_json` gave, unchecked: for other processes of this run."""
    plain = _tuples(data) | {"options": _tuples(data.get("options", {}))}
    plain["roles"] = _in_order(_tuples(data.get("roles", {})), plain["node_ids"])
    plain["model"] = ModelReference(**data["model"])
    plain["faults"] = tuple(fault_from_json(fault) for fault in data["faults"])
    plain["operations"] = tuple(PlannedOperation(*each) for each in data["operations"])
    if data.get("regions") is not None:
        plain["regions"] = regions_from_json(data["regions"])
    return Plan(**plain)


def _in_order(
    roles: dict[str, tuple[str, ...]], node_ids: tuple[str, ...]
) -> dict[str, tuple[str, ...]]:
    """Put roles in the order of their nodes, which JSON objects do not keep."""
    ranks = {name: rank for rank, name in enumerate(node_ids)}
    first = {role: ranks.get(names[0], 0) if names else 0 for role, names in roles.items()}
    return {role: roles[role] for role in sorted(roles, key=first.__getitem__)}


def _tuples(plain: dict[str, Any]) -> dict[str, Any]:
    return {
        name: tuple(value) if isinstance(value, list) else value for name, value in plain.items()
    }


def plan_text(plan: Plan) -> str:
    """Write a plan as canonical JSON text; equal plans have equal texts."""
    return json.dumps(plan.to_json(), sort_keys=True, separators=(",", ":"))


def recovery_least_ns(recovery_ns: int, slowest_ns: int) -> int | None:
    """Return how long a recovery that ends when it is over lasts at least, ns.

    What goes wrong late after healing waits for a timeout of a node's or for a message. Nobody
    knows those timeouts, but whoever states the recovery time allows for several of them in a row
    (an election that fails is tried again, then clients are served), so a fifth of it holds the
    longest. Ten round trips hold what messages lead to in a slow network. None without a recovery.
    """
    return None if not recovery_ns else min(recovery_ns, max(recovery_ns // 5, 20 * slowest_ns))


def recover_margin_ns(recovery_ns: int) -> int:
    """Return the time between the last other operation's beginning and final reads, ns.

    It is the time for replicas to converge, and for the last answers.
    """
    return min(TIMEOUT_NS, recovery_ns // 2)
