"""What ends a run that does not end by itself: livelocks, storms, endless loops, and its budget."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from inspect import iscoroutine
from types import FrameType
from typing import Any

from clew.node.node import Node
from clew.node.task import Due, Task
from clew.node.timer import NS_PER_SECOND, NodeTimer
from clew.node.workers import Job
from clew.sim.entry import ARGUMENT, BODY, CALLBACK, MESSAGE, PRIORITY, QueueEntry
from clew.sim.finding import Finding, is_users, users_place
from clew.sim.findings import Findings, Running, cause_text
from clew.sim.loops import RATE, LoopWatch, in_words, with_handlers
from clew.sim.network import Network
from clew.sim.timer_loops import TimerLoop, TimerWatch
from clew.sim.world import LOOKS_MAX, EndlessLoop, World, call
from clew.trace.record import Trace

LIVELOCK_RECORDS = 500_000
"""The number of trace records without time advancing that is a livelock."""

STORM_ENTRIES = 300_000
"""The number of pending messages and timers that is a storm, which only ends with the memory."""


FLOOD_ENTRIES = 50_000
"""The number that is a storm as well if they came faster than any cluster sends."""

CALM_ENTRIES = 5_000
"""With no more than this pending, nothing has begun to grow."""


class Limits:
    """Looks at the run once per batch of trace records, and ends it with a finding.

    Args:
        world: whose events and entries.
        trace: whose records.
        network: whose messages.
        findings: where the reason goes.
        classes: their handlers are named in a message loop.
        nodes: how many there are.
        events_max: a run of more events is stopped; None for no bound.
    """

    def __init__(
        self,
        world: World,
        trace: Trace,
        network: Network,
        findings: Findings,
        classes: Sequence[type[Node]],
        nodes: int,
        events_max: int | None,
    ) -> None:
        self._world = world
        self._trace = trace
        self._findings = findings
        self._classes = classes
        self._events_max = events_max
        # The records there were when time advanced last, and that time.
        self._progress = (0, 0)
        self._storm_found = False
        self._network = network
        self._nodes = nodes
        # The messages sent by when little was pending last, and that time: a flood is counted from
        # there.
        self._calm = (0, 0)
        self._taps: dict[str, Callable[[Any], None]] = {}
        self._loops = LoopWatch(network, nodes, partial(self._tap, "messages"))
        self._timers = TimerWatch(partial(self._tap, "timers"))

    def check(self) -> None:
        """Check that virtual time advances, and that what is under way is bounded."""
        world, findings = self._world, self._findings
        since, at = self._progress
        if world.now != at:
            self._progress = (len(self._trace), world.now)
        elif len(self._trace) - since > LIVELOCK_RECORDS:
            self._livelocked(at / NS_PER_SECOND)
        if not self._storm_found and self._floods():
            findings.add(self._flood())
            world.stop()
        if self.storms() and not self._storm_found:
            findings.add(self.storm())
            world.stop()
        loop = self._loops.check(world.now)
        if loop is not None:
            reason, place = in_words(loop, self._classes)
            findings.report("message-loop", "", reason, place=place)
            world.stop()
        timers = self._timers.check(world.now, len(self._trace))
        if timers is not None:
            place = self._place_of(timers)
            findings.report("timer-loop", timers.node, timers.in_words(), timers.cause, place)
            world.stop()
        if self._events_max is not None and world.events > self._events_max:
            reason = f"the run passed its budget of {self._events_max} events"
            findings.report("endless-loop", "", reason)
            world.stop()

    def _tap(self, watch: str, tap: Callable[[Any], None] | None) -> None:
        """Pass the records on as they come to a watch's function; None for no longer."""
        self._taps.pop(watch, None)
        if tap is not None:
            self._taps[watch] = tap
        self._trace.tap = self._tell if self._taps else None

    def _tell(self, batch: Sequence[Any]) -> None:
        for tap in self._taps.values():
            tap(batch)

    def _floods(self) -> bool:
        """Return whether what is pending has grown from little at a rate that no cluster has."""
        pending, world = len(self._world.order.pending), self._world
        if pending <= CALM_ENTRIES:
            self._calm = (self._network.messages, world.now)
        if pending <= FLOOD_ENTRIES:
            return False
        sent, since = self._calm
        most = FLOOD_ENTRIES + RATE * self._nodes * (world.now - since) // NS_PER_SECOND
        return self._network.messages - sent > most

    def storms(self) -> bool:
        """Return whether more is under way than any cluster needs."""
        return len(self._world.order.pending) > STORM_ENTRIES

    def storm(self, place: str = "") -> Finding:
        """Describe what is under way; the call that makes it was stopped at ``place``.

        The watchdog's thread calls this too, so nothing in it depends on how far that call had
        come.
        """
        self._storm_found = True
        most = ", ".join(map(repr, self._commonest()))
        reason = (
            f"more than {STORM_ENTRIES} messages and timers are under way at once "
            f"({f'mostly of type {most}' if most else 'timers'})"
        )
        world = self._world
        process: Running | None = world.current
        if process is None:
            reason += "; does every message lead to several more?"
            return Finding("message-storm", reason, "", world.now, world.events)
        reason += "; this call was stopped" if place else ""
        return Finding(
            "message-storm", reason, process.id, world.now, world.events,
            cause_text(process.cause), place or users_place(),
        )  # fmt: skip

    def _commonest(self) -> list[str]:
        """Return the commonest types of the messages under way, at most three."""
        kinds: Counter[str] = Counter()
        for entry in self._world.order.pending[:STORM_ENTRIES]:
            if entry[PRIORITY] >= MESSAGE:
                kinds[str(entry[BODY].get("type"))] += 1
        return [kind for kind, _ in kinds.most_common(3)]

    def _flood(self) -> Finding:
        """Report what is under way, with the handlers of the commonest types."""
        self._storm_found = True
        world, types = self._world, self._commonest()
        told, place = with_handlers(types, self._classes)
        reason = (
            f"more than {FLOOD_ENTRIES} messages and timers are under way at once, and messages "
            f"were sent faster than {RATE:,} per node and virtual second (mostly of type "
            f"{', '.join(map(repr, types))}); does every message lead to several more? "
            f"They are handled so: {', '.join(told)}"
        )
        return Finding("message-storm", reason, "", world.now, world.events, place=place)

    def _place_of(self, loop: TimerLoop) -> str:
        """Return ``file:line`` of what a timer calls, or of what waits for it; empty if unknown.

        The timer fires right now, or is pending.
        """
        firing = _firing()
        entries = [] if firing is None else [firing]
        # What fires now comes first; of what is pending any timer of the loop will do.
        for entry in [*entries, *self._world.order.pending]:
            if entry[PRIORITY] < MESSAGE and _is_of(entry, loop):
                place = _place_of(entry[ARGUMENT])
                if place:
                    return place
        return ""

    def clocks_asked(self) -> None:
        """Report a call that reads clocks until time has passed: it never does meanwhile."""
        process: Running | None = self._world.current
        if process is not None:
            reason = (
                f"one call read its clocks {LOOKS_MAX:,} times, and no time passes while a node's "
                "code runs; use await self.sleep(...) or self.after(seconds, callback)"
            )
            cause = cause_text(process.cause)
            self._findings.report("endless-loop", process.id, reason, cause, users_place())

    def _livelocked(self, seconds: float) -> None:
        reason = f"{LIVELOCK_RECORDS} things happened at {seconds:.6f} s and time did not advance"
        process: Running | None = self._world.current
        self._world.stop()
        if process is None:
            node, cause, place = _repeating()
            self._findings.report("livelock", node, reason, cause, place)
            return
        # One call of a node's code did all this: it may never end, so it ends here.
        cause, place = cause_text(process.cause), users_place()
        self._findings.report("endless-loop", process.id, reason, cause, place)
        raise EndlessLoop


