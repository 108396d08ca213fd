"""Figures by region: what its clients requested, what came of it, and how long it took.

A client counts for the region where it is when the run begins, even while it is in another.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from clew.checkers.simple.availability import answered
from clew.checkers.simple.statistics import quantiles
from clew.history import Operation
from clew.scenarios.runs.run import Run


def region_figures(run: Run) -> dict[str, Any]:
    """Return figures of a run by name: ``regions``, if the plan has any."""
    regions = run.plan.regions
    if regions is None:
        return {}
    asked: dict[str, list[Operation]] = {name: [] for name in regions.names}
    places, stride = regions.places(), run.plan.stride
    for one in run.history.operations:
        assert isinstance(one.process, int)
        asked[places[run.plan.home(one.process % stride)]].append(one)
    return {"regions": {name: _figures(operations) for name, operations in asked.items()}}


def _figures(operations: Sequence[Operation]) -> dict[str, Any]:
    counts = {"ok": 0, "fail": 0, "info": 0}
    latencies = []
    for one in operations:
        counts[one.type] += 1
        if one.type == "ok" and one.start is not None and one.end is not None:
            latencies.append(one.end - one.start)
    figures: dict[str, Any] = {"count": len(operations), **counts}
    if operations:
        share = sum(map(answered, operations)) / len(operations)
        figures["availability"] = round(share, 4)
    return figures | {"latency_ms": {name: ns / 1e6 for name, ns in quantiles(latencies).items()}}
