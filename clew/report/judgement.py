"""What was found in a recorded history, in plain words."""

from __future__ import annotations

from clew.checkers.recording import Judgement
from clew.checkers.verdict import Anomaly
from clew.machine.text import one_line
from clew.report import layout
from clew.report.screen import Style

OPERATIONS_SHOWN = 20


def judgement_line(judgement: Judgement, style: Style) -> str:
    """Report the verdict on a file with its reason, and how it was reached."""
    result = judgement.result
    engine = f", {result.engine}" if result.engine else ""
    explored = result.statistics.get("configurations")
    if explored:
        engine += f" over {layout.several(explored, 'configuration')}"
    head = f"{one_line(judgement.file)}: {style.verdict(result.verdict)}"
    told = layout.hanging("  ", result.reason)
    how = (
        f"  {judgement.model}, {layout.several(judgement.operations, 'operation')}, "
        f"{sum(judgement.seconds):.3g} s{engine}"
    )
    guess = ""
    if judgement.inferred is not None:
        why = judgement.inferred[:1].lower() + judgement.inferred[1:]
        guess = "\n" + layout.hanging(
            "  ", f"No model was named; {judgement.model} is a guess: {why}"
        )
    return f"{head}\n{told}\n{how}{guess}"


def judgement_story(judgement: Judgement) -> str:
    """Report every anomaly with its operations; empty if there is none."""
    return "\n\n".join(["", *map(_anomaly, judgement.result.anomalies)]).lstrip("\n")


def _anomaly(anomaly: Anomaly) -> str:
    from clew.trace import words  # noqa: PLC0415 - of use where something is wrong

    shown = anomaly.operations[-OPERATIONS_SHOWN:]
    left = len(anomaly.operations) - len(shown)
    timed = any(one.start is not None for one in shown)
    rows = [
        (
            f"operation {one.number}",
            *([words.span(one.start, one.end) if one.start is not None else ""] if timed else []),
            words.who(one),
            words.operation(one),
        )
        for one in shown
    ]
    parts = [layout.indented(f"{anomaly.kind}: {anomaly.reason}")]
    if left:
        parts.append(f"    {layout.several(left, 'earlier operation')} left out; --json has all")
    if rows:
        parts.append(layout.table(rows, "    "))
    return "\n".join(parts)
