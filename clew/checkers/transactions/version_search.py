"""Whether some order of the versions of each register explains a history under a model.

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
from typing import NamedTuple, TypeAlias

from clew.checkers.transactions.cycles import Cycle, find_cycles
from clew.checkers.transactions.graph import RW, WR, WW, DependencyGraph
from clew.checkers.transactions.lattice import violates
from clew.checkers.transactions.reading import told
from clew.checkers.transactions.register_orders import INITIAL, RegisterKey, RegisterOrders
from clew.checkers.verdict import Anomaly, Budget

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

_TRANSACTIONS_MAX = 200_000


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
        orders: the versions and what is known of them.
        records: every key.
    """

    def __init__(
        self, graph: DependencyGraph, orders: RegisterOrders, records: Sequence[RegisterKey]
    ) -> None:
        self.graph = graph
        self.orders = orders
        self.records = records
        self.certain = [_closure(record) for record in records]

    @property
    def open_keys(self) -> int:
        """How many keys' version orders are not known."""
        return sum(not record.known for record in self.records)

    def decide(self, model: str, budget: Budget) -> tuple[bool | None, Anomaly | None]:
        """True where a completion satisfies the model, False where none does, None where open.

        With False comes the evidence.

        Raises:
            OutOfBudget: the search is longer than allowed.
        """
        aim = TRIED_THROUGH.get(model, model)
        conflicts: list[Conflict] = []
        known: dict[tuple[Choice, ...], None] = {}
        wished: dict[Choice, bool] = {}
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
                (index, *sorted(pair)): pair[0] < pair[1]
                for index, chain in enumerate(chains)
                for pair in zip(chain, chain[1:], strict=False)
            }

    def _complete(
        self, made: Iterable[Choice]
    ) -> tuple[list[list[int]], list[Conflict]]:
        """A chain of versions for each key that follows the choices; else what they conflict in."""
        by_key: dict[int, list[tuple[int, int]]] = {}
        for index, earlier, later in made:
            by_key.setdefault(index, []).append((earlier, later))
        rank = self._ranks(by_key)
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
            chain = _sorted(after, rank)
            if len(chain) < len(after):
                conflicts.append(self._circle(index, after, set(chain), chosen))
            chains.append(chain)
        return chains, conflicts

    def _ranks(self, by_key: dict[int, list[tuple[int, int]]]) -> list[int]:
        """A place for each transaction that goes with as many edges as it can."""
        graph = self.graph
        successors: list[list[int]] = [[packed >> 2 for packed in out] for out in graph.successors]
        for index, chosen in by_key.items():
            readers = self.records[index].readers
            for earlier, later in chosen:
                successors[earlier].append(later)
                for reader in readers.get(earlier, ()):
                    successors[reader].append(later)
        size = len(graph.operations)
        end = [min(graph.completed[i], graph.invoked[i] + len(graph.operations) * 2)
               for i in range(size)]  # fmt: skip
        end += [0] * (len(successors) - size)
        return _ranked(successors, end)

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
        pairs = zip(circle, circle[1:], strict=False)
        return Conflict(tuple((index, *pair) for pair in pairs if pair in chosen), None)

    def _conflicts(
        self, chains: Sequence[Sequence[int]], model: str, budget: Budget
    ) -> list[Conflict]:
        """The forbidden cycles of a completion, each with the choices behind its edges."""
        graph = DependencyGraph(self.graph.operations)
        for number, edges in enumerate(self.graph.successors[: len(self.graph.operations)]):
            graph.successors[number] = [packed for packed in edges if packed & 3 == WR]
        why: dict[tuple[int, int, int], Choice | None] = {}
        for index, (record, chain) in enumerate(zip(self.records, chains, strict=True)):
            for earlier, later in zip([INITIAL, *chain], chain, strict=False):
                choice = None if self._is_certain(index, earlier, later) else (
                    index, earlier, later
                )  # fmt: skip
                sources = [(reader, RW) for reader in record.readers.get(earlier, ())]
                if earlier != INITIAL:
                    sources.append((earlier, WW))
                for source, kind in sources:
                    if source != later:
                        graph.add(source, later, kind)
                        edge = (source, later, kind)
                        if edge not in why or choice is None:
                            why[edge] = choice
        finding = find_cycles(graph, budget, lambda kind: violates(kind, model))
        if not finding.whole:
            budget.spend(0)
            raise AssertionError("the budget ended the search without saying so")
        return [
            Conflict(_reasons(cycle, why), cycle)
            for cycle in finding.cycles
        ]

    def _is_certain(self, index: int, earlier: int, later: int) -> bool:
        """True where this order is known, or there is only one way."""
        if earlier == INITIAL:
            others = len(self.records[index].final) - 1
            return others == 0 or all(
                later_one == later or later_one in self.certain[index].get(later, ())
                for later_one in self.records[index].final
            )
        return later in self.certain[index].get(earlier, ())

    def _evidence(self, model: str, conflicts: Sequence[Conflict]) -> Anomaly:
        """Why no order works: the cycles that the choices run into."""
        cases = []
        cast: dict[int, None] = {}
        for conflict in conflicts:
            if conflict.cycle is None or len(cases) == _CASES_MAX:
                continue
            cast.update(dict.fromkeys(conflict.cycle.nodes))
            cases.append((conflict.choices, conflict.cycle))
        names = {number: f"T{rank}" for rank, number in enumerate(cast, start=1)}
        told_cases = []
        for choices, cycle in cases:
            supposed = " and ".join(self._told_choice(choice) for choice in choices)
            circle = " before ".join(names[node] for node in (*cycle.nodes, cycle.nodes[0]))
            told_cases.append(f"with {supposed}, {circle} ({cycle.name})")
        reason = (
            f"No order of the versions explains the reads under {model}: "
            f"{'; '.join(told_cases)}."
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
                {"supposed": [self._told_choice(choice) for choice in choices],
                 "cycle": [names[node] for node in cycle.nodes], "kind": cycle.name}
                for choices, cycle in cases
            ],
        }  # fmt: skip
        return Anomaly("unexplained-reads", reason, tuple(operations[n] for n in cast), data)

    def _told_choice(self, choice: Choice) -> str:
        index, earlier, later = choice
        record = self.records[index]
        key = told(record.key)
        if earlier == INITIAL:
            return f"{key} = {record.told_version(later)} first"
        return (
            f"{key} = {record.told_version(earlier)} before {key} = {record.told_version(later)}"
        )


_CASES_MAX = 4


def _reasons(
    cycle: Cycle, why: dict[tuple[int, int, int], Choice | None]
) -> tuple[Choice, ...]:
    found: dict[Choice, None] = {}
    for i, kind in enumerate(cycle.kinds):
        edge = (cycle.nodes[i], cycle.nodes[(i + 1) % len(cycle.nodes)], kind)
        choice = why.get(edge)
        if choice is not None:
            found[choice] = None
    return tuple(sorted(found))


def _closure(record: RegisterKey) -> dict[int, frozenset[int]]:
    """For each version all that are known to come later."""
    done: dict[int, frozenset[int]] = {}
    if not record.after:
        return done
    nodes = [INITIAL, *record.final]
    order = _sorted({n: [*record.after.get(n, ())] for n in nodes}, [0])
    for version in reversed(order):
        later = record.after.get(version, {})
        done[version] = frozenset(later).union(*(done.get(node, ()) for node in later))
    return done
