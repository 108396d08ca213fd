"""What stands behind an edge or an anomaly, before it is told: shared by both workloads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

from clew.checkers.transactions.cycles import WITNESSES_MAX


class Link(NamedTuple):
    """One edge of a cycle with its evidence.

    Attributes:
        source: the number of the operation that comes first.
        target: the number of the one that comes second.
        kind: ``ww``, ``wr``, ``rw``, ``process``, ``realtime``, or ``initial`` for what comes
            after the initial state.
        key: the key it is about; None for process, realtime and initial.
        value: the value that the first wrote, or the version that the first read.
        next_value: the value that the second wrote, or the version that the second read.
        seen_by: the number of the operation whose read shows this order, if one does.
        seen: what that read saw.
        because: how the order is known where no read shows it.
        chain: why the first precedes ``seen_by``, which read what the second wrote.
    """

    source: int
    target: int
    kind: str
    key: Any = None
    value: Any = None
    next_value: Any = None
    seen_by: int | None = None
    seen: Any = None
    because: str = ""
    chain: tuple[Link, ...] = ()


class Finding(NamedTuple):
    """An anomaly that is no cycle.

    Attributes:
        kind: the field's word for it.
        operations: the numbers of the operations that show it, in the order of the story.
        reason: the story; ``{0}`` stands for the first of the operations, and so on.
        data: the same for machines.
    """

    kind: str
    operations: tuple[int, ...]
    reason: str
    data: dict[str, Any]


class Recorder:
    """Findings in the order they were made, the first few of each kind, and how many there were."""

    __slots__ = ("counts", "findings")

    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self.counts: dict[str, int] = {}

    def add(self, kind: str, operations: tuple[int, ...], reason: str, **data: Any) -> None:
        """Count a finding and keep it if there are not too many of its kind."""
        self.counts[kind] = self.counts.get(kind, 0) + 1
        if self.counts[kind] <= WITNESSES_MAX:
            self.findings.append(Finding(kind, operations, reason, data))


class Evidence(Protocol):
    """A workload's memory of why it drew an edge."""

    def link(self, source: int, target: int, kind: int) -> Link:
        """The evidence for one ww, wr or rw edge of the graph."""

    def missed(self, source: int, target: int) -> Link:
        """The evidence that one transaction read a version older than the other's."""

    def later_writers(self, number: int) -> Iterator[int]:
        """Who installed a version after one that this transaction read, itself left out."""
