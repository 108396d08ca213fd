"""Processes die and come back, or stand still for a while."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from clew.sim.faults.fault import Fault
from clew.sim.faults.injection import Injection, Ledger, Parameter, names, several
from clew.sim.host import Host, Process

if TYPE_CHECKING:
    from clew.sim.cluster import Cluster


class Kill(Injection):
    """The process dies; a new one starts on the same disk when the fault ends."""

    group: ClassVar[str] = "kill"
    summary: ClassVar[str] = "the target's process dies and starts anew on its disk at the end"
    bites: ClassVar[str] = "processes killed"
    parameters: ClassVar[tuple[Parameter, ...]] = (
        Parameter(
            "unsynced", "", "lost",
            "what becomes of writes that were not synced: torn keeps a prefix of them",
            choices=("lost", "kept", "torn"),
        ),
    )  # fmt: skip
    aims: ClassVar[tuple[str, ...]] = ("one", "leader", "minority", "all")

    def __init__(self, fault: Fault, cluster: Cluster, ledger: Ledger) -> None:
        super().__init__(fault, cluster, ledger)
        self._killed: list[Host] = []

    def begin(self) -> str:
        """Kill those of the targets that run."""
        lost = torn = 0
        for host in [host for host in self.targets if host.process is not None]:
            self._killed.append(host)
            below = self.stream("crash", host.id).below
            more_lost, more_torn = host.crash("kill", self.param("unsynced"), below)
            lost, torn = lost + more_lost, torn + more_torn
        self.bit = len(self._killed)
        if not self._killed:
            return f"killed nothing: {names(self.targets)} did not run"
        return f"killed {names(self._killed)}; {several(lost, 'unsynced write')} lost, {torn} torn"

    def end(self) -> str:
        """Restart whom it killed; healing restarts by itself."""
        if self.ledger.healed:
            return "down until the faults were over"
        back = [host for host in self._killed if host.process is None]
        self.cluster.restart(back)
        return f"restarted {names(back)}" if back else "restarted nothing"


class Pause(Injection):
    """The process stands still, as in a long collection of garbage; then all piled up happens."""

    group: ClassVar[str] = "pause"
    summary: ClassVar[str] = "nothing of the target runs; at the end all that piled up does"
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
                process.paused = True
                self.cluster.trace.add(self.now, "pause", process.id)
        if not processes:
            return f"paused nothing: {names(self.targets)} did not run"
        return f"paused {names([process.host for process in processes])}"

    def end(self) -> str:
        """Let them go on, unless another fault holds them too or they have died."""
        for process, held in self._paused:
            self.bit += process.held - held
            holders = self.ledger.pauses[process]
            holders.remove(self.fault.id)
            if not holders and process.alive:
                self.cluster.trace.add(self.now, "resume", process.id)
                process.resume()
        self._paused = []
        return f"held up {several(self.bit, 'event')}"
