"""A partition laid out for the search: one level for each response, in order of time.

Each completed operation holds a bit of a window from its invocation to its response, and gives
it back; so the window is as wide as the history is concurrent, not as it is long.

Source: Lowe, "Testing for linearizability", Concurrency and Computation 2017, section 4
(just-in-time linearization).
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

from clew.checkers.linearizability.entries import Entry
from clew.checkers.linearizability.machine import Machine

Slot: TypeAlias = tuple[int, int, dict[int, int], int, int]
"""A completed operation: its completion's position, bit, steps, call and index of its entry."""

Spare: TypeAlias = tuple[int, int, dict[int, int], int, int]
"""A pending operation: its bit, the bit of the equal one before it, steps, call, index.

A bit of 0 stands for a call that may happen any number of times, an index of -1 for no entry.
"""


LEVELS_AT_ONCE = 16


class Level(NamedTuple):
    """One response, and what is in flight when it comes.

    Attributes:
        slot: the operation that responds.
        fresh: the reads invoked since the level before.
        reads: all reads in flight, the one that responds among them, by response.
        updates: all others in flight but the one that responds, by response.
        spares: how many of the pending operations were invoked by now.
        replacing: the bits of those in flight, the one that responds among them, that replace
            the state.
        ranked: the bits of these and of the reads: one that needs no place is better than one
            that does.
    """

    slot: Slot
    fresh: tuple[Slot, ...]
    reads: tuple[Slot, ...]
    updates: tuple[Slot, ...]
    spares: int
    replacing: int
    ranked: int


class Timeline:
    """What the search needs to know of a partition; it is laid out as far as the search gets.

    O(n c) for c operations in flight at once.

    Args:
        machine: gives the calls their identities.
        entries: in order of invocation.
        eager: whether read-only operations are told apart. They must not be where the
            specification may choose: a read may then narrow what the state can be.
        freed: whether a pending operation may happen any number of times.
        free: further calls that may happen any number of times at any moment.

    Attributes:
        levels: one for each response, of those laid out so far.
        count: how many responses there are.
        spares: the pending operations that can change a state, by invocation, so far.
        width: bits of the window. As many again say which replacements in flight were used;
            after them come the bits of spares.
        replacing: the indices of the entries that replace the state, so far.
    """

    __slots__ = (
        "_eager", "_entries", "_following", "_free", "_freed", "_fresh", "_last_spare", "_machine",
        "_ranked_bits", "_read_row", "_readonly", "_reads", "_replacing_bits", "_responses",
        "_slots", "_update_row", "_updates", "count", "levels", "replacing", "spares", "width",
    )  # fmt: skip

    def __init__(
        self,
        machine: Machine,
        entries: Sequence[Entry],
        *,
        eager: bool,
        freed: bool = False,
        free: Sequence[int] = (),
    ) -> None:
        self._machine = machine
        self._entries = entries
        self._eager = eager
        self._freed = freed
        self._readonly: dict[int, bool] = {}
        self._responses = sorted(
            [(entry[1], index) for index, entry in enumerate(entries) if entry[1] is not None]
        )
        self.count = len(self._responses)
        self.width = self._concurrency()
        self.levels: list[Level] = []
        self.spares: list[Spare] = [(0, 0, machine.steps[call], call, -1) for call in free]
        self.replacing: set[int] = set()
        self._following = 0
        self._slots: dict[int, Slot] = {}
        self._last_spare: dict[int, int] = {}
        self._free = [1 << place for place in range(self.width)]
        self._replacing_bits = self._ranked_bits = 0
        self._reads: list[Slot] = []
        self._updates: list[Slot] = []
        self._fresh: list[Slot] = []
        self._read_row: tuple[Slot, ...] | None = ()
        self._update_row: tuple[Slot, ...] | None = ()

    def _concurrency(self) -> int:
        """The most completed operations in flight at once."""
        begun = [entry[0] for entry in self._entries if entry[1] is not None]
        most = at = 0
        for done, (completed, _) in enumerate(self._responses):
            # Of the later ones in flight now, each is still in flight when the next one begins.
            while at < len(begun) and begun[at] < completed:
                at += 1
            most = max(most, at - done)
        return most

    def extend(self) -> None:
        """Lay out some more levels."""
        entries, total = self._entries, len(self._entries)
        first = len(self.levels)
        for completed, index in self._responses[first : first + LEVELS_AT_ONCE]:
            while self._following < total and entries[self._following].invoked < completed:
                self._admit(self._following)
                self._following += 1
            self._respond(index)

    def _admit(self, index: int) -> None:
        """Take in an invocation."""
        entry = self._entries[index]
        machine = self._machine
        call = machine.call_id(entry)
        steps = machine.steps[call]
        if entry.completed is None:
            if not machine.specification.is_readonly(entry.f, entry.argument):
                self._spare(call, index)
                if machine.replaces[call]:
                    self.replacing.add(index)
            return
        bit = self._free.pop()
        slot = self._slots[index] = (entry.completed, bit, steps, call, index)
        read = self._readonly.get(call)
        if read is None:
            is_readonly = machine.specification.is_readonly
            read = self._eager and is_readonly(entry.f, entry.argument)
            self._readonly[call] = read
        if read:
            insort(self._reads, slot)
            self._ranked_bits |= bit
            self._fresh.append(slot)
            self._read_row = None
        else:
            insort(self._updates, slot)
            self._update_row = None
            if self._eager and machine.replaces[call]:
                self.replacing.add(index)
                self._replacing_bits |= bit
                self._ranked_bits |= bit

    def _spare(self, call: int, index: int) -> None:
        """Take in a pending operation that may change the state."""
        before = self._last_spare.get(call)
        if self._freed and before is not None:
            return
        bit = 0 if self._freed else 1 << 2 * self.width + len(self.spares)
        self.spares.append((bit, before or 0, self._machine.steps[call], call, index))
        self._last_spare[call] = bit

    def _respond(self, index: int) -> None:
        """Close the level of a response; among what is in flight it is the first to respond."""
        slot = self._slots.pop(index)
        reads, updates = self._reads, self._updates
        if self._read_row is None:
            self._read_row = tuple(reads)
        row = self._read_row
        if reads and reads[0] is slot:
            del reads[0]
            self._read_row = None
        else:
            assert updates[0] is slot
            del updates[0]
            self._update_row = None
        if self._update_row is None:
            self._update_row = tuple(updates)
        fresh: tuple[Slot, ...] = ()
        if self._fresh:
            fresh = tuple(self._fresh)
            self._fresh.clear()
        self.levels.append(
            tuple.__new__(
                Level,
                (
                    slot,
                    fresh,
                    row,
                    self._update_row,
                    len(self.spares),
                    self._replacing_bits,
                    self._ranked_bits,
                ),
            )
        )
        self._replacing_bits &= ~slot[1]
        self._ranked_bits &= ~slot[1]
        self._free.append(slot[1])
