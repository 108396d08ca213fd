"""What the workers of a host did, in windows of one virtual second, counted as it happens."""

from __future__ import annotations

from clew.node.timer import NS_PER_SECOND

WINDOW_NS = NS_PER_SECOND
"""The length of a window."""


class Window:
    """One window.

    Attributes:
        busy_ns: worker-nanoseconds in which workers were busy.
        waiting_ns: the length of the queue, integrated over the window.
        longest: the longest queue in it.
        refused: how many jobs a full queue refused.
    """

    __slots__ = ("busy_ns", "longest", "refused", "waiting_ns")

    def __init__(self, longest: int) -> None:
        self.busy_ns = self.waiting_ns = self.refused = 0
        self.longest = longest


class Load:
    """What the workers of a host did: a watcher of all processes that ran there, in turn.

    Invariant: `windows` holds all up to the last change, which lies in the last window.

    Args:
        workers: how many each process has.

    Attributes:
        windows: from the beginning of the run, up to the last change.
        lengthened_ns: how much longer jobs took because the machine was slow.
    """

    __slots__ = ("_busy", "_since_ns", "_waiting", "lengthened_ns", "windows", "workers")

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self.windows: list[Window] = [Window(0)]
        self.lengthened_ns = 0
        self._since_ns = 0
        self._busy = self._waiting = 0

    def changed(self, now_ns: int, busy: int, waiting: int) -> None:
        """See `clew.node.workers.Watcher`."""
        self.settle(now_ns)
        self._busy, self._waiting = busy, waiting
        last = self.windows[-1]
        last.longest = max(last.longest, waiting)

    def refused(self, now_ns: int) -> None:
        """See `clew.node.workers.Watcher`."""
        self.settle(now_ns)
        self.windows[-1].refused += 1

    def lengthened(self, by_ns: int) -> None:
        """See `clew.node.workers.Watcher`."""
        self.lengthened_ns += by_ns

    def settle(self, now_ns: int) -> None:
        """Count up to now."""
        # Each turn ends a window, or reaches the present: all before `_since_ns` is counted.
        while self._since_ns < now_ns:
            end_ns = min(len(self.windows) * WINDOW_NS, now_ns)
            last = self.windows[-1]
            last.busy_ns += self._busy * (end_ns - self._since_ns)
            last.waiting_ns += self._waiting * (end_ns - self._since_ns)
            self._since_ns = end_ns
            if end_ns == len(self.windows) * WINDOW_NS:
                self.windows.append(Window(self._waiting))
