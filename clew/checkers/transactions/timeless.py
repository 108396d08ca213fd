"""What a history without times or sessions can say of consistency models."""

from __future__ import annotations

from dataclasses import replace

from clew.checkers.transactions.consistency_models import OF_SESSIONS
from clew.checkers.transactions.judgement import boundary
from clew.checkers.transactions.lattice import ANOMALIES, violates, weaker
from clew.checkers.verdict import Result

NOTE = (
    "The history has no invocations: nothing is said of models with an order of time or sessions."
)


def needs_order(model: str) -> bool:
    """Whether a model promises anything of the order of real time or of sessions."""
    return not weaker(model).isdisjoint(OF_SESSIONS) or any(
        violates(row.name, model)
        for row in ANOMALIES
        if row.name.endswith(("-process", "-realtime"))
    )


def without_order(result: Result) -> Result:
    """The result without models that only stand because the history shows no order."""
    figures = dict(result.statistics)
    said = figures.get("strongest_standing")
    if said is None:
        return result
    free = sorted(
        {each for model in said for each in (model, *weaker(model)) if not needs_order(each)}
    )
    strongest = [
        model
        for model in free
        if not any(model != other and model in weaker(other) for other in free)
    ]
    weakest = figures["weakest_violated"]
    reason = result.reason.replace(boundary(weakest, said), boundary(weakest, strongest))
    figures["strongest_standing"] = strongest
    return replace(result, reason=f"{reason} {NOTE}", statistics=figures)
