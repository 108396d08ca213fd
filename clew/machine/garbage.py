"""The collector of cycles, which has little to do where short-lived objects make no cycles."""

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
