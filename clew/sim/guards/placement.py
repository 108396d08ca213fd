"""Putting the guards in place, and taking them away again.

A guard replaces the real thing: under its name in its module or class, and wherever a module has
imported it by name; in the user's own modules also where a class, a default argument or a list of
the module holds it. While guards are in place, newly imported modules find them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from inspect import isfunction
from operator import setitem
from threading import RLock
from types import FunctionType, ModuleType
from typing import Any, NamedTuple

from clew.sim.finding import is_installed, is_users
from clew.sim.guards.caller import WRAPPERS, executing, finding, is_guarded_thread
from clew.sim.guards.rows import Live, Row, Value, guard_of, while_a_node_runs

_MISSING = object()

_DEEP = {"sched", "timeit"}
"""Modules of the standard library whose default arguments are clocks."""


class _Place(NamedTuple):
    """A place of a guard: ``put(owner, key, real or guard)`` changes what is there."""

    put: Callable[[Any, Any, Any], None]
    owner: Any
    key: Any
    real: Any
    guard: Any


class _Batch:
    """Places that are changed together: the names of a module in one step, for speed."""

    def __init__(self, places: Iterable[_Place]) -> None:
        self._single: list[_Place] = []
        names: dict[int, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {}
        for place in places:
            owner = vars(place.owner) if isinstance(place.owner, ModuleType) else place.owner
            if isinstance(owner, dict):
                _, guards, reals = names.setdefault(id(owner), (owner, {}, {}))
                guards[place.key], reals[place.key] = place.guard, place.real
            else:  # a class, a list or a function
                self._single.append(place)
        self._names = list(names.values())

    def put(self) -> None:
        """Put the guards in place."""
        for names, guards, _ in self._names:
            names.update(guards)
        for place in self._single:
            place.put(place.owner, place.key, place.guard)

    def remove(self) -> None:
        """Put the real things back."""
        for names, _, reals in self._names:
            names.update(reals)
        for place in reversed(self._single):
            place.put(place.owner, place.key, place.real)


class Placement:
    """All guards of this interpreter, and whether they are in place.

    Args:
        table: the rows, by ``module:name``.
    """

    def __init__(self, table: Mapping[str, Row]) -> None:
        self._rows: dict[str, dict[str, Row]] = {}
        finder = {
            "importlib._bootstrap:_find_and_load": Value(self._finding),
            "importlib._bootstrap_external:_LoaderBasics.exec_module": Value(_executing),
        }
        for key, row in {**table, **finder}.items():
            module, _, name = key.partition(":")
            self._rows.setdefault(module, {})[name] = row
        self._places: list[_Place] = []
        # By the id of the real thing, or below of the module; each entry holds that object too, so
        # that no other one can get its id.
        self._guards: dict[int, tuple[Any, Any]] = {}
        self._taken: dict[str, ModuleType] = {}
        self._found: dict[int, tuple[ModuleType, list[_Place]]] = {}
        self._live_rows = [
            (module, name, row)
            for module, rows in self._rows.items()
            for name, row in rows.items()
            if isinstance(row, Live)
        ]
        # The number of modules and the newest one's name when all were last looked through: if
        # both are the same, nothing is taken to have been imported since.
        self._newest = (0, "")
        self._all = _Batch([])
        # What is in place now, in the order in which it was put there; contexts nest `_depth` deep.
        self._standing: list[_Batch] = []
        self._depth = 0
        self._lock = RLock()

    @contextmanager
    def standing(self) -> Iterator[None]:
        """Put the guards in place for this context; contexts nest."""
        with self._lock:
            if self._depth == 0:
                self._put()
            self._depth += 1
        try:
            yield
        finally:
            with self._lock:
                self._depth -= 1
                if self._depth == 0:
                    self._remove()

    @contextmanager
    def also_in(self, modules: Iterable[ModuleType]) -> Iterator[None]:
        """Put them in place in modules whose names may have changed since, for this context."""
        batch = _Batch([place for module in modules for place in self._held_by(module)])
        batch.put()
        try:
            yield
        finally:
            batch.remove()

    def _put(self) -> None:
        newest = (len(sys.modules), next(reversed(sys.modules)))
        if newest != self._newest:
            self._newest = newest
            self._take_in()
            self._scan()
            found = [place for _, places in self._found.values() for place in places]
            self._all = _Batch([*self._places, *found])
        self._stand(_Batch(self._live()))
        self._stand(self._all)

    def _stand(self, batch: _Batch) -> None:
        batch.put()
        self._standing.append(batch)

    def _remove(self) -> None:
        for batch in reversed(self._standing):
            batch.remove()
        self._standing = []

    def _live(self) -> list[_Place]:
        """Return the places whose real things other code may have changed since."""
        return [
            _Place(setattr, sys.modules[module], name, real, row.make(real))
            for module, name, row in self._live_rows
            if (real := getattr(sys.modules[module], name, None)) is not None
        ]

    # The tables.

    def _take_in(self) -> list[_Place]:
        """Make the guards of modules that were imported since; return their places."""
        new = []
        for name, rows in self._rows.items():
            module = sys.modules.get(name)
            if module is None or self._taken.get(name) is module or _is_half(module):
                continue
            self._taken[name] = module
            new += [
                place
                for name_and_row in rows.items()
                if (place := self._place(module, *name_and_row)) is not None
            ]
        self._places += new
        if new:
            self._found.clear()
        return new

    def _place(self, module: ModuleType, name: str, row: Row) -> _Place | None:
        if isinstance(row, Live):
            return None
        owner: Any = module
        *classes, attribute = name.split(".")
        for part in classes:
            owner = getattr(owner, part, None)
        real = vars(owner).get(attribute, _MISSING) if owner is not None else _MISSING
        if real is _MISSING:
            return None  # not on this system, or not in this Python
        known = self._guards.get(id(real))
        guard = known[1] if known else guard_of(real, row, of_class=bool(classes))
        if not classes:
            self._guards[id(real)] = (real, guard)
        return _Place(setattr, owner, attribute, real, guard)

    # What else holds a guarded thing.

    def _scan(self) -> None:
        """Look through modules that are new since the last time."""
        for module in list(sys.modules.values()):
            if id(module) not in self._found and isinstance(module, ModuleType):
                found = list(self._held_by(module)) if _is_to_be_seen(module) else []
                self._found[id(module)] = (module, found)

    def _held_by(self, module: ModuleType) -> Iterator[_Place]:
        names = vars(module)
        own = _is_own(module)
        taken = self._rows.get(module.__name__, {})
        for name, value in list(names.items()):
            known = self._guards.get(id(value))
            if known is not None:
                if name not in taken and (own or not isinstance(value, type)):
                    yield _Place(setitem, names, name, *known)
            elif own:
                yield from self._held_by_value(module, value)

    def _held_by_value(self, module: ModuleType, value: Any) -> Iterator[_Place]:
        if isinstance(value, dict | list):
            items = value.items() if isinstance(value, dict) else enumerate(value)
            for key, item in list(items):
                if id(item) in self._guards:
                    yield _Place(setitem, value, key, *self._guards[id(item)])
        elif isinstance(value, type) and value.__module__ == module.__name__:
            for name, item in list(vars(value).items()):
                if isinstance(item, staticmethod) and id(item.__func__) in self._guards:
                    guard = self._guards[id(item.__func__)][1]
                    yield _Place(setattr, value, name, item, staticmethod(guard))
                elif id(item) in self._guards:
                    yield _Place(setattr, value, name, *self._guards[id(item)])
                elif isfunction(item):
                    yield from self._held_by_defaults(item)
        elif isfunction(value):
            yield from self._held_by_defaults(value)

    def _held_by_defaults(self, function: FunctionType) -> Iterator[_Place]:
        defaults, named = function.__defaults__, function.__kwdefaults__
        if defaults and any(id(item) in self._guards for item in defaults):
            guarded = tuple(self._guards.get(id(item), (0, item))[1] for item in defaults)
            yield _Place(setattr, function, "__defaults__", defaults, guarded)
        for key, item in list((named or {}).items()):
            if id(item) in self._guards:
                yield _Place(setitem, named, key, *self._guards[id(item)])

    # Imports.

    def _finding(self, real: Callable[..., Any]) -> Callable[..., Any]:
        """Replace importlib's own search: what it looks at and reads is not a node's doing."""

        def find_and_load(name: str, import_: Any) -> Any:
            if not is_guarded_thread():
                return real(name, import_)
            try:
                with finding():
                    return real(name, import_)
            finally:
                self._imported()

        return find_and_load

    def _imported(self) -> None:
        """Guard what has just been imported, if the guards are in place."""
        with self._lock:
            if self._depth > 0:
                new = self._take_in()
                if new:
                    self._stand(_Batch(new))
                    # These stand as a batch of their own until the contexts end; the next `_put`
                    # gathers all anew.
                    self._newest = (0, "")


def _is_half(module: ModuleType) -> bool:
    """Return whether a module is in the middle of its own import."""
    return getattr(getattr(module, "__spec__", None), "_initializing", False)


def _is_to_be_seen(module: ModuleType) -> bool:
    """Return True except for Clew itself and what tests it: they call outside the nodes' code."""
    top, _, rest = str(getattr(module, "__name__", "")).partition(".")
    return top not in {"_pytest", "pytest"} and (top != "clew" or rest.startswith("models"))


