"""Keyed histories: several objects of one kind, each named by the key that comes first in values.

A keyed operation has the argument ``[key, value]`` and the result ``[key, value]`` or nil, as
Jepsen's ``independent`` has them. An operation that only reads (`ASKS`) has ``[key, null]``, and
may be answered with the bare value; then all of the history are. `EachKey` lets a checker of one
object judge each key's operations alone.

Left out: histories in which only some operations have a key. They are refused, because no reading
of them is sure. If all values happen to be lists of two and nothing shows that the first is a key,
both readings are judged, and there is a verdict if they agree.

Source: Horn and Kroening, "Faster linearizability checking via P-compositionality", FORTE 2015;
``independent.clj`` of Jepsen.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, compress
from operator import itemgetter
from typing import Any, Literal, NamedTuple, TypeAlias

from clew.checkers.values import Key, counted, key_of, shown
from clew.checkers.verdict import Anomaly, Budget, Checker, Result, Verdict, helps, within
from clew.errors import HistoryError
from clew.history import Event, History, Operation

Keying: TypeAlias = Literal["none", "pairs", "bare"]

ASKS = frozenset({"read", "dequeue", "drain", "pop", "remove", "acquire"})
"""Functions that have no argument of their own in some object: with a key it is [key, null]."""

PAIRS = frozenset({list, tuple})
"""The types of a pair."""
_PAIR = 2

PLAIN = frozenset({int, str})
"""The types of values that are one JSON value where Python has them equal."""


def is_pair(value: Any) -> bool:
    """Return whether the value may be ``[key, value]``."""
    return type(value) in PAIRS and len(value) == _PAIR


def readings(history: History, pairs: Collection[str] = ()) -> tuple[Keying, ...]:
    """Return the one or two ways in which the values can be read, the likelier first. O(n).

    The argument of each of the functions ``pairs`` is itself a pair; with a key ``[key, [a, b]]``.

    A key is sure where an operation asks with ``[key, null]``, or is answered with its key and
    another value. It is not where all arguments happen to be pairs, such as the holders of a lock
    named ``[node, thread]``: they may be keyed, or values that are lists of two. They are taken
    for keyed first, unless some answers are no pairs with the same key.

    Raises:
        HistoryError: some operations surely have a key and others have none.
    """
    operations = history.operations
    arguments = list(map(_ARGUMENT, operations))
    if PAIRS.isdisjoint(map(type, arguments)):
        return ("none",)
    if not _all_have_keys(operations, arguments, pairs):
        # Of the functions that came with an argument: an asking one may have come with a key.
        if not ASKS.isdisjoint(compress(map(_F, operations), arguments)):
            _refuse_a_sure_key(history)
        return ("none",)
    asking = [
        each
        for each, (_, asked) in zip(operations, arguments, strict=True)
        if asked is None and each[5] is not None and each[2] in ASKS and each[3] == "ok"
    ]
    if asking:
        if _all_own(asking):
            return ("pairs",)
        _refuse_both(history, asking)
        return ("bare",)
    answered = [each for each in operations if each[5] is not None and each[3] == "ok"]
    if not _all_own(answered):
        return ("none", "pairs")
    is_sure = any(each.result[1] != each.argument[1] for each in answered)
    return ("pairs",) if is_sure or any(map(_asks, operations)) else ("pairs", "none")


def said_readings(
    history: History, pairs: Collection[str] = (), *, keyed: bool | None = None
) -> tuple[Keying, ...]:
    """Return the `readings`, or the one that ``keyed`` says is meant (None: nobody says). O(n).

    Raises:
        HistoryError: as `readings`; or a key is said to be there, and some values have none.
    """
    if keyed is False:
        return ("none",)
    found = readings(history, pairs)
    if keyed is None:
        return found
    with_key = [how for how in found if how != "none"]
    if with_key or all(is_pair(each.argument) for each in history.operations):
        return (with_key[0] if with_key else "pairs",)
    bare = next(each for each in history.operations if not is_pair(each.argument))
    raise HistoryError(
        f"a {bare.f} has no key",
        where=history.place(bare.invoked),
        expected="[key, value], as keyed=true says",
        found=shown(bare.argument),
    )


def _agreed(results: Sequence[tuple[Keying, Result]]) -> Result:
    """Return the first result if the verdicts on all readings agree; else UNKNOWN, and why.

    A history that is wrong in one reading and right in another is not known to be either.
    """
    (_, first), *others = results
    if all(each.verdict is first.verdict for _, each in others):
        return first
    told = "; ".join(
        f"read as {_READ_AS[how]}, the verdict is {each.verdict.value} ({each.reason})"
        for how, each in results
    )
    reason = (
        f"It can't be told whether the lists of two are a key and a value: {told}. The model's "
    )
    reason += "option keyed=true or keyed=false says which is meant."
    return Result(first.name, Verdict.UNKNOWN, reason, engine=first.engine)


_READ_AS: dict[Keying, str] = {
    "none": "one object",
    "pairs": "an object for each key",
    "bare": "an object for each key",
}


def _all_have_keys(
    operations: Sequence[Operation], arguments: Sequence[Any], pairs: Collection[str]
) -> bool:
    if not _are_pairs(arguments):
        return False
    if not pairs:
        return True
    functions = map(_F, operations)
    return _are_pairs([each[1] for f, each in zip(functions, arguments, strict=True) if f in pairs])


def _are_pairs(values: Sequence[Any]) -> bool:
    """Return whether `is_pair` holds for all; without a call for each."""
    return PAIRS.issuperset(map(type, values)) and _TWO.issuperset(map(len, values))


def _all_own(answered: Sequence[Operation]) -> bool:
    """Return whether `_is_own` holds for all; mostly without a call for each."""
    results = list(map(_RESULT, answered))
    if not _are_pairs(results):
        return False
    theirs, ours = list(map(_KEY, results)), list(map(_KEY, map(_ARGUMENT, answered)))
    if theirs == ours and PLAIN.issuperset(map(type, chain(theirs, ours))):
        return True
    return all(map(_is_own, answered))


_F, _ARGUMENT, _RESULT = itemgetter(2), itemgetter(4), itemgetter(5)
"""Fields of an operation."""
_KEY = itemgetter(0)
_TWO = frozenset({_PAIR})


def _refuse_a_sure_key(history: History) -> None:
    """Refuse an answer that surely has a key, where others have none."""
    for one in history.operations:
        if _asks(one) and one.type == "ok" and _is_own(one) and one.result[1] is not None:
            others = (each for each in history.operations if not is_pair(each.argument))
            raise _only_some(history, one, next(others, one))


def _refuse_both(history: History, asking: Sequence[Operation]) -> None:
    """Refuse a bare answer where others carry the key."""
    bare = next(each for each in asking if not _is_own(each))
    for one in asking:
        if _is_own(one):
            raise _only_some(history, one, bare)


def _asks(operation: Operation) -> bool:
    argument = operation.argument
    return operation.f in ASKS and is_pair(argument) and argument[1] is None


def _is_own(operation: Operation) -> bool:
    """Return whether the result is a pair with the key of the argument."""
    result = operation.result
    if type(result) not in PAIRS or len(result) != _PAIR:
        return False
    ours, asked = result[0], operation.argument[0]
    return ours is asked or key_of(ours) == key_of(asked)


def _only_some(history: History, keyed: Operation, other: Operation) -> HistoryError:
    return HistoryError(
        "only some operations have a key",
        where=history.place(other.invoked),
        expected=f"[key, value] everywhere, as the {keyed.f} of {history.place(keyed.invoked)} has",
        found=f"{other.f} {shown(other.argument)} -> {shown(other.result)}",
        fix="Write the key first in every value, or in none",
    )


def of_each_key(checker: Checker, history: History, *, keyed: bool | None = None) -> Checker:
    """Return the checker, or one that judges key by key if the history is keyed. O(n).

    If the history does not show whether it is keyed, and ``keyed`` does not say so, one that judges
    both.

    Raises:
        HistoryError: only some operations have a key.
    """
    hows = said_readings(history, keyed=keyed)
    of = [(how, checker if how == "none" else EachKey(checker, bare=how == "bare")) for how in hows]
    return of[0][1] if len(of) == 1 else EachReading(tuple(of))


@dataclass(frozen=True, slots=True)
class EachReading:
    """Judges each of the ways in which a history can be read; UNKNOWN if they differ.

    Args:
        of: the ways, and for each the checker that reads the history so.
    """

    of: tuple[tuple[Keying, Checker], ...]

    @property
    def name(self) -> str:
        """That of the checkers."""
        return self.of[0][1].name

    @property
    def helps(self) -> tuple[str, ...]:
        """Those of the checkers."""
        return helps(self.of[0][1])

    def check(self, history: History, budget: Budget) -> Result:
        """Return what all readings agree on. A reading that the checker can't take is none.

        Raises:
            HistoryError: the checker can take none of them.
        """
        return judged([(how, partial(each.check, history, budget)) for how, each in self.of])


def judged(readers: Sequence[tuple[Keying, Callable[[], Result]]]) -> Result:
    """Return what all readings agree on; one that is refused is none.

    Raises:
        HistoryError: all of them are refused.
    """
    results: list[tuple[Keying, Result]] = []
    refused: list[HistoryError] = []
    for how, check in readers:
        try:
            results.append((how, check()))
        except HistoryError as error:
            refused.append(error)
    if not results:
        raise refused[0]
    return _agreed(results)


@dataclass(frozen=True, slots=True)
class EachKey:
    """Judges the operations of each key alone: the worst verdict, and all anomalies.

    Args:
        checker: a checker of one object, which sees values without their key.
        bare: whether the answers of operations that ask are the value without its key.
    """

    checker: Checker
    bare: bool = False

    @property
    def name(self) -> str:
        """That of the checker."""
        return self.checker.name

    @property
    def helps(self) -> tuple[str, ...]:
        """Those of the checker."""
        return helps(self.checker)

    def check(self, history: History, budget: Budget) -> Result:
        """Return the results of all keys as one; each anomaly names its key.

        Raises:
            HistoryError: as the checker does.
        """
        parts = _split(history, bare=self.bare)
        # A key over the budget does not lose what the others gave.
        results = [within(self.checker, part.history, budget) for part in parts]
        verdict = Verdict.merge(each.verdict for each in results)
        anomalies = tuple(
            _of_key(part, anomaly)
            for part, result in zip(parts, results, strict=True)
            for anomaly in result.anomalies
        )
        deciding = [each.verdict is verdict for each in results]
        first = deciding.index(True)
        reason = f"{_HOW_MANY[verdict].format(sum(deciding), counted(len(parts), 'key'))} "
        reason += f"Key {shown(parts[first].key)}: {results[first].reason}"
        figures = {
            "keys": len(parts),
            "invalid_keys": sum(each.verdict is Verdict.INVALID for each in results),
            "unknown_keys": sum(each.verdict is Verdict.UNKNOWN for each in results),
            "by_key": [
                {"key": part.key, "verdict": result.verdict.value, **result.statistics}
                for part, result in zip(parts, results, strict=True)
            ],
        }
        engine = results[first].engine
        return Result(self.name, verdict, reason, anomalies, engine, 0.0, figures)


_HOW_MANY = {
    Verdict.VALID: "Nothing is wrong with {1}.",
    Verdict.UNKNOWN: "Undecided: {} of {}.",
    Verdict.INVALID: "Wrong: {} of {}.",
}


class _Part(NamedTuple):
    """One key's operations: without the key as a history, and as they were recorded."""

    key: Any
    history: History
    recorded: list[Operation]


