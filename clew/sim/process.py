"""An incarnation of a node, and the host it runs on.

A host is the machine: its disk and clock outlive crashes. A process is one life of the node on
it: the instance, its timers, its coroutines and its open requests, all gone in a crash. It is the
node's `Runtime` in the simulation.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from inspect import isasyncgen, iscoroutine, isgenerator
from random import Random  # noqa: TID251 - a type; made by entropy.py
from typing import TYPE_CHECKING, Any, Protocol

from clew.node.disk import Disk, Unsynced
from clew.node.message import ERROR_MAX, SCALARS, Message, NotJson, bounded, frozen, is_flat
from clew.node.node import Node, RPCError, RPCTimeout, error_of, handlers_of
from clew.node.task import Future, Task
from clew.node.timer import NodeTimer
from clew.sim.clock import Clock
from clew.sim.finding import Refused
from clew.sim.network import Emit, Endpoint
from clew.sim.world import NS_PER_SECOND, to_ns
from clew.text import Unwinding, shown

if TYPE_CHECKING:
    from clew.sim.cluster import Cluster

SYNC_LOW_NS = 100_000
SYNC_SPAN_NS = 900_000
"""An awaited sync takes 0.1 to 1 ms."""

CLAIM_NS = 5 * NS_PER_SECOND
"""A spawned coroutine's error is a finding where nobody awaited it for so long."""


class Receiver(Protocol):
    """What an endpoint's messages go to."""

    paused: bool

    def receive(self, message: Message) -> None:
        """Take a message; it is the receiver's own."""

    def hold(self, callback: Callable[[Any], None], argument: Any) -> None:
        """Keep a callback for when the pause ends."""


class PowerCut(Unwinding):
    """Unwinds a handler whose machine died in the middle of a sync."""


class Host(Endpoint):
    """A machine of the cluster.

    Attributes:
        disk: outlives the process, as far as it was synced.
        clock: outlives the process.
        incarnation: how many processes have run here.
        strike: set by a disk fault: called at a sync that has something to lose; it may crash
            the host and then returns True.
    """

    __slots__ = ("_cluster", "clock", "disk", "incarnation", "node_class", "strike")

    process: Process | None

    def __init__(
        self, cluster: Cluster, name: str, node_class: type[Node], *, is_node: bool = True
    ) -> None:
        super().__init__(name, is_node=is_node)
        self._cluster = cluster
        self.node_class = node_class
        self.disk = Disk()
        self.clock = Clock(cluster.clock_error_ns)
        self.incarnation = 0
        self.strike: Callable[[Host], bool] | None = None

    @property
    def node(self) -> Node | None:
        """The live instance; None while it is down."""
        return None if self.process is None else self.process.node

    def boot(self) -> None:
        """Start a new process on this host's disk; nothing where one runs."""
        if self.process is None:
            self.load().begin()

    def load(self) -> Process:
        """A new process that can be sent to but has not begun."""
        self.incarnation += 1
        make = self._cluster.make_process if self.is_node else Process
        self.process = process = make(self._cluster, self)
        return process

    def crash(
        self, why: str, unsynced: Unsynced, below: Callable[[int], int] | None = None
    ) -> tuple[int, int]:
        """Kill the process; what its disk had not synced is lost, kept or torn.

        Args:
            why: for the trace.
            unsynced: which.
            below: draws where a write tears; a fault gives a stream of its own.

        Returns:
            How many writes were lost and how many torn.
        """
        process = self.process
        if process is None:
            return 0, 0
        self.process = None
        cluster = self._cluster
        below = below or cluster.entropy.stream("crash", self.id, self.incarnation).below
        lost, torn = self.disk.crash(unsynced, below)
        # The dead process unwinds, now or in the middle of a sync, on a disk that is no more.
        self.disk = self.disk.successor()
        process.end()
        cluster.forget(self)
        cluster.trace.add(cluster.world.now, "crash", self.id, why, [unsynced, lost, torn])
        return lost, torn


