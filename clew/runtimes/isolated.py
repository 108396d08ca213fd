"""Processes that share no memory: each has modules, a context and an environment of its own.

A node's module is one object in this process, and so is all that it holds: globals, class
attributes, defaults, closures, caches, iterators. Real nodes are processes, and share none of it.
Here each incarnation executes the user's modules anew, and what it may change of the rest of the
interpreter is put in place before its code runs: its modules in `sys.modules`, its context (what
context variables hold), its environment, what it attached to loggers, and its own values of named
attributes of installed modules. A restart is a new process, so all of this starts anew.

That costs some microseconds per event, so it is only done if nodes do share something;
`clew.scenarios.runs.run` decides.

Divergence: what an installed package keeps in its own objects stays shared.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import Context
from types import MappingProxyType, ModuleType
from typing import Any, NamedTuple, TypeAlias

from clew.machine.text import Unwinding
from clew.node.message import Message
from clew.node.node import Node
from clew.node.system import Program
from clew.node.task import Task
from clew.runtimes.simulated import SimulatedProcess
from clew.sim.host import Host, Process
from clew.sim.setting import Setting


class Copy(NamedTuple):
    """A user's modules, executed again.

    Attributes:
        program: the class or the system, as the copy has it.
        classes: the copy's class of each node class.
        modules: the copy's, by name.
    """

    program: Program
    classes: Mapping[type[Node], type[Node]]
    modules: dict[str, ModuleType]


class Spot(NamedTuple):
    """A place in the interpreter that a run changed: an attribute of an installed module or class.

    Attributes:
        owner: a module or a class.
        name: of the attribute.
    """

    owner: Any
    name: str


Attached: TypeAlias = tuple[tuple[Any, ...], tuple[Any, ...]]
"""The handlers and the filters of a logger."""

_ABSENT = object()
"""The value of a missing attribute."""


class _Memory:
    """What one incarnation sees while it is in place."""

    def __init__(self, modules: dict[str, ModuleType], values: list[Any], environ: Any) -> None:
        self.modules = modules
        self.values = values
        self.environ = environ


class Isolation:
    """The memories of a run's processes, of which one at a time is in place.

    Args:
        copy: executes the user's modules again; called in the process that they are for.
        modules: the names of the user's modules.
        is_users: whether a module that was imported since is the user's as well.
        spots: the attributes of which each process has its own value.
        loggers: each process has its own attachments to these; with what is attached at first.
    """

    def __init__(
        self,
        copy: Callable[[], Copy],
        modules: Iterable[str],
        is_users: Callable[[ModuleType], bool],
        spots: Iterable[Spot] = (),
        loggers: Mapping[logging.Logger, Attached] = MappingProxyType({}),
    ) -> None:
        self._copy = copy
        self._names = list(modules)
        self._is_users = is_users
        self._attached = [part for parts in loggers.values() for part in parts]
        self._spots = [
            *(Spot(logger, name) for logger in loggers for name in ("handlers", "filters")),
            *spots,
        ]
        # All names of `sys.modules` that were sorted into the user's (`_names`) and others, and how
        # many modules there were then: a number that has changed shows that something was imported.
        self._known = {*sys.modules, *self._names}
        self._count = len(sys.modules)
        self._outer = self._here()
        self._in_place: _Memory = self._outer
        self._all: list[_Memory] = []
        self.running: IsolatedProcess | None = None

    def process(self, setting: Setting, host: Host) -> Process:
        """Make a new incarnation on a host; a service, which is Clew's, shares nothing anyway."""
        if not host.is_node:
            return SimulatedProcess(setting, host)
        return IsolatedProcess(setting, host, self)

    def memory(self) -> _Memory:
        """Make the memory of a new process: no user modules, all else as it was before the run."""
        attached = [list(part) for part in self._attached]
        values = [*attached, *self._outer.values[len(attached) :]]
        memory = _Memory({}, values, dict(self._outer.environ))
        self._all.append(memory)
        return memory

    def executed(self) -> Copy:
        """Execute the user's modules again, for the memory that is in place."""
        copy = self._copy()
        self._names += [name for name in copy.modules if name not in self._names]
        self._known.update(copy.modules)
        self._count = len(sys.modules)
        return copy

    def put(self, memory: _Memory) -> None:
        """Put this memory in place; the one that was there is kept in its present state."""
        if memory is self._in_place:
            return
        left = self._in_place
        left.modules = self._taken()
        for rank, (owner, name) in enumerate(self._spots):
            left.values[rank] = vars(owner).get(name, _ABSENT)
            _set(owner, name, memory.values[rank])
        sys.modules.update(memory.modules)
        self._count = len(sys.modules)
        _set_environ(memory.environ)
        self._in_place = memory

    def _here(self) -> _Memory:
        """Return the memory that is in place without any process."""
        modules = {name: sys.modules[name] for name in self._names if name in sys.modules}
        values = [vars(owner).get(name, _ABSENT) for owner, name in self._spots]
        return _Memory(modules, values, environment())

    def _taken(self) -> dict[str, ModuleType]:
        """Take the user's modules out of `sys.modules`; new modules are the user's too."""
        if len(sys.modules) != self._count:
            new = [name for name in sys.modules if name not in self._known]
            self._known.update(new)
            self._names += [name for name in new if self._is_users(sys.modules[name])]
        return {name: sys.modules.pop(name) for name in self._names if name in sys.modules}

    @contextmanager
    def used(self) -> Iterator[None]:
        """Leave everything as it was before this context."""
        try:
            yield
        finally:
            self.put(self._outer)
            changed = {key for memory in self._all for key in _differing(memory, self._outer)}
            tell_c(changed)


