"""Each node alone, with what it got in a run: a check that it does the same.

A node is a function of its messages, its clock, its random values, and the disk that it begins on.
Any other way to learn of the others is memory that real processes do not share: of the user's
modules, of a library, of Python itself, of Clew; and a restarted process finds nothing that its
predecessor left in such memory. So each life of a node is repeated with no other node there, in a
process that has run nothing. It gets the messages that reached it when they did, its clock and its
pauses are what they were, it is asked again whether it may leave, and what it sends, writes and
marks is compared with the run's.

This works in time order alone: of what happens at one instant, messages come last, in the order in
which they were sent. A life is compared up to its end, and not at that instant. It is left off
where a pause or a change of its clock came at the very instant of something of its own, in an order
that the trace does not show.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from contextvars import Context
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from marshal import dumps
from typing import Any, NamedTuple, TypeAlias

from clew.models.services import SERVICES
from clew.node.disk import Disk
from clew.node.message import Message, thawed
from clew.runtimes.simulated import SimulatedProcess
from clew.scenarios.code.models import Model
from clew.scenarios.code.userfiles import own_modules
from clew.scenarios.plans.plan import Plan
from clew.scenarios.runs.lives import Done, Noted, Stored, noted
from clew.scenarios.runs.run import Run, isolation_of, simulate, surroundings
from clew.scenarios.sharing.sharing import Sharing
from clew.sim.cluster import Cluster
from clew.sim.entry import MESSAGE, PRIORITY, TIME, QueueEntry
from clew.sim.faults.clocks import repeat_change
from clew.sim.host import Host, MakeProcess, Process
from clew.sim.setting import Setting
from clew.trace.record import TraceEvent

Sent: TypeAlias = tuple[int, str, Any]
"""What a node sends: when, ns; to whom; the frozen body."""

Change: TypeAlias = tuple[int, bool, str, Any]
"""A change of a host: when, ns; whether something of the node's own came before it at that instant;
the kind of event, and the fields of its record."""

_OF_A_HOST = frozenset({"clock", "slow"})
"""The kinds of event that change a machine, whatever runs on it."""

_OF_A_LIFE = frozenset({"pause", "resume", "members"})

_FIRST, _LAST = -1, MESSAGE + 1
"""Priorities before and after all else that happens at an instant."""

_NO_REQUEST = 1 << 62
"""The first number for requests that the node did not make in the run."""


class Part(NamedTuple):
    """What one life of a node found, received and did in a run.

    Attributes:
        node: its name.
        incarnation: which of its lives, from 1.
        from_ns: when it began.
        until_ns: it is compared up to this time, and not at it.
        stored: what its disk held.
        syncs: how many syncs had been awaited on its host.
        known: the nodes that it knew of, in order.
        joined: True if the cluster ran before its host was there.
        before: the changes of its host, such as of its clock, before that, in order.
        changes: of its host, and its pauses, in order.
        asked: when it was asked whether it may leave.
        got: the time, the sender and the frozen body of each message, in order.
        sent: what it sent, in order.
        did: what else it did, in order.
    """

    node: str
    incarnation: int
    from_ns: int
    until_ns: int
    stored: list[Stored]
    syncs: int
    known: tuple[str, ...]
    joined: bool
    before: list[Change]
    changes: list[Change]
    asked: list[int]
    got: list[tuple[int, str, Any]]
    sent: list[Sent]
    did: list[Done]


class Difference(NamedTuple):
    """A point at which a node alone does something else.

    Attributes:
        node: its name.
        before: what it sent or did in the run; None for nothing more.
        alone: what it sends or does by itself; None for nothing more.
    """

    node: str
    before: Sent | Done | None
    alone: Sent | Done | None


def parts_of(run: Run, model: Model) -> list[Part]:
    """Return what each life of a node of a user's class found, received and did, up to a finding.

    A run in an order other than time order is repeated in time order.

    Args:
        run: it must have kept its trace, and notes of all lives.
        model: the plan's model, loaded.
    """
    if not own_modules(model.node_class):
        return []
    if run.plan.schedule != "time":
        again = simulate(replace(run.plan, schedule="time"), model, lives=True)
        return parts_of(again, model)
    end_ns = min([run.virtual_ns, *(finding.time_ns for finding in run.findings)])
    return _Reader(run.lives, end_ns).parts(run.trace.events())


class _Reader:
    """Reads the parts of all lives out of a trace.

    Args:
        lives: what is noted of them.
        end_ns: where to end.
    """

    def __init__(self, lives: Iterable[Noted], end_ns: int) -> None:
        self._noted = {(life.node, life.incarnation): life for life in lives}
        self._end_ns = end_ns
        self._open: dict[str, Part] = {}
        self._ended: list[Part] = []
        self._changed: dict[str, list[Change]] = {}
        """The life of each host so far."""
        self._struck_ns = -1
        """The time at which a fault that waited for something last struck."""
        self._acted: dict[str, int] = {}
        """The time at which something of a node's own last happened."""

    def parts(self, events: Iterable[TraceEvent]) -> list[Part]:
        """Return all lives, in the order in which they ended."""
        for event in events:
            if event.time >= self._end_ns:
                break
            self._read(event)
        for node in list(self._open):
            self._end(node, self._end_ns)
        return [part for part in self._ended if part.from_ns < part.until_ns]

    def _read(self, event: TraceEvent) -> None:
        fields, kind = event.fields, event.kind
        if kind == "send":
            part = self._open.get(fields["src"])
            if part is not None:
                part.sent.append((event.time, fields["dest"], fields["body"]))
        elif kind == "deliver":
            part = self._open.get(fields["dest"])
            if part is not None:
                self._act(part.node, event.time)
                held = self._noted[part.node, part.incarnation].held
                came_ns = held.get(fields["message"], event.time)
                part.got.append((came_ns, fields["src"], fields["body"]))
        elif kind in {"timer", "work"}:
            self._act(fields["node"], event.time)
        elif kind == "trigger":
            self._struck_ns = event.time
        elif kind == "start":
            self._begin(event)
        elif kind == "crash":
            self._end(fields["node"], event.time)
        elif kind in _OF_A_HOST | _OF_A_LIFE:
            self._change(event)

    def _begin(self, event: TraceEvent) -> None:
        node, incarnation = event.fields["node"], event.fields["incarnation"]
        life = self._noted.get((node, incarnation))
        if life is not None:  # otherwise a service
            self._act(node, event.time)
            self._open[node] = Part(
                node, incarnation, event.time, self._end_ns, life.stored, life.syncs,
                life.known, life.joined, list(self._changed.get(node, ())), [], life.asked, [], [],
                life.did,
            )  # fmt: skip

    def _end(self, node: str, until_ns: int) -> None:
        part = self._open.pop(node, None)
        if part is not None:
            part = part._replace(until_ns=min(part.until_ns, until_ns))
            self._ended.append(_up_to(part, part.until_ns))

    def _act(self, node: str, time_ns: int) -> None:
        """Note an event of the node's own: its order with a change at the same instant is unknown.

        A change that came first is repeated first, and one that came last is repeated last.
        """
        self._acted[node] = time_ns
        part = self._open.get(node)
        if part is not None and part.changes:
            at_ns, late, *_ = part.changes[-1]
            if late and at_ns == time_ns:
                self._open[node] = part._replace(until_ns=min(part.until_ns, time_ns))

    def _change(self, event: TraceEvent) -> None:
        node, kind = event.fields["node"], event.kind
        late = self._acted.get(node) == event.time
        told = event.fields.get("detail", event.fields.get("times", event.fields.get("members")))
        change = event.time, late, kind, told
        if kind in _OF_A_HOST:
            self._changed.setdefault(node, []).append(change)
        part = self._open.get(node)
        if part is None:
            return
        part.changes.append(change)
        # What a pause held of that instant is not in the trace, nor which code of the node came
        # before a fault that struck in the middle.
        if (late and kind == "pause") or event.time == self._struck_ns:
            self._open[node] = part._replace(until_ns=min(part.until_ns, event.time))


