"""Each node by itself, with what it got in a run: does it say the same?

A node is a function of its messages, its clock and its chance. Whatever else it hears of the others
by is memory that real processes do not share: of the user's modules, of a library, of Python's own,
of Clew. So each node is run once more with nobody else there; the messages that reached it are
given to it when they did, and what it sends is compared with what it had sent.

A node is looked at from its start until a fault of its own process, clock or disk. In time order
alone: of what happens at one instant messages come last, in the order in which they were sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextvars import Context
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

from clew.node.message import Message, thawed
from clew.runtimes.simulated import SimulatedProcess
from clew.scenarios.code.models import Model
from clew.scenarios.plans.plan import Plan
from clew.scenarios.runs.run import Run, isolation_of, surroundings
from clew.scenarios.sharing.sharing import Sharing
from clew.sim.cluster import Cluster
from clew.sim.entry import MESSAGE, QueueEntry
from clew.sim.faults import FaultReport
from clew.sim.host import Host, MakeProcess, Process
from clew.sim.setting import Setting

Sent: TypeAlias = tuple[int, str, Any]
"""What a node sends: when, ns; to whom; the frozen body."""

_OF_A_HOST = frozenset({"clock", "disk", "kill", "pause"})
"""The groups of faults that change what a node is, and not what reaches it."""

_NO_REQUEST = 1 << 62
"""Where the numbers of requests begin that the node did not make in the run."""


class Part(NamedTuple):
    """What one node got and sent in a run.

    Attributes:
        node: its name.
        until_ns: up to this time, and not at it, the node is looked at.
        got: the time, the sender and the frozen body of each message, in order.
        sent: what it sent, in order.
        heard: the names of all that it sent something to.
    """

    node: str
    until_ns: int
    got: list[tuple[int, str, Any]]
    sent: list[Sent]
    heard: set[str]


class Difference(NamedTuple):
    """Where a node by itself says something else.

    Attributes:
        node: its name.
        before: what it sent in the run; None for nothing more.
        alone: what it sends by itself; None for nothing more.
    """

    node: str
    before: Sent | None
    alone: Sent | None


def first_alone(run: Run, model: Model) -> Difference | None:
    """The first node, in their order, that by itself says something else; None for none.

    Args:
        run: of a user's class, in time order; it must have kept its trace.
        model: the plan's model, loaded.
    """
    sharing = Sharing.of(model.node_class)
    if sharing is None or run.plan.schedule != "time":
        return None
    found = None
    for part in _parts(run):
        found = found or _alone(part, run.plan, model, sharing)
    sharing.update()
    return found


def _parts(run: Run) -> Iterable[Part]:
    plan = run.plan
    parts = {
        node: Part(node, _until(node, run.faults, run.virtual_ns), [], [], set())
        for node in plan.node_ids
    }
    for event in run.trace.events():
        if event.kind == "send":
            src, dest, body = (event.fields[name] for name in ("src", "dest", "body"))
            part = parts.get(src)
            if part is not None and event.time < part.until_ns:
                part.sent.append((event.time, dest, body))
                part.heard.add(dest)
        elif event.kind == "deliver":
            part = parts.get(event.fields["dest"])
            if part is not None and event.time < part.until_ns:
                part.got.append((event.time, event.fields["src"], event.fields["body"]))
    return parts.values()


def _until(node: str, faults: Iterable[FaultReport], end_ns: int) -> int:
    """When the first fault of the node's own begins."""
    own = (one.at_ns for one in faults if one.group in _OF_A_HOST and node in one.target)
    return min(own, default=end_ns)


@dataclass
class _Script:
    """One node's part, as it is played again.

    Attributes:
        part: what it got and sent.
        told: what it has sent by itself so far.
    """

    part: Part
    told: list[Sent] = field(default_factory=list)
    _own_requests: int = _NO_REQUEST

    def request_id(self) -> int:
        """The number that the node's next request had in the run."""
        rank, sent = len(self.told), self.part.sent
        number = sent[rank][2].get("msg_id") if rank < len(sent) else None
        if type(number) is int:
            return number
        self._own_requests += 1
        return self._own_requests

    def difference(self) -> Difference | None:
        """The first thing that it said otherwise."""
        before, alone = self.part.sent, self.told
        for rank in range(max(len(before), len(alone))):
            one = before[rank] if rank < len(before) else None
            other = alone[rank] if rank < len(alone) else None
            if one != other:
                return Difference(self.part.node, one, other)
        return None


def _alone(part: Part, plan: Plan, model: Model, sharing: Sharing) -> Difference | None:
    """One node by itself."""
    script = _Script(part)
    isolation = isolation_of(model, sharing.changes) if sharing.changes or sharing.asked else None
    make: MakeProcess = SimulatedProcess if isolation is None else isolation.process
    cluster = Cluster(
        plan.seed,
        model.node_class,
        plan.node_ids,
        make_process=_telling(make, script),
        keep_trace=False,
        events_max=plan.events_max,
        invariants=False,
        clock_error_ns=plan.clock_error_ns,
    )
    host = cluster.hosts[part.node]
    context = Context() if isolation is not None else sharing.context()
    with surroundings(cluster, model, isolation):
        context.run(_act, cluster, host, script)
        cluster.close()
    return script.difference()


def _telling(make: MakeProcess, script: _Script) -> MakeProcess:
    """Makes processes that send nothing, and note what they would."""

    def made(setting: Setting, host: Host) -> Process:
        process = make(setting, host)
        told: Any = process  # two methods of this one alone are others
        told.send = _noting(process, script, lambda: setting.world.now)
        told._request_id = script.request_id  # noqa: SLF001
        return process

    return made


def _noting(process: Any, script: _Script, now: Callable[[], int]) -> Callable[..., None]:
    def send(dest: str, body: Mapping[str, Any]) -> None:
        if process.alive and dest in script.part.heard:
            copy = process.checked(dest, body)
            if copy is not None:
                script.told.append((now(), dest, copy))

    return send


def _act(cluster: Cluster, host: Host, script: _Script) -> None:
    """The node's life: it gets what it got, when it got it."""
    world = cluster.world

    def deliver(entry: QueueEntry) -> None:
        if host.process is not None:
            host.process.receive(Message(entry[4], host.id, thawed(entry[5])))

    for rank, (time_ns, src, body) in enumerate(script.part.got):
        world.push((time_ns, MESSAGE, rank, deliver, src, body))
    host.boot()
    world.advance(script.part.until_ns - 1)
