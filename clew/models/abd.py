"""Registers that survive a minority of crashes: the quorum protocol known as ABD.

Attiya, Bar-Noy, Dolev, "Sharing Memory Robustly in Message-Passing Systems" (JACM 42(1), 1995),
with several writers as in Lynch, Shvartsman, "Robust emulation of shared memory using dynamic
quorum-acknowledged broadcasts" (FTCS 1997). No leader, no log, no elections: four ideas.

1. Every node keeps each register with a tag. A tag is a counter and the name of the node that
   made it, so two tags are never equal and the later of two writes is always known.
2. Any two majorities share a node. A write ends when a majority holds it, a read asks a
   majority, so a read hears of every write that ended before it began.
3. A writer asks a majority for its tags first and makes one above them all.
4. A reader writes back. The write it saw may have reached one node only, whose next reader might
   not meet that node and would see the older value: time would run backwards. So before it
   answers, a reader sees to it that a majority holds what it is about to answer.

Crash-safe: what a node acknowledges is on its disk. A writer stores its own write before it
sends it, so that it never makes the same tag twice, not even after a crash between the two.

A register can be read and written, no more: ``cas`` needs consensus, which no such protocol can
give (Herlihy, "Wait-free synchronization", 1991), and is refused with error 10.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, ClassVar

from clew.models.registry import Bug
from clew.node.message import Message
from clew.node.node import Node, RPCError, RPCTimeout, on
from clew.node.task import Future
from clew.node.tolerates import Tolerates

NEVER_WRITTEN: dict[str, Any] = {"tag": [0, ""], "value": None}
"""A register's state before its first write; its tag is below all others."""

RETRY_SECONDS = (0.4, 0.8, 1.6, 3.2)
"""How long to wait for a node's answer, attempt by attempt; then give up on it."""

PATIENCE_SECONDS = sum(RETRY_SECONDS)
"""How long to wait for a majority."""


