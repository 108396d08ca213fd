"""Echo: each reply carries the value of its request.

Source: the echo workload of Maelstrom.
"""

from __future__ import annotations

from dataclasses import dataclass

from clew.checkers.values import key_of, shown
from clew.checkers.verdict import Anomaly, Budget, Result, concluded
from clew.history import History, Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class Echo:
    """INVALID if a reply carries another value than its request. O(n).

    Args:
        f: the operation; its result is the value that came back, or the whole body of the reply
            with the value under ``echo``.
    """

    f: str = "echo"
    name: str = "echo"

    def check(self, history: History, budget: Budget) -> Result:
        """Report a ``mismatch`` for each wrong reply; UNKNOWN if nothing was answered."""
        budget.spend(0)
        answered = [one for one in history.operations if one.f == self.f and one.type == "ok"]
        anomalies = [_mismatch(one) for one in answered if not _matches(one)]
        return concluded(
            self.name,
            anomalies,
            valid=f"All {len(answered)} replies carry the value of their request.",
            unknown="" if answered else "No echo was answered.",
            invalid=f"{len(anomalies)} of {len(answered)} replies carry another value.",
            engine="counting",
            figures={"answered": len(answered)},
        )


def _matches(one: Operation) -> bool:
    wanted = key_of(one.argument)
    if key_of(one.result) == wanted:
        return True
    body = one.result
    return isinstance(body, dict) and "echo" in body and key_of(body["echo"]) == wanted


def _mismatch(one: Operation) -> Anomaly:
    asked = one.node or "the system"
    reason = f"Process {one.process} sent {shown(one.argument)} to {asked} and was answered "
    reason += f"{shown(one.result)}."
    data = {"sent": one.argument, "received": one.result, "node": one.node}
    return Anomaly("mismatch", reason, (one,), data)
