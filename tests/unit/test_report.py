"""What people read: words, tables, lanes, the web page, progress and colour."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from clew.checkers.verdict import Anomaly, Verdict
from clew.cli import main
from clew.history import Operation
from clew.node.node import Node, on
from clew.report import layout
from clew.report.dot import anomaly_dot
from clew.report.lanes import lanes
from clew.report.progress import Progress
from clew.report.run import determinism, footer, node_logs, run_report, verified, when
from clew.report.screen import Style, drawn
from clew.scenarios.code.models import load_model
from clew.scenarios.judgement.outcome import Outcome, judge
from clew.scenarios.options.scenario import make_scenario
from clew.scenarios.plans.draw import draw_plan
from clew.scenarios.runs.run import simulate
from clew.search.seeds import SeedResult
from clew.search.verification import Verification
from clew.trace import words


def operation(f: str, argument: object, result: object, kind: str = "ok", **more: object):
    return Operation(3, 7, f, kind, argument, result, 4, 9, 1_000_000, 2_500_000, **more)  # type: ignore[arg-type]


OPERATIONS = [
    (operation("read", [3, None], [3, 17]), "read key 3 -> 17"),
    (operation("read", None, 5), "read -> 5"),
    (operation("write", [3, 17], [3, 17]), "write key 3 := 17"),
    (operation("write", 4, 4), "write 4"),
    (operation("cas", [1, [2, 3]], [1, [2, 3]]), "cas key 1 from 2 to 3"),
    (operation("add", 5, 5), "add 5"),
    (operation("cas", [0, 1], [0, 1]), "cas [0, 1]"),
    (operation("contains", 1, True), "contains 1 -> true"),
    (operation("read", None, None), "read -> null"),
    (operation("read", [["r", 1, None]], [["r", 1, 4]]), 'read [["r", 1, 4]]'),
    (operation("generate", None, "17-n1"), 'generate -> "17-n1"'),
    (operation("txn", [["r", 1, None]], [["r", 1, 4]]), 'txn [["r", 1, 4]]'),
    (
        operation("txn", [["r", 1, None]], None, "info"),
        'txn [["r", 1, null]]: unknown whether it happened',
    ),
    (
        operation("write", [3, 17], None, "info", error={"code": 0, "text": "no reply in time"}),
        "write key 3 := 17: unknown whether it happened (no reply in time)",
    ),
    (
        operation("cas", [1, [2, 3]], None, "fail", error="precondition"),
        'cas key 1 from 2 to 3: failed ("precondition")',
    ),
]


@pytest.mark.parametrize(("one", "told"), OPERATIONS, ids=[told for _, told in OPERATIONS])
def test_an_operation_in_words(one: Operation, told: str):
    assert words.operation(one) == told


def test_a_long_value_is_shown_by_its_ends():
    told = words.value(list(range(1000)))
    assert len(told) <= words.VALUE_WIDTH
    assert told.startswith("[0, 1, 2")
    assert told.endswith("998, 999]")


@pytest.mark.parametrize(
    ("milliseconds", "told"),
    [(0.0, "0 ms"), (0.0566, "56.6 us"), (10.4, "10.4 ms"), (999.0, "999 ms"), (1234.5, "1.23 s")],
)
def test_a_duration_has_the_unit_that_suits_it(milliseconds: float, told: str):
    assert layout.duration_ms(milliseconds) == told


def test_times_are_to_the_microsecond():
    assert words.span(1_026_020_156, 2_000_000_000) == "1.026020 - 2.000000 s"
    assert words.span(1_000, 1_000) == "0.000001 s"
    assert words.time(None) == "?"


def test_a_table_lines_up():
    told = layout.table([("f", "ok"), ("read", 1234), ("cas", 7)], indent="", right=(1,))
    assert told == "f        ok\nread  1,234\ncas       7"


def test_colour_is_for_terminals_that_want_it(monkeypatch: pytest.MonkeyPatch):
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    painted = Style.of(Terminal()).verdict(Verdict.INVALID)
    assert drawn(painted) == "\033[1;31mINVALID\033[0m"
    assert Style.of(io.StringIO()).verdict(Verdict.INVALID) == "INVALID"
    monkeypatch.setenv("NO_COLOR", "1")
    assert Style.of(Terminal()).verdict(Verdict.VALID) == "valid"


class Wrong(Node):
    """Answers the second request of each client with something else, and raises on the fifth."""

    workload = "echo"

    def start(self) -> None:
        self.count = 0

    @on("echo")
    def echo(self, msg):
        self.count += 1
        self.log(f"request {self.count}")
        if self.count == 5:
            raise ValueError("five")
        self.send(self.peers[0], {"type": "told", "count": self.count})
        self.reply(msg, {"type": "echo_ok", "echo": msg.body["echo"]})

    @on("told")
    def told(self, msg):
        pass


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    """An invalid run with faults."""
    scenario = make_scenario(
        {"model": "echo", "nemesis": "kill,partition,pause", "time_limit": 20, "node_count": 3}
    )
    model = load_model("echo")
    model = type(model)("wrong.py", Wrong, "echo", None, "")
    return judge(simulate(draw_plan(scenario, 1, model), model), model)


def test_the_report_tells_the_whole_story(outcome: Outcome):
    told = run_report(outcome, Verification(same=True), "out/x/repro.json", Style())
    assert "The run is INVALID." in told
    assert "exception: " in told
    assert "ValueError: five" in told
    assert "in echo\n" in told
    assert "It was handling {" in told
    assert "what each fault did" in told
    assert told.endswith("Seed 1. Replay this run:\n  clew replay out/x/repro.json")
    long = [line for line in told.splitlines() if len(line) > 120 and "test_report" not in line]
    assert long == []


def test_lanes_show_messages_with_their_direction(outcome: Outcome):
    finding = outcome.run.findings[0]
    drawn = lanes(outcome.run, Anomaly("exception", "", (), {"time_ns": finding.time_ns}))
    assert drawn.splitlines()[1].split() == ["clients", "n0", "n1", "n2"]
    assert re.search(r"o-+echo-+>\|", drawn)
    assert re.search(r"\|<-+echo_ok-+o", drawn)
    assert "FOUND" in drawn.splitlines()[-1]


def test_an_anomaly_without_a_moment_has_no_lanes(outcome: Outcome):
    assert lanes(outcome.run, Anomaly("lost", "")) == ""
    assert when(Anomaly("lost", "")) is None
    assert when(Anomaly("lost", "", (operation("read", None, 5),))) == (1_000_000, 2_500_000)


def test_logs_come_with_virtual_times(outcome: Outcome):
    first = node_logs(outcome.run).splitlines()[0]
    assert re.fullmatch(r" +\d+\.\d{6} s  n\d  request 1", first)


def test_a_graph_leaves_out_what_follows_from_others():
    def at(number: int, invoked: int, completed: int) -> Operation:
        return Operation(number, number, "read", "ok", None, number, invoked, completed)

    told = anomaly_dot(Anomaly("x", "", (at(0, 0, 1), at(1, 2, 3), at(2, 4, 5))))
    assert re.findall(r"o(\d) -> o(\d)", told) == [("0", "1"), ("1", "2")]


def result(seed: int, verdict: Verdict) -> SeedResult:
    signature = "" if verdict is Verdict.VALID else "nodes: invalid (exception); liveness: invalid"
    data = {"seed": seed, "digest": "d", "virtual_seconds": 5.0}
    return SeedResult(seed, verdict, data, signature, "", None, None)


@pytest.fixture
def tick(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Moves the clock that progress reads."""
    now = [0.0]
    monkeypatch.setattr("clew.report.live.wall.seconds", lambda: now[0])

    def forward(seconds: float) -> None:
        now[0] += seconds

    return forward


