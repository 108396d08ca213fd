"""Who calls: a node of a run, a file that is being imported, or neither.

Each thread has a stack of what it is in the middle of: runs, whose worlds know which node's code is
running, and imports. The top decides. A thread that is in neither sees the real world, as does the
kernel between two nodes.

This is the one place with module state, because what it guards is the interpreter's own.
"""

from __future__ import annotations

import _thread
import sys
import sysconfig
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from random import Random  # noqa: TID251 - seeded by a name
from types import CodeType, FrameType, ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, Protocol, TypeAlias

from clew.node.life import Refused
from clew.sim.clock import EPOCH_NS
from clew.sim.finding import PACKAGE, is_installed, is_users
from clew.sim.host import Process

if TYPE_CHECKING:
    from clew.sim.cluster import Cluster
    from clew.sim.world import World

ASKED = "__clew_asked__"
"""The global of a user's module that read the time, random values or its machine when it was
imported."""

_ident = _thread.get_ident  # the real one: the guards replace the names


class Importing:
    """A file whose own code runs while it is imported: before there is any node.

    Its clocks stand at the start of virtual time, and its random values depend on its name alone,
    so that an import gives the same in every process, whatever was imported before. Real processes
    would not all get the same: the module records in `ASKED` that it read them.
    """

    __slots__ = ("__weakref__", "_name", "_names", "_rng", "current")

    def __init__(self, name: str, names: dict[str, Any]) -> None:
        self.current = self
        self._name = name
        self._names = names
        self._rng: Random | None = None

    @property
    def file(self) -> str:
        """The module's file, for notes on it; unlike `id`, it is not shown to the module."""
        return str(self._names.get("__file__"))

    @property
    def id(self) -> str:
        """The module's name, in place of a node's id."""
        self._names[ASKED] = True
        return self._name

    def rng(self) -> Random:
        """Return the randomness of this import."""
        if self._rng is None:
            self._rng = Random(f"import {self.id}")  # noqa: S311 - for a simulation
        return self._rng

    def wall_ns(self) -> int:
        """Return the reading of every wall clock at virtual time 0."""
        self._names[ASKED] = True
        return EPOCH_NS

    def monotonic_ns(self) -> int:
        """Return zero: no time passes during an import."""
        self._names[ASKED] = True
        return 0


Caller: TypeAlias = Process | Importing
Answer: TypeAlias = Callable[..., Any]


class _Holder(Protocol):
    """An object that knows which code is running now."""

    current: Any


class _Nobody:
    """Finding a module, and executing one of the standard library: Python's work, not the run's."""

    current = None


_NOBODY = _Nobody()


class _For:
    """The user's modules are executed for one process, with its clocks and random values."""

    def __init__(self, process: Process, world: World) -> None:
        self.current = process
        self._world = world

    def look(self) -> int:
        """Return the virtual time, ns."""
        return self._world.look()


_stacks: dict[int, list[tuple[_Holder, Cluster | None]]] = {}


def caller() -> Caller | None:
    """Return whose code is calling; None for code that is no node's and not being imported."""
    stack = _stacks.get(_ident())
    if not stack:
        return None
    current: Caller | None = stack[-1][0].current
    return current


def is_importing() -> bool:
    """Return whether a module's own code runs, for one process or before there is any."""
    stack = _stacks.get(_ident())
    return stack is not None and isinstance(stack[-1][0], Importing | _For)


def is_guarded_thread() -> bool:
    """Return whether this thread runs or imports code of the user's."""
    return _ident() in _stacks


def running_cluster() -> Cluster | None:
    """Return the cluster that this thread runs; None if it runs none."""
    return _stacks[_ident()][-1][1]


def world_now() -> int:
    """Return the virtual time in this thread's run, ns."""
    now: int = _stacks[_ident()][-1][0].look()  # type: ignore[attr-defined] # a node calls: a World
    return now


@contextmanager
def _entered(holder: _Holder, cluster: Cluster | None) -> Iterator[None]:
    thread = _ident()
    stack = _stacks.setdefault(thread, [])
    stack.append((holder, cluster))
    try:
        yield
    finally:
        stack.pop()
        if not stack:
            _stacks.pop(thread, None)


def running(cluster: Cluster) -> AbstractContextManager[None]:
    """Return a context in which this thread runs a cluster."""
    return _entered(cluster.world, cluster)


def finding() -> AbstractContextManager[None]:
    """Return a context in which this thread looks for a module: nobody's code runs."""
    return _entered(_NOBODY, None)


def executing(module: ModuleType) -> AbstractContextManager[None]:
    """Return a context in which this thread executes a module."""
    name, file = module.__name__, getattr(module, "__file__", None)
    if name.partition(".")[0] in sys.stdlib_module_names:
        return _entered(_NOBODY, None)
    if file is not None and is_users(file) and not is_installed(file):
        for holder, cluster in reversed(_stacks.get(_ident(), ())):
            if isinstance(holder, _For):
                return _entered(holder, cluster)
    return _entered(Importing(name, vars(module)), None)


def loading() -> AbstractContextManager[None]:
    """Return a context in which a user's file is loaded, for the running process or for none."""
    stack = _stacks.get(_ident())
    if stack:
        holder, cluster = stack[-1]
        process: Caller | None = holder.current
        if cluster is not None and process is not None and not isinstance(process, Importing):
            return _entered(_For(process, cluster.world), cluster)
    return _entered(_NOBODY, None)


# Refusing.


class Wrong(NamedTuple):
    """Why a call is refused.

    Attributes:
        what: the name of the call.
        instead: what to use instead.
    """

    what: str
    instead: str


def refuse(who: Caller, wrong: Wrong) -> NoReturn:
    """Raise `Refused` in the user's code; for a running node it has been made a finding.

    Raises:
        Refused: always.
    """
    if isinstance(who, Importing):
        reason = f"{wrong.what} is not for a file that simulated nodes run; use {wrong.instead}"
        raise Refused(reason)
    reason = f"{wrong.what} is not for a simulated node; use {wrong.instead}"
    cluster = _stacks[_ident()][-1][1]
    assert cluster is not None
    cluster.findings.refused(who.id, reason)
    raise Refused(reason)


def is_own_code(frame: FrameType | None = None) -> bool:
    """Return whether the file being imported makes the call, and not a library that it imports.

    The innermost frame that is not the standard library's decides, from this one on.
    """
    frame = frame or sys._getframe(1)  # noqa: SLF001 - the documented way to walk frames
    while frame is not None:
        code = frame.f_code
        if code in WRAPPERS:
            return False
        if is_users(code.co_filename):
            return not is_installed(code.co_filename)
        if code.co_filename.startswith(PACKAGE) and not code.co_filename.startswith(_GUARDS):
            return False
        frame = frame.f_back
    return False


_GUARDS = __file__.removesuffix("caller.py")
WRAPPERS: set[CodeType] = set()
"""Code that begins the import of another module: the frames below it did not call."""

STANDARD = sysconfig.get_path("stdlib")
"""The folder of the standard library."""
