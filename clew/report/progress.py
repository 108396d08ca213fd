"""How a long command gets on: one live line on a terminal, one plain line an event elsewhere."""

from __future__ import annotations

import shutil
from types import TracebackType
from typing import Self, TextIO

from clew import wall
from clew.checkers.verdict import Verdict
from clew.search.sweep import SeedResult

HEARTBEAT_SECONDS = 10.0
LIVE_SECONDS = 0.1


class Progress:
    """Seeds done, their rate, failures so far and the time left; a context.

    Args:
        total: how many seeds there will be at most.
        stream: where to tell it.
    """

    def __init__(self, total: int, stream: TextIO) -> None:
        self._total = total
        self._stream = stream
        self._live = stream.isatty()
        self._started = self._told = wall.seconds()
        self._done = 0
        self._counts = dict.fromkeys(Verdict, 0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        self._clear()

    @property
    def seconds(self) -> float:
        """Wall seconds since the beginning."""
        return wall.seconds() - self._started

    def update(self, result: SeedResult) -> None:
        """Another seed is done."""
        self._done += 1
        self._counts[result.verdict] += 1
        if result.verdict is not Verdict.VALID:
            self._clear()
            self._stream.write(
                f"seed {result.seed}: {result.verdict.value}: {_short(result.signature)}\n"
            )
        pause = LIVE_SECONDS if self._live else HEARTBEAT_SECONDS
        if wall.seconds() - self._told >= pause:
            self._told = wall.seconds()
            self._clear()
            self._stream.write(self.line() + ("" if self._live else "\n"))
        self._stream.flush()

    def line(self) -> str:
        """Where it stands, on one line."""
        rate = self._done / max(self.seconds, 1e-9)
        left = (self._total - self._done) / rate if rate else 0.0
        failures = self._counts[Verdict.INVALID]
        return (
            f"{self._done:,} of {self._total:,} seeds, {rate:.3g} a second, "
            f"{failures:,} failed so far, about {left:.0f} s left"
        )

    def _clear(self) -> None:
        if self._live:
            width = shutil.get_terminal_size().columns
            self._stream.write("\r" + " " * (width - 1) + "\r")


def _short(signature: str) -> str:
    return signature.partition(";")[0]
