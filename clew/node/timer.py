"""A timer of a node, in the simulation and in a real process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class NodeTimer:
    """What `Node.after` and `Node.every` return.

    Attributes:
        callback: what to call.
        args: with what.
        period: how far apart, in the unit of the runtime that fires it; 0 for once.
        name: what the trace calls it.
        cancelled: True where it must not fire again.
    """

    __slots__ = ("args", "callback", "cancelled", "name", "period")

    def __init__(
        self, callback: Callable[..., Any], args: tuple[Any, ...], period: float, name: str = ""
    ) -> None:
        self.callback = callback
        self.args = args
        self.period = period
        self.name = name
        self.cancelled = False

    def cancel(self) -> None:
        """Never fire again."""
        self.cancelled = True
