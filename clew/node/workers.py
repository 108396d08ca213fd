"""The workers of one life of a node: jobs, first come first served, and a queue that may be full.

This is the multi-server queue of the textbooks (G/G/c, or G/G/c/K if the queue is bounded). It is
written once for every runtime, and knows time only as an argument. The end of a job is an entry of
the runtime's queue, and nothing else is needed: SimPy's Resource, which does the same, takes three
events per job, knows no machine that slows down or stops in the middle of one, and could not
serve a real process.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from clew.node.capacity import Capacity
from clew.node.message import in_words
from clew.node.timer import to_ns


class Job:
    """A call of `Node.work`.

    Attributes:
        done: called when it is done.
        asked_ns: when it came.
        began_ns: when a worker took it.
        left_ns: how much of it is left, at full speed, as of `since_ns`.
        since_ns: when its worker last began, went on, or changed its speed.
        turn: how often its end was scheduled; an end of an earlier turn does not count.
    """

    __slots__ = ("asked_ns", "began_ns", "done", "left_ns", "since_ns", "turn")

    def __init__(self, done: Callable[[Job], None], asked_ns: int, left_ns: int) -> None:
        self.done = done
        self.asked_ns = asked_ns
        self.began_ns = self.since_ns = asked_ns
        self.left_ns = left_ns
        self.turn = 0


class Watcher(Protocol):
    """An observer of what workers do."""

    def changed(self, now_ns: int, busy: int, waiting: int) -> None:
        """Take how many jobs are under way and how many wait from now on."""

    def refused(self, now_ns: int) -> None:
        """Note that a job was refused, since the queue is full."""

    def lengthened(self, by_ns: int) -> None:
        """Note that a job under way took longer by this much, because its machine is slow."""


class Workers:
    """The workers of a life, and the jobs that wait for them.

    A job is either in `_under_way`, of which there are never more than workers, or waits in order
    in `_waiting`, which is empty while a worker is free.

    Args:
        capacity: how many, and how many jobs may wait.
        now: the time, ns.
        later: calls something with an argument after a while, ns.
        watcher: called at each change; None for nobody.
        slowness: how many times as long a job takes.
    """

    def __init__(
        self,
        capacity: Capacity,
        now: Callable[[], int],
        later: Callable[[int, Callable[[Any], None], Any], None],
        watcher: Watcher | None = None,
        slowness: int = 1,
    ) -> None:
        self._capacity = capacity
        self._now = now
        self._later = later
        self._watcher = watcher
        self._slowness = slowness
        self._halted = False
        self._under_way: dict[Job, None] = {}
        self._waiting: deque[Job] = deque()

    def take(self, work_ns: int, done: Callable[[Job], None]) -> bool:
        """Begin a job, or let it wait for a worker; False, without effect, if the queue is full."""
        job = Job(done, self._now(), work_ns)
        if len(self._under_way) < self._capacity.workers:
            self._begin(job)
        elif self._capacity.queue is not None and len(self._waiting) >= self._capacity.queue:
            if self._watcher is not None:
                self._watcher.refused(self._now())
            return False
        else:
            self._waiting.append(job)
        self._tell()
        return True

    def _begin(self, job: Job) -> None:
        job.began_ns = job.since_ns = self._now()
        self._under_way[job] = None
        self._schedule(job)

    def _schedule(self, job: Job) -> None:
        # A turn is one stretch of work at one pace. The end of an earlier turn may still be
        # scheduled; `_ended` knows it by its number.
        job.turn += 1
        if not self._halted:
            self._later(job.left_ns * self._slowness, self._ended, (job, job.turn))

    def _ended(self, ended: tuple[Job, int]) -> None:
        job, turn = ended
        if turn != job.turn or job not in self._under_way:
            return
        self._account(job)
        del self._under_way[job]
        # The job that waits longest comes before what the finished job's own code requests next.
        if self._waiting:
            self._begin(self._waiting.popleft())
        self._tell()
        job.done(job)

    def _account(self, job: Job) -> None:
        """Subtract what was done of a job since its worker last began, went on or changed."""
        now = self._now()
        spent_ns = now - job.since_ns
        done_ns = min(spent_ns // self._slowness, job.left_ns)
        if not self._halted:
            job.left_ns -= done_ns
            if self._watcher is not None and spent_ns > done_ns:
                self._watcher.lengthened(spent_ns - done_ns)
        job.since_ns = now

    def pace(self, slowness: int) -> None:
        """Make jobs, and what is left of those under way, take so many times as long."""
        # First what was done at the old pace, then what is left at the new one.
        for job in self._under_way:
            self._account(job)
        self._slowness = slowness
        for job in self._under_way:
            self._schedule(job)

    def halt(self) -> None:
        """Stop: nothing is done until `go_on`."""
        for job in self._under_way:
            self._account(job)
            job.turn += 1
        self._halted = True

    def go_on(self) -> None:
        """End a halt: each job under way has as much left as before."""
        for job in self._under_way:
            self._account(job)
        self._halted = False
        for job in self._under_way:
            self._schedule(job)

    def drop(self) -> None:
        """End for ever: what is under way is lost, and so is what waits."""
        for job in self._under_way:
            self._account(job)
        self._under_way.clear()
        self._waiting.clear()
        self._tell()

    def _tell(self) -> None:
        if self._watcher is not None:
            self._watcher.changed(self._now(), len(self._under_way), len(self._waiting))


def work_ns(seconds: Any) -> int:
    """Convert seconds of work to integer nanoseconds.

    Raises:
        TypeError: they are not a number.
        ValueError: they are negative, infinite or not a number.
    """
    try:
        right = 0 <= seconds < float("inf")
    except TypeError:
        raise TypeError(f"work() takes seconds, not {in_words(seconds)}") from None
    if not right:
        raise ValueError(f"work() takes seconds from 0, not {seconds}")
    return to_ns(seconds)
