"""A graph of "must come before", and the shortest cycle that shows that no order exists.

Nodes are integers. Some stand for real operations, others only carry an order from many
operations to many in linear space; a cycle contradicts an order only where it has at least two
real nodes. Components by Tarjan, "Depth-first search and linear graph algorithms", SIAM J.
Comput. 1972, without recursion.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Generic, TypeVar

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
        """A copy whose edges can grow on their own; O(n), and the edges themselves are shared."""
        copy = OrderGraph[Label](0)
        copy.real = self.real
        copy.successors = self.successors[:]
        copy._shared = set(range(len(self.successors)))
        return copy

    def node(self) -> int:
        """A new node that is not real."""
        self.successors.append({})
        return len(self.successors) - 1

    def add(self, first: int, second: int, label: Label) -> bool:
        """Says that one node comes before another; False where that was known."""
        if second in self.successors[first]:
            return False
        if first in self._shared:
            self._shared.discard(first)
            self.successors[first] = dict(self.successors[first])
        self.successors[first][second] = label
        return True

    def order(self) -> list[int] | None:
        """All nodes so that each comes after its predecessors; None where there is a cycle. O(n).

        Real nodes that may come in any order come by number.
        """
        waiting = [0] * len(self.successors)
        for edges in self.successors:
            for second in edges:
                waiting[second] += 1
        ready = deque(node for node, count in enumerate(waiting) if not count)
        found = []
        while ready:
            node = ready.popleft()
            found.append(node)
            for second in self.successors[node]:
                waiting[second] -= 1
                if not waiting[second]:
                    ready.append(second)
        return found if len(found) == len(self.successors) else None

    def contradictions(self) -> Iterator[list[tuple[int, int, Label]]]:
        """For each component that no order can satisfy, a shortest cycle as its edges.

        Cycles are sought from the first 64 real nodes of a component, so that a huge one costs
        no more than linear time; the shortest of those is given.
        """
        for component in self._components():
            real = sorted(node for node in component if node < self.real)
            if len(real) > 1:
                inside = frozenset(component)
                cycles = [self._cycle(start, inside) for start in real[:_STARTS]]
                yield min(cycles, key=len)

    def _cycle(self, start: int, inside: frozenset[int]) -> list[tuple[int, int, Label]]:
        """A shortest closed walk from a real node over another one; breadth first.

        A state is a node and whether another real node was passed on the way.
        """
        origin = (start, False)
        came_from: dict[tuple[int, bool], tuple[int, bool]] = {}
        queue = deque([origin])
        while queue:
            state = queue.popleft()
            node, passed = state
            for second in self.successors[node]:
                if second not in inside:
                    continue
                following = (second, passed or (second < self.real and second != start))
                if following == (start, True):
                    return self._walk(state, start, came_from, origin)
                if following not in came_from and following != origin:
                    came_from[following] = state
                    queue.append(following)
        raise AssertionError("a strong component has a cycle through each two of its nodes")

    def _walk(
        self,
        state: tuple[int, bool],
        end: int,
        came_from: dict[tuple[int, bool], tuple[int, bool]],
        origin: tuple[int, bool],
    ) -> list[tuple[int, int, Label]]:
        edges = [(state[0], end, self.successors[state[0]][end])]
        while state != origin:
            earlier = came_from[state]
            edges.append((earlier[0], state[0], self.successors[earlier[0]][state[0]]))
            state = earlier
        return edges[::-1]

    def _components(self) -> Iterator[list[int]]:
        """The strong components of more than one node."""
        index: dict[int, int] = {}
        low: dict[int, int] = {}
        stack: list[int] = []
        on_stack: set[int] = set()
        for root in range(len(self.successors)):
            if root in index:
                continue
            work = [(root, iter(self.successors[root]))]
            index[root] = low[root] = len(index)
            stack.append(root)
            on_stack.add(root)
            while work:
                node, edges = work[-1]
                for second in edges:
                    if second not in index:
                        index[second] = low[second] = len(index)
                        stack.append(second)
                        on_stack.add(second)
                        work.append((second, iter(self.successors[second])))
                        break
                    if second in on_stack:
                        low[node] = min(low[node], index[second])
                else:
                    work.pop()
                    if work:
                        low[work[-1][0]] = min(low[work[-1][0]], low[node])
                    if low[node] == index[node]:
                        component = self._pop(stack, on_stack, node)
                        if len(component) > 1:
                            yield component

    @staticmethod
    def _pop(stack: list[int], on_stack: set[int], node: int) -> list[int]:
        component: list[int] = []
        while not component or component[-1] != node:
            component.append(stack.pop())
            on_stack.discard(component[-1])
        return component
