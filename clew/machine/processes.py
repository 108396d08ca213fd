"""How worker processes start and end, apart from what they do.

A child process ends with its parent, however the parent ended. On Linux the kernel sees to it
(``prctl(PR_SET_PDEATHSIG)``), also while the child is deep in C code. Elsewhere a thread looks who
the parent is, once a second. To Linux the parent is the thread that started the child: a sweep
must not outlive the thread that began it.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import CDLL
from threading import Event, Thread
from types import ModuleType

_PR_SET_PDEATHSIG = 1
_LOOK_SECONDS = 1.0


def die_with_parent(parent: int) -> None:
    """End this process when the process ``parent``, which started it, has ended."""
    if sys.platform == "linux":
        CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    elif hasattr(os, "getppid"):
        Thread(target=_watch, args=(parent,), name="clew-parent", daemon=True).start()
    _check(parent)  # it may have ended before anybody watched


def _watch(parent: int) -> None:
    never = Event()
    while not never.wait(_LOOK_SECONDS):
        _check(parent)


def _check(parent: int) -> None:
    if sys.platform != "win32" and os.getppid() != parent:
        os._exit(1)


@contextmanager
def without_interrupts() -> Iterator[None]:
    """Start a process that Ctrl-C does not reach before it can handle it."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


_SAFE_PATH = "PYTHONSAFEPATH"
_OURS = "clew"


@contextmanager
def safe_path() -> Iterator[None]:
    """Start an interpreter that does not import from the current folder.

    A person's file there may be called ``random.py``.
    """
    if os.environ.get(_SAFE_PATH):
        yield
        return
    os.environ[_SAFE_PATH] = _OURS
    try:
        yield
    finally:
        del os.environ[_SAFE_PATH]


@contextmanager
def without_main() -> Iterator[None]:
    """Start a process that does not run a person's script once more, as `multiprocessing` would.

    Workers need nothing from it, and it usually begins with what it started them for.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def leave_no_sign() -> None:
    """Undo `safe_path` in the new process: a node may look at its environment."""
    if os.environ.get(_SAFE_PATH) == _OURS:
        del os.environ[_SAFE_PATH]


def ending(status: int | None) -> str:
    """Say how a process ended: the ``exitcode`` of multiprocessing."""
    return f"signal {-status}" if status is not None and status < 0 else f"status {status}"
