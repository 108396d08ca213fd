"""Walks through a part of the dependency graph: components, and exact shortest closed walks.

A `Region` is some of the graph's transactions, renumbered from 0 in order of invocation. A kind
of anomaly is a small automaton over kinds of edge (`Rule`); `Walks` is the product of a region
and an automaton. Its first nodes are *real* (a transaction in a state of the automaton); the rest
are *passing*: a step into a passing node goes on at once to what lies behind it. Passing nodes
carry the relations that are too dense to store: "every later transaction of this session",
"everything invoked after this one completed", and the hubs of the graph.

Shortest walks: with one bit for each goal, let R[k](v) be the goals that v reaches in at most k
steps; R[k + 1](v) is the union of R[k] over v's successors. All starting edges are tried at
once at each k, so the first hit is a shortest walk over all of them. Python's big integers make
each union one operation.

Left out: cycles longer than the budget allows; they are given up, never guessed.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from enum import IntEnum
from typing import NamedTuple

from clew.checkers.order_graph import components
from clew.checkers.transactions.extraction import neighbours
from clew.checkers.transactions.graph import OVERWRITE, RW, WR, WW, DependencyGraph
from clew.checkers.verdict import Budget

PROCESS, REALTIME = 4, 5
"""Kinds of edge that follow from the history's order; they continue `graph.WW` and so on."""

_BITS_PER_LAYER = 1 << 28


class Level(IntEnum):
    """Which order of the history counts besides the data: none, each session's, or real time."""

    PLAIN = 0
    PROCESS = 1
    REALTIME = 2


class Rule(NamedTuple):
    """In state ``source`` an edge of these kinds may be taken, which leads to state ``target``.

    ``ordered`` says whether edges of the history's order may be taken too.
    """

    source: int
    kinds: tuple[int, ...]
    target: int
    ordered: bool = True


class Region:
    """Some transactions and the edges among them, renumbered in order of invocation.

    Args:
        graph: the whole graph.
        nodes: its nodes that count, transactions and hubs, ascending.
        session: `extraction.sessions` of the graph's operations.

    Attributes:
        transactions: for each local number the operation's number.
        edges: for each kind, for each local transaction its local targets; a target at or past
            ``len(transactions)`` is a hub.
        hubs: for each hub its local members.
        following: for each transaction the next one of its session in the region, or -1.
        after: for each transaction the first one that is invoked after it completed; the
            region's size where there is none.
    """

    __slots__ = ("after", "edges", "following", "graph", "hubs", "session", "transactions")

    def __init__(self, graph: DependencyGraph, nodes: Sequence[int], session: list[int]) -> None:
        self.graph = graph
        self.session = session
        count = len(graph.operations)
        self.transactions = [node for node in nodes if node < count]
        hubs = [node for node in nodes if node >= count]
        local = {node: place for place, node in enumerate([*self.transactions, *hubs])}
        size = len(self.transactions)
        self.edges: list[list[list[int]]] = [
            [[] for _ in range(size)] for _ in (WW, WR, RW, OVERWRITE)
        ]
        # An edge may stand twice in the graph; a walk needs it once.
        for place, node in enumerate(self.transactions):
            for packed in dict.fromkeys(graph.successors[node]):
                target = local.get(packed >> 2)
                if target is not None:
                    self.edges[packed & 3][place].append(target)
        self.hubs = [
            [local[packed >> 2] for packed in graph.successors[hub] if packed >> 2 in local]
            for hub in hubs
        ]
        # Local numbers go by invocation. So the later transactions of a session, and all that is
        # invoked after a completion, are known by the first of them.
        self.following = [-1] * size
        for before, place in neighbours(range(size), [session[node] for node in self.transactions]):
            self.following[before] = place
        invoked = [graph.invoked[node] for node in self.transactions]
        self.after = [bisect_right(invoked, graph.completed[node]) for node in self.transactions]

    def part(self, members: Sequence[int]) -> Region:
        """Return the region of some local transactions; every hub comes along."""
        nodes = [self.transactions[place] for place in members]
        count = len(self.graph.operations)
        hubs = {
            packed >> 2
            for node in nodes
            for packed in self.graph.successors[node]
            if packed >> 2 >= count
        }
        return Region(self.graph, [*nodes, *sorted(hubs)], self.session)

    def targets(self, place: int, kind: int) -> list[int]:
        """List the transactions that an edge of this kind leads to, through hubs too."""
        size = len(self.transactions)
        found: list[int] = []
        for target in self.edges[kind][place]:
            found.extend([target] if target < size else self.hubs[target - size])
        return found

    def kind_between(self, source: int, target: int, kinds: Sequence[int]) -> int:
        """Return the first of these kinds of edge that leads from one transaction to the other."""
        # Dependencies are drawn as edges. Sessions and real time are not: places go by invocation,
        # so a session leads from each of its places to all later ones, a completion to all from
        # `after` on.
        for kind in kinds:
            if kind <= OVERWRITE:
                if target in self.targets(source, kind):
                    return kind
            elif kind == PROCESS:
                session = self.session[self.transactions[source]]
                if source < target and session == self.session[self.transactions[target]]:
                    return kind
            elif self.after[source] <= target:
                return kind
        raise AssertionError((source, target, kinds))


