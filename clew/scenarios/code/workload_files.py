"""Workloads by reference: shipped and installed ones by name, users' own by file and class.

A reference is what a plan has: a name, ``file.py:Class``, or what `hold_workload` gave. The class
of a file is that of its module as it was last imported, so that a model and a workload in one file
are one module. If a model is loaded again, so is its workload.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any
from weakref import WeakValueDictionary

from clew import plugins
from clew.checkers.registry import find, parse_model
from clew.errors import ClewError, UsageError, WorkloadError
from clew.machine.text import Unwinding, meant, said, shown
from clew.scenarios.code.userfiles import BESIDE, import_file
from clew.sim.finding import Finding, place_of
from clew.workloads import workloads
from clew.workloads.workload import Workload

IN_MEMORY = ":in-memory"
"""The suffix of the name of a class that only this process has."""

_modules: dict[str, ModuleType] = {}
"""For each file that a workload was taken from, the module as it was last imported."""

_classes: dict[str, type[Workload]] = {}
"""The workloads that were found and checked, by file and class."""

_held: WeakValueDictionary[str, type[Workload]] = WeakValueDictionary()


def is_file(name: str) -> bool:
    """Return whether a text names a user's file: ``file.py`` or ``file.py:Class``."""
    return name.partition(":")[0].endswith(".py")


def known_workloads() -> tuple[str, ...]:
    """Return the names of the workloads that ship and of those that are installed."""
    return (*workloads(), *plugins.installed(plugins.WORKLOADS))


def load_workload(reference: str) -> type[Workload]:
    """Load the class of a workload.

    Raises:
        UsageError: there is no workload of this name.
        NodeError: its file can't be imported.
        WorkloadError: the file has no such workload, or it breaks the rules.
    """
    shipped = workloads()
    if reference in shipped:
        return shipped[reference]
    if is_file(reference):
        place = str(Path(reference).absolute())
        if place not in _classes:
            path, _, name = reference.partition(":")
            _classes[place] = _checked(_chosen(_module_of(path), path, name), reference)
        return _classes[place]
    if reference in _held:
        return _held[reference]
    if reference in plugins.installed(plugins.WORKLOADS):
        return _checked(plugins.load(plugins.WORKLOADS, reference), reference)
    known = known_workloads()
    raise UsageError(
        f"there is no workload {reference!r}",
        expected=f"one of {', '.join(known)}, or file.py:Class",
        fix=meant(reference, known) or "See 'clew list workloads'",
    )


def hold_workload(workload: type[Workload]) -> str:
    """Return a reference to a class that only this process has, as long as the class lives."""
    name = workload.__name__ + IN_MEMORY
    _held[name] = _checked(workload, workload.__module__)
    return name


def begin(path: str | None = None, module: ModuleType | None = None) -> None:
    """Forget what was imported, except a model's file, which has just been imported again."""
    _modules.clear()
    _classes.clear()
    if path is not None and module is not None:
        _modules[str(Path(path).absolute())] = module


def _module_of(path: str) -> ModuleType:
    place = str(Path(path).absolute())
    if place not in _modules:
        _modules[place] = import_file(Path(path), beside_a_model=True)
    return _modules[place]


def modules_of(reference: str) -> list[ModuleType]:
    """Return the module of a workload's file, then those that it imported from its own folder."""
    if not is_file(reference):
        return []
    module = _module_of(reference.partition(":")[0])
    names = getattr(module, BESIDE, ())
    return [module, *(sys.modules[name] for name in names if name in sys.modules)]


def canonical(reference: str) -> str:
    """Return a reference that names the class too, if it names a file."""
    path, _, name = reference.partition(":")
    if not is_file(reference) or name:
        return reference
    workload = load_workload(reference)
    names = (name for name, each in _workloads_in(_module_of(path)).items() if each is workload)
    return f"{path}:{next(names)}"


def class_in(module: ModuleType | None, asked: Any) -> type[Workload] | None:
    """Return the workload that a module has under a name, as `reference_in` finds it, or None."""
    reference = None if module is None else reference_in(module, "", asked)
    found = None if module is None or reference is None else getattr(module, reference[1:])
    return found if isinstance(found, type) else None


