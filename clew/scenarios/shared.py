"""What nodes share that real processes would not: memory that a run changed outside its nodes.

What hangs on the user's modules is compared before and after a run: globals, class attributes,
defaults, closures, objects of any class, caches, iterators. Of installed modules that these use the
attributes are compared, what their public collections hold, and their thread-locals; then what
context variables hold, and the environment. An object that can't be looked into counts as changed.

Where nothing changed, that nodes share it can't be noticed. Where something did,
`clew.scenarios.run` gives each process its own: `Changes` says of what. What then is left is said
of the run.

Left out: what an installed package keeps inside its own objects and private collections.
"""

from __future__ import annotations

import builtins
import logging
import os
import re
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextvars import Context, ContextVar
from functools import lru_cache, partial
from types import (
    BuiltinFunctionType,
    CellType,
    CodeType,
    FunctionType,
    MappingProxyType,
    MethodType,
    MethodWrapperType,
    ModuleType,
    UnionType,
)
from typing import Any, NamedTuple, TypeVar
from weakref import ref

from clew.scenarios.load import BESIDE, USERS, own_modules
from clew.sim.isolation import ASKED, Spot, environment, tell_c
from clew.sim.node import Node

T = TypeVar("T")

_SCALARS = frozenset(
    {int, float, complex, str, bytes, bool, type(None), type(...), type(NotImplemented)}
)
_COLLECTIONS = (list, tuple, deque, set, frozenset, dict, MappingProxyType, bytearray)
_AS_THEY_ARE = (
    type, ModuleType, CodeType, logging.Logger, logging.Handler, ContextVar, re.Pattern,
    UnionType,
    type(list.append), type(list.__len__), type(CellType.cell_contents),
    type(dict.__dict__["fromkeys"]), type(deque.maxlen), ref,
)  # fmt: skip
"""These are what they are: one is changed where another stands in its place."""

_NO_STATE = frozenset({
    "__doc__", "__module__", "__dict__", "__weakref__", "__annotations__", "__qualname__",
    "__slots__", "__dataclass_fields__", "__dataclass_params__", "__match_args__",
    "__orig_bases__", "__parameters__", "__abstractmethods__", "__static_attributes__",
    "__firstlineno__", "_abc_impl", "__annotate_func__", "__annotations_cache__", "__annotate__",
    "__conditional_annotations__", "__warningregistry__", "__builtins__", "__name__", "__package__",
    "__loader__", "__spec__", "__file__", "__cached__", "__path__", "__slotnames__",
    BESIDE, ASKED, "__clew_sharing__",
})  # fmt: skip
_HEAP_TYPE = 1 << 9
_CACHE = type(lru_cache(len))


def _once(items: tuple[T, ...]) -> tuple[T, ...]:
    """Each of them once, in order."""
    return tuple(dict.fromkeys(items))


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
        """Both, each thing once."""
        return Changes(
            _once(self.own + other.own),
            _once(self.spots + other.spots),
            _once(self.kept + other.kept),
        )

    @property
    def names(self) -> tuple[str, ...]:
        """What each process can have of its own, in words, sorted."""
        return tuple(sorted({*self.own, *(_spot_name(spot) for spot in self.spots)}))


