"""What shows that a partition is not linearizable: its story, and the fewest operations that fail.

Where a search failed, it has seen the story. Where another engine decided, a search tells it: of
the whole partition where that is quick, else of the few operations that the engine blames, and
where these read large sets, of the few elements. What is found here changes no verdict. Each search
has a small share of the budget, and where that is not enough the evidence is less: operations that
fail, without a story.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import NamedTuple

from clew.checkers.linearizability.entries import Entry, Partition
from clew.checkers.linearizability.explanation import bare, explain, named
from clew.checkers.linearizability.reduction import (
    REDUCTION_CONFIGURATIONS,
    Reduction,
    cut,
)
from clew.checkers.linearizability.shortcuts import shortcut
from clew.checkers.linearizability.specification import Specification
from clew.checkers.linearizability.stages import Searched, Share, searched
from clew.checkers.verdict import Anomaly, Budget, OutOfBudget
from clew.history import Operation

STORY_CONFIGURATIONS = 5_000
STORY_CONFIGURATIONS_EACH = 3
STORY_BYTES = 64 << 20
STORY_ENTRIES_MAX = 100_000
"""What a search may cost that only tells a story, the second for each entry."""


REDUCTIONS_CONFIGURATIONS = 5 * REDUCTION_CONFIGURATIONS
"""What the reductions of all partitions may cost."""

ELEMENTS_TOLD = 16
"""A set read whole that shows more of them is told of by those to blame."""


class EnginesDisagreeError(Exception):
    """An engine found that no order explains some entries, and the search found one."""


class _Suspects(NamedTuple):
    """Entries that fail, as this specification sees them."""

    specification: Specification
    entries: Sequence[Entry]


class Evidence:
    """Finds the evidence of partitions that are not linearizable.

    Args:
        specification: the specification as the user gave it.
        operations: all operations of the history, by number.
        budget: what may be spent.
        explained: False for no more than the first response that no order explains.
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

    def of(self, partition: Partition, failed: Searched | None, broken: Sequence[Entry]) -> Anomaly:
        """The anomaly of one partition.

        Args:
            partition: the partition.
            failed: the search that failed; None where another engine decided.
            broken: what that engine blames.

        Raises:
            EnginesDisagreeError: the search explains what another engine blames.
        """
        blamed: Sequence[Entry] = broken
        try:
            told: Sequence[Entry] = partition.entries
            if failed is None:
                failed, told = self._story(partition, broken)
            blamed = [failed.response]
            if not self._explained:
                return named(self._specification, failed, self._operations)
            minimal = self._minimal(self._suspects(failed, told, broken), failed)
            blamed = minimal.entries
            if failed.freed or failed.machine.specification.looks_ahead:
                # The order found used pending operations twice, or what was seen later.
                failed = self._told(partition.key, minimal)
            alone = None if told is partition.entries else told
            return explain(self._specification, failed, blamed, self._operations, alone)
        except EnginesDisagreeError:
            raise
        except OutOfBudget as spent:
            why = str(spent)
        except Exception as crash:  # noqa: BLE001 - the verdict stands without its explanation
            why = f"{type(crash).__name__}: {crash}"
        return bare(partition.key, [each.number for each in blamed], self._operations, why)

    def _story(
        self, partition: Partition, broken: Sequence[Entry]
    ) -> tuple[Searched, Sequence[Entry]]:
        """A search that fails, and what was searched: the partition or what breaks it."""
        is_short = len(partition.entries) <= STORY_ENTRIES_MAX
        if self._explained and is_short and not self._is_cut(partition, broken):
            try:
                whole = _Suspects(self._specification, partition.entries)
                return self._told(partition.key, whole), partition.entries
            except OutOfBudget:
                pass
        return self._told(partition.key, _Suspects(self._specification, broken)), broken

    def _is_cut(self, partition: Partition, broken: Sequence[Entry]) -> bool:
        """Whether the engine blames reads of few elements that show very many."""
        cut = {each.number for each in broken if type(each.result) is tuple}
        return any(
            each.number in cut and len(each.result) > ELEMENTS_TOLD
            for each in (partition.entries if cut else ())
            if type(each.result) in {tuple, frozenset}
        )

    def _told(self, key: Hashable, suspects: _Suspects) -> Searched:
        """The search of entries that are known to fail."""
        specification, entries = suspects
        limit = STORY_CONFIGURATIONS + STORY_CONFIGURATIONS_EACH * len(entries)
        share = Share(self._budget, limit)
        found = searched(specification, key, entries, share, bytes_max=STORY_BYTES)
        if found.outcome.linearizable:
            raise EnginesDisagreeError([each.number for each in entries])
        return found

    def _suspects(
        self, failed: Searched, told: Sequence[Entry], broken: Sequence[Entry]
    ) -> _Suspects:
        """What is to be reduced: what happened up to the response that no order explains."""
        if failed.machine.specification.looks_ahead:
            return _Suspects(self._specification, failed.entries)
        if broken:
            quick = shortcut(self._specification, cut(told, failed.response), budget=self._budget)
            if quick is not None and quick[1]:
                return _Suspects(self._specification, quick[1])
        return _Suspects(failed.machine.specification, cut(failed.entries, failed.response))

    def _minimal(self, suspects: _Suspects, failed: Searched) -> _Suspects:
        """The fewest of them that still fail."""
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
