"""The garbage collector, out of the way of a check that builds many small objects."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """A context without garbage collection, which is restored afterwards.

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
