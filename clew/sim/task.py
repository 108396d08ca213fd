"""Coroutines in virtual time: a future, and what drives a coroutine over futures.

There is no event loop of its own: a task runs until its coroutine awaits a future that is not
done, and goes on inside the event that completes it.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator
from contextlib import suppress
from typing import Any


class Future:
    """A result that is not there yet; await it once or more."""

    __slots__ = ("_callbacks", "_error", "_value", "done")

    def __init__(self) -> None:
        self.done = False
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
        """Call back inside the event that completes it, or at once where it is done."""
        if self.done:
            callback()
        else:
            self._callbacks.append(callback)

    def __await__(self) -> Generator[Future, None, Any]:
        if not self.done:
            yield self
        if self._error is not None:
            raise self._error
        return self._value


class ForeignAwaitError(Exception):
    """A coroutine awaited something that virtual time knows nothing of, such as asyncio's."""


class Task:
    """A running coroutine.

    Args:
        coroutine: what to run; it runs at once, up to its first wait.
        guard: called with ``step``; it runs it where exceptions become findings.

    Attributes:
        result: a future of what the coroutine returns.
    """

    __slots__ = ("_coroutine", "_guard", "result")

    def __init__(
        self, coroutine: Coroutine[Any, Any, Any], guard: Callable[[Callable[[], None]], None]
    ) -> None:
        self._coroutine = coroutine
        self._guard = guard
        self.result = Future()
        self.resume()

    def __await__(self) -> Generator[Future, None, Any]:
        return self.result.__await__()

    def resume(self) -> None:
        """Run the coroutine up to its next wait."""
        self._guard(self._step)

    def close(self) -> None:
        """Drop the coroutine where it stands; its ``finally`` blocks run, into the void."""
        # A crash can strike inside this very coroutine, which then can't be closed but unwinds;
        # and what a dead process does while it unwinds is nobody's concern.
        with suppress(Exception):
            self._coroutine.close()

    def _step(self) -> None:
        try:
            awaited = self._coroutine.send(None)
        except StopIteration as end:
            self.result.set_result(end.value)
            return
        if isinstance(awaited, Future):
            awaited.when_done(self.resume)
            return
        self._coroutine.throw(
            ForeignAwaitError(
                f"a node can await its own rpc, sleep, spawn and disk.sync only, not {awaited!r}"
            )
        )
