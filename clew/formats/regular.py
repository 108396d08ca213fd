"""Files that are read whole: only regular ones, of a size that somebody wrote.

A device, a pipe or a socket may never end or never begin, so it is refused before it is opened.
"""

from __future__ import annotations

import stat
from os import PathLike
from pathlib import Path

from clew.errors import ClewError

BYTES_MAX = 100_000_000

_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def _kind(mode: int) -> str | None:
    return next((kind for is_kind, kind in _KINDS if is_kind(mode)), None)


def kind_of(path: str | PathLike[str]) -> str | None:
    """Name what a path is; None for a regular file and if nobody can know."""
    try:
        return _kind(Path(path).stat().st_mode)
    except (OSError, ValueError):
        return None


def check_regular(
    path: str | PathLike[str], error: type[ClewError], fix: str | None = None
) -> None:
    """Do nothing for a regular file that can be looked at.

    Args:
        path: the file.
        error: what to raise.
        fix: what to do about it.

    Raises:
        ClewError: it is missing, something else, or too large.
    """
    try:
        status = Path(path).stat()
    except FileNotFoundError:
        raise error("there is no such file", where=str(path), fix=fix or "Check the path") from None
    except (OSError, ValueError) as bad:
        raise unreadable(path, error, bad, fix) from None
    found = _kind(status.st_mode)
    if found is not None:
        raise error(
            "this can't be read", where=str(path), expected="a regular file", found=found, fix=fix
        )
    if status.st_size > BYTES_MAX:
        raise error(
            "this file is too large",
            where=str(path),
            expected=f"at most {BYTES_MAX:,} bytes",
            found=f"{status.st_size:,}",
            fix=fix,
        )


def read_regular(path: Path, error: type[ClewError]) -> str:
    """Read a regular file's text in UTF-8, with or without a byte order mark.

    Raises:
        ClewError: as `check_regular`, or it can't be read or is no text.
    """
    check_regular(path, error)
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as bad:
        raise unreadable(path, error, bad) from None


def unreadable(
    path: str | PathLike[str], error: type[ClewError], bad: Exception, fix: str | None = None
) -> ClewError:
    """Make the error for a file that the system won't give, or that is no text."""
    told = (isinstance(bad, OSError) and bad.strerror) or str(bad)
    if isinstance(bad, RecursionError):
        told = "values are nested too deeply"
    return error("can't be read", where=str(path), found=told, fix=fix)
