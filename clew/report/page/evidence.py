"""The verdict's picture: an order of operations that explains most, or a transactions' cycle."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from clew.checkers.transactions.words import told_transaction
from clew.checkers.verdict import Anomaly, Result
from clew.history import Operation
from clew.machine.text import one_line
from clew.report.page.matrix import KINDS, TOTALS, matrix, totals
from clew.trace import words

OPERATIONS_MAX = 200
"""Of the operations on a key, those nearest to the failure are drawn."""


def evidence(
    found: tuple[Result, Anomaly] | None, operations: Sequence[Operation]
) -> dict[str, Any]:
    """Describe what shows an anomaly, as data for a picture.

    Its ``kind`` is ``order`` for operations of which an order explains all but some, ``cycle`` for
    transactions that depend on each other, ``matrix`` for values that some readers show and others
    don't, ``totals`` for a counter, ``operations`` for others, and ``none``.

    Args:
        found: the anomaly, and the check that found it; None for none.
        operations: all of the history.
    """
    if found is None:
        return {"kind": "none"}
    check, anomaly = found
    told = {"check": check.name, "word": anomaly.kind, "reason": anomaly.reason}
    if "transactions" in anomaly.data and anomaly.data.get("edges"):
        return {"kind": "cycle", **told, **_cycle(anomaly, operations)}
    if "prefix" in anomaly.data:
        return {"kind": "order", **told, **_order(anomaly, operations)}
    if anomaly.kind in KINDS and "value" in anomaly.data:
        values = matrix(check, anomaly, operations)
        if values:
            return {"kind": "matrix", **told, **values}
    if anomaly.kind in TOTALS:
        return {"kind": "totals", **told, **totals(check)}
    shown = anomaly.operations[-OPERATIONS_MAX:]
    return {
        "kind": "operations" if shown else "none", **told,
        "shown": rows(shown), "left": len(anomaly.operations) - len(shown),
    }  # fmt: skip


def _cycle(anomaly: Anomaly, operations: Sequence[Operation]) -> dict[str, Any]:
    ends = {one.number: one.end for one in operations}
    edges = anomaly.data["edges"]
    drawn = {edge[end] for edge in edges for end in ("from", "to")}
    return {
        "transactions": [
            [
                name,
                one_line(told_transaction(one["value"])),
                number := one.get("number", -1),
                ends.get(number),
            ]
            for name, one in anomaly.data["transactions"].items()
            if name in drawn
        ],
        "edges": [
            [edge["from"], edge["to"], edge["type"], _key(edge.get("key"))] for edge in edges
        ],
    }


def _key(key: Any) -> str:
    return "" if key is None else words.value(key)


def _order(anomaly: Anomaly, operations: Sequence[Operation]) -> dict[str, Any]:
    """Choose the operations of the anomaly's key, and the order that explains most of them."""
    data = anomaly.data
    prefix: list[int] = list(data["prefix"])
    flying = [one["number"] for one in data.get("in_flight", ())]
    named = {*prefix, *flying, *data.get("minimal", ())}
    of_key = [one for one in operations if one.number in named]
    shown = of_key[-OPERATIONS_MAX:]
    response = data.get("response")
    return {
        "key": _key(data.get("key")),
        "shown": rows(shown),
        "left": len(of_key) - len(shown),
        "prefix": prefix,
        "minimal": list(data.get("minimal", ())),
        "wrong": response["number"] if isinstance(response, dict) else -1,
        "states": [one_line(str(state)) for state in data.get("states", ())],
    }


def rows(operations: Sequence[Operation]) -> list[list[Any]]:
    """List operations as a picture has them, by time; where one has none, by place in the history.

    Each has its number, its words, who asked, its start and its end, and its type.
    """
    timed = all(one.start is not None for one in operations)
    return [
        [
            one.number,
            words.operation(one),
            words.who(one),
            *((one.start, one.end) if timed else (one.invoked, one.completed)),
            one.type,
        ]
        for one in operations
    ]
