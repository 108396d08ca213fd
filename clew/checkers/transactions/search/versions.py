"""Whether some order of the versions of each key explains a history under a model.

If the order of versions is only partly known, a model holds if some completion of it gives a
dependency graph without any cycle that the model forbids. The search first makes every choice that
follows from what is certain (`propagation`), then tries a likely order for the rest (`schedule`).
If that closes a forbidden cycle, it guesses that one of the choices in it is wrong, follows what
that leads to, and tries again; a guess that leads to a circle is taken back together with those
since that had no part in it. It ends when a completion has no forbidden cycle, when a circle
depends on no guess, or when the budget is spent.

Source: the question is NP-complete: Papadimitriou, "The serializability of concurrent database
updates", JACM 1979; Biswas and Enea, OOPSLA 2019. The way back is conflict-directed backjumping:
Prosser, "Hybrid algorithms for the constraint satisfaction problem", Comput. Intelligence 1993.

Read atomic and causal consistency need no search: `commits`.

Left out: models whose definition is no set of cycles are tried through a stronger model, so they
are found to hold or left open, never refuted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain, pairwise
from typing import Any, ClassVar

from clew.checkers.transactions.consistency_models import MODELS
from clew.checkers.transactions.cycles import find_cycles, find_prefix_violation
from clew.checkers.transactions.extraction import told
from clew.checkers.transactions.graph import RW, WW, DependencyGraph
from clew.checkers.transactions.lattice import violates, weaker
from clew.checkers.transactions.search.commits import WITHOUT_SEARCH, CommitOrders
from clew.checkers.transactions.search.polygraph import Choice, Hop, Shape, shape_of
from clew.checkers.transactions.search.propagation import Conflict, Propagation
from clew.checkers.transactions.search.replay import replay
from clew.checkers.transactions.search.schedule import Scheduler
from clew.checkers.transactions.version_orders.register_key import RegisterKey
from clew.checkers.transactions.version_orders.register_orders import RegisterOrders
from clew.checkers.transactions.words import Cast
from clew.checkers.values import counted
from clew.checkers.verdict import Anomaly, Budget, OutOfBudget

TRIED_THROUGH = {
    row.name: next(each.name for each in MODELS if each.decided and row.name in weaker(each.name))
    for row in MODELS
    if not row.decided
}
"""Models that are not decided themselves, each with the weakest stronger one that is."""


class Searcher:
    """Completes the version orders of one history.

    Attributes:
        helps: what would settle an order that a search could not.

    Args:
        graph: the edges that are certain.
        records: every key, or every one whose order is open.
        orders: what is known of registers; None if the records are not all that was read and
            written, so that no serial order is looked for.
        among: the nodes among which a completion may close a forbidden cycle; None for all.
    """

    helps: ClassVar[tuple[str, ...]] = (
        "version orders that are given or assumed",
        "transactions that read a key before they write it",
        "fewer concurrent transactions",
    )

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
        self.scheduler: Scheduler | None = None
        self.serial = False
        self.commits: CommitOrders | None = None

    @property
    def open_keys(self) -> int:
        """How many keys' version orders are not known."""
        return sum(not record.known for record in self.records)

    def concerns(self, model: str) -> bool:  # noqa: ARG002 - the search over appends looks at it
        """Return whether a model may hold or not according to the orders that are open."""
        return self.open_keys > 0

    def is_hard(self, model: str) -> bool:
        """Return True for models that the order of versions decides, not that of commits alone."""
        aim = TRIED_THROUGH.get(model, model)
        return aim not in WITHOUT_SEARCH and shape_of(aim)[0] not in (Shape.NONE, Shape.WRITES)

    def proved(self, model: str) -> str:
        """Return the strongest model found to hold if `decide` said that this one does."""
        return "strict-serializable" if self.serial else TRIED_THROUGH.get(model, model)

    def _prepare(self, budget: Budget) -> Scheduler:
        """Look for a serial order, and note who reads and writes what, for every model.

        A serial order in real time satisfies every model; no cycle leaves room for one.
        """
        orders = self.orders
        if orders and not orders.recorder.findings and not self.graph.cyclic_core():
            self.serial = replay(self.graph, self.records, orders.committed, budget)
        return Scheduler(self.records, self.graph.completed)

    def decide(self, model: str, budget: Budget) -> tuple[bool | None, Anomaly | None]:
        """Return True if a completion satisfies the model, False if none does, None if open.

        With False comes the evidence.
        """
        if self.scheduler is None:
            self.scheduler = self._prepare(budget)
        if self.serial:
            return True, None
        aim = TRIED_THROUGH.get(model, model)
        if self.orders and aim in WITHOUT_SEARCH:
            why = self._commits(self.orders).violation(aim, budget)
            return (True, None) if why is None else (None, None) if aim != model else (False, why)
        search = _Search(self.graph, self.records, aim, self.among, self.scheduler)
        if search.succeeds(budget):
            self._verify(search.chains, aim, budget)
            return True, None
        if aim != model:
            return None, None
        return False, self._evidence(model, search.conflicts)

    def _commits(self, orders: RegisterOrders) -> CommitOrders:
        if self.commits is None:
            self.commits = CommitOrders(self.graph, self.records, orders.committed)
        return self.commits

    def _verify(self, chains: Sequence[Sequence[int]], model: str, budget: Budget) -> None:
        """Look for forbidden cycles in the completion that was found, in the way of every check."""
        graph = DependencyGraph(self.graph.operations)
        graph.successors = [edges[:] for edges in self.graph.successors]
        # The chains are the whole order: each version to the next, and its readers before that.
        for record, versions in zip(self.records, chains, strict=True):
            for earlier, later in pairwise(versions):
                graph.add(earlier, later, WW)
                for reader in record.readers.get(earlier, ()):
                    graph.add(reader, later, RW)
        finding = find_cycles(graph, budget, lambda kind: violates(kind, model), self.among)
        if not finding.whole:
            raise OutOfBudget("the order of the versions is open, and the search was cut short")
        assert not finding.cycles, finding.cycles
        shape, level = shape_of(model)
        if shape is Shape.PREFIX:
            missed = find_prefix_violation(graph, level, budget)
            assert missed is None, missed

    def _evidence(self, model: str, found: Iterable[Conflict]) -> Anomaly:
        """Explain why no order works: the cycles that the choices run into."""
        conflicts = list(found)
        shown = conflicts[:_CASES_MAX]
        cast = Cast(chain.from_iterable(each.cycle.nodes for each in shown), self.graph.operations)
        cases = [
            {
                "supposed": [self.told_choice(choice) for choice in choices],
                "cycle": [cast.names[node] for node in cycle.nodes],
                "kind": cycle.name,
            }
            for choices, cycle in shown
        ]
        told_cases = [_told_case(case) for case in cases]
        left = len(conflicts) - len(cases)
        if left:
            told_cases.append(f"and so on for {counted(left, 'more case')}")
        story = f"No order of the versions explains the reads under {model}: "
        data = {"cases": cases, "cases_in_all": len(conflicts)}
        return cast.anomaly(
            "unexplained-reads", f"{story}{'; '.join(told_cases)}.", data, model=model
        )

    def told_choice(self, choice: Choice) -> str:
        """Describe a supposed order of two versions."""
        index, earlier, later = choice
        record = self.records[index]
        key = told(record.key)
        return f"{key} = {record.told_version(earlier)} before {key} = {record.told_version(later)}"


