"""Many processes restart: all at once and back one by one, or one after the other.

When a whole cluster comes back, most of what its nodes do to start happens together, and in an
order that is seldom tried: the first to be there may be a node that lagged behind.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import ClassVar

from clew.sim.faults.fault import Fault
from clew.sim.faults.injection import Injection, Parameter, names, several
from clew.sim.faults.processes import UNSYNCED
from clew.sim.host import Host


class Restart(Injection):
    """Base of both; they take effect in processes."""

    group: ClassVar[str] = "restart"
    apart: ClassVar[bool] = True
    like: ClassVar[tuple[str, ...]] = ("kill",)
    bites: ClassVar[str] = "processes killed"
    lingers: ClassVar[bool] = True

    _down: Sequence[Host] = ()

    def kill(self, hosts: Sequence[Host]) -> None:
        """Kill those of some processes that run."""
        for host in [host for host in hosts if host.process is not None]:
            host.crash("kill", self.param("unsynced"), self.stream("crash", host.id).below)
            self._down = [*self._down, host]
            self.bit += 1
            params = {"unsynced": self.param("unsynced")}
            fault_id = f"{self.fault.id}-{self.bit}"
            end_ns = self.fault.until_ns
            self.parts.append(Fault(fault_id, "kill", self.now, end_ns, (host.id,), params))

    def revive(self, hosts: Sequence[Host]) -> None:
        """Start those that it killed and nobody else has started."""
        back = [host for host in hosts if host in self._down]
        self._down = [host for host in self._down if host not in back]
        ended = {(host.id,) for host in back}
        self.parts = [
            replace(part, until_ns=self.now) if part.target in ended else part
            for part in self.parts
        ]
        self.cluster.restart([host for host in back if host.process is None])

    def end(self) -> str:
        """Start all that are still down, unless healing does."""
        if not self.bit:
            return f"killed nothing: {names(self.targets)} did not run"
        if self.ledger.healed:
            return f"{several(self.bit, 'node')} killed, some down until the faults were over"
        self.revive(self._down)
        return f"{several(self.bit, 'node')} killed and back"


class RestartAll(Restart):
    """All processes die at once, and come back one by one."""

    summary: ClassVar[str] = (
        "all nodes, or a majority, die at once and come back one by one, the last at the end"
    )
    parameters: ClassVar[tuple[Parameter, ...]] = (
        UNSYNCED,
        Parameter(
            "first", "", "slowest", "who comes back first: the node whose disk has synced the "
            "least often, the most often, or a drawn one; and so on",
            choices=("slowest", "fastest", "drawn"),
        ),
    )  # fmt: skip
    aims: ClassVar[tuple[str, ...]] = ("all", "majority")

    _order: Sequence[Host] = ()

    def begin(self) -> str:
        """Kill them, and put them in the order in which they come back."""
        self.kill(self.targets)
        drawn = self.stream("order").sample(self._down, len(self._down))
        sign = {"slowest": 1, "fastest": -1, "drawn": 0}[self.param("first")]
        self._order = sorted(drawn, key=lambda host: sign * host.disk.syncs)
        return f"killed {names(self._down)}; they come back as {names(self._order)}"

    def steps(self) -> Iterator[int]:
        """Start one after the other, evenly; the last one comes at the end."""
        length_ns = self.fault.until_ns - self.fault.at_ns
        for host in self._order[:-1]:
            yield max(length_ns // len(self._order), 1)
            self.revive([host])


class RestartRolling(Restart):
    """Each process restarts, one after the other, as in a rollout."""

    summary: ClassVar[str] = "each node restarts, one after the other, in a drawn order"
    parameters: ClassVar[tuple[Parameter, ...]] = (
        UNSYNCED,
        Parameter(
            "down_ns", "ns", 200_000_000, "how long each is down",
            1_000, 3_600_000_000_000, (5_000_000, 500_000_000),
        ),
        Parameter(
            "gap_ns", "ns", 200_000_000, "the time between one's return and the next one's end",
            1_000, 3_600_000_000_000, (1_000_000, 1_000_000_000),
        ),
    )  # fmt: skip
    aims: ClassVar[tuple[str, ...]] = ("all",)
    least_nodes: ClassVar[int] = 2

    _order: Sequence[Host] = ()

    def begin(self) -> str:
        """Put them in an order, and kill the first."""
        self._order = self.stream("order").sample(self.targets, len(self.targets))
        self.kill(self._order[:1])
        return f"restarts {', '.join(host.id for host in self._order)} in turn"

    def steps(self) -> Iterator[int]:
        """Start the one that is down, and after the gap kill the next."""
        for host in self._order[1:]:
            yield int(self.param("down_ns"))
            self.revive(self._down)
            yield int(self.param("gap_ns"))
            self.kill([host])
        yield int(self.param("down_ns"))
        self.revive(self._down)
