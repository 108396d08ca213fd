"""A partition laid out for the search: one level for each response, in order of time.

Each completed operation holds a bit of a window from its invocation to its response, and gives
it back; so the window is as wide as the history is concurrent, not as it is long.

Source: Lowe, "Testing for linearizability", Concurrency and Computation 2017, section 4
(just-in-time linearization).
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Sequence
from functools import partial
from operator import itemgetter, sub
from typing import NamedTuple, TypeAlias

from clew.checkers.linearizability.entries import Entry
from clew.checkers.linearizability.machine import Machine

Slot: TypeAlias = tuple[int, int, dict[int, int], int, int]
"""A completed operation: its completion's position, bit, steps, call and index of its entry."""

Spare: TypeAlias = tuple[int, int, dict[int, int], int, int]
"""A pending operation: its bit, the bit of the equal one before it, steps, call, index.

A bit of 0 stands for a call that may happen any number of times, an index of -1 for no entry.
"""


LEVELS_AT_ONCE = 8


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


class Layout:
    """What the search needs to know of a partition; it is laid out as far as the search gets.

    O(n c) for c operations in flight at once.

    Args:
        machine: gives the calls their identities.
        entries: in order of invocation.
        eager: whether read-only operations are distinguished. They must not be if the
            specification may choose: a read may then narrow what the state can be.
        freed: whether a pending operation may happen any number of times.
        free: further calls that may happen any number of times at any moment.

    Attributes:
        levels: one for each response, of those laid out so far.
        count: how many responses there are.
        spares: the pending operations that can change a state, by invocation, so far.
        width: bits of the window. As many again mark which replacements in flight were used;
            after them come the bits of spares.
        replacing: the indices of the entries that replace the state, so far.
    """

    __slots__ = (
        "_eager", "_entries", "_following", "_free", "_freed", "_last_spare", "_machine",
        "_ranked_bits", "_read_row", "_reads", "_replacing_bits", "_responses", "_slots",
        "_update_row", "_updates", "count", "levels", "replacing", "spares", "width",
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
        # No response is at position 0: its invocation was before it.
        self._responses = sorted(filter(None, map(_COMPLETED, entries)))
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
        self._read_row: tuple[Slot, ...] | None = ()
        self._update_row: tuple[Slot, ...] | None = ()

    def _concurrency(self) -> int:
        """Count the most completed operations in flight at once."""
        begun = [entry[0] for entry in self._entries if entry[1] is not None]
        # Of those begun before a response, all but the ones that responded before are in flight.
        begun_by = map(partial(bisect_left, begun), self._responses)
        return max(map(sub, begun_by, range(self.count)), default=0)

    def extend(self) -> None:  # noqa: C901, PLR0912, PLR0915 - calls would double its cost
        """Lay out some more levels; an operation that overlaps no other is done with at once."""
        machine, entries, levels, slots = self._machine, self._entries, self.levels, self._slots
        call_ids, every_steps, settles = machine.call_ids, machine.steps, machine.settles
        free, reads, updates = self._free, self._reads, self._updates
        read_row, update_row = self._read_row, self._update_row
        replacing, ranked = self._replacing_bits, self._ranked_bits
        at, total, eager = self._following, len(entries), self._eager
        first = len(levels)
        # Invariant: `slots`, `reads` and `updates` have the completed operations that were invoked
        # and have not responded, the two last by response; each has a bit of the window to itself,
        # and `free` has all others.
        for end in self._responses[first : first + LEVELS_AT_ONCE]:
            fresh: tuple[Slot, ...] = ()
            alone = not slots and entries[at][1] == end
            # It overlaps no other, so nothing else can stand beside it, and its bit is free again
            # at once.
            if alone and (at + 1 == total or entries[at + 1][0] > end):
                call = call_ids.get(entries[at][2:5])
                if call is None:
                    call = machine.call_id(entries[at])
                bit = free[-1]
                slot = (end, bit, every_steps[call], call, at)
                read: tuple[Slot, ...] = (slot,) if eager and machine.readonly[call] else ()
                replaced = 0
                if eager and not read and machine.replaces[call]:
                    self.replacing.add(at)
                    replaced = bit
                level = (
                    slot,
                    read,
                    read,
                    (),
                    len(self.spares),
                    replaced,
                    bit if read else replaced,
                )
                levels.append(tuple.__new__(Level, level))
                at += 1
                continue
            # What was invoked before the response.
            while at < total:
                entry = entries[at]
                if entry[0] > end:
                    break
                call = call_ids.get(entry[2:5])
                if call is None:
                    call = machine.call_id(entry)
                completed = entry[1]
                if completed is None:
                    self._spare(call, at)
                    at += 1
                    continue
                bit = free.pop()
                slot = slots[completed] = (completed, bit, every_steps[call], call, at)
                if eager and machine.readonly[call]:
                    held = reads
                    ranked |= bit
                    fresh = (*fresh, slot)
                    read_row = None
                else:
                    held = updates
                    update_row = None
                    if eager and machine.replaces[call]:
                        self.replacing.add(at)
                        replacing |= bit
                        ranked |= bit
                if held and held[-1][0] > completed:
                    insort(held, slot)
                else:
                    held.append(slot)
                at += 1
            if read_row is None:
                read_row = tuple(reads)
            in_flight = read_row
            # Of what is in flight the one that responds is the first to respond.
            slot = slots.pop(end)
            if reads and reads[0] is slot:
                del reads[0]
                read_row = None
            else:
                del updates[0]
                update_row = None
            if update_row is None:
                update_row = tuple(updates)
            others, spares = update_row, len(self.spares)
            # What may stand right before this call may as well follow it (`Specification.settles`).
            if slot[3] in settles:
                others, spares = (), 0
            row = (slot, fresh, in_flight, others, spares, replacing, ranked)
            levels.append(tuple.__new__(Level, row))
            bit = slot[1]
            if ranked & bit:
                replacing &= ~bit
                ranked ^= bit
            free.append(bit)
        self._following = at
        self._read_row, self._update_row = read_row, update_row
        self._replacing_bits, self._ranked_bits = replacing, ranked

    def _spare(self, call: int, index: int) -> None:
        """Take in a pending operation, if it may change the state."""
        machine = self._machine
        if machine.readonly[call]:
            return
        if machine.replaces[call]:
            self.replacing.add(index)
        before = self._last_spare.get(call)
        # A free call may happen any number of times, so that one stands for all equal ones.
        if self._freed and before is not None:
            return
        bit = 0 if self._freed else 1 << 2 * self.width + len(self.spares)
        self.spares.append((bit, before or 0, machine.steps[call], call, index))
        self._last_spare[call] = bit


_COMPLETED = itemgetter(1)
