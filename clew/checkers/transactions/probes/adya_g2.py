"""Adya G2: of two transactions that each look for the other's row and then insert, one must abort.

Operations: ``insert`` with value ``[key, [a_id, b_id]]``, one of the two ids null. Each transaction
reads, by predicate, whether the other table has a row for the key, and inserts its own only where
it has not. Under serializability at most one insert for each key succeeds; two are a cycle of
anti-dependencies on predicates (G2).

Left out: inserts of unknown outcome, which may be a second one; reads.

Source: Adya 1999, chapter 3 (G2, phantoms); the workload is that of Jepsen (jepsen.tests.adya).
"""

from __future__ import annotations

from clew.checkers.transactions.extraction import told
from clew.checkers.values import Key, counted, key_of
from clew.checkers.verdict import Anomaly, Budget, Result, Verdict
from clew.errors import HistoryError
from clew.history import History, Operation
from clew.machine.text import first_parts

_ANOMALIES_MAX = 8
_PARTS = 2


class AdyaG2:
    """Checks that for each key at most one insert succeeded. O(n)."""

    name = "adya-g2"

    def check(self, history: History, budget: Budget) -> Result:
        """Return INVALID if two inserts of one key succeeded; UNKNOWN if nothing was inserted.

        Raises:
            HistoryError: an insert's value is no pair of a key and ids.
        """
        inserts: dict[Key, list[Operation]] = {}
        for operation in history.operations:
            if operation.f == "insert":
                budget.spend(1)
                rows = inserts.setdefault(_key(history, operation), [])
                if operation.type == "ok":
                    rows.append(operation)
        anomalies = [_phantom(rows) for rows in inserts.values() if len(rows) > 1]
        unknown = sum(each.f == "insert" and each.type == "info" for each in history.operations)
        inserted = sum(bool(rows) for rows in inserts.values())
        statistics = {"keys": len(inserts), "inserted": inserted, "violations": len(anomalies)}
        verdict, reason = Verdict.VALID, f"{counted(inserted, 'key')} inserted, each once."
        if unknown:
            reason = f"{reason[:-1]}, those of unknown outcome left out: {unknown}."
        if anomalies:
            verdict = Verdict.INVALID
            reason = f"{counted(len(anomalies), 'key')} inserted more than once: not serializable."
        elif not inserted:
            verdict, reason = Verdict.UNKNOWN, "No insert succeeded, so nothing was tested."
        told_ = tuple(anomalies[:_ANOMALIES_MAX])
        return Result(self.name, verdict, reason, told_, "count by key", 0.0, statistics)


def _key(history: History, operation: Operation) -> Key:
    value = operation.argument
    if not isinstance(value, (list, tuple)) or len(value) != _PARTS:
        raise HistoryError(
            "an insert has no key",
            where=history.place(operation.invoked),
            expected="[key, [a_id, b_id]]",
            found=first_parts(repr(value), 80),
            fix="Record the key that both inserts of a pair look for",
        )
    return key_of(value[0])


def _phantom(rows: list[Operation]) -> Anomaly:
    one, other = rows[:2]
    key = one.argument[0]
    reason = (
        f"Operations {one.number} and {other.number} both inserted a row for key {told(key)}. Each "
        "had looked for the other's row and found none, so each must come before the other: G2."
    )
    data = {"key": key, "operations": [operation.number for operation in rows]}
    return Anomaly("G2", reason, tuple(rows), data)
