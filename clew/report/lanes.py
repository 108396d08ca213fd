"""A space-time diagram in text: a lane for each node, time downwards, around one anomaly.

After Lamport's diagrams ("Time, Clocks, and the Ordering of Events in a Distributed System", 1978),
turned so that time runs down. Plain ASCII, so that it reads everywhere.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from itertools import groupby

from clew.checkers.verdict import Anomaly
from clew.machine.text import one_line
from clew.report import layout
from clew.report.regions import lanes_of
from clew.scenarios.runs.run import Run
from clew.search.shrink.oracle import blamed, moment_of
from clew.trace import words
from clew.trace.record import TraceEvent
from clew.trace.timeline import Timeline, is_client

ROWS_SHOWN = 24
LANE_WIDTH_MAX = 16
TIME_WIDTH = 15
LANES_MAX = 9

_MARKS = {"crash": "CRASH", "start": "START", "pause": "PAUSE", "resume": "RESUME"}


def lanes(run: Run, anomaly: Anomaly) -> str:
    """Draw what happened just before an anomaly; empty if it has no single moment."""
    end = moment_of(anomaly, at_once=blamed(anomaly) is not None)
    if end is None or len(run.plan.all_nodes) + 1 > LANES_MAX:
        return ""
    timeline = run.timeline()
    places = {"clients": "", **lanes_of(run.plan, run.plan.all_nodes)}
    drawing = _Lanes(places, timeline)
    for event in timeline.events(until_ns=end):
        drawing.take(event)
    drawing.end_row()
    return "\n".join(["  What happened just before:", *drawing.rows]) if drawing.rows else ""


def _short(name: str, width: int) -> str:
    """Cut a name in its middle where it is too wide: the number at its end tells it apart."""
    if len(name) <= width:
        return name
    number = name[len(name.rstrip("0123456789")) :]
    return f"{name[: max(width - len(number) - 1, 1)]}~{number}"


class _Lanes:
    """Draws a row for each event that is worth seeing.

    What happens to several nodes at one instant shares a row.

    Args:
        places: the region of each lane, in order; empty for none.
        timeline: of the run.
    """

    def __init__(self, places: Mapping[str, str], timeline: Timeline) -> None:
        self._columns = columns = list(places)
        self._regions = list(places.values())
        self._timeline = timeline
        # An even number, so that all lanes fit into a line.
        fitting = (layout.LINE_WIDTH - TIME_WIDTH) // len(columns) // 2 * 2
        self._width = min(fitting, LANE_WIDTH_MAX)
        self._rows: deque[str] = deque(maxlen=ROWS_SHOWN)
        # The row that is not drawn yet: its instant and mark, and the lanes that it marks.
        self._at: tuple[int, str] | None = None
        self._marked: list[int] = []

    @property
    def rows(self) -> list[str]:
        """The last rows, below a head; empty if there are none."""
        names = (_short(name, self._width - 1).center(self._width) for name in self._columns)
        head = " " * TIME_WIDTH + "".join(names)
        above = " " * TIME_WIDTH
        for name, lanes in groupby(self._regions):
            width = self._width * len(list(lanes))
            above += name[: width - 2].center(width)
        heads = [line.rstrip() for line in (above, head) if line.strip()]
        return [*heads, *self._rows] if self._rows else []

    def take(self, event: TraceEvent) -> None:
        """Draw another event, in order."""
        fields = event.fields
        match event.kind:
            case "deliver" | "drop":
                lost = f" lost: {fields['why']}" if event.kind == "drop" else ""
                sent = self._timeline.messages[fields["message"]]
                label = self._timeline.occasion(sent) or one_line(sent.type)
                here, there = self._column(fields["src"]), self._column(fields["dest"])
                if here is not None and there is not None:
                    self._add(event.time, self._arrow(here, there, label, lost))
            case "trigger":
                self._add(event.time, f"  *** {fields['detail']}:")
            case "fault":
                self._add(event.time, f"  *** {fields['detail']}")
            case "heal":
                self._add(event.time, f"  *** over: {fields['detail']}")
            case "finding":
                column = self._column(fields["node"])
                if column is not None:
                    self._add(event.time, self._marks([column], "FOUND"))
            case kind if kind in _MARKS:
                self._mark(event.time, _MARKS[kind], self._column(str(fields["node"])))

    def _add(self, time_ns: int, drawing: str) -> None:
        self.end_row()
        self._rows.append(f"  {words.time(time_ns):>12} {drawing}")

    def _mark(self, time_ns: int, mark: str, column: int | None) -> None:
        if self._at != (time_ns, mark):
            self.end_row()
            self._at = time_ns, mark
        if column is not None:
            self._marked.append(column)

    def end_row(self) -> None:
        """Draw the row of what was marked, if anything was."""
        at, marked = self._at, self._marked
        self._at, self._marked = None, []
        if at is not None and marked:
            self._add(at[0], self._marks(marked, at[1]))

    def _column(self, name: str) -> int | None:
        if name in self._columns:
            return self._columns.index(name)
        return 0 if is_client(name) else None

    def _middle(self, column: int) -> int:
        return column * self._width + self._width // 2

    def _blank(self) -> list[str]:
        cells = [" "] * (self._width * len(self._columns))
        for column in range(len(self._columns)):
            cells[self._middle(column)] = "|"
        return cells

    def _arrow(self, here: int, there: int, label: str, lost: str) -> str:
        """Draw a message from one lane to another; a lost one ends in x."""
        cells = self._blank()
        left, right = sorted((self._middle(here), self._middle(there)))
        for place in range(left + 1, right):
            cells[place] = "-"
        cells[self._middle(here)] = "o"
        if here != there:
            near = self._middle(there) + (-1 if there > here else 1)
            cells[near] = "x" if lost else ">" if there > here else "<"
        room = right - left - 5
        if room > 0:
            text = label[:room]
            first = (left + right - len(text)) // 2 + 1
            cells[first : first + len(text)] = text
        return "".join(cells).rstrip() + lost

    def _marks(self, marked: list[int], mark: str) -> str:
        """Write a word on some lanes."""
        cells = self._blank()
        for column in marked:
            first = self._middle(column) - len(mark) // 2
            cells[first : first + len(mark)] = mark
        return "".join(cells).rstrip()
