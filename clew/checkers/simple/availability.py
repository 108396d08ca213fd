"""Availability: every request, or a fraction of them, was answered.

An operation counts as answered where it is ``ok``, and where the object itself refused it: no
such key, key exists, precondition failed (codes 20, 21 and 22 of Maelstrom's table). Everything
else counts against the system: timeouts, crashes, ``temporarily-unavailable``, aborts, and
operations that were never answered.

Divergence from Maelstrom: it counts refusals by the object as failures too, so that a
compare-and-set workload can never be totally available there.

Source: the availability check of Maelstrom; Gilbert and Lynch, "Brewer's conjecture", SIGACT News
2002, for total availability.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

from clew.checkers.values import counted, listed, shown
from clew.checkers.verdict import Anomaly, Budget, Result, Verdict
from clew.errors import UsageError
from clew.history import History, Operation

REFUSALS = {
    20: "key-does-not-exist",
    21: "key-already-exists",
    22: "precondition-failed",
}
"""Errors that say the object itself refused: the system answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Availability:
    """INVALID if fewer operations were answered than required. O(n).

    Args:
        required: ``total``, or the least fraction of answered operations, from 0 to 1.

    Raises:
        UsageError: ``required`` is neither.
    """

    required: Literal["total"] | float | Fraction = "total"
    name: str = "availability"

    def __post_init__(self) -> None:
        if self.required != "total" and not _is_fraction(self.required):
            raise UsageError(
                "the required availability can't be used",
                expected="total, or a fraction from 0 to 1",
                found=repr(self.required),
            )

    def check(self, history: History, budget: Budget) -> Result:
        """Report ``unavailable`` for each error among the unanswered, if too many are."""
        budget.spend(0)
        operations = history.operations
        if not operations:
            return Result(self.name, Verdict.UNKNOWN, "The history has no operations.")
        unanswered = [one for one in operations if not answered(one)]
        count = len(operations) - len(unanswered)
        least = Fraction(1) if self.required == "total" else Fraction(str(self.required))
        wanted = "all" if least == 1 else f"at least {self.required}"
        reason = f"{count} of {len(operations)} operations were answered; {wanted} must be."
        figures = {"operations": len(operations), "answered": count}
        figures["unanswered"] = len(unanswered)
        enough = Fraction(count, len(operations)) >= least
        return Result(
            self.name,
            Verdict.VALID if enough else Verdict.INVALID,
            reason,
            () if enough else _anomalies(unanswered),
            "counting",
            0.0,
            figures,
        )


def _is_fraction(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float | Fraction):
        return False
    return bool(0 <= value <= 1)


def answered(operation: Operation) -> bool:
    """Return whether an operation counts as answered."""
    if operation.type == "ok":
        return True
    return operation.type == "fail" and _code(operation.error) in REFUSALS


def _code(error: Any) -> int | None:
    """Return the protocol's error code, if the error has one in any of the ways it is written."""
    if isinstance(error, dict):
        error = error.get("code", error.get("name"))
    elif isinstance(error, list | tuple) and error:
        error = error[0]
    if isinstance(error, str):
        word = error.lstrip(":").split(" ", 1)[0].rstrip(":")
        return next((code for code, name in REFUSALS.items() if name == word), None)
    return error if type(error) is int else None


def _anomalies(unanswered: list[Operation]) -> tuple[Anomaly, ...]:
    groups: dict[str, list[Operation]] = {}
    for one in unanswered:
        why = "no answer" if one.completed is None or one.error is None else shown(one.error)
        groups.setdefault(why, []).append(one)
    return tuple(_unavailable(why, group) for why, group in groups.items())


def _unavailable(why: str, group: list[Operation]) -> Anomaly:
    kinds = Counter(f"{one.f} at {one.node}" if one.node else one.f for one in group)
    parts = [f"{kind} ({count})" for kind, count in sorted(kinds.items())]
    reason = f"{counted(len(group), 'operation')} did not succeed ({why}): {listed(parts)}."
    data = {"error": why, "count": len(group), "by": dict(sorted(kinds.items()))}
    return Anomaly("unavailable", reason, tuple(group), data)
