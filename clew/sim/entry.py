"""Entries of the queue, and the names of their positions.

An entry is a tuple, so that an event costs one tuple and no object. The first three positions are
SimPy's own order; ``happen`` is called with the entry itself and finds what it needs in the
positions after its own. The priority says what kind of entry it is: from `MESSAGE` on it is a
message under way, with a message's positions; below that it is SimPy's, or a call with its
argument.
"""

from __future__ import annotations

from typing import Any, Protocol, TypeAlias

QueueEntry: TypeAlias = tuple[Any, ...]

TIME, PRIORITY, NUMBER, HAPPEN = range(4)
"""The positions that every entry has. Code that runs once per message unpacks the tuple into names,
or has the positions as literals: a global costs as much as the position it names."""

BODY, FLAT, RECEIVER = range(4, 7)
"""The further positions of a message: its frozen body, whether the body holds no container, and the
process that it was sent to."""

CALLBACK, ARGUMENT = range(4, 6)
"""The further positions of a call."""

MESSAGE = 2
"""The priority of a message: at the same instant it comes after all else."""


class Chain(Protocol):
    """What an order policy knows of the link of a message.

    Attributes:
        ends: the ids of its sender and its receiver.
    """

    @property
    def ends(self) -> tuple[str, str]: ...  # noqa: D102 - see above


class Happen(Protocol):
    """What happens to a message at the end of its link.

    The entry knows its link by this: a position of its own in each tuple was measured to cost 3 per
    cent of the kernel.

    Attributes:
        link: the message's.
    """

    link: Chain

    def __call__(self, entry: QueueEntry) -> None: ...  # noqa: D102 - see above


def link_of(entry: QueueEntry) -> Chain:
    """Return the link of a message."""
    happen: Happen = entry[HAPPEN]
    return happen.link
