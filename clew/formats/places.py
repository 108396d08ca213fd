"""Places to write to, tried before the work that they are for."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from clew.errors import UsageError
from clew.formats.regular import kind_of


def check_folder(folder: Path) -> None:
    """Make sure that artefacts can be written into a folder, which is not made yet.

    Raises:
        UsageError: the folder can't be made or written.
    """
    if not _can_hold(folder):
        raise UsageError(
            "--out can't be used",
            expected="a folder that can be written",
            found=str(folder),
            fix="Name another folder",
        )


def _can_hold(folder: Path) -> bool:
    """True for a folder that can be written, or made, in the last of its parents that is there."""
    try:
        there = next(place for place in (folder, *folder.absolute().parents) if place.exists())
        with TemporaryDirectory(prefix=".clew-", dir=there):
            return True
    except (OSError, ValueError):
        return False


def check_file(option: str, path: Path) -> None:
    """Make sure that a file can be written, in a folder that may be missing yet.

    Raises:
        UsageError: it is a folder, or its folder can't be made or written.
    """
    if path.is_dir():
        raise UsageError(
            f"--{option} can't be used",
            expected="a file",
            found=f"the folder {path}",
            fix="Name a file in it",
        )
    kind = kind_of(path)
    if kind is not None:
        raise UsageError(
            f"--{option} can't be used",
            expected="a file",
            found=f"{path}, {kind}",
            fix="Name another file",
        )
    if not _can_hold(path.parent):
        raise UsageError(
            f"--{option} can't be used",
            expected="a file that can be written",
            found=str(path),
            fix="Name another file",
        )
