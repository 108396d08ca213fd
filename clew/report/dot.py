"""An anomaly as a graph for Graphviz: transactions and their edges, or operations in real time."""

from __future__ import annotations

from clew.checkers.transactions.words import to_dot
from clew.checkers.verdict import Anomaly
from clew.history import Operation
from clew.machine.text import dot_text
from clew.trace import words

OPERATIONS_DRAWN = 40
"""If there are more operations, only the last are drawn: nobody can read a larger graph."""


def anomaly_dot(anomaly: Anomaly) -> str:
    """Draw an anomaly as a digraph in the DOT language.

    If the anomaly has transactions, they are the nodes and their dependencies the edges; otherwise
    its operations are the nodes, with an edge from each to those that began after it ended (only
    where no other lies between), the last `OPERATIONS_DRAWN` of them.
    """
    if "transactions" in anomaly.data:
        return to_dot(anomaly)
    operations = anomaly.operations[-OPERATIONS_DRAWN:]
    lines = [f"digraph {dot_text(anomaly.kind)} {{", "  node [shape=box];"]
    for one in operations:
        label = f"{words.who(one)}\n{words.operation(one)}"
        lines.append(f"  o{one.number} [label={dot_text(label)}];")
    lines += [
        f"  o{first.number} -> o{second.number};"
        for first in operations
        for second in operations
        if _before(first, second)
        and not any(_before(first, mid) and _before(mid, second) for mid in operations)
    ]
    return "\n".join([*lines, "}", ""])


def _before(first: Operation, second: Operation) -> bool:
    """Return whether the first was over when the second began."""
    return not first.pending and first.completed is not None and first.completed < second.invoked
