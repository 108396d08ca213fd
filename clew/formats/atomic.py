"""Artefacts whole or not at all: a reader never sees half a file."""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from clew.errors import UsageError


def write_text(path: str | Path, text: str) -> None:
    """Put ``text`` at ``path`` in one step, in UTF-8, making its folders.

    Raises:
        UsageError: the place can't be written.
    """
    with _beside(Path(path)) as beside:
        # Half a surrogate pair, which a node may send, is written as JSON escapes it.
        beside.write_text(text, encoding="utf-8", errors="backslashreplace", newline="\n")


def write_lines(path: str | Path, lines: Iterable[str]) -> None:
    """Put lines at ``path`` as `write_text` does, holding one at a time in memory.

    The file is packed with gzip if its name ends in ``.gz``, with no name and no time in it.

    Raises:
        UsageError: the place can't be written.
    """
    with _beside(Path(path)) as beside, beside.open("wb") as plain:
        if Path(path).suffix != ".gz":
            plain.writelines(line.encode() for line in lines)
            return
        with gzip.GzipFile("", "wb", fileobj=plain, mtime=0) as packed:
            packed.writelines(line.encode() for line in lines)


@contextmanager
def _beside(target: Path) -> Iterator[Path]:
    """Name a file beside another, which takes its name once it is written.

    If that fails, whatever the reason, the old file stands as it was.
    """
    beside = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield beside
        beside.replace(target)
    except OSError as error:
        raise UsageError(
            "can't write the file",
            where=str(target),
            found=error.strerror or str(error),
            fix="Name a folder that exists and can be written",
        ) from error
    finally:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
