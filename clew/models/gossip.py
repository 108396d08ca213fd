"""Broadcast by gossip: send to the neighbours, and again until each acknowledges.

Three ideas, each of which is one method below.

1. A new value is sent on at once to every neighbour but the one it came from (`learn`). On a
   healthy network that alone reaches everybody in as many hops as the graph is wide.
2. A message can be lost and a link can be cut, so what a neighbour has not acknowledged is sent
   again, again and again (`retry`). This is what makes it reach everybody in the end: it repairs
   any partition that ever heals. Demers et al., "Epidemic Algorithms for Replicated Database
   Maintenance" (PODC 1987) call the first idea rumour mongering and the second anti-entropy.
3. A node can crash, so a value is on disk before anybody hears that this node holds it, and a
   restarted node sends its neighbours everything once more: it no longer knows what they have.

Values are idempotent: hearing one twice changes nothing, so duplicates and reordering are
harmless. Left out: comparing digests instead of whole values; batching, which trades latency for
messages; and a way round neighbours that never come back, if they were all that joined two parts
of the graph.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from clew.models.registry import Bug
from clew.node.message import Message
from clew.node.node import Node, on
from clew.node.tolerates import Tolerates

RETRY_SECONDS = 0.5
"""How long to wait for acknowledgements before sending to a neighbour again."""


class Gossip(Node):
    """Holds every value that was ever broadcast, sooner or later.

    Attributes:
        values: the values it holds, in the order it learnt them; a dict for its ordered keys.
        owed: by neighbour, the values that it has not acknowledged yet.
    """

    tolerates = Tolerates(nodes=1, latency=0.1, also=("partition-standing",))

    workload: ClassVar[str | None] = "broadcast"

    def start(self) -> None:
        """Remember what was on disk, and owe all of it to every neighbour."""
        neighbours = self.disk.get("neighbours", self.peers)
        stored = [value for key, value in self.disk.items() if key != "neighbours"]
        self.values: dict[int, None] = dict.fromkeys(stored)
        self.owed: dict[str, dict[int, None]] = {}
        self.meet(neighbours)
        self.every(RETRY_SECONDS, self.retry)

    def meet(self, neighbours: list[str]) -> None:
        """Talk to these from now on; what they hold is not known."""
        self.owed = {name: self.owed.get(name, dict.fromkeys(self.values)) for name in neighbours}

    @on("topology")
    def topology(self, msg: Message) -> None:
        """Learn who the neighbours are; until then, and without this, everybody is one."""
        neighbours = msg.body["topology"][self.id]
        self.disk["neighbours"] = neighbours
        self.disk.fsync()
        self.meet(neighbours)
        self.reply(msg, {"type": "topology_ok"})

    @on("broadcast")
    def broadcast(self, msg: Message) -> None:
        """Take a value from a client; it is safe here, so it can be acknowledged."""
        self.learn([msg.body["message"]], msg.src)
        self.reply(msg, {"type": "broadcast_ok"})

    @on("read")
    def read(self, msg: Message) -> None:
        """Answer with all values that this node holds."""
        self.reply(msg, {"type": "read_ok", "messages": list(self.values)})

    @on("gossip")
    def gossip(self, msg: Message) -> None:
        """Take values from a neighbour, and acknowledge them: they are on disk."""
        values = msg.body["values"]
        self.learn(values, msg.src)
        self.send(msg.src, {"type": "gossip_ok", "values": values})

    @on("gossip_ok")
    def gossip_ok(self, msg: Message) -> None:
        """Owe a neighbour no longer what it acknowledges."""
        for value in msg.body["values"]:
            self.owed.get(msg.src, {}).pop(value, None)

    def learn(self, values: list[int], source: str) -> None:
        """Store the values that are new and send them on."""
        fresh = [value for value in values if value not in self.values]
        if not fresh:
            return
        self.store(fresh)
        # Owed before it is sent: what is lost on the way is sent again by `retry`.
        for neighbour, owed in self.owed.items():
            if neighbour != source:
                owed.update(dict.fromkeys(fresh))
                self.send(neighbour, {"type": "gossip", "values": fresh})

    def store(self, values: list[int]) -> None:
        """Hold values, in memory and on disk."""
        for value in values:
            self.values[value] = None
            self.disk[f"value {value}"] = value
        self.disk.fsync()

    def retry(self) -> None:
        """Send each neighbour again what it has not acknowledged."""
        for neighbour, owed in self.owed.items():
            if owed:
                self.send(neighbour, {"type": "gossip", "values": list(owed)})

    def observe(self) -> Mapping[str, Any]:
        """Return the values held, and how many each neighbour is owed."""
        owed = {neighbour: len(values) for neighbour, values in self.owed.items()}
        return {"values": list(self.values), "owed": owed}


# Planted bugs.


class NeverRetries(Gossip):
    """Sends to each neighbour once, whether it arrives or not."""

    def retry(self) -> None:
        """Trust the network."""


class AcknowledgesEarly(Gossip):
    """Acknowledges to the client first and stores the value a moment later."""

    def broadcast(self, msg: Message) -> None:
        """Acknowledge that it is safe before it is."""
        self.reply(msg, {"type": "broadcast_ok"})
        self.after(RETRY_SECONDS, self.learn, [msg.body["message"]], msg.src)


class ForgetsOnRestart(Gossip):
    """Keeps the values in memory alone: a restarted node hears of new ones only."""

    def store(self, values: list[int]) -> None:
        """Hold values until the next crash."""
        self.values.update(dict.fromkeys(values))


BUGS: dict[str, Bug] = {
    "never-retries": Bug(
        NeverRetries,
        "a value is sent to each neighbour once, and a cut link swallows it",
        "Demers et al., Epidemic Algorithms, 1987, section 1: rumours alone miss some sites",
        {"nemesis": ["partition"], "nemesis_interval": 3.0, "rate": 10.0, "time_limit": 20.0},
        shows="stale", runs=5,
    ),
    "acknowledges-early": Bug(
        AcknowledgesEarly,
        "a value is acknowledged before this node holds it",
        "a write-behind buffer in front of a store that can crash",
        {"nemesis": ["kill"], "nemesis_interval": 2.0, "rate": 20.0, "time_limit": 20.0},
        shows="lost", runs=5,
    ),
    "forgets-on-restart": Bug(
        ForgetsOnRestart,
        "a restarted node begins empty, though others think that it holds the values",
        "Demers et al., Epidemic Algorithms, 1987: a site's database is assumed to be stable",
        {"nemesis": ["kill"], "nemesis_interval": 3.0, "rate": 10.0, "time_limit": 20.0},
        shows="disappeared", runs=5,
    ),
}  # fmt: skip
