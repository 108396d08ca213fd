"""A specification as a table: states and calls are small integers, and steps are remembered.

A specification that may choose is made deterministic by the subset construction: a state of the
machine is the set of states that the object may be in, and an operation is illegal if none of
them allows it. In a given order of operations that set is nonempty exactly if the object can
behave as recorded, so the search over orders needs to follow one machine state only.

Source: Rabin and Scott, "Finite automata and their decision problems", 1959 (subsets).
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

from clew.checkers.linearizability.entries import Entry
from clew.checkers.linearizability.specification import Specification
from clew.checkers.verdict import Budget

ILLEGAL = -1

STATES_COUNTED_AS_ONE = 8
"""Stepping from this number of states of the object costs about as much as a configuration."""


class Machine:
    """The deterministic machine of a specification for the entries of one partition.

    Attributes:
        states: from a machine state to the states of the object, in order of discovery.
        calls: from a call's identity to its function, argument and result.
        steps: for each call a table from a machine state to the next, or `ILLEGAL`; it holds
            what was asked so far, and `step` fills it.
        call_ids: from what a call is to its identity, for those known so far; see `call_id`.
        readonly: for each call whether it never changes a state.
        replaces: for each call whether it replaces the state, whatever it was.
        settles: the calls right before which nothing need come.
        chose: whether some step led to several states.
        budget: what steps from several states spend, so that no step of a search is endless; None
            for nothing.
    """

    __slots__ = (
        "_may_settle", "_state_ids", "budget", "call_ids", "calls", "chose", "readonly", "replaces",
        "settles", "specification", "states", "steps",
    )  # fmt: skip

    def __init__(self, specification: Specification) -> None:
        self.specification = specification
        self.states: list[tuple[Any, ...]] = []
        self._state_ids: dict[Any, int] = {}
        self.calls: list[tuple[Any, ...]] = []
        self.call_ids: dict[tuple[Any, ...], int] = {}
        self.steps: list[dict[int, int]] = []
        self.readonly: list[bool] = []
        self.replaces: list[bool] = []
        self.settles: set[int] = set()
        overridden = type(specification).settles is not Specification.settles
        self._may_settle = overridden or bool(specification.settling)
        self.chose = False
        self.budget: Budget | None = None
        self.state_id((specification.initial(),))

    def call_id(self, entry: Entry) -> int:
        """Return the identity of an entry's call; equal calls share it."""
        call = entry[2:5]
        found = self.call_ids.get(call)
        if found is None:
            found = self.call_ids[call] = len(self.calls)
            self.calls.append(call)
            self.steps.append({})
            self.readonly.append(self.specification.is_readonly(entry.f, entry.argument))
            if self._may_settle and self.specification.settles(entry.f, entry.argument):
                self.settles.add(found)
            self.replaces.append(self.specification.replaces(entry.f, entry.argument))
        return found

    def state_id(self, states: Sequence[Hashable]) -> int:
        """Return the machine state that stands for these states of the object."""
        if len(states) > 1:
            self.chose = True
            distinct = tuple(dict.fromkeys(states))
            # The same states found in another order are one state of the machine; the first order
            # is kept.
            key: Any = distinct[0] if len(distinct) == 1 else _Several(distinct)
            states = distinct
        else:
            key = states[0]
        found = self._state_ids.get(key)
        if found is None:
            found = self._state_ids[key] = len(self.states)
            self.states.append(tuple(states))
        return found

    def step(self, call: int, state: int) -> int:
        """Return the state after a call, or `ILLEGAL`; remembered in `steps`."""
        f, argument, result = self.calls[call]
        step = self.specification.step
        states = self.states[state]
        if len(states) == 1:
            reached: Sequence[Hashable] | None = step(states[0], f, argument, result)
        else:
            if self.budget is not None:
                self.budget.spend(len(states) // STATES_COUNTED_AS_ONE)
            # The subset construction: all that any of the states leads to.
            reached = [after for each in states for after in step(each, f, argument, result) or ()]
        if not reached:
            after = ILLEGAL
        elif len(reached) > 1:
            after = self.state_id(reached)
        else:
            known = self._state_ids.get(reached[0])
            after = self.state_id(reached) if known is None else known
        self.steps[call][state] = after
        return after


class _Several:
    """A set of states of the object, equal to another of the same states in any order."""

    __slots__ = ("_states",)

    def __init__(self, states: tuple[Hashable, ...]) -> None:
        self._states = frozenset(states)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Several) and self._states == other._states

    def __hash__(self) -> int:
        return hash(self._states)
