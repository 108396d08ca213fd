"""The causal past of a failure: which events of a run can have brought it about."""

from __future__ import annotations

from clew.checkers.verdict import Anomaly
from clew.trace.timeline import Timeline


def causal_past(timeline: Timeline, anomaly: Anomaly) -> frozenset[int]:
    """Collect the numbers of the events that happened before what shows an anomaly, or with it.

    O(events) time and space.
    """
    data, ends = anomaly.data, dict[str, int]()
    if "time_ns" in data:
        names = [data.get("node"), *data.get("nodes", ())]
        ends = {str(name): int(data["time_ns"]) for name in names if name}
        return timeline.past(ends)
    for one in anomaly.operations:
        place = timeline.client_of(one.process)
        if place:
            end_ns = one.end if one.end is not None else one.start
            ends[place] = max(ends.get(place, 0), end_ns or 0)
    return timeline.past(ends)
