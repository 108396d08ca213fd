"""List-append: transactions over lists that only grow, where each read shows a whole version order.

A transaction's micro-operations are ``["append", key, value]`` and ``["r", key, list]``; values
appended to one key are distinct. Since a list only grows, the longest read of a key gives the order
in which its versions were installed, and every other committed read must be a prefix of it.

Beyond what was read: an append that committed but that nobody saw was installed after the longest
read; where there are several and their order could matter, it is searched for (`search.appends`).
Where two reads disagree, only their common prefix counts as known.

Source: Kingsbury and Alvaro, "Elle: inferring isolation anomalies from experimental
observations", VLDB 2020; Adya 1999 for the anomalies.

Divergence from Elle: it looks at answers alone; here an answer with other micro-operations than
were asked for is an anomaly (`requests`).

Left out: reads of transactions whose outcome is unknown.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TypeAlias

from clew.checkers.transactions.extraction import (
    is_unread,
    malformed,
    micro_operations,
    told,
)
from clew.checkers.transactions.judgement import TransactionChecker, judge
from clew.checkers.transactions.requests import compare, contradiction, requested
from clew.checkers.transactions.search.appends import unseen_appends
from clew.checkers.transactions.version_orders.append_key import AppendKey
from clew.checkers.transactions.version_orders.append_orders import AppendOrders
from clew.checkers.transactions.words import Phenomena
from clew.checkers.values import Key, key_of
from clew.checkers.verdict import Budget, Result
from clew.history import History, Operation

_EXPECTED = '["append", key, value] or ["r", key, list]'

_Mine: TypeAlias = tuple[list[object] | None, list[object], int]
"""What a transaction knows of a key: what it read last (None for nothing), all that it appended,
and how many of these it had appended by that read."""


class ListAppend(TransactionChecker):
    """Checks transactions over append-only lists.

    O(n log n) in the history's length where nothing is wrong; see `cycles` for the rest.
    """

    name = "list-append"

    def _judge(self, history: History, budget: Budget) -> Result:
        operations = history.operations
        orders = AppendOrders(operations)
        records = _read(history, operations, orders.recorder)
        for record in records:
            orders.settle(record)
        for record in records:
            orders.draw(record)
        return judge(self, orders, budget, partial(unseen_appends, orders))


def _read(  # noqa: C901, PLR0912 - most of a check's time goes by in this one loop
    history: History, operations: Sequence[Operation], recorder: Phenomena
) -> list[AppendKey]:
    """Collect what was appended to and read from each key, in order of first mention."""
    keys: dict[Key, AppendKey] = {}
    for operation in operations:
        if operation.type != "ok":
            _unanswered(history, operation, keys)
            continue
        number, micros, asked = operation.number, operation.result, operation.argument
        if type(micros) is not list:
            micros = micro_operations(history, operation)
        if type(asked) is not list or len(asked) != len(micros):
            asked = requested(operation, micros, recorder)
        mine: dict[Key, _Mine] = {}
        # Invariant: `mine` has all that the transaction knows of each key so far. Of its reads of a
        # key the first is noted, as is any later one that does not follow from what it knew.
        for micro, ask in zip(micros, asked):  # noqa: B905 - "strict" costs a tenth of the loop
            try:
                f, raw, value = micro
                reads = f == "r"
                alike = ask[1] == raw and ask[0] == f if reads else ask == micro
                if alike and not (
                    type(ask[1]) is type(raw) and (reads or type(ask[2]) is type(value))
                ):
                    alike = False  # true is not 1, though Python has it so
            except (TypeError, ValueError, LookupError):
                malformed(history, operation, micro, _EXPECTED, ask)
            if not alike:
                compare(operation, micro, ask, recorder)
            key = raw if type(raw) is int or type(raw) is str else key_of(raw)
            record = keys[key] if key in keys else keys.setdefault(key, AppendKey(raw))
            if reads:
                if type(value) is not list:
                    value = _list(history, operation, micro)
                if key in mine:
                    mine[key] = _reread(recorder, number, record, value, mine[key])
                    continue
                mine[key] = (value, _NOTHING, 0)
                record.reads.append((number, value))
                if len(value) > record.length:
                    record.longest, record.longest_by = value, number
                    record.length = len(value)
            elif f == "append":
                if type(value) is int and value not in record.writers:
                    record.writers[value] = number
                else:
                    _append(history, operation, record, value)
                # Nobody knows what it appended to until it reads the key.
                if key not in mine:
                    mine[key] = (None, [value], 0)
                    continue
                base, own, since = mine[key]
                # Its last append but one was never a committed version: who reads it as the last
                # element reads an intermediate state (G1b).
                if own:
                    record.intermediate[key_of(own[-1])] = (number, key_of(value))
                # A read, then its first append: it updates what it read (lost update, P4).
                elif base is not None:
                    record.updates.append((number, base))
                mine[key] = (base, [*own, value], since)
            else:
                malformed(history, operation, micro, _EXPECTED)
    return list(keys.values())


def _unanswered(history: History, operation: Operation, keys: dict[Key, AppendKey]) -> None:
    """Note what a transaction may have appended, or tried to; nobody knows what it read."""
    own: dict[Key, object] = {}
    for micro in micro_operations(history, operation):
        try:
            f, raw, value = (*micro, None) if is_unread(micro) else micro
        except (TypeError, ValueError):
            malformed(history, operation, micro, _EXPECTED)
        key = key_of(raw)
        record = keys.get(key)
        if record is None:
            record = keys[key] = AppendKey(raw)
        # Its reads have no value, so that only the order of its own appends to a key counts.
        if f == "append":
            _append(history, operation, record, value)
            if key in own:
                record.intermediate[key_of(own[key])] = (operation.number, key_of(value))
            own[key] = value
        elif f != "r":
            malformed(history, operation, micro, _EXPECTED)


_NOTHING: list[object] = []


def _list(history: History, operation: Operation, micro: Sequence[object]) -> list[object]:
    """Return a read's value; nil, which is how a key that was never written reads, is empty."""
    if micro[2] is None:
        return []
    return malformed(history, operation, micro, _EXPECTED)


