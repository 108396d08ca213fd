"""Guards: inside a simulated node, clocks and chance are the run's, and the real world is closed.

While a simulation runs, ``time.time``, ``random.random``, ``uuid.uuid4``, ``os.urandom``,
``datetime.now`` and their kin answer from the running node's clock and randomness; sleeping,
threads, sockets, processes and asyncio are refused with a finding that names the line. Outside a
node's code everything is as ever, also in other threads.

A name that was imported from its module (``from time import time``) is caught as well: the
user's file is imported inside `importing`, where the modules already hold the guarded functions,
and the modules of a cluster's node class are looked through when a run begins.

An endless loop inside C code can't be ended; see `clew.sim.watchdog` for what is told of it.

Divergence: what is written in C and asks the system itself (numpy's generators, ``hash()``,
``id()``, the order of a set) is not seen; running twice and comparing digests finds it.

What a node prints goes to stderr while it is imported or run, whichever thread prints.

This is the one place with module state, because what it guards is the interpreter's own.
"""

from __future__ import annotations

import _thread
import datetime as dt  # noqa: TID251 - these four are what it guards
import os
import random  # noqa: TID251
import socket
import subprocess
import sys
import threading
import time  # noqa: TID251
import uuid  # noqa: TID251
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

from clew.sim.finding import Refused
from clew.sim.node import Node
from clew.sim.process import Process

if TYPE_CHECKING:
    from clew.sim.cluster import Cluster

__all__ = ["REFUSED", "VIRTUAL", "Refused", "guarded", "importing"]

Answer = Callable[..., Any]


class _Run(NamedTuple):
    """A simulation that runs in a thread."""

    cluster: Cluster
    thread: int


_runs: list[_Run] = []


def _process() -> Process | None:
    """The process whose code is calling; None outside a node's code."""
    if not _runs:
        return None
    cluster, thread = _runs[-1]
    if thread != threading.get_ident():
        return None
    process: Process | None = cluster.world.current
    return process


# What is answered from the run instead: each takes the process and the call's arguments.


def _wall_ns(process: Process) -> int:
    return process.host.clock.wall(_runs[-1].cluster.world.now)


def _monotonic_ns(process: Process) -> int:
    return process.host.clock.monotonic(_runs[-1].cluster.world.now)


def _from_rng(name: str) -> Answer:
    def answer(process: Process, *args: Any, **named: Any) -> Any:
        return getattr(process.rng(), name)(*args, **named)

    return answer


def _seed_random(process: Process, self: random.Random, a: Any = None, version: int = 2) -> None:
    """``Random()`` and ``seed()`` without a value take one from the node's randomness."""
    _REAL_SEED(self, process.rng().getrandbits(64) if a is None else a, version)


def _uuid1(process: Process, *_: Any, **__: Any) -> uuid.UUID:
    rng = process.rng()
    ticks = _wall_ns(process) // 100 + 0x01B21DD213814000
    low, middle, high = ticks & 0xFFFFFFFF, (ticks >> 32) & 0xFFFF, (ticks >> 48) & 0x0FFF
    sequence, node = rng.getrandbits(14), rng.getrandbits(48) | (1 << 40)
    fields = (low, middle, high, sequence >> 8, sequence & 0xFF, node)
    return uuid.UUID(fields=fields, version=1)


def _uuid4(process: Process) -> uuid.UUID:
    return uuid.UUID(int=process.rng().getrandbits(128), version=4)


def _broken_down(process: Process, *given: Any) -> time.struct_time:
    """``gmtime`` and ``localtime``: a simulated node's time zone is UTC."""
    seconds = given[0] if given and given[0] is not None else _wall_ns(process) // 1_000_000_000
    return _REAL_GMTIME(seconds)


def _strftime(process: Process, form: str, *given: Any) -> str:
    return _REAL_STRFTIME(form, *(given or (_broken_down(process),)))


_REAL_SEED = random.Random.seed
_REAL_GMTIME = time.gmtime
_REAL_STRFTIME = time.strftime
_REAL_DATETIME = dt.datetime
_REAL_DATE = dt.date

_RANDOM_FUNCTIONS = (
    "betavariate", "binomialvariate", "choice", "choices", "expovariate", "gammavariate", "gauss",
    "getrandbits", "getstate", "lognormvariate", "normalvariate", "paretovariate", "randbytes",
    "randint", "random", "randrange", "sample", "seed", "setstate", "shuffle", "triangular",
    "uniform", "vonmisesvariate", "weibullvariate",
)  # fmt: skip

