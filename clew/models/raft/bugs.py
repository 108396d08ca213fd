"""Mistakes that people make in Raft, each as an override of the right code.

Sources: the paper (Ongaro & Ousterhout, 2014) and Ongaro's thesis (2014) for what goes wrong
without a rule; "Students' Guide to Raft" (Jon Gjengset, 2016) for what implementers get wrong.
"""

# ruff: noqa: ARG002 - an override takes what it replaces takes

from __future__ import annotations

from typing import Any

from clew.models.raft.log import LogEntry
from clew.models.raft.server import Raft, Read
from clew.models.registry import Bug


class ForgetsVote(Raft):
    """Keeps term and vote in memory: after a restart it votes again in a term it voted in."""

    def save_vote(self) -> None:
        """Writes nothing."""


class VotesTwice(Raft):
    """Gives its vote to every candidate of a term whose log is up to date."""

    def may_vote_for(self, candidate: str) -> bool:
        """Does not look at whom it voted for."""
        return True


class VotesWithoutLogCheck(Raft):
    """Votes for a candidate whose log lacks what is committed."""

    def is_up_to_date(self, last_term: int, last: int) -> bool:
        """Takes any log for good enough."""
        return True


class RepliesBeforeSync(Raft):
    """Says it has entries that a crash can still take."""

    def sync_log(self) -> None:
        """Leaves the log in the page cache."""


class CommitsEarlierTerms(Raft):
    """Counts replicas for entries of earlier terms, and opens its term without a no-op.

    It syncs each entry at once and sends at intervals, as first implementations do: a leader
    often dies with entries on its disk that nobody else has, as in figure 8.
    """

    batch_s = 0.5

    def propose(self, command: list[Any]) -> None:
        """Also makes the entry durable here."""
        super().propose(command)
        self.sync_log()

    def may_commit(self, index: int) -> bool:
        """Commit whatever a majority holds."""
        return True

    def open_term(self) -> None:
        """Waits for a client to bring the term's first entry."""
        self.barrier = self.raft_log.last


