"""What a user writes: a node is a class.

Volatile state is the instance's attributes and is lost in a crash; ``self.disk`` survives as far
as it was synced. Handlers are plain functions or coroutines, named by the type of message they
answer. The same class runs in the simulation and as a real process (``clew serve-node``): what
it may touch is its own state and the calls below.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from inspect import isfunction, unwrap
from random import Random  # noqa: TID251 - the type of Node.rng; seeded by entropy.py
from types import MappingProxyType
from typing import Any, ClassVar, Generic, Protocol, TypeVar, overload

from clew.errors import NodeError
from clew.node.capacity import Capacity
from clew.node.disk import Disk
from clew.node.message import Message, in_words
from clew.node.task import Future, Task, gather
from clew.node.timer import NodeTimer
from clew.node.tolerates import Tolerates

F = TypeVar("F", bound=Callable[..., Any])

ERROR_CODES: dict[int, tuple[str, bool]] = {
    # code: (name, definite); source: the wire protocol, docs/reference/protocol.md
    0: ("timeout", False),
    1: ("node-not-found", True),
    10: ("not-supported", True),
    11: ("temporarily-unavailable", True),
    12: ("malformed-request", True),
    13: ("crash", False),
    14: ("abort", True),
    20: ("key-does-not-exist", True),
    21: ("key-already-exists", True),
    22: ("precondition-failed", True),
    30: ("txn-conflict", True),
}


ONLY_ROLE = "node"
"""The one role of a cluster whose nodes are of one class."""


def is_definite(code: int) -> bool:
    """Return whether an error of this code says the operation did not happen."""
    return ERROR_CODES.get(code, ("", False))[1]


class RPCError(Exception):
    """An error reply: raise it in a handler to send one, catch it around ``await rpc(...)``.

    Args:
        code: a key of `ERROR_CODES`, or 1000 and up for the node's own.
        text: for people to read.
        leader: the node to use instead, if known; clients go there.
    """

    def __init__(self, code: int, text: str = "", leader: str | None = None) -> None:
        self.code = code
        self.leader = leader
        self.text = text or ERROR_CODES.get(code, ("error",))[0]
        super().__init__(f"error {code}: {self.text}")

    @property
    def body(self) -> dict[str, Any]:
        """The error reply."""
        body: dict[str, Any] = {"type": "error", "code": self.code, "text": self.text}
        return body if self.leader is None else body | {"leader": self.leader}


def error_of(body: Mapping[str, Any]) -> RPCError:
    """Return the error in an error reply; a crash if its code is none."""
    code, leader = body.get("code", 13), body.get("leader")
    return RPCError(
        code if type(code) is int else 13,
        str(body.get("text", "")),
        leader if isinstance(leader, str) else None,
    )


class RPCTimeout(RPCError):  # noqa: N818 - the field's word
    """No reply came in time: the request may or may not have taken effect."""

    def __init__(self, text: str = "no reply in time") -> None:
        super().__init__(0, text)


class Runtime(Protocol):
    """What runs a node: the simulation's process, or a real one."""

    disk: Disk

    @property
    def roles(self) -> dict[str, list[str]]: ...  # noqa: D102
    def send(self, dest: str, body: Mapping[str, Any]) -> None: ...  # noqa: D102 - see Node
    def reply(self, msg: Message, body: Mapping[str, Any]) -> None: ...  # noqa: D102
    def rpc(self, dest: str, body: Mapping[str, Any], timeout: float) -> Future: ...  # noqa: D102
    def after(  # noqa: D102
        self, seconds: float, callback: Callable[..., Any], *args: Any
    ) -> NodeTimer: ...
    def every(  # noqa: D102
        self, seconds: float, callback: Callable[..., Any], *args: Any
    ) -> NodeTimer: ...
    def sleep(self, seconds: float) -> Future: ...  # noqa: D102
    def work(self, seconds: float) -> Future: ...  # noqa: D102
    def spawn(self, coroutine: Coroutine[Any, Any, Any]) -> Task: ...  # noqa: D102
    def now(self) -> float: ...  # noqa: D102
    def monotonic(self) -> float: ...  # noqa: D102
    def rng(self) -> Random: ...  # noqa: D102
    def log(self, text: str) -> None: ...  # noqa: D102
    def effect(self, msg: Message) -> None: ...  # noqa: D102


