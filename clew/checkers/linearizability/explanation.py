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

STATES_LISTED = 100
TRIES_LOOKED_AT = 10_000
"""What an explanation looks at of the states and configurations that a search was stuck in."""


def explain(
    specification: Specification,
    failure: Searched,
    minimal: Sequence[Entry],
    operations: Sequence[Operation],
    alone: Sequence[Entry] | None = None,
) -> Anomaly:
    """The anomaly ``nonlinearizable`` of a partition.

    Args:
        specification: the specification as the user gave it; it describes operations.
        failure: the search that failed.
        minimal: the entries that are still not linearizable.
        operations: all operations of the history, by number.
        alone: the entries that were searched, where they were not the whole partition. Reads of
            sets among them may be cut to a few elements. The data has their numbers as
            ``looked_at``.
    """
    response = failure.response
    reached = list(dict.fromkeys(state for state, _, _ in failure.outcome.stuck))
    states = _states(failure.machine, reached)
    told = _Told(specification, operations, failure.key, alone or ())
    in_flight = _in_flight(failure, told)
    prefix = [failure.entries[index].number for index in failure.outcome.order]
    shown = tuple(operations[each.number] for each in minimal)
    return Anomaly(
        "nonlinearizable",
        told.reason(
            response,
            explained=len(prefix),
            then=_either(states, len(reached)),
            in_flight=in_flight,
            minimal=minimal,
        ),
        shown,
        {
            "key": _json(failure.key),
            "response": told.operation(response.number),
            "prefix": prefix,
            "states": states,
            "states_reached": len(reached),
            "in_flight": in_flight,
            "minimal": [each.number for each in minimal],
            "looked_at": [each.number for each in alone or ()],
        },
    )


def named(
    specification: Specification, failure: Searched, operations: Sequence[Operation]
) -> Anomaly:
    """The anomaly with nothing but the first response that no order explains."""
    number = failure.response.number
    told = _Told(specification, operations, failure.key, ())
    return Anomaly(
        "nonlinearizable",
        f"{told.begin()} explains {told.words(number)}.",
        (operations[number],),
        {"key": _json(failure.key), "response": told.operation(number)},
    )


def bare(
    key: Hashable, numbers: Sequence[int], operations: Sequence[Operation], why: str
) -> Anomaly:
    """The anomaly where the explanation was not finished, as where a user's words raise.

    Args:
        key: the partition's key.
        numbers: the operations that no order explains, or the response that none does.
        operations: all operations of the history, by number.
        why: why it was not finished.
    """
    blamed = tuple(operations[number] for number in numbers)
    told = [f"{each.f} by process {each.process}" for each in blamed[:IN_FLIGHT_TOLD]]
    more = f" and {len(blamed) - len(told)} more" if len(blamed) > len(told) else ""
    plural = "s" if len(blamed) > 1 else ""
    listed = ", ".join(str(number) for number in numbers[:IN_FLIGHT_TOLD])
    return Anomaly(
        "nonlinearizable",
        f"{_begin(key)} explains {', '.join(told)}{more} (operation{plural} {listed}). "
        f"The explanation could not be finished: {why}.",
        blamed,
        {
            "key": _json(key),
            "response": {"number": blamed[-1].number, "process": blamed[-1].process},
            "minimal": list(numbers),
        },
    )


def _states(machine: Machine, reached: Sequence[int]) -> list[str]:
    """Machine states described, each description once, of no more than the first ones."""
    describe = machine.specification.describe_state
    some = reached[:STATES_LISTED]
    return list(dict.fromkeys(describe(each) for one in some for each in machine.states[one]))


