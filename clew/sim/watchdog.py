"""The watchdog: stops a handler that does not end, and reports where it was.

A thread looks at the count of events a few times per second. If none has happened for some seconds
and a node's own code is on the stack, `EndlessLoop` is raised in the thread that runs it, again and
again until it leaves. The hot path knows nothing of all this.

It counts its own looks and not the wall clock, so a machine that is suspended or starved does
not make a slow handler look like an endless one.

What was raised may be swallowed: by ``except BaseException``, or by Python itself in ``__del__``
and in callbacks of weak references and of the collector. So a run also ends after the event in
which something was raised, and what Python would print of it is not printed.

A call that has made more messages and timers than any cluster needs is stopped at once.

A call that waits, as ``queue.get()`` does, is ended by a signal, which reaches only the main
thread. A loop inside one call of C code can't be interrupted at all. Its place is reported to
`clew.machine.supervisor`, in words if other threads run meanwhile, or by Python's `faulthandler` if
the call keeps them from running, as ``sum(iter(int, 1))`` does; the supervisor ends the process.
Without a supervisor, both go to stderr, and the process must be killed.

Leaves out: how much a stopped run has done depends on the machine; only its finding repeats.
"""

from __future__ import annotations

import faulthandler
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from ctypes import c_ulong, py_object, pythonapi
from pathlib import Path
from threading import Event, Thread, get_ident, main_thread
from types import CodeType, FrameType
from typing import TYPE_CHECKING, Any, TypeAlias

from clew.machine import supervisor
from clew.machine.text import Unwinding
from clew.sim.cluster import Cluster
from clew.sim.finding import Finding, is_installed, is_users, users_place
from clew.sim.findings import Running, cause_text
from clew.sim.world import EndlessLoop, World

if TYPE_CHECKING:
    from collections.abc import Callable

LOOK_SECONDS = 0.1

IMPORT_SECONDS = 10.0
"""How long one function may run while a user's file is imported."""

IMPORTS_SECONDS = 60.0
"""How long the whole import may take: it may import many large modules."""

STRIKE_SECONDS = 1.0
"""The time after a call of the main thread should have ended, at which it is sent a signal."""

SAY_SECONDS = 3.0
"""The time after a call should have ended, at which it is reported on stderr."""


class _Stopper(Thread):
    """Stops the work of a thread once it takes too long.

    Args:
        thread: which.
        seconds: how long is too long, counted in looks.
    """

    def __init__(self, thread: int, seconds: float) -> None:
        super().__init__(name="clew-watchdog", daemon=True)
        self._watched = thread
        self._seconds = seconds
        self._over = Event()
        self._stopping = False
        self._before: Any = None
        self._strikes = hasattr(signal, "SIGURG") and thread == main_thread().ident

    def arm(self) -> None:
        """Arrange for the stack to be written if no Python thread runs for this long."""
        supervisor.alive()
        with suppress(OSError, ValueError, AttributeError):  # there is no stderr
            faulthandler.dump_traceback_later(
                self._seconds + 2 * SAY_SECONDS,
                file=supervisor.reports() or sys.__stderr__.fileno(),  # type: ignore[union-attr]
            )

    def begin(self) -> None:
        """Watch; must be called in the thread that is watched."""
        if self._strikes:
            self._before = signal.signal(signal.SIGURG, self._struck)
        self.arm()
        self.start()

    def _struck(self, *_: object) -> None:
        if self._stopping and not self._over.is_set():
            raise EndlessLoop

    def strike(self, late: float) -> None:
        """Raise in the thread; a call that waits is interrupted once it is late."""
        self._stopping = True
        _raise_in(self._watched, EndlessLoop)
        if self._strikes and late >= STRIKE_SECONDS:
            signal.pthread_kill(self._watched, signal.SIGURG)

    def place(self) -> str | None:
        """Return ``file:line`` of the user's code that the thread runs; None if it runs none."""
        return _place(sys._current_frames().get(self._watched))  # noqa: SLF001 - documented so

    def finish(self) -> None:
        """Stop watching; nothing is raised after this returns."""
        try:
            self._end()
            faulthandler.cancel_dump_traceback_later()
            if self._stopping:
                # What was raised may not have struck yet. Taking it back with None would leave
                # CPython 3.11 for ever on its slow path (the pending flag stays up), so it is let
                # strike here.
                _raise_in(self._watched, EndlessLoop)
                for _ in range(1000):
                    pass
        except EndlessLoop:
            self._end()
        finally:
            if self._strikes:
                signal.signal(signal.SIGURG, self._before or signal.SIG_DFL)

    def _end(self) -> None:
        self._over.set()
        if self.ident is not None:  # otherwise what began it was ended itself
            self.join()


