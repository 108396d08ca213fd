"""Which checker a history asks for, told from the operations it holds.

A literal table of rules; the first that fits decides. A guess comes with its reason, because a
verdict is worth nothing where the recorded system promised something else. Where no rule fits,
the user must say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, TypeAlias

from clew.checkers.registers.subkeys import is_in_order
from clew.checkers.table import CHECKERS
from clew.checkers.values import Key, key_of
from clew.errors import HistoryError
from clew.history import History, Operation

Test: TypeAlias = Callable[[Sequence[Operation]], bool]


class Guess(NamedTuple):
    """A checker as ``--model`` names it, and one sentence that says what it was guessed from."""

    model: str
    reason: str


class Rule(NamedTuple):
    """One row: the checker, the functions it may hold and those it must hold, and its values.

    Attributes:
        model: the checker's name.
        needs: functions of which at least one is there.
        allows: functions that may be there besides.
        because: what was seen, as the object of "the history has".
        test: what the values must be.
    """

    model: str
    needs: str
    allows: str
    because: str
    test: Test = lambda _: True

    def fits(self, functions: frozenset[str], operations: Sequence[Operation]) -> bool:
        """Whether the history is one of these."""
        needs = frozenset(self.needs.split())
        return (
            bool(functions & needs)
            and functions <= needs | frozenset(self.allows.split())
            and self.test(operations)
        )


_PAIR, _TRIPLE = 2, 3


def _is_pair(value: Any) -> bool:
    return isinstance(value, list | tuple) and len(value) == _PAIR


def _parts(words: frozenset[str]) -> Test:
    """Every argument is a list of micro-operations of these words."""

    def test(operations: Sequence[Operation]) -> bool:
        arguments = [each.argument for each in operations]
        return all(
            isinstance(argument, list) and all(_is_part(part, words) for part in argument)
            for argument in arguments
        ) and any(arguments)

    return test


def _is_part(value: Any, words: frozenset[str]) -> bool:
    """A micro-operation; a request to read, ``["r", key]``, may leave out the value's place."""
    if not isinstance(value, list) or not value or not isinstance(value[0], str):
        return False
    size = len(value)
    return value[0] in words and (size == _TRIPLE or (size == _PAIR and value[0] == "r"))


def _triples(value: Any) -> Iterator[tuple[str, Any, Any]]:
    """The micro-operations of a transaction; one that reads and names no value has nil."""
    for part in value if isinstance(value, list) else ():
        if _is_part(part, _PARTS | _R_APPEND):
            yield part[0], part[1], part[2] if len(part) == _TRIPLE else None


def _lists_alone(operations: Sequence[Operation]) -> bool:
    """Transactions that only read, and are answered with lists, as no register is."""
    answers = [
        answer
        for each in operations
        if each.type == "ok"
        for _, _, answer in _triples(each.result)
        if answer is not None
    ]
    whole = all(isinstance(answer, list) for answer in answers)
    return bool(answers) and whole and _parts(frozenset({"r"}))(operations)


def _inserts_of_ones(operations: Sequence[Operation]) -> bool:
    """Writes of 1 to one key each, no key twice, and reads of several keys at once."""
    if not _parts(_R_W)(operations):
        return False
    written = [each.argument for each in operations if each.f == "write"]
    read = [each.argument for each in operations if each.f == "read"]
    once = {key_of(part[1]) for parts in written for part in parts}
    values = {key_of(value) for each in operations for _, _, value in _triples(each.result)}
    return (
        all(len(parts) == 1 and parts[0][0] == "w" for parts in written)
        and len(once) == len(written)
        and all(len(parts) > 1 and all(part[0] == "r" for part in parts) for parts in read)
        and values <= {key_of(None), 1}
    )


def _by_predicate(operations: Sequence[Operation]) -> bool:
    """Every transaction is a list of reads, reads by predicate and changes of keys."""
    asked = [each.argument for each in operations if each.f == "txn"]
    parts = [part for one in asked for part in (one if isinstance(one, list) else [None])]
    acts = [part[0] if isinstance(part, list) and part else None for part in parts]
    return all(isinstance(act, str) and act in _PREDICATES for act in acts) and any(
        act in {"rp", "insert", "delete"} for act in acts
    )


def _sends_and_polls(operations: Sequence[Operation]) -> bool:
    """Every transaction is a list of sends and polls, ``["poll"]`` or ``["send", key, value]``."""
    asked = [each.argument for each in operations if each.f == "txn"]
    parts = [part for one in asked for part in (one if isinstance(one, list) else [None])]
    return bool(parts) and all(
        isinstance(part, list) and part[:1] in (["send"], ["poll"]) for part in parts
    )


def _pairs(operations: Sequence[Operation]) -> bool:
    """Every argument is a pair of a key and a value; that of a cas is ``[key, [from, to]]``."""
    return all(
        _is_pair(each.argument) and (each.f != "cas" or _is_pair(each.argument[1]))
        for each in operations
    )


