"""What nodes share that real processes would not: memory that a run changed outside its nodes.

What the user's modules hold is compared before and after a run: globals, class attributes,
defaults, closures, objects of any class, caches, iterators. Of the installed modules that they use,
the attributes, the contents of public collections and the thread-locals are compared; then what
context variables hold, and the environment. An object that can't be inspected counts as changed.

If nothing changed, nodes can't notice that they share it. If something did,
`clew.scenarios.runs.run` gives each process its own: `Changes` lists it. What can't be given to
each is reported with the run.

Left out: what an installed package keeps in its own objects and private collections.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextvars import Context, ContextVar
from functools import lru_cache
from io import IOBase
from types import (
    CodeType,
    FunctionType,
    MappingProxyType,
    ModuleType,
)
from typing import Any, NamedTuple, TypeVar

from clew.node.message import Message
from clew.node.node import Node
from clew.runtimes.isolated import Spot, environment, tell_c
from clew.scenarios.code.userfiles import USERS, context_of, loggers_of, own_modules, own_objects
from clew.scenarios.sharing.fingerprints import AS_THEY_ARE, NO_STATE, Eye, equal, is_made_for_use
from clew.sim.guards.caller import ASKED

T = TypeVar("T")


def _once(items: tuple[T, ...]) -> tuple[T, ...]:
    """Return each of them once, in order."""
    return tuple(dict.fromkeys(items))


_IMPORTS = "imports in handlers"
"""Stands for modules that were imported in the middle of a run, in a run's changes."""


class Changes(NamedTuple):
    """What a run changed outside its nodes.

    Attributes:
        own: what each process can have of its own, by name: of the user's modules, context
            variables, the environment.
        spots: attributes of installed modules; each process can have its own value.
        kept: the names of what stays shared: what collections of installed modules hold.
    """

    own: tuple[str, ...] = ()
    spots: tuple[Spot, ...] = ()
    kept: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.own or self.spots or self.kept)

    def joined(self, other: Changes) -> Changes:
        """Join both changes, each thing once."""
        return Changes(
            _once(self.own + other.own),
            _once(self.spots + other.spots),
            _once(self.kept + other.kept),
        )

    @property
    def names(self) -> tuple[str, ...]:
        """What each process can have of its own, in words, sorted."""
        return tuple(sorted({*self.own, *map(_spot_name, self.spots)} - {_IMPORTS}))


class Sharing:
    """A user's class, and what its nodes might share, as it was when the file was loaded.

    Args:
        node_class: one of a user's file.

    Attributes:
        changes: what its runs were seen to change so far.
        noticed: False if a run was the same whether nodes shared what it changed or not.
        asked: the names of modules that asked for the time or for chance when they were imported,
            which each process does for itself.
    """

    def __init__(self, node_class: type[Node]) -> None:
        self.changes = Changes()
        self.noticed = True
        self._node_class = node_class
        self._modules = own_modules(node_class)
        self.asked = tuple(
            f"{module.__name__.removeprefix(USERS)} at its import"
            for module in self._modules
            if ASKED in vars(module)
        )
        self._eye, self._own = self._look()
        self._after = self._eye
        self._contents = {
            id(value): value.copy()
            for module in self._modules
            for value in _values(module)
            if type(value) in _HOLD
        }
        self._lent: set[str] = set()
        self._set = {
            variable: _seen_alone((variable.name, value))[1]
            for variable, value in context_of(node_class).items()
        }
        self._names = {name for module in self._modules for name in _names_in(module)}
        self._watch_installed()
        self._environ = dict(environment())
        self._attached: list[tuple[list[Any], list[Any]]] = [
            (each, each.copy())
            for logger in loggers_of(node_class)
            for each in (logger.handlers, logger.filters)
        ]

    @classmethod
    def of(cls, node_class: type[Node]) -> Sharing | None:
        """Return the one of a class, the same until its file is loaded again, or None."""
        modules = own_modules(node_class)
        if not modules:
            return None
        held = vars(modules[0])
        if _HELD not in held or held[_HELD][0] is not node_class:
            held[_HELD] = node_class, cls(node_class)
        sharing: Sharing = held[_HELD][1]
        return sharing

    def context(self) -> Context:
        """Return the context for a run, with what the modules set when they were imported."""
        return context_of(self._node_class).copy()

    def update(self, context: Context | None = None) -> Changes:
        """Find what a run changed, in this context too if there is one; undo what can be undone."""
        self._after, now = self._look()
        own = [
            name
            for name in {**self._own, **now}
            if name in self._after.blind or not equal(self._own.get(name), now.get(name))
        ]
        own += self._in_context(context) if context is not None else ()
        own += self._restore_environ()
        for each, before in self._attached:
            each[:] = before
        if self._names & sys.modules.keys() != self._known:
            own.append(_IMPORTS)  # nobody knows what happened to them before they were watched
            self._watch_installed()
        seen = {module.__name__ for module in self._modules}
        own += {module.__name__ for module in own_modules(self._node_class)} - seen
        spots, kept = self._owners.restore()
        found = Changes(tuple(sorted(own)), tuple(spots), tuple(sorted(kept)))
        self.changes = self.changes.joined(found)
        return found

    def _in_context(self, context: Context) -> list[str]:
        return [
            f"the context variable {variable.name}"
            for variable, value in context.items()
            if self._is_set(variable, value)
        ]

    def _is_set(self, variable: ContextVar[Any], value: object) -> bool:
        """Return whether a run set a context variable, or changed what it holds."""
        before = context_of(self._node_class)
        if variable not in before:
            return not is_made_for_use(value)
        now = _seen_alone((variable.name, value))[1]
        return before[variable] is not value or not equal(self._set[variable], now)

    def _watch_installed(self) -> None:
        """Take the installed modules as they are now for the state to compare with."""
        self._known = self._names & sys.modules.keys()
        self._owners = _Installed(_installed(self._modules, self._names))

    def _look(self) -> tuple[Eye, dict[str, object]]:
        """Return what the user's modules hold, by name, as values that can be compared."""
        eye = Eye(self._modules)
        seen = eye.look_at(self._modules)
        for name, value in own_objects(self._node_class).items():
            seen[name] = eye.look(name, value)
        return eye, seen

    def common(self, copy: Iterable[ModuleType]) -> Common:
        """Return what a copy of the modules shares with the originals: it is a library's."""
        eye = Eye(self._modules)
        eye.look_at([each for each in copy if isinstance(each, ModuleType)])
        objects = [
            (name, value)
            for name, value in eye.objects()
            if self._eye.has(value) and not isinstance(value, _NOT_LENT)
        ]
        for name, value in objects:
            now = self._after.results.get(id(value))
            if isinstance(value, logging.Logger):
                continue  # what is attached to it belongs to each process
            if now is not None and not equal(self._eye.results[id(value)], now):
                self._lent.add(name)
        return Common(objects, self._contents, self._lent)

    def _restore_environ(self) -> list[str]:
        now = environment()
        if now == self._environ:
            return []
        keys = {key for key, _ in self._environ.items() ^ now.items()}
        now.clear()
        now.update(self._environ)
        tell_c(keys)
        return [f"os.environ[{os.fsdecode(key)!r}]" for key in keys]


