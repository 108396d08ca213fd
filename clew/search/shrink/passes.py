"""What a shrinker tries, in order: the biggest cuts first, words and round numbers last.

Each pass takes a `Hunt`, tries smaller plans on it, and leaves the smallest that still fails in it.
Later passes may let earlier ones find more, so all are repeated until none does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any, TypeAlias, TypeVar

from clew.scenarios.code.workload_files import load_workload
from clew.scenarios.plans.plan import Plan, PlannedOperation
from clew.scenarios.runs.run import simulate
from clew.search.shrink import cuts
from clew.search.shrink.delta import least, minimised
from clew.search.shrink.oracle import WHOLE_RUN, Oracle, Sight
from clew.sim.latency import Latency
from clew.workloads.operation import KEY, Declared, Renamed
from clew.workloads.workload import Workload

T = TypeVar("T")

MS = 1_000_000

SINGLY = 24
"""At most this many operations are tried one by one; more are tried in `PARTS_MAX` parts."""

PARTS_MAX = 16

GAPS_MAX = 16
"""At most this many waits are shortened, the longest ones."""


@dataclass(slots=True)
class Hunt:
    """The smallest failing plan so far, and the oracle for smaller ones.

    Attributes:
        oracle: runs candidates.
        best: the plan.
        sight: what its run showed.
    """

    oracle: Oracle
    best: Plan
    sight: Sight

    def attempt(self, plan: Plan | None) -> bool:
        """Return whether a plan still fails; if so, it is the best."""
        plan = plan and cuts.consistent(plan)
        if plan is None or plan == self.best:
            return False
        sight = self.oracle.ask(plan)
        if sight is None:
            return False
        self.best, self.sight = plan, sight
        return True

    def fewer(
        self,
        items: Sequence[T],
        plan_of: Callable[[Sequence[T]], Plan | None],
        parts_max: int | None = None,
    ) -> None:
        """Keep a minimal part of a list with which the plan still fails."""
        # Its answer is not needed: each part that fails becomes the best plan when it is tried.
        minimised(items, lambda part: self.attempt(plan_of(part)), parts_max)


def cut_the_end(hunt: Hunt) -> None:
    """Take away what comes after the failure, and all other checks."""
    hunt.attempt(replace(hunt.best, schedule="time"))
    if hunt.oracle.target.check not in WHOLE_RUN:
        hunt.attempt(replace(hunt.best, nemesis=(), availability=None, asserts=()))
    if hunt.oracle.target.check == "nodes":
        hunt.attempt(replace(hunt.best, stop_on_finding=True))
    if hunt.sight.moment_ns is not None:
        _cut_behind(hunt, hunt.sight.moment_ns)
        return
    last_ns = cuts.times(hunt.best)[-1]
    hunt.attempt(cuts.healed_at(hunt.best, last_ns + MS))
    if hunt.oracle.target.check != "liveness":
        hunt.attempt(replace(hunt.best, liveness="off", core=()))


def _cut_behind(hunt: Hunt, moment_ns: int) -> None:
    """Cut the plan off at its failure, or as soon after as it shows.

    An answer may be wrong only once another operation is known to have failed.
    """
    plan = hunt.best
    if hunt.attempt(cuts.cut_at(plan, moment_ns)) or not plan.recovery_ns:
        return
    least(
        moment_ns // MS + 1, plan.time_limit_ns // MS, tries=6,
        fails=lambda ms: hunt.attempt(cuts.cut_at(plan, ms * MS)),
    )  # fmt: skip


def as_asked(hunt: Hunt) -> None:
    """Move each operation to when it was in fact invoked: none waits for another of its client."""
    run = simulate(hunt.best, hunt.oracle.model, keep_trace=False)
    hunt.attempt(cuts.asked_at(hunt.best, run.history))


def keep_the_evidence(hunt: Hunt) -> None:
    """Keep only the operations that show the failure, or those on their keys, or the last ones."""
    plan = hunt.best
    shown = planned_evidence(plan, hunt.sight)
    if shown and hunt.attempt(cuts.with_operations(plan, shown)):
        return
    keys = [_key(one) for one in shown]
    if keys:
        hunt.attempt(cuts.with_operations(plan, [o for o in plan.operations if _key(o) in keys]))
    hunt.attempt(cuts.with_operations(hunt.best, []))
    count = 4
    # Where nothing shows what matters, the last operations are the likeliest, ever more of them.
    while count < len(hunt.best.operations):
        if hunt.attempt(cuts.with_operations(hunt.best, hunt.best.operations[-count:])):
            return
        count *= 4


def _key(one: PlannedOperation) -> Any:
    """Return the key that an operation is on, as text; None if there is none."""
    return repr(one.value[0]) if isinstance(one.value, list | tuple) and one.value else None


def planned_evidence(plan: Plan, sight: Sight) -> list[PlannedOperation]:
    """Find the plan's operations that its failing run showed as evidence.

    A client's operations are in the plan in the order in which it invokes them.
    """
    stride = plan.stride
    found: list[PlannedOperation] = []
    for one in sight.evidence:
        if not isinstance(one.process, int):
            continue
        client, start = one.process % stride, one.start or 0
        fitting = [
            each
            for each in plan.operations
            if each.client == client and each.f == one.f and each.at_ns <= start
            and _agree(each.value, one.argument)
        ]  # fmt: skip
        # Of those that were due by then the client is at the last.
        found += fitting[-1:]
    return [one for one in plan.operations if one in found]


def _agree(planned: Any, asked: Any) -> bool:
    """Return whether an argument may be the planned one, whose open parts the client filled in."""
    if planned is None:
        return True
    if isinstance(planned, list | tuple) and isinstance(asked, list | tuple):
        return len(planned) == len(asked) and all(map(_agree, planned, asked))
    return bool(planned == asked)


def fewer_faults(hunt: Hunt) -> None:
    """Keep the least part of the faults."""
    plan = hunt.best
    hunt.fewer(plan.faults, lambda part: replace(hunt.best, faults=tuple(part)))


def fewer_clients(hunt: Hunt) -> None:
    """Keep the least part of the clients, each with all its operations."""
    clients = list(dict.fromkeys(one.client for one in hunt.best.operations))
    hunt.fewer(
        clients,
        lambda part: cuts.with_operations(
            hunt.best, [one for one in hunt.best.operations if one.client in part]
        ),
    )


def fewer_operations(hunt: Hunt) -> None:
    """Keep the least part of the operations."""
    few = len(hunt.best.operations) <= SINGLY
    hunt.fewer(
        hunt.best.operations,
        lambda part: cuts.with_operations(hunt.best, part),
        None if few else PARTS_MAX,
    )


def fewer_nodes(hunt: Hunt) -> None:
    """Take away one node after another, whichever can be spared."""
    again = True
    # Each round takes a node away, or is the last. One whose operations can go with it first.
    while again and len(hunt.best.node_ids) > 1:
        again = any(
            hunt.attempt(cuts.with_nodes(hunt.best, {*hunt.best.node_ids} - {name}, moved=moved))
            for moved in (False, True)
            for name in reversed(hunt.best.node_ids)
        )


def fewer_regions(hunt: Hunt) -> None:
    """Let all nodes stand in one place, or those of two regions in one, and again."""
    plan = hunt.best
    if plan.regions is None:
        return
    if hunt.attempt(cuts.in_one_place(plan)):
        return
    again = True
    # Each round leaves a region less, or is the last.
    while again and hunt.best.regions is not None:
        again = any(
            hunt.attempt(cuts.with_merged(hunt.best, kept, gone))
            for kept, gone in combinations(hunt.best.regions.names, 2)
        )


def plain_distances(hunt: Hunt) -> None:
    """Make latencies between regions nothing, or constant and alike, and then lower."""
    if hunt.best.regions is None or hunt.attempt(_apart(hunt.best, 0)):
        return
    hunt.attempt(cuts.with_distances(hunt.best, lambda each: Latency(each.whole_mean_ns)))
    high = -(-hunt.best.regions.slowest_ns // MS)
    alike = _apart(hunt.best, high)
    if alike == hunt.best or hunt.attempt(alike):
        least(0, high, tries=4, fails=lambda ms: hunt.attempt(_apart(hunt.best, ms)))


def _apart(plan: Plan, ms: int) -> Plan:
    """Give all regions one latency between them."""
    return cuts.with_distances(plan, lambda _: Latency(ms * MS))


def fewer_names(hunt: Hunt) -> None:
    """Give clients the least numbers, and keep only as many as work."""
    hunt.attempt(cuts.with_clients_renamed(hunt.best))
    if load_workload(hunt.best.workload).setup is Workload.setup:
        hunt.attempt(replace(hunt.best, clients=1))


def quiet_network(hunt: Hunt) -> None:
    """Make latencies zero, constant or lower, and links as fast as possible."""
    if hunt.best.bandwidth:
        hunt.attempt(replace(hunt.best, bandwidth=0))
    hunt.attempt(replace(hunt.best, latency_ns=0, latency_shape="constant"))
    hunt.attempt(replace(hunt.best, latency_shape="constant"))
    if hunt.best.latency_ns:
        least(
            0, hunt.best.latency_ns // MS, tries=4,
            fails=lambda ms: hunt.attempt(replace(hunt.best, latency_ns=ms * MS)),
        )  # fmt: skip


def plain_clients(hunt: Hunt) -> None:
    """Let clients ask their own nodes at fixed times, once, and wait as is usual; or nearly so."""
    if hunt.best.picks:
        hunt.attempt(cuts.with_own_nodes(hunt.best))
    if any(one.think_ns is not None for one in hunt.best.operations):
        asked = [one._replace(think_ns=None) for one in hunt.best.operations]
        hunt.attempt(cuts.with_operations(hunt.best, asked))
    plan = hunt.best
    if not (plan.retries or plan.hedge_ns or plan.request_timeout_ns):
        return
    if hunt.attempt(replace(plan, request_timeout_ns=None, **_ASKED_ONCE)):
        return
    hunt.attempt(replace(hunt.best, **_ASKED_ONCE))
    hunt.attempt(replace(hunt.best, hedge_ns=None))
    hunt.attempt(replace(hunt.best, retry_budget_ppm=None))
    hunt.attempt(replace(hunt.best, backoff_ns=0))
    least(
        0, hunt.best.retries, tries=5,
        fails=lambda number: hunt.attempt(replace(hunt.best, retries=number)),
    )  # fmt: skip


_ASKED_ONCE: dict[str, Any] = {
    "retries": 0, "backoff_ns": 0, "hedge_ns": None, "retry_budget_ppm": None
}  # fmt: skip


def less_time(hunt: Hunt) -> None:
    """Shorten the waits between what happens, the longest first."""
    for _ in range(2):
        points = cuts.times(hunt.best)
        gaps = sorted(range(1, len(points)), key=lambda rank: points[rank - 1] - points[rank])
        # Shortening a wait moves what comes after it and leaves its rank, so the ranks stay true.
        for rank in gaps[:GAPS_MAX]:
            _shorten(hunt, rank)


def _shorten(hunt: Hunt, rank: int) -> None:
    """Move the rank-th point of time, and all after it, closer to the one before."""
    points = cuts.times(hunt.best)
    if rank >= len(points):
        return
    gap, after_ns, plan = points[rank] - points[rank - 1], points[rank], hunt.best
    if gap <= 10 * MS:
        return
    least(
        MS, gap, tries=4,
        fails=lambda ns: hunt.attempt(cuts.earlier(plan, after_ns, gap - ns)),
    )  # fmt: skip


def round_times(hunt: Hunt) -> None:
    """Round times, so that they are easy to read."""
    for unit_ns in (100 * MS, 10 * MS, MS):
        plan = cuts.retimed(hunt.best, lambda ns, unit=unit_ns: -(-ns // unit) * unit)  # type: ignore[misc]
        if hunt.attempt(plan):
            return


def plain_values(hunt: Hunt) -> None:
    """Use one key if one is enough, small numbers for names, and a workload's simpler values."""
    declared = load_workload(hunt.best.workload).operations
    names = {kind: _names(hunt.best.operations, declared, kind) for kind in Renamed}
    if any(names.values()):
        first = dict.fromkeys(names[KEY], 1)
        if not hunt.attempt(_renamed(hunt.best, declared, {**names, KEY: first})):
            hunt.attempt(_renamed(hunt.best, declared, names))
    for f, each in declared.items():
        for name, value in each.simpler.items():
            if not isinstance(value, Renamed):
                _replaced(hunt, declared, f, name, value)


