"""Sets, element by element: which elements are stable, which are lost, and how long it took.

For each element that was added:

- it is *known* from the moment its add was acknowledged or, if earlier, a read that shows it was
  answered;
- its last presence and last absence are the reads that show it, and do not, and that were
  invoked last;
- *stable*: present after its last absence. *Lost*: known before its last absence was invoked, and
  every read that shows it was over by then. Else nobody knows: *never read* where no read shows it,
  *unsettled* where one does.

An element that is not lost, and that some read missed after it was known, is *stale*: fine for a
set that is only eventually right, an anomaly for a linearizable one.

Besides ``lost`` and ``stale``, the anomalies are ``phantom`` (a read shows what nobody had added
by then, or whose add surely failed), ``duplicate`` and ``malformed``.

`clew.checkers.replicated.convergence` is the stricter check where every replica must end up whole;
here the reads of all replicas are taken for reads of one set, unless ``by_replica`` is asked for.

Divergence from Jepsen: it takes the order of two reads from their invocations, and calls an element
lost that a read shows which overlaps its last absence; here nobody knows.

Source: the set-full check of Jepsen, https://github.com/jepsen-io/jepsen (``checker.clj``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from clew.checkers.moments import completion
from clew.checkers.replicated.replicas import ReplicaNames
from clew.checkers.simple.statistics import quantiles
from clew.checkers.values import Key, counted, is_elements, key_of, keyed, shown
from clew.checkers.verdict import Anomaly, Budget, Result, concluded, wrong
from clew.history import History, Operation


class Element(NamedTuple):
    """What the reads of one set show of one element.

    Attributes:
        value: the element.
        add: the operation that added it first.
        known: the completion that made it known, or None.
        present: the last read that shows it, or None.
        absent: the last read that does not, or None.
        shown_until: the position by which all reads that show it were over; -1 where none does.
    """

    value: Any
    add: Operation
    known: Operation | None
    present: Operation | None
    absent: Operation | None
    shown_until: int

    @property
    def outcome(self) -> str:
        """``stable``, ``lost``, ``never-read`` or ``unsettled``."""
        present = -1 if self.present is None else self.present.invoked
        absent = -1 if self.absent is None else self.absent.invoked
        if self.present is not None and present > absent:
            return "stable"
        known_before = self.known is not None and completion(self.known) < absent
        if known_before and self.shown_until < absent:
            return "lost"
        return "never-read" if self.present is None else "unsettled"

    @property
    def stale(self) -> bool:
        """Whether some read began after the element was known and does not show it; not lost."""
        if self.known is None or self.absent is None or self.outcome == "lost":
            return False
        return completion(self.known) < self.absent.invoked

    @property
    def latency_ns(self) -> int | None:
        """Time from known to stable or to lost; None if there is neither, or no times."""
        turn = {"stable": self.absent, "lost": self.present}.get(self.outcome)
        known = None if self.known is None else self.known.end
        if self.outcome in {"never-read", "unsettled"} or known is None:
            return None
        if turn is None or turn.start is None:
            return 0
        return max(0, turn.start + 1 - known)


@dataclass(frozen=True, slots=True, kw_only=True)
class SetFull:
    """INVALID if an element is lost; UNKNOWN if none is stable. O(total size of the reads).

    Args:
        f_add: the operation that adds its argument; reads are called ``read`` and show a list.
        linearizable: True if stale reads are wrong too.
        by_replica: True to judge the reads of each replica on their own.
    """

    f_add: str = "add"
    linearizable: bool = False
    by_replica: bool = False
    name: str = "set-full"

    def check(self, history: History, budget: Budget) -> Result:
        """Return the verdict, with counts and latencies of all elements."""
        budget.spend(0)
        adds = [one for one in history.operations if one.f == self.f_add]
        reads = [one for one in history.operations if one.f == "read" and one.type == "ok"]
        anomalies = [_malformed(read) for read in reads if not is_elements(read.result)]
        reads = [read for read in reads if is_elements(read.result)]
        anomalies += _wrong_members(adds, reads)
        groups = self._groups(history.operations, reads)
        tally: Counter[str] = Counter()
        latencies: dict[str, list[int]] = {"stable": [], "lost": []}
        for replica, group in groups.items():
            budget.spend(0)
            for element in elements(adds, group):
                tally[element.outcome] += 1
                tally["stale"] += element.stale
                if element.latency_ns is not None:
                    latencies[element.outcome].append(element.latency_ns)
                anomalies += self._anomaly(element, replica)
        figures = {
            **{kind: tally[kind] for kind in _COUNTED},
            "stable_latency_ns": quantiles(latencies["stable"]),
            "lost_latency_ns": quantiles(latencies["lost"]),
        }
        return concluded(
            self.name,
            anomalies,
            valid=_stay(tally),
            unknown=_unstable(tally),
            invalid=wrong("The set is wrong", anomalies),
            engine="elements",
            figures=figures,
        )

    def _groups(
        self, operations: Sequence[Operation], reads: list[Operation]
    ) -> dict[str, list[Operation]]:
        if not self.by_replica:
            return {"": reads}
        replicas = ReplicaNames(operations, None)
        groups: dict[str, list[Operation]] = {name: [] for name in replicas.names}
        for read in reads:
            groups.setdefault(replicas.of(read), []).append(read)
        return groups

    def _anomaly(self, element: Element, replica: str) -> list[Anomaly]:
        if element.outcome == "lost":
            return [_missing("lost", element, replica)]
        if self.linearizable and element.stale:
            return [_missing("stale", element, replica)]
        return []


def _unstable(tally: Counter[str]) -> str:
    """Say that nothing is known to stay; empty if something is."""
    if tally["stable"]:
        return ""
    if not tally["unsettled"]:
        return "No element was read, so nothing was checked."
    read = counted(tally["unsettled"], "element")
    return f"Of the {read} that were read, none is surely there to stay."


def _stay(tally: Counter[str]) -> str:
    stable, unsettled = tally["stable"], tally["unsettled"]
    read = counted(stable + unsettled, "element")
    if unsettled:
        reason = f"{stable} of the {read} that were read {'is' if stable == 1 else 'are'}"
    else:
        one = stable == 1
        reason = "The one element that was read is" if one else f"All {read} that were read are"
    reason += " there to stay"
    rest = tally["never-read"]
    were = "1 was" if rest == 1 else f"{rest} were"
    return reason + (f"; {were} never read." if rest else ".")


_COUNTED = ("stable", "stale", "lost", "unsettled", "never-read")


def elements(adds: Sequence[Operation], reads: Sequence[Operation]) -> list[Element]:
    """List what these reads show of each element, by its first add. O(total size of reads).

    Args:
        adds: the operations that add an element; one that failed adds none.
        reads: answered reads in order of invocation, each result a list.
    """
    first: dict[Key, Operation] = {}
    known: dict[Key, Operation] = {}
    ends: dict[Key, tuple[int, int]] = {}  # the first and the last end of the reads that show it
    # The earliest acknowledgement counts, and the first add that may have taken effect.
    for add in adds:
        if add.type != "fail":
            first.setdefault(key_of(add.argument), add)
            if add.type == "ok":
                _keep_earlier(known, key_of(add.argument), add)
    present: dict[Key, Operation] = {}
    absent: dict[Key, Operation] = {}
    always = dict.fromkeys(first)
    # Backwards: what is still in `always` was in every later read, so each element leaves it once.
    for read in reversed(reads):
        values = keyed(read.result)
        end = completion(read)
        for key in values:
            low, high = ends.get(key, (end + 1, -1))
            if end < low:
                _keep_earlier(known, key, read)
                ends[key] = end, max(end, high)
            elif end > high:
                ends[key] = low, end
            present.setdefault(key, read)
        for key in [key for key in always if key not in values]:
            absent[key] = read
            del always[key]
    return [
        Element(
            add.argument,
            add,
            known.get(key),
            present.get(key),
            absent.get(key),
            ends.get(key, (-1, -1))[1],
        )
        for key, add in first.items()
    ]


def _keep_earlier(known: dict[Key, Operation], key: Key, one: Operation) -> None:
    if key not in known or completion(one) < completion(known[key]):
        known[key] = one


def _wrong_members(adds: list[Operation], reads: list[Operation]) -> list[Anomaly]:
    """List phantoms and duplicates, each value once."""
    possible: dict[Key, int] = {}
    for add in adds:
        if add.type != "fail":
            possible.setdefault(key_of(add.argument), add.invoked)
    told: set[Key] = set()
    doubled: set[Key] = set()
    found = []
    # In order of completion: if any read shows a value before its add began, the first one does.
    for read in sorted(reads, key=completion):
        values = keyed(read.result)
        new = values.keys() - told
        told |= new
        end = completion(read)
        found += [
            _wrong("phantom", read, value, "was not added by anyone by then")
            for key, value in (values.items() if new else ())
            if key in new and not (key in possible and possible[key] < end)
        ]
        if len(values) < len(read.result):
            for key, count in Counter(map(key_of, read.result)).items():
                if count > 1 and key not in doubled:
                    doubled.add(key)
                    found.append(_wrong("duplicate", read, values[key], f"is there {count} times"))
    return found


def _wrong(kind: str, read: Operation, value: Any, what: str) -> Anomaly:
    where = f" at {read.node}" if read.node else ""
    reason = f"A read by process {read.process}{where} shows {shown(value)}, which {what}."
    return Anomaly(kind, reason, (read,), {"value": value, "node": read.node})


def _missing(kind: str, element: Element, replica: str) -> Anomaly:
    assert element.known is not None
    assert element.absent is not None
    how = "acknowledged" if element.known.f == element.add.f else "read"
    after = {
        "lost": "no read after that does",
        "stable": "a read after that does",
        "unsettled": "a read at the same time does",
    }[element.outcome]
    reason = (
        f"{shown(element.value)} was {how} by process {element.known.process}, and a later read "
        f"by process {element.absent.process}{f' at {replica}' if replica else ''} does not show "
        f"it; {after}."
    )
    last = () if element.present is None else (element.present,)
    told = {one.number: one for one in (element.add, element.known, element.absent, *last)}
    data = {"value": element.value, "node": replica or element.absent.node}
    return Anomaly(kind, reason, tuple(told.values()), data)


def _malformed(read: Operation) -> Anomaly:
    reason = f"A read by process {read.process} was answered with {shown(read.result)}, "
    reason += "which is no list of elements."
    return Anomaly("malformed", reason, (read,), {"value": read.result, "node": read.node})
