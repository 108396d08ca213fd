"""Worker processes that run seeds; results come in the order in which the seeds were given.

A worker holds so many seeds that it has work for a while, also if this process gets no processor
for that long, and sends the answers of quick seeds together. Memory is bounded: a limited number of
seeds are given out or wait for an earlier one to be reported.

A worker that dies takes no seed with it: the one that it ran, which it has marked in memory that
both share, is run again by a fresh worker, the others by any worker. A seed that ends its worker
again and again is reported itself, with verdict UNKNOWN; so is one that does not come back within
its job's time, whose worker is killed. Workers end with the process that started them.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Callable, Generator, Iterable
from contextlib import suppress
from ctypes import c_ulonglong
from dataclasses import dataclass, field
from heapq import heappop, heappush
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from multiprocessing.sharedctypes import RawValue
from typing import TypeAlias

from clew.errors import ClewError
from clew.machine import wall
from clew.machine.processes import (
    die_with_parent,
    ending,
    leave_no_sign,
    safe_path,
    without_interrupts,
    without_main,
)
from clew.scenarios.options.scenario import Scenario
from clew.search.forks import warm
from clew.search.seeds import (
    Bench,
    Job,
    SeedResult,
    SeedTask,
    lost_result,
    result_in,
    seed_seconds_of,
)

HELD, HELD_MOST = 3, 32
"""How many seeds a worker holds at most, including the one it runs: it never waits for the next.
There are so many only if they are quick."""

HELD_SECONDS = 0.2
"""How long the seeds that a worker holds may keep it busy, if they are more than `HELD`."""

BATCH_SECONDS = 0.05
"""An answer waits at most this long for others, and for the end of a seed that was begun then."""

WINDOW = 64
"""A worker may be at most this many seeds ahead of the one that is reported next."""

DEATHS_MAX = 3
"""A seed that this many workers died of is to blame: one may have died of what it ran before."""

KILLS_MAX = 5
"""The same if the last was killed, which the user or the system may have done."""

STARTS_MAX = 3
"""If this many workers in a row die before they are ready, none can be started here."""

KILLED_STARTS_MAX = 30
"""The same if the last was killed."""

_KILLED = tuple(-getattr(signal, name, 0) for name in ("SIGKILL", "SIGTERM"))
_LOOK_SECONDS = 0.5
_END_SECONDS = 1.0


Answer: TypeAlias = SeedResult | ClewError
"""A worker's answer for a seed."""

Batch: TypeAlias = tuple[list[Answer], float]
"""Answers to seeds in their order, and how many seconds they took."""


def result_of(answer: Answer) -> SeedResult:
    """Return the result in an answer.

    Raises:
        ClewError: what the seed refused to run with.
    """
    if isinstance(answer, Exception):
        raise answer
    return answer


@dataclass(eq=False, slots=True)
class _Worker:
    """One worker process.

    Attributes:
        held: the places of the seeds that it holds, in the order that it runs them.
        begun: how many seeds it has begun, in memory that it shares with this process.
        answered: how many of them it has answered.
        waited: how long the sweep has waited for it since it was seen to begin a seed; seconds.
        seen: how many it had begun then.
        pace: how many seconds its last seeds took, each; 0 for unknown.
        ready: False until it says so.
        job: the last job that it was sent.
    """

    process: BaseProcess
    connection: Connection
    begun: c_ulonglong
    held: deque[int] = field(default_factory=deque)
    answered: int = 0
    waited: float = 0.0
    seen: int = 0
    pace: float = 0.0
    ready: bool = False
    job: Job | None = None

    @property
    def has_room(self) -> bool:
        """True if it should hold another seed."""
        count = len(self.held)
        return count < HELD or (count < HELD_MOST and 0 < self.pace * count < HELD_SECONDS)

    @property
    def rank(self) -> int:
        """The rank of the seed that it runs, or ran last, among those that it holds.

        Those before it are done too, but it has not sent their answers.
        """
        return min(max(self.begun.value - self.answered - 1, 0), len(self.held) - 1)


