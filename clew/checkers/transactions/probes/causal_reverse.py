"""Causal reverse: a later write is visible while an earlier one, already acknowledged, is not.

Operations: ``write`` of a distinct value (or of ``[["w", key, value]]``), and ``read``, whose
result is the list of all values that are there. If a write ended before another began, whoever sees
the second must see the first. Every value that is read must have been written by somebody who did
not abort, and not only after the read was over, and stand there once.

Source: strict serializability, Adya 1999 and Herlihy and Wing, TOPLAS 1990; the workload is that of
Jepsen for CockroachDB (jepsen.tests.causal-reverse).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Mapping, Sequence

from clew.checkers.transactions.extraction import NEVER, completions, plain, told
from clew.checkers.values import Key, counted, key_of, listed
from clew.checkers.verdict import Anomaly, Budget, Result, Verdict
from clew.errors import HistoryError
from clew.history import History, Operation
from clew.machine.text import first_parts

_ANOMALIES_MAX = 8


class CausalReverse:
    """Checks that no read sees a write without the writes that ended before it began.

    O(writes log writes + values read): a read is judged by the latest invocation among the writes
    it saw, against the earliest completion among those it missed.
    """

    name = "causal-reverse"

    def check(self, history: History, budget: Budget) -> Result:
        """Return INVALID if a read can't be, or missed a write that ended before one it saw.

        UNKNOWN if no read succeeded.

        Raises:
            HistoryError: a read's result is no list, or a value is written twice.
        """
        operations = history.operations
        writers, aborted = _writers(history)
        ended = completions(operations)
        by_end = sorted(
            (item for item in writers.items() if ended[item[1]] != NEVER),
            key=lambda item: ended[item[1]],
        )
        anomalies: list[Anomaly] = []
        reads = 0
        for operation in operations:
            if operation.f != "read" or operation.type != "ok":
                continue
            reads += 1
            shown = [_value(value, writers, aborted) for value in _values(history, operation)]
            values = [value for value in shown if value != _NIL]
            seen = dict.fromkeys(values)
            budget.spend(1 + len(values))
            anomalies += _unexplained(operation, values, writers, aborted, operations)
            numbers = [writers[value] for value in seen if value in writers]
            latest = max(numbers, key=lambda number: operations[number].invoked, default=None)
            if latest is None:
                continue
            # If any missed write ended before any seen one began, the first of them to end did so
            # before the last of these began: one pair decides.
            missed = _first_missed(by_end, seen)
            if missed is not None and ended[missed] < operations[latest].invoked:
                anomalies.append(_reverse(operation, operations[missed], operations[latest]))
        statistics = {"reads": reads, "writes": len(writers), "violations": len(anomalies)}
        verdict = Verdict.VALID
        reason = f"{counted(reads, 'read')} saw writes in the order of real time."
        if anomalies:
            verdict = Verdict.INVALID
            reason = _found(anomalies)
        elif not reads:
            verdict, reason = Verdict.UNKNOWN, "No read succeeded, so nothing was tested."
        told_ = tuple(anomalies[:_ANOMALIES_MAX])
        return Result(self.name, verdict, reason, told_, "order of ends", 0.0, statistics)


def _found(anomalies: Sequence[Anomaly]) -> str:
    reverse = sum(anomaly.kind == "causal-reverse" for anomaly in anomalies)
    others = Counter(anomaly.kind for anomaly in anomalies if anomaly.kind != "causal-reverse")
    parts = [f"{counted(count, 'finding')} of {kind}" for kind, count in others.items()]
    if reverse:
        parts.insert(0, f"{counted(reverse, 'read')} saw a write without an earlier one")
    return f"{listed(parts)}."


def _unexplained(
    read: Operation,
    values: Sequence[Key],
    writers: Mapping[Key, int],
    aborted: Mapping[Key, int],
    operations: Sequence[Operation],
) -> list[Anomaly]:
    """List what is wrong with the values of a read by themselves."""
    found = []
    for value, count in Counter(values).items():
        start = f"Operation {read.number} saw {told(value)}"
        data = {"read": read.number, "value": plain(value)}
        writer = writers.get(value)
        if writer is None and value in aborted:
            reason = f"{start}, which operation {aborted[value]} wrote before it aborted."
            found.append(Anomaly("G1a", reason, (operations[aborted[value]], read), data))
        elif writer is None:
            reason = f"{start}, but nobody ever wrote that."
            found.append(Anomaly("garbage-read", reason, (read,), data))
        elif read.completed is not None and operations[writer].invoked > read.completed:
            reason = f"{start} before operation {writer} began to write it."
            found.append(Anomaly("future-read", reason, (read, operations[writer]), data))
        if count > 1:
            reason = f"{start} {count} times, though it was written once."
            found.append(Anomaly("duplicate-elements", reason, (read,), data))
    return found


def _first_missed(by_end: list[tuple[Key, int]], seen: Container[Key]) -> int | None:
    """Find the acknowledged write that ended first among those that a read did not see."""
    return next((number for value, number in by_end if value not in seen), None)


def _written(operation: Operation) -> object:
    value = operation.argument
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], list) and value[0]:
        return value[0][-1]
    return value


def _writers(history: History) -> tuple[dict[Key, int], dict[Key, int]]:
    """Map each value to its writer, and each aborted one to who tried to write it."""
    writers: dict[Key, int] = {}
    aborted: dict[Key, int] = {}
    for operation in history.operations:
        if operation.f == "write" and operation.type == "fail":
            aborted[key_of(_written(operation))] = operation.number
        elif operation.f == "write":
            value = _written(operation)
            if key_of(value) in writers:
                raise HistoryError(
                    f"{told(value)} is written more than once",
                    where=history.place(operation.invoked),
                    expected="each write to have a value of its own",
                    found=f"a second write of {told(value)}",
                    fix="Let the workload count its values up",
                )
            writers[key_of(value)] = operation.number
    return writers, aborted


def _values(history: History, operation: Operation) -> list[object]:
    result = operation.result
    if not isinstance(result, list):
        raise HistoryError(
            "a read has no list of values",
            where=history.place(operation.completed or operation.invoked),
            expected="the list of all values that are there",
            found=first_parts(repr(result), 80),
            fix="Record every value that the read saw as its result",
        )
    return result


def _value(shown: object, *written: Container[Key]) -> Key:
    """Return one value of a read; of a list that nobody wrote, ``["r", key, value]``, the last."""
    token = key_of(shown)
    if isinstance(shown, list) and shown and not any(token in some for some in written):
        return key_of(shown[-1])
    return token


_NIL = key_of(None)


def _reverse(read: Operation, missed: Operation, seen: Operation) -> Anomaly:
    reason = (
        f"Operation {read.number} saw {told(_written(seen))} (operation {seen.number}) but not "
        f"{told(_written(missed))} (operation {missed.number}), whose write had ended before the "
        "other began."
    )
    data = {"read": read.number, "missed": missed.number, "seen": seen.number}
    return Anomaly("causal-reverse", reason, (missed, seen, read), data)
