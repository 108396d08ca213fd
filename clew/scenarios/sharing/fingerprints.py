"""Fingerprints of values, to be compared with what they are later.

A value of plain data is its own fingerprint. Any other object is known by its identity, and what it
holds is inspected: attributes, contents, defaults, closures, what a cache has done. An object that
hides its state, such as an iterator or a lock, is noted as such: nobody knows whether it changes.
"""

from __future__ import annotations

import decimal
import logging
import re
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextvars import Context, ContextVar
from functools import lru_cache, partial
from io import TextIOWrapper
from types import (
    BuiltinFunctionType,
    CellType,
    CodeType,
    FunctionType,
    MappingProxyType,
    MemberDescriptorType,
    MethodType,
    MethodWrapperType,
    ModuleType,
    UnionType,
)
from typing import Any
from weakref import ref

from clew.scenarios.code.userfiles import BESIDE, USERS
from clew.sim.guards.caller import ASKED
from clew.sim.guards.files import StandardStream

_SCALARS = frozenset(
    {int, float, complex, str, bytes, bool, type(None), type(...), type(NotImplemented)}
)
_COLLECTIONS = (list, tuple, deque, set, frozenset, dict, MappingProxyType, bytearray)
AS_THEY_ARE = (
    type, CodeType, re.Pattern, UnionType, StandardStream,
    type(list.append), type(list.__len__), type(CellType.cell_contents),
    type(dict.__dict__["fromkeys"]), type(deque.maxlen), ref,
)  # fmt: skip
"""Types of values that never change; a change puts another value in the place."""

NO_STATE = frozenset({
    "__doc__", "__module__", "__dict__", "__weakref__", "__annotations__", "__qualname__",
    "__slots__", "__dataclass_fields__", "__dataclass_params__", "__match_args__",
    "__orig_bases__", "__parameters__", "__abstractmethods__", "__static_attributes__",
    "__firstlineno__", "_abc_impl", "__annotate_func__", "__annotations_cache__", "__annotate__",
    "__conditional_annotations__", "__warningregistry__", "__builtins__", "__name__", "__package__",
    "__loader__", "__spec__", "__subclasshook__",
    "__protocol_attrs__", "__non_callable_proto_members__", "__file__", "__cached__", "__path__",
    "__slotnames__",
    BESIDE, ASKED, "__clew_sharing__",
})  # fmt: skip
_CACHE = type(lru_cache(len))


def named(module: ModuleType) -> Iterator[tuple[str, object]]:
    """Yield globals as ``module.name``, and what classes and functions hold as ``Class.name``."""
    title = module.__name__.removeprefix(USERS)
    for name, value in list(vars(module).items()):
        if name in NO_STATE:
            continue
        if not isinstance(value, type) or value.__module__ != module.__name__:
            yield f"{title}.{name}", value
        else:
            yield f"{title}.{name}", id(value)
            for own, attribute in list(vars(value).items()):
                if own not in NO_STATE:
                    yield f"{value.__qualname__}.{own}", attribute


