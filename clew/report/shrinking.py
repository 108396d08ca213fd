"""How a shrinker gets on."""

from __future__ import annotations

from typing import TextIO

from clew.report import words
from clew.report.live import LiveLine
from clew.scenarios.plan import Plan


class Shrinking(LiveLine):
    """Runs spent and the size of the smallest plan so far; a context.

    Args:
        runs_max: how many runs there may be.
        stream: where to tell it.
    """

    def __init__(self, runs_max: int, stream: TextIO) -> None:
        super().__init__(stream)
        self._runs_max = runs_max

    def update(self, runs: int, plan: Plan) -> None:
        """So many runs are done, and this is the smallest plan."""
        self.show(lambda: self.line(runs, plan))

    def line(self, runs: int, plan: Plan) -> str:
        """Where it stands, on one line."""
        return (
            f"shrinking: {runs:,} of at most {words.several(self._runs_max, 'run')}, "
            f"{words.several(len(plan.operations), 'operation')}, "
            f"{words.several(len(plan.faults), 'fault')}, "
            f"{words.several(len(plan.node_ids), 'node')}"
        )
