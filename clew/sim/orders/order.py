"""The base of every order policy.

A policy holds the pending entries. Time never goes back: an entry that a policy returns happens at
its own time or at the present, whichever is later. A policy sees entries, and knows no network.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Protocol, Self

from clew.sim.entropy import Entropy
from clew.sim.entry import QueueEntry


class OrderPolicy(Protocol):
    """A policy; `World` calls `push` and `pop` once per event.

    `pending` is empty if nothing is left to happen, and only then.

    Attributes:
        forms: how a schedule names it, in words; the first is its row's key.
        pattern: the same as a regular expression.
        punctual: True if every entry happens at its own time.
    """

    forms: ClassVar[tuple[str, ...]]
    pattern: ClassVar[str]
    punctual: ClassVar[bool]

    @classmethod
    def of(cls, argument: str, entropy: Entropy) -> Self:
        """Make the policy for one run.

        Args:
            argument: what follows the name in a schedule, as `pattern` allows; empty for nothing.
            entropy: the run's seed.
        """

    @property
    def pending(self) -> list[QueueEntry]:
        """The pending entries, in an order that nothing else may rely on."""

    @property
    def push(self) -> Callable[[QueueEntry], None]:
        """Takes an entry; `World` returns one that it popped and that is not to happen yet."""

    @property
    def pop(self) -> Callable[[], QueueEntry]:
        """Gives the entry that happens next."""

    def attach(self, now: Callable[[], int]) -> None:
        """Learn how to read virtual time, ns, before the first entry comes."""

    def settle(self) -> None:
        """Learn that everything has healed: messages sent from now on are never held back."""