VIRTUAL: dict[tuple[Any, str], Answer] = {
    # (module or class, name): what a node's code gets instead
    (time, "time"): lambda process: _wall_ns(process) / 1_000_000_000,
    (time, "time_ns"): _wall_ns,
    (time, "monotonic"): lambda process: _monotonic_ns(process) / 1_000_000_000,
    (time, "monotonic_ns"): _monotonic_ns,
    (time, "perf_counter"): lambda process: _monotonic_ns(process) / 1_000_000_000,
    (time, "perf_counter_ns"): _monotonic_ns,
    (time, "process_time"): lambda process: _monotonic_ns(process) / 1_000_000_000,
    (time, "process_time_ns"): _monotonic_ns,
    (time, "gmtime"): _broken_down,
    (time, "localtime"): _broken_down,
    (time, "ctime"): lambda process, *given: time.asctime(_broken_down(process, *given)),
    (time, "strftime"): _strftime,
    (os, "urandom"): lambda process, size: process.rng().randbytes(size),
    (random, "_urandom"): lambda process, size: process.rng().randbytes(size),
    (random.Random, "seed"): _seed_random,
    (uuid, "uuid1"): _uuid1,
    (uuid, "uuid4"): _uuid4,
    **{
        (random, name): _from_rng(name) for name in _RANDOM_FUNCTIONS if hasattr(random, name)
    },
}  # fmt: skip
"""``secrets`` and ``random.SystemRandom`` draw through ``random._urandom``."""

REFUSED: dict[tuple[Any, str], tuple[str, str]] = {
    # (module or class, name): (what it is called, what to use instead)
    (time, "sleep"): ("time.sleep", "await self.sleep(seconds) or self.after(seconds, callback)"),
    (threading.Thread, "start"): ("starting a thread", "self.spawn(coroutine)"),
    (_thread, "start_new_thread"): ("starting a thread", "self.spawn(coroutine)"),
    (socket.socket, "__init__"): ("opening a socket", "self.send, self.reply and self.rpc"),
    (subprocess.Popen, "__init__"): ("starting a process", "another node"),
    (os, "system"): ("starting a process", "another node"),
    (os, "posix_spawn"): ("starting a process", "another node"),
    (os, "fork"): ("os.fork", "self.spawn(coroutine)"),
    (os, "_exit"): ("os._exit", "an exception"),
    (os, "abort"): ("os.abort", "an exception"),
}

REFUSED_OF_ASYNCIO: dict[str, str] = {
    # name: what to use instead; asyncio is slow to import, so only where somebody has
    "run": "self.spawn(coroutine)",
    "sleep": "await self.sleep(seconds)",
    "create_task": "self.spawn(coroutine)",
    "gather": "self.spawn(coroutine) for each, and await them",
    "wait_for": "self.rpc(..., timeout=seconds)",
    "new_event_loop": "self.spawn(coroutine)",
}


class _Plain:
    """A guard that stands for a function of C: as a class attribute it binds nothing."""

    def __init__(self, guard: Answer) -> None:
        self._guard = guard
        self.__name__ = guard.__name__
        self.__doc__ = guard.__doc__

    def __call__(self, *args: Any, **named: Any) -> Any:
        return self._guard(*args, **named)


def _virtual(real: Answer, answer: Answer) -> Answer:
    @wraps(real, updated=())
    def guard(*args: Any, **named: Any) -> Any:
        process = _process()
        return real(*args, **named) if process is None else answer(process, *args, **named)

    return guard


def _refusal(real: Answer, what: str, instead: str) -> Answer:
    @wraps(real, updated=())
    def guard(*args: Any, **named: Any) -> Any:
        process = _process()
        if process is None:
            return real(*args, **named)
        reason = f"{what} is not for a simulated node; use {instead}"
        _runs[-1].cluster.refused(process.id, reason)
        raise Refused(reason)

    return guard


class _Standing(type):
    """Makes the stand-ins for `datetime` and `date` accept instances of the real ones."""

    def __instancecheck__(cls, instance: object) -> bool:
        real = _real_class(cls)
        return super().__instancecheck__(instance) if real is cls else isinstance(instance, real)

    def __subclasscheck__(cls, subclass: type) -> bool:
        real = _real_class(cls)
        return super().__subclasscheck__(subclass) if real is cls else issubclass(subclass, real)


class _Datetime(dt.datetime, metaclass=_Standing):
    """`datetime.datetime` whose present is the running node's."""

    def __new__(cls, *args: Any, **named: Any) -> Any:
        return _REAL_DATETIME.__new__(_real_class(cls), *args, **named)

    @classmethod
    def now(cls, tz: dt.tzinfo | None = None) -> Any:
        """The node's wall clock; UTC where no zone is given."""
        process = _process()
        if process is None:
            return _real_class(cls).now(tz)
        present = _present(_wall_ns(process))
        return present.replace(tzinfo=None) if tz is None else present.astimezone(tz)

    @classmethod
    def utcnow(cls) -> Any:
        """The node's wall clock in UTC, without a zone."""
        return cls.now(dt.UTC).replace(tzinfo=None)

    @classmethod
    def today(cls) -> Any:
        """The same as ``now()``."""
        return cls.now()


