"""One life of a node, from its start to its crash or its end: the same in every runtime.

Whatever runs a node calls `Life.begin`, then `Life.receive` for each message and `Life.fire` for
each timer that is due. Which handler a message goes to, which request a reply completes, what
becomes of a coroutine, what is answered when the node's code fails, and which error nobody claimed
are decided here, so that a class does the same wherever it runs. A runtime is a subclass that
defines how a message travels, how time passes, and how mistakes are reported.
"""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from functools import partial
from inspect import isasyncgen, isgenerator
from types import CoroutineType
from typing import Any, Protocol

from clew.machine.text import Unwinding, shown
from clew.node.disk import Disk
from clew.node.message import ERROR_MAX, Message, NotJson, bounded, frozen
from clew.node.node import (
    Node,
    RPCError,
    RPCTimeout,
    Runtime,
    error_of,
    handlers_of,
    roles_among,
)
from clew.node.task import Due, Future, Task
from clew.node.timer import NS_PER_SECOND, NodeTimer, to_ns
from clew.node.workers import Job, Workers, work_ns

CLAIM_NS = 5 * NS_PER_SECOND
"""A spawned coroutine's error is reported if nobody has awaited it for this long."""


class PowerCut(Unwinding):
    """Unwinds a handler whose machine died in the middle of a sync."""


class Refused(Exception):  # noqa: N818 - raised in the user's code, reported already
    """A node tried what a simulated node may not do."""


class Stage(Protocol):
    """The place where lives run, one at a time.

    Attributes:
        current: the life whose code is running, or None.
    """

    current: Any


