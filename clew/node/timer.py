"""Timers of a node. Users write seconds; everything else is in integer nanoseconds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from clew.node.message import in_words

NS_PER_SECOND = 1_000_000_000


def to_ns(seconds: float) -> int:
    """Convert seconds to integer nanoseconds, to the nearest.

    Raises:
        TypeError: they are not a number.
        ValueError: they are not a number that can be counted, such as infinity and NaN.
    """
    try:
        # Compared first: the product of a text and an integer is a long text.
        if -1e290 < seconds < 1e290:  # noqa: PLR2004 - this is called often
            return round(seconds * NS_PER_SECOND)
    except TypeError:
        raise TypeError(f"expected a number of seconds, found {in_words(seconds)}") from None
    # More of them, as nanoseconds, are infinity.
    raise ValueError(f"expected a number of seconds below 1e+290, found {seconds}")


def bound_ns(seconds: float) -> int:
    """Convert a bound in seconds to integer nanoseconds: as `to_ns`, but 0 only for 0 seconds.

    If 0 has a meaning of its own, such as "not at all", a tiny bound must not become 0.
    """
    return max(to_ns(seconds), 1) if seconds else 0


class NodeTimer:
    """What `Node.after` and `Node.every` return.

    Attributes:
        callback: what to call.
        args: its arguments.
        period_ns: how far apart; 0 for once.
        name: its name in the trace.
        cancelled: True if it must not fire again.
    """

    __slots__ = ("args", "callback", "cancelled", "name", "period_ns")

    def __init__(
        self, callback: Callable[..., Any], args: tuple[Any, ...], period_ns: int, name: str
    ) -> None:
        self.callback = callback
        self.args = args
        self.period_ns = period_ns
        self.name = name
        self.cancelled = False

    def cancel(self) -> None:
        """Cancel: never fire again."""
        self.cancelled = True
