"""A graph of "must come before", and the shortest cycle that shows that no order exists.

Nodes are integers. Some stand for real operations, others only carry an order from many
operations to many in linear space; a cycle contradicts an order only where it has at least two
real nodes.

Sources: Kahn, "Topological sorting of large networks", CACM 1962; Tarjan, "Depth-first search and
linear graph algorithms", SIAM J. Comput. 1972, without recursion.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, Generic, TypeVar

Label = TypeVar("Label")

_STARTS = 64


class OrderGraph(Generic[Label]):
    """A directed graph with a label on each edge; the first label of an edge stays.

    Args:
        real: how many nodes are real; they are numbered from 0, all others come after them.
    """

    def __init__(self, real: int) -> None:
        self.real = real
        self.successors: list[dict[int, Label]] = [{} for _ in range(real)]
        self._shared: set[int] = set()

    def branch(self) -> OrderGraph[Label]:
        """Copy the graph, so that edges can grow on their own; O(n), and the edges are shared."""
        copy = OrderGraph[Label](0)
        copy.real = self.real
        copy.successors = self.successors[:]
        copy._shared = set(range(len(self.successors)))
        return copy

    def node(self) -> int:
        """Add a node that is not real, and return it."""
        self.successors.append({})
        return len(self.successors) - 1

    def add(self, first: int, second: int, label: Label) -> bool:
        """Put one node before another; False if that was known."""
        if second in self.successors[first]:
            return False
        # Copied on the first write: the other branch keeps its edges.
        if first in self._shared:
            self._shared.discard(first)
            self.successors[first] = dict(self.successors[first])
        self.successors[first][second] = label
        return True

    def order(self) -> list[int] | None:
        """List all nodes so that each comes after its predecessors; None for a cycle. O(n).

        Real nodes that may come in any order come by number.
        """
        found = in_order(self.successors)
        return found if len(found) == len(self.successors) else None

    def contradictions(self) -> Iterator[list[tuple[int, int, Label]]]:
        """Yield for each component that no order satisfies a shortest cycle as its edges.

        Cycles are sought from the first 64 real nodes of a component, so that a huge one costs
        no more than linear time; the shortest of those is given.
        """
        # With fewer than two real nodes a component puts no operation before another that also has
        # to come before it.
        for component in strong_components(self.successors):
            real = sorted(node for node in component if node < self.real)
            if len(real) > 1:
                inside = frozenset(component)
                cycles = [self._cycle(start, inside) for start in real[:_STARTS]]
                yield min(cycles, key=len)

    def _cycle(self, start: int, inside: frozenset[int]) -> list[tuple[int, int, Label]]:
        """Find a shortest closed walk from a real node over another one."""

        # A state is a node and whether another real node was passed on the way.
        def following(state: tuple[int, bool]) -> Iterator[tuple[int, bool]]:
            for second in self.successors[state[0]]:
                if second in inside:
                    yield second, state[1] or (second < self.real and second != start)

        walk = shortest_walk((start, False), (start, True), following)
        return [(a, b, self.successors[a][b]) for (a, _), (b, _) in pairwise(walk)]


Node = TypeVar("Node", bound=Hashable)


def shortest_walk(
    start: Node, goal: Node, following: Callable[[Node], Iterable[Node]], most: int = -1
) -> list[Node]:
    """List the nodes of a shortest walk of one step or more, with both ends; empty for none.

    Breadth first, O(edges). The start may be the goal, and the walk then a circle. Walks of more
    than ``most`` steps don't count, unless that is negative.
    """
    came = {start: start}
    reached = [start]
    # Invariant: `reached` has what is so many steps away as were taken, in the order in which it
    # was found, and `came` all that is nearer besides, each with the step before it.
    while reached and most:
        most -= 1
        found = []
        for node in reached:
            for target in following(node):
                if target == goal:
                    walk = [goal, node]
                    while walk[-1] != start:
                        walk.append(came[walk[-1]])
                    return walk[::-1]
                if target not in came:
                    came[target] = node
                    found.append(target)
        reached = found
    return []


def in_order(successors: Mapping[int, Iterable[int]] | Sequence[Iterable[int]]) -> list[int]:
    """List the nodes, each after all that lead to it; short of those on or behind circles.

    Kahn's algorithm, O(nodes + edges). Those that may come in any order come as they were given.
    """
    waiting: Any
    edges: Iterable[Iterable[int]]
    counts: Iterable[tuple[int, int]]
    if isinstance(successors, Mapping):
        waiting = dict.fromkeys(successors, 0)
        edges, counts = successors.values(), waiting.items()
    else:
        waiting = [0] * len(successors)
        edges, counts = successors, enumerate(waiting)
    # The list of the ready grows while it is walked, so that it is queue and result in one.
    for targets in edges:
        for target in targets:
            waiting[target] += 1
    order = [node for node, count in counts if not count]
    # Invariant: `waiting` counts the edges from nodes that `order` has not passed yet. So a node
    # is added once, when the last that leads to it was passed; one on a circle never is.
    for node in order:
        for target in successors[node]:
            waiting[target] -= 1
            if not waiting[target]:
                order.append(target)
    return order


def components(successors: Sequence[Collection[int]]) -> list[list[int]]:
    """List the strongly connected components of two or more nodes, each sorted, by least node."""
    return sorted(strong_components(successors))


def strong_components(successors: Sequence[Collection[int]]) -> Iterator[list[int]]:
    """Yield the strongly connected components of two or more nodes, each sorted, as found.

    Tarjan's algorithm, iterative, O(nodes + edges). Edges from a node to itself don't count.
    """
    total = len(successors)
    index = [0] * total  # 0: not seen; else the rank of discovery, from 1
    low = [0] * total
    on_stack = bytearray(total)
    stack: list[int] = []
    rank = 0
    for root in range(total):
        if index[root] or not successors[root]:
            continue
        rank += 1
        index[root] = low[root] = rank
        stack.append(root)
        on_stack[root] = 1
        path = [(root, iter(successors[root]))]
        # Invariant: `path` is a walk from the root; on the stack are its nodes and those whose
        # component has a node on it; `low` is the earliest of these that a node was seen to reach.
        while path:
            node, targets = path[-1]
            # The iterator stays in `path`, so that a node goes on where it left off.
            for target in targets:
                if not index[target]:
                    rank += 1
                    index[target] = low[target] = rank
                    stack.append(target)
                    on_stack[target] = 1
                    path.append((target, iter(successors[target])))
                    break
                if on_stack[target] and index[target] < low[node]:
                    low[node] = index[target]
            else:
                path.pop()
                if path and low[node] < low[path[-1][0]]:
                    low[path[-1][0]] = low[node]
                # It reaches nothing earlier: its component is what was found since (lemma 12).
                if low[node] == index[node]:
                    if stack[-1] == node:
                        on_stack[stack.pop()] = 0
                    else:
                        yield _popped(node, stack, on_stack)


def _popped(root: int, stack: list[int], on_stack: bytearray) -> list[int]:
    members: list[int] = []
    while not members or members[-1] != root:
        members.append(stack.pop())
        on_stack[members[-1]] = 0
    return sorted(members)
