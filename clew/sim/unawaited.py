"""Coroutines that nobody awaited: a node called one, and nothing of it ever ran.

Python warns of such a coroutine when it is freed, which mostly is on the very line that made it. It
does so through a function of `warnings`, which is replaced while a cluster runs in this thread.
What handlers return and `Node.spawn` takes is run, so it is not among these.

A coroutine that a node keeps is not freed. So what nodes hold is inspected when everything heals
and at the end: a coroutine that was there both times, and did not run during the whole recovery, is
reported as well. A node may keep a coroutine to run it later, but not that much later.
"""

from __future__ import annotations

import warnings
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from inspect import (
    CORO_CREATED,
    getcoroutinestate,
    isasyncgenfunction,
    iscoroutinefunction,
    isgeneratorfunction,
    unwrap,
)
from itertools import islice
from threading import get_ident
from types import CodeType, CoroutineType
from typing import Any
from weakref import ref

from clew.node.node import Node
from clew.sim.cluster import Cluster
from clew.sim.finding import users_place
from clew.sim.host import Process

_HOOK = "_warn_unawaited_coroutine"
"""What CPython calls by this name, from 3.7 on."""


@contextmanager
def unawaited(cluster: Cluster) -> Iterator[None]:
    """Make a finding of each coroutine of a live node that is freed before it ran."""
    before: Any = getattr(warnings, _HOOK, None)
    if before is None:
        yield
        return
    thread = get_ident()
    hooks = _report_hooks(cluster)

    def told(coroutine: Any) -> None:
        process: Process | None = cluster.world.current
        if get_ident() != thread or process is None:
            before(coroutine)
        elif process.alive and coroutine.cr_code not in hooks:  # a dead node's calls do nothing
            code = coroutine.cr_code
            place = users_place() or f"{code.co_filename}:{code.co_firstlineno}"
            name = coroutine.__name__
            reason = (
                f"{name}() was called without await, so nothing of it has run; "
                f"write await self.{name}(...) or self.spawn(self.{name}(...))"
            )
            cluster.findings.never_awaited(process, reason, place)

    setattr(warnings, _HOOK, told)
    try:
        yield
    finally:
        setattr(warnings, _HOOK, before)


def _report_hooks(cluster: Cluster) -> set[CodeType]:
    """Make a finding of each hook that is an ``async def`` or has a ``yield``; return their code.

    The callers of the hooks for server state, for what a node shows and for its promises await
    nothing.
    """
    found = set()
    classes = dict.fromkeys(host.node_class for host in cluster.hosts.values())
    # A hook that several roles inherit is reported once.
    for function in dict.fromkeys(hook for each in classes for hook in _hooks(each)):
        plain: Any = unwrap(function)
        if not (
            iscoroutinefunction(plain) or isgeneratorfunction(plain) or isasyncgenfunction(plain)
        ):
            continue
        code, name = plain.__code__, plain.__name__
        found.add(code)
        reason = (
            f"{name}() is an async def or has a yield, but who asks for it awaits nothing, so "
            f"nothing of it has run; write def {name}(...), with a return"
        )
        place = f"{code.co_filename}:{code.co_firstlineno}"
        cluster.findings.report("never-awaited", "", reason, place=place)
    return found


def _hooks(node_class: type[Node]) -> Iterator[Any]:
    yield node_class.server_state
    yield node_class.observe
    for declared in node_class.invariants:
        hook = getattr(declared, "after", None) if isinstance(declared, type) else declared
        if callable(hook):
            yield hook


LOOKS_MAX = 300
"""The number of objects that a node holds that are inspected."""

_WIDE = 100
"""The number of members of a container that are inspected."""

_DEEP = 4
"""The depth to which containers in containers are entered."""


class Kept:
    """The coroutines that nodes hold and have not begun when everything heals.

    Args:
        cluster: whose nodes.
        wait_ns: the time within which each of them should have begun, virtual ns.
    """

    def __init__(self, cluster: Cluster, wait_ns: int) -> None:
        self._cluster = cluster
        self._due_ns = cluster.world.now + max(wait_ns, 1)
        # By weak references: what a node drops is freed, and then reported by Python's hook.
        self._held = {id(one): ref(one) for _, one, _ in self._look()}

    @property
    def some(self) -> bool:
        """True if there were any."""
        return bool(self._held)

    def report(self) -> None:
        """Make a finding of each coroutine that has not begun by now, and close it."""
        late = self._cluster.world.now >= self._due_ns
        for node, one, name in list(self._look()):
            held = self._held.get(id(one))
            if late and held is not None and held() is one:
                code, called = one.cr_code, one.__name__
                reason = (
                    f"{called}() was called and its coroutine is kept in self.{name}, but never "
                    "awaited, so nothing of it has run; write "
                    f"await self.{called}(...) or self.spawn(self.{called}(...))"
                )
                place = f"{code.co_filename}:{code.co_firstlineno}"
                self._cluster.findings.report("never-awaited", node, reason, place=place)
            one.close()

    def _look(self) -> Iterator[tuple[str, CoroutineType[Any, Any, Any], str]]:
        for host in self._cluster.live_hosts():
            if host.node is not None:
                for one, name in _waiting(host.node):
                    yield host.id, one, name


def _waiting(node: Node) -> Iterator[tuple[CoroutineType[Any, Any, Any], str]]:
    """Yield the coroutines in a node's attributes that have not begun, with the attributes' names.

    Only Python's own containers are entered, so that none of the node's code runs. Invariant:
    everything in the queue is at most `_DEEP` containers deep, the nearest first.
    """
    held: dict[str, Any] = object.__getattribute__(node, "__dict__")
    queue = deque((value, name, 0) for name, value in held.items())
    # Breadth first, so that the bound leaves out what lies deepest.
    for _ in range(LOOKS_MAX):
        if not queue:
            return
        value, name, depth = queue.popleft()
        kind = type(value)
        if kind is CoroutineType:
            if getcoroutinestate(value) == CORO_CREATED:
                yield value, name
        elif depth < _DEEP and kind in _CONTAINERS and len(value):
            if kind in _UNORDERED and len(value) > _WIDE:
                continue  # which of them came first would be chance
            members = value.values() if kind is dict else value
            queue.extend((one, name, depth + 1) for one in islice(members, _WIDE))


_UNORDERED = {set, frozenset}
_CONTAINERS = {dict, list, tuple, deque, *_UNORDERED}