class _Date(dt.date, metaclass=_Standing):
    """`datetime.date` whose today is the running node's."""

    def __new__(cls, *args: Any, **named: Any) -> Any:
        return _REAL_DATE.__new__(_real_class(cls), *args, **named)

    @classmethod
    def today(cls) -> Any:
        """The day of the node's wall clock, in UTC."""
        process = _process()
        return _real_class(cls).today() if process is None else _present(_wall_ns(process)).date()


def _present(wall_ns: int) -> dt.datetime:
    epoch = _REAL_DATETIME(1970, 1, 1, tzinfo=dt.UTC)
    return epoch + dt.timedelta(microseconds=wall_ns // 1000)


def _real_class(cls: type) -> Any:
    """What a stand-in makes: the real thing, or a user's own subclass of it."""
    if cls is _Datetime:
        return _REAL_DATETIME
    return _REAL_DATE if cls is _Date else cls


def _guards() -> dict[tuple[Any, str], tuple[Any, Any]]:
    """What is put where: (module or class, name) to (the real one, its guard)."""
    table: dict[tuple[Any, str], tuple[Any, Any]] = {}
    for (owner, name), answer in VIRTUAL.items():
        real = getattr(owner, name)
        guard = _virtual(real, answer)
        table[owner, name] = (real, guard if isinstance(owner, type) else _Plain(guard))
    for (owner, name), (what, instead) in REFUSED.items():
        if hasattr(owner, name):  # os.fork is not everywhere
            real = getattr(owner, name)
            table[owner, name] = (real, _refusal(real, what, instead))
    table[dt, "datetime"] = (_REAL_DATETIME, _Datetime)
    table[dt, "date"] = (_REAL_DATE, _Date)
    return table


_table = _guards()
_depth = 0
_stdout = sys.stdout


def _guard_asyncio() -> None:
    """Take asyncio in, once somebody has imported it."""
    asyncio = sys.modules.get("asyncio")
    if asyncio is not None and (asyncio, "run") not in _table:
        for name, instead in REFUSED_OF_ASYNCIO.items():
            real = getattr(asyncio, name)
            _table[asyncio, name] = (real, _refusal(real, f"asyncio.{name}", instead))


@contextmanager
def importing() -> Iterator[None]:
    """Let a user's file import guarded names; they act inside a node's code only.

    What is printed meanwhile goes to stderr: stdout is for Clew's own answer.
    """
    global _depth, _stdout  # noqa: PLW0603 - see the module docstring
    if _depth == 0:
        _guard_asyncio()
        for (owner, name), (_, guard) in _table.items():
            setattr(owner, name, guard)
        _stdout, sys.stdout = sys.stdout, sys.stderr
    _depth += 1
    try:
        yield
    finally:
        _depth -= 1
        if _depth == 0:
            for (owner, name), (real, _) in _table.items():
                setattr(owner, name, real)
            sys.stdout = _stdout


@contextmanager
def guarded(cluster: Cluster) -> Iterator[None]:
    """Guard a cluster's nodes while it runs in this thread; all is as before afterwards."""
    with importing(), _utc(), _guarded_names(cluster):
        run = _Run(cluster, threading.get_ident())
        _runs.append(run)
        try:
            yield
        finally:
            _runs.remove(run)


@contextmanager
def _guarded_names(cluster: Cluster) -> Iterator[None]:
    """Replace what the modules of the cluster's node class imported by name before."""
    guards = {id(real): guard for real, guard in _table.values()}
    changed = [
        (names, name, value)
        for names in _namespaces(cluster)
        for name, value in names.items()
        if id(value) in guards
    ]
    for names, name, value in changed:
        names[name] = guards[id(value)]
    try:
        yield
    finally:
        for names, name, value in changed:
            names[name] = value


def _namespaces(cluster: Cluster) -> list[dict[str, Any]]:
    """The modules that a cluster's node class is written in, as the names they hold."""
    modules: dict[str, ModuleType] = {}
    for host in cluster.hosts.values():
        for base in host.node_class.__mro__[: host.node_class.__mro__.index(Node)]:
            if base.__module__ in sys.modules:
                modules[base.__module__] = sys.modules[base.__module__]
    return [vars(module) for module in modules.values()]


@contextmanager
def _utc() -> Iterator[None]:
    """Let local time be UTC: a machine's time zone is no part of a run."""
    before = os.environ.get("TZ")
    if before == "UTC" or not hasattr(time, "tzset"):
        yield
        return
    os.environ["TZ"] = "UTC"
    time.tzset()
    try:
        yield
    finally:
        if before is None:
            del os.environ["TZ"]
        else:
            os.environ["TZ"] = before
        time.tzset()