class ABD(Node):
    """A store of linearizable registers.

    Attributes:
        registers: by key, as JSON text, ``{"tag": [counter, node], "value": any}``; equal to
            what is on disk.
        quorum: how many nodes a read or a write needs: a majority, so that any two share one.
    """

    tolerates = Tolerates(nodes=1, latency=0.1, also=("partition-standing",))

    workload: ClassVar[str | None] = "lin-kv"
    functions: ClassVar[tuple[str, ...] | None] = ("read", "write")

    def start(self) -> None:
        """Read the registers back from disk."""
        self.registers: dict[str, Any] = dict(self.disk)
        self.quorum = len(self.node_ids) // 2 + 1

    # What clients ask: this node coordinates.

    @on("read")
    async def read(self, msg: Message) -> None:
        """Find the latest write that a majority knows of, make sure that one does, answer."""
        key = json.dumps(msg.body["key"])
        registers = await self.collect(key)
        latest = max(registers, key=lambda register: register["tag"])
        # If all of a majority hold it already, whoever reads later meets one of them: then
        # nothing need be written back.
        if any(register["tag"] != latest["tag"] for register in registers):
            await self.write_back(key, latest)
        if latest["tag"] == NEVER_WRITTEN["tag"]:
            raise RPCError(20, f"nobody has written {key}")
        self.reply(msg, {"type": "read_ok", "value": latest["value"]})

    @on("write")
    async def write(self, msg: Message) -> None:
        """Make a tag above all that a majority knows of, and store under it at a majority."""
        key = json.dumps(msg.body["key"])
        registers = await self.collect(key)
        # Nothing is awaited between here and the disk: no other write of this node comes between.
        tag = self.next_tag(register["tag"] for register in registers)
        await self.store(key, {"tag": tag, "value": msg.body["value"]})
        self.reply(msg, {"type": "write_ok"})

    @on("cas")
    def cas(self, msg: Message) -> None:
        """Refuse: a quorum of registers can't compare and set."""
        raise RPCError(10, f"no cas on {msg.body['key']}: these are registers, not consensus")

    def next_tag(self, tags: Iterable[list[Any]]) -> list[Any]:
        """Make a tag above all of these, which no other node can make."""
        return [max(counter for counter, _ in tags) + 1, self.id]

    async def collect(self, key: str) -> list[dict[str, Any]]:
        """Collect a register's states at a majority: this node's own, as it is now, and others'."""
        answers = await self.ask({"type": "get", "key": key})
        return [self.get(key), *(answer["register"] for answer in answers)]

    async def write_back(self, key: str, latest: dict[str, Any]) -> None:
        """See to it that a majority holds what a reader is about to answer."""
        await self.store(key, latest)

    async def store(self, key: str, register: dict[str, Any]) -> None:
        """Return when a majority, this node first, holds a register's state or a later one."""
        self.keep(key, register)
        await self.ask({"type": "put", "key": key, "register": register})

    async def ask(self, request: dict[str, Any]) -> list[dict[str, Any]]:
        """Collect the answers of as many others as make a quorum with this node.

        Raises:
            RPCTimeout: not enough of them answered; what was stored at some stays there.
        """
        answers: list[dict[str, Any]] = []
        if self.quorum == 1:
            return answers
        enough = Future()
        # All at once: whichever answer first make a quorum (JACM 1995, section 3).
        for peer in self.peers:
            self.spawn(self.ask_one(peer, request, answers, enough))
        patience = self.after(
            PATIENCE_SECONDS, enough.set_error, RPCTimeout("no majority answered")
        )
        await enough
        patience.cancel()
        return answers

    async def ask_one(
        self,
        peer: str,
        request: dict[str, Any],
        answers: list[dict[str, Any]],
        enough: Future,
    ) -> None:
        """Add one node's answer, asking again while it is still wanted; asking twice is safe."""
        # A get changes nothing, and a put of the same tag is held already.
        for seconds in RETRY_SECONDS:
            try:
                answer = await self.rpc(peer, request, timeout=seconds)
            except RPCTimeout:
                if enough.done:
                    return
                continue
            answers.append(answer)
            if len(answers) + 1 >= self.quorum:
                enough.set_result(None)
            return

    # What other nodes ask: this node is a replica.

    @on("get")
    def answer_get(self, msg: Message) -> None:
        """Answer with what this node holds."""
        self.reply(msg, {"type": "get_ok", "register": self.get(msg.body["key"])})

    @on("put")
    def answer_put(self, msg: Message) -> None:
        """Hold a state, unless it is older than what is here; it is on disk when this answers."""
        self.keep(msg.body["key"], msg.body["register"])
        self.reply(msg, {"type": "put_ok"})

    def get(self, key: str) -> dict[str, Any]:
        """Return a register's state here."""
        register: dict[str, Any] = self.registers.get(key, NEVER_WRITTEN)
        return register

    def keep(self, key: str, register: dict[str, Any]) -> None:
        """Replace a register's state by a later one, on disk before anybody hears of it."""
        if register["tag"] > self.get(key)["tag"]:
            self.registers[key] = register
            self.disk[key] = register
            self.disk.fsync()


# Planted bugs.


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
        """Make a tag above all of these, which any other node can make as well."""
        return [max(counter for counter, _ in tags) + 1, ""]


class AcknowledgesBeforeDisk(ABD):
    """Acknowledges a write that its disk does not hold yet."""

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
        shows="nonlinearizable", runs=10,
    ),
    "reads-one": Bug(
        ReadsOne,
        "a read asks one node only",
        "Gifford, Weighted Voting for Replicated Data, 1979: read and write quorums must meet",
        {"nemesis": ["partition"], "nemesis_interval": 3.0, "rate": 20.0, "time_limit": 20.0,
         "key_count": 2},
        shows="nonlinearizable", runs=10,
    ),
    "ties-not-broken": Bug(
        TiesNotBroken,
        "two writers at once make the same tag, and each replica keeps the one it met first",
        "Lynch, Shvartsman, 1997: a tag is a pair of a number and the writer's name",
        {"rate": 50.0, "time_limit": 20.0, "key_count": 1, "latency": 20.0,
         "latency_dist": "exponential"},
        shows="nonlinearizable", runs=5,
    ),
    "acknowledges-before-disk": Bug(
        AcknowledgesBeforeDisk,
        "a replica acknowledges a write before its disk holds it",
        "Guerraoui, Levy, Robust emulations of shared memory in a crash-recovery model, 2004",
        {"nemesis": ["kill"], "nemesis_interval": 2.0, "rate": 20.0, "time_limit": 20.0,
         "key_count": 2},
        shows="nonlinearizable", runs=10,
    ),
}  # fmt: skip
