"""Why a partition is not linearizable, in words and as data.

The evidence is what the search saw: the first response that no order explains, the longest
prefix that one does, the states there, and for each operation in flight why it does not help.

Leaves out other orders of the prefix: one is shown of possibly many.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, NamedTuple

from clew.checkers.keys import is_pair
from clew.checkers.linearizability.entries import Entry, end
from clew.checkers.linearizability.machine import ILLEGAL, Machine
from clew.checkers.linearizability.specification import (
    UNANSWERED,
    UNSEEN,
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
    key: Hashable,
    failure: Searched,
    minimal: Sequence[Entry],
    operations: Sequence[Operation],
    alone: Sequence[Entry] | None = None,
) -> Anomaly:
    """Make the anomaly ``nonlinearizable`` of a partition.

    Args:
        specification: the specification as the user gave it; it describes operations.
        key: the partition's key.
        failure: the search that failed.
        minimal: the entries that are still not linearizable.
        operations: all operations of the history, by number.
        alone: the entries that were searched, if they were not the whole partition. Reads of
            sets among them may be cut to a few elements. The data has their numbers as
            ``looked_at``.
    """
    response = failure.response
    reached = list(dict.fromkeys(state for state, _, _ in failure.outcome.stuck))
    told = _Told(specification, operations, key, alone or ())
    tries = _tries(failure)
    unseen = _unseen(failure, told, tries)
    states = _states(failure.machine, reached, unseen)
    in_flight = _in_flight(failure, told, tries, unseen)
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
            "key": _json(key),
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
    specification: Specification,
    key: Hashable,
    response: Entry,
    operations: Sequence[Operation],
) -> Anomaly:
    """Make the anomaly with nothing but the first response that no order explains."""
    number = response.number
    told = _Told(specification, operations, key, ())
    shown = told.operation(number)
    return Anomaly(
        "nonlinearizable",
        f"{told.begin()} explains {shown['words']}.",
        (operations[number],),
        {"key": _json(key), "response": shown},
    )


def bare(
    key: Hashable, numbers: Sequence[int], operations: Sequence[Operation], why: str
) -> Anomaly:
    """Make the anomaly of operations whose explanation broke off, as a user's words may raise."""
    blamed = tuple(operations[number] for number in numbers)
    told = [f"{each.f} by process {each.process}" for each in blamed[:IN_FLIGHT_TOLD]]
    more = f" and {len(blamed) - len(told)} more" if len(blamed) > len(told) else ""
    plural = "s" if len(blamed) > 1 else ""
    listed = ", ".join(str(number) for number in numbers[:IN_FLIGHT_TOLD])
    return Anomaly(
        "nonlinearizable",
        f"{_begin(key)} explains {', '.join(told)}{more} (operation{plural} {listed}). "
        f"The explanation could not be finished: {why.rstrip('.')}.",
        blamed,
        {
            "key": _json(key),
            "response": {"number": blamed[-1].number, "process": blamed[-1].process},
            "minimal": list(numbers),
        },
    )


def _states(machine: Machine, reached: Sequence[int], unseen: Sequence[str]) -> list[str]:
    """Describe machine states, each description once, of no more than the first ones.

    The words for the values that no operation sees are ``unseen``, or the specification's own.
    """
    describe = machine.specification.describe_state
    described: dict[str, None] = {}
    for one in reached[:STATES_LISTED]:
        for state in machine.states[one]:
            named = unseen if state is UNSEEN and unseen else (describe(state),)
            described.update(dict.fromkeys(named))
    return list(described)


def _unseen(failure: Searched, told: _Told, tries: Sequence[_Tried]) -> list[str]:
    """Describe the values behind `UNSEEN` at the response; empty if they are too many.

    They are what the updates wrote that no operation sees, without those that another update
    followed in real time and those in flight that no try has in its order. A store to which
    something is appended has others: none is shown.
    """
    specification, response = failure.machine.specification, failure.response
    if not specification.overwrites or response.completed is None:
        return []
    unplaced = {each.entry for each in tries if not any(placed for _, placed in each.stuck)}
    updates = [
        each
        for index, each in enumerate(failure.entries)
        if each.invoked < response.completed
        and index not in unplaced
        and not specification.is_readonly(each.f, each.argument)
    ]
    latest = max(
        (each.invoked for each in updates if end(each) < response.completed),
        default=-1,
    )
    values = dict.fromkeys(
        told.written(each.number)
        for each in updates
        if end(each) > latest
        and (each.argument is UNSEEN or (is_pair(each.argument) and each.argument[1] is UNSEEN))
    )
    return [told.state(value) for value in values] if len(values) <= STATES_TOLD else []


def _in_flight(
    failure: Searched, told: _Told, tries: Sequence[_Tried], unseen: Sequence[str]
) -> list[dict[str, Any]]:
    """Report for each operation in flight at the response what became of it in every try."""
    return [
        {
            **told.operation(failure.entries[each.entry].number),
            "why": _fate(failure.machine, each, unseen),
        }
        for each in tries
    ]