def _in_flight(failure: Searched, told: _Told) -> list[dict[str, Any]]:
    """For each operation in flight at the response, what became of it in every try."""
    level = failure.timeline.levels[failure.outcome.level]
    tries = failure.outcome.stuck[:TRIES_LOOKED_AT]
    rows = []
    slots = {each[4]: each for each in (*level.reads, *level.updates, level.slot)}
    for _, slot in sorted(slots.items()):
        bit, _, call, index = slot[1:]
        is_optional = level.replacing & bit
        place = bit << failure.timeline.width
        stuck = [
            (state, bool(used & place if is_optional else window & bit))
            for state, window, used in tries
        ]
        rows.append((index, _fate(failure.machine, call, stuck, is_response=slot is level.slot)))
    for bit, _, _, call, index in failure.timeline.spares[: level.spares]:
        if index < 0:
            continue
        stuck = [(state, bool(used & bit)) for state, _, used in tries]
        rows.append((index, _fate(failure.machine, call, stuck, is_response=False)))
    return [{**told.operation(failure.entries[index].number), "why": why} for index, why in rows]


def _fate(
    machine: Machine, call: int, stuck: Sequence[tuple[int, bool]], *, is_response: bool
) -> str:
    """Why an operation in flight does not help."""
    open_states = dict.fromkeys(state for state, linearized in stuck if not linearized)
    refused = [state for state in open_states if machine.step(call, state) == ILLEGAL]
    if not open_states:
        return "already has its place in the order"
    if is_response or len(refused) == len(open_states):
        return f"does not fit, since {_either(_states(machine, refused), len(refused))}"
    return "may come here, and does not help"


def _either(clauses: Sequence[str], count: int) -> str:
    """One of so many clauses; the words that all those told begin with are said once."""
    shown = [clause.split(" ") for clause in clauses[:STATES_TOLD]]
    common = 0
    while len({tuple(words[: common + 1]) for words in shown}) == 1 and all(
        len(words) > common + 1 for words in shown
    ):
        common += 1
    ends = [" ".join(words[common:]) for words in shown]
    left = max(len(clauses), count if len(clauses) > STATES_TOLD else 0) - STATES_TOLD
    if left > 0:
        ends.append(f"one of {left} others")
    return " ".join([*shown[0][:common], " or ".join(ends)])


def _begin(key: Hashable, looked_at: str = "") -> str:
    """The beginning of a sentence that says what no order explains."""
    before = "" if key is None else f"Key {show(_json(key))}: "
    if looked_at:
        looked_at = f"{looked_at if before else looked_at.capitalize()}, "
    return f"{before}{looked_at}no order" if before or looked_at else "No order"


def _json(value: Any) -> Any:
    """A key as a JSON value."""
    if isinstance(value, tuple):
        return [_json(each) for each in value]
    return value if isinstance(value, str | int | float | None) else show(value)


class _Told:
    """Operations in words and as JSON."""

    def __init__(
        self,
        specification: Specification,
        operations: Sequence[Operation],
        key: Hashable,
        alone: Sequence[Entry],
    ) -> None:
        self._specification = specification
        self._operations = operations
        self._key = key
        self._alone = alone
        # What reads of a set are cut to.
        self._cut = {
            each.number: each.result
            for each in alone
            if type(each.result) is tuple
            and each.result != self._without_key(operations[each.number].result)
        }

    def begin(self) -> str:
        """The beginning of the story."""
        return _begin(self._key, self._looked_at())

    def _looked_at(self) -> str:
        """What the story leaves out."""
        if self._cut:
            elements = dict.fromkeys(each.argument for each in self._alone if each.f == "add")
            elements |= dict.fromkeys(each for shown in self._cut.values() for each in shown)
            plural = "s" if len(elements) > 1 else ""
            return f"of the element{plural} {' and '.join(map(show, elements))} alone"
        return f"of {len(self._alone)} operations alone" if self._alone else ""

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
        result = self._cut.get(number, result)
        text = self._specification.describe_operation(each.f, argument, result)
        return f"{text} by process {each.process}"

    def reason(
        self,
        response: Entry,
        *,
        explained: int,
        then: str,
        in_flight: Sequence[dict[str, Any]],
        minimal: Sequence[Entry],
    ) -> str:
        """The story, a few sentences."""
        text = f"{self.begin()} explains {self.words(response.number)} "
        text += f"(operation {response.number}). "
        if explained:
            plural = "s" if explained > 1 else ""
            text += f"An order of {explained} operation{plural} explains all that responded before"
        else:
            text += "Nothing had to happen before"
        text += f"; then {then}. "
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