def on(message_type: str) -> Callable[[F], F]:
    """Mark a method as the handler of messages of a type.

    A handler takes the `Message`. A plain function runs at one instant; a coroutine may
    ``await`` and other handlers run meanwhile. Raising `RPCError` sends an error reply. A
    subclass that overrides the method need not repeat the mark.

    Raises:
        TypeError: no type was given, as in a bare ``@on``.
        NodeError: the class has another handler of the type, or the method one of another type.
    """
    if not isinstance(message_type, str):
        raise TypeError('@on takes the type of the message, as in @on("read")')

    def mark(function: F) -> F:
        _only_one(message_type, function, sys._getframe(1).f_locals)  # noqa: SLF001 - the class
        function.__dict__["clew_message_type"] = message_type
        return function

    return mark


def _only_one(message_type: str, function: Any, names: Mapping[str, Any]) -> None:
    """Refuse a second handler of a type in a class body, or a second type for this handler.

    Raises:
        NodeError: one does.
    """
    if (own := function.__dict__.get("clew_message_type")) is not None and own != message_type:
        raise NodeError(
            "one handler can't be marked twice",
            where=_line_of(function),
            found=f"@on({own!r}) and @on({message_type!r})",
            fix="Write a method for each type, which may call a third",
        )
    if "__qualname__" not in names or "__module__" not in names:  # no class body
        return
    other = next(
        (
            member
            for member in names.values()
            if getattr(member, "__dict__", {}).get("clew_message_type") == message_type
            and member is not function
        ),
        None,
    )
    if other is not None:
        raise NodeError(
            f"there is a second handler of messages of type {message_type!r}",
            where=_line_of(function),
            found=f"{function.__name__} here, and {other.__name__} at {_line_of(other)}",
            fix="Keep one of them",
        )


def _line_of(function: Any) -> str:
    code = getattr(unwrap(function), "__code__", None)
    return "" if code is None else f"{code.co_filename}:{code.co_firstlineno}"


R = TypeVar("R")


class Given(Generic[R]):
    """A value that every node has, under a name that classes and instances may still use.

    It is like a property without a setter, except that assigning to the name replaces it.
    """

    def __init__(self, function: Callable[[Any], R]) -> None:
        self._function = function
        self.__doc__ = function.__doc__

    @overload
    def __get__(self, node: None, owner: type) -> Given[R]: ...
    @overload
    def __get__(self, node: object, owner: type) -> R: ...
    def __get__(self, node: object | None, owner: type) -> Given[R] | R:
        """Return the value for a node; itself for a class."""
        return self if node is None else self._function(node)


