"""What a terminal or a pipe gets: Clew's own colours and cursor moves, and no others.

CI servers read a log's lines for commands of their own (GitHub: ``::`` after any blanks; GitHub,
Azure Pipelines and TeamCity: ``##[``, ``##vso[`` and their like anywhere), so one sign of each is
escaped if the command is not Clew's, even if it comes in pieces.

Colour goes to a terminal alone, plain text elsewhere; https://no-color.org is respected.

`Style` and `LiveLine` write a mark in place of a control sequence for a terminal. A `Screen` turns
marks into sequences and escapes every other control, whatever text it came in. The mark holds an
address of this process, so that no text from elsewhere can contain it.
"""

from __future__ import annotations

import io
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, TextIO

from clew.checkers.verdict import Verdict
from clew.errors import UsageError
from clew.machine.text import printable

_MARK = f"\ufdd0{id(object()):x}."
_MARKED = re.compile(f"{re.escape(_MARK)}(\\[[0-9;]*m|[rc])")
_A_COMMAND = re.compile(r"(?m)^[^\S\n]*(::)|(##\w{0,20}\[)")
_LINE_KEPT = 32  # longer than the longest beginning of a command that a line may end with

RETURN = f"{_MARK}r"
"""The mark for the beginning of the line."""


COMMAND = f"{_MARK}c"
"""The mark before a command to a CI server."""


def sgr(code: str) -> str:
    """Mark where a colour or weight begins; 0 ends it."""
    return f"{_MARK}[{code}m"


_CODES = {"bold": "1", "dim": "2", "red": "1;31", "green": "32", "yellow": "33"}
_OF_VERDICT = {Verdict.VALID: "green", Verdict.UNKNOWN: "yellow", Verdict.INVALID: "red"}


@dataclass(frozen=True, slots=True)
class Style:
    """How text is styled.

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


def drawn(text: str, line: str = "") -> str:
    """Turn a text into what a terminal gets.

    Args:
        text: what is to be written.
        line: what the current line holds so far.
    """
    if _MARK not in text:
        return _harmless(text, line)
    parts = _MARKED.split(text)
    for place in range(0, len(parts), 2):
        ours = place > 0 and parts[place - 1] == "c"
        parts[place] = printable(parts[place]) if ours else _harmless(parts[place], line)
        line = _last_line(line, parts[place])
    for place in range(1, len(parts), 2):
        parts[place] = {"r": "\r", "c": ""}.get(parts[place], f"\033{parts[place]}")
    return "".join(parts)


def _harmless(text: str, line: str) -> str:
    """Return the text without anything that would move a cursor, or be taken for a command."""
    text = printable(text)
    if ":" not in text and "[" not in text:
        return text
    edge = len(line)

    def inert(found: re.Match[str]) -> str:
        sign = found.lastindex or 0
        at = max(found.start(sign), edge) - found.start()  # what is written stays as it is
        return f"{found[0][:at]}\\x{ord(found[0][at]):02x}{found[0][at + 1 :]}"

    return _A_COMMAND.sub(inert, line + text)[edge:]


def _last_line(line: str, text: str) -> str:
    """Return the end of a line after a text: as much as may be the beginning of a command."""
    last = text.rpartition("\n")[2] if "\n" in text else line + text
    last = last.lstrip()
    return last if len(last) <= _LINE_KEPT else f"-{last[-_LINE_KEPT:]}"


class Screen(io.TextIOBase):
    """A stream that escapes what is written to it.

    Args:
        stream: where it goes.
        aside: what is written is not an answer: if it can't be written, nothing changes.
    """

    def __init__(self, stream: TextIO, *, aside: bool = False) -> None:
        super().__init__()
        self._stream = stream
        self._writing = partial(suppress, OSError) if aside else _unwritable
        self._line = ""

    # Libraries bypass a stream that seems to have no encoding.

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """The encoding of the stream below."""
        return getattr(self._stream, "encoding", None) or "utf-8"

    @property
    def errors(self) -> str:  # type: ignore[override]
        """What the stream below does with characters that it can't encode."""
        return getattr(self._stream, "errors", None) or "strict"

    def write(self, text: str) -> int:
        """Write what can be shown, and return the number of characters taken."""
        shown = drawn(text, self._line)
        self._line = _last_line(self._line, shown)
        with self._writing():
            self._stream.write(shown)
        return len(text)

    def flush(self) -> None:
        """Flush the stream below."""
        if not self._stream.closed:
            with self._writing():
                self._stream.flush()

    def writable(self) -> bool:
        """Return whether it can be written: always."""
        return True

    def isatty(self) -> bool:
        """Return whether the stream below is a terminal."""
        return self._stream.isatty()

    def fileno(self) -> int:
        """Return the descriptor of the stream below."""
        return self._stream.fileno()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def _unwritable() -> Iterator[None]:
    """Report an output that takes no more as the user's error; a reader who left is no error.

    Raises:
        UsageError: it takes no more.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise UsageError(
            "the output can't be written",
            found=error.strerror or str(error),
            fix="Make room, or let it go elsewhere",
        ) from error


def put(stream: TextIO, text: str) -> None:
    """Write text with marks to a stream, escaped once, and flush it."""
    stream.write(text if isinstance(stream, Screen) else drawn(text))
    stream.flush()


def echo(text: str = "", *, err: bool = False) -> None:
    """Print a line on stdout or stderr."""
    put(sys.stderr if err else sys.stdout, f"{text}\n")


@contextmanager
def screened() -> Iterator[None]:
    """Make stdout and stderr screens, so that what nodes and libraries print is escaped too."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = Screen(before[0]), Screen(before[1], aside=True)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before
