"""Unique ids without asking anybody: the time, a count and the node's name.

An id is a stamp and the name of the node that gave it. The name keeps two nodes apart; that one
node never gives a stamp twice is all that is left to do, and three ideas do it.

1. A stamp is the clock's milliseconds with room for 4096 ids in each, as in Twitter's Snowflake
   (2010). So ids sort roughly by time.
2. A clock can stand still or be set back, so a stamp is also more than the last one: the rule of
   Lamport, "Time, Clocks, and the Ordering of Events in a Distributed System" (1978), section 3.
3. A crash forgets the last stamp and the clock may be set back meanwhile, so a node reserves
   stamps on disk before it gives them, a second's worth at a time, and begins after its
   reservation when it restarts. Gaps are allowed; repeats are not.

Left out: ids of a fixed width, and names for nodes that come and go.
"""

from __future__ import annotations

from typing import ClassVar

from clew.models.registry import Bug
from clew.node.message import Message
from clew.node.node import Node, on
from clew.node.tolerates import Tolerates

PER_MILLISECOND = 4096
"""Stamps in one millisecond."""

RESERVED_AT_ONCE = 1000 * PER_MILLISECOND
"""Stamps that one sync to disk pays for."""


class UniqueIds(Node):
    """Gives ids that no node has given before.

    Attributes:
        last: the last stamp given, or the last one that may have been given before a crash.
        reserved: stamps up to here may be given, as is on disk.
    """

    tolerates = Tolerates(nodes=1, latency=0.1, also=("partition-standing",))

    workload: ClassVar[str | None] = "unique-ids"

    def start(self) -> None:
        """Begin after everything that an earlier incarnation may have given."""
        self.last: int = self.disk.get("reserved", 0)
        self.reserved = self.last

    @on("generate")
    def generate(self, msg: Message) -> None:
        """Answer with a new id."""
        self.last = self.stamp()
        if self.last > self.reserved:
            self.reserve()
        self.reply(msg, {"type": "generate_ok", "id": self.name(self.last)})

    def stamp(self) -> int:
        """Return the clock's reading, or one more than the last stamp if the clock is behind."""
        milliseconds = int(self.now() * 1000)
        return max(self.last + 1, milliseconds * PER_MILLISECOND)

    def reserve(self) -> None:
        """Put on disk that stamps are used up to a while from now."""
        self.reserved = self.last + RESERVED_AT_ONCE
        self.disk["reserved"] = self.reserved
        self.disk.fsync()

    def name(self, stamp: int) -> str:
        """Return the id that belongs to a stamp of this node."""
        return f"{stamp}-{self.id}"


# Planted bugs.


class TrustsTheClock(UniqueIds):
    """Counts on within a millisecond only; it does not look whether the clock went back."""

    def stamp(self) -> int:
        """Return the clock's reading, or one more than the last stamp in the same millisecond."""
        now = int(self.now() * 1000)
        if self.last // PER_MILLISECOND == now:
            return self.last + 1
        return now * PER_MILLISECOND


class ForgetsReservation(UniqueIds):
    """Keeps its reservation in memory, where a crash forgets it."""

    def reserve(self) -> None:
        """Reserve, and leave it off the disk."""
        self.reserved = self.last + RESERVED_AT_ONCE


class LeavesOutNode(UniqueIds):
    """Gives the bare stamp: two nodes with the same clock give the same one."""

    def name(self, stamp: int) -> str:
        """Return the stamp alone."""
        return f"{stamp}"


BUGS: dict[str, Bug] = {
    "trusts-clock": Bug(
        TrustsTheClock,
        "an id is the clock's reading, and the clock jumps back",
        "generators of Snowflake's kind that do not refuse to run while the clock is behind",
        {"nemesis": ["clock"], "nemesis_interval": 3.0, "rate": 200.0, "time_limit": 20.0,
         "node_count": 3},
        shows="duplicate", runs=5,
    ),
    "forgets-reservation": Bug(
        ForgetsReservation,
        "the last stamp is forgotten in a crash, and the clock was set back meanwhile",
        "Lamport, Time, Clocks, and the Ordering of Events, 1978, section 3: the clock must go on",
        {"nemesis": ["clock-jump", "kill"], "nemesis_interval": 2.0, "rate": 200.0,
         "time_limit": 30.0, "node_count": 3},
        shows="duplicate", runs=10,
    ),
    "leaves-out-node": Bug(
        LeavesOutNode,
        "an id says when it was given, but not by whom",
        "RFC 9562, section 6.4: a distributed generator needs a node's name or enough entropy",
        {"rate": 1000.0, "time_limit": 10.0, "node_count": 3},
        shows="duplicate", runs=2,
    ),
}  # fmt: skip
