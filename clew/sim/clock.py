"""A node's clocks: a wall clock that can be wrong and jump, a monotonic one that only drifts.

All in integer nanoseconds. The monotonic clock is a line with a rate in parts per million that may
change; the wall clock is the monotonic one plus an offset that may change at any time. If the error
is bounded, no reading and no timer is further from true time than the bound.
"""

from __future__ import annotations

EPOCH_NS = 1_700_000_000 * 1_000_000_000
"""What every wall clock shows at virtual time 0, ns since 1970."""

_MILLION = 1_000_000


class Clock:
    """One node's clocks; survives restarts of the node.

    Args:
        error_ns: how far a clock may be off at most, either way; None for no bound.

    Attributes:
        drift_ppm: how much faster than true time it runs, in parts per million; above -1e6.
        offset_ns: how far the wall clock is ahead of the monotonic one, apart from the epoch.
        wall_reads: how often the node read its wall clock.
        monotonic_reads: how often the node read its monotonic clock.
        timers: how many timers it set while its clocks drifted.
    """

    __slots__ = (
        "_error_ns", "_mono_ns", "_stands_ns", "_true_ns", "drift_ppm", "monotonic_reads",
        "offset_ns", "timers", "wall_reads",
    )  # fmt: skip

    def __init__(self, error_ns: int | None = None) -> None:
        self._error_ns = error_ns
        self.drift_ppm = 0
        self.offset_ns = 0
        self.wall_reads = 0
        self.monotonic_reads = 0
        self.timers = 0
        self._true_ns = 0
        self._mono_ns = 0
        # What the wall clock shows without its offset while it stands still; None if it does not.
        self._stands_ns: int | None = None

    def monotonic(self, true_ns: int) -> int:
        """Read the monotonic clock at a virtual time, ns since the start of the run."""
        self.monotonic_reads += 1
        if self.drift_ppm or self._error_ns is not None:
            return self._monotonic(true_ns)
        return self._mono_ns + true_ns - self._true_ns

    def wall(self, true_ns: int) -> int:
        """Read the wall clock at a virtual time, ns since 1970."""
        self.wall_reads += 1
        stands_ns = self._stands_ns
        shown_ns = self.offset_ns + (self._monotonic(true_ns) if stands_ns is None else stands_ns)
        if self._error_ns is None:
            return EPOCH_NS + shown_ns
        return EPOCH_NS + self._held(shown_ns, true_ns)

    def _monotonic(self, true_ns: int) -> int:
        elapsed = true_ns - self._true_ns
        if self.drift_ppm:
            elapsed += elapsed * self.drift_ppm // _MILLION
        shown_ns = self._mono_ns + elapsed
        return shown_ns if self._error_ns is None else self._held(shown_ns, true_ns)

    def _held(self, shown_ns: int, true_ns: int) -> int:
        """Move what a clock shows as near to true time as the bound requires, and return it."""
        if self._error_ns is None:
            return shown_ns
        return max(true_ns - self._error_ns, min(shown_ns, true_ns + self._error_ns))

    def set_drift(self, true_ns: int, drift_ppm: int) -> None:
        """Change the rate from now on; the clocks do not jump."""
        self._mono_ns = self._monotonic(true_ns)
        self._true_ns = true_ns
        self.drift_ppm = drift_ppm

    def stop(self, true_ns: int) -> None:
        """Let the wall clock stand still from now on; the monotonic one goes on."""
        if self._stands_ns is None:
            self._stands_ns = self._monotonic(true_ns)

    def go_on(self, true_ns: int) -> None:
        """Let the wall clock go on from where it stands."""
        if self._stands_ns is not None:
            self.offset_ns += self._stands_ns - self._monotonic(true_ns)
            self._stands_ns = None

    def set_right(self, true_ns: int) -> int:
        """Step the wall clock to true time; return by how much, ns."""
        before = self.offset_ns
        self.offset_ns = true_ns - self._monotonic(true_ns)
        return self.offset_ns - before

    def true_delay(self, local_ns: int) -> int:
        """Return how long, in virtual time, a timer for `local_ns` takes at the present rate."""
        if not self.drift_ppm:
            return local_ns
        self.timers += 1
        # A clock that runs fast by p ppm shows d after d / (1 + p / 10^6) of true time.
        return max(self._held(local_ns * _MILLION // (_MILLION + self.drift_ppm), local_ns), 0)
