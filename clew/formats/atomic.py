"""Artefacts whole or not at all: a reader never sees half a file."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from clew.errors import UsageError


def write_text(path: str | Path, text: str) -> None:
    """Put ``text`` at ``path`` in one step, in UTF-8, making its folders.

    The text goes to a file beside it first, which then takes its name; where that fails the old
    file stands as it was.

    Raises:
        UsageError: the place can't be written.
    """
    target = Path(path)
    beside = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        # Half a surrogate pair, which a node may send, is written as JSON escapes it.
        beside.write_text(text, encoding="utf-8", errors="backslashreplace", newline="\n")
        beside.replace(target)
    except OSError as error:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        raise UsageError(
            "can't write the file",
            where=str(target),
            found=error.strerror or str(error),
            fix="Name a folder that exists and can be written",
        ) from error
