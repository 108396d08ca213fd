"""Unique ids: no id is acknowledged twice.

The ids of operations that failed or were never answered are not known and do not count: a
service may burn ids.

Source: the unique-ids workload of Maelstrom.
"""

from __future__ import annotations

from dataclasses import dataclass

from clew.checkers.values import Key, key_of, listed, shown
from clew.checkers.verdict import Anomaly, Budget, Result, concluded
from clew.history import History, Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class UniqueIds:
    """INVALID if two operations were given one id. O(n).

    Args:
        f: the operation that asks for an id; the id is its result.
    """

    f: str = "generate"
    name: str = "unique-ids"

    def check(self, history: History, budget: Budget) -> Result:
        """Report a ``duplicate`` for each repeated id, ``malformed`` for a reply without one."""
        budget.spend(0)
        given: dict[Key, list[Operation]] = {}
        anomalies = []
        for one in history.operations:
            if one.f == self.f and one.type == "ok":
                if one.result is None:
                    anomalies.append(_malformed(one))
                else:
                    given.setdefault(key_of(one.result), []).append(one)
        anomalies += [_duplicate(owners) for owners in given.values() if len(owners) > 1]
        count = sum(map(len, given.values()))
        return concluded(
            self.name,
            anomalies,
            valid=f"All {count} acknowledged ids differ.",
            unknown="" if count else "No id was acknowledged, so none could repeat.",
            engine="counting",
            figures={"acknowledged": count, "different": len(given)},
        )


def _duplicate(owners: list[Operation]) -> Anomaly:
    value = owners[0].result
    to = [f"process {one.process}" + (f" by {one.node}" if one.node else "") for one in owners]
    reason = f"The id {shown(value)} was given {len(owners)} times: to {listed(to)}."
    data = {"value": value, "count": len(owners), "nodes": [one.node for one in owners]}
    return Anomaly("duplicate", reason, tuple(owners), data)


def _malformed(one: Operation) -> Anomaly:
    reason = f"Process {one.process} was answered without an id."
    return Anomaly("malformed", reason, (one,), {"value": None, "nodes": [one.node]})
