"""What faults are drawn for: the cluster of one plan, its nodes, and what they can withstand."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from clew.node.system import Program
from clew.scenarios.plans.aims import Field, suffices, takes
from clew.scenarios.plans.capabilities import abilities, promised
from clew.scenarios.plans.nemesis import Swarm, draw_faults, draw_swarm
from clew.scenarios.plans.profile import Profile
from clew.scenarios.plans.triggers import ACTS, draw_triggers
from clew.sim.entropy import Entropy, Stream
from clew.sim.faults import GROUPS, KINDS, Fault
from clew.sim.faults.targets import Aim, asked_of
from clew.sim.latency import Latency
from clew.sim.regions import Regions


@dataclass(frozen=True, slots=True)
class Ground:
    """The cluster that faults are drawn for.

    Attributes:
        entropy: the run's seed.
        node_ids: its nodes at the beginning.
        program: what they run.
        time_limit_ns: the length of the run before everything heals.
        leads: True if the nodes report who leads.
        clock_error_ns: how far a clock may be off; None for no bound.
        latency: of the links.
        regions: where the nodes stand; None for one place.
        roles: the nodes of each role of a system.
    """

    entropy: Entropy
    node_ids: tuple[str, ...]
    program: Program
    time_limit_ns: int
    leads: bool
    clock_error_ns: int | None
    latency: Latency
    regions: Regions | None
    roles: Mapping[str, tuple[str, ...]]

    def fitting(self, name: str, pool: Collection[str]) -> list[str]:
        """Return the kinds that a name means, that are in the pool and can do something here.

        Args:
            name: a kind or a group, perhaps with whom it aims at.
            pool: kinds.
        """
        asked = asked_of(name)
        named = GROUPS.get(asked.kind, (asked.kind,))
        return [
            kind
            for kind in named
            if kind in pool
            and takes(kind, asked)
            and suffices(asked._replace(kind=kind), self.field)
        ]

    @property
    def field(self) -> Field:
        """The nodes, as faults see them."""
        able = abilities(self.program)
        return Field(self.node_ids, self.leads, self.regions, self.roles, able)

    def faults(self, name: str, kinds: Collection[str], interval_ns: int) -> list[Fault]:
        """Draw the faults of one name, of some of the kinds that it means; see `draw_faults`."""
        return draw_faults(
            [name],
            entropy=self.entropy,
            node_ids=self.node_ids,
            interval_ns=max(interval_ns, 1),
            time_limit_ns=self.time_limit_ns,
            leads=self.leads,
            unfelt=frozenset(KINDS).difference(kinds),
            clock_error_ns=self.clock_error_ns,
            regions=self.regions,
            roles=self.roles,
            abilities=abilities(self.program),
        )

    def swarm(self, pool: Iterable[str], latency: Latency | None) -> Swarm:
        """Draw a part of some kinds at drawn rates; see `draw_swarm`, also for the latency."""
        return draw_swarm(
            tuple(pool),
            entropy=self.entropy,
            time_limit_ns=self.time_limit_ns,
            leads=self.leads,
            promise=promised(self.program),
            node_ids=self.node_ids,
            latency=latency,
            clock_error_ns=self.clock_error_ns,
            regions=self.regions,
            roles=self.roles,
            abilities=abilities(self.program),
        )

    def triggers(
        self,
        stream: Stream,
        profile: Profile,
        kinds: Collection[str],
        interval_ns: int,
        where: Aim | None = None,
        acts: Sequence[tuple[str, ...]] = ACTS,
    ) -> list[Fault]:
        """Draw faults that wait for something; see `draw_triggers`."""
        return draw_triggers(
            stream,
            profile,
            kinds=kinds,
            node_ids=self.node_ids,
            time_limit_ns=self.time_limit_ns,
            interval_ns=interval_ns,
            where=where,
            clock_error_ns=self.clock_error_ns,
            acts=acts,
        )


FaultDraw: TypeAlias = Callable[[Ground], Iterable[Fault]]
"""Draws the faults of a plan, in any order, each under an id of its own."""