class Process:
    """One life of a node; the `Runtime` its `Node` stands on.

    Attributes:
        node: the instance.
        host: where it runs.
        paused: True while a pause fault holds it.
        alive: False once it has crashed; its calls do nothing then.
        held: how many callbacks pauses have kept back so far.
        cause: the message or timer whose code runs, or ran last.
    """

    def __init__(self, cluster: Cluster, host: Host) -> None:
        self._cluster = cluster
        self._world = cluster.world
        self._network = cluster.network
        self._links: dict[str, Emit] = {}
        self._waiting: dict[int, tuple[Future, NodeTimer]] = {}
        self._tasks: dict[Task, None] = {}
        self._task: Task | None = None
        self._backlog: list[tuple[Callable[[Any], None], Any]] = []
        self._rng: Random | None = None
        self.host = host
        self.id = host.id
        self.disk = host.disk
        self.disk.attach(self._sync)
        self.paused = False
        self.held = 0
        self.alive = True
        self.cause: Message | str = "start"
        self.node: Node = object.__new__(host.node_class)
        self._watch = cluster.watch if host.is_node else None
        self._handlers: dict[str, Callable[[Message], Any]] = {}

    def begin(self) -> None:
        """Make the instance and call its ``start``."""
        node, host = self.node, self.host
        self._cluster.trace.add(self._world.now, "start", self.id, host.incarnation)
        node._runtime = self  # noqa: SLF001 - the runtime is the node's other half
        if type(node).send is Node.send:
            node.__dict__["send"] = self.send  # one frame less for each message
        node.id = host.id
        node.node_ids = list(self._cluster.node_ids)
        node.peers = [other for other in node.node_ids if other != host.id]
        self.run(self._construct, "start")

    def _construct(self) -> None:
        node = self.node
        node.__init__()  # type: ignore[misc] # the instance had to exist before its __init__
        self._handlers = {
            message_type: getattr(node, name)
            for message_type, name in handlers_of(type(node)).items()
        }
        if self.host.is_node:
            self._cluster.nodes[self.id] = node
        self._follow(node.start())

    def end(self) -> None:
        """Stop for ever: timers, coroutines and requests never fire again."""
        self.alive = False
        self._waiting.clear()
        self._backlog.clear()
        tasks, self._tasks = self._tasks, {}
        for task in tasks:
            task.close()

    # What happens to the node.

    def receive(self, message: Message) -> None:
        """Complete the request that a reply answers, or call the handler of its type."""
        body = message.body
        if self._waiting and "in_reply_to" in body:
            reply_to = body["in_reply_to"]
            waiting = self._waiting.pop(reply_to, None) if type(reply_to) is int else None
            if waiting is not None:
                self._complete(waiting, message)
                return
        handler = self._handlers.get(body["type"])
        if handler is None:
            if body.get("in_reply_to") is None:
                self._unhandled(message)
            return
        world = self._world
        world.current = self
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
        world.current = None

    def run(self, callback: Callable[[], Any], cause: Message | str) -> None:
        """Run the node's code outside `receive`, with the same care."""
        if not self.alive:
            return
        world = self._world
        before, world.current = world.current, self
        self.cause = cause
        try:
            callback()
        except PowerCut:
            world.current = before
            if before is not None:
                raise  # unwind the code around as well: its machine is gone
        except (Unwinding, KeyboardInterrupt):
            raise
        except BaseException as error:  # noqa: BLE001 - whatever a node raises is its failure
            self._failed(error, cause)
        if self._watch is not None and self.alive and before is None:
            self._watch(self.node)
        world.current = before

    def _follow(self, result: Any, cause: Message | str = "start") -> None:
        """Run on what a handler returned, if it is a coroutine."""
        if iscoroutine(result):
            self._start_task(result, cause)
        elif isgenerator(result) or isasyncgen(result):
            code = result.gi_code if isgenerator(result) else result.ag_code
            place = f"{code.co_filename}:{code.co_firstlineno}"
            self._cluster.not_run(self, result.__name__, place)

    def _start_task(
        self,
        coroutine: Coroutine[Any, Any, Any],
        cause: Message | str,
        unclaimed: Callable[[Future, BaseException], None] | None = None,
    ) -> Task:
        task = Task(coroutine, partial(self._step, cause), unclaimed)
        if not task.result.done:
            self._tasks[task] = None
            task.result.when_done(partial(self._tasks.pop, task, None))
        return task

    def _step(self, cause: Message | str, task: Task) -> None:
        before, self._task = self._task, task
        self.run(task.step, cause)
        self._task = before

    def _unclaimed(
        self, cause: Message | str, owner: Task | None, result: Future, error: BaseException
    ) -> None:
        """A spawned coroutine failed: a finding, unless its owner comes to await it."""
        if owner is None or owner.result.done:
            self._give_up(cause, (result, error))
            return
        given = (result, error)
        owner.result.when_done(partial(self._give_up, cause, given))
        world = self._world
        world.call_at(world.now + CLAIM_NS, partial(self._give_up, cause), given)

    def _give_up(self, cause: Message | str, failed: tuple[Future, BaseException]) -> None:
        result, error = failed
        if result.awaited or not self.alive:
            return
        result.awaited = True  # told once
        if not isinstance(error, Refused):
            self._cluster.raised(self, error, cause)

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
            self.reply(cause, {**error.body, "text": bounded(error.text)})
            return
        if not isinstance(error, Refused):
            self._cluster.raised(self, error, cause)
        if isinstance(cause, Message) and "msg_id" in cause.body:
            self.reply(cause, {"type": "error", "code": 13, "text": shown(error, ERROR_MAX)})

    def _unhandled(self, message: Message) -> None:
        if self._cluster.unhandled(self, message) and "msg_id" in message.body:
            text = f"{self.id} has no handler for {message.body['type']!r}"
            self.reply(message, {"type": "error", "code": 10, "text": text})

    # Pauses.

    def hold(self, callback: Callable[[Any], None], argument: Any) -> None:
        """Keep a callback for when the pause ends."""
        self.held += 1
        self._backlog.append((callback, argument))

    def resume(self) -> int:
        """End a pause: all that piled up happens now, in order; how much that is."""
        self.paused = False
        backlog, self._backlog = self._backlog, []
        for callback, argument in backlog:
            self._world.call_at(self._world.now, callback, argument)
        return len(backlog)

    # The calls of a node: see `Node`.

    def send(self, dest: str, body: Mapping[str, Any]) -> None:
        """See `Node.send`."""
        emit = self._links.get(dest) or self._connect(dest)
        if emit is None or not self.alive:
            return
        # The hot path: a flat body with a type, along a link that is known.
        if type(body) is dict and type(body.get("type")) is str:
            for key in body:  # half the time of items()
                if type(key) is not str or type(body[key]) not in SCALARS:
                    break
            else:
                emit(body.copy(), True)  # noqa: FBT003
                return
        copy = self._frozen(body)
        if copy is None:
            return
        if type(copy.get("type")) is not str:
            found = shown(copy, ERROR_MAX)
            self._cluster.malformed(self, f"sent {dest} a body without a str 'type': {found}")
            return
        emit(copy, is_flat(copy))

    def _frozen(self, body: Any) -> dict[str, Any] | None:
        try:
            copy = frozen(body if isinstance(body, dict) else dict(body))
        except (NotJson, TypeError, ValueError) as bad:
            self._cluster.malformed(self, f"sent a body that JSON can't say: {bad}")
            return None
        assert isinstance(copy, dict)
        return copy

    def _connect(self, dest: str) -> Emit | None:
        link = self._network.link(self.host, dest)
        if link is None:
            self._cluster.unknown_destination(self, dest)
            return None
        if link.dest.is_node and link.dest is not self.host:
            self._cluster.talked = True
        self._links[dest] = link.emit
        return link.emit

    def reply(self, msg: Message, body: Mapping[str, Any]) -> None:
        """See `Node.reply`."""
        msg_id = msg.body.get("msg_id")
        self.send(msg.src, body if msg_id is None else {**body, "in_reply_to": msg_id})

    def rpc(self, dest: str, body: Mapping[str, Any], timeout: float) -> Future:
        """See `Node.rpc`."""
        future = Future()
        msg_id = self._cluster.next_request_id()
        timer = self._timer(to_ns(timeout), partial(self._expire, msg_id, dest), (), "rpc-timeout")
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

    def _timer(
        self,
        local_ns: int,
        callback: Callable[..., Any],
        args: tuple[Any, ...],
        name: str,
        period_ns: int = 0,
    ) -> NodeTimer:
        timer = NodeTimer(callback, args, period_ns, name or getattr(callback, "__name__", "timer"))
        world = self._world
        delay = self.host.clock.true_delay(max(local_ns, 0))
        world.call_at(world.now + delay, self._fire, timer)
        return timer

    def _fire(self, timer: NodeTimer) -> None:
        if timer.cancelled or not self.alive:
            return
        if self.paused:
            self.hold(self._fire, timer)
            return
        world = self._world
        self._cluster.trace.add(world.now, "timer", self.id, timer.name)
        if timer.period:
            delay = self.host.clock.true_delay(int(timer.period))
            world.call_at(world.now + delay, self._fire, timer)
        self.run(partial(self._call, timer), f"timer {timer.name}")

    def _call(self, timer: NodeTimer) -> None:
        result = timer.callback(*timer.args)
        if result is not None:
            self._follow(result, f"timer {timer.name}")

    def sleep(self, seconds: float) -> Future:
        """See `Node.sleep`."""
        future = Future()
        self._timer(to_ns(seconds), future.set_result, (None,), "sleep")
        return future

    def spawn(self, coroutine: Coroutine[Any, Any, Any]) -> Task:
        """See `Node.spawn`."""
        cause = self.cause
        return self._start_task(coroutine, cause, partial(self._unclaimed, cause, self._task))

    def now(self) -> float:
        """See `Node.now`."""
        return self.host.clock.wall(self._world.now) / NS_PER_SECOND

    def monotonic(self) -> float:
        """See `Node.monotonic`."""
        return self.host.clock.monotonic(self._world.now) / NS_PER_SECOND

    def rng(self) -> Random:
        """See `Node.rng`."""
        if self._rng is None:
            self._rng = self._cluster.entropy.random("node", self.id, self.host.incarnation)
        return self._rng

    def log(self, text: str) -> None:
        """See `Node.log`."""
        self._cluster.trace.add(self._world.now, "log", self.id, str(text))

    def effect(self, msg: Message) -> None:
        """See `Node.effect`."""
        self._cluster.took_effect(self, msg)

    # The disk.

    def _sync(self, awaited: bool) -> Future | None:  # noqa: FBT001 - the disk's one question
        host, disk, world = self.host, self.disk, self._world
        if not self.alive:
            return Future()
        if host.strike is not None and disk.unsynced and host.strike(host):
            raise PowerCut
        self._cluster.trace.add(world.now, "sync", self.id, disk.unsynced)
        if not awaited:
            return None
        future, mark = Future(), disk.mark()
        draw = self._cluster.sync_bits(self.id)(32)
        world.call_at(
            world.now + SYNC_LOW_NS + (draw * SYNC_SPAN_NS >> 32),
            self._synced,
            (future, mark),
        )
        return future

    def _synced(self, done: tuple[Future, int]) -> None:
        if not self.alive:
            return
        if self.paused:
            self.hold(self._synced, done)
            return
        future, mark = done
        self.disk.make_durable(mark)
        future.set_result(None)
