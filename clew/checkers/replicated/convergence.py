"""Convergence of replicas that only grow: broadcast and grow-only sets.

The promise: what was acknowledged reaches every replica in the end, and nothing else ever shows.
Each replica is judged by its own final read (`clew.checkers.replicated.replicas`), because a
check that lets one lucky replica answer for all misses a replica that never received anything.

Anomalies:

- ``lost``: acknowledged, and no replica's final read shows it;
- ``stale``: acknowledged, and the final reads of some replicas do not show it;
- ``phantom``: a read shows a value that nobody had sent by then, or whose send surely failed;
- ``duplicate``: one read shows a value more often than it was sent (for a set: more than once);
- ``disappeared``: a replica showed a value after it was acknowledged, and a later read of the
  same replica does not show it;
- ``malformed``: a read was answered with something that is no list.

What is left out, on purpose. A value whose send was never acknowledged may be on any subset of the
replicas: the request may have arrived late, or its only holder may have crashed. Likewise only
values that were acknowledged before the earlier read began can disappear: until then a restarted
replica may forget. A replica that forgets even acknowledged values when it restarts and learns them
again breaks the promise of a grow-only object, though not convergence: set ``monotonic=False`` if
that is allowed.

Source: the set-full check of Jepsen, https://github.com/jepsen-io/jepsen (``checker.clj``), made
to hold for each replica; Shapiro et al., "Conflict-free Replicated Data Types", SSS 2011, for
the grow-only set.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from clew.checkers.moments import completion
from clew.checkers.replicated.replicas import FinalReads, ReplicaNames, final_reads
from clew.checkers.simple.statistics import quantiles
from clew.checkers.values import Key, is_elements, key_of, keyed, listed, shown
from clew.checkers.verdict import Anomaly, Budget, Result, concluded, tallied
from clew.history import History, Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class Convergence:
    """Judges broadcast and grow-only sets, replica by replica.

    O(n + total size of the reads).

    Args:
        f_add: the operation that sends a value, ``broadcast`` or ``add``; its argument is the
            value. Reads are called ``read`` and their result is the list of values.
        nodes: the replicas, where the history does not name all of them.
        monotonic: False if a replica may forget acknowledged values and learn them again.
    """

    f_add: str = "broadcast"
    nodes: Sequence[str] | None = None
    monotonic: bool = True
    name: str = "convergence"

    def check(self, history: History, budget: Budget) -> Result:
        """Return INVALID with each anomaly; UNKNOWN if a replica has no final read.

        The statistics show how long convergence took, where the history has times:
        ``convergence_ns`` by quantile, for each value from its acknowledgement until every
        replica showed it for good, and ``converged_after_last_send_ns`` from the end of the last
        send until the last replica showed the last value. Reads alone show it, so both are upper
        bounds.
        """
        sends = _Sends.of(history.operations, self.f_add)
        replicas = ReplicaNames(history.operations, self.nodes)
        finals = final_reads(history, self.f_add, replicas)
        keep = {read.number for read in finals.reads.values()}
        watch = _Watch(sends, replicas, keep, allow_repeats=self.f_add != "add")
        reads = [one for one in history.operations if one.f == "read" and one.type == "ok"]
        for read in sorted(reads, key=completion):
            budget.spend(1)
            watch.read(read, monotonic=self.monotonic)
        anomalies = [*_missing(sends, finals, watch), *watch.anomalies]
        return self._result(anomalies, sends, finals, watch)

    def _result(
        self, anomalies: list[Anomaly], sends: _Sends, finals: FinalReads, watch: _Watch
    ) -> Result:
        statistics = {
            "values": len(sends.tries),
            "acknowledged": len(sends.acknowledged),
            "replicas": len(finals.reads) + len(finals.missing),
            **_convergence_times(sends, finals, watch),
        }
        return concluded(
            self.name,
            anomalies,
            valid=f"All {len(sends.acknowledged)} acknowledged values are in the final reads of "
            f"{listed(list(finals.reads))}, and no read ever showed anything else.",
            unknown=finals.absence,
            invalid=f"The replicas do not hold what they should ({tallied(anomalies)}).",
            engine="final reads",
            figures=statistics,
        )


@dataclass(slots=True)
class _Sends:
    """What was sent, by value.

    Attributes:
        tries: all operations that sent the value.
        possible: position from which the value may show: its first send that did not fail.
        acknowledged: the operation that was acknowledged first.
    """

    tries: dict[Key, list[Operation]] = field(default_factory=dict)
    possible: dict[Key, int] = field(default_factory=dict)
    acknowledged: dict[Key, Operation] = field(default_factory=dict)

    @classmethod
    def of(cls, operations: Iterable[Operation], f_add: str) -> _Sends:
        sends = cls()
        for one in operations:
            if one.f != f_add:
                continue
            key = key_of(one.argument)
            sends.tries.setdefault(key, []).append(one)
            if one.type != "fail":
                sends.possible.setdefault(key, one.invoked)
            if one.type == "ok":
                first = sends.acknowledged.get(key)
                if first is None or completion(one) < completion(first):
                    sends.acknowledged[key] = one
        return sends


class _Watch:
    """Follows the reads of all replicas in order of completion.

    Attributes:
        values: what each final read shows, by the read's number.
        promised: replica to the values that it has shown after their acknowledgement, with the
            read that did.
        held: replica to the values it shows at the moment, with the first read that did.
    """

    def __init__(
        self, sends: _Sends, replicas: ReplicaNames, keep: set[int], *, allow_repeats: bool
    ) -> None:
        self.sends = sends
        self.replicas = replicas
        self.allow_repeats = allow_repeats
        self.anomalies: list[Anomaly] = []
        self.values: dict[int, set[Key]] = {number: set() for number in keep}
        self.promised: dict[str, dict[Key, Operation]] = {}
        self.held: dict[str, dict[Key, Operation]] = {}
        self._known: set[Key] = set()
        self._repeated: set[tuple[str, Key]] = set()

    def read(self, read: Operation, *, monotonic: bool) -> None:
        """Take in one answered read."""
        if not is_elements(read.result):
            self.anomalies.append(_malformed(read, self.replicas.of(read)))
            return
        values = keyed(read.result)
        keys = set(values)
        if read.number in self.values:
            self.values[read.number] = keys
        self._find_phantoms(read, values)
        if len(keys) < len(read.result):
            self._find_duplicates(read)
        self._follow(read, values, keys, monotonic=monotonic)

    def _find_phantoms(self, read: Operation, values: dict[Key, Any]) -> None:
        new = values.keys() - self._known
        self._known |= new
        for key, value in values.items() if new else ():
            if key not in new:
                continue
            if self.sends.possible.get(key, completion(read)) >= completion(read):
                tries = self.sends.tries.get(key, [])
                self.anomalies.append(_phantom(read, value, self.replicas.of(read), tries))

    def _find_duplicates(self, read: Operation) -> None:
        replica = self.replicas.of(read)
        counted = Counter(key_of(value) for value in read.result)
        for value in read.result:
            key = key_of(value)
            tries = self.sends.tries.get(key, [])
            sent = sum(one.type != "fail" for one in tries)
            most = max(1, sent) if self.allow_repeats else 1
            if counted[key] > most and (replica, key) not in self._repeated:
                self._repeated.add((replica, key))
                self.anomalies.append(_duplicate(read, value, replica, counted[key], tries))

    def _follow(
        self, read: Operation, values: dict[Key, Any], keys: set[Key], *, monotonic: bool
    ) -> None:
        replica = self.replicas.of(read)
        promised = self.promised.setdefault(replica, {})
        # Two reads that overlap may have been answered in either order, so only one that began
        # after the other was over can show that a value disappeared.
        for key in [] if promised.keys() <= keys else [key for key in promised if key not in keys]:
            earlier = promised[key]
            if completion(earlier) < read.invoked:
                del promised[key]
                if monotonic:
                    send = self.sends.acknowledged[key]
                    self.anomalies.append(_disappeared(send, earlier, read, replica))
        # Invariant: a value is promised from the first read that began after its acknowledgement
        # and shows it.
        fresh = keys - promised.keys()
        for key in values if fresh else ():
            send_ok = self.sends.acknowledged.get(key) if key in fresh else None
            if send_ok is not None and completion(send_ok) < read.invoked:
                promised[key] = read
        self._hold(self.held.setdefault(replica, {}), read, keys)

    def _hold(self, held: dict[Key, Operation], read: Operation, keys: set[Key]) -> None:
        # `held` tells since when a value shows without a break, so that one that is missed begins
        # anew.
        if not held.keys() <= keys:
            for key in [key for key in held if key not in keys]:
                del held[key]
        if not keys <= held.keys():
            held.update(dict.fromkeys(keys - held.keys(), read))


def _missing(sends: _Sends, finals: FinalReads, watch: _Watch) -> list[Anomaly]:
    """List the acknowledged values that some final read does not show."""
    found = []
    for key, send in sends.acknowledged.items():
        missing = [
            one for one, read in finals.reads.items() if key not in watch.values[read.number]
        ]
        if missing:
            holders = [one for one in finals.reads if one not in set(missing)]
            found.append(_lost_or_stale(send, missing, holders, finals))
    return found


def _lost_or_stale(
    send: Operation, missing: list[str], holders: list[str], finals: FinalReads
) -> Anomaly:
    value = shown(send.argument)
    story = f"{_asked(send)} acknowledged {value} to process {send.process}, but the final "
    story += f"reads of {listed(missing)} do not show it"
    if holders:
        story += f"; those of {listed(holders)} do."
    elif finals.missing:
        story += f", and {listed(list(finals.missing))} gave no final read."
    else:
        story += ": no replica has it."
    return Anomaly(
        "stale" if holders or finals.missing else "lost",
        story,
        (send, *(finals.reads[one] for one in [*missing, *holders[:1]])),
        {"value": send.argument, "nodes": missing, "held_by": holders},
    )


def _asked(send: Operation) -> str:
    return send.node or "The system"


def _phantom(read: Operation, value: Any, replica: str, tries: list[Operation]) -> Anomaly:
    story = f"A read of {replica or 'a replica'} shows {shown(value)}, "
    if not tries:
        story += "which nobody ever sent."
    elif all(one.type == "fail" for one in tries):
        story += "though every attempt to send it was answered with a definite failure."
    else:
        story += "though the read was over before anyone sent it."
    return Anomaly("phantom", story, (read, *tries), {"value": value, "node": replica})


def _duplicate(
    read: Operation, value: Any, replica: str, count: int, tries: list[Operation]
) -> Anomaly:
    sent = sum(one.type != "fail" for one in tries)
    times = "once" if sent == 1 else f"{sent} times"
    story = f"One read of {replica or 'a replica'} shows {shown(value)} {count} times; "
    story += f"it was sent {times}."
    data = {"value": value, "node": replica, "count": count}
    return Anomaly("duplicate", story, (read, *tries), data)


def _disappeared(send: Operation, earlier: Operation, later: Operation, replica: str) -> Anomaly:
    story = (
        f"{shown(send.argument)} was acknowledged and {replica or 'the replica'} showed it to "
        f"process {earlier.process}; a later read by process {later.process} no longer shows it."
    )
    data = {"value": send.argument, "node": replica}
    return Anomaly("disappeared", story, (send, earlier, later), data)


def _malformed(read: Operation, replica: str) -> Anomaly:
    story = f"A read of {replica or 'a replica'} was answered with {shown(read.result)}, "
    story += "which is no list of values."
    return Anomaly("malformed", story, (read,), {"value": read.result, "node": replica})


def _convergence_times(sends: _Sends, finals: FinalReads, watch: _Watch) -> dict[str, Any]:
    """Return the times, ns, from acknowledgement until every replica showed a value for good.

    Only what reads show is known, so each figure is an upper bound. Empty where the history has
    no times or nothing converged.
    """
    times = []
    last_send = max((one.end or 0 for tries in sends.tries.values() for one in tries), default=0)
    last_shown = 0
    # The slowest replica decides; a value that some replica does not show has no time.
    for key, send in sends.acknowledged.items():
        reads = [watch.held.get(replica, {}).get(key) for replica in finals.reads]
        ends = [read.end for read in reads if read is not None and read.end is not None]
        if send.end is None or not ends or len(ends) < len(reads):
            continue
        times.append(max(0, max(ends) - send.end))
        last_shown = max(last_shown, *ends)
    if not times:
        return {}
    return {
        "convergence_ns": quantiles(times),
        "converged_after_last_send_ns": max(0, last_shown - last_send),
    }