def _up_to(part: Part, until_ns: int) -> Part:
    """Cut a sequence to the part that is before a time."""
    return part._replace(
        until_ns=until_ns,
        changes=[one for one in part.changes if one[0] < until_ns],
        asked=[ns for ns in part.asked if ns < until_ns],
        got=[one for one in part.got if one[0] < until_ns],
        sent=[one for one in part.sent if one[0] < until_ns],
        did=[one for one in part.did if one[0] < until_ns],
    )


@dataclass
class _Script:
    """One life, as it is repeated.

    Attributes:
        part: what it got and did.
        until_ns: up to this time it is compared.
        told: what it has sent by itself so far.
        did: what else it has done.
    """

    part: Part
    until_ns: int = 0
    told: list[Sent] = field(default_factory=list)
    did: list[Done] = field(default_factory=list)
    _own_requests: int = _NO_REQUEST

    def request_id(self) -> int:
        """Return the number that the node's next request had in the run."""
        rank, sent = len(self.told), self.part.sent
        number = sent[rank][2].get("msg_id") if rank < len(sent) else None
        if type(number) is int:
            return number
        self._own_requests += 1
        return self._own_requests

    def difference(self) -> Difference | None:
        """Return the first thing that it did differently."""
        part = _up_to(self.part, self.until_ns)
        told, did = (
            [one for one in each if one[0] < self.until_ns] for each in (self.told, self.did)
        )
        said, done = _first(part.sent, told, part.node), _first(part.did, did, part.node)
        return min([one for one in (said, done) if one is not None], key=_time_of, default=None)


