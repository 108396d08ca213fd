"""How a shrinker gets on: a live line on a terminal, one plain line a second elsewhere."""

from __future__ import annotations

import shutil
from types import TracebackType
from typing import Self, TextIO

from clew import wall
from clew.report import words
from clew.scenarios.plan import Plan

PLAIN_SECONDS = 1.0
LIVE_SECONDS = 0.1


class Shrinking:
    """Runs spent and the size of the smallest plan so far; a context.

    Args:
        runs_max: how many runs there may be.
        stream: where to tell it.
    """

    def __init__(self, runs_max: int, stream: TextIO) -> None:
        self._runs_max = runs_max
        self._stream = stream
        self._live = stream.isatty()
        self._told = wall.seconds()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        self._clear()

    def update(self, runs: int, plan: Plan) -> None:
        """So many runs are done, and this is the smallest plan."""
        if wall.seconds() - self._told < (LIVE_SECONDS if self._live else PLAIN_SECONDS):
            return
        self._told = wall.seconds()
        self._clear()
        self._stream.write(self.line(runs, plan) + ("" if self._live else "\n"))
        self._stream.flush()

    def line(self, runs: int, plan: Plan) -> str:
        """Where it stands, on one line."""
        return (
            f"shrinking: {runs:,} of at most {words.several(self._runs_max, 'run')}, "
            f"{words.several(len(plan.operations), 'operation')}, "
            f"{words.several(len(plan.faults), 'fault')}, "
            f"{words.several(len(plan.node_ids), 'node')}"
        )

    def _clear(self) -> None:
        if self._live:
            width = shutil.get_terminal_size().columns
            self._stream.write("\r" + " " * (width - 1) + "\r")
            self._stream.flush()