def _answers(operations: Sequence[Operation]) -> Iterator[Any]:
    """What reads were answered, without nil and without the key of a keyed history."""
    keyed = _pairs(operations)
    for each in operations:
        if each.f == "read" and each.type == "ok" and each.result is not None:
            answer = each.result[1] if keyed and _is_pair(each.result) else each.result
            if answer is not None:
                yield answer


def _reads(*kinds: type) -> Test:
    """At least one read was answered, and all answers are of these types."""

    def test(operations: Sequence[Operation]) -> bool:
        kinds_seen = {type(answer) for answer in _answers(operations)}
        return bool(kinds_seen) and kinds_seen <= set(kinds)

    return test


def _sets(operations: Sequence[Operation]) -> bool:
    """Reads are answered with lists of elements; nil stands for none, in reads of other objects."""
    return _reads(list)(operations) and not any(None in answer for answer in _answers(operations))


def _subkeys(operations: Sequence[Operation]) -> bool:
    """Reads show all subkeys of a key, newest first, and nil for one that is not there."""
    return is_in_order(operations) and any(None in answer for answer in _answers(operations))


def _keyed_sets(operations: Sequence[Operation]) -> bool:
    """Every value is a pair of a key and what it holds; `set-full` knows no keys."""
    answered = [each.result for each in operations if each.f == "read" and each.type == "ok"]
    return _pairs(operations) and all(map(_is_pair, answered)) and _sets(operations)


def _no_numbers(operations: Sequence[Operation]) -> bool:
    """No read is answered with a number, which might be a counter's."""
    return not any(type(answer) in {int, float} for answer in _answers(operations))


def _accesses(operation: Operation, value: Any, *, keyed: bool) -> Iterator[tuple[bool, Key, Any]]:
    """What an operation on registers reads or writes: whether it reads, the register, the value."""
    parts = list(_triples(value))
    if parts:
        for word, name, held in parts:
            yield word in _READS, key_of(name), held
        return
    name, held = (value[0], value[1]) if keyed and _is_pair(value) else (None, value)
    if operation.f == "cas" and _is_pair(held):
        held = held[1]
    yield operation.f == "read", key_of(name), held


def _from_zero(operations: Sequence[Operation]) -> bool:
    """Registers that show 0, and nothing else, before anybody asked to write it; O(n).

    What is read before it is written was there at first, or is wrong. Where all of that is 0, and
    none of it nil, the registers are taken to start at 0.
    """
    keyed = _pairs(operations)
    zeros = [each for each in operations if _has_zero(each.argument) or _has_zero(each.result)]
    return 0 in _early(zeros, keyed=keyed) and _early(operations, keyed=keyed) == {0}


def _has_zero(value: Any) -> bool:
    if type(value) is int:
        return value == 0
    return isinstance(value, list | tuple) and any(map(_has_zero, value))


def _early(operations: Sequence[Operation], *, keyed: bool) -> set[Key]:
    """What registers showed before anybody had asked to write it; O(n)."""
    asked: dict[Key, int] = {}
    for each in operations:
        for reads, name, value in _accesses(each, each.argument, keyed=keyed):
            if not reads:
                asked.setdefault((name, key_of(value)), each.invoked)
    return {
        key_of(value)
        for each in operations
        if each.type == "ok" and each.completed is not None
        for name, value in _shown(each, keyed=keyed)
        if asked.get((name, key_of(value)), each.completed) >= each.completed
    }


def _shown(operation: Operation, *, keyed: bool) -> Iterator[tuple[Key, Any]]:
    """What an answered operation saw: a compare-and-set saw what it replaced."""
    if operation.f == "cas":
        name, held = operation.argument if keyed else (None, operation.argument)
        if _is_pair(held):
            yield key_of(name), held[0]
        return
    for reads, name, value in _accesses(operation, operation.result, keyed=keyed):
        if reads:
            yield name, value


def _all_that_was_written(operations: Sequence[Operation]) -> bool:
    """Reads are answered with lists though no write holds one, nor a map."""
    written = [each.argument for each in operations if each.f == "write"]
    return _reads(list)(operations) and not any(isinstance(value, list | dict) for value in written)


def _balances(operations: Sequence[Operation]) -> bool:
    """Reads are answered with numbers by name."""
    return _reads(dict)(operations) and all(
        type(amount) is int or amount is None
        for answer in _answers(operations)
        for amount in answer.values()
    )


def _ids(operations: Sequence[Operation]) -> bool:
    """Every argument is a key with two ids, one of them nil."""
    pairs = [each.argument[1] for each in operations if _is_pair(each.argument)]
    return len(pairs) == len(operations) and all(
        _is_pair(pair) and sum(each is None for each in pair) == 1 for pair in pairs
    )


