"""Whether some order of the versions of each key explains a history under a model.

Where the order of versions is only partly known, a model holds if some completion of it gives a
dependency graph without any cycle that the model forbids. The search proposes a completion, looks
for forbidden cycles in it, and learns from each that the choices behind its edges can't all be
made; a small solver then proposes the next choices. It ends when a completion has no forbidden
cycle, when no choices are left, or when the budget is spent.

Source: the question is NP-complete: Papadimitriou, "The serializability of concurrent database
updates", JACM 1979; Biswas and Enea, OOPSLA 2019. The loop is that of lazy satisfiability modulo
theories: Nieuwenhuis, Oliveras, Tinelli, JACM 2006.

Left out: models whose definition is no set of cycles are tried through a stronger model, so they
are found to hold or left open, never refuted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from heapq import heapify, heappop, heappush
from itertools import pairwise
from typing import NamedTuple, TypeAlias

from clew.checkers.transactions.cycles import Cycle, find_cycles
from clew.checkers.transactions.graph import RW, WW, DependencyGraph
from clew.checkers.transactions.lattice import violates
from clew.checkers.transactions.reading import told
from clew.checkers.transactions.register_key import INITIAL, Closure, RegisterKey, in_order
from clew.checkers.transactions.register_orders import RegisterOrders
from clew.checkers.transactions.replay import replay
from clew.checkers.verdict import Anomaly, Budget, OutOfBudget

Choice: TypeAlias = tuple[int, int, int]
"""On the key of this index the version of the second number comes before that of the third."""

TRIED_THROUGH: dict[str, str] = {
    "cursor-stability": "consistent-view",
    "monotonic-view": "consistent-view",
    "monotonic-atomic-view": "parallel-snapshot-isolation",
    "read-atomic": "parallel-snapshot-isolation",
    "causal": "parallel-snapshot-isolation",
    "prefix": "snapshot-isolation",
    "forward-consistent-view": "snapshot-isolation",
    "monotonic-snapshot-read": "snapshot-isolation",
    "update-serializable": "serializable",
}
"""Models that are no set of cycles, each with a stronger one that is."""


class Conflict(NamedTuple):
    """Choices that can't all be made, and the cycle that they would close."""

    choices: tuple[Choice, ...]
    cycle: Cycle | None


class Refuted(Exception):  # noqa: N818 - an answer, not an error
    """No completion exists."""


