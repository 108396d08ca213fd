"""The injector of a run: begins and ends each fault at its time, and reports what each really did.

Which faults a plan has is drawn elsewhere: see `clew.scenarios.plans.nemesis`.

Every fault has a SimPy process of its own, so that a fault reads top to bottom and removing one
leaves the others as they were.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Generator, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

from clew.errors import ScenarioError
from clew.node.node import roles_among
from clew.sim.entropy import Stream
from clew.sim.faults.fault import Fault, Target
from clew.sim.faults.injection import Injection, Late, Ledger
from clew.sim.faults.kinds import (
    check_clients,
    check_fault,
    check_regions,
    injection_of,
    joiners_of,
    nodes_of,
)
from clew.sim.faults.targets import IT, SYMBOLS, aim_of, misaimed, resolve, whereabouts, whom
from clew.sim.host import Host
from clew.sim.trigger import Trigger
from clew.sim.tripwires import Wire

if TYPE_CHECKING:
    from clew.sim.cluster import Cluster

RETRY_NS = 50_000_000
"""The time after which a fault whose target nobody fits looks again."""


@dataclass(frozen=True, slots=True)
class FaultReport:
    """What a fault really did.

    Attributes:
        id: the fault's.
        kind: the fault's.
        group: the kind's family.
        at_ns: when it began; the planned time if it never did.
        until_ns: when it ended; the planned time if it never began or has not ended.
        target: the nodes it struck.
        bit: how much it really did, in the unit of the kind (`Injection.bites`); 0 for nothing.
        detail: one sentence.
        fired: of a fault that waited for something, exactly what happened: the trigger that waits
            for just that at just that node.
        drawn: parameters that the plan left open, as the fault drew them when it struck.
        struck: the messages that came late, see `Injection.struck`; not part of the JSON.
        parts: the single faults that it came to, see `Injection.parts`; not part of the JSON.
    """

    id: str
    kind: str
    group: str
    at_ns: int
    until_ns: int
    target: tuple[str, ...]
    bit: int
    detail: str
    fired: Trigger | None = None
    drawn: dict[str, Any] = field(default_factory=dict)
    struck: tuple[Late, ...] = ()
    parts: tuple[Fault, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return a JSON object of these fields but the last two; no empty `fired` or `drawn`."""
        plain = {**asdict(self), "target": list(self.target)}
        del plain["struck"], plain["parts"]
        for name in ("fired", "drawn"):
            if not plain[name]:
                del plain[name]
        return plain

    @property
    def told(self) -> str:
        """The detail, after what it waited for."""
        return self.detail if self.fired is None else f"{self.fired.told}: {self.detail}"


class _Course:
    """The state of one fault.

    Attributes:
        wire: while it waits for something, and after.
        fired: what happened then.
    """

    def __init__(self, injection: Injection) -> None:
        self.injection = injection
        self.wire: Wire | None = None
        self.fired: Trigger | None = None
        self.began_ns: int | None = None
        self.ended_ns: int | None = None
        self.detail = "never bit: the run ended first"
        self.after = ""

    @property
    def active(self) -> bool:
        return self.began_ns is not None and self.ended_ns is None

    def settle(self) -> None:
        """Count what the fault did after its end."""
        if self.began_ns is not None:
            self.after = self.injection.settle()

    def report(self) -> FaultReport:
        fault = self.injection.fault
        return FaultReport(
            fault.id,
            fault.kind,
            self.injection.group,
            fault.at_ns if self.began_ns is None else self.began_ns,
            self._until_ns(),
            tuple(host.id for host in self.injection.targets),
            self.injection.bit,
            self._told(),
            self.fired,
            dict(self.injection.drawn),
            tuple(self.injection.struck),
            tuple(self.injection.parts),
        )

    def _until_ns(self) -> int:
        if self.active and self.injection.outlasts:
            return self.injection.now
        return self.injection.fault.until_ns if self.ended_ns is None else self.ended_ns

    def _told(self) -> str:
        if self.wire is not None and self.fired is None:
            trigger, passed = self.wire.trigger, self.wire.passed
            often = f", which came about {passed} of {trigger.count} times" if passed else ""
            return f"never bit: it waited in vain for the moment {trigger.told}{often}"
        return _joined(self.detail, self.after) if self.after else self.detail


