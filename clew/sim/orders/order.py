"""What every order policy is.

A policy holds the pending entries. Time never goes back: whatever a policy returns happens at its
own time or at the present, whichever is later. A policy sees entries, and knows no network.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Protocol, Self

from clew.sim.entropy import Entropy
from clew.sim.entry import QueueEntry


class OrderPolicy(Protocol):
    """A policy; `World` calls `push` and `pop` once an event.

    `pending` is empty where nothing is left to happen, and only then.

    Attributes:
        forms: how a schedule names it, in words; the first is its row's key.
        pattern: the same as a regular expression.
        punctual: True where every entry happens at its own time.
    """

    forms: ClassVar[tuple[str, ...]]
    pattern: ClassVar[str]
    punctual: ClassVar[bool]

    @classmethod
    def of(cls, argument: str, entropy: Entropy) -> Self:
        """The policy for one run.

        Args:
            argument: what follows the name in a schedule, as `pattern` allows; empty for nothing.
            entropy: the run's seed.
        """

    @property
    def pending(self) -> list[QueueEntry]:
        """What waits, in no order that anybody else may rely on."""

    @property
    def push(self) -> Callable[[QueueEntry], None]:
        """Takes an entry; `World` gives one back that it popped and is not to happen yet."""

    @property
    def pop(self) -> Callable[[], QueueEntry]:
        """Gives the entry that happens next."""

    def attach(self, now: Callable[[], int]) -> None:
        """Learn where virtual time, ns, is read, before the first entry comes."""

    def settle(self) -> None:
        """Everything has healed: no message that is sent from now on is held back."""
