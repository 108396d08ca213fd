"""Why a partition is not linearizable, in words and as data.

The evidence is what the search saw: the first response that no order explains, the longest
prefix that one does, the states there, and for each operation in flight why it does not help.

Leaves out other orders of the prefix: one is shown of possibly many.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

from clew.checkers.linearizability.entries import Entry, is_pair
from clew.checkers.linearizability.machine import ILLEGAL, Machine
from clew.checkers.linearizability.specification import (
    UNANSWERED,
    Specification,
    freeze,
    show,
)
from clew.checkers.linearizability.stages import Searched
from clew.checkers.verdict import Anomaly
from clew.history import Operation

STATES_TOLD = 4
IN_FLIGHT_TOLD = 4


def explain(
    specification: Specification,
    failure: Searched,
    minimal: Sequence[Entry],
    operations: Sequence[Operation],
) -> Anomaly:
    """The anomaly ``nonlinearizable`` of a partition.

    Args:
        specification: the specification as the user gave it; it describes operations.
        failure: the search that failed.
        minimal: the entries that are still not linearizable.
        operations: all operations of the history, by number.
    """
    outcome = failure.outcome
    slot = failure.timeline.levels[outcome.level].slot
    response = failure.entries[slot[4]]
    states = _reached_states(failure)
    in_flight = _in_flight(specification, failure, operations)
    told = _Told(specification, operations, failure.key)
    prefix = [failure.entries[index].number for index in outcome.order]
    shown = tuple(operations[each.number] for each in minimal)
    return Anomaly(
        "nonlinearizable",
        told.reason(
            failure.key,
            response,
            explained=len(prefix),
            states=states,
            in_flight=in_flight,
            minimal=minimal,
        ),
        shown,
        {
            "key": told.json(failure.key),
            "response": told.operation(response.number),
            "prefix": prefix,
            "states": states,
            "in_flight": in_flight,
            "minimal": [each.number for each in minimal],
        },
    )


def named(
    specification: Specification, failure: Searched, operations: Sequence[Operation]
) -> Anomaly:
    """The anomaly with nothing but the first response that no order explains."""
    index = failure.timeline.levels[failure.outcome.level].slot[4]
    number = failure.entries[index].number
    told = _Told(specification, operations, failure.key)
    return Anomaly(
        "nonlinearizable",
        f"{told.begin(failure.key)} explains {told.words(number)}.",
        (operations[number],),
        {"key": told.json(failure.key), "response": told.operation(number)},
    )


def bare(failure: Searched, operations: Sequence[Operation], why: str) -> Anomaly:
    """The anomaly where the explanation failed, as it may where a user's words raise."""
    index = failure.timeline.levels[failure.outcome.level].slot[4]
    response = operations[failure.entries[index].number]
    return Anomaly(
        "nonlinearizable",
        f"No order explains {response.f} by process {response.process} (operation "
        f"{response.number}). The explanation could not be finished: {why}.",
        (response,),
        {"response": {"number": response.number, "process": response.process}},
    )


def _reached_states(failure: Searched) -> list[str]:
    """The states in which the response was tried, described, each once."""
    describe = failure.machine.specification.describe_state
    states = failure.machine.states
    reached = dict.fromkeys(state for state, _, _ in failure.outcome.stuck)
    return list(dict.fromkeys(describe(each) for one in reached for each in states[one]))


def _in_flight(
    specification: Specification, failure: Searched, operations: Sequence[Operation]
) -> list[dict[str, Any]]:
    """For each operation in flight at the response, what became of it in every try."""
    level = failure.timeline.levels[failure.outcome.level]
    told = _Told(specification, operations, failure.key)
    rows = []
    slots = {each[4]: each for each in (*level.reads, *level.updates, level.slot)}
    for _, slot in sorted(slots.items()):
        bit, _, call, index = slot[1:]
        stuck = [(state, bool(window & bit)) for state, window, _ in failure.outcome.stuck]
        rows.append((index, _fate(failure.machine, call, stuck, is_response=slot is level.slot)))
    for bit, _, _, call, index in failure.timeline.spares[: level.spares]:
        if index < 0:
            continue
        stuck = [(state, bool(used & bit)) for state, _, used in failure.outcome.stuck]
        rows.append((index, _fate(failure.machine, call, stuck, is_response=False)))
    return [{**told.operation(failure.entries[index].number), "why": why} for index, why in rows]


