"""Which models hold if the order of versions is open.

First those weaker than a model that was asked for and decided without a search: if one of them
falls, it does too. Then what was asked for is searched for within the whole budget, and before it
some stronger models with a small one: an order that satisfies a model is a witness for all weaker
ones, and the stronger the model, the fewer orders are left to try. Of the others, from the
strongest down, as many as a small allowance is enough for; the rest stays open.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from clew.checkers.transactions.consistency_models import MODELS
from clew.checkers.transactions.lattice import standing, weaker
from clew.checkers.transactions.search.commits import WITHOUT_SEARCH
from clew.checkers.transactions.search.versions import Searcher
from clew.checkers.verdict import Anomaly, Budget, OutOfBudget

_OTHERS_MAX = 5_000
"""For longer histories only the requested models are settled: the rest would double the time."""

_ALLOWANCE = 10_000
_ALLOWANCE_PER_TRANSACTION = 16


_WITNESSES = (
    "strict-serializable",
    "strong-session-serializable",
    "strong-session-snapshot-isolation",
    "strong-session-prefix",
    "serializable",
    "snapshot-isolation",
)
"""Models whose orders are soon found if there are any."""

_WITNESS_PER_TRANSACTION = 1_024


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
    ended = True
    # From the strongest down: an order that satisfies one is a witness for all weaker ones, which
    # then cost nothing.
    for model in reversed([row.name for row in MODELS]):
        if model in asked:
            ended &= found.settle(model, budget)
        elif model in _WITNESSES and found.is_searched(weaker(model).intersection(asked)):
            found.settle(model, Budget(None, _WITNESS_PER_TRANSACTION * size))
    if ended and size <= _OTHERS_MAX:
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

    def is_open(self, model: str) -> bool:
        return self.searcher.concerns(model) and model not in self.proved | self.violated

    def refute(self, model: str, budget: Budget) -> None:
        """Settle the weaker models that need no search: if one falls, this one does too."""
        for quick in WITHOUT_SEARCH:
            if quick in weaker(model) and self.is_open(model):
                self.settle(quick, budget)

    def is_searched(self, models: Iterable[str]) -> bool:
        """Return whether one of the models is open and needs a search."""
        return any(self.is_open(model) and self.searcher.is_hard(model) for model in models)

    def settle(self, model: str, budget: Budget, cost: int = 0) -> bool:
        """Search for an order that satisfies the model, unless it is settled already.

        False if the budget ended the search.
        """
        if not self.is_open(model):
            return True
        try:
            budget.spend(cost)
            holds, evidence = self.searcher.decide(model, budget)
        except OutOfBudget:
            return False
        if evidence is not None:
            self.refutations[model] = evidence
            self.violated |= {*standing((), [model]).violated}
        elif holds:
            self.proved |= weaker(self.searcher.proved(model))
        return True
