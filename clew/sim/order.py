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
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from clew.sim.pct import PctOrder

if TYPE_CHECKING:
    from clew.sim.entropy import Entropy
    from clew.sim.network import Network

Entry: TypeAlias = tuple[Any, ...]


class Order(Protocol):
    """A policy; `World` calls `push` and `pop` once an event.

    `pending` is empty where nothing is left to happen, and only then.

    Attributes:
        punctual: True where every entry happens at its own time.
    """

    punctual: bool

    @property
    def pending(self) -> list[Entry]:
        """What waits, in no order that anybody else may rely on."""

    @property
    def push(self) -> Callable[[Entry], None]:
        """Takes an entry; `World` gives one back that it popped and is not to happen yet."""

    @property
    def pop(self) -> Callable[[], Entry]:
        """Gives the entry that happens next."""

    def attach(self, network: Network) -> None:
        """Learn of the network whose messages these are, before the first is sent."""

    def settle(self) -> None:
        """Everything has healed: no message that is sent from now on is held back."""


class TimeOrder:
    """Earliest first; at the same instant first in, first out."""

    __slots__ = ("pending", "pop", "push")

    punctual = True

    def __init__(self) -> None:
        self.pending: list[Entry] = []
        # partial() of the C functions: no Python frame between the world and its heap.
        self.push: Callable[[Entry], None] = partial(heappush, self.pending)
        self.pop: Callable[[], Entry] = partial(heappop, self.pending)

    def attach(self, network: Network) -> None:
        """Nothing: time is all that counts here."""

    def settle(self) -> None:
        """Nothing: no message is ever held back."""


CHANGES_DEFAULT = 3

CHANGES_MAX = 20

FORMS = f"time, pct, or pct:D with D from 1 to {CHANGES_MAX}"
"""The schedules there are, in words."""


def changes_of(schedule: str) -> int:
    """How many change points a round of a schedule has: 0 for ``time``, which has no priorities.

    Raises:
        ValueError: it is none of `FORMS`.
    """
    name, colon, count = schedule.partition(":")
    if schedule == "time":
        return 0
    if name == "pct" and not colon:
        return CHANGES_DEFAULT
    if name == "pct" and count.isdecimal() and count.isascii() and 1 <= int(count) <= CHANGES_MAX:
        return int(count)
    raise ValueError(FORMS)


def order_of(schedule: str, entropy: Entropy) -> Order:
    """The policy of a schedule, for one run.

    Args:
        schedule: ``time``; ``pct`` for random priorities with three change points a round, see
            `clew.sim.pct`; or ``pct:D`` for D of them, from 1 to 20.
        entropy: the run's seed.

    Raises:
        ValueError: there is no such schedule.
    """
    changes = changes_of(schedule)
    return PctOrder(entropy, changes) if changes else TimeOrder()
