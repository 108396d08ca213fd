"""What failed operations would have written, where the response that no order explains shows it.

A failed operation did not happen, and is no part of the search. Where a read shows its value all
the same, that is what a person wants to know first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from clew.checkers.keys import Keying, is_pair
from clew.checkers.linearizability.specification import Specification
from clew.checkers.values import Key, key_of, listed, shown
from clew.checkers.verdict import Anomaly
from clew.history import Operation

_TOLD = 4
_READS = frozenset({"r", "read"})


class Failed:
    """The values that only failed operations would have written; O(n) once it is asked.

    Args:
        specification: the object.
        operations: all operations of the history, by number.
        how: how its values carry a key.
    """

    def __init__(
        self, specification: Specification, operations: Sequence[Operation], how: Keying
    ) -> None:
        self._specification = specification
        self._operations = operations
        self._keyed = how != "none"
        self._writers: dict[tuple[Key, Key], list[Operation]] | None = None

    def named(self, anomaly: Anomaly) -> Anomaly:
        """The anomaly, with the failed operations whose values its response shows."""
        response = anomaly.data.get("response")
        if response is None:
            return anomaly
        if self._writers is None:
            self._writers = self._failed()
        one = self._operations[response["number"]]
        found = {
            name: self._writers[name]
            for name in dict.fromkeys(self._shown(one))
            if name in self._writers
        }
        if not found:
            return anomaly
        told = [
            f"{shown(value)} is the value of {_worded(writers)}"
            for (_, name), writers in list(found.items())[:_TOLD]
            for value in [name[0] if isinstance(name, tuple) else name]
        ]
        failed = {each.number: each for writers in found.values() for each in writers}
        new = [each for each in failed.values() if each not in anomaly.operations]
        return replace(
            anomaly,
            reason=f"{anomaly.reason} {listed(told)}.",
            operations=(*new, *anomaly.operations),
            data={**anomaly.data, "failed": sorted(failed)},
        )

    def _failed(self) -> dict[tuple[Key, Key], list[Operation]]:
        failed: dict[tuple[Key, Key], list[Operation]] = {}
        live: set[tuple[Key, Key]] = set()
        for one in self._operations:
            for name in self._written(one):
                if one.type == "fail":
                    failed.setdefault(name, []).append(one)
                else:
                    live.add(name)
        return {name: writers for name, writers in failed.items() if name not in live}

    def _parts(self, one: Operation, value: Any) -> tuple[Key, Any]:
        """The key, and the value without it."""
        if not self._keyed:
            return None, value
        key = key_of(one.argument[0])
        own = is_pair(value) and key_of(value[0]) == key
        return key, value[1] if own else value

    def _written(self, one: Operation) -> Iterator[tuple[Key, Key]]:
        """What an operation writes: its argument, and of a pair to compare and set the second."""
        if self._specification.name == "multi-register":
            for part in one.argument or ():
                if part[0] not in _READS:
                    yield key_of(part[1]), key_of(part[2])
            return
        if one.argument is None or self._specification.is_readonly(one.f, one.argument):
            return
        key, value = self._parts(one, one.argument)
        if one.f in self._specification.pairs:
            value = value[1] if is_pair(value) else None
        if value is not None:
            yield key, key_of(value)

    def _shown(self, one: Operation) -> Iterator[tuple[Key, Key]]:
        """What a response shows: its result, or its elements; of a compare and set the first."""
        if self._specification.name == "multi-register":
            for part in one.result or ():
                if part[0] in _READS:
                    yield key_of(part[1]), key_of(part[2])
            return
        if one.f in self._specification.pairs:
            key, value = self._parts(one, one.argument)
            yield key, key_of(value[0])
            return
        if one.result is None or one.result == one.argument:
            return
        key, value = self._parts(one, one.result)
        yield key, key_of(value)
        for each in value if isinstance(value, list | tuple) else ():
            yield key, key_of(each)


def _worded(writers: Sequence[Operation]) -> str:
    first = writers[0]
    more = f", and of {len(writers) - 1} more" if len(writers) > 1 else ""
    return f"a {first.f} that failed (operation {first.number} of process {first.process}){more}"