def _differing(one: _Memory, other: _Memory) -> set[Any]:
    """Return the variables of the environment that differ."""
    if one.environ == other.environ:
        return set()
    return {key for key, _ in one.environ.items() ^ other.environ.items()}


def tell_c(keys: Iterable[Any]) -> None:
    """Make the C library's environment match Python's: an assignment has changed it."""
    for key in keys:
        value = environment().get(key)
        if value is None:
            os.unsetenv(key)
        else:
            os.putenv(key, value)


class IsolatedProcess(SimulatedProcess):
    """One life of a node that shares no memory with another."""

    def __init__(self, setting: Setting, host: Host, isolation: Isolation) -> None:
        super().__init__(setting, host)
        self._isolation = isolation
        self._memory = isolation.memory()
        self._context = Context()
        self._entered = False
        self._within(self._import)

    def instance(self, node_class: type[Node]) -> Node:
        """See `Life.instance`: it is of this process's own class once that exists."""
        del node_class
        return object.__new__(Node)

    def _import(self) -> None:
        """Execute the user's modules, which draw and read as this process."""
        world = self._world
        before, world.current = world.current, self
        host = self.host
        self._rng = self.setting.entropy.random("import", self.id, host.incarnation)
        try:
            self.node = object.__new__(self._isolation.executed().classes[host.node_class])
        except (Unwinding, KeyboardInterrupt):
            raise
        except BaseException as error:  # noqa: BLE001 - whatever a user's file raises
            self.node = object.__new__(host.node_class)
            self.setting.findings.raised(self.id, error, "import")
        finally:
            self._rng = None
            world.current = before

    def _within(self, call: Callable[..., None], *args: Any) -> None:
        """Call something with this process's memory in place."""
        if self._entered:  # a node's code may end its own process
            call(*args)
            return
        # Calls nest if a process runs another one's code. Without one around, the memory stays
        # where it is: the next call may well be of this process again.
        isolation = self._isolation
        around, isolation.running = isolation.running, self
        self._entered = True
        isolation.put(self._memory)
        try:
            self._context.run(call, *args)
        finally:
            self._entered = False
            isolation.running = around
            if around is not None:
                isolation.put(around._memory)  # noqa: SLF001 - another of this class

    def receive(self, message: Message) -> None:
        """See `Life.receive`."""
        self._within(super().receive, message)

    def run(
        self, callback: Callable[[], Any], cause: Message | str, task: Task | None = None
    ) -> None:
        """See `Life.run`."""
        self._within(super().run, callback, cause, task)

    def end(self) -> None:
        """See `Life.end`: coroutines run their ``finally``."""
        self._within(super().end)


def _set(owner: Any, name: str, value: Any) -> None:
    if value is not _ABSENT:
        setattr(owner, name, value)
    elif name in vars(owner):
        delattr(owner, name)


def environment() -> Any:
    """Return what stands behind `os.environ`."""
    return os.environ._data  # type: ignore[attr-defined] # noqa: SLF001 - one assignment, no putenv


def _set_environ(data: Any) -> None:
    os.environ._data = data  # type: ignore[attr-defined] # noqa: SLF001
    if hasattr(os, "environb"):
        os.environb._data = data  # type: ignore[attr-defined] # noqa: SLF001
