"""One sentence that says what went wrong: who answered what, against what."""

from __future__ import annotations

from collections.abc import Sequence

from clew.checkers.verdict import Anomaly
from clew.history import Operation
from clew.machine.text import one_line
from clew.report import layout
from clew.search.shrink.oracle import blamed
from clew.trace import words

WORDS_MAX = 25


def headline(anomaly: Anomaly | None) -> str:
    """Write the sentence, of at most `WORDS_MAX` words; a longer one ends with an ellipsis."""
    if anomaly is None:
        return "Nothing is wrong with this run."
    number = blamed(anomaly)
    wrong = next((one for one in anomaly.operations if one.number == number), None)
    told = _against(wrong, anomaly.operations) if wrong is not None else ""
    return _short(told or one_line(_plain(anomaly.reason)))


def _against(wrong: Operation, shown: Sequence[Operation]) -> str:
    """Describe an answer by what had been acknowledged before; empty if nothing had."""
    if wrong.type != "ok" or wrong.end is None or wrong.node is None:
        return ""
    before = [
        one
        for one in shown
        if one.type == "ok" and one.end is not None and one.end <= (wrong.start or 0)
        and one.number != wrong.number
    ]  # fmt: skip
    told = f"{wrong.node} answered {words.operation(wrong)}"
    if not before:
        return ""
    last = max(before, key=lambda one: one.end or 0)
    later = layout.duration_ms((wrong.end - (last.end or 0)) / 1e6)
    return f"{told}, {later} after {last.node} had acknowledged {words.operation(last)}."


def _plain(reason: str) -> str:
    """Return the first sentence of a reason, without the time that stands before it."""
    head, colon, rest = reason.partition(" s: ")
    if colon and head.replace(".", "").replace("At ", "").isdigit():
        reason = rest
    first = reason.split(". ")[0]
    return first if first.endswith(".") else f"{first}."


def _short(text: str) -> str:
    parts = text.split()
    return text if len(parts) <= WORDS_MAX else " ".join([*parts[: WORDS_MAX - 1], "..."])
