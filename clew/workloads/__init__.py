"""The workloads that ship: every class with a name in a module of this package."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from importlib import import_module
from pkgutil import iter_modules

from clew.workloads.workload import Workload


@lru_cache(maxsize=1)
def workloads() -> Mapping[str, type[Workload]]:
    """Return the classes of the shipped workloads by name, in the order of their names."""
    modules = [import_module(f"{__name__}.{each.name}") for each in iter_modules(__path__)]
    found = {
        value.name: value
        for module in modules
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, Workload)
        and value.name
        and value.__module__ == module.__name__
    }
    return {name: found[name] for name in sorted(found)}
