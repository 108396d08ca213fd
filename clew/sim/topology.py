"""Topologies: who is whose neighbour, for workloads that send this to their nodes.

Line, grid, trees and total are those of the wire protocol; networkx builds the lines, trees and
complete graphs. The random topologies are drawn here, from the run's seed, and are connected by
construction: what networkx's random generators draw depends on its version.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from math import isqrt
from typing import TypeAlias

from clew.errors import UsageError
from clew.machine.text import meant
from clew.sim.entropy import Entropy, Stream

TOPOLOGIES: dict[str, str] = {
    "line": "one after the other",
    "grid": "a rectangle, as square as possible, with neighbours above, below, left and right",
    "tree": "the same as tree2",
    "tree2": "a tree with two children per node",
    "tree3": "a tree with three children per node",
    "tree4": "a tree with four children per node",
    "total": "everybody with everybody",
    "random-tree": "a drawn tree: each node is attached to an earlier one",
    "random-regular": "drawn and connected, with three or four neighbours each if there are "
    "enough nodes",
    "random": "a drawn tree and about as many further drawn edges",
}


def topology(name: str, node_ids: Sequence[str], entropy: Entropy) -> dict[str, list[str]]:
    """Return each node's neighbours, in the order of `node_ids`; symmetric and connected.

    Args:
        name: a key of `TOPOLOGIES`.
        node_ids: the cluster.
        entropy: the run's seed, for the random ones.

    Raises:
        UsageError: there is no topology of this name.
    """
    if name not in TOPOLOGIES:
        known = ", ".join(TOPOLOGIES)
        raise UsageError(
            "no such topology",
            expected=f"one of {known}",
            found=repr(name),
            fix=meant(name, TOPOLOGIES) or "See 'clew list topologies'",
        )
    neighbours: list[set[int]] = [set() for _ in node_ids]
    for a, b in _edges(name, len(node_ids), entropy.stream("topology", name)):
        neighbours[a].add(b)
        neighbours[b].add(a)
    return {
        node_id: [node_ids[other] for other in sorted(neighbours[rank])]
        for rank, node_id in enumerate(node_ids)
    }


Edges: TypeAlias = list[tuple[int, int]]


def _edges(name: str, count: int, stream: Stream) -> Edges:
    if name in _EDGES:
        return _EDGES[name](count, stream)
    import networkx as nx  # noqa: PLC0415 - slow to import, and most runs need none of it

    if name == "line":
        return list(nx.path_graph(count).edges)
    if name == "total":
        return list(nx.complete_graph(count).edges)
    return list(nx.full_rary_tree(int(name.removeprefix("tree") or 2), count).edges)


def _grid(count: int, stream: Stream) -> Edges:
    """Lay the nodes out row by row; the last row may be short."""
    del stream
    # The square root of the count, rounded up.
    width = max(isqrt(count - 1) + 1, 1) if count else 1
    right = [(i, i + 1) for i in range(count - 1) if (i + 1) % width]
    return right + [(i, i + width) for i in range(count - width)]


def _tree(count: int, stream: Stream) -> Edges:
    # A random recursive tree: connected, since each node is joined to one that already is.
    return [(stream.below(rank), rank) for rank in range(1, count)]


def _sparse(count: int, stream: Stream) -> Edges:
    """Draw a tree, and up to `count` further edges: those drawn twice are there once."""
    edges = _tree(count, stream)
    pairs = [stream.sample(range(count), 2) for _ in range(count)] if count > 1 else []
    return edges + [(min(pair), max(pair)) for pair in pairs]


def _regular(count: int, stream: Stream) -> Edges:
    """Draw a ring of all nodes and a matching on top.

    A ring with a random matching is what a random 3-regular graph is almost always (Robinson and
    Wormald, "Almost all cubic graphs are Hamiltonian", 1992). With an odd number of nodes one has
    a fourth neighbour.
    """
    ring = stream.sample(range(count), count)
    edges = list(pairwise(ring))
    if count > 2:  # noqa: PLR2004 - two nodes are no ring
        edges.append((ring[-1], ring[0]))
    if count > 3:  # noqa: PLR2004 - a ring of three joins everybody already
        edges += [(ring[a], ring[b]) for a, b in _chords(count, stream)]
    return edges


_CHORDS_TRIES = 100


def _chords(count: int, stream: Stream) -> Edges:
    """Draw pairs of places on a ring that are not beside each other, each place in one pair.

    Drawn until they fit, which one draw in seven does; opposite places if none did.
    """
    for _ in range(_CHORDS_TRIES):
        order = stream.sample(range(count), count)
        pairs = list(zip(order[::2], [*order[1::2], order[0]], strict=False))
        if all(1 < abs(a - b) < count - 1 for a, b in pairs):
            return pairs
    return [(place, place + count // 2) for place in range(count - count // 2)]


_EDGES: dict[str, Callable[[int, Stream], Edges]] = {
    "grid": _grid,
    "random-tree": _tree,
    "random-regular": _regular,
    "random": _sparse,
}
