"""How Raft elects a leader: terms, votes and the election timer.

Diego Ongaro and John Ousterhout, "In Search of an Understandable Consensus Algorithm (Extended
Version)", 2014, sections 5.1, 5.2 and 5.4.1; pre-vote is section 9.6 of Ongaro's thesis,
"Consensus: Bridging Theory and Practice", 2014. "Figure" and "section" without a name are the
paper's. Begin here; `clew.models.raft.consensus` goes on with what a leader does.

A method is small where a mistake is classic: `clew.models.raft.bugs` overrides one or two for each.

Left out: changes of membership (section 6), transfer of leadership.
"""

from __future__ import annotations

from typing import ClassVar

from clew.models.raft.log import Log
from clew.node.message import Message
from clew.node.node import Node, on

FOLLOWER, PRE_CANDIDATE, CANDIDATE, LEADER = "follower", "pre-candidate", "candidate", "leader"

NEVER = float("-inf")


class Elections(Node):
    """A server as far as elections go.

    Attributes:
        term: the latest term seen; on disk.
        voted_for: who got this node's vote in `term`; on disk.
        raft_log: the log; how far it goes decides who may be elected.
        state: follower, pre-candidate, candidate or leader.
        leader: the leader of `term`, if known.
        leader_heard_at: when it was last heard of, seconds of this node's clock.
        votes: who would vote, or votes, for this node.
        timeout: how long this node waits for a leader, seconds.
        deadline: when it will have waited long enough, seconds of this node's clock.
        fruitless: how many elections in a row brought no leader, as far as this node knows.
    """

    election_s: ClassVar[tuple[float, float]] = (0.3, 0.6)
    """Bounds of the election timeout, which is random."""

    def start(self) -> None:
        """Read back what a crash left, and begin as a follower."""
        self.term: int
        self.voted_for: str | None
        self.term, self.voted_for = self.disk.get("vote", [0, None])
        self.raft_log = Log(self.disk)
        self.state = FOLLOWER
        self.leader: str | None = None
        self.leader_heard_at = NEVER
        self.votes: set[str] = set()
        self.fruitless = 0
        self.draw_timeout()
        self.watch()

    # What a leader does is the next file's subject.

    def lead(self) -> None:
        """Take office: a majority voted for this node."""
        raise NotImplementedError

    def step_down(self) -> None:
        """Leave office."""
        raise NotImplementedError

    def hears_majority(self) -> bool:
        """Return whether a majority answered this leader since it last looked."""
        raise NotImplementedError

    def leader_found(self) -> None:
        """Note that a leader is known, be it this node."""

    # Terms (section 5.1).

    @property
    def majority(self) -> int:
        """How many nodes decide: any two such groups share a node."""
        return len(self.node_ids) // 2 + 1

    def save_vote(self) -> None:
        """Make term and vote durable, before anybody hears of them."""
        self.disk["vote"] = [self.term, self.voted_for]
        self.disk.fsync()

    def enter_term(self, term: int) -> None:
        """Follow in a term that is newer than this node's (figure 2, all servers)."""
        self.term, self.voted_for = term, None
        self.save_vote()
        self.follow(None)

    def follow(self, leader: str | None) -> None:
        """Be a follower, of a leader if one is known."""
        if self.state == LEADER:
            self.step_down()
        self.state = FOLLOWER
        if leader != self.leader:
            self.leader = leader
            if leader is not None:
                self.leader_found()

    def accept_leader(self, leader: str, term: int) -> bool:
        """Follow the leader of this term or a newer one; False if the term is over."""
        if term < self.term:
            return False
        if term > self.term:
            self.enter_term(term)
        if self.state != FOLLOWER or self.leader != leader:
            self.follow(leader)
        self.fruitless = 0
        self.leader_heard_at = now = self.monotonic()
        self.deadline = now + self.timeout
        return True

    # Leader election (section 5.2) with pre-vote (thesis, 9.6).

    def draw_timeout(self) -> None:
        """Draw an election timeout, longer after each election in a row that brought no leader.

        That it is random parts those who would stand at once; that it grows lets elections
        succeed on a network slower than the timeout was meant for.
        """
        low, high = self.election_s
        self.timeout = self.rng.uniform(low, high) * (1 + min(self.fruitless, 3))
        self.deadline = self.monotonic() + self.timeout

    def watch(self) -> None:
        """Look whether the deadline, which moves, has passed: the one election timer."""
        now = self.monotonic()
        # Section 5.2: who hears of no leader for an election timeout stands. A leader counts too:
        # it must hear a majority meanwhile (thesis, 6.2).
        if now >= self.deadline:
            if self.state != LEADER:
                self.canvass()
            elif self.hears_majority():
                self.deadline = now + self.timeout
            else:
                self.follow(None)
        self.after(min(max(self.deadline - now, 0.001), self.election_s[1]), self.watch)

    def canvass(self) -> None:
        """Ask whether an election could be won, before disturbing anybody with a new term.

        A node that was cut off would otherwise come back with a high term and depose a leader
        that serves everyone else well.
        """
        self.fruitless += 1
        self.draw_timeout()
        self.state, self.leader = PRE_CANDIDATE, None
        self.votes = {self.id}
        # No term is entered and nothing is written: what comes of it binds nobody.
        self.ask_for_votes("pre_vote", self.term + 1)
        self.count_votes()

    def stand(self) -> None:
        """Start an election: a new term, one's own vote, and a call for the others'."""
        self.term, self.voted_for = self.term + 1, self.id
        # On disk before the first call for votes: a restart in this term must not vote again
        # (figure 2).
        self.save_vote()
        self.draw_timeout()
        self.state = CANDIDATE
        self.votes = {self.id}
        self.ask_for_votes("request_vote", self.term)
        self.count_votes()

    def ask_for_votes(self, kind: str, term: int) -> None:
        """Send every peer the term and how far the log goes."""
        last = self.raft_log.last
        call = {"type": kind, "term": term, "last": last, "last_term": self.raft_log.term_at(last)}
        for peer in self.peers:
            self.send(peer, call)

    def count_votes(self) -> None:
        """Take the next step with a majority of votes."""
        if len(self.votes) < self.majority:
            return
        if self.state == PRE_CANDIDATE:
            self.stand()
        elif self.state == CANDIDATE:
            self.lead()

    def is_up_to_date(self, last_term: int, last: int) -> bool:
        """Return whether a candidate's log has all that this node's may have committed (5.4.1)."""
        mine = self.raft_log.last
        # Section 5.4.1: the later last term wins; with equal terms the longer log.
        return (last_term, last) >= (self.raft_log.term_at(mine), mine)

    @on("pre_vote")
    def pre_vote(self, msg: Message) -> None:
        """Answer whether this node would vote so; it promises nothing and changes nothing."""
        body = msg.body
        # Thesis, 9.6: whoever hears a leader helps nobody to depose it.
        lonely = self.monotonic() - self.leader_heard_at >= self.election_s[0]
        granted = (
            body["term"] > self.term
            and lonely
            and self.state != LEADER
            and self.is_up_to_date(body["last_term"], body["last"])
        )
        answer = {"type": "pre_vote_answer", "term": self.term, "granted": granted}
        self.send(msg.src, {**answer, "asked": body["term"]})

    @on("pre_vote_answer")
    def pre_vote_answer(self, msg: Message) -> None:
        """Count a vote that would be given."""
        body = msg.body
        if body["term"] > self.term:
            self.enter_term(body["term"])
        elif self.state == PRE_CANDIDATE and body["granted"] and body["asked"] == self.term + 1:
            self.votes.add(msg.src)
            self.count_votes()

    @on("request_vote")
    def request_vote(self, msg: Message) -> None:
        """Vote for the first candidate of a term whose log is up to date (figure 2)."""
        body = msg.body
        if body["term"] > self.term:
            self.enter_term(body["term"])
        granted = (
            body["term"] == self.term
            and self.may_vote_for(msg.src)
            and self.is_up_to_date(body["last_term"], body["last"])
        )
        # Figure 2, RequestVote: the vote is durable before anybody hears of it.
        if granted:
            self.voted_for = msg.src
            self.save_vote()
            self.draw_timeout()
        self.send(msg.src, {"type": "vote", "term": self.term, "granted": granted})

    def may_vote_for(self, candidate: str) -> bool:
        """Return whether this term's vote is free, or the candidate's already."""
        return self.voted_for in (None, candidate)

    @on("vote")
    def vote(self, msg: Message) -> None:
        """Count a vote of this term."""
        body = msg.body
        if body["term"] > self.term:
            self.enter_term(body["term"])
        elif self.state == CANDIDATE and body["term"] == self.term and body["granted"]:
            self.votes.add(msg.src)
            self.count_votes()
