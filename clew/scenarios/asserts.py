"""Conditions on a run's figures, such as ``servers.msgs_per_op < 30``.

A condition is ``PATH OP NUMBER``; a path names a figure of `Outcome.statistics` with dots, and a
quantile by its number, as in ``latency_ms.0.99 < 200``.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from clew.checkers.verdict import Anomaly, Result, Verdict
from clew.errors import UsageError

_OPERATORS: dict[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
}
_CONDITION = re.compile(r"\s*([\w.\-]+)\s*(<=|>=|==|!=|<|>)\s*(-?\d+(?:\.\d+)?)\s*")

Condition = tuple[str, str, float]


def parse_assert(text: str) -> Condition:
    """``(path, operator, number)`` of a condition.

    Raises:
        UsageError: it is no condition.
    """
    match = _CONDITION.fullmatch(text)
    if match is None:
        raise UsageError(
            "--assert can't be used",
            expected="a figure, a comparison and a number, such as 'servers.msgs_per_op < 30'",
            found=repr(text),
            fix="'clew test MODEL --json' prints the figures under 'statistics'",
        )
    return match[1], match[2], float(match[3])


def figure(path: str, figures: Mapping[str, Any]) -> float | None:
    """The figure of a path; None where there is none (yet).

    A key may itself hold a dot, as the quantile ``0.99`` does: the longest key that fits counts.
    """
    here: Any = figures
    rest = path
    while rest:
        if not isinstance(here, Mapping):
            return None
        fitting = [key for key in here if rest == key or rest.startswith(f"{key}.")]
        if not fitting:
            return None
        key = max(fitting, key=len)
        here, rest = here[key], rest[len(key) + 1 :]
    return float(here) if isinstance(here, int | float) else None


def check_asserts(asserts: Sequence[str], figures: Mapping[str, Any]) -> Result:
    """INVALID where a condition does not hold, UNKNOWN where its figure is missing."""
    broken: list[str] = []
    missing: list[str] = []
    for text in asserts:
        path, comparison, bound = parse_assert(text)
        value = figure(path, figures)
        if value is None:
            missing.append(f"this run has no figure {path!r}")
        elif not _OPERATORS[comparison](value, bound):
            broken.append(f"{path} is {value:g}, which is not {comparison} {bound:g}")
    if broken:
        return Result(
            "assert", Verdict.INVALID, "; ".join(broken),
            tuple(Anomaly("assertion", reason) for reason in broken),
        )  # fmt: skip
    if missing:
        return Result("assert", Verdict.UNKNOWN, "; ".join(missing))
    return Result("assert", Verdict.VALID, f"All of {', '.join(asserts)} hold.")
