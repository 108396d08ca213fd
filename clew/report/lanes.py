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
from clew.report import words
from clew.scenarios.run import Run

ROWS_SHOWN = 24
LANE_WIDTH = 12
LANES_MAX = 9


def lanes(run: Run, anomaly: Anomaly) -> str:
    """What happened just before an anomaly; empty where it has no one moment."""
    end = _moment(anomaly)
    if end is None or len(run.plan.node_ids) + 1 > LANES_MAX:
        return ""
    columns = ["clients", *run.plan.node_ids]
    rows: deque[str] = deque(maxlen=ROWS_SHOWN)
    for row in _rows(run, columns, end):
        rows.append(row)
    if not rows:
        return ""
    head = " " * 15 + "".join(name.center(LANE_WIDTH) for name in columns)
    return "\n".join(["  What happened just before:", head.rstrip(), *rows])


def _moment(anomaly: Anomaly) -> int | None:
    """When a finding was made, or the operation ended that no order explains."""
    if "time_ns" in anomaly.data:
        return int(anomaly.data["time_ns"])
    response = anomaly.data.get("response")
    if isinstance(response, dict):
        for one in anomaly.operations:
            if one.number == response.get("number"):
                return one.end
    return None


def _rows(run: Run, columns: list[str], end: int) -> Iterator[str]:
    """A line for each event up to a time that a person would want to see."""
    sent: dict[int, tuple[str, str, str]] = {}
    for time, kind, *fields in run.trace.records():
        if time > end:
            return
        if kind == "send":
            number, src, dest, body = fields
            sent[number] = (src, dest, str(body.get("type")))
            continue
        drawing = _drawing(kind, fields, sent, columns)
        if drawing:
            yield f"  {words.time(time):>12} {drawing}"


def _drawing(
    kind: str, fields: list[Any], sent: dict[int, tuple[str, str, str]], columns: list[str]
) -> str:
    if kind in {"deliver", "drop"}:
        src, dest, label = sent.pop(fields[0], ("", "", ""))
        lost = f" lost: {fields[1]}" if kind == "drop" else ""
        here, there = _column(src, columns), _column(dest, columns)
        return "" if here is None or there is None else _Row(columns).arrow(here, there, label, lost)
    if kind == "fault":
        return f"  *** {fields[2]}"
    if kind == "heal":
        return f"  *** over: {fields[2]}"
    if kind == "finding":
        return _Row(columns).mark(_column(fields[1], columns), "FOUND", str(fields[2]))
    if kind in _MARKS:
        return _Row(columns).mark(_column(fields[0], columns), _MARKS[kind], "")
    return ""


_MARKS = {"crash": "CRASH", "start": "START", "pause": "PAUSE", "resume": "RESUME"}


def _column(name: str, columns: list[str]) -> int | None:
    if name in columns:
        return columns.index(name)
    return 0 if name.startswith("c") and name[1:].isdigit() else None


@dataclass(frozen=True, slots=True)
class _Row:
    """One line of lanes, on which something is drawn."""

    columns: list[str]

    def _blank(self) -> list[str]:
        cells = [" "] * (LANE_WIDTH * len(self.columns))
        for column in range(len(self.columns)):
            cells[self._middle(column)] = "|"
        return cells

    @staticmethod
    def _middle(column: int) -> int:
        return column * LANE_WIDTH + LANE_WIDTH // 2

    def arrow(self, here: int, there: int, label: str, lost: str) -> str:
        """A message from one lane to another; a lost one ends in x."""
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

    def mark(self, column: int | None, mark: str, text: str) -> str:
        """A word on a lane, and a text after all lanes."""
        cells = self._blank()
        if column is not None:
            first = max(self._middle(column) - len(mark) // 2, 0)
            cells[first : first + len(mark)] = mark
        return "".join(cells).rstrip() + (f"  {text}" if text else "")
