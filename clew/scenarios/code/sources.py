"""The source files of a model, each with its digest: everything that a run may depend on.

For a shipped model these are the files of the shipped models that its class reaches; for a user's
file they are the file itself, what it imported that is not installed, and what its text says that
it may import from its own folder. Names are relative, so that they are the same on every machine.
Installed packages are left out: `clew.scenarios.repros.repro.versions` has only the versions of
Clew and Python.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from hashlib import sha256
from os.path import relpath
from pathlib import Path
from types import ModuleType

from clew import models
from clew.scenarios.code.imports import reached
from clew.scenarios.code.models import Model
from clew.scenarios.code.userfiles import BESIDE, USERS, home_of
from clew.scenarios.code.workload_files import is_file, modules_of

OF_THE_WORKLOAD = "workload: "
"""The prefix of the name of a source of a workload that has a file of its own."""

DIGITS = 16
"""The hexadecimal digits of SHA-256 that distinguish the versions of a file."""


def sources_of(model: Model, workload: str | None = None) -> dict[str, str]:
    """Return `DIGITS` digits of the SHA-256 of each source file by name, sorted by name.

    Those of a workload that has a file of its own come last, each with the prefix
    `OF_THE_WORKLOAD`. Empty for classes that no file holds.
    """
    return _of_the_model(model) | _of_the_workload(model, workload)


def _of_the_workload(model: Model, workload: str | None) -> dict[str, str]:
    if workload is None or not is_file(workload) or in_one_file(model.name, workload):
        return {}
    found = _of_a_file(modules_of(workload))
    return {f"{OF_THE_WORKLOAD}{name}": digest for name, digest in found.items()}


def in_one_file(model: str, workload: str) -> bool:
    """Return whether two references, as to a model and its workload, mean one user's file."""
    one, other = model.partition(":")[0], workload.partition(":")[0]
    return is_file(model) and Path(one).resolve() == Path(other).resolve()


def _of_the_model(model: Model) -> dict[str, str]:
    home = home_of(model.node_class) if model.system else None
    module = home.module if home else sys.modules.get(model.node_class.__module__)
    if module is None:
        return {}
    if module.__name__.startswith(models.__name__):
        return _digests(files_of(_shipped(module)), Path(models.__file__).parent)
    if module.__name__.startswith(USERS):
        beside = [sys.modules[name] for name in getattr(module, BESIDE, ()) if name in sys.modules]
        return _of_a_file([module, *beside])
    return {}


def _of_a_file(modules: list[ModuleType]) -> dict[str, str]:
    """Return the sources of a user's file, whose module comes first, by name."""
    files = files_of(modules)
    root = files[0].resolve().parent
    return _digests(reached(files, root), root)


def files_of(modules: Iterable[ModuleType]) -> list[Path]:
    """Return the files of modules, except those that have none."""
    files = (getattr(each, "__file__", None) for each in modules)
    return [Path(file) for file in files if file]


def _digests(reached_files: Iterable[Path], root: Path) -> dict[str, str]:
    files = {name_from(each, root): each for each in reached_files}
    return {
        name: sha256(files[name].read_bytes()).hexdigest()[:DIGITS]
        for name in sorted(files)
        if files[name].is_file()
    }


def source_digest(model: Model, workload: str | None) -> str:
    """Hash with SHA-256 all files that a run may depend on: model, workload, and more."""
    digest = sha256(model.digest.encode())
    for name, each in sources_of(model, workload).items():
        digest.update(f"{name} {each}\n".encode())
    return digest.hexdigest()


def name_from(file: Path, root: Path) -> str:
    """Return the path from a folder, with a link below it under the link's own name."""
    root = root.resolve()
    file = file.absolute() if root in file.absolute().parents else file.resolve()
    return Path(relpath(file, root)).as_posix()


def _shipped(module: ModuleType) -> list[ModuleType]:
    """Return the modules of shipped models that one of them reaches through its imports."""
    found = {module.__name__: module}
    pending = [module]
    while pending:
        for value in _values(pending.pop()):
            name = value.__name__ if isinstance(value, ModuleType) else _home(value)
            if name in found or not name.startswith(f"{models.__name__}."):
                continue
            if name in sys.modules and name != f"{models.__name__}.registry":
                found[name] = sys.modules[name]
                pending.append(found[name])
    return list(found.values())


def _values(module: ModuleType) -> list[object]:
    """Return a module's globals, and the members of those that are tuples, such as invariants."""
    values = list(vars(module).values())
    return values + [item for value in values if isinstance(value, tuple) for item in value]


def _home(value: object) -> str:
    """Return the module that something was defined in; empty if unknown."""
    home = getattr(value, "__module__", None)
    return home if isinstance(home, str) else ""
