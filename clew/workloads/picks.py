"""How a client picks the node that it sends an operation to.

If an operation goes to a role of a system, all of this is about the nodes of that role.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

Pick: TypeAlias = Literal["sticky", "any", "region", "redirected"]

PICKS: Mapping[Pick, str] = {
    "sticky": "its own node, for the client's whole life; one that refuses sends it to another, "
    "from which it returns after eight operations",
    "any": "a node drawn for each operation",
    "region": "a node of the client's own region, drawn for each operation; of the nearest region "
    "that has one, where its own has none",
    "redirected": "the node that the last answer named as leader, its own before any; a request "
    "without an answer sends it back to its own, and so does the end of all faults",
}
"""The ways to pick a node; the first is the default."""

STICKY: Pick = "sticky"

DRAWN: frozenset[str] = frozenset({"any", "region"})
"""Those of which a plan states the node of each operation, until all is healed.

After healing clients use their own nodes, so that each node is held to its answers; who was
redirected goes back to its own as well.
"""
