"""The transactions of a history: which committed, what each did, and where it is malformed.

A transaction is an operation whose value is a list of micro-operations ``[f, key, value]``. An
``ok`` transaction committed and its reads are in its result. A ``fail`` aborted. An ``info`` may
have committed: its writes are known from its argument, its reads are not looked at.

Keys and values may be any JSON value; they are compared by `clew.checkers.values.key_of`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NoReturn

from clew.errors import HistoryError
from clew.history import History, Operation
from clew.machine.text import first_parts

NEVER = 1 << 62
"""The completion of an operation that may take effect at any later time."""


def told(value: Any) -> str:
    """Write a value as a person does: ``nil`` for None, lists in brackets without commas.

    Of a list of more than twelve the first three and the last six are shown.
    """
    value = plain(value)
    if value is None:
        return "nil"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        parts = [*map(told, value)]
        if len(parts) > _SHOWN_MAX:
            parts[3:-6] = ["..."]
        return f"[{' '.join(parts)}]"
    return str(value)


_SHOWN_MAX = 12


def plain(value: Any) -> Any:
    """Return a value as JSON has it, also from its key (`values.key_of`), as a checker may hold."""
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, tuple) and len(value) == 1 and isinstance(value[0], str):
        try:
            return json.loads(value[0])
        except ValueError:
            return value[0]
    return value


def done_by(operation: Operation) -> Any:
    """Return what an operation did: its result if it is ``ok``, else its argument."""
    return operation.result if operation.type == "ok" else operation.argument


def micro_operations(history: History, operation: Operation) -> Sequence[Any]:
    """Return what a transaction did, as `done_by`.

    Raises:
        HistoryError: that is no list.
    """
    value = done_by(operation)
    if not isinstance(value, (list, tuple)):
        completed = operation.completed if operation.type == "ok" else None
        raise HistoryError(
            f"{operation.f} by process {operation.process} is no transaction",
            where=history.place(completed or operation.invoked),
            expected='a list of micro-operations such as ["r", key, null]',
            found=first_parts(repr(value), 80),
            fix="Record each transaction as one operation, with its reads filled in when it is ok",
        )
    return value


def malformed(
    history: History, operation: Operation, micro: Any, expected: str, ask: Any = None
) -> NoReturn:
    """Refuse one micro-operation, or the request ``ask`` where it is not the answer that is wrong.

    Raises:
        HistoryError: always.
    """
    completed = operation.completed if operation.type == "ok" else None
    if completed is not None and ask is not None and _is_micro(micro):
        micro, completed = ask, None
    raise HistoryError(
        f"a micro-operation of process {operation.process} is malformed",
        where=history.place(operation.invoked if completed is None else completed),
        expected=expected,
        found=first_parts(repr(micro), 80),
        fix="Write each micro-operation as a list of its name, its key and its value",
    )


def _is_micro(micro: Any) -> bool:
    return isinstance(micro, (list, tuple)) and len(micro) == len(("f", "key", "value"))


def is_unread(micro: Any) -> bool:
    """Return whether this is ``["r", key]``, a read whose value is left out."""
    return isinstance(micro, (list, tuple)) and len(micro) == len(("r", "key")) and micro[0] == "r"


def refuse_write(
    history: History, operation: Operation, key: Any, value: Any, *, initial: bool = False
) -> NoReturn:
    """Refuse a value that several transactions may have written to one key, or that it began with.

    Raises:
        HistoryError: always: nobody knows which of the two was read.
    """
    written, kind = f"{told(value)} is written to key {told(key)}", "a second write"
    problem = f"{written} more than once"
    expected = "each value to be written to a key by one transaction, once"
    if initial:
        problem, kind = f"{written}, though keys begin with it", "a write"
        expected = "values to write that differ from the initial one"
    raise HistoryError(
        problem,
        where=history.place(operation.invoked),
        expected=expected,
        found=f"{kind} of {told(value)} by process {operation.process}",
        fix="Let the workload write distinct values, for example by counting up for each key",
    )


def completions(operations: Sequence[Operation]) -> list[int]:
    """List where each operation was over for certain; `NEVER` unless it is ``ok``."""
    return [
        operation.completed if operation.type == "ok" and operation.completed is not None else NEVER
        for operation in operations
    ]


def sessions(operations: Sequence[Operation]) -> list[int]:
    """List the number of each operation's session; -1 for one that aborted.

    A session is a process up to and with its first ``info``; a process that goes on after one is
    read as a new client. A session's number is that of its first operation.
    """
    session = [-1] * len(operations)
    current: dict[Any, int] = {}
    # Invariant: `current` has for each process the session that its next operation continues.
    for operation in operations:
        if operation.type == "fail":
            continue
        session[operation.number] = current.setdefault(operation.process, operation.number)
        if operation.type == "info":
            del current[operation.process]
    return session


def neighbours(members: Iterable[int], session: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield each two of some operations that follow each other in a session, in order."""
    last: dict[int, int] = {}
    for member in members:
        before = last.get(session[member])
        if before is not None:
            yield before, member
        last[session[member]] = member
