"""What a person's terminal or a pipe gets: our own colours and cursor moves, and no others.

`Style` and `LiveLine` write a mark where a terminal is to get a control sequence. A `Screen` turns
marks into sequences and escapes every other control, whatever text it came in. The mark holds an
address of this process, so that no text that was made elsewhere can hold it.
"""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from clew.machine.text import printable

_MARK = f"\ufdd0{id(object()):x}."
_MARKED = re.compile(f"{re.escape(_MARK)}(\\[[0-9;]*m|r)")

RETURN = f"{_MARK}r"
"""The mark for the beginning of the line."""


def sgr(code: str) -> str:
    """Mark where a colour or weight begins; 0 ends it."""
    return f"{_MARK}[{code}m"


def drawn(text: str) -> str:
    """Turn a text into what a terminal gets."""
    if _MARK not in text:
        return printable(text)
    parts = _MARKED.split(text)
    for place in range(0, len(parts), 2):
        parts[place] = printable(parts[place])
    for place in range(1, len(parts), 2):
        parts[place] = "\r" if parts[place] == "r" else f"\033{parts[place]}"
    return "".join(parts)


class Screen(io.TextIOBase):
    """A stream that draws what is written to it.

    Args:
        stream: where it goes.
    """

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream

    def write(self, text: str) -> int:
        """Write what can be shown, and return the number of characters that were taken."""
        self._stream.write(drawn(text))
        return len(text)

    def flush(self) -> None:
        """Flush the stream below."""
        if not self._stream.closed:
            self._stream.flush()

    def writable(self) -> bool:
        """Say whether it can be written: always."""
        return True

    def isatty(self) -> bool:
        """Say whether the stream below is a terminal."""
        return self._stream.isatty()

    def fileno(self) -> int:
        """Return the descriptor of the stream below."""
        return self._stream.fileno()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def put(stream: TextIO, text: str) -> None:
    """Write text with marks to a stream, drawn once, and flush it."""
    stream.write(text if isinstance(stream, Screen) else drawn(text))
    stream.flush()


def echo(text: str = "", *, err: bool = False) -> None:
    """Print a line on stdout or stderr."""
    put(sys.stderr if err else sys.stdout, f"{text}\n")


@contextmanager
def screened() -> Iterator[None]:
    """Let stdout and stderr be screens: what nodes and libraries print is drawn too."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (Screen(stream) for stream in before)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before
