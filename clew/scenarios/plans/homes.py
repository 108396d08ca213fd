"""Which nodes of a plan clients ask for what; all that a run needs to know of roles."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from clew.sim.regions import Regions
from clew.workloads.picks import STICKY, Pick


class Station(NamedTuple):
    """Why a client is at a node: it keeps a position of its own for each of these.

    Attributes:
        role: whose nodes it asks; None for any.
        pick: how it picks one of them.
    """

    role: str | None = None
    pick: Pick = STICKY


class Homes(NamedTuple):
    """Which nodes clients ask for what; what is not said here is as in a `Plan`."""

    node_ids: tuple[str, ...]
    roles: Mapping[str, tuple[str, ...]]
    asks: Mapping[str, str | None]
    picks: Mapping[str, Pick] = MappingProxyType({})
    regions: Regions | None = None

    def of(self, role: str | None) -> tuple[str, ...]:
        """Return the nodes of a role; all for none."""
        return self.node_ids if role is None else self.roles[role]

    def for_function(self, f: str) -> tuple[str, ...]:
        """Return the nodes that a function goes to."""
        return self.of(self.asks.get(f))

    @property
    def asked(self) -> tuple[str | None, ...]:
        """The roles that clients ask, in the cluster's order; None, for any node, comes first."""
        asked = {*self.asks.values()} or {None}
        return tuple(role for role in (None, *self.roles) if role in asked)

    def station(self, f: str) -> Station:
        """Return the position from which a client sends the requests of a function."""
        return Station(self.asks.get(f), self.picks.get(f, STICKY))

    @property
    def stations(self) -> tuple[Station, ...]:
        """The positions of a client, in the order of `asked`; those of one role as declared."""
        functions = [*dict.fromkeys([*self.asks, *self.picks])]
        known = dict.fromkeys(map(self.station, functions)) or {Station(): None}
        return tuple(one for role in self.asked for one in known if one.role == role)

    def home(self, client: int, f: str) -> str:
        """Return the node at which a client of this rank begins to ask for a function."""
        if self.regions is None:
            nodes = self.for_function(f)
            return nodes[client % len(nodes)]
        return self.at(client, self.station(f))

    def at(self, client: int, station: Station) -> str:
        """Return the node of a station at which a client of this rank begins.

        It stands in the region of the first node that the client asks; a node of another role, or
        picked otherwise, is one of that region if there is any.
        """
        first = self.first[client % len(self.first)]
        if station == self.stations[0]:
            return first
        nodes = self.of(station.role)
        if self.regions is not None:
            own = self.regions.nodes[self.regions.of_node(first)]
            nodes = tuple(name for name in nodes if name in own) or nodes
        return nodes[client % len(nodes)]

    def is_first(self, f: str) -> bool:
        """Return whether clients begin a function at the nodes of their ranks, in any region."""
        return self.regions is None or self.station(f) == self.stations[0]

    @property
    def first(self) -> tuple[str, ...]:
        """The nodes where clients begin: those of the first role that they ask."""
        return self.of(self.asked[0])

    @property
    def all(self) -> tuple[str, ...]:
        """The nodes that clients ask anything of, in the cluster's order."""
        names = {name for role in self.asked for name in self.of(role)}
        return tuple(name for name in self.node_ids if name in names)
