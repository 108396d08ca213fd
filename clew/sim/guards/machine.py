"""The machine: other threads and processes, the network, signals, and what is the machine's own.

Functions that identify a process or a machine answer as on a machine with the node's name.
Functions that would reach another process, or change or end Clew's own, are refused.
"""

from __future__ import annotations

import _thread
import os
import socket  # noqa: F401 - what derives from a class of C does so before a guard stands for it
import sys
import threading
import weakref
from typing import Any, Final, NoReturn
from zlib import crc32

from clew.sim.guards.caller import Answer, Caller, Wrong
from clew.sim.guards.rows import (
    Amended,
    Property,
    Refusal,
    Row,
    refused,
    standing,
    virtual,
    while_a_node_runs,
)

_THREAD = "self.spawn(coroutine)"
_PROCESS = "another node"
_MESSAGES = "self.send, self.reply and self.rpc"
_ERROR = "an exception"
_ITSELF = "what one process can do by itself"
_LOCK = "nothing: the code of a node never runs in two threads at once"
_BOUND = "a bound that the node keeps itself"
_OWN = "what the node counts itself, in an attribute"

_PIDS = 32_768
_THREAD_IDENT = 1

_REAL_GET_IDENT = _thread.get_ident


def _pid(who: Caller) -> int:
    life = getattr(getattr(who, "host", None), "incarnation", 0)
    return 2 + crc32(f"{who.id} {life}".encode()) % (_PIDS - 2)


def _ident(_: Caller) -> int:
    """Identify a node's one thread; `threading` gets the real one, to find its own objects."""
    if sys._getframe(2).f_globals.get("__name__") == "threading":  # noqa: SLF001
        return int(_REAL_GET_IDENT())
    return _THREAD_IDENT


def _ident_of(_: Caller) -> int:
    return _THREAD_IDENT


def _exit(_: Caller, code: Any = None) -> NoReturn:
    """Exit as `site`'s function of this name does, but do not close stdin."""
    raise SystemExit(code)


def _uname(who: Caller, real: Answer) -> os.uname_result:
    system, _, *rest = real()
    return os.uname_result((system, who.id, *rest))


def _platform_uname(who: Caller, real: Answer) -> Any:
    known = real()
    return type(known)(known.system, who.id, known.release, known.version, known.machine)


_ENDS = {
    name: refused(name.replace(":", "."), _ERROR, importing=True)
    for name in (
        "os:_exit", "os:abort", "os:kill", "os:killpg", "signal:raise_signal",
        "signal:pthread_kill", "signal:pidfd_send_signal", "_thread:interrupt_main",
        "faulthandler:_sigabrt", "faulthandler:_sigfpe", "faulthandler:_sigsegv",
        "faulthandler:_read_null", "faulthandler:_stack_overflow",
        "faulthandler:_fatal_error_c_thread", "atexit:_run_exitfuncs", "atexit:_clear",
    )
}  # fmt: skip
"""Functions that end the process, or may."""

_STARTS_A_PROCESS = refused("starting a process", _PROCESS, importing=True)
_STARTS_A_THREAD = refused("starting a thread", _THREAD, importing=True)


def _at_exit(function: Any, *_: Any, **__: Any) -> Wrong | None:
    """Return None for the function that `weakref.finalize` registers once, else what is wrong."""
    standard = function == weakref.finalize._exitfunc  # type: ignore[attr-defined] # noqa: SLF001
    return None if standard else Wrong("atexit.register", "a finally block")


def _finalize(
    _: Caller, real: Answer, self: Any, held: Any, function: Any, *args: Any, **named: Any
) -> None:
    """Register a finalizer that does nothing after the run or at Clew's exit."""
    real(self, held, while_a_node_runs(function), *args, **named)
    self.atexit = False


