"""Time order: the order of the network itself."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from heapq import heappop, heappush
from typing import ClassVar, Self

from clew.sim.entropy import Entropy
from clew.sim.entry import QueueEntry


class TimeOrder:
    """Earliest first; at the same instant first in, first out."""

    __slots__ = ("pending", "pop", "push")

    forms: ClassVar[tuple[str, ...]] = ("time",)
    pattern: ClassVar[str] = "time"
    punctual: ClassVar[bool] = True

    def __init__(self) -> None:
        # Entries are tuples that begin with time, priority and number; numbers are distinct, so
        # that the comparison never gets to what follows.
        self.pending: list[QueueEntry] = []
        # partial() of the C functions: no Python frame between the world and its heap.
        self.push: Callable[[QueueEntry], None] = partial(heappush, self.pending)
        self.pop: Callable[[], QueueEntry] = partial(heappop, self.pending)

    @classmethod
    def of(cls, argument: str, entropy: Entropy) -> Self:
        """See `OrderPolicy.of`: nothing is drawn."""
        del argument, entropy
        return cls()

    def attach(self, now: Callable[[], int]) -> None:
        """Do nothing: only the time of an entry counts here."""

    def settle(self) -> None:
        """Do nothing: no message is ever held back."""
