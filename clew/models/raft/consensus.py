"""How a Raft leader keeps one log for the whole cluster.

Diego Ongaro and John Ousterhout, "In Search of an Understandable Consensus Algorithm (Extended
Version)", 2014: sections 5.3 to 5.4 and 7; figure 2 holds the rules, figure 3 the five promises,
which `clew.models.raft.invariants` checks after every event. That a leader steps down when it hears
no majority is section 6.2 of Ongaro's thesis, "Consensus: Bridging Theory and Practice", 2014.

Elections are in `clew.models.raft.election`, the log on disk in `clew.models.raft.log`, what
clients see of it all in `clew.models.raft.server`.

Left out: snapshots in chunks (one message carries a whole one), leases (no promise here leans on a
clock).

Divergence from the paper: messages are one-way, and an answer names the round it belongs to; what
is proposed within `batch_s` shares a round.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from clew.models.raft.election import LEADER, Elections
from clew.models.raft.log import LogEntry
from clew.node.message import Message
from clew.node.node import on
from clew.node.timer import NodeTimer


@dataclass(slots=True)
class Progress:
    """What a leader knows of one follower (figure 2, volatile state on leaders).

    Attributes:
        next: the index of the next entry to send.
        match: the highest index known to be in the follower's log, the same as in the leader's.
        round: the latest round it answered.
        sent_round: the latest round sent to it.
        in_flight: True while the answer to the latest message is out.
        quiet: True if nothing was sent to it since the last heartbeat was due.
        heard: True if it answered since the leader last looked.
    """

    next: int
    match: int = 0
    round: int = 0
    sent_round: int = 0
    in_flight: bool = False
    quiet: bool = True
    heard: bool = False


class Consensus(Elections):
    """One server of a Raft cluster, whatever its log is for.

    Attributes:
        commit: the index of the last entry known to be committed.
        applied: the index of the last entry applied to the state machine.
        progress: as a leader, what it knows of each follower.
        round: as a leader, how many rounds of messages it has begun.
        durable: as a leader, how far its own log is on disk.
        barrier: as a leader, the index of the no-op that opened its term.
    """

    heartbeat_s: ClassVar[float] = 0.075
    """How often a leader looks for followers that were sent nothing since it last looked."""
    batch_s: ClassVar[float] = 0.02
    """How long a leader gathers proposals before it begins a round."""
    entries_max: ClassVar[int] = 256
    """How many entries one message carries at most."""
    snapshot_every: ClassVar[int] = 64
    """How many applied entries the log gathers before a snapshot replaces them."""

    def start(self) -> None:
        """Read back what a crash left, and begin as a follower."""
        super().start()
        self.commit = self.applied = self.raft_log.base
        snapshot = self.raft_log.snapshot()
        if snapshot is not None:
            self.restore(snapshot["state"])
        self.forget_leadership()

    def forget_leadership(self) -> None:
        """Drop what only a leader knows (figure 2, volatile state on leaders)."""
        self.progress: dict[str, Progress] = {}
        self.durable = 0
        self.round = 0
        self.barrier = 0
        self.round_due = False
        self.heartbeat: NodeTimer | None = None

    # The replicated state machine.

    def apply(self, entry: LogEntry) -> None:
        """Carry out a committed entry; called for each one, in order."""
        raise NotImplementedError

    def image(self) -> dict[str, Any]:
        """Return the state of the state machine as JSON, for a snapshot."""
        raise NotImplementedError

    def restore(self, image: dict[str, Any]) -> None:
        """Make the state machine what an image shows."""
        raise NotImplementedError

    def round_answered(self) -> None:
        """Note that a follower answered or a round began: reads may have been waiting for it."""

    def awaits_round(self) -> bool:
        """Return whether an answer to the latest round is wanted, with or without entries."""
        return False

    def server_state(self) -> str:
        """Follower, pre-candidate, candidate or leader."""
        return self.state

    def observe(self) -> Mapping[str, Any]:
        """Return the few values that a run's story needs."""
        return {
            "state": self.state,
            "term": self.term,
            "leader": self.leader,
            "commit": self.commit,
            "last": self.raft_log.last,
        }

    # In office.

    def lead(self) -> None:
        """Take office: assume that every log ends like one's own until an answer differs."""
        self.state, self.leader, self.fruitless = LEADER, self.id, 0
        self.progress = {peer: Progress(next=self.raft_log.last + 1) for peer in self.peers}
        self.heartbeat = self.every(self.heartbeat_s, self.beat)
        self.open_term()
        self.begin_round()
        self.leader_found()

    def step_down(self) -> None:
        """Leave office."""
        if self.heartbeat is not None:
            self.heartbeat.cancel()
        self.forget_leadership()
        self.draw_timeout()

    def hears_majority(self) -> bool:
        """Return whether a majority answered this leader since it last looked (thesis, 6.2).

        A leader that others hear but that hears nobody would otherwise hold up the cluster.
        """
        heard = sum(progress.heard for progress in self.progress.values())
        for progress in self.progress.values():
            progress.heard = False
        return heard + 1 >= self.majority

    def open_term(self) -> None:
        """Add a no-op, so that entries of earlier terms can be committed at once (section 8).

        Until it is committed, the leader does not know how far the log is.
        """
        self.raft_log.append([self.term])
        self.barrier = self.raft_log.last

    # Log replication (section 5.3), one message in flight to each follower.

    def propose(self, command: list[Any]) -> None:
        """Add a command to the log, as the leader; the next round carries it."""
        self.raft_log.append([self.term, *command])
        self.call_round()

    def call_round(self) -> None:
        """Have a round begin soon; what comes until then rides on it."""
        if not self.round_due:
            self.round_due = True
            self.after(self.batch_s, self.begin_round)

    def begin_round(self) -> None:
        """Make the log durable here and send it, and the call for confirmation, to all."""
        if self.state != LEADER:
            return
        self.round_due = False
        self.round += 1
        # A leader counts itself for what is on its own disk, and sends nothing else.
        self.sync_log()
        self.durable = self.raft_log.last
        for peer, progress in self.progress.items():
            if not progress.in_flight:
                self.replicate(peer, progress)
        self.advance_commit()
        self.round_answered()

    def sync_log(self) -> None:
        """Make entries durable: whoever hears that this node has them may count on it."""
        self.disk.fsync()

    def beat(self) -> None:
        """Send to each follower that was sent nothing of late; also repairs lost messages."""
        # Section 5.2: heartbeats keep followers from standing. Whoever got something since the last
        # beat needs none.
        for peer, progress in self.progress.items():
            if progress.quiet:
                self.replicate(peer, progress)
            progress.quiet = True

    def replicate(self, peer: str, progress: Progress) -> None:
        """Send one follower what it lacks; with nothing to send it is a heartbeat."""
        progress.in_flight, progress.quiet = True, False
        progress.sent_round = self.round
        log = self.raft_log
        previous = progress.next - 1
        # Section 7: what the follower needs next is no longer in the log.
        if previous < log.base:
            self.send_snapshot(peer)
            return
        body: dict[str, Any] = {
            "type": "append_entries",
            "term": self.term,
            "round": self.round,
            "previous": previous,
            "previous_term": log.term_at(previous),
            "commit": self.commit,
        }
        if previous < self.durable:
            body["entries"] = log.after(previous, min(self.durable - previous, self.entries_max))
        self.send(peer, body)

    @on("append_entries")
    def append_entries(self, msg: Message) -> None:
        """Accept a leader's entries if the logs agree just before them (figure 2)."""
        body = msg.body
        if not self.accept_leader(msg.src, body["term"]):
            self.answer_leader(msg)
            return
        previous, entries = body["previous"], body.get("entries", ())
        # Figure 2, AppendEntries step 2, the consistency check of section 5.3.
        if not self.raft_log.agrees(previous, body["previous_term"]):
            self.answer_leader(msg, retry=self.raft_log.where_to_retry(previous))
            return
        if entries:
            self.take_over(previous, entries)
            self.sync_log()
        # Only up to here is the log known to be the leader's; what stands behind may still be cut
        # off.
        verified = previous + len(entries)
        self.learn_commit(body["commit"], verified)
        self.answer_leader(msg, match=verified)

    def take_over(self, previous: int, entries: list[LogEntry]) -> None:
        """Put a leader's entries into the log; see `Log.merge` for what must not be cut off."""
        self.raft_log.merge(previous, entries)

    def learn_commit(self, commit: int, verified: int) -> None:
        """Apply what the leader reports as committed, as far as the log was verified (figure 2)."""
        self.commit_to(min(commit, verified))

    def answer_leader(
        self, msg: Message, match: int | None = None, retry: int | None = None
    ) -> None:
        """Answer an AppendEntries or a snapshot, with the round it belongs to.

        Args:
            msg: what is answered.
            match: up to which index the logs are now known to be the same.
            retry: if they differ, from which index to send; None also if the term is over.
        """
        self.send(
            msg.src,
            {
                "type": "append_answer",
                "term": self.term,
                "round": msg.body["round"],
                "match": match,
                "retry": retry,
            },
        )

    @on("append_answer")
    def append_answer(self, msg: Message) -> None:
        """Learn how far a follower is, and send on if it lacks something."""
        body = msg.body
        term = body["term"]
        if term > self.term:
            self.enter_term(term)
        if self.state != LEADER or not self.is_of_this_term(term):
            return
        progress = self.progress[msg.src]
        progress.heard = True
        answered = body["round"]
        # An answer to an earlier round was overtaken: the one to the latest is still out.
        if answered >= progress.sent_round:
            progress.in_flight = False
        progress.round = max(progress.round, answered)
        self.note_match(progress, body["match"], body["retry"])
        self.round_answered()
        if not progress.in_flight and self.is_due(progress):
            self.replicate(msg.src, progress)

    def is_due(self, progress: Progress) -> bool:
        """Return whether a follower lacks entries, or its answer to the latest round is wanted."""
        return progress.next <= self.durable or (
            self.awaits_round() and progress.round < self.round
        )

    def is_of_this_term(self, term: int) -> bool:
        """Return whether an answer is to this leadership, not to one of an earlier term."""
        return term == self.term

    def note_match(self, progress: Progress, match: int | None, retry: int | None) -> None:
        """Move a follower's indexes; an answer that was overtaken takes back nothing known."""
        if retry is not None:
            progress.next = max(progress.match + 1, min(progress.next, retry))
            # Overtaken, or from a disk that lost what it acknowledged: the next heartbeat will
            # tell. To ask again at once could go on for ever.
            progress.in_flight |= retry <= progress.match
        if match is not None and match > progress.match:
            progress.match = match
            progress.next = max(progress.next, match + 1)
            self.advance_commit()

    def reached_by_majority(self, values: Iterable[int]) -> int:
        """Return the highest number that a majority of the nodes' numbers has reached."""
        # Sorted, a majority stands from here on, and each of them has reached this number at least.
        return sorted(values)[-self.majority]

    def advance_commit(self) -> None:
        """Commit what a majority holds durably (sections 5.3 and 5.4.2)."""
        matches = [progress.match for progress in self.progress.values()]
        index = self.reached_by_majority([self.durable, *matches])
        if index > self.commit and self.may_commit(index):
            self.commit_to(index)

    def may_commit(self, index: int) -> bool:
        """Return True for an entry of the leader's own term; it commits those before it too.

        An entry of an earlier term can be on a majority and still be overwritten (figure 8).
        """
        return self.raft_log.term_at(index) == self.term

    def commit_to(self, index: int) -> None:
        """Apply every entry up to `index`, in order, once."""
        if index <= self.commit:
            return
        self.commit = index
        # Figure 2, all servers: invariant: the state machine holds entries 1 to `applied`, each
        # once.
        while self.applied < self.commit:
            self.applied += 1
            self.apply(self.raft_log.entry(self.applied))

    # Log compaction (section 7).

    def compact(self) -> None:
        """Replace the applied part of the log by a snapshot, once it is long enough."""
        if self.applied - self.raft_log.base >= self.snapshot_every:
            self.raft_log.compact(self.applied, self.image())

    def send_snapshot(self, peer: str) -> None:
        """Send the snapshot to a follower whose next entry it has replaced."""
        snapshot = self.raft_log.snapshot()
        assert snapshot is not None
        self.send(
            peer,
            {
                "type": "install_snapshot",
                "term": self.term,
                "round": self.round,
                "last": snapshot["index"],
                "last_term": snapshot["term"],
                "state": snapshot["state"],
            },
        )

    @on("install_snapshot")
    def install_snapshot(self, msg: Message) -> None:
        """Take over a leader's snapshot if it is ahead of this node (figure 13)."""
        body = msg.body
        if not self.accept_leader(msg.src, body["term"]):
            self.answer_leader(msg)
            return
        if body["last"] > self.commit:
            self.take_snapshot(body["last"], body["last_term"], body["state"])
        self.answer_leader(msg, match=body["last"])  # what it does not need, it has

    def take_snapshot(self, last: int, last_term: int, state: dict[str, Any]) -> None:
        """Let a leader's snapshot stand for the log and the state machine up to `last`."""
        self.raft_log.install(last, last_term, state)
        self.sync_log()
        self.restore(state)
        self.commit = self.applied = last
