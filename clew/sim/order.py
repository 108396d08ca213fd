"""The one place that decides which of several pending events happens next.

A policy holds the pending entries. An entry is a tuple ``(time_ns, priority, sequence, happen,
...)``: ``happen`` is called with the entry itself and finds what it needs behind itself, so that
a message costs one tuple in the queue and no object. The first three are SimPy's own order. Time
never goes back: whatever a policy returns happens at its own time or at the present, whichever is
later.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from heapq import heappop, heappush
from typing import Any, Protocol, TypeAlias

Entry: TypeAlias = tuple[Any, ...]


class Order(Protocol):
    """A policy; `World` calls `push` and `pop` once an event."""

    pending: list[Entry]
    push: Callable[[Entry], None]
    pop: Callable[[], Entry]


class TimeOrder:
    """Earliest first; at the same instant first in, first out."""

    __slots__ = ("pending", "pop", "push")

    def __init__(self) -> None:
        self.pending: list[Entry] = []
        # partial() of the C functions: no Python frame between the world and its heap.
        self.push: Callable[[Entry], None] = partial(heappush, self.pending)
        self.pop: Callable[[], Entry] = partial(heappop, self.pending)