class CommitsWithoutMajority(Raft):
    """Commits with half the nodes, rounded down."""

    def reached_by_majority(self, values: Any) -> int:
        """Stop one node short of a majority."""
        return int(sorted(values)[-max(len(self.node_ids) // 2, 1)])


class TruncatesOnStaleAppend(Raft):
    """Cuts its log behind every AppendEntries, though the entries there are the same."""

    def take_over(self, previous: int, entries: list[LogEntry]) -> None:
        """Cuts first and asks no questions."""
        if self.raft_log.base <= previous < self.raft_log.last:
            self.raft_log.truncate(previous + 1)
        super().take_over(previous, entries)


class TrustsLeaderCommit(Raft):
    """Takes the leader's commit index for its own log, past what the message verified."""

    entries_max = 1

    def learn_commit(self, commit: int, verified: int) -> None:
        """Apply as much as the log holds."""
        self.commit_to(min(commit, self.raft_log.last))


class ObeysOldLeaders(Raft):
    """Takes entries from a leader whose term is over."""

    def accept_leader(self, leader: str, term: int) -> bool:
        """Takes any leader for today's."""
        return super().accept_leader(leader, max(term, self.term))


class ServesStaleReads(Raft):
    """Reads at once if it believes it leads, though a newer leader may have been elected."""

    def serve_read(self, read: Read) -> None:
        """Asks nobody."""
        self.answer_read(read)


class ReadsBeforeNoOp(Raft):
    """Serves reads before an entry of its term is committed: what it has applied may be old."""

    def knows_commit(self) -> bool:
        """Believes its commit index from the first moment."""
        return True


class AppliesRetriesTwice(Raft):
    """Keeps no sessions: a write that was retried takes effect again."""

    def apply(self, entry: LogEntry) -> None:
        """Forgets what the client was answered."""
        self.machine.sessions.clear()
        super().apply(entry)


class SnapshotWithoutSessions(Raft):
    """Leaves the sessions out of the snapshot: a write retried after a restart applies again."""

    snapshot_every = 4

    def image(self) -> dict[str, Any]:
        """Keep the values alone."""
        return {**super().image(), "sessions": []}


class KeepsLogUnderSnapshot(Raft):
    """Installs a snapshot and keeps entries behind it that conflict with it."""

    snapshot_every = 4

    def take_snapshot(self, last: int, last_term: int, state: dict[str, Any]) -> None:
        """Never cuts off what stands where the snapshot ends."""
        log = self.raft_log
        found = log.term_at(last) if last <= log.last else last_term
        super().take_snapshot(last, found, state)


BUGS: dict[str, Bug] = {
    "forgets-vote": Bug(
        ForgetsVote,
        "term and vote are kept in memory only: a node votes twice in a term after a restart",
        "section 5.1 and figure 2: currentTerm and votedFor are persistent state",
        {"nemesis": ["kill"], "nemesis_interval": 2, "rate": 20, "time_limit": 20},
        shows="election-safety", runs=10,
    ),
    "votes-twice": Bug(
        VotesTwice,
        "a node votes for every candidate of a term that asks",
        "section 5.2: at most one vote per term, first come first served",
        {"nemesis": ["kill", "partition"], "nemesis_interval": 1, "rate": 20, "time_limit": 30,
         "latency": 20, "latency_dist": "exponential"},
        shows="election-safety", runs=15,
    ),
    "votes-without-log-check": Bug(
        VotesWithoutLogCheck,
        "a node votes for a candidate whose log lacks committed entries",
        "section 5.4.1: the election restriction",
        {"nemesis": ["kill", "partition"], "nemesis_interval": 1, "rate": 50, "time_limit": 20},
        shows="leader-completeness", runs=20,
    ),
    "replies-before-sync": Bug(
        RepliesBeforeSync,
        "a node acknowledges entries that are not on its disk yet",
        "figure 2: state is updated on stable storage before responding",
        {"nemesis": ["kill"], "nemesis_interval": 2, "rate": 50, "time_limit": 20},
        shows="leader-completeness", runs=10,
    ),
    "commits-earlier-terms": Bug(
        CommitsEarlierTerms,
        "a leader commits entries of earlier terms by counting replicas",
        "section 5.4.2 and figure 8",
        {"nemesis": ["kill", "partition-one"], "nemesis_interval": 0.7, "rate": 30,
         "time_limit": 60, "node_count": 3, "latency": 10, "latency_dist": "exponential"},
        shows="leader-completeness", runs=30,
    ),
    "commits-without-majority": Bug(
        CommitsWithoutMajority,
        "a leader takes half the nodes, rounded down, for a majority",
        "section 5.3: committed once replicated on a majority",
        {"nemesis": ["partition"], "nemesis_interval": 2, "rate": 50, "time_limit": 20},
        shows="leader-completeness", runs=15,
    ),
    "truncates-on-stale-append": Bug(
        TruncatesOnStaleAppend,
        "a follower cuts its log behind an AppendEntries that was overtaken",
        "figure 2, AppendEntries step 3; Students' Guide to Raft, on 'if'",
        {"nemesis": ["partition", "kill", "delay"], "nemesis_interval": 1, "rate": 100,
         "time_limit": 20, "latency": 50, "latency_dist": "exponential"},
        shows="committed-stays,commit-within-log,leader-completeness,no-progress", runs=20,
    ),
    "trusts-leader-commit": Bug(
        TrustsLeaderCommit,
        "a follower applies entries that the leader's message did not verify",
        "figure 2, AppendEntries step 5: min(leaderCommit, index of last new entry)",
        {"nemesis": ["partition", "kill"], "nemesis_interval": 1, "rate": 50, "time_limit": 20,
         "latency": 10, "latency_dist": "exponential"},
        shows="state-machine-safety", runs=40,
    ),
    "obeys-old-leaders": Bug(
        ObeysOldLeaders,
        "a follower accepts entries from a leader whose term is over",
        "figure 2, AppendEntries step 1",
        {"nemesis": ["partition"], "nemesis_interval": 1, "rate": 50, "time_limit": 20,
         "latency": 10, "latency_dist": "exponential"},
        shows="committed-stays,commit-within-log,leader-completeness", runs=30,
    ),
    "stale-reads": Bug(
        ServesStaleReads,
        "a leader serves reads without asking whether it still leads",
        "section 8; Ongaro's thesis, section 6.4",
        {"nemesis": ["partition"], "nemesis_interval": 2, "rate": 50, "time_limit": 20},
        shows="nonlinearizable", runs=15,
    ),
    "reads-before-no-op": Bug(
        ReadsBeforeNoOp,
        "a new leader serves reads before an entry of its term is committed",
        "section 8: a leader must have the latest information on what is committed",
        {"nemesis": ["partition", "kill"], "nemesis_interval": 1, "rate": 100, "time_limit": 20,
         "concurrency": "4n", "latency": 50, "latency_dist": "exponential"},
        shows="nonlinearizable", runs=30,
    ),
    "applies-retries-twice": Bug(
        AppliesRetriesTwice,
        "a write that a node retries at a new leader takes effect again",
        "section 8; Ongaro's thesis, section 6.3",
        {"nemesis": ["partition", "kill"], "nemesis_interval": 1, "rate": 100, "time_limit": 20,
         "concurrency": "4n", "latency": 20, "latency_dist": "exponential"},
        shows="nonlinearizable", runs=10,
    ),
    "snapshot-without-sessions": Bug(
        SnapshotWithoutSessions,
        "what clients were answered is not part of a snapshot, so a retry applies twice behind one",
        "Ongaro's thesis, sections 5.1 and 6.3",
        {"nemesis": ["loss", "kill"], "nemesis_interval": 0.5, "rate": 60, "time_limit": 20,
         "node_count": 3, "concurrency": "4n", "latency": 5},
        shows="nonlinearizable", runs=100,
    ),
    "keeps-log-under-snapshot": Bug(
        KeepsLogUnderSnapshot,
        "a follower keeps entries that conflict with a snapshot it installs",
        "figure 13, InstallSnapshot steps 6 and 7",
        {"nemesis": ["partition-one", "kill"], "nemesis_interval": 0.5, "rate": 60,
         "time_limit": 20, "node_count": 3, "concurrency": "4n", "latency": 1},
        shows="state-machine-safety", runs=40,
    ),
}  # fmt: skip
