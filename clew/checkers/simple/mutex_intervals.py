"""Locks, by intervals: no two holders at once, and fencing tokens that only grow.

A client surely holds the lock from the completion of its ``acquire`` to the invocation of its next
``release``, or for ever if it never invokes one. Two such intervals must not overlap:
``two-holders``. That takes no search, and names the two holders; deciding whether the unknown
operations fit too is the linearizability checker's work.

Where an ``acquire`` returns a token (an integer, and not the one it was called with), it must be
larger than the token of every hold that was acquired before: ``stale-token``. A lock with leases
passes on when its holder is silent, so that only its tokens protect what it guards: set
``leases=True``.

Source: the mutex workloads of Jepsen; Gray and Cheriton, "Leases", SOSP 1989, for locks that
expire.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from clew.checkers.moments import Foremost, completion
from clew.checkers.verdict import Anomaly, Budget, Result, concluded
from clew.history import History, Operation, Process

_NEVER = 1 << 62


class Hold(NamedTuple):
    """A client surely held the lock between two positions of the history."""

    acquire: Operation
    release: Operation | None

    @property
    def begin(self) -> int:
        """The position from which the lock was surely held."""
        return completion(self.acquire)

    @property
    def end(self) -> int:
        """The position until which it was surely held."""
        return _NEVER if self.release is None else self.release.invoked


@dataclass(frozen=True, slots=True, kw_only=True)
class MutexIntervals:
    """INVALID if two clients held the lock at once, or a token did not grow. O(n log n).

    Args:
        leases: True if a lock may expire, so that only tokens are judged.
    """

    leases: bool = False
    name: str = "mutex-intervals"

    def check(self, history: History, budget: Budget) -> Result:
        """Return UNKNOWN if nobody ever held the lock."""
        budget.spend(0)
        holds = _holds(history.operations)
        anomalies = [] if self.leases else _overlaps(holds)
        anomalies += _stale_tokens(holds)
        how = "and its tokens only grow" if self.leases else "one at a time"
        return concluded(
            self.name,
            anomalies,
            valid=f"The lock was held {len(holds)} times, {how}.",
            unknown="" if holds else "Nobody ever held the lock.",
            engine="intervals",
            figures={"holds": len(holds)},
        )


def _holds(operations: Iterable[Operation]) -> list[Hold]:
    """List the sure holds in order of acquisition."""
    held: dict[Process, list[Operation]] = {}
    found = []
    # A release ends every hold of its process: what it had acquired twice, it no longer surely
    # holds.
    for one in operations:
        if one.f == "acquire" and one.type == "ok":
            held.setdefault(one.process, []).append(one)
        elif one.f == "release" and one.type != "fail":
            found += [Hold(acquire, one) for acquire in held.pop(one.process, ())]
    found += [Hold(acquire, None) for acquires in held.values() for acquire in acquires]
    return sorted(found, key=lambda hold: hold.begin)


def _overlaps(holds: list[Hold]) -> list[Anomaly]:
    found = []
    longest: Hold | None = None
    # Invariant: of the holds that began before this one `longest` ends last. If this one overlaps
    # any of them, it overlaps that one.
    for hold in holds:
        if longest is not None and hold.begin < longest.end:
            found.append(_two_holders(longest, hold))
        if longest is None or hold.end > longest.end:
            longest = hold
    return found


def _two_holders(first: Hold, second: Hold) -> Anomaly:
    reason = (
        f"Process {second.acquire.process} was given the lock while process "
        f"{first.acquire.process} held it and had not asked to release it."
    )
    releases = [hold.release for hold in (first, second) if hold.release is not None]
    data = {
        "processes": [first.acquire.process, second.acquire.process],
        "nodes": [first.acquire.node, second.acquire.node],
    }
    return Anomaly("two-holders", reason, (first.acquire, second.acquire, *releases), data)


def _stale_tokens(holds: list[Hold]) -> list[Anomaly]:
    """List acquisitions whose token is not above that of one that was over before."""
    tokened = [hold.acquire for hold in holds if _is_token(hold.acquire)]
    over = Foremost(tokened, completion, lambda acquire: acquire.result)
    found = []
    for one in sorted(tokened, key=lambda acquire: acquire.invoked):
        highest = over.before(one.invoked)
        if highest is not None and one.result <= highest.result:
            found.append(_stale(highest, one))
    return found + _repeated_tokens(tokened, found)


def _is_token(acquire: Operation) -> bool:
    return type(acquire.result) is int and acquire.result != acquire.argument


def _repeated_tokens(tokened: list[Operation], known: list[Anomaly]) -> list[Anomaly]:
    told = {one.operations[1].number for one in known}
    first: dict[int, Operation] = {}
    found = []
    for one in tokened:
        earlier = first.setdefault(one.result, one)
        if earlier is not one and one.number not in told:
            found.append(_stale(earlier, one))
    return found


def _stale(earlier: Operation, later: Operation) -> Anomaly:
    reason = (
        f"Process {later.process} was given the lock with token {later.result}, which is not "
        f"above token {earlier.result} that process {earlier.process} was given before."
    )
    data = {"tokens": [earlier.result, later.result], "nodes": [earlier.node, later.node]}
    return Anomaly("stale-token", reason, (earlier, later), data)