_Names: TypeAlias = Mapping[Renamed, Mapping[str, int]]


def _names(
    operations: Sequence[PlannedOperation], declared: Mapping[str, Declared], kind: Renamed
) -> Mapping[str, int]:
    """Number the values of the fields of a kind, by their texts."""
    return cuts.renumbered(
        repr(value)
        for one in operations
        for name, value in _fields(one, declared).items()
        if declared[one.f].simpler.get(name) is kind
    )


def _fields(one: PlannedOperation, declared: Mapping[str, Declared]) -> dict[str, Any]:
    """List the fields of a planned argument; none if the client turns it into another."""
    each = declared[one.f]
    return each.fields(one.value) if each.planned is ... else {}


def _renamed(plan: Plan, declared: Mapping[str, Declared], names: _Names) -> Plan:
    """Change the values of the fields that only name something."""

    def value_of(one: PlannedOperation) -> Any:
        simpler, fields = declared[one.f].simpler, _fields(one, declared)
        for name, value in fields.items():
            kind = simpler.get(name)
            if isinstance(kind, Renamed):
                number = names[kind][repr(value)]
                fields[name] = str(number) if isinstance(value, str) else number
        return declared[one.f].fill(fields) if fields else one.value

    return cuts.with_values(plan, value_of)


def _replaced(hunt: Hunt, declared: Mapping[str, Declared], f: str, name: str, value: Any) -> None:
    """Give a field its simplest value, in all operations of a function or as many as possible."""

    def with_it(ranks: Iterable[int]) -> Plan:
        operations = [*hunt.best.operations]
        for rank in ranks:
            fields = {**_fields(operations[rank], declared), name: value}
            operations[rank] = operations[rank]._replace(value=declared[f].fill(fields))
        return cuts.with_operations(hunt.best, operations)

    ranks = [rank for rank, one in enumerate(hunt.best.operations) if one.f == f]
    if not hunt.attempt(with_it(ranks)):
        for rank in ranks[:SINGLY]:
            hunt.attempt(with_it([rank]))


CUTS: tuple[Callable[[Hunt], None], ...] = (
    cut_the_end, as_asked, keep_the_evidence, fewer_faults, fewer_clients, fewer_operations,
    fewer_nodes, fewer_regions, cut_the_end,
)  # fmt: skip
"""What makes a plan smaller."""

WORDS: tuple[Callable[[Hunt], None], ...] = (
    quiet_network, plain_distances, plain_clients, fewer_names, less_time, plain_values,
    round_times,
)  # fmt: skip
"""What makes it simpler."""
