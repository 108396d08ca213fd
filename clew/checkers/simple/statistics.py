"""How many operations succeeded, failed or are unknown, and how long they took.

Source: the stats check of Jepsen (``checker.clj``), which calls a history invalid where some
kind of operation never succeeded. Nothing was broken there, but nothing was shown either: here
it is UNKNOWN.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from clew.checkers.values import listed, sentence
from clew.checkers.verdict import Budget, Result, concluded
from clew.history import History, Operation

# Quantile: its name in a report, and the quantile in hundredths.
_QUANTILES = (("0", 0), ("0.5", 50), ("0.95", 95), ("0.99", 99), ("1", 100))


def quantiles(values: Iterable[int]) -> dict[str, int]:
    """Return the quantiles 0, 0.5, 0.95, 0.99 and 1, exact: each is one of the values.

    The quantile q of n sorted values is the one at index ``floor(q * n)``, at most n - 1.
    Empty where there are no values. O(n log n).
    """
    ordered = sorted(values)
    count = len(ordered)
    if not count:
        return {}
    return {name: ordered[min(count - 1, count * q // 100)] for name, q in _QUANTILES}


def statistics(history: History) -> dict[str, Any]:
    """Return counts and latencies of all operations and of each kind of operation.

    Returns:
        ``count``, ``ok``, ``fail``, ``info``, ``latency_ns`` (`quantiles` over the ``ok``
        operations, ns; empty if the history has no times), and under ``by_f`` the same for
        each ``f``, in order of name. Operations that were never answered count as ``info``.
        O(n log n).
    """
    by_f: dict[str, list[Operation]] = {}
    for operation in history.operations:
        by_f.setdefault(operation.f, []).append(operation)
    parts = {f: _summary(by_f[f]) for f in sorted(by_f)}
    return {**_summary(history.operations), "by_f": parts}


def _summary(operations: Sequence[Operation]) -> dict[str, Any]:
    counts = {"ok": 0, "fail": 0, "info": 0}
    latencies = []
    for one in operations:
        counts[one.type] += 1
        if one.type == "ok" and one.start is not None and one.end is not None:
            latencies.append(one.end - one.start)
    return {"count": len(operations), **counts, "latency_ns": quantiles(latencies)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """Counts operations; UNKNOWN if some kind of operation never succeeded, never INVALID."""

    name: str = "statistics"

    def check(self, history: History, budget: Budget) -> Result:
        """Return VALID if each kind of operation succeeded at least once. O(n log n)."""
        budget.spend(0)
        figures = statistics(history)
        never = [f"no {f} ever succeeded" for f, one in figures["by_f"].items() if not one["ok"]]
        unknown = f"{sentence(listed(never))}." if never else ""
        return concluded(
            self.name,
            (),
            valid=f"{figures['ok']} of {figures['count']} operations succeeded.",
            unknown=unknown if figures["count"] else "The history has no operations.",
            engine="counting",
            figures=figures,
        )