class Injector:
    """Runs a plan's faults against a cluster; must be built before time begins.

    Raises:
        ScenarioError: two faults share an id, or a fault can't be run or names a node that does
            not exist.
    """

    def __init__(self, cluster: Cluster, faults: Sequence[Fault]) -> None:
        self._cluster = cluster
        self._ledger = Ledger()
        self._courses: list[_Course] = []
        seen: set[str] = set()
        regions = cluster.network.regions
        places = () if regions is None else regions.names
        there = [*cluster.node_ids, *joiners_of(faults)]
        for fault in faults:
            check_fault(fault)
            check_regions(fault, places)
            check_clients(fault, cluster.clients)
            _check_nodes(fault, there)
            _check_aim(fault, cluster, there)
            if fault.id in seen:
                raise ScenarioError("two faults have the same id", where="faults", found=fault.id)
            seen.add(fault.id)
            course = _Course(injection_of(fault.kind)(fault, cluster, self._ledger))
            self._courses.append(course)
            cluster.world.process(self._run(course))

    def _run(self, course: _Course) -> Generator[Any, Any, None]:
        """Run one fault, from beginning to end."""
        world, injection = self._cluster.world, course.injection
        fault = injection.fault
        target = fault.target or (injection.aims[0] if injection.aims else None)
        yield world.timeout(max(fault.at_ns - world.now, 0))
        if fault.when is not None:
            yield from self._await(course, fault.when)
            return
        # Nobody fits yet, such as while there is no leader: it looks again until its time is over.
        while not (targets := resolve(self._cluster, fault, target)):
            if world.now >= fault.until_ns or self._ledger.healed:
                course.detail = f"never bit: no {whom(target)}"
                return
            yield world.timeout(min(RETRY_NS, fault.until_ns - world.now))
        if self._ledger.healed:
            return
        injection.targets = targets
        self._begin(course)
        yield from self._go_on(course)

    def _await(self, course: _Course, when: Trigger) -> Generator[Any, Any, None]:
        """Wait for what a fault waits for, and run the fault from there."""
        if self._ledger.healed:
            return
        world, injection, wires = self._cluster.world, course.injection, self._cluster.tripwires
        fault = injection.fault
        assert wires is not None, "a cluster whose faults wait for something needs tripwires"
        happened = world.event()
        within = not (when.delay_ns or injection.runs_nodes)

        def strike(host: Host, exact: Trigger) -> None:
            course.fired = exact
            if within:
                self._strike(course, host)
            happened.succeed(host)

        course.wire = wires.arm(when, self._where(when), self._naming(fault, when), strike)
        over = world.timeout(max(fault.until_ns - world.now, 0))
        yield happened | over
        wires.disarm(course.wire)
        if not happened.triggered:
            return
        if not within:
            yield world.timeout(when.delay_ns)
            self._strike(course, cast("Host", happened.value))
        if course.active:
            yield from self._go_on(course)

    def _naming(self, fault: Fault, when: Trigger) -> Stream:
        """Return the draws of a name: the same for faults that are to strike together."""
        node = when.node or ""
        return self._cluster.entropy.stream(
            "trigger", when.event, node, when.count, when.delay_ns, fault.at_ns
        )

    def _where(self, when: Trigger) -> Collection[str] | None:
        """Return the nodes at which something may happen; of a role, those that it has by then."""
        if when.node is None:
            return None
        aim, cluster = aim_of(when.node), self._cluster
        if aim.word:
            return (when.node,)
        if aim.region is None and aim.role is not None:
            return cluster.roles[aim.role]
        # Who is in a region is known beforehand, joiners too.
        places = cluster.network.places
        there = [name for name in places if name not in cluster.clients]
        return aim.among(there, roles_among(there, cluster.roles), places)

    def _strike(self, course: _Course, here: Host) -> None:
        """Begin a fault now, perhaps in the middle of a node's code."""
        if self._ledger.healed:
            return
        injection, world = course.injection, self._cluster.world
        fault, exact = injection.fault, course.fired
        assert exact is not None
        target = fault.target or (IT if injection.aims else None)
        before, world.current = world.current, None  # a fault is not the node's code
        try:
            injection.targets = resolve(self._cluster, fault, target, here)
            if not injection.targets and target is not None:
                course.detail = f"never bit: no {whom(target)}"
                return
            injection.fault = replace(
                fault, at_ns=world.now, until_ns=world.now + exact.lasts_ns, when=None
            )
            self._cluster.trace.add(world.now, "trigger", fault.id, fault.kind, exact.told)
            self._begin(course)
        finally:
            world.current = before

    def _go_on(self, course: _Course) -> Generator[Any, Any, None]:
        """Run a fault that has begun to its end."""
        world, injection = self._cluster.world, course.injection
        fault = injection.fault
        if injection.outlasts:
            return
        if injection.instant:
            self._end(course)
            return
        # A step that would come at the end or later is not taken. Healing may end a fault at any
        # wait, and whoever wakes after that is done.
        for wait_ns in injection.steps():
            if world.now + wait_ns >= fault.until_ns:
                break
            yield world.timeout(wait_ns)
            if not course.active:
                return
        yield world.timeout(max(fault.until_ns - world.now, 0))
        if course.active:
            self._end(course)

    def _begin(self, course: _Course) -> None:
        injection = course.injection
        course.began_ns = injection.now
        course.detail = injection.begin()
        injection.note(course.detail)

    def _end(self, course: _Course) -> None:
        injection, fault = course.injection, course.injection.fault
        course.ended_ns = injection.now
        ended = injection.end()
        if not course.detail.endswith(ended):
            course.detail = _joined(course.detail, ended)
        self._cluster.trace.add(injection.now, "heal", fault.id, fault.kind, ended)

    def active(self) -> list[Fault]:
        """Return the faults that are active now, in the plan's order."""
        return [course.injection.fault for course in self._courses if course.active]

    def heal(self, core: Sequence[str] | None = None) -> None:
        """End every fault but those that outlast this; restart what is down, set clocks right.

        Wall clocks step back to true time at once; see `clew.sim.faults.clocks`.

        Args:
            core: only these nodes heal, and all others are down from now on.
        """
        cluster = self._cluster
        self._ledger.healed = True
        # Those outside the core go down first, so that no fault that ends lets one of them go on.
        for host in cluster.hosts.values():
            if core is not None and host.id not in core:
                host.crash("not in the core", "lost")
        # In the plan's order, each from the state that the ones before it left: they compose
        # through the ledger.
        for course in self._courses:
            if course.active and not course.injection.outlasts:
                self._end(course)
            course.settle()
        kept = [host for host in cluster.hosts.values() if core is None or host.id in core]
        for host in kept:
            stepped_ns = host.clock.set_right(cluster.world.now)
            if stepped_ns:
                cluster.trace.add(cluster.world.now, "clock", host.id, f"wall {stepped_ns:+} ns")
        cluster.restart([host for host in kept if host.process is None])

    def reports(self) -> list[FaultReport]:
        """Report what each fault did so far, in the plan's order."""
        for course in self._courses:
            if not self._ledger.healed or course.injection.outlasts:
                course.settle()
        return [course.report() for course in self._courses]


