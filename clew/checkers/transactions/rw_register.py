"""Rw-register: transactions over registers, where a read shows one value and no order.

A transaction's micro-operations are ``["w", key, value]`` and ``["r", key, value]``; values written
to one key are distinct and never the one that an unwritten key reads as, which is null unless
another is given. Who wrote what was read is certain; in which order versions were installed is not;
it is inferred from assumptions (`VERSION_ORDERS`) or given.

Where the order of every key's versions is known, a verdict is decided by the dependency graph.
Where it is not, an anomaly in what is known is still an anomaly, and the absence of one is followed
by a search for an order that explains the history (`search.versions`), which may end in UNKNOWN.

Source: Kingsbury and Alvaro, "Elle", VLDB 2020 (recoverable registers and version orders);
Adya 1999; Biswas and Enea, "On the complexity of checking transactional consistency", OOPSLA 2019,
for why the order matters: without it the question is NP-complete.

The search decides most pairs of versions in polynomial time and guesses at the rest, so that only
histories with long chains of guesses that turn out wrong are left UNKNOWN.

Divergence from Elle: if the order of a key is open Elle says valid or nothing, and it looks at
answers alone; here the search decides, and an answer with other micro-operations than were asked
for is an anomaly (`requests`).

Left out: reads of transactions whose outcome is unknown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from clew.checkers.transactions.consistency_models import no_such, plain_name
from clew.checkers.transactions.extraction import (
    is_unread,
    malformed,
    micro_operations,
    refuse_write,
    told,
)
from clew.checkers.transactions.judgement import TransactionChecker, judge
from clew.checkers.transactions.requests import compare, contradiction, requested
from clew.checkers.transactions.search.versions import Searcher
from clew.checkers.transactions.version_orders.register_key import ABSENT, RegisterKey, Reread
from clew.checkers.transactions.version_orders.register_orders import RegisterOrders
from clew.checkers.transactions.words import Phenomena
from clew.checkers.values import Key, key_of
from clew.checkers.verdict import Budget, Result
from clew.history import History, Operation
from clew.machine.text import nearest

VERSION_ORDERS: dict[str, str] = {
    "initial-state": "nil, which an unwritten key reads as, comes before every written version; "
    "this holds of every store and is assumed whether it is named or not",
    "writes-follow-reads": "who reads a version and then writes the key writes a later version",
    "sequential-keys": "each process meets a key's versions in their order",
    "linearizable-keys": "a key's versions never go back in real time",
    "transaction-order": "versions are in the order of their writers where one writer depends on "
    "the other through reads",
}
"""What may be assumed of the order of versions, and what each assumption means."""

_EXPECTED = '["w", key, value] or ["r", key, value]'


class RwRegister(TransactionChecker):
    """Checks transactions over registers against consistency models.

    Args:
        consistency_models: names of models that must hold; see `consistency_models.MODELS`.
        version_orders: names from `VERSION_ORDERS`, or a mapping from each key to the list of its
            values in the order they were installed (nil left out); keys that the mapping does not
            name fall back on the default assumptions.
        initial: what an unwritten key reads as.

    Raises:
        UsageError: no such model or no such assumption.
    """

    name = "rw-register"

    def __init__(
        self,
        consistency_models: Sequence[str] = ("strict-serializable",),
        version_orders: Sequence[str] | Mapping[Any, Sequence[Any]] = (
            "initial-state",
            "writes-follow-reads",
        ),
        initial: Any = None,
    ) -> None:
        super().__init__(consistency_models)
        self.initial = initial
        self.explicit: dict[Key, list[Key]] = {}
        if isinstance(version_orders, Mapping):
            self.explicit = {
                key_of(key): [key_of(value) for value in values]
                for key, values in version_orders.items()
            }
            self.assumptions: tuple[str, ...] = ("initial-state", "writes-follow-reads")
        else:
            names = [version_orders] if isinstance(version_orders, str) else version_orders
            self.assumptions = tuple(dict.fromkeys(map(_assumption, names)))

    def _judge(self, history: History, budget: Budget) -> Result:
        operations = history.operations
        orders = RegisterOrders(operations, self.assumptions)
        records = _read(history, operations, orders.recorder, self.initial)
        for record in records:
            record.explicit = self.explicit.get(key_of(record.key))
            orders.settle(record)
        orders.order_all(records, budget)
        searcher = Searcher(orders.graph, records, orders)
        return judge(self, orders, budget, lambda _: searcher)


def _assumption(name: str) -> str:
    plain = plain_name(name)
    if plain in VERSION_ORDERS:
        return plain
    near = nearest(plain, VERSION_ORDERS, cutoff=0.5)
    known = ", ".join(VERSION_ORDERS)
    raise no_such("version order", name, known, near and f"Perhaps {near} is meant")


def _read(  # noqa: C901, PLR0912 - most of a check's time goes by in this one loop
    history: History, operations: Sequence[Operation], recorder: Phenomena, initial: Any
) -> list[RegisterKey]:
    """Collect what was written to and read from each key, in order of first mention."""
    start = key_of(initial)
    keys: dict[Key, RegisterKey] = {}
    for operation in operations:
        number = operation.number
        committed = operation.type == "ok"
        micros = micro_operations(history, operation)
        asked = requested(operation, micros, recorder) if committed else micros
        mine: dict[Key, list[Key]] = {}
        now: dict[Key, Key] = {}
        # Invariant: `mine` has for each key the first read, unless an own write came before it, and
        # the last write so far; `now` has what a read of the key must show.
        for micro, ask in zip(micros, asked):  # noqa: B905 - "strict" costs a tenth of the loop
            try:
                f, raw, value = micro
                alike = ask == micro or (f == "r" and ask[1] == raw and ask[0] == f)
                if alike and not (
                    type(ask[1]) is type(raw) and (f == "r" or type(ask[2]) is type(value))
                ):
                    alike = False  # true is not 1, though Python has it so
            except (TypeError, ValueError, LookupError):
                if not committed and is_unread(micro):
                    continue
                malformed(history, operation, micro, _EXPECTED, ask)
            if not alike:
                compare(operation, micro, ask, recorder)
            key = raw if type(raw) is int or type(raw) is str else key_of(raw)
            record = keys.get(key)
            if record is None:
                record = keys[key] = RegisterKey(raw, initial)
            token = value if type(value) is int or type(value) is str else record.token(value)
            if f == "w":
                if token == start:
                    if initial is None:
                        malformed(history, operation, micro, "a value other than null to write")
                    if operation.type == "fail":
                        continue  # a read of it read the initial state
                    refuse_write(history, operation, record.key, value, initial=True)
                record.write(history, operation, token, value)
                read, wrote = mine.setdefault(key, [ABSENT, ABSENT])
                # Overwritten by its own transaction: no committed version (G1b for whoever reads
                # it).
                if wrote is not ABSENT:
                    record.intermediate[wrote] = number
                mine[key] = [read, token]
                now[key] = token
            elif f == "r":
                if not committed:
                    continue
                if key not in now:
                    mine[key] = [token, ABSENT]
                # Axiom INT: within a transaction a read shows what it last read or wrote.
                elif now[key] != token:
                    _contradiction(recorder, record, Reread(number, token, mine[key][1]), now[key])
                now[key] = token
            else:
                malformed(history, operation, micro, _EXPECTED)
        if operation.type != "fail":
            for key, (read, wrote) in mine.items():
                keys[key].touches.append((number, read, wrote))
    return list(keys.values())


def _contradiction(recorder: Phenomena, record: RegisterKey, reread: Reread, expected: Key) -> None:
    """Note a read that is not what its own transaction had left: it saw a version all the same."""
    if record.writers.get(reread.read) != reread.reader:
        record.rereads.append(reread)
    recorder.add(
        "internal",
        (reread.reader,),
        contradiction(
            "{0}", *map(told, (record.key, record.raw(reread.read), record.raw(expected)))
        ),
        key=record.key,
        read=record.raw(reread.read),
        expected=record.raw(expected),
    )