class _Tried(NamedTuple):
    """An operation in flight, as the search tried it.

    Attributes:
        entry: its entry's index.
        call: its call.
        stuck: for each configuration that was stuck its state, and whether the operation had
            its place in the order.
        is_response: whether it is the one that no order explains.
    """

    entry: int
    call: int
    stuck: Sequence[tuple[int, bool]]
    is_response: bool


def _tries(failure: Searched) -> list[_Tried]:
    """List the operations in flight at the response."""
    level = failure.layout.levels[failure.outcome.level]
    tries = failure.outcome.stuck[:TRIES_LOOKED_AT]
    found = []
    slots = {each[4]: each for each in (*level.reads, *level.updates, level.slot)}
    # Of an update that replaces the state, the window's bit is set as soon as it is optional (see
    # `clew.checkers.linearizability.search`); the bit in `used` says whether it was placed.
    for _, slot in sorted(slots.items()):
        bit, _, call, index = slot[1:]
        is_optional = level.replacing & bit
        place = bit << failure.layout.width
        stuck = [
            (state, bool(used & place if is_optional else window & bit))
            for state, window, used in tries
        ]
        found.append(_Tried(index, call, stuck, slot is level.slot))
    for bit, _, _, call, index in failure.layout.spares[: level.spares]:
        if index >= 0:
            stuck = [(state, bool(used & bit)) for state, _, used in tries]
            found.append(_Tried(index, call, stuck, is_response=False))
    return found


def _fate(machine: Machine, tried: _Tried, unseen: Sequence[str]) -> str:
    """Explain why an operation in flight does not help."""
    open_states = dict.fromkeys(state for state, linearized in tried.stuck if not linearized)
    refused = [state for state in open_states if machine.step(tried.call, state) == ILLEGAL]
    if not open_states:
        return "already has its place in the order"
    if tried.is_response or len(refused) == len(open_states):
        return f"does not fit, since {_either(_states(machine, refused, unseen), len(refused))}"
    return "may come here, and does not help"


def _either(clauses: Sequence[str], count: int) -> str:
    """Join several clauses with "or"; words that all those shown begin with stand once."""
    shown = [clause.split(" ") for clause in clauses[:STATES_TOLD]]
    common = 0
    # Invariant: all clauses that are shown begin with the same `common` words, and have at least
    # one more.
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
    """Begin a sentence that says what no order explains."""
    before = "" if key is None else f"Key {show(_json(key))}: "
    if looked_at:
        looked_at = f"{looked_at if before else looked_at.capitalize()}, "
    return f"{before}{looked_at}no order" if before or looked_at else "No order"


def _json(value: Any) -> Any:
    """Turn a key into a JSON value."""
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
            if type(each.result) is tuple and each.result != self._result(operations[each.number])
        }

    def begin(self) -> str:
        """Begin the story."""
        return _begin(self._key, self._looked_at())

    def _looked_at(self) -> str:
        """Report what the story is about, if it leaves something out."""
        if self._cut:
            elements = dict.fromkeys(each.argument for each in self._alone if each.f == "add")
            elements |= dict.fromkeys(each for shown in self._cut.values() for each in shown)
            plural = "s" if len(elements) > 1 else ""
            return f"of the element{plural} {' and '.join(map(show, elements))} alone"
        return f"of {len(self._alone)} operations alone" if self._alone else ""

    def operation(self, number: int) -> dict[str, Any]:
        """Return an operation as data."""
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

    def _has_key(self, frozen: Any) -> bool:
        return self._key is not None and is_pair(frozen) and frozen[0] == self._key

    def _argument(self, each: Operation) -> Any:
        """Freeze the argument, as the specification sees it."""
        frozen = freeze(each.argument)
        return frozen[1] if self._has_key(frozen) else frozen

    def _result(self, each: Operation) -> Any:
        """Freeze the result, as the specification sees it: with a key if the argument has one.

        Else the key is a part of the object, such as an element of a set, and no part of values.
        """
        frozen = freeze(each.result)
        keyed = self._specification.keyed or self._has_key(freeze(each.argument))
        return frozen[1] if keyed and self._has_key(frozen) else frozen

    def written(self, number: int) -> Any:
        """Return what an update that replaces the state by its argument wrote."""
        each = self._operations[number]
        argument = self._argument(each)
        return argument[1] if each.f in self._specification.pairs else argument

    def state(self, value: Any) -> str:
        """Describe a state, in the words of the user's specification."""
        return self._specification.describe_state(value)

    def words(self, number: int) -> str:
        """Describe an operation, with its process and without its key."""
        each = self._operations[number]
        argument = self._argument(each)
        result = self._result(each) if each.type == "ok" else UNANSWERED
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
        """Tell the story in a few sentences."""
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
