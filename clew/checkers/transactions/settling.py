"""Which models hold where the order of versions is open.

The models that are asked for are settled within the whole budget. Of the others, from the
strongest down, as many as a small allowance is enough for; nothing is said of the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from clew.checkers.transactions.lattice import MODELS, standing, weaker
from clew.checkers.transactions.version_search import Searcher
from clew.checkers.verdict import Anomaly, Budget, OutOfBudget

_OTHERS_MAX = 5_000
"""Of longer histories only what was asked is settled: the rest would double the time."""

_ALLOWANCE = 10_000
_ALLOWANCE_PER_TRANSACTION = 16


class Settled(NamedTuple):
    """What a search over open orders of versions settled.

    Attributes:
        evidence: the models because of which one that was asked for falls, each with why.
        refuted: every model that was found to have no such order; stronger ones fall with it.
        unsettled: the models that were asked for and neither hold nor fall.
        silent: all models of which nothing is known.
    """

    evidence: dict[str, Anomaly]
    refuted: list[str]
    unsettled: list[str]
    silent: frozenset[str]


def settle(
    searcher: Searcher, models: Sequence[str], kinds: Iterable[str], budget: Budget
) -> Settled:
    """Search for orders that satisfy the models, those aside that these anomalies rule out."""
    found = _Found(searcher, {*standing(kinds).violated})
    asked = [model for model in models if found.is_open(model)]
    for model in asked:
        found.settle(model, budget)
    size = len(searcher.graph.operations)
    if not found.cut_short and size <= _OTHERS_MAX:
        allowance = Budget(None, _ALLOWANCE + _ALLOWANCE_PER_TRANSACTION * size)
        for row in reversed(MODELS):
            if row.decided:
                found.settle(row.name, allowance, size)
    evidence = {}
    for model in asked:
        # One that could only be tried through a stronger model may fall with a weaker one.
        causes = [model, *(cause for cause in found.refutations if cause in weaker(model))]
        cause = next((cause for cause in causes if cause in found.refutations), None)
        if cause is not None:
            evidence[cause] = found.refutations[cause]
    unsettled = [model for model in asked if found.is_open(model)]
    silent = frozenset(row.name for row in MODELS if found.is_open(row.name))
    return Settled(evidence, list(found.refutations), unsettled, silent)


class _Found:
    """The models settled so far."""

    def __init__(self, searcher: Searcher, violated: set[str]) -> None:
        self.searcher = searcher
        self.violated = violated
        self.proved: set[str] = set()
        self.refutations: dict[str, Anomaly] = {}
        self.cut_short = False

    def is_open(self, model: str) -> bool:
        return self.searcher.concerns(model) and model not in self.proved | self.violated

    def settle(self, model: str, budget: Budget, cost: int = 0) -> None:
        """Search for an order that satisfies the model, unless it is settled already."""
        if not self.is_open(model):
            return
        try:
            budget.spend(cost)
            holds, evidence = self.searcher.decide(model, budget)
        except OutOfBudget:
            self.cut_short = True
            return
        if evidence is not None:
            self.refutations[model] = evidence
            self.violated |= {*standing((), [model]).violated}
        elif holds:
            self.proved |= weaker(self.searcher.proved(model))
