"""Committed offsets: an acknowledged commit is not forgotten, and none is made up.

Two stores are right: one where the last commit counts, and one where the highest does. A list of
committed offsets that fits neither is wrong:

- ``forgotten-commit``: it shows an offset that a later commit had replaced by then, and that is
  below a commit that was known; or none at all, or one at most 0, though a commit was known;
- ``phantom-commit``: it shows an offset that nobody had committed by then.

Which commits are known to a list, `Recency` says. A list without a key, and one at most 0 that
nobody committed, say that nothing is committed: a node that has not heard of a commit yet may say
so, as consumers begin at 0. Where a commit had been acknowledged, the verdict counts those of 0.

Our own: Jepsen's and Maelstrom's workloads look at no committed offsets.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, TypeAlias

from clew.checkers.kafka.logs import end_of
from clew.checkers.kafka.steps import Commit, Committed, Step
from clew.checkers.verdict import Anomaly
from clew.history import Operation

Recency: TypeAlias = Literal["eventual", "session", "strong"]
"""What must show of what was acknowledged before, in polls and lists of committed offsets:

- ``eventual``: in those at the end, all of it;
- ``session``: that, and in lists the commits that their own client or node acknowledged or listed;
- ``strong``: everywhere, all of it.
"""

EVERYWHERE = ""


class Verdicts(NamedTuple):
    """What the lists show.

    Attributes:
        anomalies: those that are wrong.
        lists: how many offsets of keys were judged.
        stale: how many did not show what was acknowledged elsewhere, which may be late.
        unset: those of the stale ones that show an offset that nobody committed, at most 0.
        left_out: whether some commits do not say what they commit, so that nothing is known.
    """

    anomalies: list[Anomaly]
    lists: int
    stale: int
    unset: int
    left_out: bool


@dataclass(slots=True)
class _Known:
    """What is known to have been committed to a key, by a client or a node, or by all of them.

    Attributes:
        highest: the commit with the highest offset.
        latest: the commit that was invoked last.
    """

    highest: Commit
    latest: Commit

    def learn(self, commit: Commit) -> None:
        if _offset(commit) > _offset(self.highest):
            self.highest = commit
        if commit.operation.invoked > self.latest.operation.invoked:
            self.latest = commit


@dataclass(slots=True)
class _Tried:
    """The commits of one offset to one key: the first to be invoked, and the last to be over."""

    first: Commit
    last: Commit

    @property
    def over(self) -> float:
        """The position by which all of them surely were over."""
        one = self.last.operation
        return end_of(one) if one.type == "ok" else float("inf")


@dataclass(slots=True)
class _Offsets:
    """Everything that was committed, as it becomes known.

    Attributes:
        tried: by key and offset, its commits; without those that failed.
        failed: by key and offset, a commit that failed.
        known: by key and who knows it.
    """

    tried: dict[tuple[str, int], _Tried] = field(default_factory=dict)
    failed: dict[tuple[str, int], Commit] = field(default_factory=dict)
    known: dict[tuple[str, Any], _Known] = field(default_factory=dict)

    def ask(self, commit: Commit) -> None:
        name = (commit.key or "", _offset(commit))
        if commit.operation.type == "fail":
            self.failed.setdefault(name, commit)
            return
        tried = self.tried.setdefault(name, _Tried(commit, commit))
        # The last to be over bounds from when on a later commit may have replaced it.
        if _Tried(commit, commit).over > tried.over:
            tried.last = commit

    def before(self, shown: Committed) -> _Tried | None:
        """Return the commits of the offset that a list shows; None if none was begun by then."""
        tried = None if shown.offset is None else self.tried.get((shown.key, shown.offset))
        begun = tried is not None and tried.first.operation.invoked < end_of(shown.operation)
        return tried if begun else None

    def learn(self, commit: Commit, by: Operation) -> None:
        for scope in (EVERYWHERE, *_scopes(by)):
            known = self.known.setdefault((commit.key or "", scope), _Known(commit, commit))
            known.learn(commit)


def _offset(commit: Commit) -> int:
    return -1 if commit.offset is None else commit.offset


def _scopes(one: Operation) -> list[tuple[str, Any]]:
    """Return whose commits an operation must know of: its client's and its node's."""
    own: list[tuple[str, Any]] = [("process", one.process)]
    return own if one.node is None else [*own, ("node", one.node)]


def judge_commits(steps: Iterable[Step], recency: Recency, *, quiet: int) -> Verdicts:
    """Hold the lists of committed offsets against what was committed. O(n log n).

    Args:
        steps: all steps of a history.
        recency: what must show.
        quiet: the position from which lists that are marked as final are judged as such.
    """
    commits = [step for step in steps if isinstance(step, Commit)]
    shown = [step for step in steps if isinstance(step, Committed)]
    if any(commit.key is None for commit in commits):
        return Verdicts([], 0, 0, 0, left_out=True)
    offsets = _Offsets()
    for commit in commits:
        offsets.ask(commit)
    # In order of time: what is known when a list begins is what its answer is held against.
    moments: list[tuple[int, int, Commit | Committed]] = []
    both: list[Commit | Committed] = [*commits, *shown]
    for rank, one in enumerate(both):
        if isinstance(one, Committed):
            moments.append((one.operation.invoked, rank, one))
        if one.operation.type == "ok":
            moments.append((end_of(one.operation), rank, one))
    moments.sort(key=lambda moment: moment[:2])
    found: list[Anomaly] = []
    stale = unset = 0
    # Invariant: known is what was acknowledged, or listed, before this moment.
    for position, _, one in moments:
        if isinstance(one, Commit):
            offsets.learn(one, one.operation)
        elif position == one.operation.invoked:
            final = one.final and position > quiet
            wrong = _wrong(one, offsets, "strong" if final else recency)
            found += wrong
            late = not wrong and bool(_wrong(one, offsets, "strong"))
            stale += late
            unset += late and one.offset is not None and offsets.before(one) is None
        else:
            tried = offsets.before(one)
            if tried is not None:
                offsets.learn(tried.first, one.operation)
    return Verdicts(found, len(shown), stale, unset, left_out=False)


def _wrong(shown: Committed, offsets: _Offsets, recency: Recency) -> list[Anomaly]:
    """List what is wrong with one offset of a list, when it is invoked; at most one anomaly."""
    tried = offsets.before(shown)
    if tried is None and shown.offset is not None and shown.offset > 0:
        return [_phantom(shown, offsets)]
    scopes: list[Any] = []
    if recency == "strong":
        scopes = [EVERYWHERE]
    elif recency == "session":
        scopes = [*_scopes(shown.operation)]
    # Either store is right. One that keeps the highest commit may show `highest` or more; one that
    # keeps the last may show any that was not surely over when the latest known one began.
    for scope in scopes:
        known = offsets.known.get((shown.key, scope))
        if known is None:
            continue
        if tried is None:
            return [_forgotten(shown, known.latest)]
        below = _offset(tried.first) < _offset(known.highest)
        if below and tried.over < known.latest.operation.invoked:
            return [_forgotten(shown, known.latest)]
    return []


def _asked(shown: Committed) -> str:
    at = f" at {shown.operation.node}" if shown.operation.node else ""
    return f"Process {shown.operation.process} listed the committed offset of key {shown.key}{at}"


def _forgotten(shown: Committed, commit: Commit) -> Anomaly:
    got = "none" if shown.offset is None else str(shown.offset)
    how = "acknowledged" if commit.operation.type == "ok" else "listed"
    reason = f"{_asked(shown)} and got {got}, though the commit of offset {commit.offset} by "
    reason += f"process {commit.operation.process} had been {how} before."
    return _anomaly("forgotten-commit", reason, shown, commit)


def _phantom(shown: Committed, offsets: _Offsets) -> Anomaly:
    name = (shown.key, shown.offset or 0)
    later, failed = offsets.tried.get(name), offsets.failed.get(name)
    reason = f"{_asked(shown)} and got {shown.offset}, "
    if later is not None:
        reason += "before anyone committed it."
    elif failed is not None:
        reason += "whose commit had failed."
    else:
        reason += "which nobody had committed."
    return _anomaly("phantom-commit", reason, shown, failed or (later.first if later else None))


def _anomaly(kind: str, reason: str, shown: Committed, commit: Commit | None) -> Anomaly:
    operations = [commit.operation] if commit is not None else []
    data = {
        "key": shown.key,
        "offset": shown.offset,
        "committed": None if commit is None else commit.offset,
        "node": shown.operation.node,
    }
    return Anomaly(kind, reason, (*operations, shown.operation), data)
