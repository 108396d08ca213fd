"""How much a node can do at a time, as its class declares it: its workers and their queue."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from clew.errors import NodeError
from clew.node.message import in_words

COUNT_MAX = 1_000_000
"""More workers than this, or a longer bound of a queue, are a mistake."""


@dataclass(frozen=True, slots=True)
class Capacity:
    """What a node can work on at a time: ``capacity = Capacity(workers=2, queue=100)`` in a class.

    Args:
        workers: how many `Node.work` calls are under way at a time; at least 1.
        queue: how many more calls may wait for a worker; None for any number, 0 for none.

    Raises:
        NodeError: one of them can't be used.
    """

    workers: int = 1
    queue: int | None = None

    def __post_init__(self) -> None:
        if not _is_count(self.workers, 1):
            raise _bad("workers", f"a whole number from 1 to {COUNT_MAX:,}", self.workers)
        if self.queue is not None and not _is_count(self.queue, 0):
            expected = f"a whole number from 0 to {COUNT_MAX:,}, or None for no bound"
            raise _bad("queue", expected, self.queue)


def _is_count(value: Any, least: int) -> bool:
    return type(value) is int and least <= value <= COUNT_MAX


def _bad(name: str, expected: str, found: Any) -> NodeError:
    return NodeError(
        f"{name!r} of Capacity can't be used",
        expected=expected,
        found=in_words(found),
        fix="Write, for example, capacity = Capacity(workers=2, queue=100)",
    )


def capacity_of(node_class: type[Any], where: str | None = None) -> Capacity:
    """Return the capacity that a class declares.

    Args:
        node_class: a node class.
        where: what a message names; the class, if None.

    Raises:
        NodeError: it declares something else.
    """
    capacity: Any = node_class.capacity
    if not isinstance(capacity, Capacity):
        raise NodeError(
            "'capacity' can't be used",
            where=where or f"class {node_class.__name__}",
            expected="what a node can work on, such as Capacity(workers=2, queue=100)",
            found=f"the class {capacity.__name__}"
            if isinstance(capacity, type)
            else in_words(capacity),
            fix="Begin with: from clew import Capacity",
        )
    return capacity