def _adds_again(operations: Sequence[Operation]) -> bool:
    """No read was answered, and some number is added twice: no set is used so."""
    added = [each.argument for each in operations if each.f == "add"]
    numbers = [value for value in added if type(value) is int]
    return not any(_answers(operations)) and len(set(numbers)) < len(numbers) == len(added)


def _tokens(operations: Sequence[Operation]) -> bool:
    """Acquiring gives a number that was not asked for."""
    return any(
        each.f == "acquire" and type(each.result) is int and each.result != each.argument
        for each in operations
    )


_R_APPEND, _R_W = frozenset({"r", "append"}), frozenset({"r", "w"})
_PREDICATES = _R_W | {"rp", "insert", "delete"}
_PARTS = _R_W | {"read", "write"}
_READS = frozenset({"r", "read"})
_REGISTERS = frozenset({"register", "cas-register", "multi-register"})
_KAFKA = CHECKERS["kafka"].functions

RULES: tuple[Rule, ...] = (
    Rule("list-append", "txn", "", "transactions that read lists", _lists_alone),
    Rule("rw-register", "txn", "read write", "transactions of r and w", _parts(_R_W)),
    Rule("list-append", "txn", "read append", "transactions of r and append", _parts(_R_APPEND)),
    Rule("closed-predicate", "txn", "init", "transactions that read by predicate", _by_predicate),
    Rule("kafka", "send poll", _KAFKA, "send and poll"),
    Rule("kafka", "txn", _KAFKA, "transactions of send and poll", _sends_and_polls),
    Rule("bank", "transfer", "read", "transfers"),
    Rule("bank", "read", "", "reads of balances", _balances),
    Rule("unique-ids", "generate", "", "the generation of ids"),
    Rule("echo", "echo", "", "echoes"),
    Rule("broadcast", "broadcast", "read", "broadcasts"),
    Rule("fenced-lock", "acquire", "release", "an acquire that gives a token", _tokens),
    Rule("mutex", "acquire release", "", "acquire and release"),
    Rule("total-queue", "drain", "enqueue dequeue", "drains of a queue"),
    Rule("fifo-queue", "enqueue dequeue", "", "enqueue and dequeue"),
    Rule("stack", "push pop", "", "push and pop"),
    Rule("adya-g2", "insert", "", "inserts of one of two ids by key", _ids),
    Rule("priority-queue", "insert", "remove", "insert and remove"),
    Rule("key-value", "get put", "append cas delete", "get and put with a key", _pairs),
    Rule("key-value", "delete", "read write cas", "operations with a key", _pairs),
    Rule("sequential", "add", "read", "adds in order and reads of all of them", _subkeys),
    Rule("set", "add", "read", "add and reads of lists with a key", _keyed_sets),
    Rule("set-full", "add", "read", "add and reads of lists", _sets),
    Rule("set", "add", "read remove contains", "add, remove and reads of lists", _sets),
    Rule("set", "contains", "add remove read", "add, remove and contains"),
    Rule("counter", "add", "read", "add and reads of numbers", _reads(int, float)),
    Rule("counter", "add", "read", "adds of the same number and no answered read", _adds_again),
    Rule("counter", "increment decrement", "add read", "increment and decrement"),
    Rule("append-log", "append", "read", "append and reads of lists", _reads(list)),
    Rule("long-fork", "read write", "", "inserts of 1 by key and reads of keys", _inserts_of_ones),
    Rule("multi-register", "read write txn", "", "reads and writes of keys", _parts(_PARTS)),
    Rule("causal-reverse", "write", "read", "writes and reads of lists", _all_that_was_written),
    Rule("cas-register", "cas", "read write", "compare-and-set with a key", _pairs),
    Rule("register", "write", "read", "reads and writes with a key", _pairs),
    Rule("cas-register", "cas", "read write", "read, write and compare-and-set"),
    Rule("register", "write", "read", "read and write"),
    Rule("register", "read", "", "reads alone", _no_numbers),
)
"""In the order that they are tried."""


def infer(history: History) -> Guess:
    """The checker that the history asks for; O(n) for each rule tried.

    Raises:
        HistoryError: no rule fits, or there is no client operation.
    """
    operations = history.operations
    functions = frozenset(each.f for each in operations)
    for rule in RULES:
        if rule.fits(functions, operations):
            if rule.model in _REGISTERS and _from_zero(operations):
                shown = f"The history has {rule.because}, and 0 is read before it is written."
                return Guess(f"{rule.model}:initial=0", shown)
            return Guess(rule.model, f"The history has {rule.because}.")
    seen = ", ".join(sorted(functions))
    raise HistoryError(
        "the model can't be inferred",
        where=history.source,
        expected="operations whose functions and values tell one model from the others",
        found=seen or "no operation of a client",
        fix="Name one with --model; clew list checkers describes them",
    )