class Sharing:
    """A user's class, and what its nodes might share, as it was when the file was loaded.

    Args:
        node_class: one of a user's file.

    Attributes:
        changes: what its runs were seen to change so far.
        asked: the names of modules that asked for the time or for chance when they were imported,
            which each process does for itself.
    """

    def __init__(self, node_class: type[Node]) -> None:
        self.changes = Changes()
        self._modules = own_modules(node_class)
        self.asked = tuple(
            f"{module.__name__.removeprefix(USERS)} at its import"
            for module in self._modules
            if ASKED in vars(module)
        )
        self._eye, self._own = self._look()
        self._owners = _Installed(_installed(self._modules))
        self._environ = dict(environment())

    @classmethod
    def of(cls, node_class: type[Node]) -> Sharing | None:
        """That of a class: the same as long as its file is not loaded anew; None for no file."""
        modules = own_modules(node_class)
        if not modules:
            return None
        held = vars(modules[0])
        if _HELD not in held or held[_HELD][0] is not node_class:
            held[_HELD] = node_class, cls(node_class)
        sharing: Sharing = held[_HELD][1]
        return sharing

    def update(self, context: Context) -> Changes:
        """What a run in this context changed; what can be put back is as before."""
        eye, now = self._look()
        own = [
            name
            for name in {**self._own, **now}
            if name in eye.blind or not _equal(self._own.get(name), now.get(name))
        ]
        own += [f"the context variable {variable.name}" for variable in context]
        own += self._restore_environ()
        spots, kept = self._owners.restore()
        found = Changes(tuple(sorted(own)), tuple(spots), tuple(sorted(kept)))
        self.changes = self.changes.joined(found)
        return found

    def _look(self) -> tuple[_Eye, dict[str, object]]:
        """What hangs on the user's modules, by name, as values that can be compared."""
        eye = _Eye(self._modules)
        return eye, {
            name: eye.look(name, value)
            for module in self._modules
            for name, value in _named(module)
        }

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


def _named(module: ModuleType) -> Iterator[tuple[str, object]]:
    """Globals as ``module.name``, and what hangs on its classes and functions as ``Class.name``."""
    title = module.__name__.removeprefix(USERS)
    for name, value in list(vars(module).items()):
        if name in _NO_STATE:
            continue
        if not isinstance(value, type) or value.__module__ != module.__name__:
            yield f"{title}.{name}", value
        else:
            yield f"{title}.{name}", id(value)
            for own, attribute in list(vars(value).items()):
                if own not in _NO_STATE:
                    yield f"{value.__qualname__}.{own}", attribute


class _Eye:
    """Sees values as they are now: equal where nothing that hangs on them has changed.

    Attributes:
        blind: the names under which something can't be looked into.
    """

    def __init__(self, modules: Iterable[ModuleType]) -> None:
        self._own = frozenset(module.__name__ for module in modules)
        self._seen: dict[int, Any] = {}
        """By id, and so kept alive: no id is used twice."""
        self.blind: set[str] = set()
        self._name = ""

    def look(self, name: str, value: Any) -> object:
        """What can be compared of a named value."""
        self._name = name
        try:
            return self.see(value)
        except RecursionError:
            return self._hidden()

    def _hidden(self) -> tuple[object, ...]:
        self.blind.add(self._name)
        return ()

    def see(self, value: Any) -> object:
        """What can be compared; each object once."""
        kind = type(value)
        if kind in _SCALARS:
            return kind, value
        if id(value) in self._seen:
            return id(value)
        self._seen[id(value)] = value
        if isinstance(value, _COLLECTIONS):
            return kind, self._contents(value), *self._parts(_attributes(value))
        if isinstance(value, type) and value.__module__ in self._own:
            return id(value), *self._parts(
                part for name, part in vars(value).items() if name not in _NO_STATE
            )
        return id(value), *self._object(value)

    def _parts(self, parts: Iterable[Any]) -> tuple[object, ...]:
        return tuple([self.see(part) for part in parts])

    def _contents(self, value: Any) -> object:
        if isinstance(value, dict | MappingProxyType):
            return tuple([(self.see(key), self.see(item)) for key, item in value.items()])
        if isinstance(value, bytearray):
            return bytes(value)
        parts = [self.see(part) for part in list(value)]
        return frozenset(parts) if isinstance(value, set | frozenset) else tuple(parts)

    def _object(self, value: Any) -> tuple[object, ...]:
        """What an object of any other class holds; noted as blind where that is not to be known."""
        for kinds, inside in _INSIDE:
            if isinstance(value, kinds):
                return self._parts(inside(value))
        kind = type(value)
        if hasattr(kind, "__next__") or hasattr(kind, "send"):
            return self._hidden()
        try:
            state = value.__reduce_ex__(2)
        except Exception:  # noqa: BLE001 - whatever hides its state
            return self._hidden()
        parts = state[:3] if isinstance(state, tuple) else [state]
        return self._parts([*parts, *_attributes(value)])


