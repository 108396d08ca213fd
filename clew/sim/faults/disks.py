"""Power cuts at the worst moment: inside a sync that has something to lose.

The fault is armed while it lasts and strikes once, at the target's next sync with unsynced
writes: the machine dies there, before the sync returns, and comes back a little later.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from clew.node.disk import Unsynced
from clew.sim.faults.injection import Injection, Need, Parameter, names, several
from clew.sim.host import Host


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
