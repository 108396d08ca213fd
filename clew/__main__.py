"""``clew`` and ``python -m clew``: the command line, under a hash seed that is known."""

from __future__ import annotations

import os
import sys
from typing import Any

from clew.machine.hashing import pin


class _Answer:
    """Stdout, which is for Clew's own answer: what a user's file prints goes to stderr.

    Its code may run outside a run: in the ``finally`` of a generator that is closed at exit.
    """

    def __init__(self, real: Any) -> None:
        self._real = real
        self._guards: Any = None

    def __getattr__(self, name: str) -> Any:
        if self._guards is None:  # kept: at exit the modules are gone
            self._guards = sys.modules.get("clew.sim.guards.caller")  # not before a file is loaded
        frame = sys._getframe().f_back  # noqa: SLF001 - None if Python flushes at its exit
        while frame is not None and frame.f_globals.get("__name__") == "clew.report.screen":
            frame = frame.f_back
        known = self._guards is not None and frame is not None
        users = known and self._guards.is_own_code(frame)
        return getattr(sys.stderr if users else self._real, name)


def _open_streams() -> None:
    """Open a standard stream that the parent process has closed, so that it leads nowhere.

    Otherwise the next file opened would get its number; the exit status gives the verdict anyway.
    """
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        if getattr(sys, name) is not None:
            continue
        nowhere = os.open(os.devnull, os.O_RDWR)
        if nowhere != number:
            os.dup2(nowhere, number)
            os.close(nowhere)
        os.set_inheritable(number, True)  # noqa: FBT003 - as it is called
        setattr(sys, name, os.fdopen(number, mode, closefd=False))


def main() -> int:
    """Run the command line of this process; return the exit status."""
    _open_streams()
    pin()
    answer: Any = _Answer(sys.stdout)
    sys.stdout = sys.__stdout__ = answer  # type: ignore[misc] # Python ends with the latter
    # Not before there is but one start.
    from clew.commands.plain_line import plain_check  # noqa: PLC0415

    status = plain_check(sys.argv[1:])
    if status is None:
        from clew.cli import main as command_line  # noqa: PLC0415 - imports typer

        status = command_line()
    return status


if __name__ == "__main__":
    sys.exit(main())