class Searcher:
    """Completes the version orders of one history.

    Args:
        graph: the edges that are certain.
        records: every key, or every one whose order is open.
        orders: what is known of registers; None where the records are not all that was read and
            written, so that no serial order is looked for.
        among: the nodes among which a completion may close a forbidden cycle; None for all.
    """

    def __init__(
        self,
        graph: DependencyGraph,
        records: Sequence[RegisterKey],
        orders: RegisterOrders | None = None,
        among: Sequence[int] | None = None,
    ) -> None:
        self.graph = graph
        self.among = among
        self.orders = orders
        self.records = records
        self.certain: list[Closure] | None = None
        self.serial = False

    @property
    def open_keys(self) -> int:
        """How many keys' version orders are not known."""
        return sum(not record.known for record in self.records)

    def concerns(self, model: str) -> bool:  # noqa: ARG002 - the search over appends looks at it
        """True where a model may hold or not according to the orders that are open."""
        return self.open_keys > 0

    def proved(self, model: str) -> str:
        """The strongest model that was found to hold where `decide` said that this one does."""
        return "strict-serializable" if self.serial else TRIED_THROUGH.get(model, model)

    def _prepare(self, budget: Budget) -> None:
        """What every model needs: whether there is a serial order, and what is certain."""
        # A serial order in real time satisfies every model; no cycle leaves room for one.
        orders = self.orders
        if orders and not orders.recorder.findings and not self.graph.cyclic_core():
            self.serial = replay(self.graph, self.records, orders.committed, budget)
        self.certain = [Closure(record) for record in self.records]

    def decide(self, model: str, budget: Budget) -> tuple[bool | None, Anomaly | None]:
        """True where a completion satisfies the model, False where none does, None where open.

        With False comes the evidence.

        Raises:
            OutOfBudget: the search is longer than allowed.
        """
        if self.certain is None:
            self._prepare(budget)
        if self.serial:
            return True, None
        aim = TRIED_THROUGH.get(model, model)
        conflicts: list[Conflict] = []
        known: dict[tuple[Choice, ...], None] = {}
        wished: dict[Choice, bool] = {}
        # Most stores install versions about in the order in which their writers end.
        chains, _ = self._complete((), self.graph.completed)
        if not self._conflicts(chains, aim, budget):
            return True, None
        while True:
            budget.spend(1 + len(self.graph.operations))
            try:
                made = solve([conflict.choices for conflict in conflicts], wished, budget)
            except Refuted:
                if aim != model:
                    return None, None
                return False, self._evidence(model, conflicts)
            chains, circles = self._complete(made)
            found = circles or self._conflicts(chains, aim, budget)
            if not found:
                return True, None
            fresh = [conflict for conflict in found if conflict.choices not in known]
            assert fresh, "a proposal repeated a known conflict"
            known.update(dict.fromkeys(conflict.choices for conflict in fresh))
            conflicts += fresh
            wished = {
                (index, min(pair), max(pair)): pair[0] < pair[1]
                for index, chain in enumerate(chains)
                for pair in pairwise(chain)
            }

    def _complete(
        self, made: Iterable[Choice], rank: Sequence[int] | None = None
    ) -> tuple[list[list[int]], list[Conflict]]:
        """A chain of versions for each key that follows the choices; else what they conflict in.

        What the choices leave open goes by ``rank``, a place for each transaction.
        """
        by_key: dict[int, list[tuple[int, int]]] = {}
        for index, earlier, later in made:
            by_key.setdefault(index, []).append((earlier, later))
        rank = self._ranks(by_key) if rank is None else rank
        chains = []
        conflicts = []
        for index, record in enumerate(self.records):
            chosen = by_key.get(index, [])
            after: dict[int, list[int]] = {version: [] for version in record.final}
            for version, laters in record.after.items():
                if version != INITIAL:
                    after[version].extend(later for later in laters if later != INITIAL)
            for earlier, later in chosen:
                after[earlier].append(later)
            chain = in_order(after, rank)
            if len(chain) < len(after):
                conflicts.append(self._circle(index, after, set(chain), chosen))
            chains.append(chain)
        return chains, conflicts

    def _ranks(self, by_key: dict[int, list[tuple[int, int]]]) -> list[int]:
        """A place for each transaction that goes with as many edges as it can; else by its end."""
        graph = self.graph
        successors: list[list[int]] = [[packed >> 2 for packed in out] for out in graph.successors]
        for index, chosen in by_key.items():
            readers = self.records[index].readers
            for earlier, later in chosen:
                successors[earlier].append(later)
                for reader in readers.get(earlier, ()):
                    successors[reader].append(later)
        hubs = len(successors) - len(graph.completed)
        return _ranked(successors, graph.completed + [0] * hubs)

    def _circle(
        self,
        index: int,
        after: dict[int, list[int]],
        placed: set[int],
        chosen: Sequence[tuple[int, int]],
    ) -> Conflict:
        """The choices on a circle among the versions that could not be placed."""
        version = next(version for version in after if version not in placed)
        before = {
            later: earlier
            for earlier, laters in after.items()
            if earlier not in placed
            for later in laters
        }
        walk: list[int] = []
        while version not in walk:
            walk.append(version)
            version = before[version]
        circle = [*walk[walk.index(version) :], version][::-1]
        pairs = pairwise(circle)
        return Conflict(tuple((index, *pair) for pair in pairs if pair in chosen), None)

    def _conflicts(
        self, chains: Sequence[Sequence[int]], model: str, budget: Budget
    ) -> list[Conflict]:
        """The forbidden cycles of a completion, each with the choices behind its edges."""
        assert self.certain is not None
        graph = DependencyGraph(self.graph.operations)
        graph.successors = [edges[:] for edges in self.graph.successors]
        why: dict[tuple[int, int, int], Choice] = {}
        certain: set[tuple[int, int, int]] = {
            (number, packed >> 2, packed & 3)
            for number, edges in enumerate(graph.successors)
            for packed in edges
        }
        for index, (record, chain) in enumerate(zip(self.records, chains, strict=True)):
            for earlier, later in pairwise(chain):
                sources = [(reader, RW) for reader in record.readers.get(earlier, ())]
                for source, kind in [*sources, (earlier, WW)]:
                    edge = (source, later, kind)
                    if source == later or edge in certain:
                        continue
                    graph.add(*edge)
                    if self.certain[index].precedes(earlier, later):
                        why.pop(edge, None)
                        certain.add(edge)
                    else:
                        why[edge] = (index, earlier, later)
            for reader in record.readers.get(INITIAL, ()):
                if chain and reader != chain[0]:
                    graph.add(reader, chain[0], RW)
                    why.pop((reader, chain[0], RW), None)
                    certain.add((reader, chain[0], RW))
        finding = find_cycles(graph, budget, lambda kind: violates(kind, model), self.among)
        if not finding.whole:
            raise OutOfBudget("the order of the versions is open, and the search was cut short")
        return [Conflict(_reasons(cycle, why), cycle) for cycle in finding.cycles]

    def _evidence(self, model: str, conflicts: Sequence[Conflict]) -> Anomaly:
        """Why no order works: the cycles that the choices run into."""
        cases: list[tuple[tuple[Choice, ...], Cycle]] = []
        cast: dict[int, None] = {}
        for conflict in conflicts:
            if conflict.cycle is None or len(cases) == _CASES_MAX:
                continue
            cast.update(dict.fromkeys(conflict.cycle.nodes))
            cases.append((conflict.choices, conflict.cycle))
        names = {number: f"T{rank}" for rank, number in enumerate(cast, start=1)}
        told_cases = []
        for choices, cycle in cases:
            supposed = " and ".join(self.told_choice(choice) for choice in choices)
            circle = " before ".join(names[node] for node in (*cycle.nodes, cycle.nodes[0]))
            told_cases.append(f"with {supposed}, {circle} ({cycle.name})")
        reason = (
            f"No order of the versions explains the reads under {model}: {'; '.join(told_cases)}."
        )
        operations = self.graph.operations
        data = {
            "model": model,
            "transactions": {
                name: {"operation": number, "value": operations[number].result
                       or operations[number].argument}
                for number, name in names.items()
            },
            "cases": [
                {"supposed": [self.told_choice(choice) for choice in choices],
                 "cycle": [names[node] for node in cycle.nodes], "kind": cycle.name}
                for choices, cycle in cases
            ],
        }  # fmt: skip
        return Anomaly("unexplained-reads", reason, tuple(operations[n] for n in cast), data)

    def told_choice(self, choice: Choice) -> str:
        """A supposed order of two versions in words."""
        index, earlier, later = choice
        record = self.records[index]
        key = told(record.key)
        return f"{key} = {record.told_version(earlier)} before {key} = {record.told_version(later)}"


