"""A host: a machine of the cluster, whose disk and clock outlive what runs on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random  # noqa: TID251 - a type; made by entropy.py
from typing import Protocol, TypeAlias

from clew.node.disk import Disk, Unsynced
from clew.node.message import Message
from clew.node.node import Node
from clew.sim.clock import Clock
from clew.sim.load import Load
from clew.sim.network import Endpoint, Receiver
from clew.sim.setting import Setting


class Process(Receiver, Protocol):
    """One life of a node on a host, whichever runtime it stands on.

    Attributes:
        id: its host's.
        host: where it runs.
        node: the instance.
        alive: False once it has ended.
        paused: True while a pause fault holds it.
        held: how many callbacks pauses have kept back so far.
        cause: the message or timer whose code runs, or ran last.
    """

    id: str
    host: Host
    node: Node
    alive: bool
    held: int
    cause: Message | str

    def rng(self) -> Random:
        """See `Node.rng`."""

    def boot(self) -> None:
        """Start it."""

    def end(self) -> None:
        """Stop it for ever."""

    def pause(self) -> None:
        """Stop everything from running from here on."""

    def pace(self, slowness: int) -> None:
        """Make work take so many times as long as at full speed from here on."""

    def told(self, members: Sequence[str]) -> None:
        """See `Node.members_changed`; later if it is paused."""

    def may_leave(self) -> bool:
        """See `Node.may_leave`; what the node returns, or raises."""

    def resume(self) -> int:
        """End a pause: all that piled up happens now, in order; return how much it was."""


class Host(Endpoint):
    """A machine of the cluster.

    Args:
        setting: what it shares with the other hosts.
        name: its id.
        node_class: what its processes run.
        make: makes a process.
        is_node: False for a service.

    Attributes:
        disk: outlives the process, as far as it was synced.
        clock: outlives the process.
        incarnation: how many processes have run here.
        strike: set by a disk fault: called at a sync that has something to lose; it may crash the
            host, and then returns True.
        slowness: how many times as long as at full speed work takes here.
        load: what its workers did; None if its nodes never worked.
        joined: True if the cluster ran before it.
        known: the nodes that its next process knows of; None for all members there are then.
    """

    __slots__ = (
        "_make", "_setting", "clock", "disk", "incarnation", "joined", "known", "load",
        "node_class", "slowness", "strike",
    )  # fmt: skip

    process: Process | None

    def __init__(
        self,
        setting: Setting,
        name: str,
        node_class: type[Node],
        make: MakeProcess,
        *,
        is_node: bool = True,
    ) -> None:
        super().__init__(name, is_node=is_node)
        self._setting = setting
        self._make = make
        self.node_class = node_class
        self.disk = Disk()
        self.clock = Clock(setting.clock_error_ns)
        self.incarnation = 0
        self.strike: Callable[[Host], bool] | None = None
        self.slowness = 1
        self.load: Load | None = None
        self.joined = False
        self.known: Sequence[str] | None = None

    @property
    def node(self) -> Node | None:
        """The live instance; None while the host is down."""
        return None if self.process is None else self.process.node

    def boot(self) -> None:
        """Start a new process on this host's disk, unless one runs."""
        if self.process is None:
            self.loaded().boot()

    def slow(self, times: int) -> None:
        """Make work of every process here take so many times as long as at full speed."""
        self.slowness = times
        setting = self._setting
        setting.trace.add(setting.world.now, "slow", self.id, times)
        if self.process is not None:
            self.process.pace(times)

    def loaded(self) -> Process:
        """Make a process that can be sent to but has not begun."""
        self.incarnation += 1
        self.process = process = self._make(self._setting, self)
        return process

    def crash(
        self, why: str, unsynced: Unsynced, below: Callable[[int], int] | None = None
    ) -> tuple[int, int]:
        """Kill the process; what its disk had not synced is lost, kept or torn.

        Args:
            why: for the trace.
            unsynced: which.
            below: draws where a write tears; a fault gives a stream of its own.

        Returns:
            How many writes were lost and how many torn.
        """
        process = self.process
        if process is None:
            return 0, 0
        self.process = None
        setting = self._setting
        below = below or setting.entropy.stream("crash", self.id, self.incarnation).below
        lost, torn = self.disk.crash(unsynced, below)
        # The dead process unwinds, now or in the middle of a sync, on a disk that is gone.
        self.disk = self.disk.successor()
        process.end()
        setting.observer.forget(self.id)
        setting.trace.add(setting.world.now, "crash", self.id, why, [unsynced, lost, torn])
        return lost, torn


MakeProcess: TypeAlias = Callable[[Setting, Host], Process]
"""Makes an incarnation of what a host runs: a runtime of `clew.runtimes`."""