class Node:
    """Base class of every node.

    Attributes:
        id: this node's name, such as ``n1``.
        node_ids: all nodes of the cluster, in order.
        peers: the others, in order.
        region: the region that it is in, such as ``eu``; None if there are none.
        regions: the ids of each region's nodes, by its name, in order; empty if there are none.
        joining: True for a node that was started to join a running cluster, also once it has; its
            first ``node_ids`` are itself and a few members (etcd calls such a cluster "existing").
        invariants: predicates over the whole cluster; see `clew.sim.invariants`.
        workload: the default workload of ``clew test``: the name of a workload, which may be in
            this file, ``file.py:Class``, or the class; None for the only one of this file.
        functions: the functions of the workload that it answers, such as ``("read", "write")``;
            None for all.
        tolerates: what it promises to withstand; a swarm draws within it.
        capacity: how many `work` calls are under way at a time, and how many more may wait: one,
            and any number, by default.
    """

    id: str
    node_ids: list[str]
    peers: list[str]
    region: str | None = None
    regions: Mapping[str, list[str]] = MappingProxyType({})
    invariants: ClassVar[tuple[Any, ...]] = ()
    workload: ClassVar[str | None] = None
    functions: ClassVar[tuple[str, ...] | None] = None
    tolerates: ClassVar[Tolerates | None] = None
    capacity: ClassVar[Capacity] = Capacity()

    joining: bool = False

    _runtime: Runtime

    def __init_subclass__(cls, **named: Any) -> None:
        """Check the type of a class's ``invariants``; NodeError if they are not a tuple."""
        super().__init_subclass__(**named)
        _accept_former_name(cls)
        declared: Any = cls.__dict__.get("invariants", ())
        if not isinstance(declared, tuple | list):
            raise NodeError(
                "'invariants' can't be used",
                where=f"class {cls.__name__}",
                expected="a tuple of Invariant classes or functions",
                found=f"{getattr(declared, '__name__', in_words(declared))} by itself",
                fix="Write invariants = (that,), with the comma",
            )

    def start(self) -> Any:
        """Begin: called at boot and after every restart, before any message; may be a coroutine."""

    def send(self, dest: str, body: Mapping[str, Any]) -> None:
        """Send a message; it arrives later, perhaps out of order, perhaps not at all.

        Args:
            dest: a node's id, a client's, or a service's.
            body: what JSON can express, with a str ``type``; it is copied.
        """
        self._runtime.send(dest, body)

    def reply(self, msg: Message, body: Mapping[str, Any]) -> None:
        """Send `body` to the sender of `msg`, as the answer to its ``msg_id``."""
        self._runtime.reply(msg, body)

    def rpc(self, dest: str, body: Mapping[str, Any], timeout: float = 1.0) -> Future:
        """Send a request; await the body of its reply.

        Raises (when awaited):
            RPCTimeout: no reply within `timeout` seconds of this node's clock.
            RPCError: the reply is an error.
        """
        return self._runtime.rpc(dest, body, timeout)

    def after(self, seconds: float, callback: Callable[..., Any], *args: Any) -> NodeTimer:
        """Call ``callback(*args)`` once, after `seconds` of this node's clock."""
        return self._runtime.after(seconds, callback, *args)

    def every(self, seconds: float, callback: Callable[..., Any], *args: Any) -> NodeTimer:
        """Call ``callback(*args)`` again and again, `seconds` of this node's clock apart."""
        return self._runtime.every(seconds, callback, *args)

    def sleep(self, seconds: float) -> Future:
        """Await this to wait `seconds` of this node's clock."""
        return self._runtime.sleep(seconds)

    def work(self, seconds: float) -> Future:
        """Await this to keep one of this node's workers busy for `seconds` of true time.

        It states what something costs. If all workers are busy (see `Capacity`), it waits for one,
        first come, first served. Other handlers run meanwhile. A crash loses what is under way and
        what waits; a pause holds it; the fault `slow` makes it take longer.

            @on("read")
            async def read(self, msg):
                await self.work(0.02)
                self.reply(msg, {"type": "read_ok", "value": self.value})

        Raises (when awaited):
            RPCError: 11, if the queue is full; a handler that does not catch it answers with it.

        Raises:
            ValueError: `seconds` is negative, infinite or NaN.
            TypeError: it is not a number.
        """
        return self._runtime.work(seconds)

    def spawn(self, coroutine: Coroutine[Any, Any, Any]) -> Task:
        """Run a coroutine beside the handlers; it ends with the process. It can be awaited.

        What it raises goes to whoever awaits it, and is a finding if nobody does within 5 s; it
        never answers a message by itself, not even with `RPCError`.
        """
        return self._runtime.spawn(coroutine)

    def gather(self, requests: Iterable[Awaitable[Any]], count: int | None = None) -> Future:
        """Await the answers of `count` of several requests, such as those of a quorum.

            answers = await self.gather((self.rpc(peer, ask) for peer in self.peers), quorum)

        Args:
            requests: what `rpc`, `sleep`, `work` and `spawn` return, futures, or coroutines,
                which run.
            count: how many must succeed; all if None.

        Returns (when awaited):
            The results of the first that succeeded, in the order in which they came. What comes
            later is dropped.

        Raises (when awaited):
            RPCError: the last of so many failures that `count` can't be reached.
            Exception: what a request raised other than `RPCError`.

        Raises:
            ValueError: `count` is below 0, or more than there are requests.
        """
        return gather(self.spawn, requests, count, RPCError)

    def now(self) -> float:
        """Return this node's wall clock, seconds since 1970: it can be wrong, drift and jump."""
        return self._runtime.now()

    def monotonic(self) -> float:
        """Return this node's monotonic clock, seconds: it can drift but never goes back."""
        return self._runtime.monotonic()

    @Given
    def roles(self) -> dict[str, list[str]]:
        """The nodes of each role of its system, in order; without a system, all are a `node`."""
        return self._runtime.roles

    def role_of(self, name: str) -> str | None:
        """Return the role of a node by its name, also its own; None for others, like a client."""
        return next((role for role, names in self._runtime.roles.items() if name in names), None)

    @property
    def rng(self) -> Random:
        """This incarnation's own source of randomness, part of the seed."""
        return self._runtime.rng()

    @property
    def disk(self) -> Disk:
        """This node's disk: a dict of JSON values and files; see `clew.node.disk.Disk`."""
        return self._runtime.disk

    def log(self, text: str) -> None:
        """Write a line to the run's trace."""
        self._runtime.log(text)

    def effect(self, msg: Message) -> None:
        """Mark this instant as where the operation that `msg` requests takes effect.

        The checkers try the order of these marks first. A wrong mark only costs time.
        """
        self._runtime.effect(msg)

    def server_state(self) -> str | None:
        """Return what this node is now, such as ``leader``, so that faults can aim at it.

        The word is Raft's: "at any given time each server is in one of three states: leader,
        follower, or candidate" (section 5.1). A class may still call the method ``role``, which
        was its name before nodes had kinds.
        """
        return None

    def members_changed(self, members: list[str]) -> Any:
        """Learn who the cluster's members are now: some joined or left; may be a coroutine.

        A class that overrides this says that its members may change during a run. By then
        ``node_ids`` and ``peers`` are the new ones. A node that joins boots with itself and some
        members as its ``node_ids``; one that restarts, with those who are members then.

        Args:
            members: their ids, in the order in which they came; without this node if it is to
                leave.
        """

    def may_leave(self) -> bool:
        """Say whether this node, which is to leave, may be shut down now, as an operator asks.

        Asked every 50 ms. While it says no, nothing happens; if it never says yes in time, it
        stays a member.
        """
        return True

    def observe(self) -> Mapping[str, Any]:
        """Return the part of the node's state to show in traces and findings."""
        return {
            name: value
            for name, value in vars(self).items()
            if not name.startswith("_") and name not in _GIVEN
        }


