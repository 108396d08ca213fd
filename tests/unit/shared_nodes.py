"""Node files whose nodes might share memory, and the runs of them."""

from __future__ import annotations

from pathlib import Path

from clew.scenarios.code.models import load_model
from clew.scenarios.judgement.outcome import Outcome, judge
from clew.scenarios.options.scenario import make_scenario
from clew.scenarios.plans.draw import draw_plan
from clew.scenarios.plans.plan import Plan
from clew.scenarios.runs.run import Run, simulate


def written(folder: Path, text: str) -> str:
    (folder / "beside.py").write_text("n = 0\nseen = []\n")
    path = folder / "n.py"
    path.write_text(text)
    return str(path)


def plan_of(path: str, **options: object) -> Plan:
    chosen = {"model": path, "node_count": 2, "time_limit": 2, "recovery": 1} | options
    return draw_plan(make_scenario(chosen), 0, load_model(path))


def run_of(path: str, **options: object) -> Run:
    return simulate(plan_of(path, **options), load_model(path))


def outcome_of(path: str) -> Outcome:
    return judge(run_of(path), load_model(path))


ECHOING = """
{before}
from clew import Node, on

class N(Node):
    workload = "echo"
    {inside}

    @on("echo")
    def echo(self, msg):
{statements}
        self.reply(msg, {{"type": "echo_ok", "echo": msg.body["echo"]}})
"""