def _of_function(function: FunctionType) -> Iterator[Any]:
    """What hangs on a function, and is not its code."""
    yield function.__code__
    yield from function.__defaults__ or ()
    yield from (function.__kwdefaults__ or {}).values()
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:  # nothing yet
            yield None
    yield from vars(function).values()


def _attributes(value: Any) -> Iterator[Any]:
    """An object's ``__dict__``, where it has one."""
    held = getattr(value, "__dict__", None)
    if held:
        yield held


_INSIDE: tuple[tuple[Any, Callable[[Any], Iterable[Any]]], ...] = (
    # what is an instance of the first holds what the second gives
    (FunctionType, _of_function),
    (_AS_THEY_ARE, lambda _: ()),
    (
        (MethodType, BuiltinFunctionType, MethodWrapperType),
        lambda method: (getattr(method, "__func__", None), method.__self__),
    ),
    (property, lambda made: (made.fget, made.fset, made.fdel)),
    ((classmethod, staticmethod), lambda made: (made.__func__,)),
    (partial, lambda made: (made.func, made.args, made.keywords)),
    (threading.local, lambda local: (vars(local),)),
    (_CACHE, lambda cache: (tuple(cache.cache_info()), *_attributes(cache))),
)


def _equal(one: object, other: object) -> bool:
    try:
        return one == other
    except RecursionError:
        return False


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
        """The attributes that differ, and the names of collections that do; all is put back."""
        spots: list[Spot] = []
        for owner, names in self._before:
            if vars(owner) != names:
                spots += _differing(owner, names)
        kept = []
        for name, value, content in self._held:
            if _content(value) != content:
                kept.append(name)
                _fill(_content(value), content)
        return spots, kept


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
    """The attributes of a module or a class that are others than before; they are put back."""
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
    return name in _NO_STATE or (owner is sys and name in _OF_A_RUN)


_OF_A_RUN = frozenset({"stdout", "stderr", "stdin", "last_type", "last_value", "last_traceback"})


def _installed(own: Iterable[ModuleType]) -> list[Any]:
    """The modules that the user's own name, and their classes."""
    mine = {module.__name__: module for module in own}
    names = {"builtins"}
    classes: dict[int, Any] = {id(Node): Node}
    for module in mine.values():
        for value in _values(module):
            home = value if isinstance(value, ModuleType | type | FunctionType) else type(value)
            named = home.__name__ if isinstance(home, ModuleType) else str(home.__module__)
            names.add(named)
            if isinstance(home, type) and named not in mine:
                classes[id(home)] = home
            for code in _codes(value, module.__name__):
                names.update(_named_in(code))
    modules = [
        sys.modules[name]
        for name in sorted(names)
        if name in sys.modules and name not in mine and not name.startswith("clew.")
    ]
    for module in modules:
        if module is not builtins:
            classes |= {id(each): each for each in _values(module) if _is_of(each, module)}
    return [*modules, *(each for each in classes.values() if each.__flags__ & _HEAP_TYPE)]


def _values(module: ModuleType) -> list[Any]:
    return [value for name, value in list(vars(module).items()) if name not in _NO_STATE]


def _is_of(value: Any, module: ModuleType) -> bool:
    """True for a class that a module defines."""
    return isinstance(value, type) and value.__module__ == module.__name__


def _codes(value: Any, home: str) -> Iterator[CodeType]:
    """The code of a function, or of a class's methods, that a module holds."""
    if isinstance(value, FunctionType):
        yield value.__code__
    elif isinstance(value, type) and value.__module__ == home:
        for part in list(vars(value).values()):
            if isinstance(part, FunctionType):
                yield part.__code__


def _named_in(code: CodeType) -> Iterator[str]:
    """All names in a function's code and in what it defines."""
    yield from code.co_names
    for part in code.co_consts:
        if isinstance(part, CodeType):
            yield from _named_in(part)


def _owner_name(owner: Any) -> str:
    return owner.__name__ if isinstance(owner, ModuleType) else owner.__qualname__


def _spot_name(spot: Spot) -> str:
    return f"{_owner_name(spot.owner)}.{spot.name}"
