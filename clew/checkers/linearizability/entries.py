"""From a history to the partitions that are searched one by one.

An entry is an operation as the engines see it: its interval and its frozen call. Operations that
failed did not happen and have none. Pending operations have no end.

Source: Horn and Kroening, "Faster linearizability checking via P-compositionality", FORTE 2015.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

from clew.checkers.keys import ASKS, PAIRS, is_pair, keying
from clew.checkers.linearizability.specification import (
    LOOSE,
    STRICT,
    UNANSWERED,
    Specification,
    freeze,
)
from clew.errors import HistoryError
from clew.history import History, Operation

__all__ = ["NEVER", "Entry", "Partition", "is_pair", "partitions"]

NEVER = 1 << 62
"""The position of a response that never came, where one must compare."""


class Entry(NamedTuple):
    """One operation of a partition.

    Attributes:
        invoked: position of the invocation in the history.
        completed: position of the completion; None where it is pending.
        f: the function.
        argument: the frozen argument, without its key.
        result: the frozen result, without its key; `UNANSWERED` where it is pending.
        number: the operation's number in the history.
    """

    invoked: int
    completed: int | None
    f: str
    argument: Any
    result: Any
    number: int


class Partition(NamedTuple):
    """Operations whose linearizability does not depend on any others.

    Attributes:
        key: the key that they share; None where the history is one partition.
        entries: in order of invocation.
    """

    key: Hashable
    entries: list[Entry]


def partitions(specification: Specification, history: History) -> list[Partition]:
    """The history's partitions, those with the fewest entries first; O(n).

    Raises:
        HistoryError: an operation's ``f`` is unknown to the specification, a keyed specification
            meets an argument that has no key, or only some operations have one.
    """
    operations = history.operations
    _refuse_unknown(specification, history)
    keyed = specification.keyed
    bare = False
    if keyed is None:
        how = keying(history, specification.pairs)
        keyed, bare = how != "none", how == "bare"
    kinds = STRICT if specification.strict_truth else LOOSE
    if not keyed:
        found = _by_part(specification, None, _entries(operations, kinds))
    else:
        by_key = _entries_by_key(history, kinds, bare=bare)
        found = [
            part for key, group in by_key.items() for part in _by_part(specification, key, group)
        ]
    return sorted(found, key=_size)


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
    for operation in operations:
        number, _, f, kind, argument, result, invoked, completed, _, _, _, _ = operation
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


def _entries_by_key(
    history: History, kinds: frozenset[type], *, bare: bool
) -> dict[Hashable, list[Entry]]:
    by_key: dict[Hashable, list[Entry]] = {}
    new = tuple.__new__
    for operation in history.operations:
        number, _, f, kind, argument, result, invoked, completed, _, _, _, _ = operation
        if kind == "fail":
            continue
        unkeyed = False
        if type(argument) in PAIRS and len(argument) == 2:  # noqa: PLR2004 - a pair
            key, argument = argument
            unkeyed = bare and argument is None and f in ASKS
        else:
            key, argument = _bare_key(operation, history), None
        if type(key) in kinds:
            key = freeze(key, kinds)
        if type(argument) in kinds:
            argument = freeze(argument, kinds)
        if kind == "info":
            completed, result = None, UNANSWERED
        elif type(result) in kinds:
            result = freeze(result, kinds)
            if not unkeyed and is_pair(result) and result[0] == key:
                result = result[1]
        group = by_key.get(key)
        if group is None:
            group = by_key[key] = []
        group.append(new(Entry, (invoked, completed, f, argument, result, number)))
    return by_key


def _bare_key(operation: Operation, history: History) -> Any:
    """The key of an operation whose argument is nothing else."""
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
    """The part as an explanation calls it; a tuple of one stands for its element."""
    return part[0] if isinstance(part, tuple) and len(part) == 1 else part
