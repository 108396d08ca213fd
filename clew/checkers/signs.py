"""The forms that the values of a history may have: the tests that a `Sign` of a checker names.

Each takes the operations of a history whose functions the sign allows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

from clew.checkers.keys import is_pair
from clew.checkers.registers.subkeys import is_in_order
from clew.checkers.values import key_of
from clew.history import Operation

Test: TypeAlias = Callable[[Sequence[Operation]], bool]

_READ_WRITE = frozenset({"r", "w"})
_LIST = frozenset({"r", "append"})
_REGISTER = _READ_WRITE | {"read", "write"}
_PREDICATE = _READ_WRITE | {"rp", "insert", "delete"}
_PAIR, _TRIPLE = 2, 3


def _parts(words: frozenset[str]) -> Test:
    """Make the test that every argument is a list of micro-operations of these words."""

    def test(operations: Sequence[Operation]) -> bool:
        arguments = [each.argument for each in operations]
        return all(
            isinstance(argument, list) and all(_is_part(part, words) for part in argument)
            for argument in arguments
        ) and any(arguments)

    return test


read_write_acts = _parts(_READ_WRITE)
list_acts = _parts(_LIST)
register_acts = _parts(_REGISTER)


def _is_part(value: Any, words: frozenset[str]) -> bool:
    """Return whether it is a micro-operation; ``["r", key]`` may leave out the value's place."""
    if not isinstance(value, list) or not value or not isinstance(value[0], str):
        return False
    size = len(value)
    return value[0] in words and (size == _TRIPLE or (size == _PAIR and value[0] == "r"))


def triples(value: Any) -> Iterator[tuple[str, Any, Any]]:
    """Yield the micro-operations of a transaction; one that reads and names no value has nil."""
    for part in value if isinstance(value, list) else ():
        if _is_part(part, _REGISTER | _LIST):
            yield part[0], part[1], part[2] if len(part) == _TRIPLE else None


def lists_alone(operations: Sequence[Operation]) -> bool:
    """Return whether transactions only read, and are answered with lists, as no register is."""
    answers = [
        answer
        for each in operations
        if each.type == "ok"
        for _, _, answer in triples(each.result)
        if answer is not None
    ]
    whole = all(isinstance(answer, list) for answer in answers)
    return bool(answers) and whole and _parts(frozenset({"r"}))(operations)


def inserts_of_ones(operations: Sequence[Operation]) -> bool:
    """Return whether writes put 1 to one key each, none twice, and reads are of several keys."""
    if not read_write_acts(operations):
        return False
    written = [each.argument for each in operations if each.f == "write"]
    read = [each.argument for each in operations if each.f == "read"]
    once = {key_of(part[1]) for acts in written for part in acts}
    values = {key_of(value) for each in operations for _, _, value in triples(each.result)}
    return (
        all(len(acts) == 1 and acts[0][0] == "w" for acts in written)
        and len(once) == len(written)
        and all(len(acts) > 1 and all(part[0] == "r" for part in acts) for acts in read)
        and values <= {key_of(None), 1}
    )


def by_predicate(operations: Sequence[Operation]) -> bool:
    """Return whether every transaction lists reads, reads by predicate and changes of keys."""
    acts = [part[0] if isinstance(part, list) and part else None for part in _acts(operations)]
    return all(isinstance(act, str) and act in _PREDICATE for act in acts) and any(
        act in {"rp", "insert", "delete"} for act in acts
    )


def sends_and_polls(operations: Sequence[Operation]) -> bool:
    """Return whether every transaction lists ``["poll"]`` and ``["send", key, value]`` alone."""
    acts = _acts(operations)
    return bool(acts) and all(
        isinstance(act, list) and act[:1] in (["send"], ["poll"]) for act in acts
    )


def _acts(operations: Sequence[Operation]) -> list[Any]:
    """List what all transactions are made of; None for one that is no list."""
    asked = [each.argument for each in operations if each.f == "txn"]
    return [act for one in asked for act in (one if isinstance(one, list) else [None])]


def pairs(operations: Sequence[Operation]) -> bool:
    """Return whether every argument is a key with a value; a cas has ``[key, [from, to]]``."""
    return all(
        is_pair(each.argument) and (each.f != "cas" or is_pair(each.argument[1]))
        for each in operations
    )


def _answers(operations: Sequence[Operation]) -> Iterator[Any]:
    """Yield what reads were answered, without nil and without the key of a keyed history."""
    keyed = pairs(operations)
    for each in operations:
        if each.f == "read" and each.type == "ok" and each.result is not None:
            answer = each.result[1] if keyed and is_pair(each.result) else each.result
            if answer is not None:
                yield answer


def _reads(*kinds: type) -> Test:
    """Make the test that a read was answered, and that all answers are of these types."""

    def test(operations: Sequence[Operation]) -> bool:
        kinds_seen = {type(answer) for answer in _answers(operations)}
        return bool(kinds_seen) and kinds_seen <= set(kinds)

    return test


numbers = _reads(int, float)
lists = _reads(list)


def sets(operations: Sequence[Operation]) -> bool:
    """Return whether reads show lists of elements; nil in one is a read of another object."""
    return lists(operations) and not any(None in answer for answer in _answers(operations))


def subkeys(operations: Sequence[Operation]) -> bool:
    """Return whether reads show all subkeys of a key, newest first, and nil for a missing one."""
    return is_in_order(operations) and any(None in answer for answer in _answers(operations))


def keyed_sets(operations: Sequence[Operation]) -> bool:
    """Return whether every value is a key with what it holds; `set-full` knows no keys."""
    answered = [each.result for each in operations if each.f == "read" and each.type == "ok"]
    return pairs(operations) and all(map(is_pair, answered)) and sets(operations)


def no_numbers(operations: Sequence[Operation]) -> bool:
    """Return whether no read is answered with a number, which might be a counter's."""
    return not any(type(answer) in {int, float} for answer in _answers(operations))


def all_that_was_written(operations: Sequence[Operation]) -> bool:
    """Return whether reads show lists though no write holds one, nor a map."""
    written = [each.argument for each in operations if each.f == "write"]
    return lists(operations) and not any(isinstance(value, list | dict) for value in written)


def balances(operations: Sequence[Operation]) -> bool:
    """Return whether reads are answered with numbers by name."""
    return _reads(dict)(operations) and all(
        type(amount) is int or amount is None
        for answer in _answers(operations)
        for amount in answer.values()
    )


def ids(operations: Sequence[Operation]) -> bool:
    """Return whether every argument is a key with two ids, one of them nil."""
    both = [each.argument[1] for each in operations if is_pair(each.argument)]
    return len(both) == len(operations) and all(
        is_pair(pair) and sum(each is None for each in pair) == 1 for pair in both
    )


def adds_again(operations: Sequence[Operation]) -> bool:
    """Return whether no read was answered and some number is added twice, unlike in a set."""
    added = [each.argument for each in operations if each.f == "add"]
    numbers = [value for value in added if type(value) is int]
    return not any(_answers(operations)) and len(set(numbers)) < len(numbers) == len(added)


def tokens(operations: Sequence[Operation]) -> bool:
    """Return whether acquiring gives a number that was not asked for."""
    return any(
        each.f == "acquire" and type(each.result) is int and each.result != each.argument
        for each in operations
    )
