"""The watchdog: stops a handler that does not end, and says where it was.

A thread looks at the count of events a few times a second. Where none has happened for so long
and a node's own code is on the stack, `EndlessLoop` is raised in the thread that runs it, again
and again until it leaves. The hot path knows nothing of all this.

It counts its own looks and not the wall clock, so a machine that is suspended or starved does
not make a slow handler look like an endless one.

A call that has made more messages and timers than any cluster needs is stopped at once.

Leaves out: a loop inside one call of C code can't be interrupted from Python. It is told on
stderr where it is, once: in words where other threads run meanwhile; where the call keeps them
from running, as ``sum(iter(int, 1))`` does, by Python's `faulthandler` as a "Timeout" with the
stack, and then Ctrl-C has no effect either: the process must be killed. How much a stopped run
has done depends on the machine: only its finding repeats.
"""

from __future__ import annotations

import faulthandler
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from ctypes import c_ulong, py_object, pythonapi
from threading import Event, Thread, get_ident
from types import CodeType, FrameType
from typing import TYPE_CHECKING

from clew.sim.cluster import Cluster, told
from clew.sim.finding import Finding, is_users
from clew.sim.process import Process
from clew.sim.world import EndlessLoop, World

if TYPE_CHECKING:
    from collections.abc import Callable

LOOK_SECONDS = 0.1

SAY_SECONDS = 3.0
"""So long after it should have ended, a call that still runs is told on stderr."""


@contextmanager
def watched(cluster: Cluster, wall_seconds: float = 5.0) -> Iterator[None]:
    """Watch a cluster that is run in this thread.

    Args:
        cluster: it gets a finding of the kind ``endless-loop`` and runs no further.
        wall_seconds: how long one call of a node's code may take.
    """
    watchdog = _Watchdog(cluster, get_ident(), wall_seconds)
    watchdog.arm()
    watchdog.start()
    try:
        yield
    except EndlessLoop:
        cluster.world.abandon()
    finally:
        watchdog.finish()


class _Watchdog(Thread):
    def __init__(self, cluster: Cluster, watched_thread: int, wall_seconds: float) -> None:
        super().__init__(name="clew-watchdog", daemon=True)
        self._cluster = cluster
        self._watched = watched_thread
        self._seconds = wall_seconds
        self._over = Event()
        self._found: Finding | None = None

    def run(self) -> None:
        """Look until it is over."""
        world = self._cluster.world
        seen, waited, said = -1, 0.0, False
        step = min(LOOK_SECONDS, self._seconds / 2)
        looks = 0
        while not self._over.wait(step):
            looks += 1
            if looks % 10 == 0:
                self.arm()
            if world.events != seen:
                seen, waited = world.events, 0.0
                continue
            waited += step
            if waited >= self._seconds or self._cluster.storms():
                self._stop()
            if waited >= self._seconds + SAY_SECONDS and not said:
                said = self._say()

    def _stop(self) -> None:
        place = _place(sys._current_frames().get(self._watched))  # noqa: SLF001 - documented so
        if place is None:
            return
        process: Process | None = self._cluster.world.current
        if self._found is None:
            self._found = self._finding(process, place)
        _raise_in(self._watched, EndlessLoop)

    def arm(self) -> None:
        """Have the stack written to stderr should no Python thread run for so long."""
        with suppress(OSError, ValueError, AttributeError):  # there is no stderr
            faulthandler.dump_traceback_later(
                self._seconds + 2 * SAY_SECONDS,
                file=sys.__stderr__.fileno(),  # type: ignore[union-attr]
            )

    def _say(self) -> bool:
        """Tell a person what is waited for; True where there was something to tell."""
        process: Process | None = self._cluster.world.current
        place = _place(sys._current_frames().get(self._watched))  # noqa: SLF001
        if process is None or place is None:
            return False
        sys.stderr.write(
            f"clew: still in {process.id}'s {told(process.cause)} at {place}: Python can't "
            "interrupt C code; end this process if it does not come back\n"
        )
        return True

    def _finding(self, process: Process | None, place: str) -> Finding:
        world = self._cluster.world
        if process is not None and self._cluster.storms():
            return self._cluster.storm(place)
        return Finding(
            "endless-loop", f"one call did not end within {self._seconds:g} s of wall time",
            "" if process is None else process.id, world.now, world.events,
            "" if process is None else told(process.cause), place,
        )  # fmt: skip

    def finish(self) -> None:
        """Stop watching; nothing is raised after this returned."""
        try:
            self._over.set()
            self.join()
            faulthandler.cancel_dump_traceback_later()
            if self._found is None:
                return
            # What was raised may not have struck yet. Taking it back with None would leave CPython
            # 3.11 for ever on its slow path (the pending flag stays up), so it is let strike here.
            _raise_in(self._watched, EndlessLoop)
            for _ in range(1000):
                pass
        except EndlessLoop:
            self.join()
        if self._found is not None:
            self._cluster.find(self._found)


_KERNEL: tuple[CodeType, ...] = (World.advance.__code__, Cluster.restart.__code__)


def _place(frame: FrameType | None) -> str | None:
    """``file:line`` of the innermost frame of a node's code; None where none is on the stack."""
    found: str | None = None
    while frame is not None:
        code = frame.f_code
        if code in _KERNEL:
            return found
        if found is None and is_users(code.co_filename):
            found = f"{code.co_filename}:{frame.f_lineno}"
        frame = frame.f_back
    return None


def _raise_in(thread: int, error: type[BaseException]) -> None:
    """Raise in a thread at its next instruction."""
    raise_async: Callable[[c_ulong, py_object[type[BaseException]]], int]
    raise_async = pythonapi.PyThreadState_SetAsyncExc
    raise_async(c_ulong(thread), py_object(error))
