"""From a history to the partitions that are searched one by one.

An entry is an operation as the engines see it: its interval and its frozen call. Operations that
failed did not happen and have none. Pending operations have no end.

Source: Horn and Kroening, "Faster linearizability checking via P-compositionality", FORTE 2015.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

from clew.checkers.keys import ASKS, PAIRS, PLAIN, Keying, is_pair, said_readings
from clew.checkers.linearizability.specification import (
    LOOSE,
    STRICT,
    UNANSWERED,
    Specification,
    freeze,
)
from clew.errors import HistoryError
from clew.history import History, Operation

NEVER = 1 << 62
"""The position of a response that never came, for comparisons."""


class Entry(NamedTuple):
    """One operation of a partition.

    Attributes:
        invoked: position of the invocation in the history.
        completed: position of the completion; None if it is pending.
        f: the function.
        argument: the frozen argument, without its key.
        result: the frozen result, without its key; `UNANSWERED` if it is pending.
        number: the operation's number in the history.
    """

    invoked: int
    completed: int | None
    f: str
    argument: Any
    result: Any
    number: int


def end(entry: Entry) -> int:
    """Return the position of the response; `NEVER` if there is none."""
    return NEVER if entry.completed is None else entry.completed


def in_order(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """Sort the entries by invocation."""
    return tuple(sorted(entries, key=_INVOKED))


_INVOKED = itemgetter(0)


class Partition(NamedTuple):
    """Operations whose linearizability does not depend on any others.

    Attributes:
        key: the key that they share; None if the history is one partition.
        entries: in order of invocation.
    """

    key: Hashable
    entries: list[Entry]


def partitions(
    specification: Specification, history: History, how: Keying | None = None
) -> list[Partition]:
    """Split the history into its partitions, those with the fewest entries first; O(n).

    Raises:
        HistoryError: an operation's ``f`` is unknown to the specification, a keyed specification
            meets an argument that has no key, or only some operations have one.
    """
    operations = history.operations
    _refuse_unknown(specification, history)
    how = how or ways(specification, history)[0]
    kinds = STRICT if specification.strict_truth else LOOSE
    if how == "none":
        found = _by_part(specification, None, _entries(operations, kinds))
    else:
        by_key = _entries_by_key(history, kinds, bare=how == "bare")
        found = _of_keys(specification, by_key)
    return sorted(found, key=_size)


def sure_partitions(specification: Specification, history: History) -> list[Partition] | None:
    """Split a history that shows its keys as most keyed ones do; None if it is another.

    It is read once, where `ways` and `partitions` take several passes: every argument is a pair,
    something asks with ``[key, null]``, and what asks is answered with its own key. O(n).

    Raises:
        HistoryError: an operation's ``f`` is unknown to the specification.
    """
    if specification.keyed is not None:
        return None
    kinds = STRICT if specification.strict_truth else LOOSE
    by_key = _entries_by_shown_key(history, kinds, specification.pairs)
    if by_key is None:
        return None
    _refuse_unknown(specification, history)
    return sorted(_of_keys(specification, by_key), key=_size)


def _of_keys(specification: Specification, by_key: dict[Hashable, list[Entry]]) -> list[Partition]:
    return [part for key, group in by_key.items() for part in _by_part(specification, key, group)]


def ways(
    specification: Specification, history: History, *, keyed: bool | None = None
) -> tuple[Keying, ...]:
    """List the ways to read the history, the likelier first; one if it is specified."""
    if specification.keyed is None:
        return said_readings(history, specification.pairs, keyed=keyed)
    return ("pairs",) if specification.keyed else ("none",)


def _size(partition: Partition) -> int:
    return len(partition.entries)


def _refuse_unknown(specification: Specification, history: History) -> None:
    known = specification.functions
    operations = history.operations
    if not known or set(map(itemgetter(2), operations)).issubset(known):
        return
    first = next(each for each in operations if each.f not in known)
    raise HistoryError(
        f"the specification {specification.name} knows no operation {first.f}",
        where=history.place(first.invoked),
        expected=f"one of {', '.join(known)}",
        found=first.f,
        fix="Choose the specification of the object that was tested",
    )


def _entries(operations: Sequence[Operation], kinds: frozenset[type]) -> list[Entry]:
    # One pass without calls: on long histories this loop is a large share of the check.
    entries = []
    new = tuple.__new__
    for operation in map(_SEEN, operations):
        number, _, f, kind, argument, result, invoked, completed = operation
        if kind == "fail":
            continue
        if type(argument) in kinds:
            argument = freeze(argument, kinds)
        if kind == "info":
            entries.append(new(Entry, (invoked, None, f, argument, UNANSWERED, number)))
            continue
        if type(result) in kinds:
            result = freeze(result, kinds)
        entries.append(new(Entry, (invoked, completed, f, argument, result, number)))
    return entries


_SEEN = itemgetter(slice(8))
"""What entries are made of; a plain tuple, which is unpacked faster than a named one."""


def _entries_by_key(  # noqa: C901 - one pass without calls, as above
    history: History, kinds: frozenset[type], *, bare: bool
) -> dict[Hashable, list[Entry]]:
    by_key: dict[Hashable, list[Entry]] = {}
    new = tuple.__new__
    operations = history.operations
    for operation in map(_SEEN, operations):
        number, _, f, kind, argument, result, invoked, completed = operation
        if kind == "fail":
            continue
        unkeyed = False
        if type(argument) in PAIRS and len(argument) == 2:  # noqa: PLR2004 - a pair
            key, argument = argument
            unkeyed = argument is None and bare and f in ASKS
        else:
            key, argument = _bare_key(operations[number], history), None
        # A key is no value of the object: 1 and true are two keys for every specification.
        if type(key) in STRICT:
            key = freeze(key)
        if type(argument) in kinds:
            argument = freeze(argument, kinds)
        if kind == "info":
            completed, result = None, UNANSWERED
        elif type(result) in kinds:
            if type(result) in PAIRS and len(result) == 2 and not unkeyed:  # noqa: PLR2004
                own = result[0]
                # A result may repeat the key of the request; what is left is the value.
                if own is key or freeze(own) == key:
                    result = result[1]
            if type(result) in kinds:
                result = freeze(result, kinds)
        group = by_key.get(key)
        if group is None:
            group = by_key[key] = []
        group.append(new(Entry, (invoked, completed, f, argument, result, number)))
    return by_key


def _entries_by_shown_key(  # noqa: C901 - one pass without calls, as above
    history: History, kinds: frozenset[type], pairs: Sequence[str]
) -> dict[Hashable, list[Entry]] | None:
    by_key: dict[Hashable, list[Entry]] = {}
    new = tuple.__new__
    is_shown = False
    # Invariant: every operation so far has a key, and what asked was answered with its own.
    for operation in map(_SEEN, history.operations):
        number, _, f, kind, argument, result, invoked, completed = operation
        if type(argument) not in PAIRS or len(argument) != 2:  # noqa: PLR2004 - a pair
            return None
        key, argument = argument
        if type(key) not in PLAIN or (f in pairs and not is_pair(argument)):
            return None
        if kind == "fail":
            continue
        if kind == "info":
            completed, result = None, UNANSWERED
        elif type(result) in PAIRS and len(result) == 2:  # noqa: PLR2004
            own, result = result
            if own is not key and (own != key or type(own) not in PLAIN):
                return None
            is_shown = is_shown or (argument is None and f in ASKS)
        elif argument is None and f in ASKS and result is not None:
            return None
        if type(argument) in kinds:
            argument = freeze(argument, kinds)
        if type(result) in kinds:
            result = freeze(result, kinds)
        group = by_key.get(key)
        if group is None:
            group = by_key[key] = []
        group.append(new(Entry, (invoked, completed, f, argument, result, number)))
    return by_key if is_shown else None


def _bare_key(operation: Operation, history: History) -> Any:
    """Return the key of an operation whose argument is nothing else."""
    if operation.argument is None or type(operation.argument) in LOOSE:
        raise HistoryError(
            f"{operation.f} has no key",
            where=history.place(operation.invoked),
            expected="an argument [key, value]",
            found=repr(operation.argument),
            fix="Write the key first in every value",
        )
    return operation.argument


def _by_part(specification: Specification, key: Hashable, entries: list[Entry]) -> list[Partition]:
    whole = [Partition(key, entries)]
    if type(specification).partition is Specification.partition:
        return whole
    parts: dict[Hashable, list[Entry]] = {}
    for entry in entries:
        part = specification.partition(entry.f, entry.argument, entry.result)
        if part is None:
            return whole
        parts.setdefault(part, []).append(entry)
    named = [(_name(part), group) for part, group in parts.items()]
    return [Partition(name if key is None else (key, name), group) for name, group in named]


def _name(part: Hashable) -> Hashable:
    """Name the part as an explanation does; a tuple of one stands for its element."""
    return part[0] if isinstance(part, tuple) and len(part) == 1 else part
