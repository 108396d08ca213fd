"""Colour on a terminal, plain text elsewhere; https://no-color.org is respected.

Painted text holds marks, which `clew.report.screen` draws.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TextIO

from clew.checkers.verdict import Verdict
from clew.report.screen import sgr

_CODES = {"bold": "1", "dim": "2", "red": "1;31", "green": "32", "yellow": "33"}
_OF_VERDICT = {Verdict.VALID: "green", Verdict.UNKNOWN: "yellow", Verdict.INVALID: "red"}


@dataclass(frozen=True, slots=True)
class Style:
    """How text is dressed.

    Attributes:
        colour: False leaves every text as it is.
    """

    colour: bool = False

    @classmethod
    def of(cls, stream: TextIO) -> Style:
        """Choose the style that suits a stream: colour on a terminal that wants it."""
        wanted = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        return cls(wanted and stream.isatty())

    def paint(self, text: str, name: str) -> str:
        """Paint a text in a colour or weight of the table."""
        return f"{sgr(_CODES[name])}{text}{sgr('0')}" if self.colour else text

    def heading(self, text: str) -> str:
        """Paint a text as a heading."""
        return self.paint(text, "bold")

    def verdict(self, verdict: Verdict, width: int = 0) -> str:
        """Write the verdict's word, INVALID in capitals so that it stands out without colour."""
        word = verdict.value.upper() if verdict is Verdict.INVALID else verdict.value
        return self.paint(word.ljust(width), _OF_VERDICT[verdict])
