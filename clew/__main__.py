"""``clew`` and ``python -m clew``: the command line, under a hash seed that is known."""

from __future__ import annotations

import sys

from clew.hashing import pin


def main() -> int:
    """Run the command line of this process; the exit status."""
    pin()
    from clew.cli import main as command_line  # noqa: PLC0415 - not before there is but one start

    return command_line()


if __name__ == "__main__":
    sys.exit(main())
