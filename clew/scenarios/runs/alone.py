"""Each node by itself, with what it got in a run: does it say the same?

A node is a function of its messages, its clock and its chance. Whatever else it hears of the others
by is memory that real processes do not share: of the user's modules, of a library, of Python's own,
of Clew. So each node is run once more with nobody else there, in a process that has run nothing.
The messages that reached it are given to it when they did, and what it sends is compared with what
it had sent.

A node is looked at from its start until a fault of its own process or clock. In time order
alone: of what happens at one instant messages come last, in the order in which they were sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextvars import Context
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from marshal import dumps
from typing import Any, NamedTuple, TypeAlias

from clew.models.services import SERVICES
from clew.node.message import Message, thawed
from clew.runtimes.simulated import SimulatedProcess
from clew.scenarios.code.models import Model
from clew.scenarios.code.userfiles import own_modules
from clew.scenarios.plans.plan import Plan
from clew.scenarios.runs.run import Run, isolation_of, simulate, surroundings
from clew.scenarios.sharing.sharing import Sharing
from clew.sim.cluster import Cluster
from clew.sim.entry import MESSAGE, QueueEntry
from clew.sim.host import Host, MakeProcess, Process
from clew.sim.setting import Setting

Sent: TypeAlias = tuple[int, str, Any]
"""What a node sends: when, ns; to whom; the frozen body."""

_OF_A_HOST = frozenset({"clock", "crash", "pause", "slow"})
"""The kinds of event that change what a node is, and not what reaches it."""

_NO_REQUEST = 1 << 62
"""Where the numbers of requests begin that the node did not make in the run."""


class Part(NamedTuple):
    """What one node got and sent in a run.

    Attributes:
        node: its name.
        until: the ends of the run and of what a node is; it is looked at before the first, ns.
        got: the time, the sender and the frozen body of each message, in order.
        sent: what it sent, in order.
    """

    node: str
    until: list[int]
    got: list[tuple[int, str, Any]]
    sent: list[Sent]

    @property
    def until_ns(self) -> int:
        """Up to this time, and not at it, the node is looked at."""
        return min(self.until)


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


def parts_of(run: Run, model: Model) -> list[Part]:
    """What each node of a user's class got and sent in a run; none where that is unknown.

    A run in another order than time's is made once more in that. A run with a finding may have
    ended in the middle of something.

    Args:
        run: it must have kept its trace.
        model: the plan's model, loaded.
    """
    if run.findings or not own_modules(model.node_class):
        return []
    if run.plan.schedule != "time":
        return parts_of(simulate(replace(run.plan, schedule="time"), model), model)
    return list(_parts(run))


def _parts(run: Run) -> Iterable[Part]:
    parts = {node: Part(node, [run.virtual_ns], [], []) for node in run.plan.node_ids}
    for event in run.trace.events():
        fields = event.fields
        if event.kind in _OF_A_HOST:
            part = parts.get(fields["node"])
            if part is not None:
                part.until.append(event.time)
        elif event.kind == "send":
            part = parts.get(fields["src"])
            if part is not None and event.time < part.until_ns:
                part.sent.append((event.time, fields["dest"], fields["body"]))
        elif event.kind == "deliver":
            part = parts.get(fields["dest"])
            if part is not None and event.time < part.until_ns:
                part.got.append((event.time, fields["src"], fields["body"]))
    # What came at the very instant of the node's end came before it, or not: nobody knows.
    for part in parts.values():
        for told in (part.got, part.sent):
            told[:] = [one for one in told if one[0] < part.until_ns]
    return parts.values()


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
        for one, other in zip_longest(self.part.sent, self.told):
            if one != other or dumps(one, 2) != dumps(other, 2):  # True is 1, and -0.0 is 0.0
                return Difference(self.part.node, one, other)
        return None


def alone(part: Part, plan: Plan, model: Model) -> Difference | None:
    """What one node by itself says first that it did not say in the run; None for nothing.

    To be called where nothing was run before: what an earlier run left in a library's memory is
    found there again.

    Args:
        part: what it got and sent in the run.
        plan: of the run.
        model: the plan's model, loaded.
    """
    sharing = Sharing.of(model.node_class)
    assert sharing is not None
    script = _Script(part)
    isolation = isolation_of(model, sharing.changes) if sharing.changes or sharing.asked else None
    make: MakeProcess = SimulatedProcess if isolation is None else isolation.process
    cluster = Cluster(
        plan.seed,
        model.node_class,
        plan.node_ids,
        make_process=_telling(make, script),
        services=SERVICES,
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
