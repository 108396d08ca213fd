"""The engines that need no search, each tried where its conditions hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from clew.checkers.linearizability.entries import Entry
from clew.checkers.linearizability.priority_queues import broken_priority_queue
from clew.checkers.linearizability.queues import broken_queue
from clew.checkers.linearizability.sets import broken_set
from clew.checkers.linearizability.specification import Specification
from clew.checkers.linearizability.stacks import broken_stack
from clew.checkers.linearizability.zones import broken_zones

Shortcut: TypeAlias = Callable[[Specification, Sequence[Entry]], tuple[Entry, ...] | None]
"""Entries that can't be explained; empty where all can, None where it does not apply."""

SHORTCUTS: dict[str, Shortcut] = {
    "zones": broken_zones,
    "queue": broken_queue,
    "set": broken_set,
    "priority-queue": broken_priority_queue,
    "stack": broken_stack,
}


def shortcut(
    specification: Specification, entries: Sequence[Entry]
) -> tuple[str, tuple[Entry, ...]] | None:
    """The name of the engine that decided and what it found; None where none applies."""
    for name, judge in SHORTCUTS.items():
        broken = judge(specification, entries)
        if broken is not None:
            return name, broken
    return None