class Pool:
    """Workers, and the seeds that they are given.

    Args:
        tasks: may be without end; they are taken as there is room.
        jobs: how many workers, at most.
        tick: called at least twice per second while there is nothing to report.
    """

    def __init__(
        self, tasks: Iterable[SeedTask], jobs: int, tick: Callable[[], None] | None = None
    ) -> None:
        # What all methods share. A seed is named by its place among the tasks. One that was taken
        # is in `_tasks` until it is done; a worker holds it, or it waits in `_again`. It is then in
        # `_done` until all before `_next`, the first that was not reported, were reported.
        self._left = enumerate(tasks)
        self._jobs = jobs
        self._tick = tick
        self._workers: list[_Worker] = []
        self._tasks: dict[int, SeedTask] = {}  # taken from the iterator and not done
        self._again: list[int] = []  # those of them that no worker holds; a heap
        self._deaths: dict[int, int] = {}
        self._done: dict[int, Answer] = {}
        self._next = 0
        self._stillborn = 0
        self._looked = wall.seconds()

    def results(self) -> Generator[SeedResult, None, None]:
        """Give the results in the order of the tasks; the workers end with the iterator.

        Raises:
            ClewError: what a seed refused to run with; or no worker can be started.
        """
        try:
            # Invariant: all before `_next` were reported, in order. Each round gives out what there
            # is room for and waits for an answer or a death, and every death counts against a seed
            # or a start: this ends if the tasks do.
            while True:
                self._give()
                while self._next in self._done:
                    answer = self._done.pop(self._next)
                    self._next += 1
                    yield result_of(answer)
                    self._give()
                if not self._tasks:
                    return
                self._collect()
        finally:
            self._end()

    # Giving.

    def _give(self) -> None:
        """Give seeds to the worker that holds the fewest, until every worker has enough."""
        # One seed at a time to whoever holds the fewest; a further worker is started only once all
        # that there are have work.
        while True:
            worker = min(
                (each for each in self._workers if each.has_room),
                key=lambda each: len(each.held),
                default=None,
            )
            few = len(self._workers) < self._jobs and (worker is None or bool(worker.held))
            if worker is None and not few:
                return
            place = self._take()
            if place is None:
                return
            if worker is None or few:
                worker = self._start(place)
            self._hand(worker, place)

    def _take(self) -> int | None:
        """Take the place of the next seed to run; None if there is none, or no room for it."""
        if self._again:
            return heappop(self._again)
        # Every taken seed is at or after the one to be reported next, which bounds what waits.
        if len(self._tasks) + len(self._done) >= WINDOW * self._jobs:
            return None
        place, task = next(self._left, (None, None))
        if place is not None and task is not None:
            self._tasks[place] = task
        return place

    def _hand(self, worker: _Worker, place: int) -> None:
        task = self._tasks[place]
        if not worker.held:
            worker.waited = 0.0
        worker.held.append(place)
        with suppress(OSError):  # then the answer is the end of the pipe
            worker.connection.send((None if task.job is worker.job else task.job, task.seed))
        worker.job = task.job

    def _start(self, place: int) -> _Worker:
        """Start a worker that is about to get a seed."""
        scenario = self._tasks[place].job.scenario
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        begun = RawValue(c_ulonglong, 0)
        process = context.Process(
            target=_work, args=(theirs, os.getpid(), scenario, begun), daemon=True
        )
        with without_interrupts(), safe_path(), without_main():
            process.start()
        theirs.close()
        worker = _Worker(process, ours, begun)
        self._workers.append(worker)
        return worker

    # Collecting.

    def _collect(self) -> None:
        """Take the workers' answers, or check on the workers if there are none."""
        ready = set(wait([worker.connection for worker in self._workers], _LOOK_SECONDS))
        for worker in [each for each in self._workers if each.connection in ready]:
            try:
                batch: Batch | None = worker.connection.recv()
            except (EOFError, OSError):
                self._died(worker)
                continue
            self._answered(worker, batch)
        # Time in which this process was stopped, or busy elsewhere, does not count.
        now = wall.seconds()
        step, self._looked = min(now - self._looked, 2 * _LOOK_SECONDS), now
        for worker in [each for each in self._workers if each.held and each.ready]:
            begun = worker.begun.value
            if begun != worker.seen:
                worker.seen, worker.waited = begun, 0.0
            worker.waited += step
            if worker.waited > self._seconds(worker):
                self._hung(worker)
        if not ready and self._tick is not None:
            self._tick()

    def _answered(self, worker: _Worker, batch: Batch | None) -> None:
        worker.waited = 0.0
        if batch is None:
            worker.ready = True
            self._stillborn = 0
            return
        answers, seconds = batch
        worker.answered += len(answers)
        worker.pace = seconds / len(answers)
        for answer in answers:
            self._finish(worker.held.popleft(), answer)

    def _finish(self, place: int, answer: Answer) -> None:
        self._done[place] = answer
        self._deaths.pop(place, None)
        del self._tasks[place]

    def _seconds(self, worker: _Worker) -> float:
        job = self._tasks[worker.held[worker.rank]].job
        return seed_seconds_of(job.scenario) if job.seed_seconds is None else job.seed_seconds

    def _died(self, worker: _Worker) -> None:
        worker.process.join()
        status = worker.process.exitcode
        killed, how = status in _KILLED, ending(status)
        if not worker.ready:
            self._stillborn += 1
            if self._stillborn >= (KILLED_STARTS_MAX if killed else STARTS_MAX):
                raise ClewError(
                    "worker processes can't be started",
                    found=f"{self._stillborn} of them ended at once, the last with {how}",
                    fix="Try --jobs 1",
                )
        elif worker.held:
            worker.held.rotate(-worker.rank)
            place = worker.held[0]
            self._deaths[place] = self._deaths.get(place, 0) + 1
            if self._deaths[place] >= (KILLS_MAX if killed else DEATHS_MAX):
                self._lose(
                    worker, f"worker died ({how})",
                    f"{self._deaths[place]} worker processes that ran this seed died, the last "
                    f"with {how}; they may have lacked memory, or a library ended them.",
                )  # fmt: skip
        self._replace(worker)

    def _hung(self, worker: _Worker) -> None:
        seconds = self._seconds(worker)
        worker.process.kill()
        worker.process.join()
        worker.held.rotate(-worker.rank)
        self._lose(
            worker, "worker hung",
            f"The seed did not end within {seconds:g} s, so the process that ran it was killed.",
        )  # fmt: skip
        self._replace(worker)

    def _lose(self, worker: _Worker, signature: str, reason: str) -> None:
        place = worker.held.popleft()
        self._finish(place, lost_result(self._tasks[place], signature, reason))

    def _replace(self, worker: _Worker) -> None:
        """Take back a dead worker's seeds; a fresh worker begins with the one it died of."""
        worker.connection.close()
        self._workers.remove(worker)
        job = worker.job
        if job is not None:
            remove_parts(job, worker.process.pid)
        if worker.held:
            place = worker.held.popleft()
            self._hand(self._start(place), place)
        for place in worker.held:
            heappush(self._again, place)

    def _end(self) -> None:
        # All are told first and then waited for, so that they end at the same time.
        for worker in self._workers:
            worker.connection.close()
            if worker.held:
                worker.process.kill()
        for worker in self._workers:
            worker.process.join(_END_SECONDS)
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()
            if worker.job is not None and worker.held:
                remove_parts(worker.job, worker.process.pid)
        self._workers.clear()


