"""What goes wrong with registers held by quorums."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from clew.models.abd import ABD, NEVER_WRITTEN
from clew.models.registry import Bug
from clew.node.message import Message
from clew.node.node import RPCError


class NoWriteBack(ABD):
    """Answers a read with what it heard, though perhaps a single node holds it."""

    async def write_back(self, key: str, latest: dict[str, Any]) -> None:
        """Trust that the writer will get round to it."""


class ReadsOne(ABD):
    """Reads from a quorum of one, itself, which no write is sure to meet."""

    async def read(self, msg: Message) -> None:
        """Answer with what this node holds."""
        register = self.get(json.dumps(msg.body["key"]))
        if register == NEVER_WRITTEN:
            raise RPCError(20)
        self.reply(msg, {"type": "read_ok", "value": register["value"]})


class TiesNotBroken(ABD):
    """Tags with the counter alone: two writers at once make the same tag for different values."""

    def next_tag(self, tags: Iterable[list[Any]]) -> list[Any]:
        """A tag above all of these, which any other node can make as well."""
        return [max(counter for counter, _ in tags) + 1, ""]


class AcknowledgesBeforeDisk(ABD):
    """Says that it holds a write that its disk has not got yet."""

    def keep(self, key: str, register: dict[str, Any]) -> None:
        """Hold a later state, and leave the disk to itself."""
        if register["tag"] > self.get(key)["tag"]:
            self.registers[key] = register
            self.disk[key] = register


BUGS: dict[str, Bug] = {
    "no-write-back": Bug(
        NoWriteBack,
        "a read answers with a write that perhaps one node holds, so the next may read the past",
        "Attiya, Bar-Noy, Dolev, 1995, section 3: the reader announces what it read",
        {"nemesis": ["loss"], "nemesis_interval": 1.0, "rate": 100.0, "time_limit": 20.0,
         "node_count": 3, "concurrency": "4n", "key_count": 1},
    ),
    "reads-one": Bug(
        ReadsOne,
        "a read asks one node only",
        "Gifford, Weighted Voting for Replicated Data, 1979: read and write quorums must meet",
        {"nemesis": ["partition"], "nemesis_interval": 3.0, "rate": 20.0, "time_limit": 20.0,
         "key_count": 2},
    ),
    "ties-not-broken": Bug(
        TiesNotBroken,
        "two writers at once make the same tag, and each replica keeps the one it met first",
        "Lynch, Shvartsman, 1997: a tag is a pair of a number and the writer's name",
        {"rate": 50.0, "time_limit": 20.0, "key_count": 1, "latency": 20.0,
         "latency_dist": "exponential"},
    ),
    "acknowledges-before-disk": Bug(
        AcknowledgesBeforeDisk,
        "a replica says that it holds a write before its disk does",
        "Guerraoui, Levy, Robust emulations of shared memory in a crash-recovery model, 2004",
        {"nemesis": ["kill"], "nemesis_interval": 2.0, "rate": 20.0, "time_limit": 20.0,
         "key_count": 2},
    ),
}  # fmt: skip
