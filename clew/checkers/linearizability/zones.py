"""Registers whose written values are unique, decided by `clew.checkers.zones` in O(n log n).

The initial value is a cluster whose write came before everything. A pending write happened only
if it was read, and has no response. With numpy present large histories are decided by it; both
ways give the same answer.

Source: Gibbons and Korach, "Testing shared memories", SIAM J. Comput. 1997, section 4.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from operator import itemgetter, le
from typing import Any, TypeAlias

from clew.checkers.linearizability.entries import NEVER, Entry, end, in_order
from clew.checkers.linearizability.specification import Specification
from clew.checkers.linearizability.specifications.key_value import KeyValue
from clew.checkers.linearizability.specifications.registers import CasRegister, Register
from clew.checkers.zones import clashes

NUMPY_ENTRIES_MIN = 200
NUMPY_OPERATIONS_MIN = 2_000
"""Of a partition, and of the history: to load numpy takes longer than to judge a short one."""


ZONED = frozenset({Register, CasRegister, KeyValue})
"""The specifications that it may apply to."""


def broken_zones(  # noqa: PLR0911 - each is a reason that it does not apply
    specification: Specification,
    entries: Sequence[Entry],
    among: int = 0,
    *,
    vectors: bool | None = None,
) -> tuple[Entry, ...] | None:
    """Find entries that break the rule of zones; empty if none do, None if it does not apply.

    It applies to registers and key-value stores whose operations are reads and writes, and whose
    values are written once each and never equal to the initial one.

    Numpy is used if ``vectors`` asks for it; else, if it is installed, for a large partition
    of a history of very many operations, ``among``.
    """
    if type(specification) not in ZONED:
        return None
    assert isinstance(specification, Register | KeyValue)
    if vectors is None and _holds(specification, entries):
        return ()
    split = _writes_and_reads(specification, entries)
    if split is None:
        return None
    writes, reads = split
    first = specification.first
    values = dict(zip(map(itemgetter(3), writes), range(1, len(writes) + 1), strict=True))
    if len(values) < len(writes) or first in values:
        return None
    values[first] = 0
    results = _empty_reads(specification, values, reads)
    if results is None:
        return None
    clusters = [values.get(result, -1) for result in results]
    if vectors is None:
        is_long = max(among, len(entries)) >= NUMPY_OPERATIONS_MIN
        vectors = is_long and len(entries) >= NUMPY_ENTRIES_MIN
    np = _numpy() if vectors else None
    if np is None:
        suspects = _by_hand(writes, reads, clusters)
    else:
        suspects = _vectorised(np, writes, reads, clusters)
    if suspects is None:
        return ()
    return _evidence(suspects, writes, reads, clusters)


def _holds(  # noqa: C901 - one pass without calls
    specification: Register | KeyValue, entries: Sequence[Entry]
) -> bool:
    """Return True if the rule applies and is surely kept: one pass, and nothing that shows more.

    A value is an answer of no write, or one that is not sure, to what follows.
    """
    first = specification.first
    begun, ends, starts = {first: -1}, {first: -1}, {first: -1}
    early: list[Entry] = []
    # Invariant: for each value written so far when its write began, and its zone's ends so far.
    for entry in entries:
        invoked, completed, f, argument, result, _ = entry
        if f in _WRITES:
            if argument in begun:
                return False
            begun[argument] = starts[argument] = invoked
            ends[argument] = NEVER if completed is None else completed
        elif f not in _READS:
            return False
        elif completed is None:
            continue
        elif result not in begun:
            early.append(entry)
        else:
            starts[result] = invoked
            if completed < ends[result]:  # noqa: PLR1730 - a call would double its cost
                ends[result] = completed
    for invoked, completed, _, _, result, _ in early:
        if completed is None or completed < begun.get(result, NEVER):
            return False
        starts[result] = max(starts[result], invoked)
        ends[result] = min(ends[result], completed)
    if "" in begun and isinstance(specification, KeyValue):
        return False
    return _apart(list(zip(ends.values(), starts.values(), strict=True)))


def _apart(zones: Sequence[tuple[int, int]]) -> bool:
    """Return whether nothing clashes, as `clew.checkers.zones.clashes` has it."""
    forward = sorted([zone for zone in zones if zone[0] < zone[1]])
    begins = [begin for begin, _ in forward]
    highs = [high for _, high in forward]
    if not all(map(le, highs, begins[1:])):
        return False
    for end_, start in zones:
        if start <= end_:
            place = bisect_left(begins, start)
            if place and end_ < highs[place - 1]:
                return False
    return True


@cache
def _numpy() -> Any:
    """Return the module, if it is installed."""
    try:
        return import_module("numpy")
    except ImportError:  # pragma: no cover - depends on the machine
        return None


Suspects: TypeAlias = tuple[int, ...]
"""What breaks the rule: two clusters; or one read, as -1 and its index."""


def _writes_and_reads(
    specification: Register | KeyValue, entries: Sequence[Entry]
) -> tuple[list[Entry], list[Entry]] | None:
    """Return the writes and the completed reads; None if there are other operations."""
    names = set(map(itemgetter(2), entries))
    if not names <= {"read", "write", "get", "put"}:
        return None
    writes, reads = [], []
    for entry in entries:
        if entry[2] in _WRITES:
            writes.append(entry)
        elif entry[1] is not None:
            reads.append(entry)
    if isinstance(specification, Register) and specification.nil_reads == "any":
        reads = [entry for entry in reads if entry.result is not None]
    return writes, reads


_READS, _WRITES = frozenset({"read", "get"}), frozenset({"write", "put"})


def _empty_reads(
    specification: Specification, values: dict[Any, int], reads: Sequence[Entry]
) -> list[Any] | None:
    """Return what the reads returned, nil if a get of "" found a missing key.

    None if it may have found either.
    """
    results = list(map(itemgetter(4), reads))
    if not isinstance(specification, KeyValue) or None not in values:
        return results
    empty = [entry.f == "get" and entry.result == "" for entry in reads]
    if not any(empty):
        return results
    # The empty string was written too: either may have been read, and zones need to know which.
    if "" in values:
        return None
    return [None if each else result for each, result in zip(empty, results, strict=True)]


def _by_hand(
    writes: Sequence[Entry], reads: Sequence[Entry], clusters: Sequence[int]
) -> Suspects | None:
    begun = [-1] + [entry.invoked for entry in writes]
    responses = [-1, *map(end, writes)]
    invocations = list(begun)
    # Invariant: per cluster the earliest response and the latest invocation so far: the ends of its
    # zone. Cluster 0 is that of the initial value, whose write came before all.
    for index, cluster in enumerate(clusters):
        entry = reads[index]
        completed = end(entry)
        if cluster < 0 or completed < begun[cluster]:
            return (-1, index)
        responses[cluster] = min(responses[cluster], completed)
        invocations[cluster] = max(invocations[cluster], entry.invoked)
    return next(clashes(responses, invocations), None)


def _vectorised(
    np: Any, writes: Sequence[Entry], reads: Sequence[Entry], clusters: Sequence[int]
) -> Suspects | None:
    count = len(writes) + 1
    begun = np.full(count, -1, dtype=np.int64)
    responses = np.full(count, -1, dtype=np.int64)
    if writes:
        begun[1:], responses[1:] = _times(np, writes)
    invocations = begun.copy()
    if reads:
        of = np.array(clusters, dtype=np.int64)
        starts, ends = _times(np, reads)
        wrong = (of < 0) | (ends < begun[of])
        if wrong.any():
            return (-1, int(wrong.argmax()))
        np.minimum.at(responses, of, ends)
        np.maximum.at(invocations, of, starts)
    # `zones.clashes` on arrays: each forward zone against the one that begins next.
    forward = np.flatnonzero(responses < invocations)
    forward = forward[np.argsort(responses[forward])]
    low, high = responses[forward], invocations[forward]
    overlap = low[1:] < high[:-1]
    if overlap.any():
        first = int(overlap.argmax())
        return (int(forward[first]), int(forward[first + 1]))
    if not len(forward):
        return None
    # No two forward zones overlap here, so of those that begin before a backward one the last is
    # also the one that reaches furthest.
    backward = np.flatnonzero(invocations < responses)
    place = np.searchsorted(low, invocations[backward], side="left") - 1
    inside = (place >= 0) & (responses[backward] < high[place])
    if inside.any():
        index = int(inside.argmax())
        return (int(forward[place[index]]), int(backward[index]))
    return None


def _times(np: Any, entries: Sequence[Entry]) -> tuple[Any, Any]:
    """Return the invocations and the responses as arrays; `NEVER` for no response."""
    count = len(entries)
    invoked = np.fromiter(map(itemgetter(0), entries), dtype=np.int64, count=count)
    completed = list(map(itemgetter(1), entries))
    if None in completed:
        completed = [NEVER if each is None else each for each in completed]
    return invoked, np.fromiter(completed, dtype=np.int64, count=count)


def _evidence(
    suspects: Suspects, writes: Sequence[Entry], reads: Sequence[Entry], clusters: Sequence[int]
) -> tuple[Entry, ...]:
    """Return the entries that make the suspects what they are, in order of invocation."""
    if suspects[0] == -1:
        read = reads[suspects[1]]
        cluster = clusters[suspects[1]]
        chosen = [read] if cluster < 0 else [writes[cluster - 1], read]
        return in_order(chosen)
    found: dict[int, Entry] = {}
    # A zone is set by two operations, the first to end and the last to begin; with the write they
    # are all that the rule speaks of.
    for suspect in suspects:
        members = [reads[at] for at, cluster in enumerate(clusters) if cluster == suspect]
        if suspect > 0:
            members.append(writes[suspect - 1])
            found[members[-1].number] = members[-1]
        first = min(members, key=end)
        last = max(members, key=itemgetter(0))
        found[first.number] = first
        found[last.number] = last
    return in_order(found.values())
