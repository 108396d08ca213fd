"""The hash seed, which decides the order of a set of strings, and ``hash()`` of each.

Python draws it anew for every process, so a node or a library that goes through a set of strings
behaves differently in each. Clew's command line runs under a fixed one: ``PYTHONHASHSEED`` if the
user has set it, otherwise 0. Every plan records it, and a repro file is replayed under its own.
Python reads it when it starts, so a different one takes a restart.

If Clew is called from the user's own Python (`clew.run`, pytest) the seed is theirs, and may be one
that nobody can know: None.
"""

from __future__ import annotations

import os
import sys

VARIABLE = "PYTHONHASHSEED"
USUAL = 0
"""The seed of a process that was given none."""


SEED_MAX = 2**32 - 1


class _Start:
    """Whether this process was started as the command line, and may restart."""

    ours = False


def _read() -> int | None:
    if sys.flags.ignore_environment:
        return None
    said = os.environ.get(VARIABLE, "")
    if not said.isdecimal():
        return None
    seed = int(said)  # Python has taken it: it is no larger than it may be
    return seed if bool(seed) == bool(sys.flags.hash_randomization) else None


_SEED = _read()
"""Read once: a process may write its environment, and does not hash otherwise for it."""


def hash_seed() -> int | None:
    """Return the seed of this process; None if it was drawn and nobody knows it."""
    return _SEED


def pin() -> None:
    """Restart this command line under a known seed if its own is unknown.

    It costs a start of the interpreter, some hundredths of a second, before anything is imported.
    """
    _Start.ours = True
    if _SEED is None and os.environ.get(VARIABLE, "") in {"", "random"}:
        _restart(USUAL)


def pin_to(seed: int | None) -> None:
    """Restart this command line under this seed if its own is different; None is any.

    A process that was not started as the command line goes on as it is.
    """
    if seed is not None and seed != _SEED and _Start.ours:
        _restart(seed)


def _restart(seed: int) -> None:
    able = hasattr(os, "execve") and sys.platform != "win32" and not sys.flags.ignore_environment
    if not able or not sys.executable or getattr(sys, "frozen", False):
        return
    sys.stdout.flush()
    sys.stderr.flush()
    arguments = [sys.executable, *sys.orig_argv[1:]]
    os.execve(sys.executable, arguments, {**os.environ, VARIABLE: str(seed)})  # noqa: S606 - us
