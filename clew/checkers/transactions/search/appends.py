"""Lists whose last versions nobody saw: whether some order of them explains a history.

Appends that committed and that no read shows came after all that was seen, in an order of their
own that no read shows. Two of them matter to each other only if both lie in one strongly
connected component: else the order of the components orders them, and closes no cycle. And they
matter only to models that allow some cycles of dependencies and forbid others by how
anti-dependencies stand in them: if every cycle of some edges is forbidden and there is none,
these edges order the appends.

Source: Cerone and Gotsman, "Analysing Snapshot Isolation", PODC 2016 (a history is allowed if some
order of the versions is).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from clew.checkers.transactions.cycles import Cycles
from clew.checkers.transactions.extraction import sessions, told
from clew.checkers.transactions.graph import OVERWRITE, RW, WR, WW, DependencyGraph
from clew.checkers.transactions.lattice import violates
from clew.checkers.transactions.search.polygraph import Choice
from clew.checkers.transactions.search.versions import Searcher
from clew.checkers.transactions.version_orders.append_key import AppendKey
from clew.checkers.transactions.version_orders.append_orders import AppendOrders
from clew.checkers.transactions.version_orders.register_key import RegisterKey
from clew.checkers.transactions.walks import Level, Region, Rule, Walks
from clew.checkers.values import key_of

_EVERY_EDGE = (Rule(0, (WW, WR, OVERWRITE, RW), 0),)


class AppendSearcher(Searcher):
    """Completes the orders of appends that nobody saw; each record is a part of a key's."""

    helps: ClassVar[tuple[str, ...]] = (
        "a last read of each list, which shows the order of its appends",
        "fewer concurrent transactions",
    )

    @property
    def open_keys(self) -> int:
        """How many keys have such appends."""
        return len({key_of(record.key) for record in self.records})

    def concerns(self, model: str) -> bool:
        """Return True for models from consistent view to snapshot isolation, in all variants."""
        return violates("G-single", model) and not violates("G2-item", model)

    def told_choice(self, choice: Choice) -> str:
        """Describe a supposed order of two appends."""
        index, earlier, later = choice
        record = self.records[index]
        first, second = record.told_version(earlier), record.told_version(later)
        return f"{first} before {second} in key {told(record.key)}"


def unseen_appends(orders: AppendOrders, finding: Cycles) -> AppendSearcher | None:
    """Make a search over the appends that nobody saw; None if their order can't matter.

    O(nodes + edges) if there is a cycle and a key with two such appends, else O(keys).
    """
    graph = orders.graph
    keys = [record for record in orders.keys.values() if len(record.unseen) > 1]
    if not finding.cycles or not keys:
        return None
    component = _components(graph, finding.core)
    records = [part for record in keys for part in _parts(record, component)]
    if not records:
        return None
    # What is found elsewhere does not depend on these appends, so it need not be found again.
    open_ = {component[writer] for record in records for writer in record.final}
    members = [number for number in sorted(component) if component[number] in open_]
    hubs = range(len(graph.operations), len(graph.successors))
    return AppendSearcher(graph, records, among=[*members, *hubs])


def _components(graph: DependencyGraph, core: Sequence[int]) -> dict[int, int]:
    """Number the transactions on cycles: all of a component share a number."""
    region = Region(graph, core, sessions(graph.operations))
    return {
        region.transactions[place]: rank
        for rank, members in enumerate(Walks(region, _EVERY_EDGE, Level.REALTIME).parts())
        for place in members
    }


def _parts(record: AppendKey, component: dict[int, int]) -> Iterator[RegisterKey]:
    """Yield the unseen appends to one key, by component, if there are several in one."""
    values = {writer: value for value, writer in record.writers.items()}
    parts: dict[int, list[int]] = {}
    for writer in record.unseen:
        if writer in component:
            parts.setdefault(component[writer], []).append(writer)
    # One alone has no order to choose; the others are searched as a key with no known order.
    for writers in parts.values():
        if len(writers) > 1:
            part = RegisterKey(record.key)
            part.final = {writer: values[writer] for writer in writers}
            part.known = False
            yield part
