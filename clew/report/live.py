"""The progress of a long command: a live line on a terminal, otherwise a plain line per second."""

from __future__ import annotations

from collections.abc import Callable
from typing import Self, TextIO

from clew.machine import wall
from clew.machine.text import one_line
from clew.report.screen import RETURN, put

PLAIN_SECONDS = 1.0
LIVE_SECONDS = 0.1


class LiveLine:
    """A line that is shown again and again as time goes by; a context, which clears it.

    Args:
        stream: where to show it.
        plain_seconds: the time between two plain lines.
    """

    def __init__(self, stream: TextIO, plain_seconds: float = PLAIN_SECONDS) -> None:
        self._stream = stream
        self._plain_seconds = plain_seconds
        self._live = stream.isatty()
        self._started = self._shown = wall.seconds()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.clear()

    @property
    def seconds(self) -> float:
        """Wall seconds since the beginning."""
        return wall.seconds() - self._started

    def show(self, line: Callable[[], str]) -> None:
        """Show the line, unless it was shown just now; a terminal cuts it to its width."""
        now = wall.seconds()
        if now - self._shown >= (LIVE_SECONDS if self._live else self._plain_seconds):
            self.show_now(line)

    def show_now(self, line: Callable[[], str]) -> None:
        """Show the line, whenever one was shown last."""
        self._shown = wall.seconds()
        self.clear()
        text = line()
        if self._live:
            text = text[: _columns() - 1]
        put(self._stream, one_line(text) + ("" if self._live else "\n"))

    def tell(self, text: str) -> None:
        """Write a line that stays."""
        self.clear()
        put(self._stream, f"{one_line(text)}\n")

    def clear(self) -> None:
        """Take the line away, so that something else can be written."""
        if self._live:
            width = _columns()
            put(self._stream, RETURN + " " * (width - 1) + RETURN)


def _columns() -> int:
    from shutil import get_terminal_size  # noqa: PLC0415 - few outputs are a terminal

    return get_terminal_size().columns
