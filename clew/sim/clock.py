"""A node's clocks: a wall clock that can be wrong and jump, a monotonic one that only drifts.

All in integer nanoseconds. The monotonic clock is a line with a rate in parts per million that
may change; the wall clock is the monotonic one plus an offset that may change at any time.
"""

from __future__ import annotations

EPOCH_NS = 1_700_000_000 * 1_000_000_000
"""What every wall clock shows at virtual time 0, ns since 1970."""

_MILLION = 1_000_000


class Clock:
    """One node's clocks; survives restarts of the node.

    Attributes:
        drift_ppm: how much faster than true time it runs, in parts per million; above -1e6.
        offset_ns: how far the wall clock is ahead of the monotonic one, beside the epoch.
        reads: how often the node read either clock.
    """

    __slots__ = ("_mono_ns", "_true_ns", "drift_ppm", "offset_ns", "reads")

    def __init__(self) -> None:
        self.drift_ppm = 0
        self.offset_ns = 0
        self.reads = 0
        self._true_ns = 0
        self._mono_ns = 0

    def monotonic(self, true_ns: int) -> int:
        """The monotonic clock at a virtual time, ns since the start of the run."""
        elapsed = true_ns - self._true_ns
        if self.drift_ppm:
            elapsed += elapsed * self.drift_ppm // _MILLION
        return self._mono_ns + elapsed

    def wall(self, true_ns: int) -> int:
        """The wall clock at a virtual time, ns since 1970."""
        return EPOCH_NS + self.offset_ns + self.monotonic(true_ns)

    def set_drift(self, true_ns: int, drift_ppm: int) -> None:
        """Change the rate from now on; the clocks do not jump."""
        self._mono_ns = self.monotonic(true_ns)
        self._true_ns = true_ns
        self.drift_ppm = drift_ppm

    def true_delay(self, local_ns: int) -> int:
        """How long, in virtual time, this node's timer for `local_ns` takes at today's rate."""
        if self.drift_ppm:
            return local_ns * _MILLION // (_MILLION + self.drift_ppm)
        return local_ns
