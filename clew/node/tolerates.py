"""What a node class promises to withstand, as it declares it.

A swarm draws within these limits, and progress after healing is required only within them. Safety
is required everywhere: beyond its limits a system may stop, but must never answer wrongly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from clew.errors import NodeError
from clew.node.timer import bound_ns


@dataclass(frozen=True, slots=True)
class Tolerates:
    """A promise: ``tolerates = Tolerates(nodes=3, latency=0.05)`` in a node class.

    What is left out is as mild as for a class that declares nothing.

    Args:
        nodes: the fewest nodes with which it works; or the fewest and the most.
        latency: the longest mean latency of a link with which it makes progress, seconds.
        clock_error: how far a clock may be off, either way, seconds; 0 for not at all, None if
            it works with clocks that show anything.
        faults: the kinds and groups of faults that it recovers from; None for all that it notices.
        also: the kinds that it recovers from besides, of those that few do: ``disk-restored``,
            ``partition-standing``.

    Raises:
        NodeError: one of them can't be used.
    """

    nodes: int | tuple[int, int] = 3
    latency: float = 0.02
    clock_error: float | None = None
    faults: tuple[str, ...] | None = None
    also: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        counts = self.nodes if isinstance(self.nodes, tuple) else (self.nodes,)
        if not _are_counts(counts):
            raise _bad("nodes", "the fewest nodes, or the fewest and the most", self.nodes)
        if not _is_time(self.latency):
            raise _bad("latency", "seconds from 0", self.latency)
        if self.clock_error is not None and not _is_time(self.clock_error):
            raise _bad("clock_error", "seconds from 0, or None for any error", self.clock_error)
        if self.faults is not None and not _are_names(self.faults):
            raise _bad("faults", "a tuple of names, such as ('kill', 'partition')", self.faults)
        if not _are_names(self.also):
            raise _bad("also", "a tuple of names, such as ('disk-restored',)", self.also)

    @property
    def fewest(self) -> int:
        """The fewest nodes."""
        return self.nodes[0] if isinstance(self.nodes, tuple) else self.nodes

    @property
    def most(self) -> int | None:
        """The most nodes; None for any number."""
        return self.nodes[1] if isinstance(self.nodes, tuple) else None

    @property
    def latency_ns(self) -> int:
        """The longest mean latency, ns."""
        return round(self.latency * 1e9)

    @property
    def clock_error_ns(self) -> int | None:
        """How far a clock may be off, ns; None for anything. Only 0 s are 0."""
        return None if self.clock_error is None else bound_ns(self.clock_error)

    def __str__(self) -> str:
        """Describe it in words, for reports."""
        parts = [_span(self.fewest, self.most), f"links of at most {self.latency * 1e3:g} ms"]
        if self.clock_error is not None:
            parts.append(f"clocks that are off by at most {self.clock_error:g} s")
        if self.faults is not None:
            parts.append(f"of faults {', '.join(self.faults) or 'none'}")
        if self.also:
            parts.append(f"also {', '.join(self.also)}")
        return ", ".join(parts)


def _span(fewest: int, most: int | None) -> str:
    if most is None:
        return "any number of nodes" if fewest == 1 else f"{fewest} nodes or more"
    return f"{fewest} nodes" if fewest == most else f"{fewest} to {most} nodes"


def _are_counts(counts: tuple[Any, ...]) -> bool:
    whole = all(type(count) is int and 1 <= count <= 1000 for count in counts)  # noqa: PLR2004 - as --node-count
    return whole and len(counts) in {1, 2} and counts[0] <= counts[-1]


def _are_names(names: Any) -> bool:
    return isinstance(names, tuple) and all(isinstance(name, str) for name in names)


def _is_time(value: Any) -> bool:
    return type(value) in {int, float} and 0 <= value <= 1e6  # noqa: PLR2004 - as other times


def _bad(name: str, expected: str, found: Any) -> NodeError:
    return NodeError(
        f"{name!r} of Tolerates can't be used",
        expected=expected,
        found=repr(found),
        fix="Write, for example, tolerates = Tolerates(nodes=3, latency=0.05, clock_error=0.01)",
    )


MILD = Tolerates()
"""What a class that declares nothing is taken to promise."""