def _split(history: History, *, bare: bool) -> list[_Part]:
    """Split the history by key, in order of first operation; named processes are in each. O(n)."""
    recorded: dict[Key, list[Operation]] = {}
    told: dict[int, tuple[Key, Any]] = {}
    for one in history.operations:
        key = key_of(one.argument[0])
        recorded.setdefault(key, []).append(one)
        told[one.invoked] = key, one.argument[1]
        if one.completed is not None:
            keep = (bare and _asks(one)) or not _is_own(one)
            told[one.completed] = key, one.result if keep else one.result[1]
    positions: dict[Key, list[int]] = {key: [] for key in recorded}
    # What named processes did, such as the nemesis, concerns every key.
    for position in range(len(history.events)):
        keys = [told[position][0]] if position in told else list(positions)
        for key in keys:
            positions[key].append(position)
    return [
        _Part(group[0].argument[0], _history(history, positions[key], told), group)
        for key, group in recorded.items()
    ]


def _history(history: History, positions: list[int], told: dict[int, tuple[Key, Any]]) -> History:
    events: list[Event] = []
    for position in positions:
        event = history.events[position]
        events.append(event._replace(value=told[position][1]) if position in told else event)
    lines = None if history.lines is None else [history.lines[each] for each in positions]
    return History(
        events,
        source=history.source,
        lines=lines,
        format=history.format,
        timeless=history.timeless,
        marks_final=history.marks_final,
    )


def _of_key(part: _Part, anomaly: Anomaly) -> Anomaly:
    return replace(
        anomaly,
        reason=f"Key {shown(part.key)}: {anomaly.reason}",
        operations=tuple(part.recorded[each.number] for each in anomaly.operations),
        data={"key": part.key, **anomaly.data},
    )