def _accept_former_name(cls: type[Node]) -> None:
    """Use a class's method ``role`` as its `Node.server_state`, which was once called so."""
    former = cls.__dict__.get("role")
    if (
        isfunction(former)
        and "server_state" not in cls.__dict__
        and "clew_message_type" not in former.__dict__
    ):
        cls.server_state = former  # type: ignore[method-assign]


_GIVEN = frozenset({"id", "node_ids", "peers", "region", "regions", "send"})
"""The names that a runtime sets on each node, which are not its own state."""


def roles_among(names: Sequence[str], roles: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Return the nodes of each role among some nodes, in their order; without roles all are of one.

    A node that no role lists has joined, and is called after its role.
    """
    if not roles:
        return {ONLY_ROLE: list(names)}
    of_node = {name: role for role, those in roles.items() for name in those}
    found: dict[str, list[str]] = {role: [] for role in roles}
    for name in names:
        role = of_node.get(name) or role_of_name(name, roles)
        if role is not None:
            found[role].append(name)
    return found


def role_of_name(name: str, roles: Collection[str]) -> str | None:
    """Return the role in a node's name, such as shard for shard7; None if it is none of these."""
    role = name.rstrip("0123456789")
    return role if role in roles else None


def takes_members(node_class: type[Node]) -> bool:
    """Return whether a class has the hook that reports the members."""
    return node_class.members_changed is not Node.members_changed


def handlers_of(node_class: type[Node]) -> dict[str, str]:
    """Return the names of a class's handlers by message type, the most derived class's first."""
    found: dict[str, str] = {}
    for base in node_class.__mro__:
        for name, member in vars(base).items():
            message_type = getattr(member, "clew_message_type", None)
            if message_type is not None:
                found.setdefault(message_type, name)
    return found
