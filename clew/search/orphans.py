"""A child process ends with its parent, however the parent ended.

On Linux the kernel sees to it (``prctl(PR_SET_PDEATHSIG)``), also while the child is deep in C
code. Elsewhere a thread looks who the parent is, once a second. To Linux the parent is the thread
that started the child: a sweep must not outlive the thread that began it.
"""

from __future__ import annotations

import os
import signal
import sys
from ctypes import CDLL
from threading import Event, Thread

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
