"""What nodes showed of their state: at a moment, and when a field changed."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import NamedTuple


class Change(NamedTuple):
    """A node shows something new.

    Attributes:
        time_ns: when, virtual ns.
        node: which.
        state: its server state now, such as ``leader``; None if it reports none.
        was: its server state before; None for a node that has just started.
        fields: the new values by name, as JSON text; all of them for a node that has started.
        shown: all values, by name.
    """

    time_ns: int
    node: str
    state: str | None
    was: str | None
    fields: Mapping[str, str]
    shown: Mapping[str, str]

    def changed(self, field: str) -> bool:
        """Return whether a field is new; ``state``, the server state, counts as one."""
        return field in self.fields or (field == "state" and self.state != self.was)


_TIME = attrgetter("time_ns")


class States:
    """The states of all nodes.

    Args:
        changes: what nodes showed, in order of time.
    """

    def __init__(self, changes: Sequence[Change]) -> None:
        self._of: dict[str, list[Change]] = {}
        for change in changes:
            self._of.setdefault(change.node, []).append(change)

    def at(self, node: str, time_ns: int) -> Change | None:
        """Find the last change of a node up to a moment; None if it had shown nothing yet."""
        changes = self._of.get(node, [])
        rank = bisect_right(changes, time_ns, key=_TIME)
        return changes[rank - 1] if rank else None

    def next(self, node: str, field: str, time_ns: int) -> Change | None:
        """Find the first change of a node's field after a moment; None if there is none."""
        changes = self._of.get(node, [])
        later = changes[bisect_right(changes, time_ns, key=_TIME) :]
        return next((change for change in later if change.changed(field)), None)

    def previous(self, node: str, field: str, time_ns: int) -> Change | None:
        """Find the last change of a node's field before a moment; None if there is none."""
        changes = self._of.get(node, [])
        earlier = changes[: bisect_left(changes, time_ns, key=_TIME)]
        return next((change for change in reversed(earlier) if change.changed(field)), None)
