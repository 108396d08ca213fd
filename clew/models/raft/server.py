"""Raft: a replicated key-value store whose clients may ask any node.

Consensus is in `clew.models.raft.election`, which a reader should open first, and
`clew.models.raft.consensus`. Here is what a client sees of it: requests that find the leader,
writes that take effect once however often they are tried (sessions; Ongaro's thesis, "Consensus:
Bridging Theory and Practice", 2014, section 6.3), and reads that need no entry in the log
(ReadIndex; 6.4). Section 8 of Ongaro and Ousterhout's paper describes both. The store and its
sessions are in `clew.models.raft.machine`.

Divergence from the paper: a node that does not lead passes a client's request on to the leader
instead of turning the client away, and tries again when it hears of a new one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from clew.models.raft.consensus import Consensus
from clew.models.raft.election import LEADER
from clew.models.raft.invariants import INVARIANTS
from clew.models.raft.log import NO_COMMAND, LogEntry
from clew.models.raft.machine import Answer, KVMachine, refusal
from clew.node.message import Message
from clew.node.node import on
from clew.node.tolerates import Tolerates

UNAVAILABLE = 11
"""The error code of a request that surely took no effect."""


@dataclass(slots=True)
class Request:
    """A client's request at the node that the client asked.

    Attributes:
        msg: the client's message, to be answered.
        command: ``[client, request, operation, key, ...]``, as the log holds it.
        since: when it came, seconds of this node's clock.
        passed_on: True once a leader may have it: from then on it may take effect.
    """

    msg: Message
    command: list[Any]
    since: float
    passed_on: bool = False


@dataclass(frozen=True, slots=True)
class Read:
    """A read that a leader may answer once a majority answered `round`."""

    round: int
    origin: str
    command: list[Any]


class Raft(Consensus):
    """One server of a replicated key-value store.

    Attributes:
        machine: the store that the log's commands built.
        waiting: what this node's own clients asked and were not yet answered.
        reads: as a leader, the reads that wait for their round, in order.
        origins: as a leader, which node to answer once a proposed command is applied.
    """

    tolerates = Tolerates(nodes=1, latency=0.1, also=("partition-standing",))

    workload = "lin-kv"
    invariants = INVARIANTS

    patience_s: ClassVar[float] = 0.8
    """How long a request waits for a leader to be known before it is refused."""
    memory_s: ClassVar[float] = 4.0
    """How long a node waits for the leader's answer; by then the client has given up."""
    retry_s: ClassVar[float] = 0.2
    """How often a request that has no answer yet is passed on again."""

    def start(self) -> None:
        """Read back what a crash left; the log's committed commands will be applied again."""
        self.machine = KVMachine()
        self.waiting: dict[tuple[str, int], Request] = {}
        self.forget_leadership()
        super().start()
        self.every(self.retry_s, self.housekeep)

    def forget_leadership(self) -> None:
        """Drop what only a leader knows; those who asked will ask the next one."""
        super().forget_leadership()
        self.reads: list[Read] = []
        self.origins: dict[tuple[str, int], str] = {}

    # The state machine.

    def apply(self, entry: LogEntry) -> None:
        """Carry out a committed command; the leader answers whoever asked."""
        if len(entry) == NO_COMMAND:
            return
        _, client, number, *operation = entry
        answer = self.machine.apply(client, number, operation)
        origin = self.origins.pop((client, number), None)
        if origin is not None and answer is not None:
            self.mark(client, number)
            self.answer(origin, client, number, answer)

    def mark(self, client: str, number: int) -> None:
        """Mark that a request takes effect now, whichever node the client asked."""
        self.effect(Message(client, self.id, {"msg_id": number}))

    def image(self) -> dict[str, Any]:
        """Return the store and its sessions."""
        return self.machine.image()

    def restore(self, image: dict[str, Any]) -> None:
        """Become the store and the sessions of a snapshot."""
        self.machine.restore(image)

    # Requests find the leader.

    @on("read")
    def read(self, msg: Message) -> None:
        """Answer with the value of a key; error 20 if there is none."""
        self.accept(msg, "read", msg.body["key"])

    @on("write")
    def write(self, msg: Message) -> None:
        """Set a key."""
        self.accept(msg, "write", msg.body["key"], msg.body["value"])

    @on("cas")
    def cas(self, msg: Message) -> None:
        """Set a key if it holds an expected value; error 20 or 22 if it does not."""
        body = msg.body
        create = bool(body.get("create_if_not_exists", False))
        self.accept(msg, "cas", body["key"], body["from"], body["to"], create)

    def accept(self, msg: Message, *operation: Any) -> None:
        """Take charge of a client's request until it is answered or the client has given up."""
        client, number = msg.src, msg.body["msg_id"]
        request = Request(msg, [client, number, *operation], self.monotonic())
        self.waiting[client, number] = request
        self.pass_on(request)

    def pass_on(self, request: Request) -> None:
        """Give a request to the leader, be it this node; it waits while none is known."""
        if self.state == LEADER:
            request.passed_on = True
            self.serve(self.id, request.command)
        elif self.leader is not None:
            request.passed_on = True
            self.send(self.leader, {"type": "pass_on", "command": request.command})

    def leader_found(self) -> None:
        """Give a new leader all that waits; sessions make that safe."""
        # A copy: a request that is answered at once leaves `waiting`.
        for request in list(self.waiting.values()):
            self.pass_on(request)

    # The leader serves.

    @on("pass_on")
    def passed_on(self, msg: Message) -> None:
        """Serve what another node passes on; it will find the leader itself if this is not it."""
        if self.state == LEADER:
            self.serve(msg.src, msg.body["command"])

    def serve(self, origin: str, command: list[Any]) -> None:
        """Answer at once, read after a round, or propose what is new, as the leader."""
        client, number, operation = command[:3]
        if operation == "read":
            self.serve_read(Read(self.round + 1, origin, command))
            return
        known = self.recall(client, number)
        if known is not None:
            self.answer(origin, client, number, known)
        elif (client, number) in self.origins:
            self.origins[client, number] = origin
        else:
            self.origins[client, number] = origin
            self.propose(command)

    def recall(self, client: str, number: int) -> Answer | None:
        """Return the answer to a write that was applied before, by this leader or another."""
        return self.machine.recall(client, number)

    def serve_read(self, read: Read) -> None:
        """Have a read wait for a round that begins after it came (ReadIndex; thesis, 6.4).

        The thesis notes the commit index when a read arrives and waits until that much is
        applied; here the answer is read when the round is confirmed, which is never less.
        """
        self.reads.append(read)
        self.call_round()

    def knows_commit(self) -> bool:
        """Return whether an entry of this term is committed: all that was before it is, too."""
        return self.commit >= self.barrier

    def awaits_round(self) -> bool:
        """Return True while reads wait."""
        return bool(self.reads)

    def round_answered(self) -> None:
        """Answer the reads whose round a majority has confirmed: no newer leader was elected."""
        if not self.reads or not self.knows_commit():
            return
        rounds = [progress.round for progress in self.progress.values()]
        confirmed = self.reached_by_majority([self.round, *rounds])
        # Reads stand in order of their rounds, so the first that is not confirmed ends it.
        while self.reads and self.reads[0].round <= confirmed:
            self.answer_read(self.reads.pop(0))

    def answer_read(self, read: Read) -> None:
        """Read the store now."""
        client, number, _, key = read.command
        self.mark(client, number)
        self.answer(read.origin, client, number, self.machine.read(key))

    def answer(self, origin: str, client: str, number: int, answer: Answer) -> None:
        """Answer the node that the client asked."""
        if origin == self.id:
            self.finish(client, number, answer)
        else:
            head = {"type": "answer", "client": client, "request": number}
            self.send(origin, {**answer, **head, "reply": answer["type"]})

    @on("answer")
    def answered(self, msg: Message) -> None:
        """Hand a leader's answer to the client."""
        answer = msg.body
        client, number = answer.pop("client"), answer.pop("request")
        answer["type"] = answer.pop("reply")
        self.finish(client, number, answer)

    def finish(self, client: str, number: int, answer: Answer) -> None:
        """Reply to a client that still waits."""
        request = self.waiting.pop((client, number), None)
        if request is not None:
            self.reply(request.msg, answer)

    def housekeep(self) -> None:
        """Take a snapshot if it is time, and look after waiting requests, every `retry_s`."""
        self.compact()
        now = self.monotonic()
        # A request that no leader has got can be refused for certain after a short while; of one
        # that was passed on nobody knows, so that it waits for an answer until its client has given
        # up.
        for request in list(self.waiting.values()):
            age = now - request.since
            client, number, operation = request.command[:3]
            if age >= self.memory_s and operation != "read":
                del self.waiting[client, number]  # it may still take effect: no answer is true
            elif age >= (self.memory_s if request.passed_on else self.patience_s):
                self.finish(client, number, refusal(UNAVAILABLE))
            elif age >= self.retry_s:
                self.pass_on(request)
