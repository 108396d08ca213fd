"""What Clew raises on purpose, split by who is to blame.

Everything here is the user's input being wrong: one message that says where, what was
expected, what was found and what to do, and exit status 64. Our own bugs are failed
assertions and are never caught.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from clew.machine.text import cut, one_line

EXIT_VALID = 0
EXIT_INVALID = 1
EXIT_UNKNOWN = 2
EXIT_USAGE = 64


class ClewError(Exception):
    """The user's input can't be used.

    Args:
        problem: what is wrong, as one clause without a full stop.
        where: the place, such as ``scenario.toml:12`` or ``history.edn:3``.
        expected: what would have been right.
        found: what was there instead.
        fix: what to do, as one sentence without a full stop; one that begins with "Did you mean" is
            printed as a question.

    Attributes:
        about: the option of a scenario that is wrong, and its element or key, if known; a file says
            in which line that is.

    ``str()`` gives the whole message on one line. An error travels between processes whole.
    """

    def __init__(
        self,
        problem: str,
        *,
        where: str | None = None,
        expected: str | None = None,
        found: str | None = None,
        fix: str | None = None,
    ) -> None:
        self.problem = problem
        self.where = where
        self.expected = expected
        self.found = found
        self.fix = fix
        self.about: tuple[str, str | None] | None = None
        super().__init__(problem)

    @property
    def details(self) -> dict[str, str | None]:
        """What was expected and found, and what to do, for another error that says the same."""
        return {"expected": self.expected, "found": self.found, "fix": self.fix}

    def __str__(self) -> str:
        text = f"{self.where}: {self.problem}" if self.where else self.problem
        if self.expected is not None:
            text += f": expected {self.expected}"
        if self.found is not None:
            text += f", found {self.found}" if self.expected is not None else f": {self.found}"
        text += "."
        if self.fix is not None:
            text += f" {self.fix}{'?' if self.fix.startswith('Did you mean') else '.'}"
        return one_line(cut(text))


@contextmanager
def about(option: str, part: str | None = None) -> Iterator[None]:
    """Note which option of a scenario an error within is about, unless it is known more closely.

    Args:
        option: its name in a file.
        part: the element of its list, or the key of its table.
    """
    try:
        yield
    except ClewError as bad:
        bad.about = bad.about or (option, part)
        raise


class UsageError(ClewError):
    """A command line, or an argument of the Python interface, is wrong."""


class ScenarioError(ClewError):
    """A scenario, a plan or a repro file is wrong."""


class HistoryError(ClewError):
    """A recorded history can't be read, or is not a history."""


class NodeError(ClewError):
    """A node file or class can't be loaded, or breaks the rules of the Node interface."""


class WorkloadError(ClewError):
    """A workload can't be loaded, or breaks the rules of the Workload interface."""
