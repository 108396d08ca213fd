"""Replicated data that needs no agreement: a set and two counters as state-based CRDTs.

Shapiro, Preguica, Baquero, Zawirski, "Conflict-free Replicated Data Types" (SSS 2011) and their
"A comprehensive study" (INRIA RR-7506, 2011), specifications 6, 7 and 11. Three ideas.

1. A replica's state only ever grows in some order, and two states can be joined into the least
   one that is above both. Join is commutative, associative and idempotent, so states may arrive
   late, twice and in any order: whoever has joined the same states has the same result.
2. All three states here are a map whose entries are joined one by one (`Replica`). What an entry
   is and how two of them are joined is all in which the types differ.
3. Each node counts its own additions in an entry that nobody else writes. Adding up one shared
   number would count an addition as often as it is heard; the largest of a node's own numbers is
   simply its newest.

Crash-safe: an entry is on disk before it is acknowledged, sent on or read by a client, so a
reader never sees a counter go back because a replica restarted.

Left out: sending only what changed (delta CRDTs), and forgetting nodes that have left.
"""

from __future__ import annotations

import json
from typing import Any, ClassVar

from clew.models.registry import Bug
from clew.node.message import Message
from clew.node.node import Node, RPCError, on
from clew.node.tolerates import Tolerates

GOSSIP_SECONDS = 0.2
"""How often a replica sends its state to one of the others, each in turn."""


class Replica(Node):
    """A map that grows entry by entry, and gossip that joins it into everybody else's.

    Attributes:
        state: what this replica knows; equal to what is on its disk.
        turn: how many times it has gossiped, which decides whose turn is next.
    """

    tolerates = Tolerates(nodes=1, latency=0.1, also=("partition-standing",))

    def start(self) -> None:
        """Read the state back from disk and begin to gossip."""
        self.state: dict[str, Any] = dict(self.disk)
        self.turn = 0
        self.every(GOSSIP_SECONDS, self.gossip)

    def gossip(self) -> None:
        """Send the whole state to the next replica.

        Taking turns, every replica hears directly within a bounded time after the last fault.
        """
        # Whoever hears passes it on in turn, so hearing directly is the slowest way to learn, not
        # the only one.
        if self.peers:
            peer = self.peers[self.turn % len(self.peers)]
            self.turn += 1
            self.send(peer, {"type": "merge", "state": self.state})

    @on("merge")
    def merge(self, msg: Message) -> None:
        """Join another replica's state into this one."""
        # The join of two maps is the map of the joins of their entries, and an entry that only one
        # has stays.
        for key, theirs in msg.body["state"].items():
            ours = self.state.get(key)
            self.put(key, theirs if ours is None else self.join(ours, theirs))
        self.disk.fsync()

    def join(self, ours: Any, theirs: Any) -> Any:
        """Return the least value of an entry that is above both."""
        raise NotImplementedError

    def put(self, key: str, value: Any) -> None:
        """Change an entry, in memory and on disk; the caller syncs before anybody hears of it."""
        if self.state.get(key) != value:
            self.state[key] = value
            self.disk[key] = value


class GSet(Replica):
    """A grow-only set: an element is there or not there yet. An entry is an element."""

    workload: ClassVar[str | None] = "g-set"

    @on("add")
    def add(self, msg: Message) -> None:
        """Add an element; its key is its JSON text, because keys are strings."""
        element = msg.body["element"]
        self.put(json.dumps(element), element)
        self.disk.fsync()
        self.reply(msg, {"type": "add_ok"})

    @on("read")
    def read(self, msg: Message) -> None:
        """Answer with all elements."""
        self.reply(msg, {"type": "read_ok", "value": list(self.state.values())})

    def join(self, ours: Any, theirs: Any) -> Any:  # noqa: ARG002 - the same element
        """Return either: both are the same element."""
        return ours


class GCounter(Replica):
    """A grow-only counter: the sum of what each node has counted. An entry is one node's count."""

    workload: ClassVar[str | None] = "g-counter"

    @on("add")
    def add(self, msg: Message) -> None:
        """Count in this node's own entry."""
        delta = msg.body["delta"]
        if delta < 0:
            raise RPCError(12, f"a grow-only counter can't add {delta}")
        self.put(self.id, self.state.get(self.id, 0) + delta)
        self.disk.fsync()
        self.reply(msg, {"type": "add_ok"})

    @on("read")
    def read(self, msg: Message) -> None:
        """Answer with the sum of all entries."""
        self.reply(msg, {"type": "read_ok", "value": sum(self.state.values())})

    def join(self, ours: int, theirs: int) -> int:
        """Return the larger: a node's count only grows, so it is the newer."""
        return max(ours, theirs)


class PNCounter(Replica):
    """A counter that goes both ways: two grow-only ones. An entry is one node's [up, down]."""

    workload: ClassVar[str | None] = "pn-counter"

    @on("add")
    def add(self, msg: Message) -> None:
        """Count in this node's own entry, on the side of the sign."""
        # RR-7506, specification 7: no max could join numbers that go down, so each side only grows.
        up, down = self.state.get(self.id, [0, 0])
        delta = msg.body["delta"]
        self.put(self.id, [up + max(delta, 0), down + max(-delta, 0)])
        self.disk.fsync()
        self.reply(msg, {"type": "add_ok"})

    @on("read")
    def read(self, msg: Message) -> None:
        """Answer with all that went up less all that went down."""
        value = sum(up - down for up, down in self.state.values())
        self.reply(msg, {"type": "read_ok", "value": value})

    def join(self, ours: list[int], theirs: list[int]) -> list[int]:
        """Return the larger on each side."""
        return [max(ours[0], theirs[0]), max(ours[1], theirs[1])]


# Planted bugs.


class AddsOnMerge(GCounter):
    """Joins two counts by adding them: the join is no longer idempotent."""

    def join(self, ours: int, theirs: int) -> int:
        """Return the sum, though both may have counted the same additions."""
        return ours + theirs


class ForgetsOnRestart(GCounter):
    """Keeps the counts in memory alone; its own entry starts again at 0, below what others hold."""

    def put(self, key: str, value: Any) -> None:
        """Change an entry until the next crash."""
        self.state[key] = value


BUGS: dict[str, Bug] = {
    "adds-on-merge": Bug(
        AddsOnMerge,
        "two replicas' counts are added where the larger should win",
        "Shapiro et al., A comprehensive study of CRDTs, 2011, section 3.1.1: merge is the maximum",
        {"rate": 5.0, "time_limit": 5.0, "node_count": 3},
        shows="impossible-total", runs=5,
    ),
    "forgets-on-restart": Bug(
        ForgetsOnRestart,
        "a restarted node counts its own additions from 0 again, and the maximum hides them",
        "Shapiro et al., A comprehensive study of CRDTs, 2011, section 2.1: state must be stable",
        {"nemesis": ["kill"], "nemesis_interval": 3.0, "rate": 10.0, "time_limit": 20.0,
         "node_count": 3},
        shows="impossible-total", runs=10,
    ),
}  # fmt: skip
