"""The cycles that a model forbids, as the cycles of one directed graph that grows and shrinks.

- Every cycle is forbidden (serializability): a node for each transaction.
- No cycle may lack adjacent anti-dependencies (snapshot isolation): each transaction begins and
  then commits. Dependencies lead from a commit to a beginning, anti-dependencies from a beginning
  to a commit, so that after one of them another can't be taken at once.
- No cycle may lack an anti-dependency that follows another or a write dependency (prefix): the
  same, but write dependencies lead from a commit to a commit, since who overwrites a version need
  not have begun after it.
- No cycle may have one anti-dependency (parallel snapshot isolation) or none (read committed): a
  node for each transaction, and anti-dependencies are kept apart.

Source: Cerone and Gotsman, "Analysing Snapshot Isolation", PODC 2016 (the conditions); Zhang et
al., "Viper", EuroSys 2023 (begin and commit nodes).
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from enum import Enum
from itertools import pairwise
from typing import NamedTuple, TypeAlias

from clew.checkers.order_graph import components
from clew.checkers.transactions.cycles import SUFFIXES
from clew.checkers.transactions.extraction import NEVER, neighbours, sessions
from clew.checkers.transactions.graph import OVERWRITE, RW, WR, WW, DependencyGraph
from clew.checkers.transactions.lattice import is_kind, violates
from clew.checkers.transactions.walks import PROCESS, REALTIME, Level

Choice: TypeAlias = tuple[int, int, int]
"""On the key of this index the version of the second number comes before that of the third."""


class Shape(Enum):
    """Which cycles are forbidden: with how many anti-dependencies, standing how."""

    ANY = "any"
    NOT_ADJACENT = "no two adjacent"
    PREFIX = "each after a read dependency"
    SINGLE = "one at most"
    NONE = "none"
    WRITES = "none, and no read dependency"


_SHAPES = {
    "G2-item": Shape.ANY,
    "G-nonadjacent": Shape.NOT_ADJACENT,
    "G-single": Shape.SINGLE,
    "prefix-violation": Shape.PREFIX,
    "G1c": Shape.NONE,
    "G0": Shape.WRITES,
}
_EDGES = {
    Shape.ANY: (WW, WR, OVERWRITE, RW),
    Shape.NOT_ADJACENT: (WW, WR, OVERWRITE, RW),
    Shape.PREFIX: (WW, WR, RW),
    Shape.SINGLE: (WW, WR, OVERWRITE),
    Shape.NONE: (WW, WR),
    Shape.WRITES: (WW,),
}


def shape_of(model: str) -> tuple[Shape, Level]:
    """Return the cycles that a model forbids, and the widest order that they may use."""
    # General kinds stand before their special cases: the first that is forbidden is the widest.
    for kind, shape in _SHAPES.items():
        levels = [
            level for level in Level
            if is_kind(kind + SUFFIXES[level]) and violates(kind + SUFFIXES[level], model)
        ]  # fmt: skip
        if levels:
            return shape, max(levels)
    raise AssertionError(model)


class Label(NamedTuple):
    """What an edge is, the choice that it follows from, and the moment when it was drawn."""

    kind: int
    choice: Choice | None = None
    moment: int = 0


class Hop(NamedTuple):
    """One edge of a path."""

    source: int
    target: int
    label: Label


class Polygraph:
    """The certain edges of a history, and those that were drawn later and may be taken back.

    Args:
        graph: the edges that are certain.
        model: what must hold.
        among: the nodes that count; None for all.

    Attributes:
        is_split: True if a transaction's beginning and its commit are two nodes.
        targets: for each node where its edges lead.
    """

    __slots__ = (
        "_kinds", "_labels", "_size", "_split", "_trail", "anti", "is_split", "shape", "targets",
    )  # fmt: skip

    def __init__(
        self, graph: DependencyGraph, model: str, among: Sequence[int] | None = None
    ) -> None:
        self.shape, level = shape_of(model)
        self._kinds = _EDGES[self.shape]
        total = len(graph.successors)
        self._size = len(graph.operations)
        self.is_split = self.shape in (Shape.NOT_ADJACENT, Shape.PREFIX)
        self._split = total if self.is_split else 0
        self.targets: list[list[int]] = [[] for _ in range(total + self._split)]
        self._labels: list[list[Label]] = [[] for _ in self.targets]
        self._trail: list[int] = []
        self.anti: list[tuple[int, int, Label]] = []
        nodes = range(total) if among is None else among
        self._draw_data(graph, nodes)
        members = [node for node in nodes if node < self._size]
        if level is Level.PROCESS:
            self._draw_sessions(graph, members)
        elif level is Level.REALTIME:
            self._draw_real_time(graph, members)

    def beginning(self, transaction: int) -> int:
        """Return the node at which a transaction's dependencies arrive."""
        return transaction

    def commit(self, transaction: int) -> int:
        """Return the node at which what depends on a transaction leaves."""
        return transaction + self._split

    def overwriting(self, transaction: int) -> int:
        """Return the node at which a write dependency arrives."""
        return self.commit(transaction) if self.shape is Shape.PREFIX else transaction

    def owner(self, node: int) -> int:
        """Return the transaction of a node; -1 for one that stands for an order."""
        if node < self._size:
            return node
        committed = node - self._split
        return committed if self._split and 0 <= committed < self._size else -1

    def _draw_data(self, graph: DependencyGraph, nodes: Iterable[int]) -> None:
        inside = bytearray(len(graph.successors))
        # A path through a hub is one edge, whose kind is that of the edge into the hub: the edge
        # out of it gets the same.
        for node in nodes:
            inside[node] = 1
        kind_of_hub = {
            packed >> 2: packed & 3
            for node in nodes
            for packed in graph.successors[node]
            if packed >> 2 >= self._size
        }
        for node in nodes:
            if self._split and node < self._size:
                self._join(node, self.commit(node), Label(PROCESS))
            for packed in dict.fromkeys(graph.successors[node]):
                if inside[packed >> 2]:
                    kind = packed & 3 if node < self._size else kind_of_hub[node]
                    self.add(node, packed >> 2, Label(kind))

    def _draw_sessions(self, graph: DependencyGraph, members: Sequence[int]) -> None:
        for before, member in neighbours(members, sessions(graph.operations)):
            self._join(self.commit(before), self.beginning(member), Label(PROCESS))

    def _draw_real_time(self, graph: DependencyGraph, members: Sequence[int]) -> None:
        """Draw a chain of moments: each leads to what is invoked then, what ended leads to it."""
        first = len(self.targets)
        self.targets += [[] for _ in members]
        self._labels += [[] for _ in members]
        label = Label(REALTIME)
        # Members go by invocation, so a moment leads to its own beginning and to all later moments.
        for moment, _ in pairwise(range(first, first + len(members))):
            self._join(moment, moment + 1, label)
        for moment, member in enumerate(members, start=first):
            self._join(moment, self.beginning(member), label)
        ends = sorted(members, key=graph.completed.__getitem__)
        later = 0
        # Invariant: the moment at `later` is the first invocation after the completions so far; the
        # chain goes on to all later ones, so one edge per transaction is enough.
        for member in ends:
            if graph.completed[member] == NEVER:
                break
            while later < len(members) and graph.invoked[members[later]] < graph.completed[member]:
                later += 1
            if later == len(members):
                break
            self._join(self.commit(member), first + later, label)

    def _join(self, source: int, target: int, label: Label) -> None:
        self.targets[source].append(target)
        self._labels[source].append(label)

    def add(self, source: int, target: int, label: Label) -> None:
        """Draw an edge between two transactions or hubs, if the model looks at its kind."""
        if label.kind == OVERWRITE and self.shape is Shape.PREFIX:
            label = label._replace(kind=RW)  # updates may be lost, so it is no write dependency
        if label.kind not in self._kinds:
            if label.kind == RW and self.shape is Shape.SINGLE:
                self.anti.append((source, target, label))
            return
        # Viper's nodes: a dependency leaves from a commit and arrives at a beginning; an
        # anti-dependency leaves from a beginning and arrives at a commit, so that no two follow
        # each other directly.
        start, end = source, target
        if label.kind != RW and source < self._size:
            start = self.commit(source)
        if target < self._size:
            if label.kind == RW:
                end = self.commit(target)
            elif label.kind == WW:
                end = self.overwriting(target)
        self._join(start, end, label)
        self._trail.append(start)

    def mark(self) -> tuple[int, int]:
        """Return what `take_back` needs to return to this state."""
        return len(self._trail), len(self.anti)

    def take_back(self, mark: tuple[int, int]) -> None:
        """Take back every edge that was added since."""
        # Edges were appended, so the last one of each node is the one to take back first.
        while len(self._trail) > mark[0]:
            node = self._trail.pop()
            self.targets[node].pop()
            self._labels[node].pop()
        del self.anti[mark[1] :]

    def path(
        self,
        starts: Iterable[int],
        goals: Iterable[int],
        before: int,
        among: Container[int] | None = None,
    ) -> list[Hop]:
        """Find a shortest path over edges drawn before a moment; empty if there is none.

        It has one step at least. With ``among`` it keeps to these nodes.
        """
        wanted = set(goals)
        came: dict[int, Hop | None] = dict.fromkeys(starts)
        queue = list(came)
        # Invariant: `came` has what is reached in order of distance, each with the last step of a
        # shortest way; so the first step into a goal ends a shortest path.
        for node in queue:
            for target, label in zip(self.targets[node], self._labels[node], strict=True):
                if label.moment >= before or (among is not None and target not in among):
                    continue
                step = Hop(node, target, label)
                if target in wanted:
                    return [*_walked(came, node), step]
                if target not in came:
                    came[target] = step
                    queue.append(target)
        return []

    def circles(self, placed: Iterable[int]) -> list[list[Hop]]:
        """Find a short circle of each strongly connected component, given what an order placed."""
        out = bytearray(len(self.targets))
        for node in placed:
            out[node] = 1
        left = [node for node, gone in enumerate(out) if not gone]
        place = {node: index for index, node in enumerate(left)}
        # What an order could place lies on no circle, so only the rest is looked at.
        inner = [[place[t] for t in self.targets[node] if not out[t]] for node in left]
        return [self._circle([left[index] for index in part]) for part in components(inner)]

    def _circle(self, members: Sequence[int]) -> list[Hop]:
        """Find a shortest circle through the first member of a strongly connected component."""
        return self.path(members[:1], members[:1], _ALWAYS, dict.fromkeys(members))


def _walked(came: dict[int, Hop | None], node: int) -> list[Hop]:
    steps = []
    step = came[node]
    while step is not None:
        steps.append(step)
        step = came[step.source]
    return steps[::-1]


_ALWAYS = 1 << 62
