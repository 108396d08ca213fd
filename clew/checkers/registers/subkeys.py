"""Inserts in order, read back newest first: the sequential workload, as reads and writes.

    add [7 "7_0"], add [7 "7_1"], ...           one process inserts the subkeys of a key in order
    read [7 nil] -> [7 ["7_1" "7_0"]]           all of them, newest first, nil for one not there

Each subkey is a register that is written once, and a read of a key reads them one after the other,
newest first. Whoever sees a subkey must then see those inserted before it: a nil behind one that is
there breaks the order of the session that inserted them. `clew.checkers.registers.sequential`
judges that.

Left out: histories in which several processes insert under one key, or an answer's places are not
those of the inserts.

Source: Jepsen's sequential workload for CockroachDB, Dgraph and TiDB; elle-cli keeps it so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, TypeAlias

from clew.checkers.keys import is_pair
from clew.checkers.values import Key, key_of
from clew.checkers.verdict import Result
from clew.history import Event, History, Operation


class Registers(NamedTuple):
    """Such a history as reads and writes of registers.

    Attributes:
        history: the reads and writes.
        recorded: for each of its operations the one that it is part of.
    """

    history: History
    recorded: list[Operation]

    def told(self, result: Result) -> Result:
        """Return the result with the operations as they were recorded, each once."""
        anomalies = []
        for anomaly in result.anomalies:
            whole = {self.recorded[each.number].number: each for each in anomaly.operations}
            parts = tuple(self.recorded[each.number] for each in whole.values())
            anomalies.append(replace(anomaly, operations=parts))
        return replace(result, anomalies=tuple(anomalies))


def as_registers(history: History) -> Registers | None:
    """Read the history as reads and writes of its subkeys; None if it is none of these. O(size).

    What a read shows at its place from the end is the subkey that was inserted so many before it.
    """
    operations = history.operations
    if not is_in_order(operations):
        return None
    inserts = _inserts(operations)
    events: list[tuple[int, Event]] = []
    recorded: list[tuple[int, Operation]] = []
    for each in operations:
        accesses = _insert(each) if each.f == "add" else _reads(each, inserts)
        for access in accesses:
            events += access
            recorded.append((access[0][0], each))
    events.sort(key=_position)  # stable, so that the reads of one answer stay in their order
    recorded.sort(key=_position)
    plain = History(
        [event for _, event in events], source=history.source, marks_final=history.marks_final
    )
    return Registers(plain, [each for _, each in recorded])


def is_in_order(operations: Sequence[Operation]) -> bool:
    """Return whether one process inserts under each key, and each read shows subkeys in place."""
    if {each.f for each in operations} != {"add", "read"}:
        return False
    if not all(is_pair(each.argument) for each in operations):
        return False
    inserts = _inserts(operations)
    places = {
        (key, key_of(value)): place
        for key, values in inserts.items()
        for place, value in enumerate(values)
    }
    adders = {(key_of(each.argument[0]), each.process) for each in operations if each.f == "add"}
    return (
        len(places) == sum(map(len, inserts.values()))
        and len(adders) == len(inserts)
        and all(_shows_places(each, places) for each in operations if each.f == "read")
    )


def _shows_places(read: Operation, places: Mapping[tuple[Key, Key], int]) -> bool:
    if read.type != "ok":
        return True
    if not is_pair(read.result) or not isinstance(read.result[1], list):
        return False
    key = key_of(read.argument[0])
    return key_of(read.result[0]) == key and all(
        value is None or places.get((key, key_of(value)), place) == place
        for place, value in enumerate(reversed(read.result[1]))
    )


def _inserts(operations: Sequence[Operation]) -> dict[Key, list[Any]]:
    """Collect what was to be inserted under each key, in order."""
    inserts: dict[Key, list[Any]] = {}
    for each in operations:
        if each.f == "add":
            inserts.setdefault(key_of(each.argument[0]), []).append(each.argument[1])
    return inserts


_Access: TypeAlias = list[tuple[int, Event]]
"""The events of one read or write, each with its position in the recorded history."""


def _insert(operation: Operation) -> Iterator[_Access]:
    """Yield the write of a subkey."""
    value = [operation.argument, operation.argument[1]]
    call = Event(operation.process, "invoke", "write", value)
    access = [(operation.invoked, call)]
    if operation.completed is not None:
        access.append((operation.completed, call._replace(type=operation.type)))
    yield access


def _reads(operation: Operation, inserts: Mapping[Key, Sequence[Any]]) -> Iterator[_Access]:
    """Yield the reads of the subkeys, newest first; none for a nil where nothing was inserted."""
    if operation.type != "ok" or operation.completed is None:
        return
    name, shown = operation.result
    inserted = inserts.get(key_of(name), ())
    # Newest first: the place counts the inserts that were before it.
    for place, value in zip(range(len(shown) - 1, -1, -1), shown, strict=True):
        if value is None and place >= len(inserted):
            continue
        register = [name, inserted[place] if value is None else value]
        call = Event(operation.process, "invoke", "read", [register, None])
        answer = call._replace(type="ok", value=[register, value])
        yield [(operation.completed, call), (operation.completed, answer)]


def _position(item: tuple[int, Any]) -> int:
    return item[0]
