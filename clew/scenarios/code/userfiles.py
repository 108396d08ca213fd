"""Users' files as modules: imported afresh with the files beside them, and executed again.

The clocks and random functions that a file imports are virtual. A file may be imported again and
again, and another may take its module's name; where a class came from is remembered with the class.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import Context
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import FunctionType, ModuleType
from typing import NamedTuple
from weakref import WeakKeyDictionary

from clew.errors import ClewError, NodeError
from clew.formats.regular import check_regular
from clew.machine.text import said
from clew.node.node import Node
from clew.node.system import Program, classes_of, lead_of
from clew.runtimes.isolated import Attached, Copy
from clew.scenarios.code.gate import GIVEN, is_below
from clew.scenarios.code.loggers import attached, loggers_of_module
from clew.scenarios.code.programs import check_program
from clew.sim.finding import is_raised, is_users, place_of
from clew.sim.guards import importing
from clew.sim.watchdog import ImportEndless, watched_import

USERS = "clew_user_"
"""The prefix of the module name of a user's file."""

BESIDE = "__clew_beside__"
"""The global of a user's file that names the modules it imported and that are not installed."""


class Home(NamedTuple):
    """Where a user's class comes from.

    Attributes:
        module: of its file.
        context: in which the module was executed, with the context variables that it set.
        loggers: those that it uses, with what was attached to each before.
    """

    module: ModuleType
    context: Context
    loggers: Mapping[logging.Logger, Attached]


_homes: WeakKeyDictionary[type[Node], Home] = WeakKeyDictionary()
"""The home of each class of a user's file; another file may have taken its module's name since."""


def import_alone(path: Path) -> tuple[ModuleType, Context, Mapping[logging.Logger, Attached]]:
    """Import a user's file as a fresh module, in a context of its own; with its loggers."""
    context, before = Context(), attached(but=USERS)
    module = context.run(import_file, path)
    return module, context, loggers_of_module(module, before)


def settle(node_class: type[Node], home: Home) -> None:
    """Remember where a class of a user's file comes from."""
    _homes[node_class] = home


def home_of(node_class: type[Node]) -> Home | None:
    """Return where a class of a user's file comes from; None for a shipped or file-less class."""
    return _homes.get(node_class)


def import_file(path: Path, *, beside_a_model: bool = False) -> ModuleType:
    """Import a user's file as a fresh module; its clocks and random functions are virtual.

    What it imports from its own folder is fresh too, unless others imported it before; a file
    beside a model's shares those imports with the model.

    Raises:
        NodeError: it is not there, has a syntax error, or raises when imported.
    """
    check_regular(path, NodeError, "Check the path, or see 'clew list models'")
    check_program(path)
    module = _new_module(path, "beside_" if beside_a_model else "")
    if not beside_a_model:
        _forget_beside()
    known = frozenset(sys.modules)
    sys.modules[module.__name__] = module  # dataclasses and typing look a class's module up
    beside = str(path.resolve().parent)
    try:
        with watched_import(path):
            _execute(module)
    except ClewError:
        raise
    except ImportEndless as endless:
        raise NodeError(
            "the file can't be imported: that does not end",
            where=str(endless) or str(path),
            fix="Put what runs for long, or waits, into a handler or below "
            "if __name__ == '__main__'",
        ) from None
    except SyntaxError as bad:
        where = f"{bad.filename}:{bad.lineno}" if bad.filename and bad.lineno else str(path)
        raise NodeError("syntax error", where=where, found=str(bad.msg)) from None
    except BaseException as bad:
        if isinstance(bad, KeyboardInterrupt) and not is_raised(bad):
            raise  # the user's Ctrl-C
        place = place_of(bad)
        raise NodeError(
            "the file can't be imported",
            where=place or str(path),
            found=said(bad, 1000),
        ) from None
    finally:
        setattr(module, BESIDE, _imported_from(beside, known))
    return module


def _new_module(path: Path, kind: str = "") -> ModuleType:
    spec = spec_from_file_location(f"{USERS}{kind}{path.stem}", path)
    assert spec is not None
    return module_from_spec(spec)


def _execute(module: ModuleType) -> None:
    """Execute a user's module; it may import the files beside its own."""
    assert module.__spec__ is not None
    assert module.__spec__.loader is not None
    with _on_the_path(module), importing():
        module.__spec__.loader.exec_module(module)


@contextmanager
def _on_the_path(module: ModuleType) -> Iterator[str]:
    """Let the files beside a user's module be imported, as beside a script; yield their folder."""
    assert module.__file__ is not None
    beside = str(Path(module.__file__).resolve().parent)
    sys.path.insert(0, beside)
    try:
        yield beside
    finally:
        if beside in sys.path:
            sys.path.remove(beside)


def own_modules(node_class: type[Node]) -> tuple[ModuleType, ...]:
    """Return the modules of a user's class: its file's, then those it uses that are not installed.

    Empty for a shipped model, and for a class without a file.
    """
    if node_class not in _homes:
        return ()
    home = _homes[node_class].module
    found = {home.__name__: home}
    for name in getattr(home, BESIDE, ()):
        if isinstance(module := sys.modules.get(name), ModuleType):
            found[name] = module
    pending = list(found.values())
    # Invariant: `pending` holds the modules found whose names have not been looked at yet. Each
    # enters it once, so that modules that import each other end the walk too.
    while pending:
        for value in list(vars(pending.pop()).values()):
            if isinstance(value, ModuleType):
                module = value
            else:
                used = value if isinstance(value, type | FunctionType) else type(value)
                module = sys.modules.get(str(used.__module__))
            if isinstance(module, ModuleType) and module.__name__ not in found and is_own(module):
                found[module.__name__] = module
                pending.append(module)
    return tuple(found.values())