def remove_parts(job: Job, pid: int | None) -> None:
    """Remove what a dead process had begun to write beside an artefact."""
    for part in job.out.glob(f"*/.*.{pid}.part"):
        with suppress(OSError):
            part.unlink()


def _work(connection: Connection, parent: int, scenario: Scenario, begun: c_ulonglong) -> None:
    """Work: seeds in, results out, until the other end is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    leave_no_sign()
    die_with_parent(parent)
    with suppress(ClewError):  # the first seed will report it
        warm(scenario.model, scenario.bug)
    job: Job | None = None
    answers: list[Answer] = []
    with suppress(EOFError, BrokenPipeError, ConnectionResetError), Bench() as bench:
        connection.send(None)
        started = wall.seconds()
        # Between two turns of the loop every seed that was taken is answered, or in `answers`.
        while True:
            spent = wall.seconds() - started
            if answers and (spent >= BATCH_SECONDS or not connection.poll()):
                connection.send((answers, spent))
                answers = []
            given, seed = connection.recv()
            if not answers:
                started = wall.seconds()
            begun.value += 1
            job = given or job
            assert job is not None
            answers.append(answer_of(job, seed, bench))


def answer_of(job: Job, seed: int, bench: Bench) -> Answer:
    """Run a seed in a worker and answer; nothing is raised."""
    try:
        return result_in(job, seed, bench)
    except ClewError as error:
        return error
