"""Places to write to, tried before the work that they are for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import combinations
from pathlib import Path

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
    """Return whether a folder can be written, or made in the last of its parents that exists."""
    from tempfile import TemporaryDirectory  # noqa: PLC0415 - imports much

    try:
        there = next(place for place in (folder, *folder.absolute().parents) if place.exists())
        with TemporaryDirectory(prefix=".clew-", dir=there):
            return True
    except (OSError, ValueError):
        return False


def check_outputs(outputs: Mapping[str, Path | None], inputs: Iterable[str | Path] = ()) -> None:
    """Make sure that files can be written, and that nothing which a person has written is lost.

    Args:
        outputs: by the name of the option that names each; None if it was not given.
        inputs: what the command reads: files, or references such as ``file.py:Class``.

    Raises:
        UsageError: one can't be written, is an input or Python source, or two are one file.
    """
    given = {option: path for option, path in outputs.items() if path is not None}
    read = [str(each) for each in inputs]
    for option, path in given.items():
        check_file(option, path)
        if any(same_file(path, each) or same_file(path, each.partition(":")[0]) for each in read):
            raise _lost(option, path, "which this command reads")
        if path.suffix == ".py" and path.exists():
            raise _lost(option, path, "which is Python source")
    for (one, path), (other, another) in combinations(given.items(), 2):
        if same_file(path, another):
            raise UsageError(
                f"--{one} and --{other} can't be one file", found=str(path), fix="Name two files"
            )


def same_file(path: Path, other: str | Path) -> bool:
    """Return True for two names of one file, whether it is there or not."""
    try:
        return path.resolve() == Path(other).resolve() or path.samefile(other)
    except (OSError, ValueError, RuntimeError):  # one is not there, is no path, or leads in circles
        return False


def _lost(option: str, path: Path, why: str) -> UsageError:
    return UsageError(
        f"--{option} can't be used",
        expected="a file that may be replaced",
        found=f"{path}, {why}",
        fix="Name another file",
    )


def check_file(option: str, path: Path) -> None:
    """Make sure that a file can be written, in a folder that may be missing yet.

    Raises:
        UsageError: it is a folder, or its folder can't be made or written.
    """
    kind = kind_of(path)
    expected, found, fix = "a file", f"{path}, {kind}", "Name another file"
    if path.is_dir():
        found, fix = f"the folder {path}", "Name a file in it"
    elif kind is None:
        if _can_hold(path.parent):
            return
        expected, found = "a file that can be written", str(path)
    raise UsageError(f"--{option} can't be used", expected=expected, found=found, fix=fix)