def _is_own(module: ModuleType) -> bool:
    """Return whether a module belongs neither to Python nor to an installed library."""
    file = getattr(module, "__file__", None)
    if module.__name__ in _DEEP:
        return True
    return (
        file is None
        if module.__name__ == "__main__"
        else bool(file and is_users(file) and not is_installed(file))
    )


def _bound_finalizers(module: ModuleType) -> None:
    """Make ``__del__`` of a module's classes run only inside a node's code.

    Python calls it after the run as well, and a process that is killed never does.
    """
    for value in list(vars(module).values()):
        if isinstance(value, type) and value.__module__ == module.__name__:
            finalizer = vars(value).get("__del__")
            if isfunction(finalizer) and not hasattr(finalizer, "__wrapped__"):
                value.__del__ = while_a_node_runs(finalizer)  # type: ignore[attr-defined]


def _executing(real: Callable[..., None]) -> Callable[..., None]:
    """Replace importlib's ``exec_module`` by one that knows whose code a module's is."""

    def exec_module(self: Any, module: ModuleType) -> None:
        if not is_guarded_thread():
            real(self, module)
            return
        code = self.get_code(module.__name__)
        if code is None:
            real(self, module)  # it raises
            return
        with executing(module):
            exec(code, vars(module))  # noqa: S102 - as importlib does
            if _is_own(module):
                _bound_finalizers(module)

    WRAPPERS.add(exec_module.__code__)
    return exec_module