def _first(before: Iterable[Any], alone: Iterable[Any], node: str) -> Difference | None:
    # Both sequences are in order of time, so the first pair that differs is the first difference.
    for one, other in zip_longest(before, alone):
        if one != other or dumps(one, 2) != dumps(other, 2):  # True is 1, and -0.0 is 0.0
            return Difference(node, one, other)
    return None


def _time_of(found: Difference) -> int:
    return min(one[0] for one in (found.before, found.alone) if one is not None)


def alone(part: Part, plan: Plan, model: Model) -> Difference | None:
    """Return the first thing that a node alone does and did not do in the run, or None.

    It must be called in a process that has run nothing: what an earlier run left in a library's
    memory would be found there again.

    Args:
        part: what one life of it got and did in the run.
        plan: of the run.
        model: the plan's model, loaded.
    """
    sharing = Sharing.of(model.node_class)
    assert sharing is not None
    script = _Script(part, part.until_ns)
    isolation = isolation_of(model, sharing.changes) if sharing.changes or sharing.asked else None
    make: MakeProcess = SimulatedProcess if isolation is None else isolation.process
    cluster = Cluster(
        plan.seed,
        model.program,
        # One that is asked to leave knows that it is no member when it is started again.
        tuple(dict.fromkeys([*part.known, part.node])),
        make_process=_telling(make, script),
        services=SERVICES,
        keep_trace=False,
        events_max=plan.events_max,
        invariants=(),
        clock_error_ns=plan.clock_error_ns,
        regions=plan.regions,
        roles=plan.roles,
    )
    host = cluster.hosts[part.node]
    host.incarnation, host.joined, host.known = part.incarnation - 1, part.joined, part.known
    host.disk = Disk.holding(part.stored)
    context = Context() if isolation is not None else sharing.context()
    found = None
    with surroundings(cluster, model, isolation):
        context.run(_Play(cluster, host, script).act)
        for finding in cluster.findings:
            if finding.kind == "timer-loop":  # it ended this run, maybe sooner than the whole one
                script.until_ns = min(script.until_ns, finding.time_ns)
        found = script.difference()  # before its coroutines end, at another time than in the run
        cluster.close()
    if any(finding.kind == "endless-loop" for finding in cluster.findings):
        return None  # a wall clock stopped it, which the run was not: the machine is slow
    return found


