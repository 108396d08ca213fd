"""What a user's node class or system declares, checked before anything runs."""

from __future__ import annotations

from inspect import CO_VARARGS, getattr_static, iscoroutinefunction
from types import FunctionType
from typing import Any

from clew.errors import NodeError
from clew.machine.text import meant, shown
from clew.node.capacity import capacity_of
from clew.node.node import Node
from clew.node.system import Program, System
from clew.node.tolerates import Tolerates
from clew.scenarios.code.calls import names_called
from clew.sim.faults import GROUPS, KINDS, PLANNED
from clew.workloads.workload import Workload

_HOOKS: dict[str, tuple[str, ...]] = {
    # the methods that a runtime calls by itself: what each is given
    "start": (),
    "server_state": (),
    "members_changed": ("members",),
    "may_leave": (),
    "observe": (),
}

_AT_ONCE = frozenset({"may_leave"})
"""The hooks that can't be coroutines; of the older ones a coroutine is a finding of the run."""


def said(program: Program, name: str) -> Any:
    """Return an attribute of a class or a system, whatever its type."""
    return getattr(program, name)


def check_declarations(program: Program, path: str) -> None:
    """Check what a user's program declares; nothing else checks it before a run.

    Args:
        program: a class or a system.
        path: its file, for messages.

    Raises:
        NodeError: a declaration can't be used.
    """
    if isinstance(program, System):
        for each in program.classes:
            check_declarations(each, path)
        where = f"{path}: the System"
    else:
        where = f"{path}: class {program.__name__}"
        _check_capacity(program, where)
        _check_hooks(program, where)
    workload, functions = said(program, "workload"), said(program, "functions")
    _check_promise(said(program, "tolerates"), where)
    is_workload = isinstance(workload, type) and issubclass(workload, Workload)
    if workload is not None and not isinstance(workload, str) and not is_workload:
        raise NodeError(
            "'workload' can't be used",
            where=where,
            expected="a name, such as 'echo', a class that derives from clew.Workload, or None",
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
    for name in (*(promise.faults or ()), *promise.also):
        if name not in {*GROUPS, *KINDS, *PLANNED}:
            raise NodeError(
                f"{'also' if name in promise.also else 'faults'!r} of Tolerates can't be used",
                where=where,
                expected="kinds of faults and groups of them",
                found=repr(name),
                fix=meant(name, [*GROUPS, *KINDS]) or "See 'clew list faults'",
            )


def _check_capacity(node_class: type[Node], where: str) -> None:
    """Refuse what is no capacity in a class that works; another may call something else so."""
    if "work" in names_called(node_class):
        capacity_of(node_class, where)


def _check_hooks(node_class: type[Node], where: str) -> None:
    """Refuse a hook that is no method, or can't be called with what it is given."""
    for name, given in _HOOKS.items():
        member = getattr_static(node_class, name)
        function = getattr(member, "__func__", member)  # of a static method or a class method
        found = None
        if isinstance(function, FunctionType):
            count = len(given) + (not isinstance(member, staticmethod))
            waits = name in _AT_ONCE and iscoroutinefunction(function)
            found = _written(function) if waits or not _takes(function, count) else None
        elif isinstance(member, property) or not (callable(member) or hasattr(member, "__get__")):
            found = "a property" if isinstance(member, property) else shown(member, 200)
        if found is not None:
            raise NodeError(
                f"{name!r} can't be used",
                where=where,
                expected=f"a method, def {name}({', '.join(('self', *given))})",
                found=found,
            )


def _takes(function: FunctionType, count: int) -> bool:
    """Return whether a function can be called with so many arguments, none of them named."""
    code, named = function.__code__, function.__kwdefaults__ or {}
    least = code.co_argcount - len(function.__defaults__ or ())
    most = count if code.co_flags & CO_VARARGS else code.co_argcount
    return least <= count <= most and code.co_kwonlyargcount <= len(named)


def _written(function: FunctionType) -> str:
    code = function.__code__
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    kind = "async def" if iscoroutinefunction(function) else "def"
    return f"{kind} {code.co_name}({', '.join(names)}) in line {code.co_firstlineno}"
