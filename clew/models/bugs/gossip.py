"""What goes wrong with a broadcast that is only told on."""

from __future__ import annotations

from clew.models.gossip import RETRY_SECONDS, Gossip
from clew.models.registry import Bug
from clew.node.message import Message


class NeverRetries(Gossip):
    """Tells each neighbour once, whether it was heard or not."""

    def retry(self) -> None:
        """Trust the network."""


class AcknowledgesEarly(Gossip):
    """Thanks the client first and takes the value up a moment later."""

    def broadcast(self, msg: Message) -> None:
        """Say that it is safe, before it is."""
        self.reply(msg, {"type": "broadcast_ok"})
        self.after(RETRY_SECONDS, self.learn, [msg.body["message"]], msg.src)


class ForgetsOnRestart(Gossip):
    """Keeps the values in memory alone: a restarted node is told of new ones only."""

    def store(self, values: list[int]) -> None:
        """Hold values until the next crash."""
        self.values.update(dict.fromkeys(values))


BUGS: dict[str, Bug] = {
    "never-retries": Bug(
        NeverRetries,
        "a value is sent to each neighbour once, and a cut link swallows it",
        "Demers et al., Epidemic Algorithms, 1987, section 1: rumours alone miss some sites",
        {"nemesis": ["partition"], "nemesis_interval": 3.0, "rate": 10.0, "time_limit": 20.0},
    ),
    "acknowledges-early": Bug(
        AcknowledgesEarly,
        "a value is acknowledged before this node holds it",
        "a write-behind buffer in front of a store that can crash",
        {"nemesis": ["kill"], "nemesis_interval": 2.0, "rate": 20.0, "time_limit": 20.0},
    ),
    "forgets-on-restart": Bug(
        ForgetsOnRestart,
        "a restarted node begins empty, though others think that it holds the values",
        "Demers et al., Epidemic Algorithms, 1987: a site's database is assumed to be stable",
        {"nemesis": ["kill"], "nemesis_interval": 3.0, "rate": 10.0, "time_limit": 20.0},
    ),
}  # fmt: skip
