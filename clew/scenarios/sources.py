"""The source files of a model, each with its digest: what a run of it may depend on.

Of a shipped model these are the files of the shipped models that its class reaches; of a user's
file the file itself and what it imported from its own folder. Names are relative, so that they are
the same on every machine. Installed packages are left out: `clew.scenarios.repro.versions` tells
the version of Clew and of Python alone.
"""

from __future__ import annotations

import sys
from hashlib import sha256
from pathlib import Path
from types import ModuleType

from clew import models
from clew.scenarios.load import BESIDE, USERS, Model

DIGITS = 16
"""So many hexadecimal digits of SHA-256 tell one version of a file from another."""


def sources_of(model: Model) -> dict[str, str]:
    """The first `DIGITS` digits of the SHA-256 of each source file by name, sorted by name.

    Empty for a class that no file holds.
    """
    module = sys.modules.get(model.node_class.__module__)
    if module is None:
        return {}
    if module.__name__.startswith(models.__name__):
        root, reached = Path(models.__file__).parent, _shipped(module)
    elif module.__name__.startswith(USERS):
        beside = [sys.modules[name] for name in getattr(module, BESIDE, ()) if name in sys.modules]
        root, reached = Path(str(module.__file__)).parent, [module, *beside]
    else:
        return {}
    files = {
        _name(Path(each.__file__), root): Path(each.__file__) for each in reached if each.__file__
    }
    return {
        name: sha256(files[name].read_bytes()).hexdigest()[:DIGITS]
        for name in sorted(files)
        if files[name].is_file()
    }


def source_digest(model: Model) -> str:
    """SHA-256 of all that a run of a model may depend on: of its file, and of those beside it."""
    digest = sha256(model.digest.encode())
    for name, each in sources_of(model).items():
        digest.update(f"{name} {each}\n".encode())
    return digest.hexdigest()


def _name(file: Path, root: Path) -> str:
    """The path below a folder; the bare name of a file elsewhere."""
    file, root = file.resolve(), root.resolve()
    return file.relative_to(root).as_posix() if root in file.parents else file.name


def _shipped(module: ModuleType) -> list[ModuleType]:
    """The modules of the shipped models that one reaches through what it imported."""
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
    """A module's globals, and what stands in those that are tuples, such as invariants."""
    values = list(vars(module).values())
    return values + [item for value in values if isinstance(value, tuple) for item in value]


def _home(value: object) -> str:
    """The module that something was defined in; empty where it does not say."""
    home = getattr(value, "__module__", None)
    return home if isinstance(home, str) else ""
