"""Who gets the valid runs of `clew.assert_valid`, to repeat one of them once they are over.

A test may try hundreds of plans, each in a few milliseconds and some under a deadline, so none is
repeated on its way. What surrounds the test, such as the plugin for pytest, listens meanwhile.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clew.scenarios.judgement.outcome import Outcome


class Largest:
    """The outcome of the most events among those that it was given, which may show the most.

    Attributes:
        outcome: the one; None before the first.
    """

    outcome: Outcome | None = None

    def take(self, outcome: Outcome) -> None:
        """Keep it if it is larger than all before."""
        if self.outcome is None or outcome.run.events > self.outcome.run.events:
            self.outcome = outcome


_LISTENER: ContextVar[Largest | None] = ContextVar("clew-valid-runs", default=None)


@contextmanager
def listening() -> Iterator[Largest]:
    """Collect the valid runs of this context."""
    largest = Largest()
    token = _LISTENER.set(largest)
    try:
        yield largest
    finally:
        _LISTENER.reset(token)


def found_valid(outcome: Outcome) -> None:
    """Give a valid run to whoever listens."""
    listener = _LISTENER.get()
    if listener is not None:
        listener.take(outcome)
