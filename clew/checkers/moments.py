"""When operations were over, and which of those that were over ranks highest."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Generic, TypeVar

from clew.history import Operation

T = TypeVar("T")


def completion(operation: Operation) -> int:
    """Return the position of its completion, or of its invocation if it was never answered."""
    return operation.invoked if operation.completed is None else operation.completed


class Foremost(Generic[T]):
    """The item of the highest rank among those that were over before a moment.

    Args:
        items: any items.
        end: the position at which one was over.
        rank: of equal ones the one that was over first counts.
    """

    def __init__(
        self, items: Iterable[T], end: Callable[[T], int], rank: Callable[[T], Any]
    ) -> None:
        self._waiting = sorted(items, key=end, reverse=True)
        self._end = end
        self._rank = rank
        self._foremost: T | None = None

    def before(self, moment: int) -> T | None:
        """Return that item, or None if none was over; the moments of calls never go back."""
        # Invariant: what does not wait was over before the moments so far, and none of it ranks
        # above the foremost.
        while self._waiting and self._end(self._waiting[-1]) < moment:
            one = self._waiting.pop()
            if self._foremost is None or self._rank(one) > self._rank(self._foremost):
                self._foremost = one
        return self._foremost
