"""Nodes join the cluster and leave it while it runs, and its members learn of it.

An operator changes the cluster: it boots a node on a new machine, or takes one away. Every member
learns of it, at a time of its own, as from a service that lists the members. What the members do
about it, such as agreeing on a new configuration, is the system's own protocol.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from clew.machine.text import Unwinding
from clew.node.node import takes_members
from clew.node.timer import NS_PER_SECOND
from clew.sim.faults.fault import Fault
from clew.sim.faults.injection import Form, Injection, Ledger, Need, Parameter, names
from clew.sim.host import Host

if TYPE_CHECKING:
    from clew.sim.cluster import Cluster

ASKED_NS = 50_000_000
"""The time between two calls of `may_leave` on a node that is to leave."""

_SPREAD = Parameter(
    "spread_ns", "ns", 0,
    "the time within which the members learn of the change, each at a drawn time",
    high=60 * NS_PER_SECOND, typical=(1_000_000, NS_PER_SECOND),
)  # fmt: skip


def _yes_or_no(answer: Any) -> bool:
    if type(answer) is not bool:
        raise TypeError(f"may_leave() must return True or False, not {answer!r:.100}")
    return answer


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[A-Za-z][A-Za-z_-]*\d+", value) is not None


NAME = Form("a name such as n6", _is_name, lambda _: [], lambda value, _: value)


class _Change(Injection):
    """Base of both: informs the members."""

    group: ClassVar[str] = "membership"
    needs: ClassVar[Need] = "members"
    runs_nodes: ClassVar[bool] = True

    def __init__(self, fault: Fault, cluster: Cluster, ledger: Ledger) -> None:
        super().__init__(fault, cluster, ledger)
        self._heard = False
        self._changed = 0

    def settle(self) -> str:
        """Count who came or went, if any node was told by a method of its own."""
        self.bit = self._changed if self._heard else 0
        return ""

    def tell(self) -> None:
        """Let each node that is there now learn who the members are, at a time of its own."""
        spread_ns = self.param("spread_ns")
        # Keyed by the host: one that comes or goes does not change when the others learn of it.
        for host in self.cluster.hosts.values():
            after_ns = self.stream("told", host.id).below(spread_ns + 1)
            self.cluster.world.call_at(self.now + after_ns, self._told, host)

    def _told(self, host: Host) -> None:
        if host.process is None:
            return
        self._heard |= takes_members(type(host.process.node))
        host.process.told(self.cluster.members)


class Join(_Change):
    """A node boots on a new machine; it knows some members, and the members learn of it."""

    summary: ClassVar[str] = "a node on a new machine joins the cluster"
    bites: ClassVar[str] = "nodes that joined, where the members are told"
    instant: ClassVar[bool] = True
    parameters: ClassVar[tuple[Parameter, ...]] = (
        Parameter("node", "", "n6", "the new node's name", form=NAME),
        Parameter("known", "", 2, "how many members it knows, drawn", low=1, high=1000,
                  typical=(1, 3)),
        _SPREAD,
    )  # fmt: skip

    def begin(self) -> str:
        """Boot it."""
        cluster, name = self.cluster, self.param("node")
        if not cluster.may_join(name):
            return f"nobody joined: there may be no further node such as {name}"
        members = cluster.members
        count = min(self.param("known"), len(members))
        drawn = self.stream("known").sample(members, count)
        known = [member for member in members if member in drawn]
        cluster.join(name, known)
        self.targets = [cluster.hosts[name]]
        self._changed = 1
        self.tell()
        return f"{name} joined, and knows {', '.join(known)}"

    def end(self) -> str:
        """Do nothing: it has joined for good."""
        return "it is a member from now on" if self._changed else ""


class Leave(_Change):
    """The members learn that the target is no longer one; then its machine is shut down."""

    summary: ClassVar[str] = "the target is told to leave, and is shut down for good once it may"
    bites: ClassVar[str] = "nodes that left, where the members are told"
    parameters: ClassVar[tuple[Parameter, ...]] = (_SPREAD,)
    aims: ClassVar[tuple[str, ...]] = ("one", "leader")
    least_nodes: ClassVar[int] = 2
    lingers: ClassVar[bool] = True

    def __init__(self, fault: Fault, cluster: Cluster, ledger: Ledger) -> None:
        super().__init__(fault, cluster, ledger)
        self._leaving: list[Host] = []

    def begin(self) -> str:
        """Inform everybody, including the target."""
        members = self.cluster.members
        # At least one member stays, and as many of each role as it needs, whoever is aimed at.
        for host in self.targets:
            if host.id in members and self.cluster.may_leave(host.id):
                members.remove(host.id)
                self._leaving.append(host)
        if not self._leaving:
            return f"nobody left: {names(self.targets)} can't"
        self.tell()
        return f"{names(self._leaving)} {_verb(self._leaving, 'is', 'are')} to leave"

    def steps(self) -> Iterator[int]:
        """Check repeatedly whether it may be shut down now."""
        while self._leaving:
            yield ASKED_NS
            self._ask()

    def _ask(self) -> None:
        for host in [host for host in self._leaving if self._may_leave(host)]:
            self._leaving.remove(host)
            self.cluster.leave(host.id)
            self._changed += 1
            self.note(f"{host.id} was shut down for good")

    def _may_leave(self, host: Host) -> bool:
        """Return what the node answers; one that is down answers nothing, so it may not leave."""
        process = host.process
        if process is None or process.paused:
            return False
        try:
            return _yes_or_no(process.may_leave())
        except (Unwinding, KeyboardInterrupt):
            raise
        except BaseException as error:  # noqa: BLE001 - a user's hook
            self.cluster.findings.raised(host.id, error, "may_leave()")
            return False

    def end(self) -> str:
        """Call off what did not happen: a node that may not be shut down in time stays a member."""
        kept, self._leaving = self._leaving, []
        gone = [host for host in self.targets if host.id not in self.cluster.hosts]
        if kept:
            order = self.cluster.node_ids
            staying = {*self.cluster.members, *(host.id for host in kept)}
            self.cluster.members[:] = [name for name in order if name in staying]
            self.tell()
            stays = _verb(kept, "stays a member", "stay members")
            return f"{names(kept)} could not leave in time, and {stays}"
        return f"{names(gone)} left" if gone else "nobody left"


def _verb(hosts: Sequence[Host], of_one: str, of_several: str) -> str:
    return of_one if len(hosts) == 1 else of_several
