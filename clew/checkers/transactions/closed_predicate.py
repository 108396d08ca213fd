"""Closed predicate: transactions that read by predicate, and insert, change and delete keys.

One operation ``init``, whose value maps keys to values, may make the initial state. Transactions
``txn`` hold micro-operations ``["insert", key, value]``, ``["w", key, value]``, ``["delete",
key]``, ``["r", key, value]``, and ``["rp", predicate, {key: value}]``, a read of all keys that
match: ``"true"`` matches every key that is there, ``["=", value]`` those that hold the value,
``["mod", modulus, remainder]`` those whose number leaves the remainder. A key is named alike by its
text and its number, since JSON's objects know texts alone.

The universe is closed: the initial state is there before everything else, and all keys are known.
So a key that a predicate did not show was in one of its other versions, and where there is one
such, the read depends on it as much as a read by name: an anti-dependency by predicate leads to
whoever made it match.

What a predicate showed was read by name too. A cycle that needs an anti-dependency by predicate is
a phantom, which repeatable read allows and serializability does not: its kind has ``-predicate`` in
its name, and for two and more beside each other it is G2.

Source: Adya 1999, chapter 3 (phantoms, PL-2.99 against PL-3); Elle's closed-predicate workload.

Divergence from Elle: the initial state is before every transaction, not only before those that show
a value of it; reads of what nobody wrote, or somebody who aborted, and transactions that contradict
themselves are anomalies too.

Left out: the order of several changes of one key, of which nothing is assumed, so that a history
with such keys is never found valid; reads of transactions whose outcome is unknown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from clew.checkers.transactions.consistency_models import MODELS
from clew.checkers.transactions.cycles import Cycle, Cycles, find_cycles
from clew.checkers.transactions.extraction import (
    is_unread,
    malformed,
    micro_operations,
    told,
)
from clew.checkers.transactions.graph import RW, DependencyGraph
from clew.checkers.transactions.judgement import TransactionChecker, judge
from clew.checkers.transactions.lattice import PHANTOMS, violates
from clew.checkers.transactions.requests import compare, contradiction, requested
from clew.checkers.transactions.version_orders.predicate_orders import (
    DEAD,
    NIL,
    PredicateKey,
    PredicateOrders,
    matches,
    told_predicate,
)
from clew.checkers.values import Key, counted, key_of, listed
from clew.checkers.verdict import Budget, Result, Verdict
from clew.errors import HistoryError
from clew.history import History, Operation
from clew.machine.text import first_parts

_EXPECTED = (
    '["insert" or "w", key, value], ["delete", key], ["r", key, value] or '
    '["rp", predicate, {key: value}]'
)
_PREDICATES = '"true", ["=", value] or ["mod", modulus, remainder]'
_MODULO = 3


class ClosedPredicate(TransactionChecker):
    """Checks transactions with reads by predicate.

    O(n log n + reads by predicate * keys) where nothing is wrong; see `cycles` for the rest.
    """

    name = "closed-predicate"

    def _judge(self, history: History, budget: Budget) -> Result:
        operations = history.operations
        start = _start(history)
        if start is not None and start.type != "ok":
            reason = "The initial state was not acknowledged, so it is not known."
            return Result(self.name, Verdict.UNKNOWN, reason)
        keys = _changes(history, start)
        orders = PredicateOrders(operations, None if start is None else start.number)
        for operation in operations:
            if operation.type == "ok" and operation.f == "txn":
                _Reader(history, operation, keys, orders).read(budget)
        orders.draw(keys)
        find, unsettled = partial(_find, orders), partial(_unsettled, orders)
        result = judge(self, orders, budget, lambda _: None, find, unsettled)
        if result.verdict is not Verdict.UNKNOWN or not orders.open_keys:
            return result
        several = counted(orders.open_keys, "key")
        models = listed(self.consistency_models)
        reason = (
            f"No anomaly shows, but several transactions changed {several}, in an order that is "
            f"not known, so whether {models} holds is not known either. Let the workload change "
            "each key once."
        )
        return replace(result, reason=reason)


def _name(key: Any) -> str:
    return key if isinstance(key, str) else told(key)


def _start(history: History) -> Operation | None:
    """Find the operation that made the initial state."""
    found = [each for each in history.operations if each.f == "init" and each.type != "fail"]
    if len(found) > 1 or any(not isinstance(each.argument, Mapping) for each in found):
        raise HistoryError(
            "the initial state is not clear",
            where=history.place(found[-1].invoked),
            expected="one operation init whose value maps each key to its first value",
            found=first_parts(repr(found[-1].argument), 80)
            if len(found) == 1
            else f"{len(found)} of them",
            fix="Record the initial state once, before all transactions",
        )
    return found[0] if found else None


def _changes(history: History, start: Operation | None) -> dict[str, PredicateKey]:
    """Collect every key with its versions; keys that are only read are among them."""
    keys: dict[str, PredicateKey] = {}
    if start is not None:
        for name, value in start.argument.items():
            key = keys.setdefault(_name(name), PredicateKey(_name(name)))
            key.initial = key_of(value)
            key.values[key.initial] = value
            key.writers[key.initial] = start.number
    # All keys before any read is judged: the universe is closed, so a read by predicate reads a
    # version of each, also of those that it does not show (Adya 1999, chapter 3).
    for operation in history.operations:
        if operation.f != "txn":
            continue
        for micro in micro_operations(history, operation):
            f, subject, value = _parts(history, operation, micro)
            if f == "rp":
                continue
            key = keys.setdefault(_name(subject), PredicateKey(_name(subject)))
            if f != "r":
                _write(history, operation, key, value if f != "delete" else None)
    return keys


def _parts(history: History, operation: Operation, micro: Any) -> tuple[str, Any, Any]:
    """Split a micro-operation into its name, its key or predicate, and its value.

    Raises:
        HistoryError: it is none.
    """
    if isinstance(micro, (list, tuple)) and micro and isinstance(micro[0], str):
        f, *rest = micro
        if f == "delete" and len(rest) in {1, 2}:
            return f, rest[0], None
        if f in {"insert", "w"} and len(rest) == len(("key", "value")) and rest[1] is not None:
            return f, rest[0], rest[1]
        if f == "r" and (len(rest) == len(("key", "value")) or is_unread(micro)):
            return f, rest[0], rest[1] if len(rest) > 1 else None
        if f == "rp" and len(rest) in {1, 2} and _is_predicate(rest[0]):
            shown = rest[1] if len(rest) > 1 else None
            if shown is None or isinstance(shown, Mapping):
                return f, rest[0], shown or {}
    return malformed(history, operation, micro, f"{_EXPECTED}, where a predicate is {_PREDICATES}")


def _is_predicate(value: Any) -> bool:
    if value is True or value == "true":
        return True
    if not isinstance(value, list) or not value:
        return False
    if value[0] == "mod":
        return len(value) == _MODULO and all(type(n) is int for n in value[1:]) and value[1] != 0
    return value[0] == "=" and len(value) == _MODULO - 1


def _write(history: History, operation: Operation, key: PredicateKey, value: Any) -> None:
    """Note a change of a key; the same value by several transactions leaves open whose it is."""
    number = operation.number
    if value is not None:
        version = key_of(value)
        if not key.write(history, operation, version, value):
            return
        key.values[version] = value
    elif operation.type == "fail":
        key.failed[number] = None
    else:
        version = DEAD
        key.writers[version] = number
    if operation.type != "fail":
        # It writes the key a second time: its earlier version was never committed.
        if number in key.final:
            key.intermediate[key.final[number]] = number
        key.final[number] = version


class _Reader:
    """One committed transaction's reads.

    Attributes:
        wrote: each key that it wrote, with what reads of it may have shown since.
        left: what a read of each key must show, as far as it knows.
    """

    def __init__(
        self,
        history: History,
        operation: Operation,
        keys: dict[str, PredicateKey],
        orders: PredicateOrders,
    ) -> None:
        self.history = history
        self.operation = operation
        self.keys = keys
        self.orders = orders
        self.wrote: dict[str, set[Key]] = {}
        self.left: dict[str, Key] = {}

    def read(self, budget: Budget) -> None:
        """Note every read, and compare the answer with the request."""
        operation, recorder = self.operation, self.orders.recorder
        micros = micro_operations(self.history, operation)
        # Invariant: `left` and `wrote` have what the micro-operations before this one leave.
        for micro, ask in zip(micros, requested(operation, micros, recorder), strict=True):
            compare(operation, micro, ask, recorder)
            f, subject, value = _parts(self.history, operation, micro)
            if f == "rp":
                budget.spend(len(self.keys))
                self._by_predicate(subject, value)
            elif f == "r":
                key = self.keys[_name(subject)]
                self._agrees(key, key_of(value), told(value))
                self._item(key, key_of(value), value)
            else:
                token = NIL if f == "delete" else key_of(value)
                self.wrote.setdefault(_name(subject), set()).add(token)
                self.left[_name(subject)] = token

    def _item(self, key: PredicateKey, token: Key, value: Any) -> None:
        key.values.setdefault(token, value)
        self.left[key.key] = token
        if token not in self.wrote.get(key.key, ()):
            self.orders.read(self.operation.number, key, token)

    def _by_predicate(self, predicate: Any, shown: Mapping[Any, Any]) -> None:
        seen = {_name(name): value for name, value in shown.items() if value is not None}
        for name, value in seen.items():
            key = self.keys.setdefault(name, PredicateKey(name))
            if not matches(predicate, value):
                self._contradicts(
                    "mismatch",
                    f"{{0}} was asked for {told_predicate(predicate)} and answered with key {name} "
                    f"= {told(value)}, which does not match.",
                    key,
                )
            self._agrees(key, key_of(value), told(value))
            self._item(key, key_of(value), value)
        # The universe is closed: a key that was not shown was in a version that does not match, or
        # not there.
        for name, key in self.keys.items():
            if name in seen:
                continue
            if name in self.left and key.matches(predicate, self.left[name]):
                self._agrees(key, NIL, f"nothing that matches {told_predicate(predicate)}")
            if name not in self.wrote:
                self.orders.miss(self.operation.number, key, predicate)

    def _agrees(self, key: PredicateKey, token: Key, shown: str) -> None:
        """Report a read that is not what the transaction had left."""
        expected = self.left.get(key.key, token)
        if expected != token:
            left = told(key.values.get(expected))
            self._contradicts("internal", contradiction("{0}", key.key, shown, left), key)

    def _contradicts(self, kind: str, reason: str, key: PredicateKey) -> None:
        self.orders.recorder.add(kind, (self.operation.number,), reason, key=key.key)


def _find(orders: PredicateOrders, graph: DependencyGraph, budget: Budget) -> Cycles:
    """Find the cycles of items, and those that need an anti-dependency by predicate."""
    if not orders.by_predicate:
        return find_cycles(graph, budget)
    # A phantom is a cycle that needs an anti-dependency by predicate; all others show among the
    # items' edges alone.
    items = find_cycles(orders.items, budget)
    every = find_cycles(graph, budget)
    phantoms = [_renamed(cycle) for cycle in every.cycles if _is_phantom(orders, cycle)]
    return Cycles([*items.cycles, *phantoms], items.whole and every.whole, every.core)


def _is_phantom(orders: PredicateOrders, cycle: Cycle) -> bool:
    nodes = cycle.nodes
    return any(
        kind == RW and orders.is_by_predicate(node, nodes[(place + 1) % len(nodes)])
        for place, (node, kind) in enumerate(zip(nodes, cycle.kinds, strict=True))
    )


def _renamed(cycle: Cycle) -> Cycle:
    for kind, name in PHANTOMS.items():
        if cycle.name.startswith(kind):
            return cycle._replace(name=name + cycle.name.removeprefix(kind))
    raise AssertionError(cycle)


def _unsettled(orders: PredicateOrders, finding: Cycles) -> frozenset[str]:
    """Return the models of which nothing is known.

    Of those whose definition speaks of items alone nothing is known where there are phantoms.
    """
    if orders.open_keys:
        return frozenset(row.name for row in MODELS)
    if not any(cycle.name.startswith(name) for cycle in finding.cycles for name in _BY_PREDICATE):
        return frozenset()
    return frozenset(
        row.name for row in MODELS
        if violates("fractured-read", row.name)
        and not violates("G-single-predicate", row.name)
        and not violates("G2-item", row.name)
    )  # fmt: skip


_BY_PREDICATE = ("G-single-predicate", "G-nonadjacent-predicate")
