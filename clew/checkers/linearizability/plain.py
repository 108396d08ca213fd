"""Plain Wing and Gong: the oracle that the tests compare the fast engines with. Slow.

It knows neither windows nor dominance, nor which operations read. A configuration is the set of
all operations linearized so far and the state.

Source: Wing and Gong, "Testing and verifying concurrent objects", JPDC 1993, with the memory of
configurations of Lowe, "Testing for linearizability", 2017.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from clew.checkers.linearizability.entries import Entry
from clew.checkers.linearizability.specification import Specification
from clew.checkers.verdict import Budget


def plain(
    specification: Specification, entries: Sequence[Entry], budget: Budget
) -> tuple[bool, int]:
    """Decide whether one partition is linearizable, and count the configurations looked at.

    Exponential in the number of operations.

    Raises:
        OutOfBudget: it was not decided within the budget.
    """
    required = sum(1 << at for at, entry in enumerate(entries) if entry.completed is not None)
    first = (0, specification.initial())
    waiting: list[tuple[int, Any]] = [first]
    visited = {first}
    # Invariant: some legal order of what is done leads to each state visited; from those that do
    # not wait all that is one operation further was visited (Wing and Gong 1993).
    while waiting:
        done, state = waiting.pop()
        if done & required == required:
            return True, len(visited)
        budget.spend(1)
        for at in _minimal(entries, done):
            entry = entries[at]
            states = specification.step(state, entry.f, entry.argument, entry.result)
            for after in states or ():
                reached = (done | 1 << at, after)
                if reached not in visited:
                    visited.add(reached)
                    waiting.append(reached)
    return False, len(visited)


def _minimal(entries: Sequence[Entry], done: int) -> list[int]:
    """Find the operations that may come next: no other one left responds before they began."""
    left = [at for at in range(len(entries)) if not done >> at & 1]
    responses = [entries[at].completed for at in left]
    earliest = min((each for each in responses if each is not None), default=None)
    return [at for at in left if earliest is None or entries[at].invoked < earliest]