_HELD = "__clew_sharing__"
_NOT_LENT = (
    FunctionType, tuple, frozenset, IOBase, type(threading.Lock()), type(threading.RLock()),
    *AS_THEY_ARE,
)  # fmt: skip
"""What every copy may have in common."""


class Common:
    """Objects of libraries that no copy of the user's modules makes again, as they are now.

    Args:
        objects: with the names under which they are found.
        contents: what collections among them held, by id.
        known: the names of those that a run has already changed.
    """

    def __init__(
        self,
        objects: Iterable[tuple[str, Any]] = (),
        contents: Mapping[int, Any] = MappingProxyType({}),
        known: Iterable[str] = (),
    ) -> None:
        self._known = frozenset(known)
        self._objects = list(objects)
        self._contents = contents
        self.restore()
        self._before = list(map(_seen_alone, self._objects))

    def restore(self) -> None:
        """Restore what collections held when the modules were loaded."""
        for _, value in self._objects:
            content = self._contents.get(id(value))
            if content is not None and value != content:
                _fill(value, content)

    def changed(self) -> tuple[str, ...]:
        """Return the names of those that have changed or can't be inspected, sorted.

        Changes are undone as far as possible.
        """
        names = {
            name
            for (name, value), (eye, before) in zip(self._objects, self._before, strict=True)
            if eye.blind or not equal(before, _seen_alone((name, value))[1])
        }
        self.restore()
        return tuple(sorted(names | self._known))


def _seen_alone(item: tuple[str, Any]) -> tuple[Eye, object]:
    eye = Eye(())
    name, value = item
    if isinstance(value, logging.Logger):
        value = {key: part for key, part in vars(value).items() if key not in _ATTACHED}
    return eye, eye.look(name, value)


_ATTACHED = frozenset({"handlers", "filters", "parent", "manager", "_cache"})
"""What each process has of its own in a logger, and what belongs to others."""


# What is installed.


class _Installed:
    """Modules and classes that are not the user's, as they were."""

    def __init__(self, owners: Iterable[Any]) -> None:
        self._before = [(owner, dict(vars(owner))) for owner in owners]
        self._held = [
            (f"{_owner_name(owner)}.{name}", value, _content(value).copy())
            for owner, names in self._before
            if owner is not sys
            for name, value in names.items()
            if (type(value) in _HOLD and not name.startswith("_"))
            or isinstance(value, threading.local)
        ]

    def restore(self) -> tuple[list[Spot], list[str]]:
        """Restore all that differs; return the attributes, and the names of collections."""
        spots: list[Spot] = []
        # Attributes are compared by identity, which is cheap; collections below by what they hold.
        for owner, names in self._before:
            if vars(owner) != names:
                spots += _differing(owner, names)
        kept = []
        for name, value, content in self._held:
            if _content(value) != content:
                kept.append(name)
                _fill(_content(value), content)
        return spots, kept