PROCESSES: Final[dict[str, Row]] = {
    **_ENDS,
    "builtins:exit": virtual(_exit),
    "builtins:quit": virtual(_exit),
    "threading:Thread.start": _STARTS_A_THREAD,
    "_thread:start_new_thread": _STARTS_A_THREAD,
    "_thread:start_new": _STARTS_A_THREAD,
    "_thread:start_joinable_thread": _STARTS_A_THREAD,
    "subprocess:Popen.__init__": _STARTS_A_PROCESS,
    "_posixsubprocess:fork_exec": _STARTS_A_PROCESS,
    "os:system": _STARTS_A_PROCESS,
    "os:posix_spawn": _STARTS_A_PROCESS,
    "os:posix_spawnp": _STARTS_A_PROCESS,
    "os:startfile": _STARTS_A_PROCESS,
    "os:execv": _STARTS_A_PROCESS,
    "os:execve": _STARTS_A_PROCESS,
    "os:fork": refused("os.fork", _THREAD, importing=True),
    "os:forkpty": refused("os.forkpty", _THREAD, importing=True),
    "os:register_at_fork": refused("os.register_at_fork", "start()"),
    "pty:spawn": _STARTS_A_PROCESS,
    "webbrowser:open": _STARTS_A_PROCESS,
    "_multiprocessing:SemLock": refused("a lock of multiprocessing", _LOCK, importing=True),
    "_posixshmem:shm_open": refused("shared memory", _MESSAGES, importing=True),
    "_posixshmem:shm_unlink": refused("shared memory", _MESSAGES, importing=True),
    "multiprocessing.process:BaseProcess.start": refused(
        "starting a process", _PROCESS, importing=True
    ),
    **{
        f"os:{name}": refused(f"os.{name}", "self.rpc, and await its reply")
        for name in ("wait", "wait3", "wait4", "waitid", "waitpid")
    },
    **{
        f"os:{name}": refused(f"os.{name}", _ITSELF, importing=True)
        for name in (
            "chroot", "initgroups", "nice", "pidfd_open", "sched_setaffinity", "sched_setparam",
            "sched_setscheduler", "setegid", "seteuid", "setgid", "setgroups", "setns", "setpgid",
            "setpgrp", "setpriority", "setregid", "setresgid", "setresuid", "setreuid", "setsid",
            "setuid", "tcsetpgrp", "umask", "unshare",
        )
    },
    "resource:setrlimit": refused("resource.setrlimit", _BOUND, importing=True),
    "resource:prlimit": refused("resource.prlimit", _BOUND, importing=True),
    "atexit:register": Refusal(_at_exit, importing=True),
    "atexit:unregister": refused("atexit.unregister", "a finally block"),
    "weakref:finalize.__init__": Amended(_finalize),
}  # fmt: skip

_SOCKET = refused("opening a socket", _MESSAGES, importing=True)
_LOOK_UP = refused("looking up a host", "self.node_ids and self.peers", importing=True)

NETWORK: Final[dict[str, Row]] = {
    "socket:socket.__init__": _SOCKET,
    "_socket:socket": standing(_SOCKET),
    "_socket:SocketType": standing(_SOCKET),
    "socket:SocketType": standing(_SOCKET),
    "socket:socketpair": _SOCKET,
    "socket:fromfd": _SOCKET,
    "socket:create_connection": _SOCKET,
    "socket:create_server": _SOCKET,
    "_socket:socketpair": _SOCKET,
    "_socket:dup": _SOCKET,
    "_socket:close": _SOCKET,
    "socket:gethostname": virtual(lambda who: who.id),
    "socket:getfqdn": virtual(lambda who, name="": name or who.id),
    **{
        f"socket:{name}": _LOOK_UP
        for name in (
            "getaddrinfo", "gethostbyaddr", "gethostbyname", "gethostbyname_ex", "getnameinfo",
            "getservbyname", "getservbyport", "getprotobyname", "if_indextoname", "if_nameindex",
            "if_nametoindex",
        )
    },
    "_socket:getaddrinfo": _LOOK_UP,
    "socket:sethostname": refused("socket.sethostname", "self.id"),
    "socket:setdefaulttimeout": _SOCKET,
    "zmq:Context.__init__": _SOCKET,
    "grpc:insecure_channel": _SOCKET,
    "grpc:secure_channel": _SOCKET,
    "grpc:server": _SOCKET,
    "pycurl:Curl": _SOCKET,
    "psycopg2:connect": _SOCKET,
}  # fmt: skip

_SIGNAL = "another node's message, or self.after(seconds, callback)"
_COUNTS = refused("what the interpreter counts", _OWN)


def _sysconf(name: Any) -> Wrong | None:
    free = name in {"SC_AVPHYS_PAGES", "SC_NPROCESSORS_ONLN"}
    return Wrong("what the machine has free", _OWN) if free else None


def _setlocale(_: int, locale: Any = None) -> Wrong | None:
    """Return None for a call without a locale, which only reads it, as `datetime.strptime` does."""
    return Wrong("locale.setlocale", "str.format, which knows no locale") if locale else None


