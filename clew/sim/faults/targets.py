"""Whom a fault strikes: node ids, or symbols that are resolved when it strikes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clew.sim.entropy import Stream
from clew.sim.faults.fault import Fault, Target
from clew.sim.host import Host

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

Each may name a role of a system after a colon, as in ``minority:shard`` and ``leader:controller``:
then only the nodes of that role count.
"""


def parted(word: str) -> tuple[str, str | None]:
    """A symbol, a state or a kind of fault, and the role that it is about; None for any."""
    name, colon, role = word.partition(":")
    return name, role if colon else None


def of_role(word: str, role: str | None) -> str:
    """A symbol or a state that is about a role only."""
    return word if role is None else f"{word}:{role}"


def resolve(cluster: Cluster, fault: Fault, target: Target, here: Host | None = None) -> list[Host]:
    """The hosts that a target means now, in the cluster's order; empty if none fits.

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
    if target == IT:
        return [host for host in hosts if host is here]
    if target in cluster.hosts:
        return [cluster.hosts[target]]
    if target is None:
        return hosts
    target, role = parted(target)
    if role is not None:
        hosts = [cluster.hosts[name] for name in cluster.roles[role]]
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
    """How many of `count` nodes a symbol means."""
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
    """A target in words, for a sentence that says that no node fitted it."""
    if isinstance(target, tuple):
        return ", ".join(target)
    word, role = parted(str(target))
    told = f"node for the target {target!r}" if word in SYMBOLS else word
    return told if role is None or word in SYMBOLS else f"{told} of the role {role}"