def _append(history: History, operation: Operation, record: AppendKey, value: object) -> None:
    """Note who appended a value. A failed attempt gives way to a later one with the same value."""
    if type(value) is int or type(value) is str:
        token: Key = value
    else:
        token = key_of(value)
        record.odd = True
    if record.write(history, operation, token, value) and operation.type == "info":
        record.unsure[operation.number] = None


def _reread(
    recorder: Phenomena, number: int, record: AppendKey, value: list[object], mine: _Mine
) -> _Mine:
    """Compare a read with what the same transaction already knows of the key."""
    base, own, since = mine
    news = own[since:]
    # Appends go to the end, so with no earlier read the list must end in its own appends; with one,
    # the earlier read already shows `own[:since]`.
    if base is None:
        agrees = len(value) >= len(own) and _same(value[len(value) - len(own) :], own)
    else:
        agrees = _same(value, base + news)
    if not agrees:
        expected = f"a list that ends in {told(own)}" if base is None else told(base + news)
        recorder.add(
            "internal",
            (number,),
            contradiction("{0}", told(record.key), told(value), expected),
            key=record.key,
            read=value,
            expected=base + news if base is not None else None,
            own_appends=own,
        )
        return _contradict(number, record, value, mine)
    if news:
        record.shown.append((number, value))
        _lengthen(record, number, value)
    if base is not None:
        return (base, own, since)
    # What it wrote on top of shows as much as a read before the write would have.
    seen = value[: len(value) - len(own)]
    record.cut[number, len(seen)] = value
    record.reads.append((number, seen))
    record.updates.append((number, seen))
    return (seen, own, 0)


def _contradict(number: int, record: AppendKey, value: list[object], mine: _Mine) -> _Mine:
    """Note a read that contradicts its own transaction: it saw a version all the same."""
    base, own, since = mine
    if base is not None:
        made = own[:since] or record.made(number, len(base))
        record.again.append((number, base, made))
    record.again.append((number, value, own))
    ours = {*map(key_of, own)}
    length = len(value)
    # Its own appends at the end are cut off, in whatever order: what is left is what others made.
    while length and key_of(value[length - 1]) in ours:
        length -= 1
    record.reads.append((number, value[:length]))
    if length < len(value):
        record.cut.setdefault((number, length), value)
        record.shown.append((number, value))
    _lengthen(record, number, value)
    return (value, own, len(own))


def _lengthen(record: AppendKey, number: int, value: list[object]) -> None:
    if len(value) > record.length:
        record.longest, record.longest_by = value, number
        record.length = len(value)


def _same(one: list[object], other: list[object]) -> bool:
    """Return whether two lists have the same JSON values; to Python, true is 1."""
    if {*map(type, one), *map(type, other)} <= _PLAIN:
        return one == other
    return [*map(key_of, one)] == [*map(key_of, other)]


_PLAIN = {int, str}
