"""Files: a node reads what its author put there, and writes to its disk only.

A file on the real disk would survive every crash and be there in the next run. Reading is
allowed: ordinary files, listed in a fixed order, with times that depend on no machine. Other kinds
of file (a device, a pipe, ``/proc``, a descriptor of Clew's own) answer differently each time and
are refused.
"""

from __future__ import annotations

import os
import stat
import sys
from _thread import get_ident
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from operator import attrgetter
from typing import Any, Final, Self

from clew.node.timer import NS_PER_SECOND
from clew.sim.clock import EPOCH_NS
from clew.sim.guards.caller import (
    Answer,
    Caller,
    Importing,
    Wrong,
    caller,
    is_importing,
    is_own_code,
    refuse,
)
from clew.sim.guards.rows import Amended, Live, Refusal, Row, refused, standing, virtual

_DISK = "self.disk"
_WRITES = set("wax+")
_A_WRITE = Wrong("writing a file", _DISK)
_A_NUMBER = Wrong("a file's number", "open(name), or self.disk")
_ASIDE = ("/proc/", "/sys/", "/dev/")
_TEMPORARY = "/tmp"  # noqa: S108 - only its name
_REAL_STAT = os.stat


def _may_open(file: Any, mode: str = "r", *_: Any, **__: Any) -> Wrong | None:
    if isinstance(file, int):
        return _A_NUMBER
    if os.fspath(file) in {os.devnull, os.devnull.encode()}:
        return None
    if isinstance(mode, str) and _WRITES & set(mode):
        return _A_WRITE
    return _may_read(file)


def _may_read(file: Any) -> Wrong | None:
    """Return why reading is refused; None for an ordinary file or a path without a file."""
    if _is_aside(file):
        return _aside(file)
    path = os.path.realpath(os.fsdecode(file))
    with suppress(OSError):
        kind = _REAL_STAT(path).st_mode
        if path.startswith(_ASIDE) or not (stat.S_ISREG(kind) or stat.S_ISDIR(kind)):
            return _aside(file)
    return None


def _is_aside(path: Any) -> bool:
    """Return True for files that the system generates, such as those of processes and devices."""
    if isinstance(path, int) or path is None:
        return False
    normal = os.path.normpath(os.path.join(os.getcwd(), os.fsdecode(path)))  # noqa: PTH109, PTH118
    return f"{normal}/".startswith(_ASIDE) and normal != os.devnull


def _aside(path: Any) -> Wrong:
    return Wrong(f"reading {os.fsdecode(path)}", "self.rng, self.disk or a message")


def _look(who: Caller, real: Answer, *args: Any, **named: Any) -> Any:
    """Answer ``readlink`` and other functions that read no contents."""
    if args and _is_aside(args[0]):
        refuse(who, _aside(args[0]))
    return real(*args, **named)


def _stat(who: Caller, real: Answer, *args: Any, **named: Any) -> os.stat_result:
    """Return the real status of a file, with times that depend on no machine."""
    seconds = EPOCH_NS // NS_PER_SECOND
    result = _look(who, real, *args, **named)
    numbers = (*result[:7], seconds, seconds, seconds)
    times = dict.fromkeys(("st_atime", "st_mtime", "st_ctime"), float(seconds))
    times_ns = dict.fromkeys(("st_atime_ns", "st_mtime_ns", "st_ctime_ns"), EPOCH_NS)
    return os.stat_result(numbers, {**times, **times_ns})


def _listdir(who: Caller, real: Answer, *args: Any) -> list[Any]:
    return sorted(_look(who, real, *args))


