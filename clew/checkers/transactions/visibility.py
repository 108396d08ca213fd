"""What a transaction should have seen: fractured reads, missed causes, and snapshots out of order.

These three kinds tell read atomic, causal and prefix consistency apart. They are looked for only
where the graver kinds (G0, G1) are absent and a cycle of the kinds they are special cases of is
there. The first that is found is told; the others are weaker.

- fractured-read: T2 read from T1 and missed another write of T1.
- causality-violation: T2 depends on T1 through reads and missed a write of T1.
- prefix-violation: see `cycles`.

Source: Cerone, Bernardi, Gotsman, CONCUR 2015, figure 1 (axioms EXT, TRANSVIS, PREFIX); Biswas and
Enea, OOPSLA 2019, figure 2, for the same as conditions on the order of commits.
"""

from __future__ import annotations

from clew.checkers.transactions.cycles import MISSED, Cycle, find_prefix_violation
from clew.checkers.transactions.evidence import Evidence
from clew.checkers.transactions.graph import WR, DependencyGraph
from clew.checkers.verdict import Budget


def find_missed(graph: DependencyGraph, versions: Evidence, budget: Budget) -> Cycle | None:
    """The gravest of the three kinds, with one witness; None where there is none."""
    before = _read_from(graph)
    for number, sources in enumerate(before):
        if sources:
            budget.spend(1)
            missed = [writer for writer in versions.later_writers(number) if writer in sources]
            if missed:
                return Cycle("fractured-read", (missed[0], number), (WR, MISSED))
    causes = _closed(graph, before, budget)
    if causes is None:
        return None
    for number, mask in enumerate(causes):
        for writer in versions.later_writers(number) if mask else ():
            if mask >> writer & 1:
                path = _path(before, writer, number)
                kinds = (WR,) * (len(path) - 1)
                return Cycle("causality-violation", tuple(path), (*kinds, MISSED))
    return find_prefix_violation(graph, budget)


def _read_from(graph: DependencyGraph) -> list[list[int]]:
    before: list[list[int]] = [[] for _ in graph.operations]
    for number in range(len(before)):
        for packed in graph.successors[number]:
            if packed & 3 == WR:
                before[packed >> 2].append(number)
    return before


def _closed(graph: DependencyGraph, before: list[list[int]], budget: Budget) -> list[int] | None:
    """For each transaction, as bits, all that it depends on through reads; None for a circle."""
    waiting = [len(set(sources)) for sources in before]
    masks = [0] * len(before)
    order = [number for number, count in enumerate(waiting) if not count]
    for count, number in enumerate(order):
        if count % Budget.STEP == 0:
            budget.spend(Budget.STEP)
        for packed in dict.fromkeys(graph.successors[number]):
            if packed & 3 == WR:
                target = packed >> 2
                masks[target] |= masks[number] | 1 << number
                waiting[target] -= 1
                if not waiting[target]:
                    order.append(target)
    return masks if len(order) == len(before) else None


def _path(before: list[list[int]], source: int, target: int) -> list[int]:
    """A shortest chain of reads from one transaction to another."""
    following = {target: -1}
    queue = [target]
    for number in queue:
        for earlier in before[number]:
            if earlier not in following:
                following[earlier] = number
                queue.append(earlier)
    path = [source]
    while path[-1] != target:
        path.append(following[path[-1]])
    return path
