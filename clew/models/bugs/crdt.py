"""What goes wrong with a grow-only counter."""

from __future__ import annotations

from typing import Any

from clew.models.crdt import GCounter
from clew.models.registry import Bug


class AddsOnMerge(GCounter):
    """Joins two counts by adding them: the join is no longer idempotent."""

    def join(self, ours: int, theirs: int) -> int:
        """The sum, though both may have counted the same additions."""
        return ours + theirs


class ForgetsOnRestart(GCounter):
    """Keeps the counts in memory alone; its own entry starts again at 0, below what others hold."""

    def put(self, key: str, value: Any) -> None:
        """Change an entry until the next crash."""
        self.state[key] = value


BUGS: dict[str, Bug] = {
    "adds-on-merge": Bug(
        AddsOnMerge,
        "two replicas' counts are added where the larger should win",
        "Shapiro et al., A comprehensive study of CRDTs, 2011, section 3.1.1: merge is the maximum",
        {"rate": 5.0, "time_limit": 5.0, "node_count": 3},
    ),
    "forgets-on-restart": Bug(
        ForgetsOnRestart,
        "a restarted node counts its own additions from 0 again, and the maximum hides them",
        "Shapiro et al., A comprehensive study of CRDTs, 2011, section 2.1: state must be stable",
        {"nemesis": ["kill"], "nemesis_interval": 3.0, "rate": 10.0, "time_limit": 20.0,
         "node_count": 3},
    ),
}  # fmt: skip
