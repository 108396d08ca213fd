"""Timers that fire at a rate that no node has, such as those of a period of a microsecond.

Virtual time advances and nothing piles up, so that no other limit ends such a run: it takes the
memory and the hours of tens of millions of events. When a run's records come faster than one node
may make them, `TimerWatch` therefore counts for a while how often each node's timers fire and its
work ends. A run pays nothing per timer until then, and a look ends soon if no node is too fast.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from clew.trace.record import Record

RATE = 50_000
"""Timers per node and virtual second that no correct node exceeds: fifty times those of a node with
a timer of 1 ms, and more than a real machine's timers, which fire some 50 us late, allow."""

BEFORE = 100_000
"""The number of records over which a run's rate is measured, before a look."""

PROBE = 20_000
"""The number of records after which a look may end because no node is too fast."""

FIRED = 200_000
"""The least number of a node's timers in a look that finds a loop."""


class TimerLoop(NamedTuple):
    """Timers of one node that fire without end.

    Attributes:
        node: its name.
        kind: ``timer``, or ``work`` for work that is done and requested again.
        name: the commonest timer's name in the trace; empty for work.
        fired: how often all of the node's timers fired, and its work ended, during the look.
        seconds: how long the look took, in virtual time.
    """

    node: str
    kind: str
    name: str
    fired: int
    seconds: float

    @property
    def cause(self) -> str:
        """The timer, as findings name what led to them."""
        return f"{self.kind} {self.name}".rstrip()

    def in_words(self) -> str:
        """Return the reason of a finding."""
        rate = f"{self.fired / self.seconds:,.0f} per virtual second"
        most = f"no node needs more than {RATE:,}"
        if self.kind == "work":
            return (
                f"work() ended {self.fired:,} times in {self.seconds:.3g} s, {rate}, and {most}; "
                "is the time that it takes, in seconds, as meant?"
            )
        return (
            f"timers fired {self.fired:,} times in {self.seconds:.3g} s, {rate}, and {most} "
            f"(mostly {self.name!r}); is the time that it waits, in seconds, as meant?"
        )


class TimerWatch:
    """Decides when to count timers, and what the counts show.

    Args:
        tap: sets the function that receives each batch of the trace's records; None removes it.
    """

    def __init__(
        self, tap: Callable[[Callable[[Sequence[Record | int]], None] | None], None]
    ) -> None:
        self._tap = tap
        self._mark = (0, 0)
        self._next = 0
        self._now = 0
        self._look: _Look | None = None

    def check(self, now: int, records: int) -> TimerLoop | None:
        """Return the loop once one is certain; called after each batch of records.

        Args:
            now: the virtual time, ns.
            records: how many there are so far.
        """
        if self._look is None:
            before, since = self._mark
            if records - before >= BEFORE:
                self._mark = (records, now)
                # Records are cheaper to count than timers, and there is at least one per timer: a
                # rate of records that one node may have clears all nodes at once.
                fast = (records - before) * 1_000_000_000 > RATE * (now - since)
                if fast and records >= self._next:
                    self._look = look = _Look(now, records)
                    self._tap(look.take)
            return None
        # What happens at one instant has no rate: it is a livelock if it goes on.
        if records - self._look.before < PROBE or now == self._now:
            self._now = now
            return None
        self._now = now
        return self._judged(self._look, now, records)

    def _judged(self, look: _Look, now: int, records: int) -> TimerLoop | None:
        """Return the loop if timers were too fast for long enough; if none is, end the look."""
        nodes: Counter[str] = Counter()
        for (node, _, _), count in look.counts.items():
            nodes[node] += count
        node, fired = nodes.most_common(1)[0] if nodes else ("", 0)
        seconds = (now - look.since) / 1_000_000_000
        slow = fired <= RATE * seconds + 1  # both ends of that time count
        if not slow and fired < FIRED:
            return None
        self._look, self._mark = None, (records, now)
        self._tap(None)
        # Counting all the time would cost as much as a cheap timer, so the next look begins when
        # there are twice as many records.
        self._next = 2 * records
        if slow:
            return None
        own = [(count, kind, name) for (of, kind, name), count in look.counts.items() if of == node]
        _, kind, name = max(own)
        return TimerLoop(node, kind, name, fired, seconds)


class _Look:
    """A trace counted for a while.

    Attributes:
        since: the virtual time of the beginning, ns.
        before: how many records there were then.
        counts: how often each timer fired since, by its node, its kind and its name.
    """

    def __init__(self, since: int, before: int) -> None:
        self.since = since
        self.before = before
        self.counts: Counter[tuple[str, str, str]] = Counter()

    def take(self, batch: Sequence[Record | int]) -> None:
        """Count a batch of records."""
        for record in batch:
            if not isinstance(record, int):
                if record[1] == "timer":
                    self.counts[record[2], "timer", record[3]] += 1
                elif record[1] == "work":
                    self.counts[record[2], "work", ""] += 1
