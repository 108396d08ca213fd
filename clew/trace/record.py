"""The record of what happened in a run, event by event, and the digest that identifies it.

A record is a tuple ``(time_ns, kind, ...)`` of JSON scalars and frozen bodies; `KINDS` says what
follows each kind. Links are numbered, and a record names them by number. The two kinds that come
once per message are stored short: a send as ``(time_ns, arrival_ns, message, link, body)``, where
the arrival is 0 if it is not known in advance, and a delivery at the recorded arrival as the bare
number of the message. Records are packed in batches: marshal's format 2 has no references, is the
same in every Python version and is four times faster than JSON, and its bytes take a fifth of the
memory of the objects. The digest is the SHA-256 of the packed records.
"""

from __future__ import annotations

import marshal
from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256
from itertools import zip_longest
from typing import Any, NamedTuple, TypeAlias

from clew.trace.kinds import ARRIVALS, KINDS, OF_MESSAGES

Record: TypeAlias = tuple[Any, ...]

Sent: TypeAlias = tuple[int, int, Any]
"""A message that was sent: its arrival, ns, or 0, its link and its body."""

BATCH = 512

_NAMES = {name: tuple(kind.fields) for name, kind in KINDS.items()}


class TraceEvent(NamedTuple):
    """One record, with names.

    Attributes:
        number: its rank in the trace, from 0.
        time: virtual nanoseconds.
        kind: a key of `KINDS`.
        fields: those that `KINDS` lists.
    """

    number: int
    time: int
    kind: str
    fields: dict[str, Any]

    @classmethod
    def of(cls, number: int, record: Record) -> TraceEvent:
        """Name the fields of a record."""
        time, kind, *rest = record
        return cls(number, time, kind, dict(zip(_NAMES[kind], rest, strict=True)))


class Trace:
    """A run's records and rolling digest.

    Args:
        keep: False keeps the digest only.
        on_batch: called after each full batch; the world checks its budgets there.

    Attributes:
        tap: gets the records of each full batch, as they are stored; None for nobody.
    """

    __slots__ = ("_chunks", "_hash", "_length", "_on_batch", "batch", "keep", "tap")

    def __init__(self, *, keep: bool = True, on_batch: Callable[[], None] | None = None) -> None:
        self.keep = keep
        self.batch: list[Record | int] = []
        self._chunks: list[bytes] = []
        self._hash = sha256()
        self._length = 0
        self._on_batch = on_batch
        self.tap: Callable[[list[Record | int]], None] | None = None

    def __len__(self) -> int:
        return self._length + len(self.batch)

    def add(self, *record: Any) -> None:
        """Record an event; values must be frozen already.

        The network appends to `batch` itself and calls `flush` when it is full.
        """
        self.batch.append(record)
        if len(self.batch) >= BATCH:
            self.flush()

    def flush(self) -> None:
        """Pack the batch into the digest."""
        if self.tap is not None:
            self.tap(self.batch)
        self._pack()
        if self._on_batch is not None:
            self._on_batch()

    def _pack(self) -> None:
        packed = marshal.dumps(self.batch, 2)
        self._hash.update(packed)
        self._length += len(self.batch)
        self.batch.clear()
        if self.keep:
            self._chunks.append(packed)

    def close(self) -> str:
        """End the trace with its run; return the digest of all records, 64 hexadecimal digits."""
        if self.batch:
            self._pack()
        return self._hash.hexdigest()

    def records(self) -> Iterator[Record]:
        """Go through all records in order, none of them short; nothing if `keep` is False."""
        for record in self.whole_records():
            yield record[:-2] if record[1] in OF_MESSAGES else record

    def whole_records(self) -> Iterator[Record]:
        """Do as `records`; those of `OF_MESSAGES` end with the link and the body of the message.

        What was sent is remembered here, as long as the message is under way.
        """
        sent: dict[int, Sent] = {}
        arrived: dict[int, Sent] | None = None  # for late copies: few traces have any
        # Invariant: `sent` has the link and body of every message under way, and of every copy.
        for record in self._stored() if self.keep else ():
            if isinstance(record, int):
                arrival, link, body = sent.pop(record)
                yield arrival, "deliver", record, link, body
            elif isinstance(record[1], int):
                time, arrival, message, link, body = record
                sent[message] = arrival, link, body
                yield time, "send", message, link, body
            elif record[1] in OF_MESSAGES:
                message = record[2]
                if record[1] in ARRIVALS:
                    _, link, body = sent.pop(message)
                else:
                    if message not in sent and arrived is None:
                        arrived = self._copied()
                    known = sent[message] if arrived is None else arrived[message]
                    _, link, body = sent[record[3]] = known
                yield *record, link, body
            else:
                yield record

    def _copied(self) -> dict[int, Sent]:
        """Find what was sent as each message of which a copy was made, in O(records)."""
        copies = {
            record[3]: record[2]
            for record in self._stored()
            if not isinstance(record, int) and record[1] == "duplicate"
        }
        roots = {message: _root(message, copies) for message in copies.values()}
        wanted = {*roots.values()}
        sent = {
            record[2]: (record[1], *record[3:])
            for record in self._stored()
            if not isinstance(record, int) and isinstance(record[1], int) and record[2] in wanted
        }
        return {message: sent[root] for message, root in roots.items()}

    def _stored(self) -> Iterator[Record | int]:
        for chunk in self._chunks:
            yield from marshal.loads(chunk)  # noqa: S302 - our own bytes
        yield from self.batch

    def events(self) -> Iterator[TraceEvent]:
        """Go through all records in order, with the names of their fields.

        Events of a message, or of a copy, also have its ``src``, ``dest`` and ``body``, so that no
        reader need remember what was sent.
        """
        ends: dict[int, dict[str, str]] = {}
        # A link's record comes before the first message on it, so that its ends are known.
        for number, record in enumerate(self.whole_records()):
            kind = record[1]
            fields = dict(zip(_NAMES[kind], record[2:], strict=False))
            if kind in OF_MESSAGES:
                fields.update(ends[record[-2]], body=record[-1])
            elif kind == "send":
                fields.update(ends[record[3]])
            elif kind == "link":
                ends[record[2]] = {"src": record[3], "dest": record[4]}
            yield TraceEvent(number, record[0], kind, fields)

    def dump(self) -> bytes:
        """Pack a closed trace, for `load` in another process of the same machine."""
        return marshal.dumps(self._chunks, 2)

    @classmethod
    def load(cls, dumped: bytes) -> Trace:
        """Unpack the trace that `dump` packed, with its digest."""
        trace = cls()
        for chunk in marshal.loads(dumped):  # noqa: S302 - our own bytes
            trace._chunks.append(chunk)
            trace._hash.update(chunk)
            trace._length += len(marshal.loads(chunk))  # noqa: S302
        return trace


def _root(message: int, copies: Mapping[int, int]) -> int:
    """Find the message of which a message is a copy, or a copy of a copy; itself if of none."""
    while message in copies:
        message = copies[message]
    return message


def first_difference(ours: Trace, theirs: Trace) -> tuple[int, Record | None, Record | None] | None:
    """Find the first record that differs: its rank and both; None if all are equal."""
    # Record by record from the beginning: up to the first that differs the runs are one.
    for number, (a, b) in enumerate(zip_longest(ours.records(), theirs.records())):
        if a != b:
            return number, a, b
    return None
