"""Node classes by name: shipped models, planted bugs, users' own files, and classes in memory.

A class that a notebook or a test defines has no file to load it from: `hold` gives it a name that
means it in this process, and nothing in any other. It is remembered for as long as it lives.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import Context
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from hashlib import sha256
from importlib.util import module_from_spec, spec_from_file_location
from inspect import getsource, getsourcefile, isfunction
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary, WeakValueDictionary

from clew import models
from clew.errors import ClewError, NodeError, UsageError
from clew.formats.regular import check_regular
from clew.machine.text import said, shown
from clew.models.registry import MODELS, Bug, bugs_of
from clew.node.node import Node
from clew.node.tolerates import Tolerates
from clew.scenarios.loggers import attached, loggers_of_module
from clew.scenarios.programs import check_program
from clew.sim.cluster import is_raised
from clew.sim.faults import GROUPS, KINDS
from clew.sim.finding import is_users, users_traceback
from clew.sim.guards import importing
from clew.sim.isolation import Attached, Copy
from clew.sim.watchdog import ImportEndless, watched_import

USERS = "clew_user_"
"""How the name of a user's file as a module begins."""

BESIDE = "__clew_beside__"
"""The global of a user's file that names the modules it imported from its own folder."""


IN_MEMORY = ":in-memory"
"""How the name of a class that only this process has ends."""

_held: WeakValueDictionary[str, type[Node]] = WeakValueDictionary()


class Home(NamedTuple):
    """Where a user's class lives.

    Attributes:
        module: of its file.
        context: in which the module was executed: what it set of context variables is there.
        loggers: those that it uses, with what was attached to each before.
    """

    module: ModuleType
    context: Context
    loggers: Mapping[logging.Logger, Attached]


_homes: WeakKeyDictionary[type[Node], Home] = WeakKeyDictionary()
"""Of each class of a user's file; another file may have taken its module's name since."""


@dataclass(frozen=True, slots=True)
class Model:
    """A node class that can run.

    Attributes:
        name: as the user gave it.
        node_class: what runs, with the planted bug if one was asked for.
        workload: what it is tested against where the user names nothing; None where unknown.
        bug: the planted bug, or None.
        digest: SHA-256 of the source file; empty where there is no source to be had.
    """

    name: str
    node_class: type[Node]
    workload: str | None
    bug: Bug | None
    digest: str


def load_model(name: str, bug: str | None = None) -> Model:
    """The model of a name.

    Args:
        name: a shipped model, ``file.py``, ``file.py:Class``, or what `hold` gave.
        bug: a planted bug of a shipped model.

    Raises:
        UsageError: there is no model or bug of this name.
        NodeError: the file can't be imported, or has no single Node class.
    """
    if name in MODELS:
        entry = MODELS[name]
        planted = None if bug is None else _bug(name, bug)
        node_class = planted.node_class if planted else entry.load()
        return Model(name, node_class, entry.workload, planted, _digest(node_class))
    if bug is not None:
        raise UsageError(
            f"--bug {bug} can't be planted in {name}",
            expected=f"a shipped model: {', '.join(MODELS)}",
            fix="See 'clew list bugs'",
        )
    if name.endswith(IN_MEMORY):
        return _from_memory(name)
    if not name:
        raise UsageError("the model's name is empty", fix="See 'clew list models'")
    path, _, class_name = name.partition(":")
    if not path.endswith(".py"):
        near = get_close_matches(name, MODELS, n=1)
        raise UsageError(
            f"there is no model {name!r}",
            expected=f"one of {', '.join(MODELS)}, or file.py, file.py:Class or scenario.toml",
            fix=f"Did you mean {near[0]!r}" if near else "See 'clew list models'",
        )
    context, before = Context(), attached(but=USERS)
    module = context.run(import_file, Path(path))
    node_class = _class_of(module, Path(path), class_name)
    _homes[node_class] = Home(module, context, loggers_of_module(module, before))
    _check_attributes(node_class, path)
    return Model(name, node_class, node_class.workload, None, _digest(node_class))


def hold(node_class: type[Node]) -> str:
    """A name by which `load_model` finds a class: a shipped model's own, else one for this process.

    Of several classes with one name it means the one that was held last.

    Raises:
        UsageError: it is no class that derives from Node.
        NodeError: what it says of itself can't be used.
    """
    given: Any = node_class
    if not (isinstance(given, type) and issubclass(given, Node)) or given is Node:
        raise UsageError(
            "this can't be run",
            expected="the name of a model, or a class that derives from clew.Node",
            found=shown(given, 200),
        )
    if node_class.__module__.startswith("clew.models"):
        for name, entry in MODELS.items():
            if entry.load() is node_class:
                return name
    name = node_class.__name__ + IN_MEMORY
    _check_attributes(node_class, node_class.__module__)
    _held[name] = node_class
    return name


def _from_memory(name: str) -> Model:
    node_class = _held.get(name)
    if node_class is None:
        class_name = name.removesuffix(IN_MEMORY)
        raise UsageError(
            f"the class {class_name} was in the memory of another process, and is not in this one",
            fix=f"Put it into a file, and name it as file.py:{class_name}",
        )
    return Model(name, node_class, node_class.workload, None, _memory_digest(node_class))


