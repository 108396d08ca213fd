"""A node in the simulation: one incarnation of it, on a host of a cluster.

A process is one life of the node: the instance, its timers, its coroutines and its open requests,
all gone in a crash. Time, draws, messages and what goes wrong are the run's.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from random import Random  # noqa: TID251 - a type; made by entropy.py
from typing import Any, cast

from clew.node.capacity import capacity_of
from clew.node.life import Life, PowerCut, yielding
from clew.node.message import SCALARS, Message, is_flat
from clew.node.node import Node
from clew.node.task import Due, Future
from clew.node.timer import NS_PER_SECOND, NodeTimer
from clew.node.workers import Job, Workers
from clew.sim.cluster import Cluster
from clew.sim.host import Host
from clew.sim.load import Load
from clew.sim.network import Emit
from clew.sim.setting import Setting

SYNC_LOW_NS = 100_000
SYNC_SPAN_NS = 900_000
"""An awaited sync takes 0.1 to 1 ms."""


def process_of(node: Node) -> SimulatedProcess:
    """Return the process of a simulated node; no node can reach it."""
    return cast("SimulatedProcess", vars(node)["_runtime"])


class SimulatedProcess(Life):
    """One life of a node on a host; the `Runtime` that its `Node` uses in the simulation.

    Attributes:
        setting: what it shares with the others in the run.
        host: where it runs.
        paused: True while a pause fault holds it.
        held: how many callbacks pauses have kept back so far.
        at_sync: called before and after each sync with something to lose, with ``sync`` and
            ``synced``; it may crash the host. None in a run without tripwires.
    """

    at_sync: Callable[[str], None] | None = None

    def __init__(self, setting: Setting, host: Host) -> None:
        watch = setting.observer.watch if host.is_node else None
        super().__init__(
            host.node_class, host.id, host.disk, setting.world,
            partial(setting.next_request_id, host.id), watch,
        )  # fmt: skip
        self.setting = setting
        self._world = setting.world
        self._network = setting.network
        self._links: dict[str, Emit] = {}
        self._backlog: list[tuple[Callable[[Any], None], Any]] = []
        self._rng: Random | None = None
        self.host = host
        self.disk.attach(self._sync)
        self.paused = False
        self.held = 0

    def boot(self) -> None:
        """Make the instance and call its ``start``, unless a fault has struck it before."""
        if not self.alive:
            return
        self.setting.trace.add(self._world.now, "start", self.id, self.host.incarnation)
        setting, regions = self.setting, self._network.regions
        known, self.host.known = self.host.known, None
        known = known or setting.node_ids
        places = None if regions is None else regions.placed([*setting.node_ids, self.id])
        self.begin(known, regions=places, roles=setting.roles, joining=self.host.joined)

    def told(self, members: Sequence[str]) -> None:
        """See `Process.told`."""
        if not self.alive:
            return
        if self.paused:
            self.hold(self.told, members)
            return
        self.setting.trace.add(self._world.now, "members", self.id, list(members))
        self.members_are(members, self.setting.roles)

    def may_leave(self) -> bool:
        """See `Process.may_leave`."""
        before, self._world.current = self._world.current, self  # the hook is the node's code
        try:
            return self.node.may_leave()
        finally:
            self._world.current = before

    def started(self, cause: Message | str) -> Any:
        """See `Life.started`: the invariants see the node from now on."""
        if self.host.is_node:
            self.setting.observer.nodes[self.id] = self.node
        return super().started(cause)

    def end(self) -> None:
        """Stop for ever: timers, coroutines and requests never fire again."""
        self._backlog.clear()
        self.setting.unanswered.update(self._waiting)
        super().end()

    # Pauses.

    def hold(self, callback: Callable[[Any], None], argument: Any) -> None:
        """Keep a callback until the pause ends."""
        self.held += 1
        self._backlog.append((callback, argument))

    def pause(self) -> None:
        """Stop everything from running from here on."""
        self.paused = True
        if self._workers is not None:
            self._workers.halt()

    def resume(self) -> int:
        """End a pause: all that piled up happens now, in order; return how much it was."""
        self.paused = False
        if self._workers is not None:
            self._workers.go_on()
        backlog, self._backlog = self._backlog, []
        for callback, argument in backlog:
            self._world.call_at(self._world.now, callback, argument)
        return len(backlog)

    # Messages.

    def send(self, dest: str, body: Mapping[str, Any]) -> None:
        """See `Node.send`."""
        emit = self._links.get(dest) or self._connect(dest)
        if emit is None or not self.alive:
            return
        # The hot path: a flat body with a type, along a link that is known.
        if type(body) is dict and type(body.get("type")) is str:
            for key in body:  # half the time of items()
                if type(key) is not str or type(body[key]) not in SCALARS:
                    break
            else:
                emit(body.copy(), True)  # noqa: FBT003
                return
        copy = self.checked(dest, body)
        if copy is not None:
            emit(copy, is_flat(copy))

    def _connect(self, dest: str) -> Emit | None:
        link = self._network.link(self.host, dest)
        if link is None:
            self.setting.findings.unknown_destination(self.id, dest, self.setting.names)
            return None
        if link.dest.is_node and link.dest is not self.host:
            self.setting.talked = True
        self._links[dest] = link.emit
        return link.emit

    # Time.

    def arm(self, timer: NodeTimer, local_ns: int) -> None:
        """See `Life.arm`."""
        world = self._world
        world.call_at(world.now + self.host.clock.true_delay(local_ns), self._due, timer)

    def _due(self, timer: NodeTimer) -> None:
        if timer.cancelled or not self.alive:
            return
        if self.paused:
            self.hold(self._due, timer)
            return
        self.setting.trace.add(self._world.now, "timer", self.id, timer.name)
        self.fire(timer)

    def later(self, delay_ns: int, callback: Callable[[Any], None], argument: Any) -> None:
        """See `Life.later`."""
        self._world.call_at(self._world.now + delay_ns, callback, argument)

    def hired(self) -> Workers:
        """See `Life.hired`."""
        world, host = self._world, self.host
        capacity = capacity_of(type(self.node))
        if host.load is None:
            host.load = Load(capacity.workers)
        return Workers(capacity, lambda: world.now, self.later, host.load, slowness=host.slowness)

    def pace(self, slowness: int) -> None:
        """Make work take so many times as long as at full speed from here on."""
        if self._workers is not None:
            self._workers.pace(slowness)

    def worked(self, job: Job) -> None:
        """See `Life.worked`."""
        now, began_ns = self._world.now, job.began_ns
        self.setting.trace.add(now, "work", self.id, began_ns - job.asked_ns, now - began_ns)

    def now(self) -> float:
        """See `Node.now`."""
        return self.host.clock.wall(self._world.look()) / NS_PER_SECOND

    def monotonic(self) -> float:
        """See `Node.monotonic`."""
        return self.host.clock.monotonic(self._world.look()) / NS_PER_SECOND

    def rng(self) -> Random:
        """See `Node.rng`."""
        if self._rng is None:
            self._rng = self.setting.entropy.random("node", self.id, self.host.incarnation)
        return self._rng

    def log(self, text: str) -> None:
        """See `Node.log`."""
        self.setting.trace.add(self._world.now, "log", self.id, str(text))

    def effect(self, msg: Message) -> None:
        """See `Node.effect`."""
        self.setting.took_effect(self.id, msg)

    # What goes wrong.

    def raised(self, error: BaseException, cause: Message | str) -> None:
        """See `Life.raised`."""
        self.setting.findings.raised(self.id, error, cause)

    def malformed(self, reason: str) -> None:
        """See `Life.malformed`."""
        self.setting.findings.malformed(self.id, reason)

    def unhandled(self, message: Message) -> bool:
        """See `Life.unhandled`."""
        return self.setting.findings.unhandled(self.id, message)

    def unslept(self, place: str, reason: str) -> None:
        """See `Life.unslept`."""
        self.setting.findings.never_awaited(self, reason, place)

    def stray(self, message: Message) -> None:
        """See `Life.stray`."""
        self.setting.stray(self.id, message)

    def _expire(self, msg_id: int, dest: str) -> None:
        self.setting.unanswered.add(msg_id)
        super()._expire(msg_id, dest)

    def unrun(self, name: str, place: str) -> None:
        """See `Life.unrun`."""
        self.setting.findings.never_awaited(self, yielding(name), place)

    # The disk.

    def _sync(self, awaited: bool) -> Future | None:  # noqa: FBT001 - the disk's one question
        host, disk, world = self.host, self.disk, self._world
        if not self.alive:
            return Future()
        loses = self.at_sync is not None and disk.unsynced
        if loses:
            self._tell("sync")
        if host.strike is not None and disk.unsynced and host.strike(host):
            raise PowerCut
        self.setting.trace.add(world.now, "sync", self.id, disk.unsynced)
        if not awaited:
            if loses:
                disk.make_durable(disk.mark())
                self._tell("synced")
            return None
        due, mark = Due(sys._getframe(2)), disk.mark()  # noqa: SLF001 - whose code calls the disk
        future = due.future
        draw = self.setting.sync_bits(self.id)(32)
        world.call_at(
            world.now + SYNC_LOW_NS + (draw * SYNC_SPAN_NS >> 32),
            self._synced,
            (due, mark),
        )
        return future

    def _synced(self, done: tuple[Due, int]) -> None:
        if not self.alive:
            return
        if self.paused:
            self.hold(self._synced, done)
            return
        due, mark = done
        before = self.disk.syncs
        self.disk.make_durable(mark)
        if self.at_sync is not None and self.disk.syncs > before:
            self.at_sync("synced")
        self._awaken(due)

    def _tell(self, event: str) -> None:
        """Report a sync in the middle of the node's code, which ends there if that kills it."""
        assert self.at_sync is not None
        self.at_sync(event)
        if not self.alive:
            raise PowerCut

    def _awaken(self, due: Due) -> None:
        """Let what waits for a sync go on."""
        if not self.alive:
            return
        if self.paused:
            self.hold(self._awaken, due)
            return
        place = due.complete()
        if place is not None:
            self.setting.findings.unsynced[place] = None


simulated = partial(Cluster, make_process=SimulatedProcess)
"""A cluster of simulated processes of a node class; takes what `Cluster` takes."""
