"""Witness first: an order that somebody claims is checked in O(n log n), of which n is sorting.

A simulator knows where an operation takes effect, such as its index in a log. Where that order
explains the history, there is nothing to search. Where it does not, nothing is said: another
order may.

Source: the linearization points of Herlihy and Wing, ACM TOPLAS 1990.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from clew.checkers.linearizability.entries import Entry
from clew.checkers.linearizability.machine import ILLEGAL, Machine


def explains(machine: Machine, entries: Sequence[Entry], effects: Mapping[int, Any]) -> bool:
    """True where the order of the effect points is a linearization of the entries.

    Args:
        machine: the specification's machine.
        entries: one partition.
        effects: from an operation's number to its effect point. Every completed operation needs
            one; a pending operation without one did not happen. Points that do not compare with
            each other explain nothing.
    """
    happened = [entry for entry in entries if entry.number in effects]
    completed = sum(entry.completed is not None for entry in entries)
    if sum(entry.completed is not None for entry in happened) < completed:
        return False
    try:
        happened.sort(key=lambda entry: effects[entry.number])
    except TypeError:
        return False
    latest = -1
    state = 0
    for entry in happened:
        # An operation may not stand after one that was invoked when it had responded.
        latest = max(latest, entry.invoked)
        if entry.completed is not None and entry.completed < latest:
            return False
        call = machine.call_id(entry)
        after = machine.steps[call].get(state)
        state = machine.step(call, state) if after is None else after
        if state == ILLEGAL:
            return False
    return True
