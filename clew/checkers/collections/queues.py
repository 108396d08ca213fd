"""Queues: what goes in comes out, once, and for a FIFO queue in order.

`TotalQueue` treats the queue as a bag, as Jepsen's total-queue does:

- ``lost``: acknowledged, never dequeued, though the queue was emptied afterwards, and there are
  not enough unanswered dequeues to have taken it;
- ``duplicate``: dequeued more often than it was enqueued;
- ``phantom``: dequeued, and nobody had enqueued it by then, or its enqueue surely failed.

`FifoQueue` looks for these too, and for

- ``reordered``: a was enqueued before b, and b was dequeued before a;
- ``false-empty``: a dequeue found the queue empty though one element was in it all the time.

These are necessary conditions for a linearizable queue with unique values, each decided in
O(n log n); an empty dequeue that only several elements together make impossible is left to the
linearizability checker.

Operations: ``enqueue`` with the value as argument; ``dequeue`` with the value as result, None for
an empty queue (a failed dequeue whose error says ``empty`` found it empty too); ``drain`` with a
list of values as result.

Source: the total-queue check of Jepsen (``checker.clj``); Henzinger, Sezgin and Vafeiadis,
"Aspect-Oriented Linearizability Proofs", CONCUR 2013, section 3, for the FIFO violations.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from clew.checkers.moments import Foremost
from clew.checkers.values import Key, counted, key_of, sentence, shown
from clew.checkers.verdict import Anomaly, Budget, Result, concluded, wrong
from clew.history import History, Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class TotalQueue:
    """INVALID if an element is lost, invented, or comes out twice. O(n).

    Args:
        at_least_once: True if an element may come out more than once.
    """

    at_least_once: bool = False
    name: str = "total-queue"

    def check(self, history: History, budget: Budget) -> Result:
        """Return UNKNOWN if elements are left in a queue that was never seen empty at the end."""
        budget.spend(0)
        traffic = _Traffic.of(history.operations)
        anomalies = [*traffic.phantoms(), *traffic.lost()]
        if not self.at_least_once:
            anomalies += traffic.duplicates()
        return _result(self.name, anomalies, traffic, "counting")


@dataclass(frozen=True, slots=True, kw_only=True)
class FifoQueue:
    """INVALID if elements are lost, invented, doubled, or out of order. O(n log n).

    Order is judged where each value is enqueued once.
    """

    name: str = "fifo-queue"

    def check(self, history: History, budget: Budget) -> Result:
        """Return UNKNOWN if elements are left in a queue that was never seen empty at the end."""
        budget.spend(0)
        traffic = _Traffic.of(history.operations)
        passages = traffic.passages()
        anomalies = [
            *traffic.phantoms(),
            *traffic.duplicates(),
            *traffic.lost(),
            *_reordered(passages),
            *_false_empty(passages, traffic.empty),
        ]
        return _result(self.name, anomalies, traffic, "intervals")


def _result(name: str, anomalies: list[Anomaly], traffic: _Traffic, engine: str) -> Result:
    left = traffic.left()
    figures = {
        "enqueued": sum(len(tries) for tries in traffic.tries.values()),
        "acknowledged": sum(traffic.acknowledged.values()),
        "dequeued": sum(len(takers) for takers in traffic.takers.values()),
        "left": len(left),
        "recovered": traffic.recovered(),
    }
    unknown = ""
    if len(left) > traffic.open_takers:
        elements = counted(len(left), "acknowledged element")
        unknown = f"{elements} never came out, and the queue was not emptied."
    elif not figures["dequeued"] and not traffic.empty:
        unknown = "Nothing was ever dequeued, so nothing was checked."
    elements = counted(figures["dequeued"], "element")
    return concluded(
        name,
        anomalies,
        valid=f"{elements} came out of the {sum(map(traffic.sent, traffic.tries))} put in.",
        unknown=unknown,
        invalid=wrong("The queue is wrong", anomalies),
        engine=engine,
        figures=figures,
    )


_NEVER = 1 << 62


def _end(operation: Operation) -> int:
    """Return the position by which an operation surely took effect; never, for an unknown one."""
    if operation.type != "ok" or operation.completed is None:
        return _NEVER
    return operation.completed


@dataclass(slots=True)
class _Passage:
    """One element of a queue: its enqueue, and its dequeue's bounds.

    ``taken_from`` and ``taken_by`` are the positions between which it was dequeued; both are
    `_NEVER` if it still is in the queue, and ``taken_from`` is the start of the first unanswered
    dequeue if that may have taken it.
    """

    value: Any
    put: Operation
    take: Operation | None
    taken_from: int
    taken_by: int


@dataclass(slots=True)
class _Traffic:
    """Everything that went in and came out, by value."""

    tries: dict[Key, list[Operation]] = field(default_factory=dict)
    acknowledged: Counter[Key] = field(default_factory=Counter)
    takers: dict[Key, list[tuple[Operation, Any]]] = field(default_factory=dict)
    empty: list[Operation] = field(default_factory=list)
    open_takers: float = 0
    open_from: int = _NEVER
    last_put: int = -1

    @classmethod
    def of(cls, operations: Iterable[Operation]) -> _Traffic:
        traffic = cls()
        for one in operations:
            if one.f == "enqueue":
                traffic.put(one)
            elif one.f in {"dequeue", "drain"}:
                traffic.take(one)
        return traffic

    def put(self, one: Operation) -> None:
        key = key_of(one.argument)
        self.tries.setdefault(key, []).append(one)
        self.acknowledged[key] += one.type == "ok"
        self.last_put = max(self.last_put, one.completed or one.invoked)

    def take(self, one: Operation) -> None:
        if one.type == "info":
            self.open_takers += 1 if one.f == "dequeue" else float("inf")
            self.open_from = min(self.open_from, one.invoked)
        elif one.type == "fail":
            if one.f == "dequeue" and "empty" in str(one.error):
                self.empty.append(one)
        elif one.f == "dequeue" and one.result is None:
            self.empty.append(one)
        else:
            many = isinstance(one.result, list | tuple) and one.f == "drain"
            values = one.result if many else [one.result]
            for value in values if one.result is not None else ():
                self.takers.setdefault(key_of(value), []).append((one, value))
            if one.f == "drain":
                self.empty.append(one)

    def left(self) -> list[Operation]:
        """List one acknowledged enqueue for each element that never came out."""
        found = []
        for key, count in self.acknowledged.items():
            missing = count - len(self.takers.get(key, ()))
            done = [one for one in self.tries[key] if one.type == "ok"]
            found += done[len(done) - missing :] if missing > 0 else []
        return found

    def recovered(self) -> int:
        """Count the elements that came out though their enqueue was never acknowledged."""
        return sum(
            max(0, min(len(takers), self.sent(key)) - self.acknowledged[key])
            for key, takers in self.takers.items()
        )

    def lost(self) -> list[Anomaly]:
        left = self.left()
        # Only a look that began after the last put was over can show that an element is gone.
        final = next((one for one in self.empty if one.invoked > self.last_put), None)
        if final is None or len(left) <= self.open_takers:
            return []
        return [_lost(one, final) for one in left]

    def duplicates(self) -> list[Anomaly]:
        return [
            _duplicate(takers, sent)
            for key, takers in self.takers.items()
            if len(takers) > (sent := self.sent(key)) > 0
        ]

    def sent(self, key: Key) -> int:
        """Count how often a value was enqueued, without the enqueues that failed."""
        return sum(put.type != "fail" for put in self.tries.get(key, ()))

    def phantoms(self) -> list[Anomaly]:
        found = []
        for key, takers in self.takers.items():
            one, value = min(takers, key=lambda taker: taker[0].completed or 0)
            sends = self.tries.get(key, [])
            if not any(put.type != "fail" and put.invoked < _end(one) for put in sends):
                found.append(_phantom(one, value, sends))
        return found

    def passages(self) -> list[_Passage]:
        """List the elements whose value was enqueued once and did not fail, by invocation."""
        found = []
        for key, tries in self.tries.items():
            if len(tries) != 1 or tries[0].type == "fail":
                continue
            takers = self.takers.get(key, [])
            take = takers[0][0] if takers else None
            taken_from = self.open_from if take is None else take.invoked
            found.append(
                _Passage(
                    tries[0].argument, tries[0], take, taken_from, _end(take) if take else _NEVER
                )
            )
        return found


def _reordered(passages: list[_Passage]) -> list[Anomaly]:
    """List pairs enqueued in one order and dequeued in the other, one per overtaking element."""
    late = _by_take(passages)
    found = []
    for one in sorted(passages, key=lambda one: one.put.invoked):
        # VOrd: if it overtook any element that was in before it, it overtook the one taken last.
        latest = late.before(one.put.invoked)
        if latest is not None and one.taken_by < latest.taken_from and one.take is not None:
            found.append(_overtaking(latest, one))
    return found


def _false_empty(passages: list[_Passage], empty: list[Operation]) -> list[Anomaly]:
    """List dequeues that found nothing though one element was in the queue throughout."""
    late = _by_take(passages)
    found = []
    for one in empty:
        # If any one element was there all along, so was the one that is taken last of those put in
        # before.
        latest = late.before(one.invoked)
        completed = one.completed or one.invoked
        if one.f == "dequeue" and latest is not None and latest.taken_from > completed:
            found.append(_not_empty(latest, one))
    return found


def _by_take(passages: list[_Passage]) -> Foremost[_Passage]:
    """Find the element that is taken last, of those whose enqueue was over before a moment."""
    return Foremost(passages, lambda one: _end(one.put), lambda one: one.taken_from)


def _at(one: Operation) -> str:
    return f"process {one.process}" + (f" at {one.node}" if one.node else "")


def _lost(put: Operation, final: Operation) -> Anomaly:
    reason = f"{shown(put.argument)} was enqueued by {_at(put)} and acknowledged; it never came "
    reason += f"out, though {_at(final)} found the queue empty afterwards."
    return Anomaly("lost", reason, (put, final), {"value": put.argument, "node": put.node})


def _duplicate(takers: list[tuple[Operation, Any]], sent: int) -> Anomaly:
    value = takers[0][1]
    reason = f"{shown(value)} was enqueued {counted(sent, 'time')} and dequeued "
    reason += f"{counted(len(takers), 'time')}."
    data = {"value": value, "nodes": [one.node for one, _ in takers]}
    return Anomaly("duplicate", reason, tuple(one for one, _ in takers), data)


def _phantom(take: Operation, value: Any, sends: list[Operation]) -> Anomaly:
    if not sends:
        why = "which nobody enqueued"
    elif all(put.type == "fail" for put in sends):
        why = "though its enqueue failed"
    else:
        why = "before anyone enqueued it"
    reason = f"{_at(take)} dequeued {shown(value)}, {why}."
    data = {"value": value, "node": take.node}
    return Anomaly("phantom", sentence(reason), (take, *sends), data)


def _overtaking(first: _Passage, second: _Passage) -> Anomaly:
    assert second.take is not None
    reason = f"{shown(first.value)} was enqueued before {shown(second.value)}, and "
    reason += f"{shown(second.value)} came out before it."
    takes = [one for one in (second.take, first.take) if one is not None]
    data = {"values": [first.value, second.value]}
    return Anomaly("reordered", reason, (first.put, second.put, *takes), data)


def _not_empty(there: _Passage, empty: Operation) -> Anomaly:
    reason = f"{_at(empty)} found the queue empty, though {shown(there.value)} was enqueued before "
    reason += "and came out only later, or never."
    takes = () if there.take is None else (there.take,)
    data = {"value": there.value, "node": empty.node}
    return Anomaly("false-empty", sentence(reason), (there.put, empty, *takes), data)
