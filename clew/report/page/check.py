"""Recorded histories that were judged, as one web page: what is wrong as a picture, operations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from clew.checkers.keys import is_pair
from clew.checkers.recording import Judgement
from clew.checkers.verdict import Verdict
from clew.history import Operation
from clew.machine.text import one_line
from clew.report import layout
from clew.report.page.evidence import OPERATIONS_MAX, evidence, rows
from clew.report.page.template import filled
from clew.trace import words

ANOMALIES_MAX = 50
KEYS_MAX = 20
"""Of the keys of a history so many are drawn, those of anomalies first."""


def check_page(judgements: Sequence[Judgement]) -> str:
    """Write the page, as HTML; the judgements have kept their operations."""
    verdict = Verdict.merge(one.result.verdict for one in judgements)
    names = [one_line(one.file) for one in judgements]
    named = names[0] if len(names) == 1 else f"{len(names):,} histories"
    operations = sum(one.operations for one in judgements)
    head = {
        "verdict": verdict.value,
        "title": named,
        "about": f"{layout.several(operations, 'operation')}, judged by clew check",
        "headline": _headline(judgements),
        "command": "",
    }
    data = {"head": head, "parts": [_part(one) for one in judgements]}
    return filled("check", f"{verdict.value.upper()}: {named}", data)


def _headline(judgements: Sequence[Judgement]) -> str:
    if len(judgements) == 1:
        return judgements[0].result.reason
    counts = {one: sum(each.result.verdict is one for each in judgements) for one in Verdict}
    told = [f"{count:,} {verdict.value}" for verdict, count in counts.items() if count]
    return f"{layout.listed(told)}." if told else "No file could be read."


def _part(judgement: Judgement) -> dict[str, Any]:
    result, operations = judgement.result, judgement.kept
    shown = result.anomalies[:ANOMALIES_MAX]
    return {
        "name": one_line(judgement.file),
        "verdict": result.verdict.value,
        "reason": result.reason,
        "facts": list(_facts(judgement)),
        "anomalies": [evidence((result, one), operations) | {"word": one.kind, "reason": one.reason}
                      for one in shown],
        "left": len(result.anomalies) - len(shown),
        **_history(judgement, operations),
    }  # fmt: skip


def _facts(judgement: Judgement) -> Iterator[list[str]]:
    """Yield what was judged, how, and what it took, as names and values."""
    result = judgement.result
    yield ["model", judgement.model]
    if judgement.inferred is not None:
        yield ["a guess", judgement.inferred]
    yield ["operations", f"{judgement.operations:,}"]
    yield ["seconds", f"{sum(judgement.seconds):.3g}"]
    if result.engine:
        yield ["engine", result.engine]
    for name, value in result.statistics.items():
        if name != "operations" and value not in ([], {}, None, ""):
            yield [str(name).replace("_", " "), words.value(value)]


def _history(judgement: Judgement, operations: Sequence[Operation]) -> dict[str, Any]:
    """Return the operations by key, those of the keys of anomalies first."""
    groups = _by_key(operations)
    wrong = {
        words.value(one.data["key"])
        for one in judgement.result.anomalies
        if one.data.get("key") is not None
    }
    ordered = sorted(groups, key=lambda key: key not in wrong)
    return {
        "keys": [
            [key, rows(groups[key][:OPERATIONS_MAX]), max(len(groups[key]) - OPERATIONS_MAX, 0)]
            for key in ordered[:KEYS_MAX]
        ],
        "keysLeft": max(len(ordered) - KEYS_MAX, 0),
    }


def _by_key(operations: Sequence[Operation]) -> dict[str, list[Operation]]:
    """Sort operations by key; where not all have one, they are of one object, without a name."""
    keyed = all(is_pair(one.argument) and not isinstance(one.argument[0], list | tuple)
                for one in operations)  # fmt: skip
    groups: dict[str, list[Operation]] = {}
    for one in operations:
        groups.setdefault(words.value(one.argument[0]) if keyed else "", []).append(one)
    return groups
