"""A trace as a file: one JSON object per line, one line per event, in order.

Each line holds ``number``, ``time`` and ``kind``, and then the fields that `clew.trace.kinds.KINDS`
lists for its kind; for a message also its ends and its body. The bytes are a function of the run
alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from clew.formats.atomic import write_lines
from clew.machine.text import json_text
from clew.trace.record import Trace

EVERY: dict[str, str] = {
    "number": "the event's rank in the run, from 0",
    "time": "when it happened, in virtual nanoseconds since the start of the run",
    "kind": "what happened: a row of the table above",
}
"""The fields that each line begins with."""

OF_A_MESSAGE: dict[str, str] = {
    "src": "its sender: a node, a service, or a client such as `c1`",
    "dest": "its receiver",
    "body": "what it says",
}
"""The additional fields of a line about a message."""


def write_trace(trace: Trace, path: Path) -> None:
    """Write a trace in one step; packed with gzip if the name ends in ``.gz``.

    Raises:
        UsageError: the place can't be written.
    """
    write_lines(path, lines(trace))


def lines(trace: Trace) -> Iterator[str]:
    """Write the lines of the file, each with its end."""
    for number, time, kind, fields in trace.events():
        line = {"number": number, "time": time, "kind": kind, **fields}
        yield json_text(line, compact=True) + "\n"
