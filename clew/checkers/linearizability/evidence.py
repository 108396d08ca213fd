"""What shows that a partition is not linearizable: its story, and the fewest operations that fail.

If a search failed, it has seen the story. If another engine decided, a search finds it: of the
whole partition if that is quick, else of the few operations that the engine blames, and if these
read large sets, of the few elements. What is found here changes no verdict. Each search has a small
share of the budget, and if that is not enough the evidence is less: operations that fail, without a
story.

A failed operation did not happen, and is no part of a search. If a read shows its value all the
same, that is what a person wants to know first: `Failed` adds it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, NamedTuple

from clew.checkers.keys import Keying, is_pair
from clew.checkers.linearizability.entries import Entry, Partition
from clew.checkers.linearizability.explanation import bare, explain, named
from clew.checkers.linearizability.reduction import (
    REDUCTION_CONFIGURATIONS,
    Reduction,
    cut,
)
from clew.checkers.linearizability.shortcuts import shortcut
from clew.checkers.linearizability.specification import Specification
from clew.checkers.linearizability.stages import PartitionResult, Searched, Share, searched
from clew.checkers.values import Key, key_of, listed, shown
from clew.checkers.verdict import Anomaly, Budget, OutOfBudget
from clew.history import Operation

STORY_CONFIGURATIONS = 5_000
STORY_CONFIGURATIONS_EACH = 3
STORY_BYTES = 64 << 20
"""What a search may cost that only finds a story, the second per entry."""

WHOLE_STORY_CONFIGURATIONS = 14_000
WHOLE_STORY_RESPONSES = 1_000
WHOLE_STORY_PART = 20
"""The story is told by all of a partition, which the engine did not search, if so few operations
responded before, or one of so many; the search then takes about as long as the engine did."""


REDUCTIONS_CONFIGURATIONS = 5 * REDUCTION_CONFIGURATIONS
"""What the reductions of all partitions may cost."""

ELEMENTS_TOLD = 16
"""A set read whole that shows more of them is explained by those to blame."""


class EnginesDisagreeError(Exception):
    """An engine found that no order explains some entries, and the search found one."""


class _Suspects(NamedTuple):
    """Entries that fail, as this specification sees them."""

    specification: Specification
    entries: Sequence[Entry]


class Evidence:
    """Finds the evidence of partitions that are not linearizable.

    If they are not to be explained, it is the first response that no order explains.
    """

    def __init__(
        self,
        specification: Specification,
        operations: Sequence[Operation],
        budget: Budget,
        *,
        explained: bool,
    ) -> None:
        self._specification = specification
        self._operations = operations
        self._budget = budget
        self._explained = explained
        self._left = REDUCTIONS_CONFIGURATIONS

    def of(self, partition: Partition, finding: PartitionResult) -> Anomaly:
        """Make the anomaly of a partition of which a search failed, or that another engine blames.

        Raises:
            EnginesDisagreeError: the search explains what another engine blames.
        """
        failed, broken, response = finding.failed, finding.broken, finding.response
        blamed: Sequence[Entry] = broken if response is None else [response]
        try:
            if response is not None and not self._explained:
                return named(self._specification, partition.key, response, self._operations)
            told: Sequence[Entry] = partition.entries
            whole = True
            if response is not None:
                failed = self._told(_Suspects(self._specification, told))
            elif failed is None:
                failed, told, whole = self._story(partition, broken)
            blamed = [failed.response]
            if not self._explained:
                return named(self._specification, partition.key, blamed[0], self._operations)
            minimal = self._minimal(self._suspects(failed, told, broken), failed)
            blamed = minimal.entries
            if failed.freed or failed.machine.specification.looks_ahead:
                # The order found used pending operations twice, or what was seen later.
                failed = self._told(minimal)
            return explain(
                self._specification,
                partition.key,
                failed,
                blamed,
                self._operations,
                None if whole else told,
            )
        except EnginesDisagreeError:
            raise
        except OutOfBudget as spent:
            why = str(spent)
        except Exception as crash:  # noqa: BLE001 - the verdict stands without its explanation
            why = f"{type(crash).__name__}: {crash}"
        return bare(partition.key, [each.number for each in blamed], self._operations, why)

    def _story(
        self, partition: Partition, broken: Sequence[Entry]
    ) -> tuple[Searched, Sequence[Entry], bool]:
        """Search what breaks a partition, or all of it as far as there; also return which."""
        if self._explained and not _is_cut(partition, broken):
            before = _before(partition, broken)
            most = max(WHOLE_STORY_RESPONSES, len(partition.entries) // WHOLE_STORY_PART)
            if sum(each.completed is not None for each in before) < most:
                suspects = _Suspects(self._specification, before)
                limit = min(_story_limit(partition.entries), WHOLE_STORY_CONFIGURATIONS)
                with suppress(OutOfBudget):
                    return self._told(suspects, limit), before, True
        return self._told(_Suspects(self._specification, broken)), broken, False

    def _told(self, suspects: _Suspects, most: int | None = None) -> Searched:
        """Search entries that are known to fail."""
        specification, entries = suspects
        share = Share(self._budget, _story_limit(entries) if most is None else most)
        found = searched(specification, entries, share, bytes_max=STORY_BYTES)
        if found.outcome.linearizable:
            raise EnginesDisagreeError([each.number for each in entries])
        return found

    def _suspects(
        self, failed: Searched, told: Sequence[Entry], broken: Sequence[Entry]
    ) -> _Suspects:
        """Choose what is to be reduced: what happened up to the response that no order explains."""
        if failed.machine.specification.looks_ahead:
            return _Suspects(self._specification, failed.entries)
        if broken:
            quick = shortcut(self._specification, cut(told, failed.response), budget=self._budget)
            if quick is not None and quick.broken:
                return _Suspects(self._specification, quick.broken)
        return _Suspects(failed.machine.specification, cut(failed.entries, failed.response))

    def _minimal(self, suspects: _Suspects, failed: Searched) -> _Suspects:
        """Find the fewest of them that still fail."""
        reduction = Reduction(
            suspects.specification,
            suspects.entries,
            failed.outcome.configurations,
            self._budget,
            eager=failed.eager,
            freed=failed.freed,
            refit=failed.machine.specification.looks_ahead,
            most=min(REDUCTION_CONFIGURATIONS, max(0, self._left)),
        )
        minimal = reduction.run()
        self._left -= reduction.taken
        return suspects._replace(entries=minimal)


def _story_limit(entries: Sequence[Entry]) -> int:
    """Return what a search of these may cost that only finds a story."""
    return STORY_CONFIGURATIONS + STORY_CONFIGURATIONS_EACH * len(entries)


def _before(partition: Partition, broken: Sequence[Entry]) -> Sequence[Entry]:
    """Return what was invoked before the last of these responded: the rest changes nothing."""
    last = max(each.completed for each in broken if each.completed is not None)
    return [each for each in partition.entries if each.invoked < last]


def _is_cut(partition: Partition, broken: Sequence[Entry]) -> bool:
    """True if the engine blames reads of few elements that show very many."""
    cut = {each.number for each in broken if type(each.result) is tuple}
    return any(
        each.number in cut and len(each.result) > ELEMENTS_TOLD
        for each in (partition.entries if cut else ())
        if type(each.result) in {tuple, frozenset}
    )


_TOLD = 4
_READS = frozenset({"r", "read"})


class Failed:
    """The values that only failed operations would have written; O(n) once."""

    def __init__(
        self, specification: Specification, operations: Sequence[Operation], how: Keying
    ) -> None:
        self._specification = specification
        self._operations = operations
        self._keyed = how != "none"
        self._writers: dict[tuple[Key, Key], list[Operation]] | None = None
        self._others = (each for each in operations if each[3] != "fail")
        self._live: set[tuple[Key, Key]] = set()

    def named(self, anomaly: Anomaly) -> Anomaly:
        """Add to an anomaly the failed operations whose values its response shows."""
        response = anomaly.data.get("response")
        if response is None:
            return anomaly
        if self._writers is None:
            self._writers = self._failed()
        one = self._operations[response["number"]]
        found = {
            name: self._writers[name]
            for name in dict.fromkeys(self._shown(one) if self._writers else ())
            if name in self._writers and not self._is_live(name)
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
        for one in self._operations:
            if one[3] == "fail":
                for name in self._written(one):
                    failed.setdefault(name, []).append(one)
        return failed

    def _is_live(self, name: tuple[Key, Key]) -> bool:
        """Whether another operation wrote the value and did not fail: it needs no failed one."""
        # Invariant: `_live` has what was written by the operations that `_others` is past.
        while name not in self._live:
            one = next(self._others, None)
            if one is None:
                return False
            self._live.update(self._written(one))
        return True

    def _parts(self, one: Operation, value: Any) -> tuple[Key, Any]:
        """Return the key, and the value without it."""
        if not self._keyed:
            return None, value
        key = key_of(one.argument[0] if is_pair(one.argument) else one.argument)
        own = is_pair(value) and key_of(value[0]) == key
        return key, value[1] if own else value

    def _written(self, one: Operation) -> Iterator[tuple[Key, Key]]:
        """Yield what an operation writes: its argument, of a pair to compare and set the second."""
        if self._specification.name == "multi-register":
            for part in _acts(one.argument):
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
        """Yield what a response shows: its result, its elements; of a compare and set the first."""
        if self._specification.name == "multi-register":
            for part in _acts(one.result):
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


def _acts(value: Any) -> Iterator[Any]:
    """Yield the parts ``[f, key, value]`` of a value, which may be anything if it is unchecked."""
    for part in value if isinstance(value, list | tuple) else ():
        if isinstance(part, list | tuple) and len(part) == 3:  # noqa: PLR2004
            yield part


def _worded(writers: Sequence[Operation]) -> str:
    first = writers[0]
    more = f", and of {len(writers) - 1} more" if len(writers) > 1 else ""
    return f"a {first.f} that failed (operation {first.number} of process {first.process}){more}"
