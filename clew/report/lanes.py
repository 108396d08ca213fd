"""A space-time diagram in text: a lane for each node, time downwards, around one anomaly.

After Lamport's diagrams ("Time, Clocks, and the Ordering of Events in a Distributed System", 1978),
turned so that time runs down. Plain ASCII, so that it reads everywhere.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from clew.checkers.verdict import Anomaly
from clew.report import layout
from clew.scenarios.runs.run import Run
from clew.trace import words
from clew.trace.timeline import is_client

ROWS_SHOWN = 24
LANE_WIDTH_MAX = 16
TIME_WIDTH = 15
LANES_MAX = 9


def lanes(run: Run, anomaly: Anomaly) -> str:
    """Draw what happened just before an anomaly; empty where it has no one moment."""
    end = _moment(anomaly)
    if end is None or len(run.plan.node_ids) + 1 > LANES_MAX:
        return ""
    columns = ["clients", *run.plan.node_ids]
    rows: deque[str] = deque(maxlen=ROWS_SHOWN)
    rows.extend(_rows(run, columns, end))
    if not rows:
        return ""
    width = _width(columns)
    head = " " * TIME_WIDTH + "".join(name.center(width) for name in columns)
    return "\n".join(["  What happened just before:", head.rstrip(), *rows])


def _moment(anomaly: Anomaly) -> int | None:
    """Find when a finding was made, or when the operation ended that no order explains."""
    if "time_ns" in anomaly.data:
        return int(anomaly.data["time_ns"])
    response = anomaly.data.get("response")
    if isinstance(response, dict):
        for one in anomaly.operations:
            if one.number == response.get("number"):
                return one.end
    return None


def _rows(run: Run, columns: list[str], end: int) -> Iterator[str]:
    """Draw a line for each event up to a time that a person would want to see."""
    marks = _Marks(columns)
    for event in run.timeline().events(until_ns=end):
        fields = event.fields
        if event.kind in _MARKS:
            yield from marks.add(event.time, _MARKS[event.kind], str(fields["node"]))
            continue
        drawing = _drawing(event.kind, fields, columns)
        if drawing:
            yield from marks.flush()
            yield _line(event.time, drawing)
    yield from marks.flush()


def _width(columns: list[str]) -> int:
    """Choose the width of a lane, an even number, so that all of them fit into a line."""
    return min((layout.LINE_WIDTH - TIME_WIDTH) // len(columns) // 2 * 2, LANE_WIDTH_MAX)


def _line(time: int, drawing: str) -> str:
    return f"  {words.time(time):>12} {drawing}"


class _Marks:
    """What happens to several nodes at one instant shares a row."""

    def __init__(self, columns: list[str]) -> None:
        self._columns = columns
        self._at: tuple[int, str] | None = None
        self._nodes: list[int] = []

    def add(self, time: int, mark: str, node: str) -> Iterator[str]:
        """Note a mark, and give the row before it if that is another."""
        if self._at != (time, mark):
            yield from self.flush()
            self._at = time, mark
        column = _column(node, self._columns)
        if column is not None:
            self._nodes.append(column)

    def flush(self) -> Iterator[str]:
        """Give the row of what was noted, if any."""
        if self._at is not None and self._nodes:
            yield _line(self._at[0], _Row(self._columns).mark(self._nodes, self._at[1]))
        self._at, self._nodes = None, []


def _drawing(kind: str, fields: dict[str, Any], columns: list[str]) -> str:
    if kind in {"deliver", "drop"}:
        label = str(fields["body"]["type"])
        lost = f" lost: {fields['why']}" if kind == "drop" else ""
        here, there = _column(fields["src"], columns), _column(fields["dest"], columns)
        return (
            "" if here is None or there is None else _Row(columns).arrow(here, there, label, lost)
        )
    if kind == "fault":
        return f"  *** {fields['detail']}"
    if kind == "heal":
        return f"  *** over: {fields['detail']}"
    if kind == "finding":
        column = _column(fields["node"], columns)
        return "" if column is None else _Row(columns).mark([column], "FOUND")
    return ""


_MARKS = {"crash": "CRASH", "start": "START", "pause": "PAUSE", "resume": "RESUME"}


def _column(name: str, columns: list[str]) -> int | None:
    if name in columns:
        return columns.index(name)
    return 0 if is_client(name) else None


@dataclass(frozen=True, slots=True)
class _Row:
    """One line of lanes, on which something is drawn."""

    columns: list[str]

    def _blank(self) -> list[str]:
        cells = [" "] * (_width(self.columns) * len(self.columns))
        for column in range(len(self.columns)):
            cells[self._middle(column)] = "|"
        return cells

    def _middle(self, column: int) -> int:
        width = _width(self.columns)
        return column * width + width // 2

    def arrow(self, here: int, there: int, label: str, lost: str) -> str:
        """Draw a message from one lane to another; a lost one ends in x."""
        cells = self._blank()
        left, right = sorted((self._middle(here), self._middle(there)))
        for place in range(left + 1, right):
            cells[place] = "-"
        cells[self._middle(here)] = "o"
        head = "x" if lost else ">" if there > here else "<"
        near = self._middle(there) + (-1 if there > here else 1)
        if here != there:
            cells[near] = head
        room = right - left - 5
        if room > 0:
            text = label[:room]
            first = (left + right - len(text)) // 2 + 1
            cells[first : first + len(text)] = text
        return "".join(cells).rstrip() + lost

    def mark(self, marked: list[int], mark: str) -> str:
        """Write a word on some lanes."""
        cells = self._blank()
        for column in marked:
            first = self._middle(column) - len(mark) // 2
            cells[first : first + len(mark)] = mark
        return "".join(cells).rstrip()
