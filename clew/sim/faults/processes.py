"""Processes die and come back, stand still for a while, or are slow."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, ClassVar

from clew.node.disk import Unsynced
from clew.sim.faults.fault import Fault
from clew.sim.faults.injection import (
    Injection,
    Ledger,
    Need,
    Parameter,
    names,
    seconds,
    several,
)
from clew.sim.host import Host, Process

if TYPE_CHECKING:
    from clew.sim.cluster import Cluster


UNSYNCED = Parameter(
    "unsynced", "", "lost",
    "what becomes of writes that were not synced: torn keeps a prefix of them",
    choices=("lost", "kept", "torn"),
)  # fmt: skip


class Kill(Injection):
    """The process dies; a new one starts on the same disk when the fault ends.

    Attributes:
        killed: the nodes whose processes it killed.
    """

    group: ClassVar[str] = "kill"
    summary: ClassVar[str] = "the target's process dies, and restarts on its disk at the end"
    bites: ClassVar[str] = "processes killed"
    parameters: ClassVar[tuple[Parameter, ...]] = (UNSYNCED,)
    aims: ClassVar[tuple[str, ...]] = ("one", "leader", "minority", "all")

    def __init__(self, fault: Fault, cluster: Cluster, ledger: Ledger) -> None:
        super().__init__(fault, cluster, ledger)
        self.killed: list[Host] = []

    def begin(self) -> str:
        """Kill those of the targets that run."""
        lost, torn = self.kill(self.param("unsynced"))
        self.bit = len(self.killed)
        if not self.killed:
            return f"killed nothing: {names(self.targets)} did not run"
        return f"killed {names(self.killed)}; {several(lost, 'unsynced write')} lost, {torn} torn"

    def kill(self, unsynced: Unsynced) -> tuple[int, int]:
        """Kill those of the targets that run; return how many writes were lost and torn."""
        lost = torn = 0
        for host in [host for host in self.targets if host.process is not None]:
            self.killed.append(host)
            below = self.stream("crash", host.id).below
            more_lost, more_torn = host.crash("kill", unsynced, below)
            lost, torn = lost + more_lost, torn + more_torn
        return lost, torn

    def end(self) -> str:
        """Restart the nodes that it killed, unless healing does."""
        if self.ledger.healed:
            return "down until the faults were over"
        back = [host for host in self.killed if host.process is None]
        self.cluster.restart(back)
        return f"restarted {names(back)}" if back else "restarted nothing"


class Pause(Injection):
    """The process stands still, as in a long garbage collection; then all that piled up happens."""

    group: ClassVar[str] = "pause"
    summary: ClassVar[str] = "the target stands still; at the end all that piled up happens"
    bites: ClassVar[str] = "messages, timers and syncs held up"
    aims: ClassVar[tuple[str, ...]] = ("one", "leader", "minority")

    def __init__(self, fault: Fault, cluster: Cluster, ledger: Ledger) -> None:
        super().__init__(fault, cluster, ledger)
        self._paused: list[tuple[Process, int]] = []

    def begin(self) -> str:
        """Hold the targets that run."""
        processes = [host.process for host in self.targets if host.process is not None]
        for process in processes:
            self._paused.append((process, process.held))
            self.ledger.pauses.setdefault(process, []).append(self.fault.id)
            if not process.paused:
                process.pause()
                self.cluster.trace.add(self.now, "pause", process.id)
        if not processes:
            return f"paused nothing: {names(self.targets)} did not run"
        return f"paused {names([process.host for process in processes])}"

    def end(self) -> str:
        """Let them go on, unless another fault holds them too or they have died."""
        # Pauses compose: a process goes on when the last fault that holds it ends.
        for process, held in self._paused:
            self.bit += process.held - held
            holders = self.ledger.pauses[process]
            holders.remove(self.fault.id)
            if not holders and process.alive:
                self.cluster.trace.add(self.now, "resume", process.id)
                process.resume()
        self._paused = []
        return f"held up {several(self.bit, 'event')}"


class Freeze(Pause):
    """Many processes stand still at once, and go on at the same instant."""

    group: ClassVar[str] = "freeze"
    apart: ClassVar[bool] = True
    like: ClassVar[tuple[str, ...]] = ("pause",)
    summary: ClassVar[str] = "all nodes, or a majority, stand still and go on at the same instant"
    aims: ClassVar[tuple[str, ...]] = ("all", "majority")


class Slow(Injection):
    """The machine is slow, as beside a noisy neighbour: what a node works takes longer."""

    group: ClassVar[str] = "slow"
    summary: ClassVar[str] = "the target's work takes so many times as long, also what is under way"
    bites: ClassVar[str] = "milliseconds that work took longer"
    needs: ClassVar[Need] = "work"
    parameters: ClassVar[tuple[Parameter, ...]] = (
        Parameter("times", "", 10, "how many times as long its work takes", 1, 1_000_000, (2, 64)),
    )
    aims: ClassVar[tuple[str, ...]] = ("one", "leader", "minority", "all")
    lingers: ClassVar[bool] = True

    def __init__(self, fault: Fault, cluster: Cluster, ledger: Ledger) -> None:
        super().__init__(fault, cluster, ledger)
        self._before_ns = 0

    def begin(self) -> str:
        """Slow the targets down; what is slow already gets slower."""
        times = int(self.param("times"))
        for host in self.targets:
            self.ledger.slowed.setdefault(host.id, {})[self.fault.id] = times
            self._set(host)
        self._before_ns = self._lengthened_ns()
        return f"made {names(self.targets)} work {times} times as slowly"

    def end(self) -> str:
        """Take its part of the slowness away."""
        for host in self.targets:
            self.ledger.slowed[host.id].pop(self.fault.id, None)
            self._set(host)
        longer_ns = self._lengthened_ns() - self._before_ns
        self.bit = -(-longer_ns // _NS_PER_MS)
        if not longer_ns:
            return f"{names(self.targets)} did no work meanwhile"
        return f"work there took {seconds(longer_ns)} longer"

    def _lengthened_ns(self) -> int:
        return sum(host.load.lengthened_ns for host in self.targets if host.load is not None)

    def _set(self, host: Host) -> None:
        host.slow(prod(self.ledger.slowed[host.id].values()))


_NS_PER_MS = 1_000_000