class Walks:
    """The walks through a region that an automaton allows.

    Node ``state * size + place`` is a transaction in a state; passing nodes follow, first the
    hubs (at ``hub_node``), then the chains of sessions and of real time.

    Attributes:
        size: the region's number of transactions.
        real: the number of real nodes.
        steps: for each node its targets; from a real node they cost one step, else nothing.
        passing: the passing nodes, each after those it leads to.
    """

    __slots__ = ("hub_count", "passing", "real", "size", "steps")

    def __init__(self, region: Region, rules: Sequence[Rule], level: Level) -> None:
        self.size = size = len(region.transactions)
        self.hub_count = len(region.hubs)
        states = 1 + max(rule.target for rule in rules)
        states = max(states, 1 + max(rule.source for rule in rules))
        self.real = states * size
        self.steps: list[list[int]] = [[] for _ in range(self.real)]
        self.passing: list[int] = []
        # Hubs come first, for each state in turn, so that `hub_node` is arithmetic and does not
        # depend on the level. They lead to real nodes alone, so they may lead the list of passing
        # nodes.
        for state in range(states):
            for members in region.hubs:
                self._pass([state * size + member for member in members])
        for rule in rules:
            self._add_edges(region, rule)
        ordered = sorted({rule.target for rule in rules if rule.ordered})
        for state in ordered:
            sources = [rule.source for rule in rules if rule.ordered and rule.target == state]
            if level == Level.PROCESS:
                self._add_sessions(region, state, sources)
            elif level == Level.REALTIME:
                self._add_real_time(region, state, sources)

    def hub_node(self, state: int, hub: int) -> int:
        """Return the node of a hub in a state; the same at every level."""
        return self.real + state * self.hub_count + hub

    def node(self, state: int, target: int) -> int:
        """Return the node of a local target, a transaction or a hub, in a state."""
        if target < self.size:
            return state * self.size + target
        return self.hub_node(state, target - self.size)

    def _pass(self, targets: list[int]) -> int:
        self.steps.append(targets)
        self.passing.append(len(self.steps) - 1)
        return len(self.steps) - 1

    def _add_edges(self, region: Region, rule: Rule) -> None:
        base, goal = rule.source * self.size, rule.target * self.size
        for kind in rule.kinds:
            for place, targets in enumerate(region.edges[kind]):
                if not targets:
                    continue
                if self.hub_count:
                    self.steps[base + place] += [self.node(rule.target, one) for one in targets]
                else:
                    self.steps[base + place] += [goal + one for one in targets] if goal else targets

    def _add_sessions(self, region: Region, state: int, sources: list[int]) -> None:
        chain = [-1] * self.size
        # Invariant: a node of the chain leads to its transaction and, by the next node, to all
        # later ones of the session.
        # Backwards, so that each node of the chain is made after the one that it leads to.
        for place in range(self.size - 1, -1, -1):
            following = region.following[place]
            rest = [chain[following]] if following >= 0 else []
            for source in sources:
                self.steps[source * self.size + place].extend(rest)
            chain[place] = self._pass([state * self.size + place, *rest])

    def _add_real_time(self, region: Region, state: int, sources: list[int]) -> None:
        rest: list[int] = []
        chain = [-1] * self.size
        # Invariant: `rest` holds the chain's node of the next place, which leads to every
        # transaction from there on.
        for place in range(self.size - 1, -1, -1):
            chain[place] = self._pass([state * self.size + place, *rest])
            rest = [chain[place]]
        for place, after in enumerate(region.after):
            if after < self.size:
                for source in sources:
                    self.steps[source * self.size + place].append(chain[after])

    def parts(self) -> list[list[int]]:
        """List the transactions of each strongly connected component, each ascending; O(n)."""
        found = []
        # No edge leads from a transaction to itself, so a cycle has at least two of them.
        for component in components(self.steps):
            members = sorted({node % self.size for node in component if node < self.real})
            if len(members) > 1:
                found.append(members)
        return found

    def path(self, start: int, goal: int) -> list[int]:
        """List the real nodes of a shortest walk from a node to a real one, both ends included.

        Steps into passing nodes are followed to their end; a passing start is left out.
        """
        parent = {start: -1}
        reached = [start] if start < self.real else self._enter(start, parent)
        # Invariant: `parent` has what is at most so many steps away, `reached` the real nodes of
        # the last step.
        while goal not in parent:
            reached = [
                found
                for node in reached
                for target in self.steps[node]
                if target not in parent
                for found in self._enter(target, parent, node)
            ]
            assert reached, "the goal was said to be within reach"
        walk = []
        node = goal
        while node >= 0:
            if node < self.real:
                walk.append(node)
            node = parent[node]
        return walk[::-1]

    def _enter(self, first: int, parent: dict[int, int], origin: int = -1) -> list[int]:
        """List the real nodes met first by going into a node; note the parents on the way."""
        parent[first] = origin
        found = []
        stack = [first]
        # Steps out of passing nodes cost nothing: whatever real node is met here is one step away.
        while stack:
            node = stack.pop()
            if node < self.real:
                found.append(node)
                continue
            for target in reversed(self.steps[node]):
                if target not in parent:
                    parent[target] = node
                    stack.append(target)
        return found