_CASES_MAX = 4


def _told_case(case: dict[str, Any]) -> str:
    circle = " before ".join([*case["cycle"], case["cycle"][0]])
    if not case["supposed"]:
        return f"{circle} ({case['kind']})"
    return f"with {' and '.join(case['supposed'])}, {circle} ({case['kind']})"


class _Search:
    """The search for one model.

    Attributes:
        chains: for each key its versions in the order that was tried last.
        conflicts: what was learnt: choices that can't all be made.
    """

    def __init__(
        self,
        graph: DependencyGraph,
        records: Sequence[RegisterKey],
        model: str,
        among: Sequence[int] | None,
        scheduler: Scheduler,
    ) -> None:
        self.records = records
        self.ended = graph.completed
        self.propagation = Propagation(graph, records, model, among)
        self.scheduler = scheduler
        self.chains: list[list[int]] = []
        self.conflicts: dict[Conflict, None] = {}

    def succeeds(self, budget: Budget) -> bool:
        """Return True if ``chains`` closes no forbidden cycle; False if nothing could."""
        # A model that this one stands in for may fall by what is certain.
        if not self.propagation.circles() and not self._doubts(budget):
            return True
        # Invariant: if some completion satisfies the model, one agrees with what was made before
        # some guess, or with all of it; what was made before the first is certain. A circle shows
        # the last of the guesses behind it to be wrong as long as the others stand, so no set of
        # guesses is tried twice, and this ends.
        while True:
            circle = self.propagation.follow(budget)
            # A circle through no guess follows from what is certain: no completion is left.
            if circle:
                conflicts, guesses = self.propagation.explain(circle, budget)
                self.conflicts.update(dict.fromkeys(conflicts))
                if not guesses:
                    return False
                self.propagation.give_up(guesses)
                continue
            doubts = self._doubts(budget)
            if not doubts:
                return True
            # The schedule is wrong somewhere in each circle: guess the opposite of one choice in
            # it.
            for index, earlier, later in doubts:
                self.propagation.guess((index, later, earlier))

    def _doubts(self, budget: Budget) -> list[Choice]:
        """Complete the order by a schedule; choices without which no forbidden circle is closed.

        At most as many as let each circle cost few steps.
        """
        graph, made = self.propagation.polygraph, self.propagation.made
        rank = self.scheduler.ranks(graph)
        self.chains = [
            sorted(record.final, key=lambda writer: rank[graph.commit(writer)])
            for record in self.records
        ]
        tried = [
            (index, *pair)
            for index in self.propagation.open
            for pair in pairwise(self.chains[index])
            if (index, *pair) not in made
        ]
        doubts: list[Choice] = []
        # Invariant: the choices of the schedule that are neither made nor doubted are `tried`; each
        # pass doubts one in each circle that they close.
        for _ in range(_PASSES_MAX):
            budget.spend(len(graph.targets))
            mark = graph.mark()
            for choice in tried:
                self.propagation.draw(choice)
            circles = self.propagation.circles()
            graph.take_back(mark)
            if not circles:
                break
            found = dict.fromkeys(map(self._doubt, circles))
            doubts += found
            tried = [choice for choice in tried if choice not in found]
        return doubts

    def _doubt(self, circle: Sequence[Hop]) -> Choice:
        """Pick the choice in a circle that goes most against the writers' ends."""
        tried = [step.label.choice for step in circle]
        made = self.propagation.made
        open_ = [choice for choice in tried if choice is not None and choice not in made]
        return max(open_, key=lambda choice: self.ended[choice[1]] - self.ended[choice[2]])


_PASSES_MAX = 32