def _joined(began: str, ended: str) -> str:
    """Join what was reported at both ends of a fault into one sentence, without repetition."""
    return ended if ended.startswith(began) else f"{began}; {ended}"


def _check_nodes(fault: Fault, node_ids: Sequence[str]) -> None:
    """Make sure that every node that a fault names exists."""
    where = fault.when.node if fault.when is not None else None
    waits = () if where is None or not aim_of(where).word else (where,)
    for name in [*_named(fault.target), *waits, *nodes_of(fault)]:
        if name not in node_ids:
            raise ScenarioError(
                "no such node", where=f"faults: fault {fault.id!r}",
                expected="one of " + ", ".join(node_ids), found=repr(name),
            )  # fmt: skip


def _check_aim(fault: Fault, cluster: Cluster, node_ids: Sequence[str]) -> None:
    """Check that the roles and regions that a fault aims at, or waits at, exist and have a node."""
    for place, aim in whereabouts(fault):
        wrong = misaimed(aim, cluster.roles, node_ids, cluster.network.regions)
        if wrong is not None:
            where = f"faults: fault {fault.id!r}"
            raise ScenarioError(f"{place} is not there", where=where, **wrong)


def _named(target: Target) -> tuple[str, ...]:
    """Return the node ids in a target; a word that looks like ``n7`` is taken for one."""
    if isinstance(target, tuple):
        return target
    if target is None or target in SYMBOLS or not re.fullmatch(r"[A-Za-z_-]+\d+", target):
        return ()
    return (target,)