def _bug(model: str, name: str) -> Bug:
    bugs = bugs_of(model)
    if name not in bugs:
        known = ", ".join(bugs) or "none"
        near = get_close_matches(name, bugs, n=1)
        raise UsageError(
            f"{model} has no planted bug {name!r}",
            expected=f"one of {known}",
            fix=f"Did you mean {near[0]!r}" if near else "See 'clew list bugs'",
        )
    return bugs[name]


def _said(node_class: type[Node], name: str) -> Any:
    """An attribute of a class, whatever its type."""
    return getattr(node_class, name)


def _check_attributes(node_class: type[Node], path: str) -> None:
    """Hold what a user's class says of itself to its types; it says it without being checked."""
    where = f"{path}: class {node_class.__name__}"
    workload, functions = _said(node_class, "workload"), _said(node_class, "functions")
    _check_promise(_said(node_class, "tolerates"), where)
    if workload is not None and not isinstance(workload, str):
        raise NodeError(
            "'workload' can't be used",
            where=where,
            expected="a name, such as 'echo', or None",
            found=shown(workload, 200),
            fix="See 'clew list workloads'",
        )
    if functions is None:
        return
    listed = isinstance(functions, tuple | list) and all(isinstance(f, str) for f in functions)
    if not listed or not functions:
        raise NodeError(
            "'functions' can't be used",
            where=where,
            expected="a tuple of names, such as ('read', 'write'), or None",
            found=shown(functions, 200),
        )


def _check_promise(promise: Any, where: str) -> None:
    if promise is None:
        return
    if not isinstance(promise, Tolerates):
        raise NodeError(
            "'tolerates' can't be used",
            where=where,
            expected="a promise, such as Tolerates(nodes=3, latency=0.05), or None",
            found=repr(promise),
            fix="Begin with: from clew import Tolerates",
        )
    for name in promise.faults or ():
        if name not in GROUPS and name not in KINDS:
            near = get_close_matches(name, [*GROUPS, *KINDS], n=1)
            raise NodeError(
                "'faults' of Tolerates can't be used",
                where=where,
                expected="kinds of faults and groups of them",
                found=repr(name),
                fix=f"Did you mean {near[0]!r}" if near else "See 'clew list faults'",
            )


def import_file(path: Path) -> ModuleType:
    """A user's file as a fresh module; what it imports of time and chance is virtual.

    What it imports from its own folder is fresh too, unless others imported it before.

    Raises:
        NodeError: it is not there, has a syntax error, or raises when imported.
    """
    check_regular(path, NodeError, "Check the path, or see 'clew list models'")
    check_program(path)
    module = _new_module(path)
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
            raise  # a person's Ctrl-C
        place, _ = users_traceback(bad)
        raise NodeError(
            "the file can't be imported",
            where=place or str(path),
            found=said(bad, 1000),
        ) from None
    finally:
        setattr(module, BESIDE, _imported_from(beside, known))
    return module


def _new_module(path: Path) -> ModuleType:
    spec = spec_from_file_location(f"{USERS}{path.stem}", path)
    assert spec is not None
    return module_from_spec(spec)


def _execute(module: ModuleType) -> None:
    """Execute a user's module; it may import the files beside its own."""
    assert module.__file__ is not None
    assert module.__spec__ is not None
    assert module.__spec__.loader is not None
    beside = str(Path(module.__file__).resolve().parent)
    sys.path.insert(0, beside)
    try:
        with importing():
            module.__spec__.loader.exec_module(module)
    finally:
        if beside in sys.path:
            sys.path.remove(beside)


def own_modules(node_class: type[Node]) -> tuple[ModuleType, ...]:
    """The modules of a user's class: its file's, then those it uses that are not installed.

    Empty for a shipped model, and for a class of no file.
    """
    if node_class not in _homes:
        return ()
    home = _homes[node_class].module
    found = {home.__name__: home}
    for name in getattr(home, BESIDE, ()):
        if name in sys.modules:
            found[name] = sys.modules[name]
    pending = list(found.values())
    while pending:
        for value in list(vars(pending.pop()).values()):
            if isinstance(value, ModuleType):
                module: ModuleType | None = value
            else:
                used = value if isinstance(value, type | FunctionType) else type(value)
                module = sys.modules.get(str(used.__module__))
            if module is not None and module.__name__ not in found and is_own(module):
                found[module.__name__] = module
                pending.append(module)
    return tuple(found.values())


@contextmanager
def importing_beside(node_class: type[Node]) -> Iterator[None]:
    """Let a user's class import the files beside its own in its handlers too, as a script does.

    What is new then is the user's, as what its file imported.
    """
    if node_class not in _homes:
        yield
        return
    home = _homes[node_class].module
    assert home.__file__ is not None
    beside = str(Path(home.__file__).resolve().parent)
    known = frozenset(sys.modules)
    sys.path.insert(0, beside)
    try:
        yield
    finally:
        if beside in sys.path:
            sys.path.remove(beside)
        names = (*getattr(home, BESIDE), *_imported_from(beside, known))
        setattr(home, BESIDE, tuple(dict.fromkeys(names)))  # each once