def own_objects(node_class: type[Node]) -> dict[str, object]:
    """Return the objects but modules that a user's class put into `sys.modules`, by name."""
    names = getattr(_homes[node_class].module, BESIDE, ()) if node_class in _homes else ()
    return {
        name: sys.modules[name]
        for name in names
        if name in sys.modules and not isinstance(sys.modules[name], ModuleType)
    }


def own_names(node_class: type[Node]) -> list[str]:
    """Return the names in `sys.modules` of all that is the user's own."""
    return [*(module.__name__ for module in own_modules(node_class)), *own_objects(node_class)]


@contextmanager
def importing_beside(node_class: type[Node]) -> Iterator[None]:
    """Let a user's class import the files beside its own in its handlers too, as a script does.

    Modules that are new afterwards are the user's, like those that its file imported.
    """
    if node_class not in _homes:
        yield
        return
    home = _homes[node_class].module
    known = frozenset(sys.modules)
    with _on_the_path(home) as beside:
        try:
            yield
        finally:
            names = (*getattr(home, BESIDE), *_imported_from(beside, known))
            setattr(home, BESIDE, tuple(dict.fromkeys(names)))  # each once


def loggers_of(node_class: type[Node]) -> Mapping[logging.Logger, Attached]:
    """Return the loggers of a user's class, with what was attached to each before it was loaded."""
    return _homes[node_class].loggers


def context_of(node_class: type[Node]) -> Context:
    """Return the context in which the module of a user's class was executed."""
    return _homes[node_class].context


def is_own(module: object) -> bool:
    """Return whether a module is of the user's project: of a file not installed, or of none.

    Any other object among the modules is the user's if its class is.
    """
    if is_made_by_hand(module):
        return True
    return isinstance(module, ModuleType) and _has_own_file(module)


def _has_own_file(module: ModuleType) -> bool:
    file = getattr(module, "__file__", None)
    if not isinstance(file, str) or not file.endswith(".py") or module.__name__ == "__main__":
        return False
    if module.__name__.partition(".")[0] == "clew" or not is_users(file):
        return False
    return "site-packages" not in file and "dist-packages" not in file


def is_made_by_hand(module: object) -> bool:
    """Return True for what the user's code has put among the modules without an import.

    It is a module without a file or a package, or an object of any class of the user's.
    """
    if type(module) is ModuleType:
        held = vars(module)
        return (
            held.get("__spec__") is None
            and held.get("__file__") is None
            and "." not in module.__name__
            and module.__name__ != "__main__"
        )
    home = sys.modules.get(type(module).__module__)
    return type(home) is ModuleType and (is_made_by_hand(home) or _has_own_file(home))


def copy_of(program: Program) -> Copy:
    """Copy a user's program by executing its modules again; `sys.modules` then holds these.

    Raises whatever an import may raise.
    """
    node_class = lead_of(program)
    home = _homes[node_class].module
    name = next(name for name, value in vars(home).items() if value is program)
    tops = {name.partition(".")[0] for name in own_names(node_class)}
    for other, module in list(sys.modules.items()):
        if other.partition(".")[0] in tops and (is_own(module) or other == home.__name__):
            del sys.modules[other]
    known = frozenset(sys.modules)
    assert home.__file__ is not None
    copy = sys.modules[home.__name__] = _new_module(Path(home.__file__))
    _execute(copy)
    new = {each: module for each, module in sys.modules.items() if each not in known}
    modules = {each: module for each, module in new.items() if is_own(module) or module is copy}
    twin = vars(copy)[name]
    twins = dict(zip(classes_of(program), classes_of(twin), strict=True))
    return Copy(twin, twins, modules)


def _imported_from(folder: str, known: frozenset[str]) -> tuple[str, ...]:
    """Return the new modules that are in a folder, or that the user's code found for itself.

    A module that it made by hand is its own.

    Installed packages in the folder are left alone.
    """
    return tuple(
        name
        for name, module in list(sys.modules.items())
        if name not in known
        and not name.startswith(USERS)
        and (is_made_by_hand(module) or _lies_beside(module, folder))
    )


def _lies_beside(module: object, folder: str) -> bool:
    """Return whether a module, not installed, is in a folder or one that this process lacks."""
    file = getattr(module, "__file__", None)
    if file is None or "site-packages" in Path(file).parts:
        return False
    return Path(folder) in Path(file).parents or _is_elsewhere(module)


def _is_elsewhere(module: object) -> bool:
    """Return whether a module of the user's is in a folder that this process was not given."""
    return (
        is_own(module)
        and is_below(os.path.realpath(str(getattr(module, "__file__", None))), GIVEN) < 0
    )


def _forget_beside() -> None:
    """Let the next user's file import afresh what an earlier one imported beside it."""
    for name, module in list(sys.modules.items()):
        if name.startswith(USERS):
            for beside in getattr(module, BESIDE, ()):
                sys.modules.pop(beside, None)
