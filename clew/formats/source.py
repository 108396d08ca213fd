"""The text of a history: a file, or ``-`` for standard input; gzip archives are unpacked.

The first bytes show whether it is an archive, not the file's name. An archive that unpacks to far
more than any history does is refused before it fills the memory.
"""

from __future__ import annotations

import gzip
import io
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO, TextIO, cast

from clew.errors import HistoryError
from clew.formats.record import place

STDIN = "-"
_MAGIC = b"\x1f\x8b"
UNPACKED_FREE = 64 << 20
UNPACKED_RATIO_MAX = 200
"""An archive may unpack to this many bytes; past that, to at most this many times its size.

Recorded histories of 10 MB and more pack to a tenth or a thirtieth; nothing but a gigabyte of one
byte packs to a thousandth.
"""


def name_of(path: str | Path) -> str:
    """Name the source as messages do."""
    return "standard input" if str(path) == STDIN else str(path)


@contextmanager
def opened(path: str | Path) -> Iterator[TextIO]:
    """Open the text, in UTF-8 with or without a byte order mark.

    Raises:
        HistoryError: when it is read: an archive is broken, cut, or unpacks to too much.
        OSError: the file can't be read.
    """
    if str(path) == STDIN:
        yield _text(cast("BinaryIO", sys.stdin.buffer), name_of(path))
        return
    with Path(path).open("rb") as stream:
        yield _text(stream, name_of(path))


def _text(stream: IO[bytes], source: str) -> TextIO:
    buffered = io.BufferedReader(cast("io.RawIOBase", stream)) if _is_raw(stream) else stream
    head = cast("io.BufferedReader", buffered).peek(len(_MAGIC))[: len(_MAGIC)]
    if head == _MAGIC:
        packed = _Counted(buffered)
        return io.TextIOWrapper(
            io.BufferedReader(_Unpacked(packed, source), 1 << 16),
            encoding="utf-8-sig",
            newline=None,
        )
    return io.TextIOWrapper(cast("BinaryIO", buffered), encoding="utf-8-sig", newline=None)


def _is_raw(stream: IO[bytes]) -> bool:
    return not hasattr(stream, "peek")


class _Counted(io.RawIOBase):
    """A stream that counts the bytes read from it."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.count = 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        self.count += len(data)
        return data


class _Unpacked(io.RawIOBase):
    """The content of an archive; what is wrong with it is a `HistoryError`."""

    def __init__(self, packed: _Counted, source: str) -> None:
        self._packed = packed
        self._unpacked = gzip.GzipFile(fileobj=cast("BinaryIO", packed), mode="rb")
        self._source = source
        self._lines = 1
        self._count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        try:
            data = self._unpacked.read(len(buffer))
        except EOFError as error:
            raise self._wrong("the archive is cut", "a whole gzip archive", "its end") from error
        except (gzip.BadGzipFile, zlib.error) as error:
            found = str(error)
            raise self._wrong("the archive is broken", "a gzip archive", found) from error
        self._count += len(data)
        if self._count > max(UNPACKED_FREE, UNPACKED_RATIO_MAX * self._packed.count):
            raise self._wrong(
                "the archive unpacks to far more than a history does",
                f"at most {UNPACKED_RATIO_MAX} times its size",
                f"{self._count} bytes of {self._packed.count}",
            )
        self._lines += data.count(b"\n")
        buffer[: len(data)] = data
        return len(data)

    def _wrong(self, problem: str, expected: str, found: str) -> HistoryError:
        return HistoryError(
            problem,
            where=place(self._source, self._lines),
            expected=expected,
            found=found,
            fix="Pack the recorded history again, or give it unpacked",
        )