def loggers_of(node_class: type[Node]) -> Mapping[logging.Logger, Attached]:
    """The loggers of a user's class, with what was attached to each before it was loaded."""
    return _homes[node_class].loggers


def context_of(node_class: type[Node]) -> Context:
    """The context in which the module of a user's class was executed."""
    return _homes[node_class].context


def is_own(module: ModuleType) -> bool:
    """True for a module of the user's project: of a source file that is not installed."""
    file = getattr(module, "__file__", None)
    if not isinstance(file, str) or not file.endswith(".py") or module.__name__ == "__main__":
        return False
    if module.__name__.partition(".")[0] == "clew" or not is_users(file):
        return False
    return "site-packages" not in file and "dist-packages" not in file


def copy_of(node_class: type[Node]) -> Copy:
    """A user's class of modules that are executed once more; `sys.modules` holds these then.

    Whatever an import may raise is raised.
    """
    home = _homes[node_class].module
    name = next(name for name, value in vars(home).items() if value is node_class)
    tops = {module.__name__.partition(".")[0] for module in own_modules(node_class)}
    for other, module in list(sys.modules.items()):
        if other.partition(".")[0] in tops and (is_own(module) or other == home.__name__):
            del sys.modules[other]
    known = frozenset(sys.modules)
    assert home.__file__ is not None
    copy = sys.modules[home.__name__] = _new_module(Path(home.__file__))
    _execute(copy)
    new = {each: module for each, module in sys.modules.items() if each not in known}
    modules = {each: module for each, module in new.items() if is_own(module) or module is copy}
    return Copy(vars(copy)[name], modules)


def _imported_from(folder: str, known: frozenset[str]) -> tuple[str, ...]:
    """The modules that are new and lie in a folder; installed packages in it are left alone."""
    return tuple(
        name
        for name, module in list(sys.modules.items())
        if name not in known
        and not name.startswith(USERS)
        and (file := getattr(module, "__file__", None)) is not None
        and Path(folder) in Path(file).parents
        and "site-packages" not in Path(file).parts
    )


def _forget_beside() -> None:
    """Let the next user's file import afresh what an earlier one imported beside it."""
    for name, module in list(sys.modules.items()):
        if name.startswith(USERS):
            for beside in getattr(module, BESIDE, ()):
                sys.modules.pop(beside, None)


def _class_of(module: ModuleType, path: Path, class_name: str) -> type[Node]:
    here = {
        name: value
        for name, value in vars(module).items()
        if isinstance(value, type)
        and issubclass(value, Node)
        and value is not Node
        and value.__module__ == module.__name__
    }
    if class_name:
        if class_name not in here:
            raise NodeError(
                f"there is no Node class {class_name!r}",
                where=str(path),
                expected=f"one of {', '.join(here)}" if here else "a class that derives from Node",
            )
        return here[class_name]
    # A base class of another class in the file is not what is meant to run.
    bases = {base for value in here.values() for base in value.__mro__[1:]}
    leaves = [name for name, value in here.items() if value not in bases]
    if not leaves:
        raise NodeError(
            "there is no Node class in this file",
            where=str(path),
            expected="a class that derives from clew.Node",
            fix="Begin with 'clew new'",
        )
    if len(leaves) > 1:
        raise NodeError(
            "there are several Node classes in this file",
            where=str(path),
            found=", ".join(leaves),
            fix=f"Name one, as in {path}:{leaves[0]}",
        )
    return here[leaves[0]]


def _digest(node_class: type[Node]) -> str:
    """SHA-256 over the source files of a class and its bases, up to `Node`.

    Shipped models share files with each other; for those it is over all of them.
    """
    if node_class.__module__.startswith("clew.models"):
        return _shipped_digest()
    digest = sha256()
    for base in node_class.__mro__:
        if base is Node:
            break
        file = getsourcefile(base)
        if file is not None:
            digest.update(Path(file).read_bytes())
    return digest.hexdigest()


def _memory_digest(node_class: type[Node]) -> str:
    """SHA-256 over the source text of a class and its bases; empty where one has none.

    A notebook keeps the text of its cells, an old REPL nothing.
    """
    digest = sha256()
    for base in node_class.__mro__[: node_class.__mro__.index(Node)]:
        try:
            digest.update(_source(base).encode())
        except (OSError, TypeError):
            return ""
    return digest.hexdigest()


def _source(node_class: type) -> str:
    """The text of a class, or at least of its methods: a notebook's module has no file.

    Raises:
        OSError, TypeError: there is none.
    """
    try:
        return getsource(node_class)
    except (OSError, TypeError):
        methods = [part for part in vars(node_class).values() if isfunction(part)]
        if not methods:
            raise
        return "".join(map(getsource, methods))


@lru_cache(maxsize=1)
def _shipped_digest() -> str:
    digest = sha256()
    for source in sorted(Path(models.__file__).parent.rglob("*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()
