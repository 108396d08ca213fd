"""Kafka-style logs: what was acknowledged is read, once, in order, by everyone.

Each key has a log, in which each message has one offset. Offsets may have holes: only a message
that somebody sent and somebody saw (its sender in the acknowledgement, or a poll) can be missed.

- ``lost-write``: acknowledged, never polled by anyone, though a poll went past its offset; or sent
  by a transaction of unknown outcome of which another message was polled;
- ``unseen``: acknowledged and never polled, though a late poll that should return it came back
  empty. Where no poll got that far, nobody knows: UNKNOWN;
- ``stale-poll``: a poll at the end comes back empty, though the log surely holds more, which others
  may have polled; with ``recency="strong"`` any poll;
- ``duplicate``: one message at more offsets than it was sent times;
- ``inconsistent-offsets``: different messages at one offset, or one offset for two sends;
- ``poll-skip``: a client's polls step over a message; ``int-poll-skip`` inside one operation;
- ``nonmonotonic-poll``: a client's poll goes back unasked; ``int-nonmonotonic-poll``
  inside one operation;
- ``nonmonotonic-send``: a client's later send gets a lower offset; ``int-nonmonotonic-send``
  inside one transaction;
- ``G1a``: a poll returns a message whose send failed for sure (aborted read);
- ``G1c``: transactions polled each other's messages in a circle; ``G1c-realtime`` where real time
  closes it;
- ``precommitted-read``: a transaction polls what it sent itself;
- ``phantom``: a poll returns what nobody had sent by then;
- ``forgotten-commit`` and ``phantom-commit``: see `clew.checkers.kafka.commits`;
- ``malformed``: an answer of the wrong form.

What polls inside failed and indeterminate transactions returned is judged with the rest.

Left out, because Kafka promises no more, and named in the verdict where a history holds it: cycles
with the order of writes (G0), because transactions interleave in a log; how soon a message shows,
unless ``recency`` asks for it; a committed offset of 0 or less that nobody committed, which counts
as nothing committed yet; the order between two operations of a client that subscribed, whose
partitions may be taken from it at any time; aborted reads by transactions that did not commit.

Source: the Kafka workloads of Jepsen (``jepsen.tests.kafka``) and Maelstrom; the committed offsets
are our own.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from clew.checkers.kafka.clients import Clients
from clew.checkers.kafka.commits import Recency, Verdicts, judge_commits
from clew.checkers.kafka.cycles import cycles
from clew.checkers.kafka.logs import Logs
from clew.checkers.kafka.losses import empty_polls, quiet_from, stale_polls, unread
from clew.checkers.kafka.reads import reads_of_nothing
from clew.checkers.kafka.steps import steps_of
from clew.checkers.values import counted
from clew.checkers.verdict import Anomaly, Budget, Result, Verdict
from clew.history import History
from clew.machine.garbage import uncollected


@dataclass(frozen=True, slots=True, kw_only=True)
class Kafka:
    """INVALID with each anomaly of the module; UNKNOWN if acknowledged messages stay unread.

    O(n log n) in the number of messages sent and polled. For the operations' forms see
    `clew.checkers.kafka.steps`.

    Args:
        recency: how soon what was acknowledged must show; see `clew.checkers.kafka.commits`.
        name: the word in the report.
    """

    recency: Recency = "session"
    name: str = "kafka"

    def check(self, history: History, budget: Budget) -> Result:
        """Return the verdict.

        Raises:
            HistoryError: a request is neither a send nor a poll in a form that is known.
        """
        with uncollected():
            return self._judge(history, budget)

    def _judge(self, history: History, budget: Budget) -> Result:
        budget.spend(0)
        logs = Logs(steps_of(history))
        budget.spend(0)
        clients = Clients(logs)
        for step in logs.steps:
            clients.follow(step)
        budget.spend(0)
        quiet = quiet_from(history)
        lost, unpolled = unread(logs, clients.gaps, quiet)
        empty = empty_polls(logs)
        commits = judge_commits(logs.steps, self.recency, quiet=quiet)
        stale = stale_polls(empty, history, quiet=quiet, strong=self.recency == "strong")
        reads = reads_of_nothing(logs)
        anomalies = [
            *lost,
            *logs.misplaced(),
            *clients.skips(),
            *clients.anomalies,
            *reads.anomalies,
            *cycles(logs),
            *stale,
            *commits.anomalies,
        ]
        figures = {
            "acknowledged": sum(1 for send in logs.sends if send.operation.type == "ok"),
            "polled": logs.polled_count,
            "unread": unpolled,
            "stale_polls": len(empty),
            "listed_commits": commits.lists,
            "stale_commits": commits.stale,
            "unset_commits": commits.unset,
        }
        verdict, reason = _judged(anomalies, unpolled, logs)
        if verdict is not Verdict.INVALID:
            reason += _not_judged(len(empty), commits, clients, reads.left_out)
        return Result(self.name, verdict, reason, tuple(anomalies), "logs", 0.0, figures)


def _judged(anomalies: list[Anomaly], unpolled: int, logs: Logs) -> tuple[Verdict, str]:
    if anomalies:
        kinds = Counter(one.kind for one in anomalies)
        tally = ", ".join(f"{kind}: {count}" for kind, count in kinds.items())
        return Verdict.INVALID, f"The logs are wrong ({tally}). {anomalies[0].reason}"
    if unpolled:
        messages = counted(unpolled, "acknowledged message")
        reason = (
            f"No poll returned {messages}, and none got that far: fewer messages (a lower --rate), "
            "or more of them in the answer to a poll, would tell."
        )
        return Verdict.UNKNOWN, reason
    if not logs.polled_count:
        return Verdict.UNKNOWN, "No poll returned anything, so nothing was checked."
    count = logs.polled_count
    were = "1 was" if count == 1 else f"{count} were"
    return Verdict.VALID, f"All acknowledged messages were polled, in order; {were} returned."


def _not_judged(empty: int, commits: Verdicts, clients: Clients, aborted: int) -> str:
    """Say what the history holds and this verdict does not cover, a sentence each."""
    told = []
    if empty:
        polls = "1 poll came" if empty == 1 else f"{empty} polls came"
        told.append(
            f"{polls} back empty after a message was acknowledged, which may show late "
            "(recency=strong forbids it)."
        )
    if commits.unset:
        lists = "1 list shows" if commits.unset == 1 else f"{commits.unset} lists show"
        told.append(
            f"{lists} a committed offset of 0 or less that nobody committed, though another had "
            "been acknowledged: taken as nothing committed yet (recency=strong forbids it)."
        )
    if commits.stale > commits.unset:
        offsets = counted(commits.stale - commits.unset, "committed offset")
        told.append(
            f"{offsets} did not show yet at another node or to another client (recency=strong "
            "forbids it)."
        )
    if commits.left_out:
        told.append("Commits do not say their offsets, and were not judged.")
    if aborted:
        reads = "1 aborted read" if aborted == 1 else f"{aborted} aborted reads"
        told.append(f"{reads} by transactions that did not commit: not judged.")
    if clients.ever_subscribed:
        told.append(
            "Clients that subscribed may be moved at any time: the order between their operations "
            "was not judged."
        )
    return "".join(f" {sentence}" for sentence in told)
