"""Power cuts at the worst moment, inside a sync that has something to lose; and restored backups.

A power cut is armed while it lasts and strikes once, at the target's next sync with unsynced
writes: the machine dies there, before the sync returns, and comes back a little later.

A restored disk takes back what a node has promised by a sync. Most protocols do not survive that,
Raft's votes and acknowledged entries among them, so only a class that says so meets one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from clew.node.disk import Unsynced
from clew.sim.faults.fault import Fault
from clew.sim.faults.injection import Injection, Ledger, Need, Parameter, names, several
from clew.sim.faults.processes import Kill
from clew.sim.host import Host

if TYPE_CHECKING:
    from clew.sim.cluster import Cluster


class PowerCutAtSync(Injection):
    """Base of the disk faults; they take effect in writes."""

    group: ClassVar[str] = "disk"
    bites: ClassVar[str] = "unsynced writes lost or torn"
    needs: ClassVar[Need] = "disk"
    parameters: ClassVar[tuple[Parameter, ...]] = (
        Parameter(
            "down_ns", "ns", 500_000_000, "how long the machine is down, at most to the end",
            0, 3_600_000_000_000, (1_000_000, 2_000_000_000),
        ),
    )  # fmt: skip
    aims: ClassVar[tuple[str, ...]] = ("one", "leader", "all")
    lingers: ClassVar[bool] = True
    unsynced: ClassVar[Unsynced]

    _struck: Sequence[str] = ()

    def begin(self) -> str:
        """Arm the fault."""
        for host in self.targets:
            self.ledger.armed.setdefault(host.id, []).append(self.strike)
            self._rearm(host)
        return f"armed at {names(self.targets)}"

    def strike(self, host: Host) -> bool:
        """Cut the power; the host's kernel calls this at a sync."""
        self._disarm(host)
        lost, torn = host.crash(self.fault.kind, self.unsynced, self.stream("crash", host.id).below)
        self.bit += lost + torn
        self._struck = [*self._struck, host.id]
        self.note(f"struck {host.id} in a sync; {several(lost, 'write')} lost, {torn} torn")
        back_ns = min(self.now + int(self.param("down_ns")), max(self.fault.until_ns, self.now))
        self.cluster.world.call_at(back_ns, self._restart, host)
        return True

    def _restart(self, host: Host) -> None:
        if not self.ledger.healed:  # then it is up already, or down for good
            host.boot()

    def end(self) -> str:
        """Disarm the fault where it did not strike."""
        for host in self.targets:
            self._disarm(host)
        if not self._struck:
            return f"{names(self.targets)} synced nothing meanwhile"
        return f"struck {', '.join(self._struck)}; {several(self.bit, 'write')} lost or torn"

    def _disarm(self, host: Host) -> None:
        if self.strike in self.ledger.armed[host.id]:
            self.ledger.armed[host.id].remove(self.strike)
        self._rearm(host)

    def _rearm(self, host: Host) -> None:
        """Let the fault that was armed first strike first."""
        armed = self.ledger.armed[host.id]
        host.strike = armed[0] if armed else None


class DiskRestored(Kill):
    """The process dies, and restarts on a disk of before, as one restored from a backup."""

    group: ClassVar[str] = "disk"
    apart: ClassVar[bool] = True
    sworn: ClassVar[bool] = True
    summary: ClassVar[str] = (
        "the target's process dies, and restarts on what its disk held some syncs before"
    )
    bites: ClassVar[str] = "disks that went back"
    needs: ClassVar[Need] = "disk"
    parameters: ClassVar[tuple[Parameter, ...]] = (
        Parameter(
            "back", "", 1, "how many syncs before the last; an empty disk if there were no more",
            1, 1_000_000, (1, 1024),
        ),
    )  # fmt: skip
    aims: ClassVar[tuple[str, ...]] = ("one", "leader", "minority", "all")

    def __init__(self, fault: Fault, cluster: Cluster, ledger: Ledger) -> None:
        super().__init__(fault, cluster, ledger)
        for host in cluster.hosts.values():
            if host.disk.backups is None:
                host.disk.backups = []

    def begin(self) -> str:
        """Kill those that run, and put back what their disks held."""
        self.kill("lost")
        killed = self.killed
        back = int(self.param("back"))
        restored = [host for host in killed if host.disk.restore(back)]
        self.bit = len(restored)
        if not killed:
            return f"killed nothing: {names(self.targets)} did not run"
        told = f"their disks are those of {several(back, 'sync')} before"
        return (
            f"killed {names(killed)}; {told if restored else 'their disks were never other ones'}"
        )


class DiskLost(PowerCutAtSync):
    """All unsynced writes are lost."""

    summary: ClassVar[str] = "the target dies inside its next sync; what the sync was to write is "
    "lost"
    unsynced: ClassVar[Unsynced] = "lost"


class DiskTorn(PowerCutAtSync):
    """The first writes survive, one is torn, the others are lost."""

    summary: ClassVar[str] = (
        "the target dies inside its next sync; some writes survive, one is torn, the rest is lost"
    )
    unsynced: ClassVar[Unsynced] = "torn"
