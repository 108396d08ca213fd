"""A specification as a table: states and calls are small integers, and steps are remembered.

A specification that may choose is made deterministic by the subset construction: a state of the
machine is the set of states that the object may be in, and an operation is illegal where none of
them allows it. In a given order of operations that set is nonempty exactly where the object can
behave as recorded, so the search over orders needs to follow one machine state only.

Source: Rabin and Scott, "Finite automata and their decision problems", 1959 (subsets).
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

from clew.checkers.linearizability.entries import Entry
from clew.checkers.linearizability.specification import Call, Specification

ILLEGAL = -1


class Machine:
    """The deterministic machine of a specification for the entries of one partition.

    Attributes:
        states: from a machine state to the states of the object, in order of discovery.
        calls: from a call's identity to the call.
        steps: for each call a table from a machine state to the next, or `ILLEGAL`; it holds
            what was asked so far, and `step` fills it.
        replaces: for each call whether it replaces the state, whatever it was.
        chose: whether some step led to several states.
    """

    __slots__ = (
        "_call_ids", "_state_ids", "calls", "chose", "replaces", "specification", "states", "steps",
    )  # fmt: skip

    def __init__(self, specification: Specification) -> None:
        self.specification = specification
        self.states: list[tuple[Any, ...]] = []
        self._state_ids: dict[Any, int] = {}
        self.calls: list[Call] = []
        self._call_ids: dict[tuple[Any, ...], int] = {}
        self.steps: list[dict[int, int]] = []
        self.replaces: list[bool] = []
        self.chose = False
        self.state_id((specification.initial(),))

    def call_id(self, entry: Entry) -> int:
        """The identity of an entry's call; equal calls share it."""
        call = entry[2:5]
        found = self._call_ids.get(call)
        if found is None:
            found = self._call_ids[call] = len(self.calls)
            self.calls.append(Call._make(call))
            self.steps.append({})
            self.replaces.append(self.specification.replaces(entry.f, entry.argument))
        return found

    def state_id(self, states: Sequence[Hashable]) -> int:
        """The machine state that stands for these states of the object."""
        if len(states) > 1:
            self.chose = True
            distinct = tuple(dict.fromkeys(states))
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
        """The state after a call, or `ILLEGAL`; remembered in `steps`."""
        f, argument, result = self.calls[call]
        step = self.specification.step
        states = self.states[state]
        if len(states) == 1:
            reached: Sequence[Hashable] = step(states[0], f, argument, result) or ()
        else:
            reached = [after for each in states for after in step(each, f, argument, result) or ()]
        after = self.state_id(reached) if reached else ILLEGAL
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