class ImportEndless(Exception):  # noqa: N818 - told by who imports
    """The import of a user's file did not end; the text is the place where it was."""


class OutOfTime(Unwinding):
    """The work of this thread takes too long."""


@contextmanager
def limited(seconds: float | None) -> Iterator[Limit]:
    """Raise `OutOfTime` in this thread after some wall seconds, counted in looks.

    Args:
        seconds: how many; None for no end.
    """
    limit = Limit(get_ident(), seconds or 0.0)
    if seconds is None:
        yield limit
        return
    limit.start()
    try:
        with _quietly():
            yield limit
    finally:
        limit.end()


@contextmanager
def _quietly() -> Iterator[None]:
    """Keep Python from printing what is raised here and swallowed."""
    before = sys.unraisablehook

    def told(unraisable: sys.UnraisableHookArgs) -> None:
        if not issubclass(unraisable.exc_type, Unwinding):
            before(unraisable)

    sys.unraisablehook = told
    try:
        yield
    finally:
        if (
            sys.unraisablehook is told
        ):  # otherwise a node has put its own there, which is reported elsewhere
            sys.unraisablehook = before


class Limit(Thread):
    """Raises `OutOfTime` in a thread.

    Attributes:
        place: ``file:line`` of the user's code that ran then; empty if none did.
    """

    place = ""

    def __init__(self, thread: int, seconds: float) -> None:
        super().__init__(name="clew-limit", daemon=True)
        self._limited = thread
        self._seconds = seconds
        self._over = Event()

    def run(self) -> None:
        """Wait, and raise once a second from then on: a node's code may catch everything."""
        step, waited = min(LOOK_SECONDS, self._seconds), 0.0
        while not self._over.wait(step):
            waited += step
            if waited >= self._seconds:
                self.place = self.place or self._place()
                run = _runs.get(self._limited)
                if run is not None:
                    run.give_up()
                _raise_in(self._limited, OutOfTime)
                step = 1.0

    def _place(self) -> str:
        frame = sys._current_frames().get(self._limited)  # noqa: SLF001 - documented so
        place = "" if frame is None else users_place(frame)
        return "" if is_installed(place) else place  # otherwise it may be what Clew itself calls

    def end(self) -> None:
        """Stop raising."""
        self._over.set()
        self.join()


@contextmanager
def watched_import(path: Path, seconds: float | None = None) -> Iterator[None]:
    """Watch the import of a user's file in this thread.

    Raises:
        ImportEndless: it took too long.
    """
    watch = _ImportWatch(get_ident(), IMPORT_SECONDS if seconds is None else seconds)
    with supervisor.during(f"import {path}"):
        try:
            watch.begin()
            with _quietly():
                yield
        except EndlessLoop:
            raise ImportEndless(watch.found) from None
        except Exception:
            if watch.found:  # __set_name__ turns it into another error
                raise ImportEndless(watch.found) from None
            raise
        finally:
            watch.finish()
        if watch.found:  # swallowed
            raise ImportEndless(watch.found)


class _ImportWatch(_Stopper):
    found = ""

    def run(self) -> None:
        """Look until it is over."""
        step = min(LOOK_SECONDS, self._seconds / 2)
        waited, since, seen, looks = 0.0, 0.0, None, 0
        # Invariant: `since` is how long the same function has been at the top of the stack,
        # `waited` the whole time. A large import passes from function to function; an endless loop
        # stays in one.
        while not self._over.wait(step):
            waited += step
            since += step
            looks += 1
            if looks % 10 == 0 and since < self._seconds + SAY_SECONDS:  # otherwise it is stuck
                self.arm()
            frame = sys._current_frames().get(self._watched)  # noqa: SLF001 - documented so
            if frame is not None and frame.f_code is not seen and not self._stopping:
                seen, since = frame.f_code, 0.0
            late = max(since - self._seconds, waited - IMPORTS_SECONDS)
            if late < 0 and not self._stopping:
                continue
            self.found = self.found or (users_place(frame) if frame is not None else "")
            self.strike(late)
            if late >= SAY_SECONDS and late - step < SAY_SECONDS:
                supervisor.stuck(self.found)


