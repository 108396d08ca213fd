"""What a node's own code sees of this machine: its environment and its working folder.

A node may be configured by these, so they are answered; but the run differs elsewhere, and that is
noted. The user and the machine are the node's own, as its process number is.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from types import FrameType, ModuleType
from typing import Any, Final

from clew.sim.finding import is_installed, is_users
from clew.sim.guards.caller import Answer, Caller, Importing, running_cluster
from clew.sim.guards.rows import Amended, Row

FOLDER = "the working folder"

_THROUGH = frozenset({
    "_collections_abc", "collections.abc", "genericpath", "ntpath", "os", "pathlib",
    "pathlib._local", "posixpath",
})  # fmt: skip
"""Modules of the standard library that look on behalf of their callers."""

_STARTED = dict(os.environ)
_USER = "clew"
_PINNED = frozenset({"HOSTNAME", "LOGNAME", "USER", "USERNAME"})

_at_import: dict[str, dict[str, None]] = {}


def looked_at_by(modules: Iterable[ModuleType]) -> set[str]:
    """Return what some modules looked at when they were imported, by name."""
    files = [str(getattr(module, "__file__", None)) for module in modules]
    return {what for file in files for what in _at_import.get(file, ())}


def _note(who: Caller, what: str) -> None:
    """Record that the user's own code looked; what a library looks at is its own affair."""
    frame: FrameType | None = sys._getframe(2)  # noqa: SLF001 - the documented way to walk frames
    while frame is not None:
        name = str(frame.f_globals.get("__name__"))
        if name not in _THROUGH and not name.startswith("clew.sim.guards"):
            break
        frame = frame.f_back
    if frame is None or not is_users(file := frame.f_code.co_filename) or is_installed(file):
        return
    if isinstance(who, Importing):
        _at_import.setdefault(who.file, {})[what] = None
        return
    cluster = running_cluster()
    if cluster is not None:
        cluster.looked_at[what] = None


def _variable(who: Caller, real: Answer, environ: Any, key: Any) -> Any:
    """Return one variable; for the user and the machine, the node's own."""
    if key in _PINNED and not isinstance(who, Importing) and _is_as_started(environ, key):
        return who.id if key == "HOSTNAME" else _USER
    if isinstance(key, str | bytes):
        _note(who, os.fsdecode(key))
    return real(environ, key)


def _is_as_started(environ: Any, key: str) -> bool:
    """Return whether no node has set or deleted the variable."""
    started = _STARTED.get(key)
    bare = None if started is None else environ.encodevalue(started)
    return bool(environ._data.get(environ.encodekey(key)) == bare)  # noqa: SLF001


def _folder(who: Caller, real: Answer) -> Any:
    _note(who, FOLDER)
    return real()


OUTSIDE: Final[dict[str, Row]] = {
    "os:_Environ.__getitem__": Amended(_variable),
    "os:getcwd": Amended(_folder),
    "os:getcwdb": Amended(_folder),
}