def _telling(make: MakeProcess, script: _Script) -> MakeProcess:
    """Make processes that send nothing, and note what they would send."""

    def made(setting: Setting, host: Host) -> Process:
        process = noted(make, setting, host, script.did)
        bits = setting.sync_bits(host.id)
        # The draws that earlier lives of the host took, so that the next one is the same as in the
        # run.
        for _ in range(script.part.syncs):
            bits(32)
        told: Any = process  # two methods of this process alone are replaced
        told.send = _noting(process, script, setting)
        told._request_id = script.request_id  # noqa: SLF001
        return process

    return made


def _noting(process: Any, script: _Script, setting: Setting) -> Callable[..., None]:
    part = script.part
    there = {*setting.names, *(src for _, src, _ in part.got), *(dest for _, dest, _ in part.sent)}

    def send(dest: str, body: Mapping[str, Any]) -> None:
        if process.alive and dest in there:  # to others nothing was sent in the run either
            copy = process.checked(dest, body)
            if copy is not None:
                script.told.append((setting.world.now, dest, copy))

    return send


class _Play:
    """The life of a node, repeated on a host without any others.

    Args:
        cluster: the host's.
        host: its disk is what it was.
        script: what it gets.
    """

    def __init__(self, cluster: Cluster, host: Host, script: _Script) -> None:
        self._world = cluster.world
        self._host = host
        self._script = script
        got = enumerate(script.part.got)
        self._coming = iter(sorted(got, key=lambda one: (one[1][0], one[0])))

    def act(self) -> None:
        """Give it what it received, at the time it did, to the end."""
        world, part = self._world, self._script.part
        for time_ns, _, kind, told in part.before:
            self._repeat(kind, told, time_ns)
        world.advance(part.from_ns)
        self._expect()
        self._host.boot()
        for rank, (time_ns, late, kind, told) in enumerate(part.changes):
            world.push((time_ns, _LAST if late else _FIRST, rank, self._change, kind, told))
        for rank, time_ns in enumerate(part.asked):
            world.push((time_ns, _FIRST, rank, self._ask))
        world.advance(part.until_ns - 1)

    def _expect(self) -> None:
        """Put the next message into the queue, which holds one at a time, as if it were under way.

        A whole run's would be taken for a storm.
        """
        for rank, (time_ns, src, body) in self._coming:
            self._world.push((time_ns, MESSAGE, rank, self._arrive, src, body))
            return

    def _arrive(self, entry: QueueEntry) -> None:
        self._expect()
        self._deliver(entry)

    def _deliver(self, entry: QueueEntry) -> None:
        process = self._host.process
        if process is not None and process.paused:
            process.hold(self._deliver, entry)
        elif process is not None:
            process.receive(Message(entry[4], self._host.id, thawed(entry[5])))

    def _change(self, entry: QueueEntry) -> None:
        now, process = self._world.now, self._host.process
        *_, kind, told = entry
        if kind in _OF_A_HOST:
            self._repeat(kind, told, now)
        elif process is not None and kind == "pause":
            process.pause()
        elif process is not None and kind == "members":
            process.told(told)
        elif process is not None:
            if self._is_due_now():  # it may have been held in the run too: nobody knows
                self._script.until_ns = min(self._script.until_ns, now)
            process.resume()

    def _ask(self, _: QueueEntry) -> None:
        """Ask again whether it may leave; what else came at that instant may have come before."""
        now, process, script = self._world.now, self._host.process, self._script
        if self._is_due_now() or any(change[0] == now for change in script.part.changes):
            script.until_ns = min(script.until_ns, now)
        if process is not None:
            with suppress(Exception):  # what it raised in the run was a finding, which ended it
                process.may_leave()

    def _repeat(self, kind: str, told: Any, time_ns: int) -> None:
        """Change the machine as it was changed in the run."""
        if kind == "slow":
            self._host.slow(told)
        else:
            repeat_change(self._host.clock, time_ns, told)

    def _is_due_now(self) -> bool:
        """Return whether something of the node's own, not a message, is due at this instant."""
        return any(
            entry[TIME] == self._world.now and 0 <= entry[PRIORITY] < MESSAGE
            for entry in self._world.order.pending
        )
