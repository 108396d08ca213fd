"""What the nodes logged in a run."""

from __future__ import annotations

from clew.scenarios.runs.run import Run
from clew.trace import words


def node_logs(run: Run) -> str:
    """List the nodes' log lines with their virtual times, in order."""
    lines = [
        f"{words.time(event.time):>14}  {event.fields['node']}  {event.fields['text']}"
        for event in run.timeline().events("log")
    ]
    return "\n".join(lines) if lines else "No node logged anything."
