"""The sentences and values that show what went wrong in a run."""

from clew.report.run import run_report
from clew.report.screen import Style
from clew.scenarios.code.models import load_model
from clew.scenarios.judgement.outcome import judge
from clew.scenarios.options.scenario import make_scenario
from clew.scenarios.plans.draw import draw_plan
from clew.scenarios.runs.run import simulate

NODE = """
from clew import Node, on

def few(nodes):
    return "too many" if any(node.count > 1 for node in nodes.values()) else None

class Counting(Node):
    workload = "echo"
    invariants = ({invariants})

    def __init__(self):
        self.count = 0

    def observe(self):
        return {{"role": "follower", "count": self.count, "seen": {{1}}}}

    @on("echo")
    def echo(self, msg):
        self.count += 1
        {what}
"""

REFUSE = 'self.reply(msg, {"type": "error", "code": 11})'


def outcome_of(tmp_path, what, invariants=""):
    path = tmp_path / "counting.py"
    path.write_text(NODE.format(what=what, invariants=invariants))
    model = load_model(str(path))
    scenario = make_scenario({"model": str(path), "node_count": 1, "time_limit": 3})
    return judge(simulate(draw_plan(scenario, 0, model), model), model)


def test_what_a_node_showed_is_told_as_the_story_tells_it(tmp_path):
    told = run_report(outcome_of(tmp_path, REFUSE, "few,"), None, None, Style())
    assert ' = role "follower", count 2, seen {1}' in told


def test_unanswered_operations_are_told_where_there_are_any(tmp_path):
    def reason(what):
        [check] = [c for c in outcome_of(tmp_path, what).checks if c.name == "liveness"]
        return check.reason

    assert reason(REFUSE).endswith(" s after everything healed")
    assert reason("pass").endswith("; 3 operations were never answered")