def _repeating() -> tuple[str, str, str]:
    """Return the node, cause and place of the timer that fires right now; empty if none does.

    If timers keep time from advancing, the world is calling one of them.
    """
    entry = _firing()
    if entry is None or not isinstance(entry[ARGUMENT], NodeTimer):
        return "", "", ""
    timer = entry[ARGUMENT]
    return entry[CALLBACK].__self__.id, f"timer {timer.name}", _place_of(timer)


def _firing() -> QueueEntry | None:
    """Return the entry of the call that the world makes right now; None if it makes none."""
    # The entry is the argument of the world's `call`, somewhere further out on this stack.
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - the documented way to walk frames
    while frame is not None and frame.f_code is not call.__code__:
        frame = frame.f_back
    if frame is None:
        return None
    entry: QueueEntry = frame.f_locals["entry"]
    return entry


def _is_of(entry: QueueEntry, loop: TimerLoop) -> bool:
    """Return whether a call is one of a loop's timers, or the end of its work."""
    if len(entry) <= ARGUMENT:
        return False
    argument = entry[ARGUMENT]
    if loop.kind == "timer":
        return (
            isinstance(argument, NodeTimer)
            and argument.name == loop.name
            and not argument.cancelled
            and entry[CALLBACK].__self__.id == loop.node
        )
    job = _job_of(argument)
    return job is not None and _worker_of(job) == loop.node


def _job_of(argument: object) -> Job | None:
    """Return the job whose end is the argument of a call; None if it is something else."""
    first = next(iter(argument), None) if isinstance(argument, tuple) else None
    return first if isinstance(first, Job) else None


def _worker_of(job: Job) -> str:
    """Return the name of the node that requested a job; empty if nobody knows."""
    owner = getattr(getattr(job.done, "func", None), "__self__", None)
    return str(getattr(owner, "id", ""))


def _place_of(argument: object) -> str:
    """Return ``file:line`` of what a timer calls, or of what waits for it or for a job's end."""
    job = _job_of(argument)
    if job is not None:
        return _woken(next(_dues(getattr(job.done, "args", ())), None))
    assert isinstance(argument, NodeTimer)
    due = next(_dues(argument.args), None)
    if due is not None and due.future is not None:
        return _woken(due)
    code = getattr(argument.callback, "__code__", None)
    if code is None or not is_users(code.co_filename):
        return ""
    return f"{code.co_filename}:{code.co_firstlineno}"


def _dues(arguments: Sequence[object]) -> Iterator[Due]:
    return (one for one in arguments[:1] if isinstance(one, Due))


def _woken(due: Due | None) -> str:
    """Return ``file:line`` of the innermost frame of the user's that waits for something."""
    if due is None or due.future is None:
        return ""
    place = ""
    # The future wakes tasks; the place is the innermost frame of each that is the user's.
    for waiting in due.future._callbacks:  # noqa: SLF001 - once a run that failed
        task = getattr(waiting, "__self__", None)
        step = task._coroutine if isinstance(task, Task) else None  # noqa: SLF001
        # Inward along what each coroutine awaits: the last frame of the user's is the one that
        # waits.
        while iscoroutine(step) and step.cr_frame is not None:
            if is_users(step.cr_frame.f_code.co_filename):
                place = f"{step.cr_frame.f_code.co_filename}:{step.cr_frame.f_lineno}"
            step = step.cr_await
    return place
