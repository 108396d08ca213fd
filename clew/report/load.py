"""How busy the nodes were and what came of the requests, as tables and as lines over time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from clew.report import layout

NODES_SHOWN = 5
"""If there are more nodes, the busiest are shown."""


def load_tables(figures: dict[str, Any]) -> str:
    """Show the load of a run whose nodes worked; empty if none did.

    Args:
        figures: of the outcome.
    """
    if "nodes" not in figures:
        return ""
    nodes = _shown(figures["nodes"])
    rows = [("node", "busy", "queue", "at most", "refused")]
    for name, node in nodes.items():
        queue = node["queue"]
        busy, mean = f"{node['utilisation']:.1%}", f"{queue['mean']:.3g}"
        rows.append((name, busy, mean, f"{queue['max']:,}", f"{queue['refused']:,}"))
    left = len(figures["nodes"]) - len(nodes)
    parts = [layout.table(rows, right=(1, 2, 3, 4))]
    if left:
        parts.append(f"  and {layout.several(left, 'node')} less busy")
    return "\n".join([*parts, *_over_time(figures["load"], nodes)])


def _shown(nodes: dict[str, Any]) -> dict[str, Any]:
    """Pick the busiest nodes, in the cluster's order."""
    busiest = sorted(nodes, key=lambda name: -nodes[name]["utilisation"])[:NODES_SHOWN]
    return {name: node for name, node in nodes.items() if name in busiest}


def _over_time(load: dict[str, Any], nodes: dict[str, Any]) -> Iterator[str]:
    windows = load["over_time"]
    each = "a second" if windows["seconds"] == 1 else f"{windows['seconds']} s"
    yield f"  over time, a sign for {each}: 9 is the highest value of the line, a dot is none"
    series = [
        ("asked", windows["offered"], "per second"),
        ("answered", windows["goodput"], "per second"),
    ]
    for name, node in nodes.items():
        series.append((f"{name} queue", node["over_time"]["queue"], "jobs"))
        series.append(
            (f"{name} busy", [100 * one for one in node["over_time"]["utilisation"]], "%")
        )
    yield layout.table(
        [
            (name, spark(values), f"at most {_short(max(values))} {unit}")
            for name, values, unit in series
        ],
        "    ",
    )


def _short(value: float) -> str:
    return f"{value:.3g}" if value < 1000 else f"{value:,.0f}"  # noqa: PLR2004 - no exponents


def spark(values: Sequence[float]) -> str:
    """Draw numbers from 0 as a line: a dot for 0, otherwise a digit in ninths of the highest.

    A number above 0 is never drawn as a dot.
    """
    highest = max(values, default=0)
    return "".join("." if one <= 0 else str(max(1, round(9 * one / highest))) for one in values)
