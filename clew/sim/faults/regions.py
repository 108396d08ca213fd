"""What goes wrong between regions: one is cut off, far away, deaf one way, or all down.

A region is everything in it when the fault strikes: its nodes and its clients. What is in no
region, such as a service, is near to all and not affected. A fault that aims at a role of a system
strikes nodes of that role only, and what is sent from and to them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from clew.sim.faults.injection import Injection, Need, Parameter, names, seconds, several
from clew.sim.faults.messages import ConstantDelay, Tampering
from clew.sim.faults.partitions import Cut, CutLinks
from clew.sim.faults.processes import Kill
from clew.sim.host import Host
from clew.sim.network import Link, Packet

_REGION = Parameter("region", "", "", "the region; empty for one that is drawn", region=True)
_OTHER = Parameter(
    "other", "", "", "the region at the other end; empty for one that is drawn", region=True
)


class RegionFault(Injection):
    """Base of the faults of regions: which nodes are where."""

    group: ClassVar[str] = "region"
    least_nodes: ClassVar[int] = 1  # two regions have at least two nodes
    least_regions: ClassVar[int] = 2

    def named(self) -> list[str]:
        """Return the regions that its parameters name, in their order; drawn if they name none."""
        regions = self.cluster.network.regions
        assert regions is not None  # `clew.sim.faults.injector` has looked
        order = self.stream("regions").sample(regions.names, len(regions.names))
        asked = [self.param(known.name) for known in self.parameters if known.region]
        # A drawn region is none that another parameter names.
        free = iter([name for name in order if name not in asked])
        return [name or next(free) for name in asked]

    def nodes_in(self, *regions: str) -> list[Host]:
        """Return the targets in some regions, in the cluster's order."""
        places = self.cluster.network.places
        return [host for host in self.targets if places[host.id] in regions]

    def ways(self, src: Iterable[str], dest: Iterable[str]) -> Cut:
        """Return what targets and clients may send from regions to others, as pairs of ends."""
        cluster, froms, tos = self.cluster, {*src}, {*dest}
        struck = {host.id for host in self.targets}
        there = [*cluster.hosts, *cluster.clients]
        places = cluster.network.places
        senders = [name for name in there if places.get(name) in froms]
        receivers = [name for name in there if places.get(name) in tos]
        return [(a, b) for a in senders for b in receivers if a in struck or b in struck]

    def others(self, region: str) -> list[str]:
        """Return all regions but one."""
        regions = self.cluster.network.regions
        assert regions is not None
        return [name for name in regions.names if name != region]


class CutRegions(CutLinks, RegionFault):
    """Base of the cuts between regions."""

    group: ClassVar[str] = "region"
    least_nodes: ClassVar[int] = 1

    def cut_off(self, pairs: Cut, targets: list[Host]) -> None:
        """Cut what is sent between these, and return whom it concerns."""
        self.targets = targets
        self.cut(pairs)

    def end(self) -> str:
        """Restore the links; return how much was lost."""
        self.restore()
        return f"{several(self.bit, 'message')} lost to the cut"


class RegionCut(CutRegions):
    """A region by itself."""

    summary: ClassVar[str] = "a region and its clients can't reach the others, nor they it"
    parameters: ClassVar[tuple[Parameter, ...]] = (_REGION,)

    def begin(self) -> str:
        """Cut all links between the region and the others; of some of its nodes, only theirs."""
        [region] = self.named()
        inside, rest = self.nodes_in(region), self.others(region)
        if not inside:
            self.targets = []
            return f"cut nothing off: no node of that role is in the region {region}"
        there = [*self.ways([region], rest), *self.ways(rest, [region])]
        # Aimed at a role: then only links at whose end one of its nodes in the region stands are
        # cut.
        if len(self.targets) < len(self.cluster.hosts):
            struck = {host.id for host in inside}
            there = [pair for pair in there if struck & {*pair}]
        self.cut_off(there, inside)
        return f"cut the region {region} ({names(inside)}) off from {', '.join(rest)}"


class RegionOneWay(CutRegions):
    """One direction between two regions."""

    summary: ClassVar[str] = "what a region sends to another does not arrive; the other way it does"
    parameters: ClassVar[tuple[Parameter, ...]] = (_REGION, _OTHER)

    def begin(self) -> str:
        """Cut what the one sends to the other."""
        src, dest = self.named()
        self.cut_off(self.ways([src], [dest]), self.nodes_in(src, dest))
        return f"cut what the region {src} sends to {dest}"