class Start(NamedTuple):
    """An edge that opens a cycle: it leaves transaction ``source`` and arrives at ``node``."""

    source: int
    node: int


class Hit(NamedTuple):
    """The opening of a shortest closed walk, and the steps from its end back to its source."""

    start: Start
    steps: int


def shortest(
    wide: Walks, narrow: Walks | None, starts: Sequence[Start], goal_state: int, budget: Budget
) -> Hit | None:
    """Find the opening edge with the shortest walk back to its source; None if none has one.

    Args:
        wide: the walks to search.
        narrow: walks that don't count as a find: an opening is passed over at the number of steps
            that the narrow walks also manage.
        starts: the opening edges.
        goal_state: the state in which the walk must arrive at the source.
        budget: spent by one for each node and step.
    """
    sources = sorted({start.source for start in starts})
    width = max(64, _BITS_PER_LAYER // max(1, len(wide.steps)))
    best: Hit | None = None
    # Invariant: `best` is a shortest over the sources so far; the next must have fewer steps.
    for low in range(0, len(sources), width):
        columns = {source: bit for bit, source in enumerate(sources[low : low + width])}
        wanted: dict[int, int] = {}
        # The only goal that counts for an opening is its own source.
        for source, node in starts:
            if source in columns:
                wanted[node] = wanted.get(node, 0) | 1 << columns[source]
        hit = _first_hit(wide, narrow, columns, wanted, goal_state, best, budget)
        best = hit or best
    return best


def _first_hit(
    wide: Walks,
    narrow: Walks | None,
    columns: dict[int, int],
    wanted: dict[int, int],
    goal_state: int,
    best: Hit | None,
    budget: Budget,
) -> Hit | None:
    """Do the same for one block of goals, if it needs fewer steps than the best so far."""
    layer = _layer(wide, columns, goal_state)
    under = _layer(narrow, columns, goal_state) if narrow else []
    steps = 0
    # Invariant: `layer` is R[steps] of the module, `under` the same of the narrow walks. All
    # openings are tried at each length, so the first hit is a shortest.
    while best is None or steps < best.steps:
        for node, mask in wanted.items():
            reached = mask & layer[node]
            if reached and narrow:
                reached &= ~under[node]
            if reached:
                # Of several the lowest bit, the earliest source: a fixed choice.
                bit = (reached & -reached).bit_length() - 1
                source = next(source for source, column in columns.items() if column == bit)
                return Hit(Start(source, node), steps)
        budget.spend(len(wide.steps))
        following = _step(wide, layer)
        # No node reaches more with another step, so none ever will.
        if following == layer:
            return None
        layer = following
        under = _step(narrow, under) if narrow else under
        steps += 1
    return None


def _layer(walks: Walks, columns: dict[int, int], goal_state: int) -> list[int]:
    layer = [0] * len(walks.steps)
    for source, bit in columns.items():
        layer[goal_state * walks.size + source] = 1 << bit
    _fill_passing(walks, layer)
    return layer


def _step(walks: Walks, layer: list[int]) -> list[int]:
    """Return what each node reaches with one step more."""
    following = []
    # Every union is of R[k] alone: `layer` stays as it is until all of R[k + 1] is there.
    for bits, targets in zip(layer[: walks.real], walks.steps, strict=False):
        reached = bits
        for target in targets:
            reached |= layer[target]
        following.append(reached)
    following.extend([0] * len(walks.passing))
    _fill_passing(walks, following)
    return following


def _fill_passing(walks: Walks, layer: list[int]) -> None:
    # Each after those that it leads to, which are filled then.
    for node in walks.passing:
        bits = 0
        for target in walks.steps[node]:
            bits |= layer[target]
        layer[node] = bits