def _fate(
    machine: Machine, call: int, stuck: Sequence[tuple[int, bool]], *, is_response: bool
) -> str:
    """Why an operation in flight does not help."""
    describe = machine.specification.describe_state
    open_states = dict.fromkeys(state for state, linearized in stuck if not linearized)
    refused = [state for state in open_states if machine.step(call, state) == ILLEGAL]
    if not open_states:
        return "already has its place in the order"
    if is_response or len(refused) == len(open_states):
        seen = dict.fromkeys(describe(each) for one in refused for each in machine.states[one])
        return f"does not fit, since {_either(list(seen))}"
    return "may come here, and does not help"


def _either(clauses: Sequence[str]) -> str:
    """One of the clauses; the words that all begin with are said once."""
    shown = [clause.split(" ") for clause in clauses[:STATES_TOLD]]
    common = 0
    while len({tuple(words[: common + 1]) for words in shown}) == 1 and all(
        len(words) > common + 1 for words in shown
    ):
        common += 1
    ends = [" ".join(words[common:]) for words in shown]
    if len(clauses) > STATES_TOLD:
        ends.append(f"one of {len(clauses) - STATES_TOLD} others")
    return " ".join([*shown[0][:common], " or ".join(ends)])


class _Told:
    """Operations in words and as JSON."""

    def __init__(
        self, specification: Specification, operations: Sequence[Operation], key: Hashable
    ) -> None:
        self._specification = specification
        self._operations = operations
        self._key = key

    def json(self, value: Any) -> Any:
        """A key as a JSON value."""
        if isinstance(value, tuple):
            return [self.json(each) for each in value]
        return value if isinstance(value, str | int | float | None) else show(value)

    def begin(self, key: Hashable) -> str:
        """The beginning of the story."""
        return "No order" if key is None else f"Key {show(self.json(key))}: no order"

    def operation(self, number: int) -> dict[str, Any]:
        """An operation as data."""
        each = self._operations[number]
        return {
            "number": number,
            "process": each.process,
            "f": each.f,
            "type": each.type,
            "argument": each.argument,
            "result": each.result,
            "words": self.words(number),
        }

    def _without_key(self, value: Any) -> Any:
        """The value frozen, as the specification sees it."""
        frozen = freeze(value)
        keyed = self._key is not None and is_pair(frozen) and frozen[0] == self._key
        return frozen[1] if keyed else frozen

    def words(self, number: int) -> str:
        """An operation in words, with its process and without its key."""
        each = self._operations[number]
        argument = self._without_key(each.argument)
        result = self._without_key(each.result) if each.type == "ok" else UNANSWERED
        text = self._specification.describe_operation(each.f, argument, result)
        return f"{text} by process {each.process}"

    def reason(
        self,
        key: Hashable,
        response: Entry,
        *,
        explained: int,
        states: Sequence[str],
        in_flight: Sequence[dict[str, Any]],
        minimal: Sequence[Entry],
    ) -> str:
        """The story, a few sentences."""
        text = f"{self.begin(key)} explains {self.words(response.number)} "
        text += f"(operation {response.number}). "
        if explained:
            plural = "s" if explained > 1 else ""
            text += f"An order of {explained} operation{plural} explains all that responded before"
        else:
            text += "Nothing had to happen before"
        text += f"; then {_either(states)}. "
        others = [row for row in in_flight if row["number"] != response.number]
        told = [f"{row['words']} {row['why']}" for row in others[:IN_FLIGHT_TOLD]]
        if told:
            left = len(others) - len(told)
            more = f"; and {left} more" if left else ""
            text += f"In flight with it: {'; '.join(told)}{more}. "
        count = len(minimal)
        if count == 1:
            return text + "It can't be explained whatever the other operations did."
        return text + f"{count} operations are enough to show it."
