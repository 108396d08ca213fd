"""Whom a fault strikes: node ids, or symbols that are resolved when it strikes."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

from clew.node.node import roles_among
from clew.sim.entropy import Stream
from clew.sim.faults.fault import Fault, Target
from clew.sim.host import Host
from clew.sim.regions import Regions

if TYPE_CHECKING:
    from clew.sim.cluster import Cluster

IT = "it"

SYMBOLS: dict[str, str] = {
    "one": "one drawn node that is up",
    "random": "a drawn number of the nodes that are up, at least one",
    "minority": "drawn nodes that are up, fewer than half of all nodes, at least one",
    "majority": "drawn nodes that are up, one more than half of all nodes",
    "all": "every node",
    IT: "of a fault that waits for something: the node at which it happened",
}
"""Any other word is a server state, such as ``leader``: a drawn node that reports this
state.

Each may name a role of a system after a colon, and a region after an @ sign, as in
``minority:shard``, ``all@eu`` and ``leader:controller@us``: then only the nodes of that role count,
and only those in that region.
"""

_WORDS = {
    "one": "one of the nodes",
    "random": "some of the nodes",
    "minority": "a minority of the nodes",
    "majority": "a majority of the nodes",
    "all": "all nodes",
    IT: "the node",
}

_FORM = re.compile(r"([^:@]*)(?::([^@]*))?(?:@(.*))?", re.DOTALL)


class Aim(NamedTuple):
    """Whom a fault strikes, in parts.

    Attributes:
        word: a symbol, a server state or the id of a node.
        role: the role whose nodes count; None for any.
        region: the region where they stand; None for any.
    """

    word: str
    role: str | None = None
    region: str | None = None

    def __str__(self) -> str:
        """Return the text of the aim, such as ``minority:shard@eu``."""
        role = "" if self.role is None else f":{self.role}"
        return self.word + role + ("" if self.region is None else f"@{self.region}")

    @property
    def is_state(self) -> bool:
        """True if the word is a server state."""
        return self.word not in SYMBOLS and not self.word[-1:].isdecimal()

    @property
    def words(self) -> str:
        """The aim in words, such as ``a minority of the nodes of the role shard``."""
        told = _WORDS.get(self.word) or (f"a {self.word}" if self.is_state else self.word)
        return told + self.place

    @property
    def place(self) -> str:
        """The role and the region in words, each after a blank; empty for neither."""
        role = "" if self.role is None else f" of the role {self.role}"
        return role + ("" if self.region is None else f" in the region {self.region}")

    def among(
        self,
        node_ids: Iterable[str],
        roles: Mapping[str, Collection[str]],
        places: Mapping[str, str],
    ) -> list[str]:
        """Return those of some nodes that count, in order.

        Args:
            node_ids: the nodes.
            roles: the nodes of each role, of those that it has.
            places: the region of each node.
        """
        return [
            name
            for name in node_ids
            if (self.role is None or name in roles[self.role])
            and (self.region is None or places.get(name) == self.region)
        ]


def aim_of(text: str) -> Aim:
    """Read the aim that a text means; what it names need not exist."""
    parts = _FORM.fullmatch(text)
    assert parts is not None  # the form fits every text
    return Aim(*parts.groups())


def aim_at(target: Target) -> Aim | None:
    """Read the aim of a target that is a text; None for another."""
    return aim_of(target) if isinstance(target, str) else None


def whereabouts(fault: Fault) -> Iterator[tuple[str, str]]:
    """Yield the texts of a fault that may name a role and a region, each with its place."""
    if isinstance(fault.target, str):
        yield "the target", fault.target
    if fault.when is not None and fault.when.node is not None:
        yield "when.node", fault.when.node


class Asked(NamedTuple):
    """A fault that is requested by name, such as ``kill``, ``kill:shard@eu``, ``kill=leader@us``.

    Attributes:
        kind: the kind, or the group of kinds.
        word: a symbol, a state or a node that it is to strike; None for one that is drawn.
        role: as of an `Aim`.
        region: as of an `Aim`.
    """

    kind: str
    word: str | None = None
    role: str | None = None
    region: str | None = None

    def __str__(self) -> str:
        """Return the text of the request."""
        word = "" if self.word is None else f"={self.word}"
        return str(Aim(self.kind + word, self.role, self.region))

    @property
    def aim(self) -> Aim | None:
        """The nodes that it is about, all of them if it names no word; None for all nodes."""
        said = self[1:] != (None, None, None)
        return Aim(self.word or "all", self.role, self.region) if said else None


def asked_of(text: str) -> Asked:
    """Read what the name of a requested fault means; what it names need not exist."""
    name, role, region = aim_of(text)
    kind, equals, word = name.partition("=")
    return Asked(kind, word if equals else None, role, region)


def misaimed(
    target: Target,
    roles: Mapping[str, Collection[str]],
    node_ids: Collection[str],
    regions: Regions | None,
) -> dict[str, str] | None:
    """Return what was expected and found of a target that nobody can fit; None for others.

    Args:
        target: of a fault.
        roles: the nodes of each role at the beginning; none for one kind of node.
        node_ids: all nodes, those that join too.
        regions: where they stand; None for one place.
    """
    aim = aim_at(target)
    if aim is None or (aim.role is None and aim.region is None):
        return None
    if aim.role is not None and aim.role not in roles:
        expected = f"one of {', '.join(roles)}" if roles else "no role: there is one kind of node"
        return {"expected": expected, "found": repr(aim.role)}
    places = {} if regions is None else regions.places()
    if aim.region is not None and aim.region not in places.values():
        known = "no region: all nodes are in one place"
        expected = f"one of {', '.join(regions.names)}" if regions else known
        return {"expected": expected, "found": repr(aim.region)}
    if not aim.is_state and aim.word not in SYMBOLS:
        return {"expected": "a node without a role and a region", "found": repr(str(aim))}
    grown = roles_among([*node_ids], {role: [*names] for role, names in roles.items()})
    if not aim.among(node_ids, grown, places):
        there = [name for name in (regions.names if regions else ())
                 if aim._replace(region=name).among(node_ids, grown, places)]  # fmt: skip
        expected = f"a region where the role {aim.role} has a node: {', '.join(there)}"
        return {"expected": expected, "found": repr(aim.region)}
    return None


def resolve(cluster: Cluster, fault: Fault, target: Target, here: Host | None = None) -> list[Host]:
    """Return the hosts that a target means now, in the cluster's order; empty if none fits.

    Args:
        cluster: whose hosts.
        fault: what strikes.
        target: whom it aims at.
        here: where what it waited for happened.

    The draw is keyed by the fault and made over all nodes, up or down, so that a node that happens
    to be down changes as little as possible.
    """
    hosts = list(cluster.hosts.values())
    if isinstance(target, tuple):
        return [host for host in hosts if host.id in target]
    if target in cluster.hosts:
        return [cluster.hosts[target]]
    if target is None:
        return hosts
    aim = aim_of(target)
    counting = aim.among(cluster.hosts, cluster.roles, cluster.network.places)
    hosts, target = [cluster.hosts[name] for name in counting], aim.word
    if target == IT:
        return [host for host in hosts if host is here]
    if target == "all":
        return hosts
    stream = cluster.entropy.stream("fault", fault.id, "target")
    size = _size(target, len(hosts), stream)
    if target in SYMBOLS:
        fitting = [host for host in hosts if host.process is not None]
    else:
        fitting = cluster.hosts_in_state(target)
    # All nodes are put in a drawn order and the first that fit are taken: a node that is down then
    # leaves a gap, and does not change who else is drawn.
    chosen = [host for host in stream.sample(hosts, len(hosts)) if host in fitting][:size]
    return [host for host in hosts if host in chosen]


def _size(target: str, count: int, stream: Stream) -> int:
    """Return how many of `count` nodes a symbol means."""
    # Drawn for every symbol, also where it is not needed: so the nodes, which are drawn next, come
    # in the same order for all of them.
    drawn = stream.bits64()
    if target == "random":
        return 1 + (drawn * count >> 64)
    if target == "minority":
        most = (count - 1) // 2
        return 1 + (drawn * most >> 64) if most else 0
    if target == "majority":
        return count // 2 + 1
    return 1


def whom(target: Target) -> str:
    """Put a target in words, for a sentence that says that no node fitted it."""
    if isinstance(target, tuple):
        return ", ".join(target)
    aim = aim_of(str(target))
    if aim.word in SYMBOLS:
        return f"node for the target {target!r}"
    return aim.word + aim.place