Tick: TypeAlias = "Callable[[int, int], None]"
"""Called with the virtual time of a run in ns, and its number of events."""


@contextmanager
def watched(
    cluster: Cluster, wall_seconds: float = 5.0, tick: Tick | None = None
) -> Iterator[None]:
    """Watch a cluster that runs in this thread.

    Args:
        cluster: it gets a finding of kind ``endless-loop`` and runs no further.
        wall_seconds: how long one call of a node's code may take.
        tick: called at each look with the virtual time and the number of events.

    Raises:
        OutOfTime: it was raised already, and the node's code swallowed it.
    """
    thread = get_ident()
    watchdog = _Watchdog(cluster, thread, wall_seconds, tick)
    around, _runs[thread] = _runs.get(thread), watchdog
    with supervisor.during("run"):
        try:  # what watches an import around this run may raise anywhere
            watchdog.begin()
            with _quietly():
                yield
        except EndlessLoop:
            cluster.world.abandon()
        finally:
            watchdog.finish()
            if around is None:
                del _runs[thread]
            else:
                _runs[thread] = around
    if watchdog.given_up:
        raise OutOfTime


class _Watchdog(_Stopper):
    def __init__(
        self, cluster: Cluster, watched_thread: int, wall_seconds: float, tick: Tick | None
    ) -> None:
        super().__init__(watched_thread, wall_seconds)
        self._tick = tick
        self._cluster = cluster
        self._found: Finding | None = None
        self.given_up = False

    def give_up(self) -> None:
        """End the run after the event that is happening; may be called in any thread."""
        self.given_up = True
        self._cluster.world.stop()

    def run(self) -> None:
        """Look until it is over."""
        world = self._cluster.world
        seen, waited, said = -1, 0.0, False
        step = min(LOOK_SECONDS, self._seconds / 2)
        looks = 0
        # Invariant: `waited` is how long the count of events has stood still, in looks of which
        # each counts the same however late it came.
        while not self._over.wait(step):
            looks += 1
            if (
                looks % 10 == 0 and not said
            ):  # a sign of life would contradict the report that it is stuck
                self.arm()
            if self._tick is not None:
                self._tick(world.now, world.events)
            if world.events != seen:
                seen, waited, said = world.events, 0.0, False
                continue
            waited += step
            if waited >= self._seconds or self._cluster.limits.storms():
                self._halt(waited - self._seconds)
            if waited >= self._seconds + SAY_SECONDS and not said:
                said = self._say()

    def _halt(self, late: float) -> None:
        place = self.place()
        if place is None or _runs.get(self._watched) is not self:
            return  # what runs there is another run's, which has a watchdog of its own
        process: Running | None = self._cluster.world.current
        if self._found is None:
            self._found = self._finding(process, place)
        self._cluster.world.stop()  # the call may swallow what is raised in it
        self.strike(late)

    def _say(self) -> bool:
        """Report what the run waits for; True if there was something to report."""
        process: Running | None = self._cluster.world.current
        place = self.place()
        if process is None or place is None:
            return False
        if supervisor.stuck(f"{place}, in {process.id}'s {cause_text(process.cause)}"):
            return True
        sys.stderr.write(
            f"clew: still in {process.id}'s {cause_text(process.cause)} at {place}: Python can't "
            "interrupt C code; end this process if it does not come back\n"
        )
        return True

    def _finding(self, process: Running | None, place: str) -> Finding:
        world = self._cluster.world
        if process is not None and self._cluster.limits.storms():
            return self._cluster.limits.storm(place)
        return Finding(
            "endless-loop", f"one call did not end within {self._seconds:g} s of wall time",
            "" if process is None else process.id, world.now, world.events,
            "" if process is None else cause_text(process.cause), place,
        )  # fmt: skip

    def finish(self) -> None:
        """Stop watching; nothing is raised after this returns."""
        super().finish()
        if self._found is not None:
            self._cluster.findings.add(self._found)


_runs: dict[int, _Watchdog] = {}
"""The innermost run of each thread: an `OutOfTime` that is swallowed ends it."""

_KERNEL: tuple[CodeType, ...] = (World.advance.__code__, Cluster.restart.__code__)


def _place(frame: FrameType | None) -> str | None:
    """Return ``file:line`` of a node's innermost frame; None if none is on the stack."""
    found: str | None = None
    # From the innermost frame out to the kernel's: what is above it on the stack is not the node's.
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