_CASES_MAX = 4


def _reasons(cycle: Cycle, why: dict[tuple[int, int, int], Choice]) -> tuple[Choice, ...]:
    found: dict[Choice, None] = {}
    for i, kind in enumerate(cycle.kinds):
        edge = (cycle.nodes[i], cycle.nodes[(i + 1) % len(cycle.nodes)], kind)
        choice = why.get(edge)
        if choice is not None:
            found[choice] = None
    return tuple(sorted(found))


def _ranked(successors: Sequence[Sequence[int]], end: Sequence[int]) -> list[int]:
    """A rank for each node that goes with the edges, and with ``end`` where they leave it open.

    Where the edges are circular, the node with the least end goes first.
    """
    waiting = [0] * len(successors)
    for targets in successors:
        for target in targets:
            waiting[target] += 1
    heap = [(end[node], node) for node, count in enumerate(waiting) if not count]
    heapify(heap)
    rank = [-1] * len(successors)
    by_end = iter(sorted(range(len(successors)), key=end.__getitem__))
    placed = 0
    while placed < len(successors):
        node = heappop(heap)[1] if heap else next(node for node in by_end if rank[node] < 0)
        if rank[node] >= 0:
            continue
        rank[node] = placed
        placed += 1
        for target in successors[node]:
            waiting[target] -= 1
            if not waiting[target] and rank[target] < 0:
                heappush(heap, (end[target], target))
    return rank


def solve(
    conflicts: Sequence[Sequence[Choice]], wished: dict[Choice, bool], budget: Budget
) -> list[Choice]:
    """Choices for every pair that a conflict names, such that no conflict has all its choices.

    Depth first with unit propagation; each decision first tries what is wished for, a pair
    ``(key, lower, higher)`` being True where the lower comes first.

    Raises:
        Refuted: there are none.
        OutOfBudget: the search is longer than allowed.
    """
    clauses = [
        [((index, min(a, b), max(a, b)), a > b) for index, a, b in conflict]
        for conflict in conflicts
    ]
    variables = list(dict.fromkeys(variable for clause in clauses for variable, _ in clause))
    made: dict[Choice, bool] = {}
    trail: list[tuple[Choice, bool]] = []  # a variable, and whether it was a free decision
    while True:
        budget.spend(1 + len(clauses))
        if not _propagate(clauses, made, trail):
            while trail and not trail[-1][1]:
                del made[trail.pop()[0]]
            if not trail:
                raise Refuted
            variable, _ = trail[-1]
            made[variable] = not made[variable]
            trail[-1] = (variable, False)
            continue
        free = next((variable for variable in variables if variable not in made), None)
        if free is None:
            return [(i, a, b) if value else (i, b, a) for (i, a, b), value in made.items()]
        made[free] = wished.get(free, True)
        trail.append((free, True))


def _propagate(
    clauses: Sequence[Sequence[tuple[Choice, bool]]],
    made: dict[Choice, bool],
    trail: list[tuple[Choice, bool]],
) -> bool:
    """Make every choice that is forced; False where a clause can't be met."""
    again = True
    while again:
        again = False
        for clause in clauses:
            if any(made.get(variable) is value for variable, value in clause):
                continue
            open_ = [literal for literal in clause if literal[0] not in made]
            if not open_:
                return False
            if len(open_) == 1:
                made[open_[0][0]] = open_[0][1]
                trail.append((open_[0][0], False))
                again = True
    return True
