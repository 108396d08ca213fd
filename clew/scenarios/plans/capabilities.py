"""Which faults a node class can notice, found in its code before anything runs.

There are two questions, with different burdens of proof. `kinds_for` finds what is worth drawing: a
class that reaches a call by roundabout means counts as not having it. `unfelt` finds what a class
certainly can't notice, so that a request for it is refused: there any doubt is in favour of the
class.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from types import ModuleType

from clew.node.node import takes_members
from clew.node.system import Program, System, classes_of, tells_state
from clew.node.tolerates import MILD, Tolerates
from clew.scenarios.code.calls import names_called, own_bases
from clew.scenarios.code.userfiles import BESIDE
from clew.scenarios.plans.aims import Ability
from clew.sim.faults import GROUPS, KINDS, PLANNED

CAPABILITIES: dict[str, frozenset[str]] = {
    # what a kind of fault may need: the names in a node's code that show that the node has it
    "peers": frozenset({"send", "rpc"}),
    "disk": frozenset({"disk", "open", "write_text", "write_bytes"}),
    "clock": frozenset(
        {
            "now", "time", "time_ns", "today", "utcnow", "clock_gettime", "clock_gettime_ns",
            "localtime", "gmtime", "ctime", "asctime", "strftime", "uuid1",
        }
    ),
    "timers": frozenset(
        {
            "after", "every", "sleep", "rpc", "monotonic", "monotonic_ns", "perf_counter",
            "perf_counter_ns",
        }
    ),
    "work": frozenset({"work"}),
}  # fmt: skip

_ROUNDABOUT = frozenset(
    {
        "getattr", "__getattribute__", "__dict__", "vars", "eval", "exec", "attrgetter",
        "methodcaller", "import_module", "__import__", "_runtime",
    }
)  # fmt: skip
"""Names by which code may reach any other."""


def promised(program: Program) -> Tolerates:
    """Return what a class or a system says that it tolerates, or the mild default."""
    return program.tolerates or MILD


def capabilities(program: Program) -> frozenset[str]:
    """Return which needs of faults a program's nodes can feel: `CAPABILITIES`' keys, and members.

    Found by the names that their methods' code mentions; a class that reaches them by other means,
    such as ``getattr``, is taken to have none. Of a system it is what any of its classes can feel.
    """
    names = {name for node_class in classes_of(program) for name in names_called(node_class)}
    able = frozenset(need for need, shown in CAPABILITIES.items() if names & shown)
    return able | _members(program)


def abilities(program: Program) -> dict[str, Ability]:
    """Return what the nodes of each role of a system can feel and report; empty for one class.

    Of the network's faults every node feels something, whether it sends or is sent something.
    """
    if not isinstance(program, System):
        return {}
    return {
        name: Ability(tells_state(each.node_class), capabilities(each.node_class))
        for name, each in program.roles.items()
    }


def _members(program: Program) -> frozenset[str]:
    """Return the need of faults that change who is a member, if a class has the hook for it."""
    hooked = any(takes_members(each) for each in classes_of(program))
    return frozenset({"members"} if hooked else ())


def _own(program: Program) -> list[type]:
    return [base for each in classes_of(program) for base in own_bases(each)]


def kinds_for(program: Program) -> list[str]:
    """Return the kinds of fault that nodes can feel and promise to withstand, in the table's order.

    Those that are drawn only if they are asked for by name are not among them.
    """
    return [name for name in _fit(program) if not KINDS[name].apart]


def kinds_apart(program: Program) -> list[str]:
    """Return the same of those kinds alone that are drawn only if they are asked for by name."""
    return [name for name in _fit(program) if KINDS[name].apart]


def _fit(program: Program) -> list[str]:
    able, promise = capabilities(program) | {"nothing"}, promised(program)
    return [
        name for name, kind in KINDS.items() if kind.needs in able and withstands(promise, name)
    ]


def withstands(promise: Tolerates, kind: str) -> bool:
    """Return whether a promise covers a kind of fault."""
    if kind in promise.also:
        return True
    known = {**KINDS, **PLANNED}.get(kind)
    if known is not None and known.sworn:
        return kind in (promise.faults or ())
    group = KINDS[kind].group if kind in KINDS else kind
    if group == "clock" and promise.clock_error == 0:
        return False
    if promise.faults is None or {kind, group} & {*promise.faults}:
        return True
    like = KINDS[kind].like if kind in KINDS else ()
    return bool(like) and all(withstands(promise, each) for each in like)


def unfelt(program: Program) -> frozenset[str]:
    """Return the kinds of fault that no node of a program can notice, for certain.

    For a shipped model these are the kinds whose needs its code does not mention. For a user's
    class, no file of it or beside it may mention the call, even as a text, or have other means to
    reach it: an installed package, ``getattr`` and the like.
    """
    if all(each.__module__.startswith("clew.models") for each in classes_of(program)):
        able = capabilities(program)
    else:
        names = _all_names(program)
        if names is None:
            return frozenset()
        able = frozenset(CAPABILITIES)
        if not names & _ROUNDABOUT:
            able = frozenset(need for need, shown in CAPABILITIES.items() if names & shown)
        able |= _members(program)
    return frozenset(name for name, kind in KINDS.items() if kind.needs not in {*able, "nothing"})


def unfelt_group(program: Program, asked: str) -> bool:
    """Return whether nodes of a program can notice nothing of what a name asks for."""
    return unfelt(program).issuperset(GROUPS.get(asked, (asked,)))


def _all_names(program: Program) -> set[str] | None:
    """Return every name and text in the files of a program; None if not all of it can be read."""
    names: set[str] = set()
    # One file that can't be read, or imports what is not known, is enough for doubt.
    for module in _modules(program):
        file = getattr(module, "__file__", None)
        if file is None:
            return None
        try:
            found, imported = _mentioned(Path(file).read_text(encoding="utf-8"))
        except (OSError, ValueError, SyntaxError, RecursionError):
            return None
        if not all(_is_known(name, Path(file).parent) for name in imported):
            return None
        names |= found
    # A class that a program made elsewhere is not in its module's file.
    written = names.issuperset(base.__name__ for base in _own(program))
    return names if written else None


@lru_cache(maxsize=16)
def _mentioned(source: str) -> tuple[frozenset[str], frozenset[str]]:
    """Return the names and texts in a program, and the packages that it imports."""
    names: set[str] = set()
    imported: set[str] = set()
    for one in ast.walk(ast.parse(source)):
        match one:
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.alias(name=name):
                names.add(name.rpartition(".")[2])
            case ast.Constant(value=str(name)) | ast.ClassDef(name=name):
                names.add(name)
            case _:
                pass
        if isinstance(one, ast.Import):
            imported.update(alias.name.partition(".")[0] for alias in one.names)
        elif isinstance(one, ast.ImportFrom) and not one.level:
            imported.add(str(one.module).partition(".")[0])
    return frozenset(names), frozenset(imported)


def _modules(program: Program) -> Iterator[ModuleType]:
    """Return the modules of classes and bases, and those they imported from their folder."""
    named: dict[str, None] = {}
    for base in _own(program):
        module = sys.modules.get(base.__module__)
        named[base.__module__] = None
        named.update(dict.fromkeys(getattr(module, BESIDE, ())))
    yield from (sys.modules.get(name) or ModuleType(name) for name in named)


def _is_known(package: str, folder: Path) -> bool:
    """Return whether a module is Clew's, Python's, or of the folder, whose files are read too."""
    if package == "clew" or package in sys.stdlib_module_names:
        return True
    file = getattr(sys.modules.get(package), "__file__", None)
    return file is not None and folder in Path(file).parents and "site-packages" not in file
