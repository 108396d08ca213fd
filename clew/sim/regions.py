"""Regions: which nodes are together, and how long a message takes from one place to another.

The presets are round trips that others measured and published; half of one is the latency one way.
Divergence from reality: they are means, so a message between two regions always takes the same
time, except for the wire's own 20 to 200 us; a route that changes and a queue that fills are
faults.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from clew.sim.latency import Latency

ONE_WAY = "->"
"""The sign between the names of two regions, of which the first sends."""


def way(src: str, dest: str) -> str:
    """Return the key of messages from one region to another, such as ``eu->us``."""
    return f"{src}{ONE_WAY}{dest}"


@dataclass(frozen=True, slots=True)
class Regions:
    """Where the nodes of a cluster are.

    Attributes:
        nodes: the ids of each region's nodes, by its name; each node in one region.
        latency: of messages from one region to another, by `way`, for every two of them; within a
            region it is that of the scenario.
    """

    nodes: Mapping[str, tuple[str, ...]]
    latency: Mapping[str, Latency]

    @property
    def names(self) -> tuple[str, ...]:
        """The regions, in order."""
        return tuple(self.nodes)

    def of_node(self, node: str) -> str:
        """Return the region of a node.

        Raises:
            KeyError: it is in none.
        """
        for name, ids in self.nodes.items():
            if node in ids:
                return name
        raise KeyError(node)

    def places(self) -> dict[str, str]:
        """Return the region of each node, by its id."""
        return {node: name for name, ids in self.nodes.items() for node in ids}

    @property
    def slowest_ns(self) -> int:
        """The greatest mean latency between two regions."""
        return max((each.whole_mean_ns for each in self.latency.values()), default=0)

    def placed(self, node_ids: Collection[str]) -> dict[str, list[str]]:
        """Return the regions of some nodes, in order: all regions, even those without a node."""
        return {
            name: [node for node in ids if node in node_ids] for name, ids in self.nodes.items()
        }

    def with_more(self, names: Sequence[str]) -> Regions:
        """Place further nodes, each in the region that has the fewest, the first of these."""
        nodes = dict(self.nodes)
        # One by one, so that each goes where the fewest are by then.
        for name in names:
            region = min(nodes, key=lambda one: len(nodes[one]))
            nodes[region] = (*nodes[region], name)
        return Regions(nodes, self.latency)

    def among(self, node_ids: Collection[str]) -> Regions | None:
        """Return the regions of some of the nodes; None if fewer than two regions have any."""
        nodes = {
            name: tuple(node for node in ids if node in node_ids)
            for name, ids in self.nodes.items()
        }
        return self._of({name: ids for name, ids in nodes.items() if ids})

    def merged(self, kept: str, gone: str, order: Iterable[str]) -> Regions | None:
        """Merge two regions into one; None if it is then the only one.

        Args:
            kept: whose name and latencies it has.
            gone: whose nodes it gets.
            order: all nodes, in order.
        """
        both = {*self.nodes[kept], *self.nodes[gone]}
        nodes = {**self.nodes, kept: tuple(node for node in order if node in both)}
        return self._of({name: ids for name, ids in nodes.items() if name != gone})

    def _of(self, nodes: Mapping[str, tuple[str, ...]]) -> Regions | None:
        if len(nodes) < 2:  # noqa: PLR2004 - one alone is no region
            return None
        return Regions(nodes, {key: self.latency[key] for key in ways(nodes)})

    def to_json(self) -> dict[str, Any]:
        """Return a JSON object that `regions_from_json` turns into equal regions."""
        return {
            "nodes": {name: list(ids) for name, ids in self.nodes.items()},
            "latency": {key: each._asdict() for key, each in self.latency.items()},
        }


def ways(names: Iterable[str]) -> list[str]:
    """Return the keys of every pair of regions, both ways."""
    known = list(names)
    return [way(src, dest) for src in known for dest in known if src != dest]


def regions_from_json(data: Mapping[str, Any]) -> Regions:
    """Make the regions of what `Regions.to_json` gave, unchecked."""
    return Regions(
        {name: tuple(ids) for name, ids in data["nodes"].items()},
        {key: Latency(**each) for key, each in data["latency"].items()},
    )


def in_turn(names: Collection[str], node_ids: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Place nodes in regions in turn: the first in the first, and so on around."""
    nodes = list(node_ids)
    return {name: tuple(nodes[rank :: len(names)]) for rank, name in enumerate(names)}


