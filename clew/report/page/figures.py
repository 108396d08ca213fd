"""Figures over time of a run, drawn by Bokeh: latency, rate, availability, messages, load.

Bokeh is an extra; where it is not installed, the page says how to get it. Its script is part of the
page, so that nothing is fetched, and it draws without evaluating texts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from clew.checkers.simple.statistics import quantiles
from clew.history import Operation
from clew.machine.text import brief, one_line
from clew.node.timer import NS_PER_SECOND
from clew.report import layout
from clew.scenarios.judgement.outcome import Outcome
from clew.trace import words
from clew.trace.timeline import SentMessage

WINDOWS = 60
"""The time of a run in so many parts, of each of which there is a rate and a quantile."""

POINTS_MAX = 5_000
"""Of more operations every second, third or further one is drawn."""

TYPES_MAX = 8
"""The most frequent types of message that have a line of their own."""

FAULTS_MAX = 100

NAME_MAX = 40
"""The longest name in a legend."""

_NONE = float("nan")
"""What a window without operations has: the line is broken there."""

MISSING = (
    "Figures over time (latency, rate, availability, messages, queues) are drawn by Bokeh, which "
    "is not installed: pip install 'clew[report]', and make the page again."
)
UNASKED = "Figures over time are drawn where --report FILE asks for the page of a run."

# Okabe and Ito's colours, which are told apart with any kind of sight; marks and dashes differ too.
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f7f7f", "#a6761d")
_DASHES = ("solid", "dashed", "dotted", "dotdash", "dashdot")
_SHARES = {"0.5": "half", "0.95": "95 %", "0.99": "99 %", "1": "all"}
_TYPES = {"ok": "circle", "fail": "triangle", "info": "square"}


class Drawn(NamedTuple):
    """Figures for a page.

    Attributes:
        data: the figures as Bokeh reads them, and what is left out; or why there are none.
        script: Bokeh's own; empty if there are no figures.
    """

    data: Mapping[str, Any]
    script: str


def figures(outcome: Outcome) -> Drawn:
    """Draw the figures of a run; without Bokeh there are none, and the reason."""
    try:
        from bokeh.embed import json_item  # noqa: PLC0415 - an extra
        from bokeh.layouts import column  # noqa: PLC0415
        from bokeh.resources import Resources  # noqa: PLC0415
    except ImportError:
        return Drawn({"missing": MISSING}, "")
    page = _Page(outcome)
    drawn = list(page.all())
    item = json_item(column(drawn, sizing_mode="stretch_width"))
    raw = Resources(mode="inline", components=["bokeh"]).js_raw
    # The last part sets the level of the log, and logs that it does.
    script = "\n".join(one for one in raw if not one.startswith("Bokeh.set_log_level"))
    return Drawn({"item": item, "notes": page.notes}, script)


class _Page:
    """The figures of one run: they share their axis of time, in seconds, and the faults' shades."""

    def __init__(self, outcome: Outcome) -> None:
        from bokeh.models import Range1d  # noqa: PLC0415 - an extra

        self.outcome = outcome
        run = outcome.run
        self.end = max(run.virtual_ns / NS_PER_SECOND, 1e-6)
        self.step = self.end / WINDOWS
        self.x_range = Range1d(0, self.end, bounds=(-0.01 * self.end, 1.01 * self.end))
        self.timeline = run.timeline()
        self.operations = [one for one in self.timeline.operations if one.start is not None]
        self.notes: list[str] = []

    def all(self) -> Iterator[Any]:
        """Yield the figures, from top to bottom."""
        done = [one for one in self.operations if one.end is not None]
        if done:
            yield self._latency(done)
            yield self._quantiles([one for one in done if one.type == "ok"])
            yield self._rate(done)
            yield self._availability(done)
        yield self._messages()
        yield from self._load()

    def _figure(self, title: str, unit: str, *, height: int = 190, **more: Any) -> Any:
        from bokeh.models import BoxAnnotation, PanTool, Span, WheelZoomTool  # noqa: PLC0415
        from bokeh.plotting import figure  # noqa: PLC0415 - an extra

        wheel = WheelZoomTool(dimensions="width")
        drawn = figure(
            title=title, height=height, sizing_mode="stretch_width", x_range=self.x_range,
            x_axis_label="s", y_axis_label=unit, toolbar_location=None,
            tools=[PanTool(dimensions="width"), wheel], background_fill_alpha=0,
            border_fill_alpha=0, output_backend="canvas", **more,
        )  # fmt: skip
        drawn.toolbar.active_scroll = wheel
        for fault in self.outcome.run.faults[:FAULTS_MAX]:
            since, until = fault.at_ns / NS_PER_SECOND, fault.until_ns / NS_PER_SECOND
            shade = BoxAnnotation(
                left=since, right=until, fill_color="#d55e00", fill_alpha=0.1, line_alpha=0,
                level="underlay",
            )  # fmt: skip
            drawn.add_layout(shade)
        cursor = Span(location=0, dimension="height", name="cursor", line_width=2)
        drawn.add_layout(cursor)
        return drawn

    def _hover(self, drawn: Any, shown: Any, **told: str) -> None:
        """Show values beside the pointer: names of columns, which Bokeh escapes."""
        from bokeh.models import HoverTool  # noqa: PLC0415 - an extra

        drawn.add_tools(HoverTool(renderers=[shown], tooltips=[*told.items()], limit=3))

    def _latency(self, done: Sequence[Operation]) -> Any:
        from bokeh.models import ColumnDataSource  # noqa: PLC0415 - an extra

        drawn = self._figure("Latency of each operation", "ms", y_axis_type="log")
        step = len(done) // POINTS_MAX + 1
        if step > 1:
            self.notes.append(
                f"Of {layout.several(len(done), 'operation')} one in {step} has a point."
            )
        for (kind, mark), colour in zip(_TYPES.items(), _COLOURS, strict=False):
            own = [one for one in done[::step] if one.type == kind]
            if not own:
                continue
            source = ColumnDataSource(
                {
                    "x": [(one.end or 0) / NS_PER_SECOND for one in own],
                    "y": [max(_took_ms(one), 1e-6) for one in own],
                    "told": [words.operation(one) for one in own],
                    "who": [words.who(one) for one in own],
                }
            )
            shown = drawn.scatter(
                "x", "y", source=source, marker=mark, color=colour, alpha=0.6, size=5,
                legend_label=kind,
            )  # fmt: skip
            self._hover(drawn, shown, operation="@told", by="@who", at="@x{0.000} s",
                        took="@y{0.000} ms")  # fmt: skip
        return _with_legend(drawn)

    def _quantiles(self, done: Sequence[Operation]) -> Any:
        drawn = self._figure("Latency by quantile, of answered operations", "ms", y_axis_type="log")
        windows = self._windows((one.end or 0, (one.end or 0) - (one.start or 0)) for one in done)
        found = [quantiles(window) for window in windows]
        for rank, (name, told) in enumerate(_SHARES.items()):
            values = [max(of[name] / 1e6, 1e-6) if of else _NONE for of in found]
            self._steps(drawn, values, told, rank, "ms")
        return _with_legend(drawn)

    def _rate(self, done: Sequence[Operation]) -> Any:
        drawn = self._figure("Operations that ended", "per second")
        for rank, kind in enumerate(_TYPES):
            counts = self._counts(one.end or 0 for one in done if one.type == kind)
            if any(counts):
                self._steps(
                    drawn, [count / self.step for count in counts], kind, rank, "per second"
                )
        return _with_legend(drawn)

    def _availability(self, done: Sequence[Operation]) -> Any:
        drawn = self._figure("Availability: the share that was answered", "%", y_range=(-3, 103))
        good = self._counts(one.end or 0 for one in done if one.type == "ok")
        ended = self._counts(one.end or 0 for one in done)
        shares = [100 * one / of if of else _NONE for one, of in zip(good, ended, strict=True)]
        self._steps(drawn, shares, "answered", 0, "%")
        drawn.legend.visible = False  # there is one line
        return drawn

    def _messages(self) -> Any:
        drawn = self._figure("Messages by type", "per second", height=260)
        messages = [*self.timeline.messages.values()]
        common = Counter(one.type for one in messages).most_common()
        for rank, (kind, _) in enumerate(common[:TYPES_MAX]):
            self._messages_of(drawn, (one for one in messages if one.type == kind), kind, rank)
        rest = {kind for kind, _ in common[TYPES_MAX:]}
        if rest:
            self._messages_of(
                drawn, (one for one in messages if one.type in rest),
                layout.several(len(rest), "other type"), TYPES_MAX,
            )  # fmt: skip
        lost = [one for one in messages if one.fate == "drop"]
        if lost:
            self._messages_of(drawn, lost, "lost, of any type", TYPES_MAX + 1)
        return _with_legend(drawn)

    def _messages_of(
        self, drawn: Any, messages: Iterable[SentMessage], name: str, rank: int
    ) -> None:
        counts = self._counts(one.sent_ns for one in messages)
        self._steps(drawn, [count / self.step for count in counts], name, rank, "per second")

    def _load(self) -> Iterator[Any]:
        """Yield how long the queues were and how busy the workers, if any node worked."""
        statistics = self.outcome.statistics
        nodes = statistics.get("nodes", {})
        if not nodes:
            return
        window = statistics["load"]["over_time"]["seconds"]
        for title, field, unit, scale in (
            ("Queues", "queue", "jobs", 1.0),
            ("Utilisation", "utilisation", "%", 100.0),
        ):
            drawn = self._figure(title, unit)
            for rank, (name, node) in enumerate(nodes.items()):
                values = [scale * one for one in node["over_time"][field]]
                middles = [(at + 0.5) * window for at in range(len(values))]
                self._line(drawn, middles, values, name, rank, unit)
            yield _with_legend(drawn)

    def _windows(self, timed: Iterable[tuple[int, int]]) -> list[list[int]]:
        windows: list[list[int]] = [[] for _ in range(WINDOWS)]
        for time_ns, value in timed:
            windows[min(int(time_ns / NS_PER_SECOND / self.step), WINDOWS - 1)].append(value)
        return windows

    def _counts(self, times_ns: Iterable[int]) -> list[int]:
        return [len(window) for window in self._windows((time_ns, 0) for time_ns in times_ns)]

    def _steps(self, drawn: Any, values: Sequence[float], name: str, rank: int, unit: str) -> None:
        """Draw one value for each window."""
        middles = [(at + 0.5) * self.step for at in range(len(values))]
        self._line(drawn, middles, values, name, rank, unit)

    def _line(
        self, drawn: Any, x: Sequence[float], y: Sequence[float], name: str, rank: int, unit: str
    ) -> None:
        from bokeh.models import ColumnDataSource  # noqa: PLC0415 - an extra

        name = brief(one_line(name), NAME_MAX)
        style = {
            "color": _COLOURS[rank % len(_COLOURS)],
            "line_dash": _DASHES[rank % len(_DASHES)],
            "line_width": 2,
        }
        source = ColumnDataSource({"x": x, "y": y, "name": [name] * len(x)})
        shown = drawn.line("x", "y", source=source, legend_label=name, **style)
        self._hover(drawn, shown, of="@name", at="@x{0.000} s", value=f"@y{{0.[000]}} {unit}")


def _took_ms(one: Operation) -> float:
    return ((one.end or 0) - (one.start or 0)) / 1e6


def _with_legend(drawn: Any) -> Any:
    """Put the legend beside a figure; a click on an entry hides its line."""
    if drawn.legend:
        legend = drawn.legend[0]
        legend.click_policy = "hide"
        legend.label_text_font_size = "11px"
        legend.spacing = legend.padding = 2
        drawn.add_layout(legend, "right")
    return drawn