class Life(Runtime, ABC):
    """A node from its start to its end; the `Runtime` that its `Node` uses.

    Args:
        node_class: what lives.
        name: the node's id.
        node_ids: all nodes of the cluster, in order.
        disk: its own.
        stage: where it runs; what it sets there shows others whose code runs.
        request_id: gives a ``msg_id`` that no other request has.
        watch: called with the node after its code ran; None for nobody.

    Attributes:
        node: the instance.
        alive: False once it has ended; then its calls do nothing.
        cause: the message or timer whose code runs, or ran last.
    """

    def __init__(
        self,
        node_class: type[Node],
        name: str,
        disk: Disk,
        stage: Stage,
        request_id: Callable[[], int],
        watch: Callable[[Node], None] | None = None,
    ) -> None:
        self.id = name
        self.disk = disk
        self.alive = True
        self.cause: Message | str = "start"
        self.node: Node = self.instance(node_class)
        self._stage = stage
        self._request_id = request_id
        self._watch = watch
        self._handlers: dict[str, Callable[[Message], Any]] = {}
        self._waiting: dict[int, tuple[Future, NodeTimer]] = {}
        self._tasks: dict[Task, None] = {}
        self._task: Task | None = None
        self._failures = 0
        self._workers: Workers | None = None
        self._node_ids: Sequence[str] = ()
        self._roles: Mapping[str, Sequence[str]] | None = None
        self._told_roles: dict[str, list[str]] | None = None

    # What a runtime adds.

    @abstractmethod
    def send(self, dest: str, body: Mapping[str, Any]) -> None:
        """See `Node.send`; what `checked` returns can travel."""

    @abstractmethod
    def arm(self, timer: NodeTimer, local_ns: int) -> None:
        """Call `fire` once so much of this node's time has passed, unless it is cancelled."""

    @abstractmethod
    def later(self, delay_ns: int, callback: Callable[[Any], None], argument: Any) -> None:
        """Call ``callback(argument)`` after a while; not a timer of the node's."""

    @abstractmethod
    def hired(self) -> Workers:
        """Hire the workers of this life; called when its node works for the first time."""

    @abstractmethod
    def raised(self, error: BaseException, cause: Message | str) -> None:
        """Report what the node's code raised."""

    @abstractmethod
    def malformed(self, reason: str) -> None:
        """Report a body that no message can carry, and that is not sent."""

    @abstractmethod
    def unhandled(self, message: Message) -> bool:
        """Report a message that the class has no handler for; False if that is not a fault."""

    @abstractmethod
    def unslept(self, place: str, reason: str) -> None:
        """Report a sleep or work that nothing waited for."""

    @abstractmethod
    def stray(self, message: Message) -> None:
        """Report a reply for which nothing waits, and that no handler takes."""

    @abstractmethod
    def unrun(self, name: str, place: str) -> None:
        """Report a handler that is a generator, of which nothing runs."""

    def worked(self, job: Job) -> None:
        """Note that a worker has done a job; whatever waits for it goes on next."""

    def instance(self, node_class: type[Node]) -> Node:
        """Make the instance; none of its code has run yet."""
        return object.__new__(node_class)

    def started(self, cause: Message | str) -> Any:
        """Call the node's ``start``, and report that it is there; return what it returned."""
        del cause
        return self.node.start()

    # From its start to its end.

    def begin(
        self,
        node_ids: Sequence[str],
        cause: Message | str = "start",
        regions: Mapping[str, Sequence[str]] | None = None,
        roles: Mapping[str, Sequence[str]] | None = None,
        *,
        joining: bool = False,
    ) -> None:
        """Make the instance and call its ``start``.

        Args:
            node_ids: all nodes of the cluster, in order.
            cause: what starts it.
            regions: the nodes of each region, if there are regions.
            roles: the nodes of each role; without roles all are of one. Others of the cluster, too,
                may stand there: the node is told of those that it knows.
            joining: True if the cluster ran before it.
        """
        self._node_ids, self._roles = list(node_ids), roles  # who is a member changes
        fields = object.__getattribute__(self.node, "__dict__")  # past what the class may override
        fields["_runtime"] = self
        if type(self.node).send is Node.send:
            fields["send"] = self.send  # one frame less for each message
        fields["id"] = self.id
        if joining:
            fields["joining"] = True
        self._know(node_ids)
        if regions is not None:
            self._place(fields, regions)
        self.run(partial(self._construct, cause), cause)

    def members_are(
        self, members: Sequence[str], roles: Mapping[str, Sequence[str]] | None = None
    ) -> None:
        """Let the node know who the members of the cluster are from now on, and of which role."""
        self._know(members)
        self._node_ids, self._roles, self._told_roles = list(members), roles, None
        cause = "members_changed"
        self.run(lambda: self._follow(self.node.members_changed(list(members)), cause), cause)

    def _know(self, node_ids: Sequence[str]) -> None:
        fields = object.__getattribute__(self.node, "__dict__")
        fields["node_ids"] = list(node_ids)
        fields["peers"] = [other for other in node_ids if other != self.id]

    def _place(self, fields: dict[str, Any], regions: Mapping[str, Sequence[str]]) -> None:
        """Give the node its region, unless its class uses the name for something else."""
        of_node = {node: name for name, ids in regions.items() for node in ids}
        if type(self.node).region is Node.region:
            fields["region"] = of_node.get(self.id)
        if type(self.node).regions is Node.regions:
            fields["regions"] = {name: list(ids) for name, ids in regions.items()}

    def _construct(self, cause: Message | str) -> None:
        node = self.node
        node.__init__()  # type: ignore[misc] # the instance had to exist before its __init__
        self._handlers = {
            message_type: getattr(node, name)
            for message_type, name in handlers_of(type(node)).items()
        }
        self._follow(self.started(cause), cause)

    @property
    def roles(self) -> dict[str, list[str]]:
        """See `Node.roles`; made when a node first asks, and then the same object."""
        if self._told_roles is None:
            self._told_roles = roles_among(self._node_ids, self._roles or {})
        return self._told_roles

    def end(self) -> None:
        """Stop for ever: timers, coroutines and requests never fire again."""
        self.alive = False
        if self._workers is not None:
            self._workers.drop()
        self._waiting.clear()
        tasks, self._tasks = self._tasks, {}
        for task in tasks:
            task.close()

    # What happens to a node.

    def receive(self, message: Message) -> None:
        """Complete the request that a reply answers, or call the handler of its type."""
        body = message.body
        if self._waiting and "in_reply_to" in body:
            reply_to = body["in_reply_to"]
            # A bool does not count as an int: True would find the request 1.
            waiting = self._waiting.pop(reply_to, None) if type(reply_to) is int else None
            if waiting is not None:
                self._complete(waiting, message)
                return
        handler = self._handlers.get(body["type"])
        if handler is None:
            if body.get("in_reply_to") is None:
                self._unhandled(message)
            else:
                self.stray(message)
            return
        stage = self._stage
        stage.current = self
        self.cause = message
        try:
            result = handler(message)
            if result is not None:
                self._follow(result, message)
        except PowerCut:
            pass  # the fault has crashed the host already; the handler is unwound
        except (Unwinding, KeyboardInterrupt):
            raise
        except BaseException as error:  # noqa: BLE001 - whatever a node raises is its failure
            self._failed(error, message)
        if self._watch is not None and self.alive:
            self._watch(self.node)  # its hooks are the node's code too
        stage.current = None

    def run(
        self, callback: Callable[[], Any], cause: Message | str, task: Task | None = None
    ) -> None:
        """Run the node's code outside `receive`, with the same care; `task` is what it is of."""
        if not self.alive:
            return
        stage = self._stage
        before, stage.current = stage.current, self
        around, self._task = self._task, task
        self.cause = cause
        try:
            callback()
        except PowerCut:
            stage.current = before
            if before is not None:
                raise  # unwind the surrounding code as well: its machine is gone
        except (Unwinding, KeyboardInterrupt):
            raise
        except BaseException as error:  # noqa: BLE001 - whatever a node raises is its failure
            self._failed(error, cause)
        if self._watch is not None and self.alive and before is None:
            self._watch(self.node)
        self._task = around
        stage.current = before

    def fire(self, timer: NodeTimer) -> None:
        """Call the callback of a timer that is due; `arm` schedules its next time."""
        if timer.period_ns:
            self.arm(timer, timer.period_ns)
        self.run(partial(self._call, timer), f"timer {timer.name}")

    def _call(self, timer: NodeTimer) -> None:
        result = timer.callback(*timer.args)
        if result is not None:
            self._follow(result, f"timer {timer.name}")

    def _complete(self, waiting: tuple[Future, NodeTimer], message: Message) -> None:
        future, timer = waiting
        timer.cancelled = True
        body = message.body
        if body["type"] == "error":
            future.set_error(error_of(body))
        else:
            future.set_result(body)

    def _failed(self, error: BaseException, cause: Message | str) -> None:
        if not self.alive:
            return  # it fails while it unwinds
        if isinstance(error, RPCError) and isinstance(cause, Message):
            self._answer(cause, {name: bounded(part) for name, part in error.body.items()})
            return
        self._failures += 1
        if not isinstance(error, Refused):
            self.raised(error, cause)
        if isinstance(cause, Message) and "msg_id" in cause.body:
            self._answer(cause, {"type": "error", "code": 13, "text": shown(error, ERROR_MAX)})

    def _unhandled(self, message: Message) -> None:
        if self.unhandled(message) and "msg_id" in message.body:
            text = f"{self.id} has no handler for {message.body['type']!r}"
            self._answer(message, {"type": "error", "code": 10, "text": text})

    def _answer(self, message: Message, body: Mapping[str, Any]) -> None:
        """Reply for the node; its machine may die as it sends, and no code of its own unwinds."""
        with suppress(PowerCut):
            self.reply(message, body)

    # Coroutines.

    def _follow(self, result: Any, cause: Message | str) -> None:
        """Run what a handler returned, if it is a coroutine."""
        if type(result) is CoroutineType:
            self._start_task(result, cause)
        elif isgenerator(result) or isasyncgen(result):
            code = result.gi_code if isgenerator(result) else result.ag_code
            self.unrun(result.__name__, f"{code.co_filename}:{code.co_firstlineno}")

    def _start_task(
        self,
        coroutine: Coroutine[Any, Any, Any],
        cause: Message | str,
        unclaimed: Callable[[Future, BaseException], None] | None = None,
    ) -> Task:
        task = Task(coroutine, self.run, cause, unclaimed)
        if not task.result.done:
            self._tasks[task] = None
            task.result.when_done(partial(self._tasks.pop, task, None))
        return task

    def _unclaimed(
        self, cause: Message | str, owner: Task | None, result: Future, error: BaseException
    ) -> None:
        """Report that a spawned coroutine failed, unless its owner comes to await it."""
        if owner is None or owner.result.done:
            self._give_up(cause, (result, error))
            return
        given = (result, error)
        owner.result.when_done(partial(self._give_up, cause, given))
        self.later(CLAIM_NS, partial(self._give_up, cause), given)

    def _give_up(self, cause: Message | str, failed: tuple[Future, BaseException]) -> None:
        result, error = failed
        if result.awaited or not self.alive:
            return
        result.awaited = True  # reported once
        if not isinstance(error, Refused):
            self.raised(error, cause)

    # The calls of a node: see `Node`.

    def checked(self, dest: str, body: Any) -> dict[str, Any] | None:
        """Copy a body that can travel; report one that can't, and return None."""
        try:
            copy = frozen(body if isinstance(body, dict) else dict(body))
        except (NotJson, TypeError, ValueError) as bad:
            self.malformed(f"sent a body that JSON can't say: {bad}")
            return None
        assert isinstance(copy, dict)
        if type(copy.get("type")) is not str:
            found = shown(copy, ERROR_MAX)
            self.malformed(f"sent {dest} a body without a str 'type': {found}")
            return None
        return copy

    def reply(self, msg: Message, body: Mapping[str, Any]) -> None:
        """See `Node.reply`."""
        msg_id = msg.body.get("msg_id")
        self.send(msg.src, body if msg_id is None else {**body, "in_reply_to": msg_id})

    def rpc(self, dest: str, body: Mapping[str, Any], timeout: float) -> Future:
        """See `Node.rpc`."""
        future = Future()
        msg_id = self._request_id()
        timer = self._timer(to_ns(timeout), self._expire, (msg_id, dest), "rpc-timeout")
        self._waiting[msg_id] = (future, timer)
        self.send(dest, {**body, "msg_id": msg_id})
        return future

    def _expire(self, msg_id: int, dest: str) -> None:
        waiting = self._waiting.pop(msg_id, None)
        if waiting is not None:
            waiting[0].set_error(RPCTimeout(f"no reply from {dest} in time"))

    def after(self, seconds: float, callback: Callable[..., Any], *args: Any) -> NodeTimer:
        """See `Node.after`."""
        return self._timer(to_ns(seconds), callback, args, "")

    def every(self, seconds: float, callback: Callable[..., Any], *args: Any) -> NodeTimer:
        """See `Node.every`."""
        period_ns = to_ns(seconds)
        if period_ns <= 0:
            raise ValueError(f"every() takes a period above 0 s, not {seconds}")
        return self._timer(period_ns, callback, args, "", period_ns)

    def sleep(self, seconds: float) -> Future:
        """See `Node.sleep`."""
        due = Due(sys._getframe(2), self._failures)  # noqa: SLF001 - whose code calls the node
        future = due.future
        assert future is not None
        self._timer(to_ns(seconds), self._slept, (due,), "sleep")
        return future

    def _slept(self, due: Due) -> None:
        place = due.complete(self._failures)
        if place is not None:
            self.unslept(place, UNSLEPT)

    def work(self, seconds: float) -> Future:
        """See `Node.work`."""
        length_ns = work_ns(seconds)
        due = Due(sys._getframe(2), self._failures)  # noqa: SLF001 - whose code calls the node
        future = due.future
        assert future is not None
        if not self.alive:
            return future
        if self._workers is None:
            self._workers = self.hired()
        if not self._workers.take(length_ns, partial(self._done, due)):
            future.set_error(RPCError(11, f"the queue of {self.id} is full"))
        return future

    def _done(self, due: Due, job: Job) -> None:
        self.worked(job)
        self.run(partial(self._went_on, due), "work")

    def _went_on(self, due: Due) -> None:
        place = due.complete(self._failures)
        if place is not None:
            self.unslept(place, UNWORKED)

    def _timer(
        self,
        local_ns: int,
        callback: Callable[..., Any],
        args: tuple[Any, ...],
        name: str,
        period_ns: int = 0,
    ) -> NodeTimer:
        timer = NodeTimer(callback, args, period_ns, name or getattr(callback, "__name__", "timer"))
        self.arm(timer, max(local_ns, 0))
        return timer

    def spawn(self, coroutine: Coroutine[Any, Any, Any]) -> Task:
        """See `Node.spawn`."""
        cause = self.cause
        return self._start_task(coroutine, cause, partial(self._unclaimed, cause, self._task))


def yielding(name: str) -> str:
    """Put in words the mistake of a handler that is a generator."""
    return (
        f"{name}() has a yield, so that a call of it runs nothing; "
        "write async def and await instead"
    )


UNSLEPT = (
    "sleep() was called without await, so nothing waited for it; write await self.sleep(...) in an "
    "async def, or self.after(seconds, callback)"
)
"""The mistake of a sleep that nothing waits for, in words."""

UNWORKED = (
    "work() was called without await, so nothing waited for it; write await self.work(...) in an "
    "async def, which self.spawn(...) runs beside the handlers"
)
"""The mistake of work that nothing waits for, in words."""