class Preset(NamedTuple):
    """Published round trips.

    Attributes:
        summary: what they are.
        source: where they were found.
        short: short names for some of its regions.
        round_trips_ms: between two regions, by both names.
    """

    summary: str
    source: str
    short: Mapping[str, str]
    round_trips_ms: Mapping[tuple[str, str], float]

    @property
    def known(self) -> tuple[str, ...]:
        """The names of its regions, the short ones first."""
        return tuple(
            dict.fromkeys([*self.short, *(end for two in self.round_trips_ms for end in two)])
        )

    def latency(self, src: str, dest: str) -> Latency:
        """Return the latency one way between two of its regions: half the round trip.

        Raises:
            KeyError: it does not know them.
        """
        ends = self.short.get(src, src), self.short.get(dest, dest)
        trips = self.round_trips_ms
        trip_ms = trips[ends] if ends in trips else trips[ends[::-1]]
        return Latency(round(trip_ms * 1_000_000) // 2)


PRESETS: Mapping[str, Preset] = {
    "aws": Preset(
        "mean round trips between ten regions of Amazon EC2, measured in 2016",
        # The table "Latency Between AWS Global Regions", its upper half.
        "https://acomputerscientistlearnsaws.blogspot.com/2017/04/aws-regions.html",
        {"us": "us-east-1", "eu": "eu-west-1", "asia": "ap-northeast-1"},
        {
            ("us-east-1", "us-west-1"): 72.74,
            ("us-east-1", "us-west-2"): 86.98,
            ("us-east-1", "eu-west-1"): 80.55,
            ("us-east-1", "eu-central-1"): 88.66,
            ("us-east-1", "ap-northeast-1"): 145.3,
            ("us-east-1", "ap-northeast-2"): 178.4,
            ("us-east-1", "ap-southeast-1"): 216.7,
            ("us-east-1", "ap-southeast-2"): 230,
            ("us-east-1", "sa-east-1"): 119.5,
            ("us-west-1", "us-west-2"): 19.46,
            ("us-west-1", "eu-west-1"): 153.2,
            ("us-west-1", "eu-central-1"): 166.6,
            ("us-west-1", "ap-northeast-1"): 102.5,
            ("us-west-1", "ap-northeast-2"): 131.5,
            ("us-west-1", "ap-southeast-1"): 174,
            ("us-west-1", "ap-southeast-2"): 157.5,
            ("us-west-1", "sa-east-1"): 192.7,
            ("us-west-2", "eu-west-1"): 137,
            ("us-west-2", "eu-central-1"): 159.5,
            ("us-west-2", "ap-northeast-1"): 89.1,
            ("us-west-2", "ap-northeast-2"): 118.3,
            ("us-west-2", "ap-southeast-1"): 161.4,
            ("us-west-2", "ap-southeast-2"): 162.2,
            ("us-west-2", "sa-east-1"): 182.7,
            ("eu-west-1", "eu-central-1"): 19.56,
            ("eu-west-1", "ap-northeast-1"): 212.4,
            ("eu-west-1", "ap-northeast-2"): 242.4,
            ("eu-west-1", "ap-southeast-1"): 239,
            ("eu-west-1", "ap-southeast-2"): 309.6,
            ("eu-west-1", "sa-east-1"): 191.3,
            ("eu-central-1", "ap-northeast-1"): 236.5,
            ("eu-central-1", "ap-northeast-2"): 266.2,
            ("eu-central-1", "ap-southeast-1"): 325.9,
            ("eu-central-1", "ap-southeast-2"): 323.5,
            ("eu-central-1", "sa-east-1"): 194.9,
            ("ap-northeast-1", "ap-northeast-2"): 31.44,
            ("ap-northeast-1", "ap-southeast-1"): 73.79,
            ("ap-northeast-1", "ap-southeast-2"): 103.9,
            ("ap-northeast-1", "sa-east-1"): 256.8,
            ("ap-northeast-2", "ap-southeast-1"): 71.87,
            ("ap-northeast-2", "ap-southeast-2"): 134,
            ("ap-northeast-2", "sa-east-1"): 286.3,
            ("ap-southeast-1", "ap-southeast-2"): 175.3,
            ("ap-southeast-1", "sa-east-1"): 328.1,
            ("ap-southeast-2", "sa-east-1"): 322.5,
        },
    ),
    "ibm-cloud": Preset(
        "mean round trips between ten regions of IBM Cloud, 27 July to 25 August 2024",
        # The document's table "Inter-region latency" of 25 Aug 2024, its upper half.
        "https://github.com/ibm-cloud-docs/vpc, _include-segments/network-latency.md",
        {"us": "us-east", "eu": "eu-de", "asia": "jp-tok"},
        {
            ("us-south", "ca-tor"): 34,
            ("us-south", "us-east"): 31,
            ("us-south", "eu-de"): 123,
            ("us-south", "eu-gb"): 113,
            ("us-south", "eu-es"): 119,
            ("us-south", "jp-osa"): 150,
            ("us-south", "au-syd"): 186,
            ("us-south", "jp-tok"): 143,
            ("us-south", "br-sao"): 146,
            ("ca-tor", "us-east"): 19,
            ("ca-tor", "eu-de"): 93,
            ("ca-tor", "eu-gb"): 82,
            ("ca-tor", "eu-es"): 108,
            ("ca-tor", "jp-osa"): 168,
            ("ca-tor", "au-syd"): 215,
            ("ca-tor", "jp-tok"): 162,
            ("ca-tor", "br-sao"): 129,
            ("us-east", "eu-de"): 91,
            ("us-east", "eu-gb"): 75,
            ("us-east", "eu-es"): 87,
            ("us-east", "jp-osa"): 172,
            ("us-east", "au-syd"): 214,
            ("us-east", "jp-tok"): 164,
            ("us-east", "br-sao"): 118,
            ("eu-de", "eu-gb"): 13,
            ("eu-de", "eu-es"): 29,
            ("eu-de", "jp-osa"): 232,
            ("eu-de", "au-syd"): 250,
            ("eu-de", "jp-tok"): 233,
            ("eu-de", "br-sao"): 198,
            ("eu-gb", "eu-es"): 27,
            ("eu-gb", "jp-osa"): 244,
            ("eu-gb", "au-syd"): 261,
            ("eu-gb", "jp-tok"): 243,
            ("eu-gb", "br-sao"): 188,
            ("eu-es", "jp-osa"): 257,
            ("eu-es", "au-syd"): 275,
            ("eu-es", "jp-tok"): 258,
            ("eu-es", "br-sao"): 209,
            ("jp-osa", "au-syd"): 122,
            ("jp-osa", "jp-tok"): 9,
            ("jp-osa", "br-sao"): 293,
            ("au-syd", "jp-tok"): 115,
            ("au-syd", "br-sao"): 328,
            ("jp-tok", "br-sao"): 284,
        },
    ),
}
"""Presets of latencies between regions, by name; the first is the default."""