class Eye:
    """Takes fingerprints of values, which are equal if nothing that they hold has changed.

    Attributes:
        blind: the names of what can't be inspected.
        results: what was seen of each object, by its id.
    """

    def __init__(self, modules: Iterable[ModuleType]) -> None:
        self._own = frozenset(module.__name__ for module in modules)
        self._seen: dict[int, tuple[str, Any]] = {}
        """The objects by id, which keeps them alive: no id is used twice."""
        self.blind: set[str] = set()
        self.results: dict[int, object] = {}
        self._name = ""

    def look_at(self, modules: Iterable[ModuleType]) -> dict[str, object]:
        """Return the comparable fingerprint of all that some modules hold, by name."""
        return {name: self.look(name, value) for module in modules for name, value in named(module)}

    def objects(self) -> list[tuple[str, Any]]:
        """Return all that was seen, with the names under which it was."""
        return list(self._seen.values())

    def has(self, value: Any) -> bool:
        """Return whether an object was seen."""
        return id(value) in self._seen

    def look(self, name: str, value: Any) -> object:
        """Return what can be compared of a named value."""
        self._name = name
        try:
            return self.see(value)
        except RecursionError:
            return self._hidden()

    def _hidden(self) -> tuple[object, ...]:
        self.blind.add(self._name)
        return ()

    def see(self, value: Any) -> object:
        """Return what can be compared; each object once."""
        kind = type(value)
        if kind in _SCALARS:
            return kind, value
        # Met before: its id stands for it, so that cycles end and who shares an object with whom is
        # part of the fingerprint.
        if id(value) in self._seen:
            return id(value)
        self._seen[id(value)] = self._name, value
        seen = self.results[id(value)] = self._inside(kind, value)
        return seen

    def _inside(self, kind: type, value: Any) -> object:
        if isinstance(value, _COLLECTIONS):
            return kind, self._contents(value), *self._parts(_attributes(value))
        if isinstance(value, type) and value.__module__ in self._own:
            return id(value), *self._parts(
                part for name, part in vars(value).items() if name not in NO_STATE
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
        """Return what any other object holds; note it as blind if that is not to be known."""
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
        return self._parts([*parts, *_attributes(value), *_slots(value)])


def _of_function(function: FunctionType) -> Iterator[Any]:
    """Yield what a function holds besides its code."""
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
    """Yield an object's ``__dict__``, if it has one."""
    held = getattr(value, "__dict__", None)
    if held:
        yield held


def _slots(value: Any) -> Iterator[Any]:
    """Yield what the slots of an object hold, which its ``__getstate__`` may leave out."""
    for kind in type(value).__mro__:
        for name, slot in vars(kind).items():
            if isinstance(slot, MemberDescriptorType) and name not in NO_STATE:
                try:
                    yield slot.__get__(value)
                except AttributeError:  # nothing yet
                    yield None


def _of_module(module: ModuleType) -> Iterator[Any]:
    """Yield what a module made by a user's file holds; an imported module is taken as it is."""
    if sys.modules.get(module.__name__) is not module and module.__spec__ is None:
        yield {name: part for name, part in vars(module).items() if name not in NO_STATE}


def _of_logger(logger: logging.Logger) -> Iterator[Any]:
    """Yield what a logger holds; handlers not made by the user's file count by identity."""
    for name, part in vars(logger).items():
        if name == "handlers":
            for handler in part:
                made = type(handler).__module__.startswith(USERS)
                yield handler if made else id(handler)
        elif name not in {"_cache", "manager"}:
            yield part


def _of_handler(handler: logging.Handler) -> Iterator[Any]:
    """Yield what a handler of log records keeps, except its lock and a stream of the process."""
    for name, part in vars(handler).items():
        if name != "lock" and not isinstance(part, TextIOWrapper | StandardStream):
            yield part


def _default(variable: ContextVar[Any]) -> Any:
    """Return the value of a context variable that nobody has set."""
    try:
        return variable.get()
    except LookupError:
        return None


def _without_flags(context: decimal.Context) -> str:
    """Return what a decimal context says of arithmetic, which raises its flags."""
    copy = context.copy()
    copy.clear_flags()
    return repr(copy)


def is_made_for_use(value: object) -> bool:
    """Return whether a value is what Python makes for who computes with decimals."""
    return type(value) is decimal.Context and (
        _without_flags(value) == _without_flags(decimal.Context())
    )


_INSIDE: tuple[tuple[Any, Callable[[Any], Iterable[Any]]], ...] = (
    # an instance of the first holds what the second returns
    (FunctionType, _of_function),
    (AS_THEY_ARE, lambda _: ()),
    (ModuleType, _of_module),
    (logging.Handler, _of_handler),
    (logging.Logger, _of_logger),
    (
        (MethodType, BuiltinFunctionType, MethodWrapperType),
        lambda method: (getattr(method, "__func__", None), method.__self__),
    ),
    (property, lambda made: (made.fget, made.fset, made.fdel)),
    ((classmethod, staticmethod), lambda made: (made.__func__,)),
    (partial, lambda made: (made.func, made.args, made.keywords)),
    (ContextVar, lambda variable: (Context().run(_default, variable),)),
    (threading.local, lambda local: (vars(local),)),
    (decimal.Context, lambda context: (_without_flags(context),)),
    (_CACHE, lambda cache: (tuple(cache.cache_info()), *_attributes(cache))),
)


def equal(one: object, other: object) -> bool:
    """Return whether two fingerprints are the same; False if they are too deep to compare."""
    try:
        return one == other
    except RecursionError:
        return False