class RegionSlow(RegionFault, ConstantDelay):
    """Two regions are farther from each other."""

    group: ClassVar[str] = "region"
    least_nodes: ClassVar[int] = 1
    summary: ClassVar[str] = "every message between two regions is late by the same time"
    parameters: ClassVar[tuple[Parameter, ...]] = (
        _REGION,
        _OTHER,
        # Far more than a link within a region may be slower: messages take long here anyway.
        ConstantDelay.parameters[0]._replace(typical=(50_000_000, 2_000_000_000)),
    )

    def begin(self) -> str:
        """Attach itself to all links between the two."""
        two = self.named()
        for src, dest in (two, two[::-1]):
            for a, b in self.ways([src], [dest]):
                self.hang(Tampering(self, self.cluster.link(a, b)))
        self.targets = self.nodes_in(*two)
        by = seconds(int(self.param("mean_ns")))
        return f"on all links between the regions {two[0]} and {two[1]} (by {by})"


class RegionKill(RegionFault, Kill):
    """A region goes down."""

    group: ClassVar[str] = "region"
    summary: ClassVar[str] = "all processes of a region die, and restart on their disks at the end"
    parameters: ClassVar[tuple[Parameter, ...]] = (_REGION, *Kill.parameters)
    aims: ClassVar[tuple[str, ...]] = ()

    def begin(self) -> str:
        """Kill those of the region that run."""
        [region] = self.named()
        self.targets = self.nodes_in(region)
        if not self.targets:
            return f"killed nothing: no node of that role is in the region {region}"
        return f"in the region {region} {super().begin()}"


class _Counting:
    """Counts the messages of a link and leaves them as they are: a `Disturbance`."""

    def __init__(self, injection: RegionMove, link: Link) -> None:
        self._injection = injection
        self.kind = injection.fault.kind
        self.link = link

    def change(self, link: Link, delays: list[int], packet: Packet) -> list[int]:
        """Return the delays as they are."""
        del packet
        if delays and link.dest.process is not None:
            self._injection.bit += 1
        return delays


class RegionMove(RegionFault):
    """A client travels: it is in another region, and uses nodes there, until it comes back."""

    summary: ClassVar[str] = (
        "a client goes to another region and uses the nodes there; at the end it comes back"
    )
    bites: ClassVar[str] = "messages that the client sent and got while it was away"
    needs: ClassVar[Need] = "nothing"
    lingers: ClassVar[bool] = True
    parameters: ClassVar[tuple[Parameter, ...]] = (
        _REGION._replace(summary="where it goes; empty for one that is drawn"),
        Parameter(
            "client", "", "", "the client, such as c3; empty for one that is drawn", client=True
        ),
    )

    _client = ""
    _home = ""
    _counting: tuple[_Counting, ...] = ()

    def begin(self) -> str:
        """Take the client to the region."""
        [region] = self.named()
        self.targets = []
        cluster, places = self.cluster, self.cluster.network.places
        fitting = [name for name in cluster.movers if places.get(name, region) != region]
        asked = self.param("client")
        fitting = [name for name in fitting if asked in {"", name}]
        if not fitting:
            return f"moved nobody: {asked or 'every client'} is in {region}, or not there"
        # Keyed by the client: removing a client changes no other's draw.
        key = cluster.entropy.state
        self._client = min(fitting, key=lambda name: key("fault", self.fault.id, "client", name))
        self._home = places[self._client]
        cluster.move_client(self._client, region)
        links = [
            cluster.link(*ends)
            for host in cluster.hosts
            for ends in ((self._client, host), (host, self._client))
        ]
        self._counting = tuple(_Counting(self, link) for link in links)
        for each in self._counting:
            each.link.disturbances.append(each)
            each.link.refresh()
        return f"moved the client {self._client} from the region {self._home} to {region}"

    def end(self) -> str:
        """Bring it back."""
        if not self._client:
            return "moved nobody"
        for each in self._counting:
            each.link.disturbances.remove(each)
            each.link.refresh()
        self.cluster.move_client(self._client, self._home)
        return f"it came back after {several(self.bit, 'message')}"
