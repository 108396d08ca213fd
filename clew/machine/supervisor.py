"""A command in a process of its own, which another process looks after.

User code can end its process, or block it for ever in a call into C code that Python can't
interrupt. So the process that the user started only waits: it passes signals on, and if the other
is stuck, or ends without a word, it reports so and gives the exit status.

Through a pipe the other process reports what it does (`during`), that it is alive, and that it is
done; Python's `faulthandler` writes the stack into it when no thread can run any more.

Leaves out: systems without ``fork``, and calls from Python, for which no process waits.
``CLEW_SUPERVISE=0`` turns it off, for debuggers and profilers.
"""

from __future__ import annotations

import os
import re
import select
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from os import write  # the real one: a signal may strike where a node's code has none
from pathlib import Path
from typing import NamedTuple

from clew.machine import wall

LOOK_SECONDS = 0.5

STUCK_LOOKS = 6
"""How many looks without a sign of life, after the stack was written, end the process."""

SILENT_LOOKS = 10
"""A process that lives this long after its end of the pipe was closed has restarted."""

END_SECONDS = 30.0
"""The time that a process may take to end after a signal."""

_PASSED_ON = (signal.SIGTERM, signal.SIGINT)

_ALIVE, _DONE = b"alive\n", b"done\n"


class _Here:
    """The pipe to the process that looks after this one; None if none does."""

    pipe: int | None = None


def reports() -> int | None:
    """Return the descriptor that stacks and signs of life go to; None if nobody reads it."""
    return _Here.pipe


def _tell(line: bytes) -> None:
    if _Here.pipe is not None:
        with suppress(OSError):
            write(_Here.pipe, line)


def alive() -> None:
    """Report that Python code runs in this process."""
    _tell(_ALIVE)


def done() -> None:
    """Report that this process ends because its work is over."""
    _tell(_DONE)


def stuck(what: str) -> bool:
    """Report that this process can't go on, and where; True if another will end it."""
    _tell(f"stuck {what}\n".encode(errors="replace"))
    return _Here.pipe is not None


@contextmanager
def during(what: str) -> Iterator[None]:
    """Report what user code is run for: ``import FILE`` or ``run``."""
    _tell(f"begin {what}\n".encode(errors="replace"))
    try:
        yield
    finally:
        _tell(b"end\n")


def interrupt(ended: list[tuple[int, float]], signum: int) -> None:
    """End a command by KeyboardInterrupt, and note which signal did, and when.

    Ctrl-C comes twice, from the terminal and from the process that waits.
    """
    twice = bool(ended) and wall.seconds() - ended[-1][1] < TWICE_SECONDS
    ended.append((signum, wall.seconds()))
    if not twice:
        raise KeyboardInterrupt


TWICE_SECONDS = 0.5


class Lost(NamedTuple):
    """How a process ended that had not done its work.

    Attributes:
        doing: what a user's code was run for; empty for nothing.
        stuck: True if it had to be ended.
        place: where it was stuck, if known.
        status: its exit status; minus the number of the signal that ended it.
        ended: the signal that this process was sent, or None.
        since: when it began, in seconds since 1970.
    """

    doing: str
    stuck: bool
    place: str
    status: int
    ended: int | None
    since: float


def wanted() -> bool:
    """Return whether commands are to be looked after."""
    return hasattr(os, "fork") and os.environ.get("CLEW_SUPERVISE") != "0"


def supervise() -> int | Lost | None:
    """Fork, and wait: return the other process's exit status or its loss; None in the other."""
    readable, writable = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    # A signal that came before there is who passes it on would end this process alone.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _PASSED_ON)
    child = os.fork()
    if child:
        os.close(writable)
        watch = _Watch(child, readable)
        for each in _PASSED_ON:
            signal.signal(each, lambda signum, _: watch.pass_on(signum))
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return watch.wait()
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
    os.close(readable)
    _Here.pipe = writable
    return None


class _Watch:
    """The process that waits."""

    def __init__(self, child: int, pipe: int) -> None:
        self._child = child
        self._pipe = pipe
        # What the process said since it was last known to go on, and in how many looks since then
        # it was stuck.
        self._said = b""
        self._looks = 0
        self._ended: int | None = None
        self._since = 0.0
        self._silent = 0
        self._began = wall.seconds_since_1970()

    def wait(self) -> int | Lost:
        """Wait for the exit status of the process, or how it was lost."""
        killed = False
        while True:
            self._hear()
            pid, status = os.waitpid(self._child, os.WNOHANG)
            if pid:
                return self._ending(os.waitstatus_to_exitcode(status), killed)
            if not killed and self._lost():
                os.kill(self._child, signal.SIGKILL)
                killed = True

    def pass_on(self, signum: int) -> None:
        """Pass a signal on: Ctrl-C reaches both processes, a signal by number only this one."""
        self._ended = signum
        self._since = self._since or wall.seconds()
        with suppress(ProcessLookupError):
            os.kill(self._child, signum)

    def _hear(self) -> None:
        """Take what the process says, for as long as a look takes."""
        ready, _, _ = select.select([self._pipe], [], [], LOOK_SECONDS)
        if not ready:
            self._looks += b"Timeout (" in self._said or b"stuck " in self._said
            return
        data = os.read(self._pipe, 1 << 16)
        if not data:  # it is about to end, or it has restarted and looks after itself
            self._silent += 1
            select.select([], [], [], LOOK_SECONDS / 10)
        self._said += data
        if _ALIVE in data:  # whatever held it up is over
            self._looks = 0
            head, _, tail = self._said.rpartition(_ALIVE)
            self._said = b"\n".join(re.findall(rb"^(?:begin .*|end)$", head, re.MULTILINE)[-1:])
            self._said += b"\n" + tail

    def _lost(self) -> bool:
        late = self._ended is not None and wall.seconds() - self._since > END_SECONDS
        return late or self._looks >= STUCK_LOOKS

    def _ending(self, status: int, killed: bool) -> int | Lost:  # noqa: FBT001
        while data := os.read(self._pipe, 1 << 16):
            self._said += data
        os.close(self._pipe)
        if _DONE in self._said:  # a second signal may have ended it on its way out
            return status if status >= 0 else 128 - status
        if self._silent > SILENT_LOOKS and status >= 0:
            return status
        said = self._said.decode(errors="replace")
        doing = re.findall(r"^(?:begin (.*)|end)$", said, re.MULTILINE)
        stuck = killed and self._looks >= STUCK_LOOKS
        return Lost(
            doing[-1] if doing else "", stuck, _place(said), status, self._ended, self._began
        )


def _place(said: str) -> str:
    """Find ``FILE:LINE in NAME`` of the innermost user code in a stack; else the text as it is."""
    told = re.search(r"^stuck (.*)$", said, re.MULTILINE)
    if told:
        return told[1]
    frames = re.findall(r'^  File "(.*)", line (\d+) in (.*)$', said, re.MULTILINE)
    ours = (str(Path(os.__file__).parent), str(Path(__file__).parent.parent))
    users = (frame for frame in frames if not frame[0].startswith((*ours, "<")))
    file, line, name = next(users, (None, None, None))
    return f"{file}:{line} in {name}" if file else ""
