"""Calling what depends on how deep Python's stack is: a node that recurses until it may not."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import TypeVar

STEP = 100
"""Depths are rounded up to a multiple of this; Python's own limit is 1,000."""

T = TypeVar("T")


def at_even_depth(function: Callable[[], T]) -> T:
    """What a function returns, called as deep in the stack as in any other process.

    Who calls whom above a run differs between a command, a worker and a second run.
    """
    depth = 0
    above: FrameType | None = sys._getframe()  # noqa: SLF001 - the documented way to walk frames
    while above is not None:
        depth += 1
        above = above.f_back
    return _deeper(function, -depth % STEP)


def _deeper(function: Callable[[], T], levels: int) -> T:
    return function() if levels == 0 else _deeper_still(function, levels - 1)


def _deeper_still(function: Callable[[], T], levels: int) -> T:
    """Take turns: a text of the stack shows one function that calls itself as fewer lines."""
    return function() if levels == 0 else _deeper(function, levels - 1)
