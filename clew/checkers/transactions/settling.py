"""Which models hold where the order of versions is open.

First those weaker than a model that was asked for and decided without a search: where one of them
falls, it does too. Then strict serializability, with some allowance: an order that satisfies a
model is a witness for all weaker ones, and the stronger the model, the fewer orders are left to
try. Then what was asked for is settled within the whole budget. Of the others, from the
strongest down, as many as a small allowance is enough for; nothing is said of the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from clew.checkers.transactions.commit_orders import WITHOUT_SEARCH
from clew.checkers.transactions.consistency_models import MODELS
from clew.checkers.transactions.lattice import standing, weaker
from clew.checkers.transactions.version_search import Searcher
from clew.checkers.verdict import Anomaly, Budget, OutOfBudget

_OTHERS_MAX = 5_000
"""Of longer histories only what was asked is settled: the rest would double the time."""

_ALLOWANCE = 10_000
_ALLOWANCE_PER_TRANSACTION = 16


_STRONGEST = MODELS[-1].name
_WITNESS_PER_TRANSACTION = 1_024
"""What looking for an order in real time may cost where less is asked for."""


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
    size = len(searcher.graph.operations)
    for model in asked:
        found.refute(model, budget)
    if any(map(found.is_searched, asked)):
        found.settle(_STRONGEST, Budget(None, _WITNESS_PER_TRANSACTION * size))
    found.cut_short = False
    for model in asked:
        found.settle(model, budget)
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

    def refute(self, model: str, budget: Budget) -> None:
        """Settle the weaker models that need no search: where one falls, this one does too."""
        for quick in WITHOUT_SEARCH:
            if quick in weaker(model) and self.is_open(model):
                self.settle(quick, budget)

    def is_searched(self, model: str) -> bool:
        """True for a model that is open and needs a search."""
        return self.is_open(model) and model not in WITHOUT_SEARCH and model != _STRONGEST

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