def reference_in(module: ModuleType, path: str, asked: Any) -> str | None:
    """Return the reference to the workload that a user's file has under a name, or None.

    Args:
        module: of the file.
        path: the file, as it was named.
        asked: the name of the workload or of its class, or the class itself; None for the only one.
    """
    found = _workloads_in(module)
    if isinstance(asked, type):
        name = next((name for name, value in found.items() if value is asked), None)
        return None if name is None else f"{path}:{name}"
    own = [name for name, value in found.items() if value.__module__ == module.__name__]
    for name in own:
        if asked in {name, found[name].name}:
            return f"{path}:{name}"
    return f"{path}:{own[0]}" if asked is None and len(own) == 1 else None


def _workloads_in(module: ModuleType) -> dict[str, type[Workload]]:
    """Return the workloads that a module has, its own and imported ones, by name."""
    return {
        name: value
        for name, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, Workload) and value is not Workload
    }


def _chosen(module: ModuleType, path: str, name: str) -> type[Workload]:
    found = _workloads_in(module)
    own = {n: value for n, value in found.items() if value.__module__ == module.__name__}
    if name in found:
        return found[name]
    by_name = [value for value in own.values() if name and value.name == name]
    bases = {base for value in own.values() for base in value.__mro__[1:]}
    leaves = by_name or [value for value in own.values() if value not in bases and not name]
    if len(leaves) == 1:
        return leaves[0]
    names = ", ".join(own)
    if name or not own:
        what = f"there is no Workload class {name!r}" if name else "there is no Workload class"
        raise WorkloadError(
            f"{what} in this file" if not name else what,
            where=path,
            expected=f"one of {names}" if own else "a class that derives from clew.Workload",
        )
    raise WorkloadError(
        "there are several Workload classes in this file",
        where=path,
        found=names,
        fix=f"Name one, as in {path}:{next(iter(own))}",
    )


def _checked(workload: Any, where: str) -> type[Workload]:
    """Check that what a user's class declares is what the rest relies on."""
    if not (isinstance(workload, type) and issubclass(workload, Workload)):
        raise WorkloadError(
            "this is no workload",
            where=where,
            expected="a class that derives from clew.Workload",
            found=shown(workload, 200),
        )
    for name in ("name", "summary"):
        text: Any = getattr(workload, name)
        if not isinstance(text, str) or not text:
            raise _unusable(workload, where, name, "a text, such as 'bank'", text)
    if not workload.operations:
        expected = "at least one method with @operation(...)"
        raise _unusable(workload, where, "operations", expected, "none")
    checks: Any = workload.checks
    overridden = workload.checkers is not Workload.checkers
    if not isinstance(checks, tuple) or not (checks or overridden):
        expected = "a tuple of checkers, such as ('bank:total=100',)"
        raise _unusable(workload, where, "checks", expected, checks)
    for check in workload.judged_by():
        if isinstance(check.by, str):
            find(parse_model(check.by)[0])
        elif not callable(check.by):
            expected = "the name of a checker, or a class with check(history, budget)"
            raise _unusable(workload, where, "checks", expected, check.by)
    return workload


def _unusable(
    workload: type[Workload], where: str, name: str, expected: str, found: Any
) -> WorkloadError:
    return WorkloadError(
        f"{name!r} of the workload {workload.__name__} can't be used",
        where=where,
        expected=expected,
        found=shown(found, 200),
    )


def check_ends(reference: str, findings: Iterable[Finding]) -> None:
    """Do nothing unless a call of a user's workload did not end: no node is to blame for that.

    Raises:
        WorkloadError: one did not.
    """
    for finding in findings:
        if finding.kind != "endless-loop" or finding.node:
            continue
        own = [each for one in load_workload(reference).__mro__ for each in vars(one).values()]
        files = {each.__code__.co_filename for each in own if isinstance(each, FunctionType)}
        if finding.place.rpartition(":")[0] in files:
            raise WorkloadError(
                f"the workload {reference} does not end",
                where=finding.place,
                expected="that each of its methods returns at once",
                found=finding.reason,
            )


@contextmanager
def mistakes_of(reference: str) -> Iterator[None]:
    """Turn what a user's workload raises into one message that names the line.

    Raises:
        WorkloadError: the workload raised; a mistake of Clew's own stays as it is.
    """
    try:
        yield
    except (ClewError, Unwinding):
        raise
    except Exception as raised:
        cause = raised.__cause__
        bad = cause if type(cause) is type(raised) else raised  # SimPy raises a copy
        if isinstance(bad, ClewError):
            raise bad from None
        place = place_of(bad)
        if not place or reference in workloads():
            raise
        raise WorkloadError(
            f"the workload {reference} raised", where=place, found=said(bad, 1000)
        ) from None