_HEAP_TYPE = 1 << 9
_HOLD = frozenset({list, dict, set, deque, bytearray})


def _content(value: Any) -> Any:
    return vars(value) if isinstance(value, threading.local) else value


def _fill(collection: Any, content: Any) -> None:
    collection.clear()
    if isinstance(collection, dict | set):
        collection.update(content)
    else:
        collection.extend(content)


def _differing(owner: Any, before: dict[str, Any]) -> list[Spot]:
    """Restore the attributes of a module or a class that have changed, and return them."""
    now = dict(vars(owner))
    found = []
    for name in {**before, **now}:
        if now.get(name, _HOLD) is before.get(name, _HOLD) or _is_no_state(owner, name):
            continue
        if isinstance(now.get(name), ModuleType):
            continue  # an import
        found.append(Spot(owner, name))
        if name in before:
            setattr(owner, name, before[name])
        else:
            delattr(owner, name)
    return found


def _is_no_state(owner: Any, name: str) -> bool:
    return name in NO_STATE or (owner is sys and name in _OF_A_RUN)


_OF_A_RUN = frozenset({"stdout", "stderr", "stdin", "last_type", "last_value", "last_traceback"})


def _installed(own: Iterable[ModuleType], named: Iterable[str]) -> list[Any]:
    """Return the modules that the user's modules name, and functions and classes they name."""
    mine = {module.__name__: module for module in own}
    owners: dict[int, Any] = {id(Node): Node, id(Message): Message}
    names = {"builtins", *named}
    # What the user's modules name, and where what they hold was made: the places that their nodes
    # can change without an import of their own.
    for module in mine.values():
        for value in _values(module):
            home = value if isinstance(value, ModuleType | type | FunctionType) else type(value)
            at = home.__name__ if isinstance(home, ModuleType) else str(home.__module__)
            names.add(at)
            if not isinstance(home, ModuleType) and at not in mine:
                owners[id(home)] = home
    modules = {
        name: sys.modules[name]
        for name in sorted(names)
        if name not in mine
        and not name.startswith("clew.")
        and isinstance(sys.modules.get(name), ModuleType)
    }
    for module in list(modules.values()):
        for name in names & vars(module).keys():
            value = vars(module)[name]
            if isinstance(value, type | FunctionType):
                owners[id(value)] = value
            elif isinstance(value, ModuleType) and value.__name__ not in mine:
                modules[value.__name__] = value  # as in os.path
    return [*modules.values(), *(each for each in owners.values() if _is_open(each))]


def _is_open(owner: Any) -> bool:
    """Return whether a function's or a class's attributes can be set."""
    return not isinstance(owner, type) or bool(owner.__flags__ & _HEAP_TYPE)


def _values(module: ModuleType) -> list[Any]:
    return [value for name, value in list(vars(module).items()) if name not in NO_STATE]


def _names_in(module: ModuleType) -> Iterator[str]:
    """Yield all names, and texts that may be names, in the code of a module's functions."""
    for value in _values(module):
        for code in _codes(value, module.__name__):
            yield from _named_in(code)


def _codes(value: Any, home: str) -> Iterator[CodeType]:
    """Yield the code of a function, or of a class's methods, that a module holds."""
    if isinstance(value, type) and value.__module__ == home:
        for part in list(vars(value).values()):
            yield from _codes_of(part)
    else:
        yield from _codes_of(value)


def _codes_of(value: Any) -> Iterator[CodeType]:
    """Yield the code of a function, and of what it, a method or a property wraps."""
    if isinstance(value, FunctionType):
        yield value.__code__
    for name in _STANDS_FOR.get(type(value), ()):
        yield from _codes_of(getattr(value, name, None))


_STANDS_FOR: dict[type, tuple[str, ...]] = {
    FunctionType: ("__wrapped__",),
    classmethod: ("__func__",),
    staticmethod: ("__func__",),
    property: ("fget", "fset", "fdel"),
    type(lru_cache(len)): ("__wrapped__",),
}


def _named_in(code: CodeType) -> Iterator[str]:
    """Yield all names in a function's code and in what it defines, and texts that may be names."""
    yield from code.co_names
    for part in code.co_consts:
        if isinstance(part, CodeType):
            yield from _named_in(part)
        elif isinstance(part, str):
            yield part


def _owner_name(owner: Any) -> str:
    return owner.__name__ if isinstance(owner, ModuleType) else owner.__qualname__


def _spot_name(spot: Spot) -> str:
    return f"{_owner_name(spot.owner)}.{spot.name}"
