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


class Level(NamedTuple):
    """One response, and what is in flight when it comes.

    Attributes:
        slot: the operation that responds.
        fresh: the reads invoked since the level before.
        reads: all reads in flight, the one that responds among them, by response.
        updates: all others in flight but the one that responds, by response.
        spares: how many of the pending operations were invoked by now.
    """

    slot: Slot
    fresh: tuple[Slot, ...]
    reads: tuple[Slot, ...]
    updates: tuple[Slot, ...]
    spares: int


class Timeline(NamedTuple):
    """What the search needs to know of a partition.

    Attributes:
        levels: one for each response.
        spares: the pending operations that can change a state, by invocation.
        width: bits of the window.
    """

    levels: list[Level]
    spares: list[Spare]
    width: int


def timeline(
    machine: Machine,
    entries: Sequence[Entry],
    *,
    eager: bool,
    freed: bool = False,
    free: Sequence[int] = (),
) -> Timeline:
    """The levels of a partition's entries; O(n c) for c operations in flight at once.

    Args:
        machine: gives the calls their identities.
        entries: in order of invocation.
        eager: whether read-only operations are told apart. They must not be where the
            specification may choose: a read may then narrow what the state can be.
        freed: whether a pending operation may happen any number of times.
        free: further calls that may happen any number of times at any moment.
    """
    builder = _Builder(machine, entries, eager=eager, freed=freed)
    builder.spares += [(0, 0, machine.steps[call], call, -1) for call in free]
    total = len(entries)
    following = 0
    for completed, index in builder.responses:
        while following < total and entries[following].invoked < completed:
            builder.admit(following)
            following += 1
        builder.respond(index)
    return Timeline(builder.levels, builder.spares, builder.width)


class _Builder:
    """Moves over the history's events and keeps what is in flight."""

    __slots__ = (
        "eager", "entries", "free", "freed", "fresh", "last_spare", "levels", "machine", "read_row",
        "readonly", "reads", "responses", "slots", "spares", "update_row", "updates", "width",
    )  # fmt: skip

    def __init__(
        self, machine: Machine, entries: Sequence[Entry], *, eager: bool, freed: bool
    ) -> None:
        self.machine = machine
        self.freed = freed
        self.entries = entries
        self.eager = eager
        self.readonly: dict[int, bool] = {}
        self.responses = sorted(
            (entry.completed, index)
            for index, entry in enumerate(entries)
            if entry.completed is not None
        )
        self.slots: dict[int, Slot] = {}
        self.levels: list[Level] = []
        self.spares: list[Spare] = []
        self.last_spare: dict[int, int] = {}
        self.free: list[int] = []
        self.width = 0
        self.reads: list[Slot] = []
        self.updates: list[Slot] = []
        self.fresh: list[Slot] = []
        self.read_row: tuple[Slot, ...] | None = ()
        self.update_row: tuple[Slot, ...] | None = ()

    def admit(self, index: int) -> None:
        """Take in an invocation."""
        entry = self.entries[index]
        machine = self.machine
        call = machine.call_id(entry)
        steps = machine.steps[call]
        if entry.completed is None:
            if not machine.specification.is_readonly(entry.f, entry.argument):
                self.spare(call, index)
            return
        if self.free:
            bit = self.free.pop()
        else:
            bit = 1 << self.width
            self.width += 1
        slot = self.slots[index] = (entry.completed, bit, steps, call, index)
        read = self.readonly.get(call)
        if read is None:
            is_readonly = machine.specification.is_readonly
            read = self.eager and is_readonly(entry.f, entry.argument)
            self.readonly[call] = read
        if read:
            insort(self.reads, slot)
            self.fresh.append(slot)
            self.read_row = None
        else:
            insort(self.updates, slot)
            self.update_row = None

    def spare(self, call: int, index: int) -> None:
        """Take in a pending operation that may change the state."""
        before = self.last_spare.get(call)
        if self.freed and before is not None:
            return
        bit = 0 if self.freed else 1 << len(self.spares)
        self.spares.append((bit, before or 0, self.machine.steps[call], call, index))
        self.last_spare[call] = bit

    def respond(self, index: int) -> None:
        """Close the level of a response; among what is in flight it is the first to respond."""
        slot = self.slots.pop(index)
        reads, updates = self.reads, self.updates
        if self.read_row is None:
            self.read_row = tuple(reads)
        row = self.read_row
        if reads and reads[0] is slot:
            del reads[0]
            self.read_row = None
        else:
            assert updates[0] is slot
            del updates[0]
            self.update_row = None
        if self.update_row is None:
            self.update_row = tuple(updates)
        fresh: tuple[Slot, ...] = ()
        if self.fresh:
            fresh = tuple(self.fresh)
            self.fresh.clear()
        self.levels.append(
            tuple.__new__(Level, (slot, fresh, row, self.update_row, len(self.spares)))
        )
        self.free.append(slot[1])
