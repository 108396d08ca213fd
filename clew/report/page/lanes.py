"""The order of a picture's lanes, and the two sides of a cut."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from clew.report.regions import lanes_of
from clew.scenarios.runs.run import Run
from clew.sim.faults.injector import FaultReport
from clew.trace.timeline import Timeline, is_client

_CUT = re.compile(r"\bcut ([^|;]+) \| ([^|;]+)")


class Lane(NamedTuple):
    """A lane of a picture.

    Attributes:
        name: the node's, the client's or the service's.
        kind: ``node``, ``client`` or ``service``.
        group: its region, or its role where there are several; empty for neither.
    """

    name: str
    kind: str
    group: str


def sides_of(fault: FaultReport, names: Sequence[str]) -> list[list[str]]:
    """Find the two sides of a cut; empty if the fault is none, or has more."""
    found = _CUT.search(fault.detail)
    if found is None or fault.detail.count(" | ") != 1:
        return []
    sides = [[name.strip() for name in side.split(",")] for side in found.groups()]
    return sides if all(name in names for side in sides for name in side) else []


def lanes(run: Run, timeline: Timeline, failed_ns: int | None) -> list[Lane]:
    """Put nodes and clients in order: a cut's sides together, a client beside its node.

    Args:
        run: whose.
        timeline: its.
        failed_ns: the cut that counts is the last that began before; None for any.
    """
    nodes = [*run.plan.all_nodes]
    for fault in run.faults:
        if failed_ns is None or fault.at_ns <= failed_ns:
            sides = sides_of(fault, nodes)
            if sides and len(sides[0]) + len(sides[1]) == len(nodes):
                nodes = [*sides[0], *sides[1]]
    regions = lanes_of(run.plan, nodes)
    if any(regions.values()):
        nodes = [*regions]
    roles = {node: role for role, names in run.plan.roles.items() for node in names}
    groups = {node: regions.get(node) or roles.get(node, "") for node in nodes}
    placed: dict[str, list[str]] = {node: [] for node in nodes}
    loose: list[str] = []
    homes = _homes(timeline)
    for client in sorted(homes, key=lambda name: int(name[1:])):
        placed.get(homes[client], loose).append(client)
    found: list[Lane] = []
    for rank, node in enumerate(nodes):
        mine = [Lane(client, "client", groups[node]) for client in placed[node]]
        here = [Lane(node, "node", groups[node])]
        found += [*mine, *here] if rank < len(nodes) / 2 else [*here, *mine]
    known = {lane.name for lane in found}
    found += [Lane(client, "client", "") for client in loose]
    found += [Lane(name, "service", "services") for name in _others(timeline) if name not in known]
    return found


def _homes(timeline: Timeline) -> dict[str, str]:
    """Find the node to which each client sends most."""
    asked: dict[str, Counter[str]] = {}
    for event in timeline.events("invoke"):
        client = timeline.client_of(event.fields["process"])
        asked.setdefault(client, Counter())[str(event.fields["node"])] += 1
    return {client: counts.most_common(1)[0][0] for client, counts in asked.items() if client}


def _others(timeline: Timeline) -> list[str]:
    """Find who else sends or receives: services."""
    ends = (end for one in timeline.messages.values() for end in (one.src, one.dest))
    return [name for name in dict.fromkeys(ends) if not is_client(name)]
