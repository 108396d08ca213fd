"""Raft's log on disk, with the snapshot that stands for its beginning.

Ongaro & Ousterhout, "In Search of an Understandable Consensus Algorithm (Extended Version)", 2014,
section 5.3 for the log, section 7 and figure 12 for snapshots.

An entry is a short list: the term it was made in, then the command, as in
``[term, client, request, "write", key, value]``; ``[term]`` alone is a no-op. Indexes start at 1.

On disk, ``log/17`` is entry 17 and ``snapshot`` is the latest snapshot. A crash may lose unsynced
writes from any point on, so the writes are made in an order in which each prefix is a legal log:
entries are added upward and cut off from the end downward; a snapshot is written before the
entries that it stands for are deleted, and whatever a crash left of those, the next boot drops.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from clew.node.disk import Disk

LogEntry: TypeAlias = list[Any]

NO_COMMAND = 1
"""How long an entry without a command is."""


class Log:
    """Entries ``base + 1`` to ``last``, each also on disk; a snapshot holds what came before.

    Args:
        disk: where it lives; what an earlier incarnation left there is read back.

    Attributes:
        base: the index of the last entry that the snapshot covers; 0 if there is none.
        base_term: that entry's term.
        last: the index of the last entry.
        truncations: how often entries were cut off the end, for the invariants.
        cut_off: the index and the term of each entry that was cut off, for the invariants.
    """

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        snapshot = disk.get("snapshot", {"index": 0, "term": 0})
        self.base: int = snapshot["index"]
        self.base_term: int = snapshot["term"]
        self._entries: list[LogEntry] = []
        self.truncations = 0
        self.cut_off: list[tuple[int, int]] = []
        self._recover()
        self.last: int = self.base + len(self._entries)

    def _recover(self) -> None:
        # A crash between a snapshot and the deletion of what it covers leaves entries that are not
        # needed.
        for name in [name for name in self._disk if name.startswith("log/")]:
            if int(name[4:]) <= self.base:
                del self._disk[name]
        index = self.base + 1
        # Entries were written upward and cut off downward, so that the first that is missing ends
        # the log.
        while f"log/{index}" in self._disk:
            self._entries.append(self._disk[f"log/{index}"])
            index += 1

    # Reading.

    def entry(self, index: int) -> LogEntry:
        """Return the entry at an index in ``base + 1 .. last``."""
        if not self.base < index <= self.last:
            raise IndexError(f"the log holds {self.base + 1} to {self.last}, not {index}")
        return self._entries[index - self.base - 1]

    def term_at(self, index: int) -> int:
        """Return the term of the entry at an index in ``base .. last``."""
        if index == self.base:
            return self.base_term
        term: int = self._entries[index - self.base - 1][0]
        return term

    def after(self, index: int, count: int) -> list[LogEntry]:
        """Return at most `count` entries behind `index`, which is at least ``base``."""
        start = index - self.base
        return self._entries[start : start + count]

    def agrees(self, index: int, term: int) -> bool:
        """Return whether this log has an entry of that term there, or a snapshot past it.

        What a snapshot covers is committed, so a leader's log cannot differ there.
        """
        return index < self.base or (index <= self.last and self.term_at(index) == term)

    def where_to_retry(self, index: int) -> int:
        """Find from where a leader whose log differs at `index` should send (end of section 5.3).

        It is the first entry of the term that stands there, or the end of a log that is shorter:
        one refusal for each term in conflict, not one for each entry.
        """
        if index > self.last:
            return self.last + 1
        term = self.term_at(index)
        # Back to the first entry of the term that stands there: if the leader's log has none of
        # that term, all of them go at once.
        while index > self.base + 1 and self.term_at(index - 1) == term:
            index -= 1
        return index

    # Writing; durable after the next sync of the disk.

    def append(self, entry: LogEntry) -> None:
        """Add an entry at the end."""
        self._entries.append(entry)
        self.last += 1
        self._disk[f"log/{self.last}"] = entry

    def truncate(self, index: int) -> None:
        """Cut off the entry at `index` and all behind it."""
        self.truncations += 1
        cut = self._entries[index - self.base - 1 :]
        self.cut_off += [(index + rank, entry[0]) for rank, entry in enumerate(cut)]
        # From the end downward: wherever a crash strikes, a prefix of the log is left.
        for doomed in range(self.last, index - 1, -1):
            del self._disk[f"log/{doomed}"]
        del self._entries[index - self.base - 1 :]
        self.last = index - 1

    def merge(self, previous: int, entries: Sequence[LogEntry]) -> None:
        """Take over a leader's entries behind `previous`, if the logs agree.

        An entry is cut off only if one of another term stands in its place: a message that
        was overtaken carries less than the log already holds, and must not shorten it (figure 2,
        AppendEntries, steps 3 and 4).
        """
        # Invariant: up to the entry before this one the two logs are the same, or a snapshot covers
        # it (log matching, section 5.3). Entries of one index and term are the same, so only
        # another term is a conflict.
        for index, entry in enumerate(entries, previous + 1):
            if index > self.last:
                self.append(entry)
            elif index > self.base and self.term_at(index) != entry[0]:
                self.truncate(index)
                self.append(entry)

    # Snapshots.

    def snapshot(self) -> dict[str, Any] | None:
        """Return the latest snapshot, its ``index``, ``term`` and ``state``; None for none."""
        found: dict[str, Any] | None = self._disk.get("snapshot")
        return found

    def compact(self, index: int, state: dict[str, Any]) -> None:
        """Let a snapshot of the state after entry `index` stand for the log up to there."""
        self._replace(index, self.term_at(index), state)

    def install(self, index: int, term: int, state: dict[str, Any]) -> None:
        """Take over a leader's snapshot, and keep what follows it if the logs agree there.

        Figure 13, InstallSnapshot, steps 6 and 7. `index` must be past ``base``.
        """
        if index <= self.last and self.term_at(index) != term:
            self.truncate(index)
        self._replace(index, term, state)

    def _replace(self, index: int, term: int, state: dict[str, Any]) -> None:
        self._disk["snapshot"] = {"index": index, "term": term, "state": state}
        # The snapshot was written first: a crash in this loop leaves entries twice, and none is
        # missing.
        for covered in range(self.base + 1, min(index, self.last) + 1):
            del self._disk[f"log/{covered}"]
        del self._entries[: index - self.base]
        self.base, self.base_term = index, term
        self.last = max(self.last, index)
