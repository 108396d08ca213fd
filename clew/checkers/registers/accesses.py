"""Reads and writes of registers, sorted into sessions, each read with the write it reads from.

The checkers of session guarantees, causality and sequential consistency all start here. They
need written values to be unique for each key: only then is it known which write a read saw.

Operations are ``write`` and ``read``. A register's write has its value as argument and a read
its value as result; where there are several registers, a write's argument is ``[key, value]``, a
read's argument ``[key, null]`` or the key, and its result ``[key, value]``. None is the initial
value where no other is said.

A session is what one process does until an operation of unknown outcome: a process that goes on
after that is read as a new client. Writes of unknown outcome count only where some read saw them;
failed operations and unanswered reads never do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from clew.checkers.keys import readings
from clew.checkers.values import Key, initial_hint, key_of, listed, sentence, shown
from clew.checkers.verdict import Anomaly, Budget, Result, Verdict
from clew.history import History, Operation
from clew.machine.garbage import uncollected

INITIAL = -1


class Access(NamedTuple):
    """One read or write.

    Attributes:
        key: the register, as a dictionary key.
        value: what was written or read, as a dictionary key.
        source: for a read, the index of the write it saw, or `INITIAL`; for a write `INITIAL`.
        session: the index of its session.
        rank: its place in the session, from 0.
    """

    operation: Operation
    is_write: bool
    key: Key
    value: Key
    source: int
    session: int
    rank: int

    @property
    def text(self) -> str:
        """The access in words, such as ``process 1 wrote 5 to "x"``."""
        one = self.operation
        verb = "wrote" if self.is_write else "read"
        value = shown(value_of(one, self.key))
        where = (
            "" if self.key is None else f" {'to' if self.is_write else 'from'} {_bare(self.key)}"
        )
        return f"process {one.process} {verb} {value}{where}"

    @property
    def shown_value(self) -> str:
        """The value as a report prints it, with its key where there are several."""
        value = shown(value_of(self.operation, self.key))
        return value if self.key is None else f"{_bare(self.key)} = {value}"


def _bare(key: Key) -> str:
    return str(key[0]) if isinstance(key, tuple) else str(key)


def value_of(one: Operation, key: Key) -> Any:
    """Return the value that an operation wrote or read; ``key`` is None for a single register."""
    if key is None:
        return _unsplit(one)
    return _split(one)[1]


_PAIR = 2


@dataclass(slots=True)
class Accesses:
    """All accesses in a history that count.

    Attributes:
        all: the accesses; an index into this list names one everywhere else.
        sessions: for each session the indices of its accesses in order.
        writers: for each key its writes, per session the indices in order.
        ranks: the same with each write's rank in place of its index.
        impossible: an anomaly ``thin-air-read`` for each read of a value that no write can have
            left; such reads are not among the accesses.
        repeated: where a value was written more than once, a sentence that says so; a read's
            source is then one write of its value, and need not be the one it saw.
    """

    all: list[Access] = field(default_factory=list)
    sessions: list[list[int]] = field(default_factory=list)
    writers: dict[Key, dict[int, list[int]]] = field(default_factory=dict)
    ranks: dict[Key, dict[int, list[int]]] = field(default_factory=dict)
    impossible: list[Anomaly] = field(default_factory=list)
    repeated: str = ""

    @property
    def reads(self) -> list[int]:
        """The indices of all reads."""
        return [index for index, one in enumerate(self.all) if not one.is_write]

    @property
    def registers(self) -> dict[Key, list[int]]:
        """For each key the indices of its accesses."""
        found: dict[Key, list[int]] = {}
        for index, one in enumerate(self.all):
            found.setdefault(one.key, []).append(index)
        return found

    def operations(self, indices: Sequence[int]) -> tuple[Operation, ...]:
        """Return the operations of some accesses, each once, in the order given."""
        return tuple(self.all[index].operation for index in dict.fromkeys(indices))


@dataclass(frozen=True, slots=True, kw_only=True)
class OfRegisters:
    """A checker of accesses; a subclass gives the verdict on them.

    Args:
        initial: the value of every register before its first write.
        name: the word in the report.
    """

    initial: Any = None
    name: str = "registers"

    def check(self, history: History, budget: Budget) -> Result:
        """Return UNKNOWN if a value is written twice, or an operation is no read or write."""
        found = accesses_of(self.name, history, self.initial)
        if isinstance(found, Result):
            return found
        with uncollected():
            return self._judge(found, budget)

    def _judge(self, found: Accesses, budget: Budget) -> Result:
        raise NotImplementedError


class _Raw(NamedTuple):
    operation: Operation
    key: Key
    value: Key
    session: int


def accesses_of(
    name: str, history: History, initial: Any = None, *, repeated: bool = False
) -> Accesses | Result:
    """Read the accesses of a history, or return UNKNOWN if this check can't decide it. O(n).

    Where ``repeated``, a value may be written more than once; `Accesses.repeated` says whether one
    was.

    Raises:
        HistoryError: only some operations have a key.
    """
    nothing = key_of(initial)
    strange = sorted({one.f for one in history.operations} - {"read", "write"})
    if strange:
        why = f"{listed(strange)} is neither read nor write, so what reads saw is not known."
        return Result(name, Verdict.UNKNOWN, sentence(why))
    readings(history)  # it refuses a history in which only some operations have a key
    raw = _raw(history.operations)
    writes: dict[tuple[Key, Key], list[_Raw]] = {}
    for one in raw:
        if one.operation.f == "write":
            writes.setdefault((one.key, one.value), []).append(one)
    ambiguous = next((some[0] for some in writes.values() if _ambiguous(some, nothing)), None)
    why = "" if ambiguous is None else _unknown_source(ambiguous, nothing)
    if why and not repeated:
        return Result(name, Verdict.UNKNOWN, why)
    found = _link(raw, writes, nothing)
    found.repeated = why
    if not found.all and not found.impossible:
        return Result(name, Verdict.UNKNOWN, "No read or write was answered.")
    return found


def _unknown_source(write: _Raw, nothing: Key) -> str:
    value = shown(value_of(write.operation, write.key))
    first = "was there at first and was written" if write.value == nothing else ""
    return (
        f"{value} {first or 'was written more than once'}, so it is not known which write a read "
        "saw."
    )


def _ambiguous(writes: list[_Raw], nothing: Key) -> bool:
    live = [one for one in writes if one.operation.type != "fail"]
    return len(live) > 1 or (bool(live) and live[0].value == nothing)


def _raw(operations: Sequence[Operation]) -> list[_Raw]:
    calls = [one.argument for one in operations if one.f == "write"]
    calls = calls or [one.argument for one in operations]
    asked = [one.argument for one in operations if one.f == "read"]
    keyed = all(isinstance(call, list | tuple) and len(call) == _PAIR for call in calls)
    keyed = keyed and all(argument is not None for argument in asked)
    sessions: dict[Any, int] = {}
    count = 0
    found = []
    # Invariant: `sessions` has for each process the session that is open.
    for one in operations:
        if one.process not in sessions:
            sessions[one.process] = count
            count += 1
        key, value = _split(one) if keyed else (None, _unsplit(one))
        found.append(_Raw(one, key, key_of(value), sessions[one.process]))
        if one.type == "info":
            del sessions[one.process]
    return found


def _split(one: Operation) -> tuple[Key, Any]:
    argument = one.argument
    pair = isinstance(argument, list | tuple) and len(argument) == _PAIR
    key = key_of(argument[0] if pair else argument)
    if one.f == "write":
        return key, argument[1]
    result = one.result
    if isinstance(result, list | tuple) and len(result) == _PAIR and key_of(result[0]) == key:
        result = result[1]
    return key, result


def _unsplit(one: Operation) -> Any:
    return one.argument if one.f == "write" else one.result


def _link(raw: list[_Raw], writes: dict[tuple[Key, Key], list[_Raw]], nothing: Key) -> Accesses:
    """Drop accesses that do not count, and number the rest."""
    found = Accesses()
    counted = _counted(raw, writes, nothing, found.impossible)
    index_of = {one.operation.number: index for index, one in enumerate(counted)}
    places: dict[int, int] = {}
    # A read may see a write that stands later in the history; its index is known beforehand.
    for index, one in enumerate(counted):
        session = places.setdefault(one.session, len(places))
        if session == len(found.sessions):
            found.sessions.append([])
        is_write = one.operation.f == "write"
        source = INITIAL
        if not is_write and one.value != nothing:
            source = index_of[_live(writes[one.key, one.value])[0].operation.number]
        rank = len(found.sessions[session])
        access = Access(one.operation, is_write, one.key, one.value, source, session, rank)
        found.all.append(access)
        found.sessions[session].append(index)
        if is_write:
            found.writers.setdefault(one.key, {}).setdefault(session, []).append(index)
            found.ranks.setdefault(one.key, {}).setdefault(session, []).append(rank)
    return found


def _counted(
    raw: list[_Raw],
    writes: dict[tuple[Key, Key], list[_Raw]],
    nothing: Key,
    impossible: list[Anomaly],
) -> list[_Raw]:
    seen = {(one.key, one.value) for one in raw if one.operation[2:4] == ("read", "ok")}
    counted = []
    # A write of unknown outcome took effect for certain only where somebody read it.
    for one in raw:
        name = (one.key, one.value)
        kind = one.operation.type
        if one.operation.f == "write":
            if kind == "ok" or (kind == "info" and name in seen):
                counted.append(one)
        elif kind == "ok":
            if one.value == nothing or _live(writes.get(name, [])):
                counted.append(one)
            else:
                impossible.append(_thin_air(one, writes.get(name, []), nothing))
    return counted


def _live(writes: list[_Raw]) -> list[_Raw]:
    return [one for one in writes if one.operation.type != "fail"]


def _thin_air(read: _Raw, failed: list[_Raw], nothing: Key) -> Anomaly:
    one = read.operation
    value = value_of(one, read.key)
    hint = initial_hint(value) if nothing == key_of(None) and not failed else ""
    why = "whose write failed" if failed else "which nobody wrote"
    reason = f"Process {one.process} read {shown(value)}, {why}.{hint}"
    operations = (*(write.operation for write in failed), one)
    data = {"value": one.result, "node": one.node}
    return Anomaly("thin-air-read", reason, operations, data)
