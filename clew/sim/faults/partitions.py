"""Cut links: partitions of the usual shapes, and links that flap.

The shapes are those of Jepsen's nemesis (Kingsbury, "jepsen.nemesis"): halves, one node, a minority
of less than a third, a ring of overlapping majorities, a bridge. A cut drops what is sent, and what
arrives, while it is in place.

Divergence from Jepsen: the ring is symmetric, and each node keeps its nearest neighbours on both
sides, so it needs four nodes; in Jepsen, with three nodes, every pair loses one direction.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import combinations
from typing import Any, ClassVar, TypeAlias

from clew.sim.faults.injection import Form, Injection, Need, Parameter, several
from clew.sim.network import Link

Cut: TypeAlias = list[tuple[str, str]]
"""The directions to cut, as pairs (sender, receiver)."""


def across(groups: Sequence[Sequence[str]]) -> Cut:
    """Cut both directions between every two nodes of different groups."""
    pairs = [
        (a, b) for left, right in combinations(groups, 2) for a in left for b in right
    ]  # fmt: skip
    return [pair for a, b in pairs for pair in ((a, b), (b, a))]


def majorities_ring(ring: Sequence[str]) -> Cut:
    """Cut a ring so that each node keeps enough neighbours on both sides to see a majority."""
    count = len(ring)
    # With `reach` neighbours on both sides a node sees 2 * reach + 1 nodes, itself among them: the
    # least such number that is a majority.
    reach = -(-(count // 2) // 2)
    return [
        (a, b)
        for i, a in enumerate(ring)
        for j, b in enumerate(ring)
        if min((i - j) % count, (j - i) % count) > reach
    ]


class CutLinks(Injection):
    """Base of the faults that cut links; they take effect in messages that were lost for it."""

    group: ClassVar[str] = "partition"
    bites: ClassVar[str] = "messages lost to the cut"
    needs: ClassVar[Need] = "peers"
    least_nodes: ClassVar[int] = 2

    _links: Sequence[Link] = ()
    _lost = 0

    def cut(self, pairs: Cut) -> None:
        """Cut links until `restore`."""
        self._links = [self.cluster.link(src, dest) for src, dest in pairs]
        # Cuts are counted: a link that two faults cut is whole again only when both have ended.
        for link in self._links:
            link.cut += 1
            link.refresh()
        self._lost = sum(link.lost for link in self._links)

    def settle(self) -> str:
        """Count what was lost since the cut; if several cut a link, it counts for each of them."""
        before, self._lost = self._lost, sum(link.lost for link in self._links)
        self.bit += self._lost - before
        return ""

    def restore(self) -> None:
        """Undo `cut`."""
        self.settle()
        for link in self._links:
            link.cut -= 1
            link.refresh()
        self._links, self._lost = (), 0


class Partition(CutLinks):
    """Base of the partitions: subclasses choose what is cut."""

    _detail = ""

    def shape(self, ids: list[str]) -> tuple[Cut, str]:
        """Return what to cut, and the words for it; `ids` are all nodes in order, or a role's."""
        raise NotImplementedError

    def begin(self) -> str:
        """Cut the links; return how."""
        ids = list(self.cluster.node_ids)
        if not self.aims and isinstance(self.fault.target, str):  # all of a role: it alone is cut
            ids = [host.id for host in self.targets]
        pairs, self._detail = self.shape(ids)
        self.cut(pairs)
        return self._detail

    def end(self) -> str:
        """Restore the links; return how much was lost."""
        self.restore()
        return f"{self._detail}; {several(self.bit, 'message')} lost to the cut"


def _groups(groups: Sequence[Sequence[str]]) -> tuple[Cut, str]:
    return across(groups), "cut " + " | ".join(", ".join(group) for group in groups)


class Halves(Partition):
    """Two halves, in the order of the nodes."""

    summary: ClassVar[str] = "the first half of the nodes and the second can't reach each other"

    def shape(self, ids: list[str]) -> tuple[Cut, str]:
        """Cut the first half from the rest."""
        middle = len(ids) // 2
        return _groups([ids[:middle], ids[middle:]])


class RandomHalves(Partition):
    """Two halves, drawn."""

    summary: ClassVar[str] = "two drawn halves of the nodes can't reach each other"

    def shape(self, ids: list[str]) -> tuple[Cut, str]:
        """Cut a drawn half from the rest."""
        middle = len(ids) // 2
        left = set(self.stream("shape").sample(ids, middle))
        return _groups([[i for i in ids if i in left], [i for i in ids if i not in left]])


