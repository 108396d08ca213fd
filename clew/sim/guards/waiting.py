"""Waiting: only the node's own thread could end it, and no virtual time would pass meanwhile.

A call that returns at once is left alone: on an uncontended lock, an event that is set, a queue
that has something. A call that would wait is refused. So is asyncio, because there is no event
loop.
"""

from __future__ import annotations

import _thread
from collections.abc import Callable
from typing import Any, Final

from clew.sim.guards.caller import Importing, Wrong, caller, is_own_code, refuse
from clew.sim.guards.rows import Refusal, Row, Value, plain, refused

_SLEEP = "await self.sleep(seconds) or self.after(seconds, callback)"
_LATER = "await self.rpc(...), await self.sleep(seconds) or a handler: others run meanwhile"
_SPAWN = "self.spawn(coroutine)"

_allocate_lock = _thread.allocate_lock


def _brief(timeout: Any) -> bool:
    return timeout is not None and timeout <= 0


class Lock:
    """A lock as `threading.Lock`, but a node that would wait for it is refused.

    Only its own thread could release the lock, and that thread would wait.
    """

    __slots__ = ("__weakref__", "_real")

    def __init__(self) -> None:
        self._real = _allocate_lock()

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:  # noqa: FBT001, FBT002
        """Take the lock; True if that worked."""
        if self._real.acquire(blocking=False):
            return True
        who = caller()
        if who is None or isinstance(who, Importing):
            return self._real.acquire(blocking, timeout)
        if blocking and timeout != 0:
            refuse(who, Wrong("waiting for a lock that is held", _LATER))
        return False

    __enter__ = acquire

    def release(self) -> None:
        """Release the lock; RuntimeError if nobody holds it."""
        self._real.release()

    def __exit__(self, *_: object) -> None:
        self._real.release()

    def locked(self) -> bool:
        """Return whether somebody holds it."""
        return self._real.locked()

    acquire_lock, release_lock, locked_lock = acquire, release, locked

    def _at_fork_reinit(self) -> None:
        self._real = _allocate_lock()


def _lock_factory(real: Any) -> Any:
    def guard() -> Any:
        who = caller()
        if who is None or (isinstance(who, Importing) and not is_own_code()):
            return real()
        return Lock()

    return plain(real, guard)


def _unless(free: Callable[..., bool], what: str, instead: str = _LATER) -> Refusal:
    """Make a row for a call that may be made if it returns at once."""
    wrong = Wrong(what, instead)
    return Refusal(lambda *args, **named: None if free(*args, **named) else wrong, reasons=(wrong,))


def _event(self: Any, timeout: Any = None) -> bool:
    return self.is_set() or _brief(timeout)


def _condition(_: Any, timeout: Any = None) -> bool:
    return _brief(timeout)


def _semaphore(self: Any, blocking: bool = True, timeout: Any = None) -> bool:  # noqa: FBT001, FBT002
    return self._value > 0 or not blocking or _brief(timeout)


def _join(self: Any, timeout: Any = None) -> bool:
    return not self.is_alive() or _brief(timeout)


def _get(self: Any, block: bool = True, timeout: Any = None) -> bool:  # noqa: FBT001, FBT002
    return self.qsize() > 0 or not block or _brief(timeout)


def _put(self: Any, _: Any, block: bool = True, timeout: Any = None) -> bool:  # noqa: FBT001, FBT002
    return not 0 < self.maxsize <= self.qsize() or not block or _brief(timeout)


def _done(self: Any, timeout: Any = None) -> bool:
    return self.done() or _brief(timeout)


def _simple_queue(real: type) -> type:
    class SimpleQueue(real):  # type: ignore[misc]
        """`queue.SimpleQueue`; a node that would wait for it is refused."""

        def get(self, block: bool = True, timeout: Any = None) -> Any:  # noqa: FBT001, FBT002
            """Take the oldest item."""
            who = caller()
            if not (who is None or isinstance(who, Importing) or _get(self, block, timeout)):
                refuse(who, Wrong("waiting for a queue", _LATER))
            return super().get(block, timeout)

    return SimpleQueue


_SELECT = refused("waiting for a file or socket", _LATER, importing=True)

