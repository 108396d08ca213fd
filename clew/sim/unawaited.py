"""Coroutines that nobody awaited: a node called one, and nothing of it ever ran.

Python warns of such a coroutine when it is freed, which mostly is on the very line that made it. It
does so through a function of `warnings`, which stands aside while a cluster runs in this thread.
What handlers return and `Node.spawn` takes is run, so it is none of these.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from threading import get_ident
from typing import Any

from clew.sim.cluster import Cluster
from clew.sim.finding import users_place
from clew.sim.host import Process

_HOOK = "_warn_unawaited_coroutine"
"""What CPython calls by this name, from 3.7 on."""


@contextmanager
def unawaited(cluster: Cluster) -> Iterator[None]:
    """Make a finding of each coroutine of a live node's that is freed before it ran."""
    before: Any = getattr(warnings, _HOOK, None)
    if before is None:
        yield
        return
    thread = get_ident()

    def told(coroutine: Any) -> None:
        process: Process | None = cluster.world.current
        if get_ident() != thread or process is None:
            before(coroutine)
        elif process.alive:  # a dead one's calls do nothing
            code = coroutine.cr_code
            place = users_place() or f"{code.co_filename}:{code.co_firstlineno}"
            name = coroutine.__name__
            reason = (
                f"{name}() was called without await, so nothing of it has run; "
                f"write await self.{name}(...) or self.spawn(self.{name}(...))"
            )
            cluster.findings.never_awaited(process, reason, place)

    setattr(warnings, _HOOK, told)
    try:
        yield
    finally:
        setattr(warnings, _HOOK, before)
