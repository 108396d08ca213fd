"""The collector of cycles, which has little to do if objects make no cycles."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collected_rarely() -> Iterator[None]:
    """Make the cycle collector run seldom: millions of objects are made here, and no cycles.

    Its settings are restored afterwards.
    """
    before = gc.get_threshold()
    gc.set_threshold(200_000, 20, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)


@contextmanager
def uncollected() -> Iterator[None]:
    """Collect no garbage in this context, and restore the collection afterwards.

    A check builds millions of small objects and no cycles of them: walking them takes as long as
    the check itself, or longer. Let a function of its own do the work inside, so that what it built
    is gone before the collector is back.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
