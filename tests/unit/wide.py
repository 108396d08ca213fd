"""Regions for tests that are about something else: two of them, and no latency between."""

from clew.sim.latency import Latency
from clew.sim.regions import Regions, in_turn, ways

NAMES = ("eu", "us")


def wide(node_ids):
    """The nodes in two regions in turn; None for fewer than two nodes."""
    if len(node_ids) < 2:
        return None
    return Regions(in_turn(NAMES, node_ids), dict.fromkeys(ways(NAMES), Latency()))