BLOCKING: Final[dict[str, Row]] = {
    "time:sleep": refused("time.sleep", _SLEEP),
    "sched:scheduler.run": refused("sched.scheduler.run", "self.after(seconds, callback)"),
    "threading:Lock": Value(_lock_factory),
    "threading:_allocate_lock": Value(_lock_factory),
    "_thread:allocate_lock": Value(_lock_factory),
    "_thread:allocate": Value(_lock_factory),
    "_thread:lock": Value(_lock_factory),
    "threading:Event.wait": _unless(_event, "threading.Event.wait"),
    "threading:Condition.wait": _unless(_condition, "threading.Condition.wait"),
    "threading:Semaphore.acquire": _unless(_semaphore, "waiting for a semaphore"),
    "threading:Semaphore.__enter__": _unless(_semaphore, "waiting for a semaphore"),
    "threading:Barrier.wait": _unless(lambda self, *_: self.parties <= 1, "threading.Barrier.wait"),
    "threading:Thread.join": _unless(_join, "threading.Thread.join"),
    "queue:Queue.get": _unless(_get, "waiting for a queue"),
    "queue:Queue.put": _unless(_put, "waiting for a queue"),
    "queue:Queue.join": _unless(lambda self: self.unfinished_tasks == 0, "waiting for a queue"),
    "queue:SimpleQueue": Value(_simple_queue),
    "_queue:SimpleQueue": Value(_simple_queue),
    "concurrent.futures:Future.result": _unless(
        _done, "waiting for a future", "await, and clew.Future"
    ),
    "concurrent.futures:Future.exception": _unless(
        _done, "waiting for a future", "await, and clew.Future"
    ),
    "select:select": _SELECT,
    "select:poll": _SELECT,
    "select:epoll": _SELECT,
    "selectors:_BaseSelectorImpl.__init__": _SELECT,
    "os:sched_yield": refused("os.sched_yield", _SLEEP),
    "getpass:getpass": refused("reading a password", "a handler's message"),
    "zmq:Poller": _SELECT,
    "gevent:sleep": refused("gevent.sleep", _SLEEP),
    "gevent:spawn": refused("gevent.spawn", _SPAWN),
    "eventlet:sleep": refused("eventlet.sleep", _SLEEP),
    "eventlet:spawn": refused("eventlet.spawn", _SPAWN),
}

_EACH = "await self.gather(...)"
_TIMEOUT = "self.rpc(..., timeout=seconds)"
_NOTED = "clew.Future, which is awaited and completed once"

_ASYNCIO_FUNCTIONS = {
    # name: what to use instead
    "all_tasks": _SPAWN, "as_completed": _EACH, "create_subprocess_exec": "another node",
    "create_subprocess_shell": "another node", "create_task": _SPAWN,
    "ensure_future": _SPAWN, "gather": _EACH, "get_event_loop": "self.after and self.spawn",
    "get_running_loop": "self.after and self.spawn", "new_event_loop": _SPAWN,
    "open_connection": "self.rpc", "open_unix_connection": "self.rpc", "run": _SPAWN,
    "run_coroutine_threadsafe": _SPAWN, "set_event_loop": _SPAWN, "shield": _SPAWN,
    "sleep": "await self.sleep(seconds)", "start_server": "a handler",
    "start_unix_server": "a handler", "timeout": _TIMEOUT, "timeout_at": _TIMEOUT,
    "to_thread": "a call", "wait": _EACH, "wait_for": _TIMEOUT, "wrap_future": _SPAWN,
}  # fmt: skip

_IMPORTING = {"new_event_loop", "run"}
"""What a file may not call during its import either."""

ASYNCIO: Final[dict[str, Row]] = {
    **{
        f"asyncio:{name}": refused(f"asyncio.{name}", instead, importing=name in _IMPORTING)
        for name, instead in _ASYNCIO_FUNCTIONS.items()
    },
    "asyncio.events:BaseDefaultEventLoopPolicy.get_event_loop": refused(
        "asyncio's loop", _SPAWN, importing=True
    ),
    "asyncio.base_events:BaseEventLoop.run_forever": refused("asyncio's loop", _SPAWN),
    "asyncio.base_events:BaseEventLoop.run_until_complete": refused("asyncio's loop", _SPAWN),
    "asyncio:Runner.run": refused("asyncio.Runner", _SPAWN),
    "asyncio:TaskGroup.__aenter__": refused("asyncio.TaskGroup", _EACH),
    "asyncio:Timeout.__aenter__": refused("asyncio.timeout", _TIMEOUT),
    "asyncio:Event.wait": _unless(lambda self: self.is_set(), "asyncio.Event.wait", _NOTED),
    "asyncio:Condition.wait": refused("asyncio.Condition.wait", _NOTED),
    "asyncio:Barrier.wait": refused("asyncio.Barrier.wait", _NOTED),
    "asyncio:Lock.acquire": _unless(
        lambda self: not self.locked(), "waiting for an asyncio.Lock that is held", _NOTED
    ),
    "asyncio:Semaphore.acquire": _unless(
        lambda self: not self.locked(), "waiting for an asyncio.Semaphore", _NOTED
    ),
    "asyncio:Queue.get": _unless(lambda self: not self.empty(), "waiting for a queue", _NOTED),
    "asyncio:Queue.put": _unless(lambda self, _: not self.full(), "waiting for a queue", _NOTED),
    "asyncio:Queue.join": _unless(
        lambda self: self._unfinished_tasks == 0,
        "waiting for a queue",
        _NOTED,
    ),
}  # fmt: skip
