"""The cycles of a dependency graph, by kind, each with an exact shortest witness.

Kinds (Adya 1999, chapters 3 and 4; G-nonadjacent from Cerone and Gotsman, "Analysing Snapshot
Isolation", PODC 2016):

- G0: ww edges only.
- G1c: ww and wr edges, at least one wr.
- G-single: exactly one rw edge, else ww and wr.
- G-nonadjacent: two or more rw edges, no two of them next to each other.
- G2-item: two or more rw edges, two of them next to each other.

Each kind has three levels: plain, ``-process`` (edges of a session's order count too) and
``-realtime`` (edges of real time count too).

In each strongly connected component each kind is reported once, by a shortest witness. G0, G1c and
G-single at a wider level are reported only where that order gives a shorter witness than the
narrower level has; G-nonadjacent and G2-item at a wider level only where the narrower has none.
A shortest walk of the last two kinds is a simple cycle unless its component also holds a graver
kind; where it is not simple, that graver kind is reported alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from clew.checkers.transactions.extraction import sessions
from clew.checkers.transactions.graph import OVERWRITE, RW, WR, WW, DependencyGraph
from clew.checkers.transactions.walks import (
    PROCESS,
    REALTIME,
    Level,
    Region,
    Rule,
    Start,
    Walks,
    shortest,
)
from clew.checkers.verdict import Budget, OutOfBudget

MISSED = 6
"""An anti-dependency on a version that need not be the next one; only in reported cycles."""

KIND_NAMES = {
    MISSED: "rw",
    WW: "ww",
    WR: "wr",
    RW: "rw",
    OVERWRITE: "ww",
    PROCESS: "process",
    REALTIME: "realtime",
}
SUFFIXES = {Level.PLAIN: "", Level.PROCESS: "-process", Level.REALTIME: "-realtime"}

WITNESSES_MAX = 8
"""How many witnesses of one kind are looked for; more of the same teach nothing."""


class Cycle(NamedTuple):
    """One cycle: ``nodes[i]`` comes before ``nodes[i + 1]`` by an edge of ``kinds[i]``.

    Attributes:
        name: the kind with its level, such as ``G-single-realtime``.
        nodes: operation numbers, each once; the last edge leads back to the first.
        kinds: for each node the kind of the edge that leaves it.
    """

    name: str
    nodes: tuple[int, ...]
    kinds: tuple[int, ...]


class Cycles(NamedTuple):
    """All that was found; ``whole`` is False if the budget ended the search.

    All cycles lie among the nodes of ``core``, ascending.
    """

    cycles: list[Cycle]
    whole: bool
    core: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class _Kind:
    """A kind of cycle: the edges that open it, each of some kinds, and the rules of the way back.

    ``start`` is the state after the opening, ``goal`` the state on arrival.
    """

    name: str
    opening: tuple[tuple[int, ...], ...]
    rules: tuple[Rule, ...]
    start: int = 0
    goal: int = 0
    overlapping: bool = True


_FLOW = (WW, WR)
_DATA = (WW, WR, OVERWRITE)
_ANY = (WW, WR, OVERWRITE, RW)

_G0 = _Kind("G0", ((WW,),), (Rule(0, (WW,), 0),))
_G1C = _Kind("G1c", ((WR,),), (Rule(0, _FLOW, 0),))
_G_SINGLE = _Kind("G-single", ((RW, OVERWRITE),), (Rule(0, _DATA, 0),))
# States: 0 after the opening rw, 1 after another edge; 2 and 3 the same once a second rw was met.
_G_NONADJACENT = _Kind(
    "G-nonadjacent",
    ((RW,),),
    (
        Rule(0, _DATA, 1),
        Rule(1, _DATA, 1),
        Rule(1, (RW,), 3, ordered=False),
        Rule(3, _DATA, 2),
        Rule(2, _DATA, 2),
        Rule(2, (RW,), 3, ordered=False),
    ),
    0,
    2,
    overlapping=False,
)
_G2_ITEM = _Kind("G2-item", ((RW,), (RW,)), (Rule(0, _ANY, 0),), overlapping=False)

# State 1 is "just after a wr or an order": at a beginning, where the rest stands at a commit.
_PREFIX = _Kind(
    "prefix-violation",
    ((RW, OVERWRITE),),
    (
        Rule(0, (WW,), 0, ordered=False),
        Rule(0, (WR,), 1),
        Rule(1, (WR,), 1),
        Rule(1, (WW, RW, OVERWRITE), 0, ordered=False),
    ),
    0,
    1,
)

_FAMILIES: tuple[tuple[tuple[Rule, ...], tuple[_Kind, ...]], ...] = (
    ((Rule(0, (WW,), 0),), (_G0,)),
    ((Rule(0, _FLOW, 0),), (_G1C,)),
    # No two rw next to each other: state 1 is "just after an rw".
    (
        (Rule(0, _DATA, 0), Rule(0, (RW,), 1, ordered=False), Rule(1, _DATA, 0)),
        (_G_SINGLE, _G_NONADJACENT),
    ),
    ((Rule(0, _ANY, 0),), (_G2_ITEM,)),
)
"""Kinds that share a search: every cycle of these kinds lies in one component of these rules."""


def _every(name: str) -> bool:
    return bool(name)


def find_cycles(
    graph: DependencyGraph,
    budget: Budget,
    wanted: Callable[[str], bool] = _every,
    among: Sequence[int] | None = None,
) -> Cycles:
    """Find shortest witnesses for each wanted kind; linear time where there is no cycle.

    With ``among`` only cycles of these nodes are looked for.

    Where there is one: linear to find the components, then for a component of n nodes, e edges
    and a shortest witness of w edges about ``e * w * n / 64`` machine words.
    """
    core = graph.cyclic_core() if among is None else among
    if not core:
        return Cycles([], whole=True)
    search = _Search(budget, wanted)
    region = Region(graph, core, sessions(graph.operations))
    try:
        # A cycle of a kind is a closed walk by the rules of its family, so it lies in one of their
        # components. One search at the widest level that is wanted serves the narrower ones.
        for rules, kinds in _FAMILIES:
            levels = [
                level for level in Level
                if any(wanted(kind.name + SUFFIXES[level]) for kind in kinds)
            ]  # fmt: skip
            if levels:
                search.family(region, rules, kinds, max(levels))
    except OutOfBudget:
        return Cycles(search.cycles, whole=False, core=core)
    return Cycles(search.cycles, whole=True, core=core)


def name_of(kinds: Sequence[int], *, prefix: bool = False) -> str:
    """Name the kind of a cycle, with its level, from the kinds of its edges in order.

    With ``prefix`` an anti-dependency in it makes it a prefix violation where it is one.
    """
    anti = [kind == RW for kind in kinds]
    # Place 0 looks back to the last edge: the cycle closes there.
    adjacent = any(anti[place - 1] and anti[place] for place in range(len(anti)))
    if not any(anti):
        name = "G0" if all(kind in _WRITES for kind in kinds) else "G1c"
    elif prefix and all(
        kinds[place - 1] in _BEGUN for place, kind in enumerate(kinds) if kind == RW
    ):
        name = _PREFIX.name
    elif sum(anti) == 1:
        name = "G-single"
    else:
        name = "G2-item" if adjacent else "G-nonadjacent"
    level = Level.REALTIME if REALTIME in kinds else Level.PROCESS if PROCESS in kinds else 0
    return name + SUFFIXES[Level(level)]


_WRITES = (WW, PROCESS, REALTIME)
_BEGUN = (WR, PROCESS, REALTIME)


def find_prefix_violation(graph: DependencyGraph, level: Level, budget: Budget) -> Cycle | None:
    """Find a shortest cycle in which each rw follows a wr or an order; None if there is none.

    An OVERWRITE counts as rw: where it is a ww, the cycle is one all the same.
    """
    core = graph.cyclic_core()
    if not core:
        return None
    region = Region(graph, core, sessions(graph.operations))
    for members in Walks(region, _PREFIX.rules, level).parts():
        part = region.part(members)
        # The narrowest order first: what shows without sessions or times rules out more models.
        for narrow in [narrow for narrow in Level if narrow <= level]:
            found = _witness(part, _PREFIX, narrow, budget)
            if found is not None:
                return Cycle(_PREFIX.name + SUFFIXES[narrow], *found)
    return None


class _Search:
    """The cycles found so far, and how to find more."""

    __slots__ = ("budget", "counts", "cycles", "wanted")

    def __init__(self, budget: Budget, wanted: Callable[[str], bool]) -> None:
        self.budget = budget
        self.wanted = wanted
        self.cycles: list[Cycle] = []
        self.counts: dict[str, int] = {}

    def family(
        self, region: Region, rules: Sequence[Rule], kinds: Sequence[_Kind], level: Level
    ) -> set[str]:
        """Search a region at a level and all narrower ones; the names of the kinds met."""
        found: set[str] = set()
        self.budget.spend(len(region.transactions))
        # A cycle of these kinds lies in one component of these rules. A kind that a narrower order
        # shows there is not looked for again with a wider one.
        for members in Walks(region, rules, level).parts():
            if self._has_enough(kinds, level):
                return {kind.name for kind in kinds}
            part = region.part(members)
            narrower: set[str] = set()
            # A cycle without a wider order's edges lies in one component of the narrower rules too,
            # inside this one.
            if level > Level.PLAIN:
                narrower = self.family(part, rules, kinds, Level(level - 1))
            found |= narrower
            for kind in kinds:
                if kind.overlapping or kind.name not in narrower:
                    found |= self._one(part, kind, level)
        return found

    def _has_enough(self, kinds: Sequence[_Kind], level: Level) -> bool:
        """Return whether no more witnesses are needed at this level or a narrower one."""
        return all(
            self.counts.get(name, 0) >= WITNESSES_MAX or not self.wanted(name)
            for kind in kinds
            for name in (kind.name + SUFFIXES[narrower] for narrower in Level if narrower <= level)
        )

    def _one(self, region: Region, kind: _Kind, level: Level) -> set[str]:
        """Look for one cycle of one kind at one level; its name if there is one."""
        name = kind.name + SUFFIXES[level]
        if self.counts.get(name, 0) >= WITNESSES_MAX:
            return {kind.name}
        cycle = _witness(region, kind, level, self.budget) if self.wanted(name) else None
        if cycle is None:
            return set()
        self.cycles.append(Cycle(name, *cycle))
        self.counts[name] = self.counts.get(name, 0) + 1
        return {kind.name}


def _witness(
    region: Region, kind: _Kind, level: Level, budget: Budget
) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
    """Find a shortest cycle of a kind, as operation numbers and kinds of edge."""
    wide = Walks(region, kind.rules, level)
    narrow = Walks(region, kind.rules, Level(level - 1)) if level > Level.PLAIN else None
    starts = list(_openings(region, wide, kind))
    if not starts:
        return None
    # The walk back by `wide` must be shorter than any by `narrow`: else the narrower level has the
    # same or a better witness.
    hit = shortest(wide, narrow, starts, kind.goal, budget)
    if hit is None:
        return None
    goal = kind.goal * wide.size + hit.start.source
    walk = wide.path(hit.start.node, goal)
    places = [node % wide.size for node in walk]
    # The walk ends at the source, which opens the cycle.
    cycle = [places[-1], *places[:-1]]
    if len(kind.opening) == 1:
        first = [region.kind_between(places[-1], places[0], kind.opening[0])]
    else:
        middle = _between(region, places[-1], places[0], cycle)
        if middle is None:
            return None
        cycle.insert(1, middle)
        first = [RW, RW]
    # A transaction that is met twice cuts the walk into shorter ones, of which one is of a graver
    # kind; that is reported in its place (see the module).
    if len(set(cycle)) < len(cycle):
        return None
    order = (PROCESS,) if level == Level.PROCESS else (REALTIME,) if level else ()
    ways = [
        _way(kind, walk[i] // wide.size, walk[i + 1] // wide.size, order)
        for i in range(len(walk) - 1)
    ]
    edges = [*zip(places, places[1:], ways, strict=False)]
    kinds = [*first, *(region.kind_between(*edge) for edge in edges)]
    return tuple(region.transactions[place] for place in cycle), tuple(kinds)


def _way(kind: _Kind, source: int, target: int, order: tuple[int, ...]) -> tuple[int, ...]:
    """Return the kinds of edge that lead from one state of the automaton to another."""
    for rule in kind.rules:
        if rule.source == source and rule.target == target:
            return (*rule.kinds, *order) if rule.ordered else rule.kinds
    raise AssertionError((kind.name, source, target))


def _openings(region: Region, walks: Walks, kind: _Kind) -> Iterator[Start]:
    """Yield every edge, or pair of edges, that may open a cycle of a kind."""
    if len(kind.opening) == 1:
        for edge in kind.opening[0]:
            for source, targets in enumerate(region.edges[edge]):
                for target in targets:
                    yield Start(source, walks.node(kind.start, target))
        return
    # G2-item opens with two rw in a row. The way back does not depend on the one in the middle, so
    # each end counts once for a source.
    edges = region.edges[RW]
    for source in range(walks.size):
        reached = {end: None for middle in region.targets(source, RW) for end in edges[middle]}
        for end in reached:
            yield Start(source, walks.node(kind.start, end))


def _between(region: Region, source: int, target: int, taken: Sequence[int]) -> int | None:
    """Find the transaction between two rw edges, one that the cycle has not met yet."""
    # Any middle does that the cycle has not met; if all were met, there is no simple cycle here.
    for middle in region.targets(source, RW):
        if middle not in taken and target in region.targets(middle, RW):
            return middle
    return None
