"""What goes wrong with ids that are made of the time and a name."""

from __future__ import annotations

from clew.models.registry import Bug
from clew.models.unique_ids import PER_MILLISECOND, RESERVED_AT_ONCE, UniqueIds


class TrustsTheClock(UniqueIds):
    """Counts on within a millisecond only; it does not look whether the clock went back."""

    def stamp(self) -> int:
        """The clock's reading, or one more than the last stamp in the same millisecond."""
        now = int(self.now() * 1000)
        if self.last // PER_MILLISECOND == now:
            return self.last + 1
        return now * PER_MILLISECOND


class ForgetsReservation(UniqueIds):
    """Keeps its reservation in memory, where a crash forgets it."""

    def reserve(self) -> None:
        """Reserve, without telling the disk."""
        self.reserved = self.last + RESERVED_AT_ONCE


class LeavesOutNode(UniqueIds):
    """Gives the bare stamp: two nodes with the same clock give the same one."""

    def name(self, stamp: int) -> str:
        """The stamp alone."""
        return f"{stamp}"


BUGS: dict[str, Bug] = {
    "trusts-clock": Bug(
        TrustsTheClock,
        "an id is the clock's reading, and the clock jumps back",
        "generators of Snowflake's kind that do not refuse to run while the clock is behind",
        {"nemesis": ["clock"], "nemesis_interval": 3.0, "rate": 200.0, "time_limit": 20.0,
         "node_count": 3},
    ),
    "forgets-reservation": Bug(
        ForgetsReservation,
        "the last stamp is forgotten in a crash, and the clock was set back meanwhile",
        "Lamport, Time, Clocks, and the Ordering of Events, 1978, section 3: the clock must go on",
        {"nemesis": ["clock-jump", "kill"], "nemesis_interval": 2.0, "rate": 200.0,
         "time_limit": 30.0, "node_count": 3},
    ),
    "leaves-out-node": Bug(
        LeavesOutNode,
        "an id says when it was given, but not by whom",
        "RFC 9562, section 6.4: a distributed generator needs a node's name or enough entropy",
        {"rate": 1000.0, "time_limit": 10.0, "node_count": 3},
    ),
}  # fmt: skip