PROCESS_STATE: Final[dict[str, Row]] = {
    "os:getpid": virtual(_pid),
    "os:getppid": virtual(lambda _: 1),
    "os:getpgid": virtual(lambda who, _: _pid(who)),
    "os:getpgrp": virtual(_pid),
    "os:getsid": virtual(lambda who, _: _pid(who)),
    "os:uname": Amended(_uname),
    "os:cpu_count": virtual(lambda _: 1),
    "os:process_cpu_count": virtual(lambda _: 1),
    "os:sched_getaffinity": virtual(lambda _, __: {0}),
    "os:getloadavg": virtual(lambda _: (0.0, 0.0, 0.0)),
    "os:sysconf": Refusal(_sysconf),
    "os:getpriority": virtual(lambda *_: 0),
    "os:tcgetpgrp": refused("os.tcgetpgrp", "self.id"),
    "os:ttyname": refused("os.ttyname", "self.id"),
    "os:get_terminal_size": virtual(lambda *_: os.terminal_size((80, 24))),
    "os:isatty": virtual(lambda _, __: False),
    "platform:node": virtual(lambda who: who.id),
    "platform:_Processor.from_subprocess": virtual(lambda _: ""),
    "platform:uname": Amended(_platform_uname),
    "threading:get_ident": virtual(_ident),
    "threading:active_count": virtual(lambda _: 1),
    "threading:activeCount": virtual(lambda _: 1),
    "threading:enumerate": virtual(lambda _: [threading.current_thread()]),
    "threading:Thread.ident": Property(_ident_of),
    "threading:Thread.native_id": Property(_ident_of),
    "_thread:_count": virtual(lambda _: 0),
    "threading:get_native_id": virtual(_pid),
    "gc:collect": Amended(lambda _, real, *args: real(*args) * 0),
    **{
        f"gc:{name}": _COUNTS
        for name in (
            "get_count", "get_freeze_count", "get_objects", "get_referrers", "get_stats",
        )
    },
    "gc:get_threshold": virtual(lambda _: (700, 10, 10)),
    **{
        f"gc:{name}": refused(f"gc.{name}", "nothing: Clew decides when cycles are collected")
        for name in ("freeze", "set_threshold", "unfreeze")
    },
    "gc:set_debug": refused("gc.set_debug", "self.log(text)"),
    **{
        f"sys:{name}": _COUNTS
        for name in (
            "_debugmallocstats", "getallocatedblocks", "getrefcount", "gettotalrefcount",
            "getunicodeinternedsize",
        )
    },
    **{
        f"sys:{name}": refused(f"sys.{name}", "self.log(text)")
        for name in (
            "_current_exceptions", "_current_frames", "activate_stack_trampoline",
            "call_tracing", "deactivate_stack_trampoline", "setdlopenflags",
            "set_int_max_str_digits", "setrecursionlimit", "setswitchinterval",
        )
    },
    **{
        f"sys:{name}": refused(f"sys.{name}", "self.log(text)", importing=True)
        for name in (
            "_setprofileallthreads", "_settraceallthreads", "addaudithook", "setprofile",
            "settrace",
        )
    },
    **{
        f"threading:{name}": refused(f"threading.{name}", "self.log(text)", importing=True)
        for name in ("setprofile", "settrace", "setprofile_all_threads", "settrace_all_threads")
    },
    **{
        f"tracemalloc:{name}": _COUNTS
        for name in (
            "clear_traces", "get_traced_memory", "get_tracemalloc_memory",
            "reset_peak", "start", "stop", "take_snapshot",
        )
    },
    "tracemalloc:get_object_traceback": virtual(lambda *_: None),  # every warning calls this
    **{
        f"faulthandler:{name}": refused(f"faulthandler.{name}", "self.log(text)")
        for name in (
            "cancel_dump_traceback_later", "disable", "dump_traceback", "dump_traceback_later",
            "enable", "register", "unregister",
        )
    },
    **{
        f"{module}:{name}": refused(f"signal.{name}", _SIGNAL, importing=True)
        for module in ("signal", "_signal")
        for name in ("alarm", "setitimer", "signal", "set_wakeup_fd", "siginterrupt")
    },
    **{
        f"{module}:{name}": refused(f"signal.{name}", _SIGNAL)
        for module in ("signal", "_signal")
        for name in (
            "getitimer", "pause", "pthread_sigmask", "sigpending", "sigtimedwait", "sigwait",
            "sigwaitinfo",
        )
    },
    **{
        f"{module}:{name}": refused("a terminal", "print, or self.log(text)", importing=True)
        for module in ("curses", "_curses")
        for name in ("initscr", "setupterm")
    },
    "_xxsubinterpreters:create": refused("another interpreter", _PROCESS, importing=True),
    "_interpreters:create": refused("another interpreter", _PROCESS, importing=True),
    "importlib:reload": refused("importlib.reload", "a restart of the node, by the fault 'kill'"),
    "locale:getpreferredencoding": virtual(lambda *_, **__: "utf-8"),
    "locale:setlocale": Refusal(_setlocale),
    "_locale:setlocale": Refusal(_setlocale),
    **{
        f"ctypes:{name}": refused("calling C", "what Python can do", importing=True)
        for name in ("CDLL.__init__", "CDLL.__getattr__", "CDLL.__getitem__", "_dlopen")
    },
    **{
        f"ctypes:{name}": refused("calling C", "what Python can do")
        for name in ("string_at", "wstring_at", "memmove", "memset")
    },
    "_ctypes:dlopen": refused("calling C", "what Python can do", importing=True),
    "_ctypes:dlsym": refused("calling C", "what Python can do", importing=True),
    "cffi:FFI.dlopen": refused("calling C", "what Python can do", importing=True),
}  # fmt: skip
