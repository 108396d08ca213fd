"""Coroutines in virtual time: a future, and what drives a coroutine over futures.

There is no separate event loop: a task runs until its coroutine awaits a future that is not done,
and goes on inside the event that completes it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterable
from functools import partial
from types import FrameType
from typing import Any
from weakref import ref

from clew.machine.text import Unwinding
from clew.node.message import in_words

CLOSES_MAX = 100
"""A coroutine that awaits this often while it is being closed is left as it is."""


class Future:
    """A result that is not there yet; await it once or more.

    Attributes:
        done: True once it is there.
        awaited: True once somebody awaits it.
    """

    __slots__ = ("__weakref__", "_callbacks", "_error", "_value", "awaited", "done")

    def __init__(self) -> None:
        self.done = False
        self.awaited = False
        self._value: Any = None
        self._error: BaseException | None = None
        self._callbacks: list[Callable[[], None]] = []

    def set_result(self, value: Any) -> None:
        """Complete it; a second completion is ignored."""
        self._complete(value, None)

    def set_error(self, error: BaseException) -> None:
        """Complete it with an exception for whoever awaits it."""
        self._complete(None, error)

    def _complete(self, value: Any, error: BaseException | None) -> None:
        if self.done:
            return
        self.done, self._value, self._error = True, value, error
        callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback()

    def when_done(self, callback: Callable[[], None]) -> None:
        """Call back inside the event that completes it, or at once if it is done."""
        if self.done:
            callback()
        else:
            self._callbacks.append(callback)

    def __await__(self) -> Generator[Future, None, Any]:
        self.awaited = True
        if not self.done:
            yield self
        if self._error is not None:
            raise self._error
        return self._value


class Due:
    """A future that the end of a wait will complete, and the place that made it.

    Args:
        frame: the code that made it.
        failures: how many failures of the node's code there had been.

    Attributes:
        future: None once it is completed.
    """

    __slots__ = ("_code", "_failures", "_instruction", "future")

    def __init__(self, frame: FrameType, failures: int = 0) -> None:
        self.future: Future | None = Future()
        self._failures = failures
        self._code = frame.f_code
        self._instruction = frame.f_lasti

    def complete(self, failures: int = 0) -> str | None:
        """Complete it with None; return ``file:line`` if nobody ever held it to wait for it.

        A future that only this held is gone once this drops it. One that is held elsewhere may
        still be awaited. If code has failed since, its traceback may hold the future until the
        garbage is collected, which is at no time of the run's: nothing is said then.
        """
        future, self.future = self.future, None
        if future is None:
            return None
        wanted = future.awaited or future._callbacks  # noqa: SLF001 - its own module
        future.set_result(None)
        if wanted or failures != self._failures:
            return None
        held = ref(future)
        del future
        if held() is not None:
            return None
        positions = list(self._code.co_positions())
        return f"{self._code.co_filename}:{positions[self._instruction // 2][0]}"


class ForeignAwaitError(Exception):
    """A coroutine awaited something unknown to virtual time, such as a future of asyncio."""


class Task:
    """A running coroutine.

    Args:
        coroutine: what to run; it runs at once, up to its first wait.
        run: called with `step`, the cause and the task; it calls `step` where exceptions become
            findings.
        cause: the message or timer that the coroutine runs for.
        unclaimed: called with a failure that nobody awaits yet; if None, a failure goes on to what
            runs it.

    Attributes:
        result: a future for what the coroutine returns or raises.
    """

    __slots__ = ("_cause", "_coroutine", "_run", "_unclaimed", "result")

    def __init__(
        self,
        coroutine: Coroutine[Any, Any, Any],
        run: Callable[[Callable[[], None], Any, Task], None],
        cause: Any,
        unclaimed: Callable[[Future, BaseException], None] | None = None,
    ) -> None:
        self._coroutine = coroutine
        self._run = run
        self._cause = cause
        self._unclaimed = unclaimed
        self.result = Future()
        self.resume()

    def __await__(self) -> Generator[Future, None, Any]:
        return self.result.__await__()

    def resume(self) -> None:
        """Run the coroutine up to its next wait."""
        self._run(self.step, self._cause, self)

    def close(self) -> None:
        """Drop the coroutine where it is.

        Its ``finally`` blocks run, but the process is dead: it can't send, and the host has dropped
        its disk object, so nothing they do or raise has an effect.
        """
        # Each turn ends one await in a ``finally``. A crash can strike inside this very coroutine,
        # which then can't be closed but unwinds.
        for _ in range(CLOSES_MAX):
            try:
                self._coroutine.close()
            except RuntimeError:
                continue
            except (Unwinding, KeyboardInterrupt):
                raise
            except BaseException:  # noqa: BLE001 - whatever a node's code raises
                return
            return

    def step(self) -> None:
        """Run the coroutine up to its next wait; the runner's call."""
        try:
            awaited = self._coroutine.send(None)
            # The error is raised at the foreign await, so that its traceback shows the line; code
            # that catches it may go on to another.
            while not isinstance(awaited, Future):
                awaited = self._coroutine.throw(_foreign(awaited))
        except StopIteration as end:
            self.result.set_result(end.value)
        except (Unwinding, KeyboardInterrupt):
            raise
        except BaseException as error:
            self.result.set_error(error)
            if self._unclaimed is None:
                raise
            if not self.result.awaited:
                self._unclaimed(self.result, error)
        else:
            awaited.when_done(self.resume)


def gather(
    spawn: Callable[[Coroutine[Any, Any, Any]], Task],
    requests: Iterable[Awaitable[Any]],
    count: int | None,
    tolerated: type[Exception],
) -> Future:
    """Make a future of the first `count` results of several requests; see `Node.gather`.

    Args:
        spawn: runs a coroutine.
        requests: futures, tasks or coroutines.
        count: how many must succeed; all if None.
        tolerated: what a request may fail with, as long as enough others succeed.

    Raises:
        ValueError: `count` is below 0, or more than there are requests.
        TypeError: a request is none of these.
    """
    futures = [_future_of(spawn, request) for request in requests]
    wanted = len(futures) if count is None else count
    if not 0 <= wanted <= len(futures):
        raise ValueError(f"gather() can't have {wanted} answers of {len(futures)} requests")
    gathered, results, failed = Future(), list[Any](), 0

    def settle(future: Future) -> None:
        # `len(results) + failed` requests are over; the future ends at the first moment at which
        # either enough succeeded, or those that are left can't make up the number.
        nonlocal failed
        if gathered.done:
            return
        error = future._error  # noqa: SLF001 - it is done, and this is its own module
        if error is None:
            results.append(future._value)  # noqa: SLF001
            if len(results) == wanted:
                gathered.set_result(results)
            return
        failed += 1
        if not isinstance(error, tolerated) or len(futures) - failed < wanted:
            gathered.set_error(error)

    if not wanted:
        gathered.set_result(results)
    for future in futures:
        future.awaited = True
        future.when_done(partial(settle, future))
    return gathered


def _future_of(spawn: Callable[[Coroutine[Any, Any, Any]], Task], request: Any) -> Future:
    if isinstance(request, Future):
        return request
    if isinstance(request, Task):
        return request.result
    if isinstance(request, Coroutine):
        return spawn(request).result
    raise TypeError(
        f"gather() takes what rpc, sleep, work and spawn return, not {in_words(request)}"
    )


def _foreign(awaited: Any) -> ForeignAwaitError:
    return ForeignAwaitError(
        "a node can await its own rpc, gather, sleep, work, spawn and disk.sync only, not "
        f"{in_words(awaited)}"
    )
