"""Drawing faults: which, when, at whom and how hard, for a plan.

Every requested kind draws from a stream of its own, so one more leaves the faults of the others as
they were. Magnitudes are drawn by order of magnitude first: most bugs need a fault that is either
short or long beside some timeout of the system, and an even draw would give long ones only.

Swarm: each seed draws its own configuration, some kinds off entirely, the rest at very different
rates (Groce, Zhang, Eide, Chen, Regehr, "Swarm testing", ISSTA 2012).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType
from typing import Any, NamedTuple

from clew.errors import about
from clew.node.tolerates import MILD, Tolerates
from clew.scenarios.plans.aims import (
    Ability,
    Field,
    aimed,
    fitting_kinds,
    named,
    struck,
    suffices,
    takes,
)
from clew.sim.entropy import Entropy, Stream
from clew.sim.faults import GROUPS, KINDS, Fault
from clew.sim.faults.injection import Parameter
from clew.sim.faults.targets import Asked, asked_of
from clew.sim.latency import SHAPES, Latency
from clew.sim.regions import Regions

_SHORTEST_NS = 10_000_000

_DOWN = frozenset({"kill", "pause", "freeze", "restart"})
"""Families of which one strike is enough; a long one would keep others from striking."""


@dataclass(frozen=True, slots=True)
class Swarm:
    """One seed's configuration.

    Attributes:
        node_ids: the cluster.
        latency: of every link.
        kinds: the kinds of fault that are on, in the order of the table.
        faults: what they drew.
        regions: where the nodes stand; None for one place.
    """

    node_ids: tuple[str, ...]
    latency: Latency
    kinds: tuple[str, ...]
    faults: tuple[Fault, ...]
    regions: Regions | None = None


def draw_faults(
    kinds: Sequence[str],
    *,
    entropy: Entropy,
    node_ids: Sequence[str],
    interval_ns: int,
    time_limit_ns: int,
    leads: bool,
    unfelt: frozenset[str] = frozenset(),
    clock_error_ns: int | None = None,
    regions: Regions | None = None,
    roles: Mapping[str, Sequence[str]] = MappingProxyType({}),
    abilities: Mapping[str, Ability] = MappingProxyType({}),
) -> list[Fault]:
    """Draw faults for a plan, in order of their beginnings: at least one per requested name.

    The time between two faults of one name, and the time that each lasts, are drawn from [0, 2 x
    interval). All end before the time limit.

    Args:
        kinds: kinds or groups of them, such as ``kill`` or ``partition``, each perhaps with whom it
            aims at, as in ``kill:shard@eu`` (see `clew.sim.faults.targets.Asked`).
        entropy: the run's seed.
        node_ids: the cluster.
        interval_ns: the mean gap.
        time_limit_ns: the length of the run before everything heals.
        leads: True if the nodes report who leads, so that faults can aim at the leader.
        unfelt: kinds that a group's name leaves out here, if it means others.
        clock_error_ns: how far a clock may be off; None for no bound.
        regions: where the nodes stand; None for one place.
        roles: the nodes of each role of a system.
        abilities: of the nodes of each role; empty for one class.

    Raises:
        UsageError: a name is unknown, can't do anything in so small a cluster, or strikes nobody.
    """
    faults: list[Fault] = []
    field = Field(node_ids, leads, regions, roles, abilities)
    for asked in dict.fromkeys(kinds):
        request = asked_of(asked)
        with about("nemesis", asked):
            fitting = fitting_kinds(request, field)
        fitting = [name for name in fitting if name not in unfelt] or fitting
        stream = entropy.stream("nemesis", asked)
        among = struck(request, field)
        draw = _Draw(asked, request, fitting, stream, among, field, clock_error_ns)
        faults += draw.faults(interval_ns, time_limit_ns)
    return sorted(faults, key=lambda fault: fault.at_ns)


class _Draw(NamedTuple):
    """The faults of one requested name; everything else is as for `draw_faults`.

    Attributes:
        asked: the name.
        request: what it means.
        fitting: the kinds that it means.
        node_ids: the nodes that it is about.
        field: all nodes.
    """

    asked: str
    request: Asked
    fitting: list[str]
    stream: Stream
    node_ids: list[str]
    field: Field
    clock_error_ns: int | None

    def faults(self, interval_ns: int, time_limit_ns: int) -> list[Fault]:
        """Draw a sequence of faults that fits into the time."""
        found: list[Fault] = []
        time_ns = self.stream.below(max(2 * interval_ns, 1))
        # A gap, a fault, a gap: two faults of one name never overlap.
        while time_ns + _SHORTEST_NS < time_limit_ns:
            until_ns = min(time_ns + self._length_ns(interval_ns), time_limit_ns - 1)
            if self._stands():
                until_ns = time_limit_ns - 1
            found.append(self._fault(len(found), time_ns, until_ns))
            time_ns = until_ns + self.stream.below(max(2 * interval_ns, 1))
        # A single late or short fault may strike nothing: nodes that are down can't be cut off.
        least_ns = min(interval_ns // 2, time_limit_ns // 8)
        enough = any(
            fault.at_ns < time_limit_ns // 2
            and (KINDS[fault.kind].instant or fault.until_ns - fault.at_ns > least_ns)
            for fault in found
        )
        if not found or not (enough or {KINDS[name].group for name in self.fitting} & _DOWN):
            begin_ns = self.stream.below(max(time_limit_ns // 2, 1))
            end_ns = self.stream.between(
                min((begin_ns + time_limit_ns) // 2, time_limit_ns - 1), max(time_limit_ns - 1, 0)
            )
            found.append(self._fault(len(found), begin_ns, max(begin_ns, end_ns)))
        return found

    def _stands(self) -> bool:
        """Draw whether a fault lasts until healing, as half of those do that may."""
        may = all(KINDS[name].stands for name in self.fitting)
        return may and self.stream.chance(1, 2)

    def _length_ns(self, interval_ns: int) -> int:
        """Draw how long a fault lasts: half of them evenly, half by order of magnitude.

        Kinds that need time to strike anything are drawn evenly, and none is very short.
        """
        longest_ns = max(2 * interval_ns - 1, _SHORTEST_NS)
        if all(KINDS[name].lingers for name in self.fitting):
            return self.stream.between(max(interval_ns // 4, _SHORTEST_NS), longest_ns)
        if self.stream.chance(1, 2):
            return self.stream.between(_SHORTEST_NS, longest_ns)
        return magnitude(self.stream, _SHORTEST_NS, longest_ns)

    def _fault(self, rank: int, at_ns: int, until_ns: int) -> Fault:
        # A stream for each fault: how many draws one takes doesn't shift the next.
        stream = Stream(self.stream.bits64())
        name = stream.pick(self.fitting)
        kind = KINDS[name]
        aim = aimed(kind, self.request, self.node_ids, self.field, stream)
        # Two parameters of one fault that name regions name different ones.
        regions = self.field.places
        places = stream.sample(regions, len(regions)) if kind.least_regions else []
        if self.request.region in places:  # the first that is named
            places.remove(self.request.region)
            places.append(self.request.region)
        params = {
            parameter.name: places.pop()
            if parameter.region
            else drawn_value(parameter, stream, self.node_ids, self.clock_error_ns)
            for parameter in kind.parameters
        }
        if kind.instant and not (aim and aim.is_state):
            until_ns = at_ns
        target = None if aim is None else str(aim)
        return Fault(f"{self.asked}-{rank + 1}", name, at_ns, until_ns, target, params)


_CLOCK_ERRORS = frozenset({"offset_ns", "jump_ns", "amplitude_ns"})
"""Parameters that say how far a clock is off."""


def drawn_value(
    parameter: Parameter, stream: Stream, node_ids: list[str], clock_error_ns: int | None
) -> Any:
    """Draw a parameter's value by order of magnitude."""
    if parameter.name == "groups":
        return _groups(stream, node_ids)
    # Whoever joins is named when all faults are drawn, and a client when the fault strikes.
    if parameter.form is not None or parameter.client:
        return parameter.default
    if parameter.choices:
        return stream.pick(parameter.choices)
    low, high = parameter.typical
    if clock_error_ns is not None and parameter.name in _CLOCK_ERRORS:
        high = max(min(high, clock_error_ns), 1)
        low = min(low, max(high // 64, 1))
    value = magnitude(stream, low, high)
    return -value if parameter.low < 0 and stream.chance(1, 2) else value


def magnitude(stream: Stream, low: int, high: int) -> int:
    """Draw an integer in [low, high], about as likely to be in each doubling of `low`."""
    doublings = max(high // max(low, 1), 1).bit_length() - 1
    reach = min(max(low, 1) << stream.between(1, max(doublings, 0) + 1), high)
    return stream.between(max(low, reach // 2) if reach > low else low, reach)


def _groups(stream: Stream, node_ids: list[str]) -> list[list[str]]:
    """Draw two or more groups, none of them empty."""
    shuffled = stream.sample(node_ids, len(node_ids))
    count = stream.between(2, min(len(node_ids), 3))
    cuts = sorted(stream.sample(range(1, len(node_ids)), count - 1))
    edges = [0, *cuts, len(node_ids)]
    return [sorted(shuffled[a:b]) for a, b in pairwise(edges)]


def standing_links(stream: Stream, node_ids: Sequence[str], core: Sequence[str]) -> list[list[str]]:
    """Draw which directions of links stay cut: none between two nodes of the core, but some.

    A node outside it is deaf, mute, or tied to one node of the core alone; or each direction of its
    links is cut by chance.
    """
    cut: dict[tuple[str, str], None] = {}
    for outer in [name for name in node_ids if name not in core]:
        others = [name for name in node_ids if name != outer]
        shape, tied = stream.pick(("deaf", "mute", "tied", "drawn")), stream.pick(core)
        for other in others:
            chances = stream.between(0, 3)
            if shape == "deaf" or (shape == "tied" and other != tied) or (
                shape == "drawn" and chances & 1
            ):  # fmt: skip
                cut[other, outer] = None
            if shape == "mute" or (shape == "tied" and other != tied) or (
                shape == "drawn" and chances & 2
            ):  # fmt: skip
                cut[outer, other] = None
    if not cut:  # by chance: the first node outside the core is deaf
        outer = next(name for name in node_ids if name not in core)
        cut = {(other, outer): None for other in node_ids if other != outer}
    return [[src, dest] for src, dest in cut]


NODE_COUNTS: tuple[int, ...] = (3, 5, 3, 5, 3, 5, 7, 7, 3, 5, 4, 6, 2, 1)
"""The sizes that a swarm picks from: mostly small odd clusters, occasionally a degenerate one."""

LATENCIES_NS: tuple[int, ...] = (0, 0, 1_000_000, 5_000_000, 20_000_000, 100_000_000)
"""Mean latencies a swarm picks from, ns."""


def node_counts(promise: Tolerates) -> tuple[int, ...]:
    """Return the sizes that a swarm picks from for a class with this promise."""
    fewest, most = promise.fewest, promise.most
    within = [count for count in NODE_COUNTS if fewest <= count <= (most or count)]
    return tuple(within) or tuple(range(fewest, (most or fewest) + 1))


def latencies_ns(promise: Tolerates) -> tuple[int, ...]:
    """Mean latencies that a swarm picks from for a class with this promise, ns."""
    return tuple(latency for latency in LATENCIES_NS if latency <= promise.latency_ns)


def draw_swarm(
    kinds: Sequence[str],
    *,
    entropy: Entropy,
    time_limit_ns: int,
    leads: bool,
    promise: Tolerates = MILD,
    node_ids: Sequence[str] | None = None,
    latency: Latency | None = None,
    clock_error_ns: int | None = None,
    regions: Regions | None = None,
    roles: Mapping[str, Sequence[str]] = MappingProxyType({}),
    abilities: Mapping[str, Ability] = MappingProxyType({}),
) -> Swarm:
    """Draw one seed's configuration: cluster, latency, which kinds are on and what they do.

    Each kind is on with a probability that the seed draws too, and has an interval of its own
    between a sixty-fourth of the time limit and half of it. At least one kind is on, if any fits.

    Args:
        kinds: the pool, such as `kinds_for` gives, or groups.
        entropy: the run's seed.
        time_limit_ns: the length of the run before everything heals.
        leads: True if the nodes report who leads.
        promise: what the nodes tolerate.
        node_ids: the cluster, fixed by the user; of a size within the promise if None.
        latency: fixed by the user; drawn within the promise if None.
        clock_error_ns: how far a clock may be off; None for no bound.
        regions: where the nodes stand; None for one place.
        roles: the nodes of each role of a system.
        abilities: of the nodes of each role; empty for one class.

    Raises:
        UsageError: a name in the pool is unknown, or strikes nobody.
    """
    node_ids = node_ids or draw_size(entropy, promise)
    field = Field(node_ids, leads, regions, roles, abilities)
    on = _switched_on(_pool(kinds, field), entropy)
    faults: list[Fault] = []
    for name in on:
        stream = entropy.stream("swarm", "rate", name)
        interval_ns = magnitude(stream, time_limit_ns // 64, time_limit_ns // 2)
        faults += draw_faults(
            [name], entropy=entropy, node_ids=node_ids, interval_ns=max(interval_ns, 1),
            time_limit_ns=time_limit_ns, leads=leads, clock_error_ns=clock_error_ns,
            regions=regions,
            roles=roles,
            abilities=abilities,
            # The kind alone, also where a group has its name.
            unfelt=frozenset(KINDS) - {asked_of(name).kind},
        )  # fmt: skip
    faults.sort(key=lambda fault: fault.at_ns)
    drawn = latency or _latency(entropy, promise)
    return Swarm(tuple(node_ids), drawn, tuple(on), tuple(faults), regions)


def _pool(kinds: Sequence[str], field: Field) -> list[str]:
    """List the kinds that names mean and that can do something here, in the table's order.

    Raises:
        UsageError: a name is unknown, or strikes what there never is.
    """
    pool = dict.fromkeys(
        str(asked._replace(kind=name))
        for asked in map(asked_of, kinds)
        for name in GROUPS.get(asked.kind, (asked.kind,))
        if len(GROUPS.get(asked.kind, ())) < 2 or takes(name, asked)  # noqa: PLR2004 - a group
    )
    for text in kinds:
        asked = asked_of(text)
        with about("nemesis", text):
            if asked.kind not in {*GROUPS, *KINDS} or not any(
                takes(name, asked) for name in GROUPS.get(asked.kind, (asked.kind,))
            ):
                fitting_kinds(asked, field)
            named(asked, field)
    ordered = [one for name in KINDS for one in pool if asked_of(one).kind == name]
    return [name for name in ordered if suffices(asked_of(name), field)]


def draw_size(entropy: Entropy, promise: Tolerates, least: int = 0) -> tuple[str, ...]:
    """Draw the size of a cluster within what its class promises, and return its nodes.

    Args:
        entropy: the run's seed.
        promise: what the nodes tolerate.
        least: how many there are at least, if so many are promised.
    """
    counts = node_counts(promise)
    fitting = [count for count in counts if count >= least] or counts
    size = entropy.stream("swarm", "nodes").pick(fitting)
    return tuple(f"n{rank + 1}" for rank in range(size))


SURE_GROUPS: tuple[str, ...] = ("partition", "flap", "kill", "clock")
"""Groups that do something even if little goes on: each swarm has one, so that none is vacuous."""


def _switched_on(names: Sequence[str], entropy: Entropy) -> list[str]:
    """Draw a seed's subset of kinds, with one of `SURE_GROUPS` if `names` has any.

    Whole groups are on or off first: with five kinds of partition on, the network would hardly
    ever be whole.
    """
    dice = entropy.stream("swarm", "density")
    of_eight = dice.pick((1, 2, 3, 4, 6))
    fallback = dice.bits64()
    groups = {group for group in GROUPS if entropy.state("swarm", "group", group) >> 61 < of_eight}
    on = [
        name
        for name in names
        if _group(name) in groups
        and (len(GROUPS[_group(name)]) == 1 or entropy.state("swarm", "kind", name) >> 61 < 4)  # noqa: PLR2004 - a half
    ]
    if not any(_group(name) in SURE_GROUPS for name in on):
        sure = [name for name in names if _group(name) in SURE_GROUPS] or names
        picked = sure[fallback * len(sure) >> 64 :][:1]
        on = [name for name in names if name in on or name in picked]
    return on


def _group(name: str) -> str:
    """Return the family of a requested kind."""
    return KINDS[asked_of(name).kind].group


def _latency(entropy: Entropy, promise: Tolerates) -> Latency:
    stream = entropy.stream("swarm", "latency")
    mean_ns = stream.pick(latencies_ns(promise))
    shape: Any = stream.pick(list(SHAPES))
    return Latency(mean_ns, shape)