def test_progress_off_a_terminal_is_a_line_an_event(tick: Callable[[float], None]):
    stream = io.StringIO()
    with Progress(104, stream) as progress:
        for seed in range(50):
            tick(0.125)
            progress.update(result(seed, Verdict.INVALID if seed == 7 else Verdict.VALID))
    assert stream.getvalue().splitlines() == [
        "seed 7: invalid: nodes: invalid (exception)",
        *(
            f"{8 * second} of 104 seeds, 8 per second, about {13 - second} s left; 1 failed: "
            "1 exception; an hour buys 40.0 virtual hours"
            for second in range(1, 7)
        ),
    ]


def test_progress_on_a_terminal_is_one_live_line(tick: Callable[[float], None]):
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    stream = Terminal()
    with Progress(10, stream) as progress:
        for seed in range(10):
            tick(1.0)
            progress.update(result(seed, Verdict.VALID))
    told = stream.getvalue()
    assert "\n" not in told
    assert "10 of 10 seeds, 1 per second, about 0 s left; none failed; an hour buys 5.0" in told
    assert told.endswith("\r")


def test_what_is_not_deterministic_is_unknown_unless_it_is_invalid():
    leak = Verification(same=False, where="a second run", difference="event 3: a, then b")
    model = load_model("echo")
    scenario = make_scenario({"model": "echo", "time_limit": 2, "node_count": 1})
    outcome = judge(simulate(draw_plan(scenario, 0, model), model), model)
    assert verified(outcome, leak).verdict is Verdict.UNKNOWN
    assert verified(replace(outcome, verdict=Verdict.INVALID), leak).verdict is Verdict.INVALID
    assert verified(outcome, Verification(same=True)) is outcome
    assert determinism(None) is None
    assert "The run is unknown" in run_report(outcome, leak, None, Style())
    assert "determinism  unknown" in run_report(outcome, leak, None, Style())
    told = footer(outcome.run.plan, leak, None, Style())
    assert told.startswith("NOT DETERMINISTIC: a second run was another run.")
    assert "event 3: a, then b" in told


def test_replay_writes_the_page(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["test", "echo", "--time-limit", "2", "--node-count", "1", "--keep"]) == 0
    path = next(tmp_path.glob("out/*/repro.json"))
    capsys.readouterr()
    assert main(["replay", str(path), "--report", "run.html"]) == 0
    assert (tmp_path / "run.html").read_text().startswith("<!doctype html>")
