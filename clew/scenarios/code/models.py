"""Node classes and systems by name: shipped, installed, with planted bugs, from files, in memory.

A class that a notebook or a test defines has no file to load it from: `hold` gives it a name that
means it in this process, and nothing in any other. It is remembered for as long as it lives.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from inspect import getsource, getsourcefile, isfunction
from pathlib import Path
from types import ModuleType
from typing import Any
from weakref import WeakValueDictionary

from clew import models, plugins
from clew.errors import NodeError, UsageError
from clew.machine.text import meant, shown
from clew.models.registry import MODELS, Bug, bugs_of
from clew.node.node import Node
from clew.node.system import Program, System, classes_of, is_shipped, lead_of
from clew.scenarios.code.declarations import check_declarations, said
from clew.scenarios.code.userfiles import Home, home_of, import_alone, settle
from clew.scenarios.code.workload_files import (
    IN_MEMORY,
    begin,
    canonical,
    class_in,
    hold_workload,
    is_file,
    reference_in,
)
from clew.sim.finding import blamed
from clew.workloads import workloads
from clew.workloads.workload import Workload

_held: WeakValueDictionary[str, Any] = WeakValueDictionary()


@dataclass(frozen=True, slots=True)
class Model:
    """A node class that can run, or a system of several.

    Attributes:
        name: as the user gave it.
        node_class: what runs, with the planted bug if there is one; for a system the first
            class that does not ship, which stands for the file that they all come from.
        workload: what it is tested with if the user names none; None if unknown.
        bug: the planted bug, or None.
        digest: SHA-256 of the source file; empty if no source is available.
        system: what runs if there are several kinds of node; None for one class.
    """

    name: str
    node_class: type[Node]
    workload: str | None
    bug: Bug | None
    digest: str
    system: System | None = None

    @property
    def program(self) -> Program:
        """What runs: the system, else the class."""
        return self.system or self.node_class

    @property
    def title(self) -> str:
        """What it is called in a sentence: its class, or its system."""
        return "the system" if self.system else f"class {self.node_class.__name__}"

    def running(self, program: Program) -> Model:
        """Return the same model with other classes, such as ones that are looked into."""
        return _model(self.name, program, self.workload, self.bug, self.digest)


@blamed()
def load_model(name: str, bug: str | None = None) -> Model:
    """Load the model of a name.

    Args:
        name: a shipped model, ``file.py``, ``file.py:Class``, or what `hold` gave.
        bug: a planted bug of a shipped model.

    Raises:
        UsageError: there is no model or bug of this name.
        NodeError: the file can't be imported, or has no single Node class.
    """
    begin()
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
    if name in plugins.installed(plugins.MODELS):
        program = _installed(plugins.load(plugins.MODELS, name), name)
        return _model(name, program, _spoken(program, None, ""), None, _digest(program))
    path, _, class_name = name.partition(":")
    if not is_file(name):
        known = known_models()
        raise UsageError(
            f"there is no model {name!r}",
            expected=f"one of {', '.join(known)}, or file.py, file.py:Class or scenario.toml",
            fix=meant(name, known) or "See 'clew list models'",
        )
    home = Home(*import_alone(Path(path)))
    program = _program_of(home.module, Path(path), class_name)
    for node_class in classes_of(program):
        if not is_shipped(node_class):
            settle(node_class, home)
    begin(path, home.module)
    check_declarations(program, path)
    workload = _spoken(program, home.module, path)
    return _model(name, program, workload, None, _digest(program, home.module))


def _model(
    name: str, program: Program, workload: str | None, bug: Bug | None, digest: str
) -> Model:
    system = program if isinstance(program, System) else None
    return Model(name, lead_of(program), workload, bug, digest, system)


def known_models() -> tuple[str, ...]:
    """Return the names of the models that ship and of those that are installed."""
    return (*MODELS, *plugins.installed(plugins.MODELS))


def _installed(given: Any, name: str) -> Program:
    """Load what an installed package brings, with its declarations checked."""
    if not isinstance(given, System) and not (isinstance(given, type) and issubclass(given, Node)):
        raise NodeError(
            f"the installed model {name!r} is no node",
            expected="a class that derives from clew.Node, or a clew.System",
            found=shown(given, 200),
        )
    check_declarations(given, name)
    return given


def _spoken(program: Program, module: ModuleType | None, path: str) -> str | None:
    """Return the reference to the workload that a program names; None if it names none.

    A workload of its own file is preferred to a shipped one; the only one of the file need not be
    named.
    """
    asked = said(program, "workload")
    if module is not None:
        found = reference_in(module, path, asked)
    else:
        home = sys.modules.get(lead_of(program).__module__)
        known = asked if isinstance(asked, type) else class_in(home, asked)
        found = None if known is None else _named(known)
    if found is not None or asked is None:
        return found
    return canonical(str(Path(path).parent / asked)) if is_file(asked) else str(asked)


def _named(workload: type[Workload]) -> str:
    ships = workloads().get(workload.name) is workload
    return workload.name if ships else hold_workload(workload)


def reference_of(model: Model, asked: str | None) -> str | None:
    """Return the reference to the workload of a given name; the model's if none is given.

    Raises:
        ClewError: a named file can't be imported, or has no single workload.
    """
    if asked is None:
        return model.workload
    home = home_of(model.node_class)
    path = model.name.partition(":")[0]
    own = None if home is None or is_file(asked) else reference_in(home.module, path, asked)
    return own or canonical(asked)


def hold(node_class: Program) -> str:
    """Return a name by which `load_model` finds a class: a shipped model's, or this process's own.

    If several classes have one name, it means the one that was held last. A system is called after
    its roles.

    Raises:
        UsageError: it is neither a class that derives from Node nor a System.
        NodeError: a declaration of it can't be used.
    """
    given: Any = node_class
    if isinstance(given, System):
        name = "+".join(given.roles) + IN_MEMORY
        check_declarations(given, "this process")
        _held[name] = given
        return name
    if not (isinstance(given, type) and issubclass(given, Node)) or given is Node:
        raise UsageError(
            "this can't be run",
            expected="the name of a model, a class that derives from clew.Node, or a clew.System",
            found=shown(given, 200),
        )
    assert not isinstance(node_class, System)
    if node_class.__module__.startswith("clew.models"):
        for name, entry in MODELS.items():
            if entry.load() is node_class:
                return name
    name = node_class.__name__ + IN_MEMORY
    check_declarations(node_class, node_class.__module__)
    _held[name] = node_class
    return name


def _from_memory(name: str) -> Model:
    program = _held.get(name)
    if program is None:
        class_name = name.removesuffix(IN_MEMORY)
        raise UsageError(
            f"the class {class_name} was in the memory of another process, and is not in this one",
            fix=f"Put it into a file, and name it as file.py:{class_name}",
        )
    return _model(name, program, _spoken(program, None, ""), None, _memory_digest(program))


def _bug(model: str, name: str) -> Bug:
    bugs = bugs_of(model)
    if name not in bugs:
        known = ", ".join(bugs) or "none"
        raise UsageError(
            f"{model} has no planted bug {name!r}",
            expected=f"one of {known}",
            fix=meant(name, bugs) or "See 'clew list bugs'",
        )
    return bugs[name]


def _program_of(module: ModuleType, path: Path, name: str) -> Program:
    """Return the system of a file, by its name or the only one; a class if there is none."""
    systems = {each: value for each, value in vars(module).items() if isinstance(value, System)}
    if name in systems:
        return systems[name]
    if name or not systems:
        return _class_of(module, path, name, (*systems,))
    if len({id(each) for each in systems.values()}) > 1:
        raise NodeError(
            "there are several Systems in this file",
            where=str(path),
            found=", ".join(systems),
            fix=f"Name one, as in {path}:{next(iter(systems))}",
        )
    return next(iter(systems.values()))


def _class_of(
    module: ModuleType, path: Path, class_name: str, systems: tuple[str, ...]
) -> type[Node]:
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
            known = (*here, *systems)
            raise NodeError(
                f"there is no Node class {class_name!r}",
                where=str(path),
                expected=f"one of {', '.join(known)}"
                if known
                else "a class that derives from Node",
            )
        return here[class_name]
    # A base class of another class in the file is not meant to run.
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


def _digest(program: Program, home: ModuleType | None = None) -> str:
    """Hash with SHA-256 the source files of a class and its bases, up to `Node`.

    Shipped models share files with each other; for them it covers all of these files. A system's
    covers the files of all its classes, and its own file, the home.
    """
    classes = classes_of(program)
    if all(each.__module__.startswith("clew.models") for each in classes) and home is None:
        return _shipped_digest()
    digest = sha256()
    for file in (getsourcefile(base) for each in classes for base in _own_bases(each)):
        if file is not None:
            digest.update(Path(file).read_bytes())
    if isinstance(program, System) and home is not None and home.__file__ is not None:
        digest.update(Path(home.__file__).read_bytes())
    return digest.hexdigest()


def _own_bases(node_class: type[Node]) -> tuple[type, ...]:
    """Return a class and its bases, up to `Node`."""
    return node_class.__mro__[: node_class.__mro__.index(Node)]


def _memory_digest(program: Program) -> str:
    """Hash with SHA-256 the source text of a class and its bases; empty if one has none.

    A notebook keeps the text of its cells, an old REPL nothing.
    """
    digest = sha256()
    for base in (base for each in classes_of(program) for base in _own_bases(each)):
        try:
            digest.update(_source(base).encode())
        except (OSError, TypeError):
            return ""
    return digest.hexdigest()


def _source(node_class: type) -> str:
    """Return the text of a class, or at least of its methods: a notebook's module has no file.

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
