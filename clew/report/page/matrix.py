"""Who shows which value: what is lost, stale, or there twice, and what a counter's replicas say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple

from clew.checkers.values import Key, key_of
from clew.checkers.verdict import Anomaly, Result
from clew.history import Operation
from clew.trace import words

VALUES_MAX = 40
READERS_MAX = 12

KINDS = frozenset({"lost", "stale", "phantom", "duplicate", "disappeared", "false-empty"})
"""The anomalies of one value that some show and others don't."""

TOTALS = frozenset({"impossible-total", "diverged", "decreasing", "out-of-bounds"})
"""The anomalies of a counter."""

_UPDATES = frozenset({"add", "broadcast", "send", "enqueue"})
_WHOLE = frozenset({"read"})
"""The functions that show all there is; the others give out one value."""

_GIVING = frozenset({"dequeue", "drain", "generate"})

UNKNOWN, THERE, MISSING, TWICE, PHANTOM = range(5)
"""What a reader shows of a value; unknown where it need not know it yet."""


class Reader(NamedTuple):
    """Who shows values: a read, or a node that gives them out one by one.

    Attributes:
        label: the node, and the time where it read more than once.
        read: the read; None for what a node gave out.
        shown: how often it shows each value.
    """

    label: str
    read: Operation | None
    shown: Counter[Key]


def matrix(result: Result, first: Anomaly, operations: Sequence[Operation]) -> dict[str, Any]:
    """Describe values, readers, and what these show of those; empty if there is nothing to show.

    Args:
        result: the check's, with all its anomalies.
        first: the one that the page is about, whose value comes first.
        operations: all of the history.
    """
    same = [one for one in (first, *result.anomalies) if _is_like(one, first)]
    found = {key_of(one.data["value"]): one for one in reversed(same)}
    anomalies = [found[key] for key in dict.fromkeys(key_of(one.data["value"]) for one in same)]
    drawn = anomalies[:VALUES_MAX]
    # The operations of one key of many are told without the key by its anomalies alone.
    keyed = first.data.get("key") is not None
    pool = _once(chain.from_iterable(one.operations for one in same)) if keyed else operations
    readers = list(_readers(drawn, pool))
    if not readers:
        return {}
    sends = _sends(pool)
    rows = [_row(one, sends.get(key_of(one.data["value"]), ()), readers) for one in drawn]
    return {
        "readers": [[one.label, None if one.read is None else one.read.end] for one in readers],
        "rows": rows,
        "left": len(anomalies) - len(drawn),
        "leftOut": "other values that are wrong",
    }


def _is_like(one: Anomaly, first: Anomaly) -> bool:
    """Return whether an anomaly is of one value, and of the same object as the first."""
    return (
        one.kind in KINDS and "value" in one.data and one.data.get("key") == first.data.get("key")
    )


def _once(operations: Iterable[Operation]) -> list[Operation]:
    found = {one.number: one for one in operations}
    return [found[number] for number in sorted(found)]


def _sends(operations: Iterable[Operation]) -> dict[Key, list[Operation]]:
    sends: dict[Key, list[Operation]] = {}
    for one in operations:
        if one.f in _UPDATES:
            sends.setdefault(key_of(one.argument), []).append(one)
    return sends


def _readers(anomalies: Sequence[Anomaly], operations: Iterable[Operation]) -> Iterator[Reader]:
    """Yield the reads that show what is wrong, and the last of each node; or what nodes gave."""
    last: dict[str, Operation] = {}
    given: dict[str, Counter[Key]] = {}
    for one in operations:
        if one.type != "ok":
            continue
        if one.f in _WHOLE and isinstance(one.result, list):
            last[_name(one)] = one
        elif one.f in _GIVING and one.result is not None:
            many = one.f == "drain" and isinstance(one.result, list)
            values = one.result if many else [one.result]
            given.setdefault(_name(one), Counter()).update(map(key_of, values))
    told = [
        one
        for anomaly in anomalies
        for one in anomaly.operations
        if one.f in _WHOLE and isinstance(one.result, list)
    ]
    # The first anomaly's reads and the last of each node come before what others add.
    chosen = _chosen(told, last)
    names = Counter(map(_name, chosen))
    for one in sorted(chosen, key=lambda read: (len(_name(read)), _name(read), read.invoked)):
        label = _name(one)
        if names[label] > 1:
            label += f" {words.time(one.end)}" if one.end is not None else f" ({one.number})"
        yield Reader(label, one, Counter(map(key_of, one.result)))
    for name in sorted(given, key=lambda name: (len(name), name))[:READERS_MAX]:
        yield Reader(name, None, given[name])


def _chosen(told: Sequence[Operation], last: Mapping[str, Operation]) -> list[Operation]:
    first = {one.number: one for one in [*told[:2], *last.values(), *told]}
    return [*first.values()][:READERS_MAX]


def _name(one: Operation) -> str:
    return one.node or f"process {one.process}"


def _row(anomaly: Anomaly, sends: Sequence[Operation], readers: Sequence[Reader]) -> list[Any]:
    value = anomaly.data["value"]
    real = [one for one in sends if one.type != "fail"]
    done = [one.completed for one in real if one.type == "ok" and one.completed is not None]
    known = min(done, default=None)
    sent = "; ".join(f"{words.who(one)}: {words.operation(one)}" for one in sends[:3])
    return [
        words.value(value),
        anomaly.kind,
        sent,
        [_cell(key_of(value), reader, real, known, anomaly.kind) for reader in readers],
    ]


def _cell(
    key: Key, reader: Reader, sends: Sequence[Operation], known: int | None, kind: str
) -> list[int]:
    """Return what a reader shows of a value, and how often it does."""
    count = reader.shown[key]
    if count > max(len(sends), 1) or (count > 1 and kind == "duplicate"):
        return [TWICE, count]
    if count:
        return [PHANTOM if kind == "phantom" else THERE, count]
    late = reader.read is not None and known is not None and known < reader.read.invoked
    return [MISSING if late else UNKNOWN, 0]


def totals(result: Result) -> dict[str, Any]:
    """Describe what a counter's reads show beside what they may show."""
    finals: Mapping[str, int] = result.statistics.get("final_reads", {})
    rows = [[name, words.value(shown), "final read"] for name, shown in finals.items()]
    # Reads on the way that are wrong by themselves.
    for anomaly in result.anomalies:
        if anomaly.kind not in {"decreasing", "out-of-bounds"}:
            continue
        data = anomaly.data
        bounds = f"at least {data['least']}, at most {data['most']}" if "least" in data else ""
        for one in anomaly.operations[-2:]:
            told = bounds or f"read{f' at {words.time(one.end)}' if one.end is not None else ''}"
            rows.append([_name(one), words.value(one.result), told])
    total = result.statistics.get("acknowledged_sum")
    return {
        "rows": rows[:VALUES_MAX],
        "sum": words.value(total) if total is not None else "",
        "unknown": result.statistics.get("unknown_adds", 0),
        "left": max(len(rows) - VALUES_MAX, 0),
        "leftOut": "other reads",
    }
