"""``clew`` and ``python -m clew``: the command line, under a hash seed that is known."""

from __future__ import annotations

import sys
from typing import Any

from clew.hashing import pin


class _Answer:
    """Stdout, which is for Clew's own answer: what a user's file prints goes to stderr.

    Its code may run where no run is: as the ``finally`` of a generator that is closed at the exit.
    """

    def __init__(self, real: Any) -> None:
        self._real = real

    def __getattr__(self, name: str) -> Any:
        guards = sys.modules.get("clew.sim.guards.caller")  # not before a file is loaded
        frame = sys._getframe().f_back  # noqa: SLF001 - None where Python flushes at its exit
        users = guards is not None and frame is not None and guards.is_own_code(frame)
        return getattr(sys.stderr if users else self._real, name)


def main() -> int:
    """Run the command line of this process; the exit status."""
    pin()
    sys.stdout = _Answer(sys.stdout)  # type: ignore[assignment]
    from clew.cli import main as command_line  # noqa: PLC0415 - not before there is but one start

    return command_line()


if __name__ == "__main__":
    sys.exit(main())
