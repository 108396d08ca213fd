"""Where the nodes of a run are, and what the clients of each region got, in tables and stories."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from clew.machine.text import brief
from clew.report import layout
from clew.scenarios.plans.plan import Plan
from clew.sim.latency import Latency
from clew.sim.regions import ONE_WAY, way

ROW_WIDTH = 84
"""Where a row would be longer, nodes are counted, and only the nearest and the farthest regions are
shown."""


class Places:
    """Where the nodes and clients of a run are, in the words of a story; nothing for one place.

    Args:
        plan: of the run.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._regions = {} if plan.regions is None else plan.regions.places()
        self._stride = plan.stride if self._regions else 1

    def who(self, process: Any, node: Any) -> str:
        """Name a client and the node of its request, and their regions."""
        here = self._regions.get(str(node))
        if here is None or not isinstance(process, int):
            return f"Process {process} at {node}"
        home = self._regions[self._plan.home(process % self._stride)]
        of = "" if home == here else f" of {home}"
        return f"Process {process}{of} at {node} ({here})"

    def start(self, nodes: Sequence[str]) -> str:
        """Report that nodes start, and in which region."""
        placed = [(node, self._regions.get(node, "")) for node in nodes]
        parts = [
            f"{layout.listed([node for node, _ in group])}{f' in {region}' if region else ''}"
            for region, group in groupby(sorted(placed, key=self._rank), lambda one: one[1])
        ]
        return f"{'; '.join(parts)} {'starts' if len(nodes) == 1 else 'start'}."

    def _rank(self, one: tuple[str, str]) -> int:
        names = [*dict.fromkeys(self._regions.values())]
        return names.index(one[1]) if one[1] in names else len(names)


def lanes_of(plan: Plan, names: Sequence[str]) -> dict[str, str]:
    """Return the region of each lane of a diagram, grouped by region; empty for one place.

    Args:
        plan: of the run.
        names: of nodes and clients.
    """
    if plan.regions is None:
        return dict.fromkeys(names, "")
    places = plan.regions.places()
    found = {name: places[name if name in places else plan.home(int(name[1:]))] for name in names}
    return {name: region for each in plan.regions.names for name, region in found.items()
            if region == each}  # fmt: skip


def region_rows(plan: Plan) -> Iterator[tuple[str, str]]:
    """Show which nodes are where, and how far apart regions are; nothing for one place."""
    if plan.regions is None:
        return
    nodes = plan.regions.nodes
    told = "; ".join(f"{name}: {', '.join(ids)}" for name, ids in nodes.items())
    if len(told) > ROW_WIDTH:
        told = "; ".join(f"{name}: {len(ids)}" for name, ids in nodes.items())
    yield "regions", brief(told, ROW_WIDTH)
    pairs = list(_distances(plan))
    told = ", ".join(text for _, text in pairs)
    if len(told) > ROW_WIDTH:
        pairs.sort(key=lambda each: each[0])
        told = f"from {pairs[0][1]} to {pairs[-1][1]}"
    yield "between them", told


def _distances(plan: Plan) -> Iterator[tuple[int, str]]:
    """Yield the mean latency of each pair of regions in words; both ways if they differ."""
    assert plan.regions is not None
    names, latency = plan.regions.names, plan.regions.latency
    for rank, one in enumerate(names):
        for other in names[rank + 1 :]:
            there, back = latency[way(one, other)], latency[way(other, one)]
            if there == back:
                yield there.whole_mean_ns, f"{one} - {other} {_words(there)}"
            else:
                yield there.whole_mean_ns, f"{one} {ONE_WAY} {other} {_words(there)}"
                yield back.whole_mean_ns, f"{other} {ONE_WAY} {one} {_words(back)}"


def _words(latency: Latency) -> str:
    """Write a latency as a person does."""
    if latency.shape == "uniform" and latency.floor_ns:
        low_ns = latency.floor_ns
        return f"{low_ns / 1e6:g} to {(low_ns + 2 * latency.mean_ns) / 1e6:g} ms"
    shape = "" if latency.shape == "constant" else f" {latency.shape}"
    return f"{latency.whole_mean_ns / 1e6:g} ms{shape}"


def region_table(figures: dict[str, Any]) -> str:
    """Show what clients of each region requested and got; empty for one place.

    Args:
        figures: of the outcome.
    """
    if "regions" not in figures:
        return ""
    rows = [("region", "asked", "ok", "answered", "median", "99 %", "most")]
    for name, part in figures["regions"].items():
        took = part["latency_ms"]
        times = (layout.duration_ms(took[q]) if took else "-" for q in ("0.5", "0.99", "1"))
        share = f"{part['availability']:.1%}" if "availability" in part else "-"
        rows.append((name, f"{part['count']:,}", f"{part['ok']:,}", share, *times))
    return layout.table(rows, right=(1, 2, 3, 4, 5, 6))
