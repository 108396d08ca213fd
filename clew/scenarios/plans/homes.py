"""Which nodes of a plan clients ask for what; all that a run needs to know of roles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Homes(NamedTuple):
    """Which nodes clients ask for what; what is not said here is as in a `Plan`."""

    node_ids: tuple[str, ...]
    roles: Mapping[str, tuple[str, ...]]
    asks: Mapping[str, str | None]

    def of(self, role: str | None) -> tuple[str, ...]:
        """The nodes of a role; all for none."""
        return self.node_ids if role is None else self.roles[role]

    def for_function(self, f: str) -> tuple[str, ...]:
        """The nodes that a function goes to."""
        return self.of(self.asks.get(f))

    @property
    def asked(self) -> tuple[str | None, ...]:
        """The roles that clients ask, in the cluster's order; None, for any node, comes first."""
        asked = {*self.asks.values()} or {None}
        return tuple(role for role in (None, *self.roles) if role in asked)

    @property
    def first(self) -> tuple[str, ...]:
        """The nodes where clients begin: those of the first role that they ask."""
        return self.of(self.asked[0])

    @property
    def all(self) -> tuple[str, ...]:
        """The nodes that clients ask anything of, in the cluster's order."""
        names = {name for role in self.asked for name in self.of(role)}
        return tuple(name for name in self.node_ids if name in names)