class IsolateTarget(Partition):
    """The target against all others."""

    summary: ClassVar[str] = "the target can't reach the other nodes, nor they it"
    aims: ClassVar[tuple[str, ...]] = ("one", "leader")

    def shape(self, ids: list[str]) -> tuple[Cut, str]:
        """Cut the target from the rest."""
        targets = [host.id for host in self.targets]
        return _groups([targets, [i for i in ids if i not in targets]])


class MinorityThird(Partition):
    """Less than a third of the nodes against the others."""

    summary: ClassVar[str] = "less than a third of the nodes, drawn, can't reach the others"
    least_nodes: ClassVar[int] = 4

    def shape(self, ids: list[str]) -> tuple[Cut, str]:
        """Cut a drawn (n - 1) // 3 of n nodes from the rest."""
        few = set(self.stream("shape").sample(ids, (len(ids) - 1) // 3))
        return _groups([[i for i in ids if i in few], [i for i in ids if i not in few]])


class MajoritiesRing(Partition):
    """Every node sees a majority, and no two the same one."""

    summary: ClassVar[str] = "each node reaches a majority, its neighbours on a drawn ring"
    least_nodes: ClassVar[int] = 4

    def shape(self, ids: list[str]) -> tuple[Cut, str]:
        """Cut each node from the far side of a drawn ring."""
        ring = self.stream("shape").sample(ids, len(ids))
        return majorities_ring(ring), f"left a ring of majorities {' - '.join(ring)}"


class Bridge(Partition):
    """Two halves, and one node that reaches both."""

    summary: ClassVar[str] = "two drawn halves can't reach each other, but one node reaches both"
    least_nodes: ClassVar[int] = 3

    def shape(self, ids: list[str]) -> tuple[Cut, str]:
        """Cut all but the bridge into two halves."""
        bridge, *others = self.stream("shape").sample(ids, len(ids))
        middle = len(others) // 2
        pairs, detail = _groups([others[:middle], others[middle:]])
        return pairs, f"{detail}, bridged by {bridge}"


class OneWay(Partition):
    """One direction only."""

    summary: ClassVar[str] = "the target hears nothing from other nodes, or they hear nothing "
    "from it"
    parameters: ClassVar[tuple[Parameter, ...]] = (
        Parameter(
            "direction", "", "in", "what is lost: what goes in to the target, or what comes out "
            "of it",
            choices=("in", "out"),
        ),
    )  # fmt: skip
    aims: ClassVar[tuple[str, ...]] = ("one", "leader", "minority")

    def shape(self, ids: list[str]) -> tuple[Cut, str]:
        """Cut one direction between the target and the rest."""
        targets = [host.id for host in self.targets]
        inward = [(i, target) for target in targets for i in ids if i not in targets]
        if self.param("direction") == "in":
            return inward, f"cut what others send to {', '.join(targets)}"
        return [(b, a) for a, b in inward], f"cut what {', '.join(targets)} sends to others"


def _is_groups(value: Any) -> bool:
    if not isinstance(value, list) or not all(isinstance(group, list) for group in value):
        return False
    ids = [name for group in value for name in group]
    return all(isinstance(name, str) for name in ids) and len(set(ids)) == len(ids)


def _groups_among(groups: Sequence[Sequence[str]], node_ids: Collection[str]) -> list[list[str]]:
    """Return the groups with only some of their nodes; empty groups are left out."""
    left = [[name for name in group if name in node_ids] for group in groups]
    return [group for group in left if group]


class Groups(Partition):
    """Groups that the plan names."""

    summary: ClassVar[str] = "nodes of different groups can't reach each other"
    parameters: ClassVar[tuple[Parameter, ...]] = (
        Parameter(
            "groups",
            "",
            [],
            "lists of node ids; nodes in none of them are one more group",
            form=Form(
                "lists of node ids, no id in two of them",
                _is_groups,
                lambda groups: [name for group in groups for name in group],
                _groups_among,
            ),
        ),
    )

    def shape(self, ids: list[str]) -> tuple[Cut, str]:
        """Cut every group from the others."""
        groups = [[i for i in ids if i in group] for group in self.param("groups")]
        rest = [i for i in ids if not any(i in group for group in groups)]
        return _groups([group for group in [*groups, rest] if group])


def _is_links(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(link, list)
        and len(link) == 2  # noqa: PLR2004 - sender, receiver
        and all(isinstance(name, str) for name in link)
        and link[0] != link[1]
        for link in value
    )


class Standing(Partition):
    """Links that stay cut, each in one direction, also when all else heals."""

    summary: ClassVar[str] = (
        "the directions of links that the plan names are cut, and stay so when all else "
    )
    "heals"
    sworn: ClassVar[bool] = True
    outlasts: ClassVar[bool] = True
    parameters: ClassVar[tuple[Parameter, ...]] = (
        Parameter(
            "links", "", [], "lists of sender and receiver",
            form=Form(
                "lists of two different node ids",
                _is_links,
                lambda links: [name for link in links for name in link],
                lambda links, ids: [link for link in links if {*link} <= {*ids}],
            ),
        ),
    )  # fmt: skip

    def shape(self, ids: list[str]) -> tuple[Cut, str]:
        """Cut what is named."""
        pairs = [(a, b) for a, b in self.param("links") if {a, b} <= {*ids}]
        told = ", ".join(f"{a} to {b}" for a, b in pairs)
        return pairs, f"cut {told or 'nothing'}, also when all else heals"


_FLAPPING = (
    Parameter(
        "down_ns", "ns", 100_000_000, "how long it is down, drawn from [0, 2 x this)",
        1_000, 3_600_000_000_000, (5_000_000, 1_000_000_000),
    ),
    Parameter(
        "up_ns", "ns", 100_000_000, "how long it is up, drawn from [0, 2 x this)",
        1_000, 3_600_000_000_000, (5_000_000, 1_000_000_000),
    ),
)  # fmt: skip


class FlapNode(CutLinks):
    """The target's links go down and up again and again."""

    group: ClassVar[str] = "flap"
    summary: ClassVar[str] = "all links of the target to nodes go down and up, again and again"
    parameters: ClassVar[tuple[Parameter, ...]] = _FLAPPING
    lingers: ClassVar[bool] = True
    aims: ClassVar[tuple[str, ...]] = ("one", "leader")

    _pairs: Sequence[tuple[str, str]] = ()
    _times = 0

    def choose(self) -> Cut:
        """Choose the directions that flap."""
        inside = [host.id for host in self.targets]
        return across([inside, [i for i in self.cluster.node_ids if i not in inside]])

    def begin(self) -> str:
        """Choose the links."""
        self._pairs = self.choose()
        return f"made {self._told()} flap"

    def steps(self) -> Iterator[int]:
        """Cut and restore the links in turn."""
        stream = self.stream("flap")
        down_ns, up_ns = self.param("down_ns"), self.param("up_ns")
        while True:
            self.cut(list(self._pairs))
            self._times += 1
            yield stream.below(2 * down_ns)
            self.restore()
            # A wait of at least 1 us: a loop of zero waits would never let time advance.
            yield 1_000 + stream.below(2 * up_ns)

    def end(self) -> str:
        """Leave the links up."""
        self.restore()
        times, lost = several(self._times, "time"), several(self.bit, "message")
        return f"{self._told()} went down {times}; {lost} lost to that"

    def _told(self) -> str:
        ends = dict.fromkeys(f"{a} - {b}" for a, b in self._pairs[::2])
        return f"{several(len(ends), 'link')} ({', '.join(ends)})"


class FlapSteady(FlapNode):
    """The target's links go down and up in a fixed period, such as that of elections."""

    apart: ClassVar[bool] = True
    summary: ClassVar[str] = (
        "all links of the target to nodes go down and up in a fixed period, half of it each"
    )
    parameters: ClassVar[tuple[Parameter, ...]] = (
        Parameter(
            "period_ns", "ns", 600_000_000, "the time from one cut to the next",
            2_000, 3_600_000_000_000, (50_000_000, 4_000_000_000),
        ),
    )  # fmt: skip

    def steps(self) -> Iterator[int]:
        """Cut and restore the links in turn."""
        half_ns = int(self.param("period_ns")) // 2
        while True:
            self.cut(list(self._pairs))
            self._times += 1
            yield half_ns
            self.restore()
            yield half_ns


class FlapLink(FlapNode):
    """One link goes down and up again and again."""

    summary: ClassVar[str] = (
        "the link between the target and one drawn other node goes down and up, again and again; "
        "a target of two nodes is the link between them"
    )

    def choose(self) -> Cut:
        """Choose both directions between the target and one more node."""
        ids = [host.id for host in self.targets]
        others = [i for i in self.cluster.node_ids if i not in ids]
        if len(ids) != 2 and others:  # noqa: PLR2004 - the two ends of a link
            ids = [ids[0], self.stream("peer").pick(others)]
        return across([[i] for i in ids])
