"""Places to write to, tried before the work that they are for."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from clew.errors import UsageError


def check_folder(folder: Path) -> None:
    """Make sure that artefacts can be written into a folder, which is not made yet.

    Raises:
        UsageError: the folder can't be made or written.
    """
    try:
        there = next(place for place in (folder, *folder.absolute().parents) if place.exists())
        with TemporaryDirectory(prefix=".clew-", dir=there):
            pass
    except OSError:
        raise UsageError(
            "--out can't be used",
            expected="a folder that can be written",
            found=str(folder),
            fix="Name another folder",
        ) from None


def check_file(option: str, path: Path) -> None:
    """Make sure that a file is no folder.

    Raises:
        UsageError: it is one.
    """
    if path.is_dir():
        raise UsageError(
            f"--{option} can't be used",
            expected="a file",
            found=f"the folder {path}",
            fix="Name a file in it",
        )