class _Scanned:
    """The entries of ``os.scandir``, ordered by name and not as the file system has them."""

    def __init__(self, entries: Any) -> None:
        with entries:
            self._entries = iter(sorted(entries, key=attrgetter("name")))

    def __iter__(self) -> Iterator[Any]:
        return self._entries

    def __next__(self) -> Any:
        return next(self._entries)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Do nothing: no folder is open."""


_WRITING = refused("writing a file", _DISK, importing=True)
_NUMBER = refused("a file's number", "open(name), or self.disk")
_DESCRIPTOR = refused("a pipe or device", "self.send, self.rpc or self.disk", importing=True)

_OPENING = Refusal(_may_open, importing=True, reasons=(_A_WRITE, _A_NUMBER))
_MAKING = Refusal(lambda _, *args, **named: _may_open(*args, **named), importing=True)

FILES: Final[dict[str, Row]] = {
    "builtins:open": _OPENING,
    "io:open_code": _OPENING,
    "io:FileIO": standing(_MAKING),
    "_io:FileIO": standing(_MAKING),
    "_pyio:open": _OPENING,
    "os:stat": Amended(_stat),
    "os:lstat": Amended(_stat),
    "os:fstat": Amended(_stat),
    "os:readlink": Amended(_look),
    "os:access": Amended(_look),
    "os:listdir": Amended(_listdir),
    "os:scandir": Amended(lambda who, real, *args: _Scanned(_look(who, real, *args))),
    "os:statvfs": refused("what the machine has free", "what the node counts itself"),
    "os:fstatvfs": refused("what the machine has free", "what the node counts itself"),
    "shutil:disk_usage": refused("what the machine has free", "what the node counts itself"),
    **{
        f"os:{name}": _WRITING
        for name in (
            "chflags", "chmod", "chown", "copy_file_range", "lchflags", "lchmod", "lchown",
            "link", "mkdir", "mkfifo", "mknod", "remove", "removexattr", "rename", "replace",
            "rmdir", "setxattr", "symlink", "truncate", "unlink", "utime",
        )
    },
    **{
        f"tempfile:{name}": _WRITING
        for name in ("mkdtemp", "mkstemp", "TemporaryFile", "NamedTemporaryFile")
    },
    "tempfile:_gettempdir": virtual(lambda _: os.environ.get("TMPDIR", _TEMPORARY)),
    **{
        f"os:{name}": _NUMBER
        for name in (
            "close", "closerange", "dup", "dup2", "fchmod", "fchown", "fdopen", "fpathconf",
            "ftruncate", "get_blocking", "get_inheritable", "lockf", "lseek", "open",
            "posix_fadvise", "posix_fallocate", "pread", "preadv", "pwrite", "pwritev", "read",
            "readv", "sendfile", "set_blocking", "set_inheritable", "splice", "write", "writev",
        )
    },
    **{
        f"os:{name}": refused(f"os.{name}", "await self.disk.sync()")
        for name in ("fsync", "fdatasync", "sync")
    },
    **{
        f"os:{name}": _DESCRIPTOR
        for name in (
            "eventfd", "eventfd_read", "eventfd_write", "grantpt", "login_tty", "memfd_create",
            "openpty", "pipe", "pipe2", "posix_openpt", "ptsname", "timerfd_create",
            "timerfd_gettime", "timerfd_gettime_ns", "timerfd_settime", "timerfd_settime_ns",
            "unlockpt",
        )
    },
    "os:chdir": refused("changing the working directory", "a path, or self.disk", importing=True),
    "os:fchdir": refused("changing the working directory", "a path, or self.disk", importing=True),
    **{
        f"fcntl:{name}": refused(f"fcntl.{name}", _DISK)
        for name in ("fcntl", "flock", "ioctl", "lockf")
    },
    **{
        f"termios:{name}": _DESCRIPTOR
        for name in (
            "tcdrain", "tcflow", "tcflush", "tcgetattr", "tcgetwinsize", "tcsendbreak",
            "tcsetattr", "tcsetwinsize",
        )
    },
    **{
        f"syslog:{name}": refused("writing to the machine's log", "self.log(text)")
        for name in ("closelog", "openlog", "syslog")
    },
    **{
        f"readline:{name}": _WRITING
        for name in ("append_history_file", "write_history_file")
    },
    **{
        f"readline:{name}": refused("reading stdin", "a handler's message")
        for name in ("read_history_file", "read_init_file")
    },
    "shelve:open": _WRITING,
    "dbm:open": _WRITING,
    "dbm.dumb:open": _WRITING,
    "_gdbm:open": _WRITING,
    "_dbm:open": _WRITING,
    "lmdb:open": _WRITING,
    "lmdb:Environment": _WRITING,
    "builtins:input": refused("reading stdin", "a handler's message", importing=True),
}  # fmt: skip


_A_SHARED_PLACE = "self; real processes do not share it"


def _keep_off(what: str) -> None:
    """Refuse what a running node would leave where other nodes see it.

    Raises:
        Refused: a node's code runs, and no import.
    """
    who = caller()
    if who is not None and not is_importing():
        refuse(who, Wrong(what, _A_SHARED_PLACE))


class StandardStream:
    """A standard stream: writing goes to stderr, reading is refused, closing does nothing.

    A node can keep nothing on it.
    """

    def __init__(self, real: Any) -> None:
        object.__setattr__(self, "_real", real)

    def __setattr__(self, name: str, value: Any) -> None:
        _keep_off("setting an attribute of a standard stream")
        object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        _keep_off("deleting an attribute of a standard stream")
        object.__delattr__(self, name)

    def __getattr__(self, name: str) -> Any:
        who = caller()
        if who is not None and name in {"close", "detach", "reconfigure"}:
            return _ignored
        if who is not None and name in {"write", "writelines"} and get_ident() in _muted:
            return _swallowed
        return getattr(self._real, name)


_muted: dict[int, int] = {}
"""How many `muted` each thread is in; like the stacks of `caller`, the interpreter's own state."""


@contextmanager
def muted() -> Iterator[None]:
    """Drop what nodes print to standard streams: their first run has printed it already."""
    thread = get_ident()
    _muted[thread] = _muted.get(thread, 0) + 1
    try:
        yield
    finally:
        _muted[thread] -= 1
        if not _muted[thread]:
            del _muted[thread]


def _swallowed(text: Any) -> int:
    """Write nothing, as `write` and `writelines` do it."""
    return len(text) if isinstance(text, str) else 0


class _Stdin(StandardStream):
    def __getattr__(self, name: str) -> Any:
        who = caller()
        if who is not None and (not isinstance(who, Importing) or is_own_code()):
            refuse(who, Wrong("reading stdin", "a handler's message"))
        return getattr(self._real, name)

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line: str = self.readline()
        if not line:
            raise StopIteration
        return line


def _ignored(*_: Any, **__: Any) -> None:
    """Do nothing: a node has no standard streams of its own."""


_CHANGE_A_LIST = (
    "append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort",
    "__setitem__", "__delitem__", "__iadd__", "__imul__",
)  # fmt: skip


def _kept_off(name: str) -> Answer:
    change = getattr(list, name)

    def method(self: Any, *args: Any, **named: Any) -> Any:
        _keep_off("changing sys.argv")
        return change(self, *args, **named)

    return method


_Arguments = type("list", (list,), {name: _kept_off(name) for name in _CHANGE_A_LIST})
"""The arguments of the command: a list that a file may change during import, but no node may."""


STREAMS: Final[dict[str, Row]] = {
    "sys:stdin": Live(_Stdin),
    "sys:__stdin__": Live(_Stdin),
    "sys:stdout": Live(lambda _: StandardStream(sys.stderr)),
    "sys:__stdout__": Live(lambda _: StandardStream(sys.__stderr__)),
    "sys:stderr": Live(StandardStream),
    "sys:__stderr__": Live(StandardStream),
    "sys:argv": Live(lambda real: _Arguments(real[:1])),
}
